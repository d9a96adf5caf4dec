# make quickstart: data, training, a glide and a picture in minutes.  make test: linter, type checker, all tests.
# make docs: the manual, docs/_build/index.html.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin

.PHONY: quickstart test docs install clean

quickstart: install
	$(BIN)/mtcrnn quickstart

test: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest

docs: install
	$(BIN)/sphinx-build -W --keep-going -q docs docs/_build

install: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

clean:
	rm -rf .venv
