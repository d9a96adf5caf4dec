"""The commands of the README and of the tutorial on tiers run as written, with fewer steps and shorter sounds."""

import re
import shlex
import shutil

import numpy as np
import pytest

from helpers import ROOT, run_cli, shorten_evaluation, write_wav

PAGES = "README.md", "docs/tutorials/tiers.md"
BLOCKS = [found for page in PAGES for found in re.findall(r"```sh\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)]
LINES = [line.split("#")[0].strip() for block in BLOCKS for line in block.splitlines() if line.strip()]


COMMANDS = [
    "quickstart",
    "texture",
    "params",
    "features",
    "train",
    "generate",
    "cascade",
    "import",
    "bench",
    "evaluate",
    "plot",
    "gesture",
    "play",
]


def shortened(line: str) -> list[str]:
    words = shlex.split(line)[1:]
    if words[0] == "train":
        words += ["--num_steps", "2"]
    if words[0] == "features":
        words += ["--processes", "1"]
    if words[0] == "cascade":
        words += ["--seconds", "0.2"]
    if words[0] == "generate":
        words += ["--length", "200"]
    if words[0] == "texture":
        words += ["--seconds", "1", "--files", "3"]
    return words


@pytest.mark.slow
def test_commands_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shorten_evaluation(monkeypatch)
    shutil.copytree(ROOT / "recipes", "recipes")
    for note in (70, 74):
        hz = 440 * 2 ** ((note - 69) / 12)
        tone = 0.3 * np.sin(2 * np.pi * hz * np.arange(4 * 16000) / 16000)
        write_wav(tmp_path / "brass" / f"brass_acoustic_018-0{note}-127.wav", tone, 16000)
    ran = 0
    for line in LINES:
        if line.startswith("make "):
            assert re.search(rf"^{line.split()[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE), line
            continue
        if line.startswith("mtcrnn play "):
            continue  # which does not end
        assert line.startswith("mtcrnn "), line
        code, _, err = run_cli(capsys, *shortened(line))
        assert code == 0, (line, err)
        ran += 1
    assert ran >= 13
    assert (tmp_path / "glide.png").exists()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name, capsys):
    with pytest.raises(SystemExit, match="0"):
        run_cli(capsys, name, "--help")
    assert len(capsys.readouterr().out) > 200
