"""What Numba compiles is kept where it can be, compiled anew where its sources changed, and works in any case."""

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest

import mtcrnn
from mtcrnn.core import numba_math
from mtcrnn.core.numba_math import cached_njit, log_f32
from mtcrnn.engine import loop
from mtcrnn.models.nets import gru_kernels
from mtcrnn.textures import primitives

PACKAGE = Path(mtcrnn.__file__).parent
KEPT = [
    loop.run,
    gru_kernels.forward,
    gru_kernels.backward,
    *(primitives._add_rings, primitives._leak, primitives._band),
]
CALLS = """
import json
import numpy as np
from mtcrnn.models.nets.gru_kernels import forward
from mtcrnn.textures.primitives import _leak

decaying = np.array([1.0, 0.0])
_leak(decaying, 0.5)
states, gates = np.zeros((2, 1, 1), np.float32), np.zeros((1, 1, 4), np.float32)
gx = np.array([[[-100, -100, 2]]], np.float32)  # r = z = 0: the new state is tanh(2)
forward(gx, np.zeros((1, 3), np.float32), np.zeros(4, np.float32), states, gates, 0, 0, 0)
stats = [f.stats for f in (forward, _leak)]
counts = [[sum(count.values()) for count in (stat.cache_hits, stat.cache_misses)] for stat in stats]
print(json.dumps({"counts": counts, "answers": [decaying[1], float(states[1, 0, 0])]}))
"""


def in_a_new_process(tmp_path, code=CALLS, **environment):
    """What a program prints that takes the package from tmp_path/src and keeps what Numba compiles in tmp_path/kept."""
    places = {"PYTHONPATH": str(tmp_path / "src"), "NUMBA_CACHE_DIR": str(tmp_path / "kept"), **environment}
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **places}, capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    return done


def copy_package(tmp_path):
    return shutil.copytree(PACKAGE, tmp_path / "src" / "mtcrnn", ignore=shutil.ignore_patterns("__pycache__", "page"))


@pytest.mark.slow
def test_a_second_process_compiles_nothing_and_a_changed_constant_is_seen(tmp_path):
    package = copy_package(tmp_path)
    found, files = [], []
    for change in ("", "", "_CLAMP = np.float32(1)\n"):
        source = (package / "core/numba_math.py").read_text()
        (package / "core/numba_math.py").write_text(
            source.replace("\n\n\n@_jit\ndef expm1_f32", f"\n{change}\n\n@_jit\ndef expm1_f32")
        )
        found.append(json.loads(in_a_new_process(tmp_path).stdout))
        files.append(sorted(path.name for path in (tmp_path / "kept").rglob("*.nb?")))
    assert [one["counts"] for one in found] == [[[0, 1]] * 2, [[1, 0]] * 2, [[0, 1]] * 2]
    assert files[0] == files[1] == files[2]
    assert len(files[0]) == 4
    assert found[0]["answers"] == found[1]["answers"] == pytest.approx([0.5, np.tanh(2)], abs=1e-3)
    clamped = np.tanh(0.5) / (1 + np.exp(-1))  # no exponent beyond 1
    assert found[2]["answers"] == pytest.approx([0.5, clamped], abs=1e-3)


def imports(file):
    """The files of the package that one of them imports."""
    names = [n.module for n in ast.walk(ast.parse(file.read_text())) if isinstance(n, ast.ImportFrom)]
    paths = [PACKAGE.joinpath(*name.split(".")[1:]).with_suffix(".py") for name in names if name.startswith("mtcrnn.")]
    return {path for path in paths if path.is_file()}


@pytest.mark.parametrize("function", KEPT, ids=lambda f: f.__name__)
def test_the_sources_of_what_is_kept_are_complete(function):
    of_python_alone = {
        "audio/mulaw.py",
        "audio/subbands.py",
        "core/errors.py",
        "core/rng.py",
        "models/config.py",
        "models/encoding.py",
    }
    sources = {file for pattern in function._cache.sources for file in PACKAGE.glob(pattern)}
    assert Path(function.py_func.__code__.co_filename) in sources
    assert {PACKAGE / "core/numba_math.py"} <= sources
    needed = {file for source in sources for file in imports(source)}
    names = {file.relative_to(PACKAGE).as_posix() for file in needed - sources}
    assert {name for name in names if not name.startswith("config/")} <= of_python_alone


def doubled(x):
    return x + x


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where Numba caches what it compiles."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "kept"))
    numba_math._warn_uncached.cache_clear()
    return tmp_path / "kept"


def hits(function):
    return sum(function.stats.cache_hits.values())


@pytest.mark.parametrize(("long", "told"), [(0.0, ["compiling the double, once for this CPU"]), (60.0, [])])
def test_it_says_that_it_compiles_when_it_does_and_only_where_that_takes_long(folder, monkeypatch, caplog, long, told):
    monkeypatch.setattr(numba_math, "LONG_S", long)
    for first in (True, False):
        caplog.clear()
        function = cached_njit("the double")(doubled)
        assert [function(3), function(4)] == [6, 8]
        assert hits(function) == (not first)
        assert caplog.messages == (told if first else [])


@pytest.mark.slow
def test_without_a_folder_for_it_all_works_and_one_line_says_what_to_do(tmp_path):
    package = copy_package(tmp_path)
    for place in (package, *(path for path in package.rglob("*") if path.is_dir())):
        (place / "__pycache__").touch()  # no folder can be made there, even by root
    home = tmp_path / "home"
    home.touch()
    words = ["texture", "chimes", "--files", "2", "--seconds", "0.1", "--out", "made"]
    code = f"import sys; from mtcrnn.cli import main as cli; sys.exit(cli.main({words!r}))"
    nowhere = {"HOME": str(home), "XDG_CACHE_HOME": str(home), "NUMBA_CACHE_DIR": ""}
    done = in_a_new_process(tmp_path, code, PYTHONDONTWRITEBYTECODE="1", **nowhere)
    (said,) = (line for line in done.stderr.splitlines() if "compiled" in line)  # beside the progress bar's
    assert "compiled code cannot be cached (no writable folder for it): set NUMBA_CACHE_DIR to" in said
    assert len(list((tmp_path / "made").glob("*.wav"))) == 2


def test_a_folder_that_cannot_be_written_any_more_is_one_line(folder, caplog):
    one, other = (cached_njit("the double")(doubled) for _ in range(2))
    shutil.rmtree(folder)
    folder.touch()  # what is full or read-only fails alike, with an OSError
    assert [one(3), one(3.5), other(3)] == [6, 7.0, 6]
    (said,) = caplog.messages
    assert said.startswith(f"compiled code cannot be cached ({folder}")
    assert said.endswith("set NUMBA_CACHE_DIR to a writable folder")


@pytest.mark.parametrize("suffix", ["nbi", "nbc"])
@pytest.mark.parametrize("content", [b"", b"nonsense", b"\x80\x04N."])
def test_damaged_files_are_written_anew(folder, suffix, content):
    cached_njit("the double")(doubled)(3)
    (file,) = folder.rglob(f"*.{suffix}")
    file.write_bytes(content)
    again = [cached_njit("the double")(doubled) for _ in range(2)]
    assert [(function(3), hits(function)) for function in again] == [(6, 0), (6, 1)]


def test_other_packages_get_a_folder_where_there_is_none(tmp_path, monkeypatch, caplog, folder):
    numba_math.ensure_cache_folder("pytest")
    assert Path(numba.config.CACHE_DIR) == folder  # that will do
    (tmp_path / "locked").mkdir()
    for file in ("locked/__init__.py", "locked/__pycache__", "home"):
        (tmp_path / file).touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    for name in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    numba_math.ensure_cache_folder("locked")
    given = Path(numba.config.CACHE_DIR)
    assert given.stat().st_mode & 0o777 == 0o700
    numba_math.ensure_cache_folder("locked")
    assert Path(numba.config.CACHE_DIR) == given
    assert len(caplog.messages) == 1


@numba.njit
def _logarithms(x, y):
    for i in range(len(x)):
        y[i] = log_f32(x[i])


def test_the_logarithm_is_exact_to_float32_over_the_whole_range():
    x = np.concatenate([[1], np.geomspace(1e-37, 3e38, 100001), np.linspace(0.5, 2, 100001)]).astype(np.float32)
    y = np.empty_like(x)
    _logarithms(x, y)
    np.testing.assert_allclose(y, np.log(x.astype(np.float64)), rtol=3e-7, atol=0)
    assert y[0] == 0
