"""What a module may import is checked by import-linter (`make test`); here, that each contract can be broken."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
BREACHES = [  # an import that a contract forbids in a file
    ("rooms", "data/params.py", "import mtcrnn.training.run"),
    ("the engine, data sets, streams and cascades need no torch", "data/corpus.py", "import torch"),
    ("the engine, data sets, streams and cascades need no torch", "rendering/stream.py", "import mtcrnn.models.model"),
    ("only plots draws", "audio/files.py", "import matplotlib.pyplot"),
    ("only pages that are served need a server", "rendering/session.py", "import uvicorn"),
]


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run([program, "--no-cache", "--no-logo"], cwd=folder, capture_output=True, text=True)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "src/mtcrnn", tmp_path / "mtcrnn", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_contracts_hold(copy):
    done = lint(copy)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(("contract", "file", "statement"), BREACHES)
def test_a_forbidden_import_is_found(copy, contract, file, statement):
    path = copy / "mtcrnn" / file
    path.write_text(path.read_text() + f"\n\ndef _late() -> None:\n    {statement}\n")
    done = lint(copy)
    assert done.returncode == 1, done.stdout
    assert f"{contract} BROKEN" in done.stdout, done.stdout
