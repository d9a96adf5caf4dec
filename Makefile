# make quickstart: data, training, a glide and a picture in minutes.  make docs: the manual, docs/_build/index.html.
# make check: linters, type checker, fast tests.  make test: the same with all tests, and the floor of their coverage.
# make wasm: the engine of pages, anew where its sources have changed.
# make control: how every texture follows its parameters, docs/control.md, in hours.  make gallery: pages of its models and of
# the quick start.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin

.PHONY: quickstart check test lint wasm control gallery docs install clean

# The programs in .venv run the code of the folder that it was installed for, which `installed` names. In a copied or moved
# project it is made anew if make made it; one that was there before (README.md, With a GPU) is its user's matter.
ELSEWHERE := [ -s .venv/installed ] && [ "$$(cat .venv/installed)" != "$$(pwd -P)" ]
ifeq ($(shell $(ELSEWHERE) && echo yes),yes)
.PHONY: .venv/installed
endif

quickstart: install
	$(BIN)/mtcrnn quickstart

check: lint
	$(BIN)/pytest -n 2 -m 'not slow'

test: lint
	$(BIN)/pytest -n 2 --cov --cov-report=

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache --no-logo

wasm: install
	$(BIN)/python -m mtcrnn.web.compiling

control: install
	$(BIN)/python benchmarks/control --docs docs $(if $(RECORDINGS),--recordings $(RECORDINGS))

gallery: install
	$(BIN)/python benchmarks/control/gallery.py make docs/gallery

docs: install
	$(BIN)/sphinx-build -W --keep-going -q docs docs/_build

install: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	@if $(ELSEWHERE) && [ ! -e .venv/made ]; then \
	  echo ".venv is that of $$(cat $@), and not made by make: remove it, and make one here as you made that" >&2; exit 1; fi
	@if $(ELSEWHERE); then rm -rf .venv; fi
	@[ -e .venv ] || { mkdir .venv && touch .venv/made; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	pwd -P > $@

clean:
	rm -rf .venv
