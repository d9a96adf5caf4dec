"""`make install`: once, again in a copied or moved project, and never over what a user made."""

import os
import shutil
import subprocess

import pytest

from helpers import ROOT

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
PYTHON = r"""#!/bin/sh
# As far as the Makefile needs it: `-m venv .venv`, and there `-m pip install ...`.
case "$*" in
  "-m venv .venv") mkdir -p .venv/bin && cp "$0" .venv/bin/python && echo made >> .venv/log ;;
  "-m pip install "*) echo installed >> .venv/log ;;
  *) exit 1 ;;
esac
"""


@pytest.fixture
def project(tmp_path):
    """A project whose folder's name has spaces and what a shell might take for its own."""
    folder = tmp_path / "my project's $1 copy"
    folder.mkdir()
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, folder)
    python = tmp_path / "python"
    python.write_text(PYTHON)
    python.chmod(0o755)
    return folder


def install(folder):
    """Exit code, last line of standard error, and what was done in .venv since it was made."""
    words = ["make", "install", f"PYTHON={folder.parent / 'python'}"]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True)
    return done.returncode, done.stderr, (folder / ".venv" / "log").read_text().split()


def test_what_is_installed_is_not_installed_again(project):
    for _ in range(2):
        assert install(project) == (0, "", ["made", "installed"])
    os.utime(project / ".venv" / "installed", (1, 1))  # older than the constraints
    assert install(project) == (0, "", ["made", "installed"] * 2)


@pytest.mark.parametrize("move", [shutil.copytree, shutil.move])
def test_a_copied_or_moved_project_gets_its_own(project, move):
    install(project)
    (project / ".venv" / "foreign").touch()
    other = project.with_name("other place")
    move(project, other)
    for _ in range(2):
        assert install(other) == (0, "", ["made", "installed"])
    assert not (other / ".venv" / "foreign").exists()
    assert move is shutil.move or (project / ".venv" / "foreign").exists()


def test_what_a_user_made_stays(project):
    (project / ".venv").mkdir()
    (project / ".venv" / "torch for my GPU").touch()
    assert install(project) == (0, "", ["made", "installed"])
    other = shutil.copytree(project, project.with_name("copy"))
    code, error, log = install(other)
    assert (code, log) == (2, ["made", "installed"])
    assert f".venv is that of {project}, and not made by make: remove it" in error
    for place in (project, other):
        assert (place / ".venv" / "torch for my GPU").exists()
    assert install(project) == (0, "", ["made", "installed"])


def test_one_of_an_older_makefile_is_left_as_it_is(project):
    (project / ".venv").mkdir()
    (project / ".venv" / "log").write_text("old")
    (project / ".venv" / "installed").touch()
    assert install(project) == (0, "", ["old"])
