"""The manual builds without a warning; the notebooks are in step with their texts and run."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import jupytext
import nbformat
import pytest
from nbclient import NotebookClient

import mtcrnn
from helpers import ROOT
from mtcrnn.textures import write_texture

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.py"))
SMALLER = {"minutes, files, seconds = 5, 11, 10.0": "minutes, files, seconds = 0.02, 3, 2.0"}
QUICKER = """
from mtcrnn.evaluation import following, likeness, stability
following.GRID, following.SECONDS, following.GLIDE_SECONDS = 2, 2.5, 5.0
stability.STABLE_SECONDS = likeness.MOST_SECONDS = 1.0
"""


@pytest.mark.slow
def test_the_manual_builds_without_a_warning(tmp_path):
    places = ["-d", tmp_path / "trees", ROOT / "docs", tmp_path / "made"]
    words = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", *places]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    made = (tmp_path / "made" / "_generated" / "commands.html").read_text()
    for command in ("texture", "gesture", "params from-names", "play"):
        assert f"mtcrnn {command}" in made


@pytest.fixture(scope="module")
def played(tmp_path_factory) -> Path:
    """A folder as the notebooks expect it, with a quick start that took no time."""
    folder = tmp_path_factory.mktemp("notebooks")
    out = folder / "output" / "quickstart"
    write_texture("pops", out / "pops", files=3, seconds=3)
    mtcrnn.train(out / "pops", ["rate"], out, num_steps=2, hidden_size=16)
    (folder / "notebooks").mkdir()
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_run_and_are_in_step_with_their_texts(path, played):
    notebook = jupytext.read(path)
    paired = nbformat.read(path.with_suffix(".ipynb"), as_version=4)
    cells = [[(cell.cell_type, cell.source) for cell in one.cells] for one in (notebook, paired)]
    assert cells[0] == cells[1], f"run: jupytext --sync {path.relative_to(ROOT)}"
    assert not any(cell.get("outputs") for cell in paired.cells), "saved with outputs"
    for cell in notebook.cells:
        for line, smaller in SMALLER.items():
            cell.source = cell.source.replace(line, smaller)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(QUICKER))
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(played / "notebooks")}}).execute()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["results", "comparing"])
def test_a_notebook_without_data_says_what_makes_it(name, tmp_path):
    notebook = jupytext.read(ROOT / "notebooks" / f"{name}.py")
    with pytest.raises(Exception, match="`mtcrnn quickstart` makes it"):
        NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()


def command_lines() -> list[str]:
    pages = [page for page in ROOT.glob("docs/**/*.md") if not {"_build", "_generated"} & set(page.parts)]
    blocks = [block for page in pages for block in re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL)]
    return [line.strip() for block in blocks for line in block.splitlines()]


def test_commands_in_the_manual_exist():
    """Each `mtcrnn ...` line parses: no option was renamed under it."""
    from mtcrnn.cli.main import command_parser

    parser, seen = command_parser(), 0
    for line in command_lines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["mtcrnn"]:
            parser.parse_args(words[1:])
            seen += 1
    assert seen > 20


@pytest.mark.slow
def test_the_one_script_trains_generates_and_keeps_a_copy(tmp_path):
    """runscripts/run_tg.sh as it stands, on a data set of our own."""
    write_texture("pops", tmp_path / "data", files=3, seconds=2)
    bin_folder = Path(sys.executable).parent
    environment = {"PATH": f"{bin_folder}:/usr/bin:/bin", "HOME": str(tmp_path)}

    def run(*words):
        script = ROOT / "runscripts" / "run_tg.sh"
        return subprocess.run(["bash", script, *words], cwd=tmp_path, env=environment, capture_output=True, text=True)

    assert run().returncode == 2
    assert "-t             train" in run().stderr
    done = run("-t", "-d", "data", "-n", "2", "-s", "first")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "output/first/run_tg.sh").read_text() == (ROOT / "runscripts/run_tg.sh").read_text()
    assert "no .npy files in controls" in run("-g", "-s", "first").stderr
    (tmp_path / "controls").mkdir()
    subprocess.run(["mtcrnn", "gesture", "controls/up", "rate=line:0,1,0.2"], cwd=tmp_path, env=environment, check=True)
    done = run("-t", "-g", "-n", "2", "-s", "first")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "output/first/model/model_4").is_dir()
    assert (tmp_path / "output/first/sounds/up.wav").stat().st_size == 44 + 3 * 3200
