"""What is released: a source archive and a wheel, which works without the project's folder."""

import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

import mtcrnn
from helpers import ROOT
from live_driver import ask

pytestmark = pytest.mark.slow

MOST_MB = 2.0  # of the wheel


def run(*words, cwd):
    done = subprocess.run([str(word) for word in words], cwd=cwd, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sdist")
    run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", folder, cwd=ROOT)
    return next(folder.glob("*.tar.gz"))


@pytest.fixture(scope="module")
def wheel(archive, tmp_path_factory):
    """Made from the source archive, so that this lacks nothing."""
    folder = tmp_path_factory.mktemp("wheel")
    with tarfile.open(archive) as content:
        content.extractall(folder, filter="data")
    unpacked = next(folder.iterdir())
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=unpacked)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def programs(wheel, tmp_path_factory):
    """Where the programs of an environment are that has the wheel, and what it needs from this environment."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    paths = {"base": str(folder), "platbase": str(folder)}
    packages = Path(sysconfig.get_path("purelib", "venv", paths))
    (packages / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")  # a path alone: not its .pth files
    programs = Path(sysconfig.get_path("scripts", "venv", paths))
    run(sys.executable, "-m", "pip", "--python", programs / "python", "install", "--no-deps", wheel, cwd=folder)
    return programs


def test_the_wheel_holds_what_plays_and_no_more(wheel):
    with zipfile.ZipFile(wheel) as content:
        names = content.namelist()
    assert f"mtcrnn-{mtcrnn.__version__}.dist-info/METADATA" in names
    assert {"mtcrnn/web/voice.wasm", "mtcrnn/web/page/index.html", "mtcrnn/labelling/page/index.html"} <= set(names)
    assert not [name for name in names if not name.startswith(("mtcrnn/", f"mtcrnn-{mtcrnn.__version__}.dist-info/"))]
    assert wheel.stat().st_size < MOST_MB * 1e6


def test_the_source_archive_has_the_tests_and_the_manual_but_not_the_gallery(archive):
    with tarfile.open(archive) as content:
        names = {name.partition("/")[2] for name in content.getnames()}
    assert {"README.md", "LICENSE", "CHANGELOG.md", "tests/helpers.py", "docs/index.md", "train.py"} <= names
    assert not [name for name in names if name.startswith("docs/gallery/")]


def test_the_wheel_alone_makes_a_quick_start_and_plays(programs, tmp_path):
    where = run(programs / "python", "-c", "import mtcrnn; print(mtcrnn.__file__)", cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(programs.parent)
    assert run(programs / "mtcrnn", "--version", cwd=tmp_path).strip().endswith(mtcrnn.__version__)
    run(programs / "mtcrnn", "quickstart", "--num_steps", 20, cwd=tmp_path)
    assert (tmp_path / "output" / "quickstart" / "pops.html").stat().st_size > 1e6
    run(programs / "mtcrnn", "export", "quickstart", "page.html", cwd=tmp_path)
    assert (tmp_path / "page.html").stat().st_size > 1e6
    words = [programs / "mtcrnn", "play", "quickstart", "--no-browser", "--port", "0"]
    with subprocess.Popen([*map(str, words)], cwd=tmp_path, stdout=subprocess.PIPE, text=True) as server:
        try:
            line = next(line for line in server.stdout if "http://" in line)
            status, page, _ = ask("http://" + line.split("http://")[1].split()[0])
            assert status == 200
            assert b"<html" in page
        finally:
            server.terminate()
