"""`mtcrnn generate`: memory, what is left after an interruption, names, lengths out of bounds."""

import signal
import tracemalloc
import unicodedata

import numpy as np
import pytest
import soundfile

from helpers import run_cli, tiny_model
from mtcrnn.config.generate import Generate
from mtcrnn.core.errors import InputError
from mtcrnn.core.files import array_bytes
from mtcrnn.engine import Engine
from mtcrnn.rendering import write as takes
from mtcrnn.rendering.generate import generate
from mtcrnn.runs import checkpoint

RATE = 16000


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run `run` under `pitch`, in the working folder."""
    checkpoint.save(tmp_path / "run" / "model", tiny_model(sample_rate=RATE))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def files(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != "run")


def gesture(seconds):
    rows = np.full((1, round(100 * seconds) + 1, 2), 70.0)
    rows[..., 1] = 1
    return rows


@pytest.mark.slow
@pytest.mark.parametrize("way", ["set", "external", "gesture"])
def test_memory_does_not_grow_with_the_length(run, monkeypatch, way):
    """But for the array that was given, and what a live stream keeps of its gesture."""

    def peak(seconds):
        options = {"set": {"set": ("pitch=50:100",), "batch_size": 2, "save": True, "length": round(seconds * RATE)}}
        np.save("a.npy", gesture(seconds)[:, 1:, :1])
        np.save("g.npy", gesture(seconds))
        options["external"] = {"paramvect": "external", "external_array": "a.npy", "external_sr": 100.0}
        options["gesture"] = {"gesture": "g.npy"}
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        wav, *_ = generate(Generate.of(model_dir="run", rand_seed=1, out="x", **options[way]))
        assert soundfile.info(wav).frames == round(seconds * RATE)
        return tracemalloc.get_traced_memory()[1] - before

    monkeypatch.setattr(takes, "CHUNK", 1000)
    once = Generate.of(model_dir="run", rand_seed=1, out="x", set=("pitch=50",), length=1000)
    generate(once)  # all that is made but once
    tracemalloc.start()
    try:
        short, long = peak(10), peak(30)  # random numbers are kept of the last 8 s
    finally:
        tracemalloc.stop()
    assert long - short < 200_000, (short, long)  # the sound itself: 1.3 MB as float32


@pytest.mark.parametrize("what", [lambda: signal.raise_signal(signal.SIGINT), lambda: 1 / 0])
def test_nothing_is_left_of_a_rendering_that_ended_early(run, capsys, monkeypatch, what):
    render, blocks = Engine.render, []

    def interrupted(self, *args):
        blocks.append(files(run))
        if len(blocks) == 3:
            what()
        return render(self, *args)

    monkeypatch.setattr(Engine, "render", interrupted)
    words = ["generate", "--model_dir", "run", "--set", "pitch=60", "--length", 5000, "--save", "--out", "new/x"]
    try:
        code, out, error = run_cli(capsys, *words)
    except ZeroDivisionError:
        code, out, error = 130, "", "mtcrnn: interrupted"
    assert (code, out, error) == (130, "", "mtcrnn: interrupted")
    assert blocks[1:] == [["new"], ["new"]]
    assert files(run) == []


def test_a_file_that_cannot_grow_is_one_line_and_nothing_is_left(run, capsys, monkeypatch):
    full = OSError(28, "No space left")
    monkeypatch.setattr("mtcrnn.rendering.write.Values.append", lambda *_: (_ for _ in ()).throw(full))
    code, _, error = run_cli(capsys, "generate", "--model_dir", "run", "--set", "pitch=60", "--length", 5000)
    assert (code, error) == (
        2,
        "mtcrnn: error: cannot write generated.wav: No space left; nothing there was changed",
    )
    assert files(run) == []


def test_a_folder_takes_the_usual_name_and_dots_stay(run, capsys):
    (run / "there").mkdir()
    words = ["generate", "--model_dir", "run", "--set", "pitch=60", "--length", 50, "--rand_seed", 1]
    made = {"there": "there/generated.wav", "new/": "new/generated.wav", "take0.5": "take0.5.wav", "x.wav": "x.wav"}
    for out, wav in made.items():
        assert run_cli(capsys, *words, "--out", out)[:2] == (0, f"wrote {wav}\n")
    assert run_cli(capsys, *words, "--out", "take0.6", "--save")[1] == "wrote take0.6.wav\nwrote take0.6.npy\n"


NAMES = {
    "bom": ("\ufeffa\nb\n".encode(), ["x_a.wav", "x_b.wav"]),
    "cr lf": (b"a\r\nb\r\n\r\n", ["x_a.wav", "x_b.wav"]),
    "dots": (b"1.5\n1.6", ["x_1.5.wav", "x_1.6.wav"]),
    "accents": ("é\nè".encode(), ["x_è.wav", "x_é.wav"]),
}


@pytest.mark.parametrize("case", NAMES)
def test_names_of_sounds(run, capsys, case):
    content, expected = NAMES[case]
    (run / "names").write_bytes(content)
    words = ["generate", "--model_dir", "run", "--set", "pitch=60", "--length", 50, "--batch_size", 2]
    code, _, error = run_cli(capsys, *words, "--names", "names", "--out", "x")
    assert code == 0, error
    assert files(run) == sorted(["names", *expected])


BAD_NAMES = {
    "twice in two spellings": "\n".join(unicodedata.normalize(form, "é") for form in ("NFC", "NFD")).encode(),
    "a path": b"a\n../b",
    "another path": b"a\n..\\b",
    "control characters": b"a\nb\x1b[2J",
    "a zero": b"a\nb\0",
    "too long": b"a\n" + b"b" * 250,
    "Latin-1": b"a\n\xe9",
}


@pytest.mark.parametrize("case", BAD_NAMES)
def test_names_that_are_none(run, capsys, case):
    (run / "names").write_bytes(BAD_NAMES[case])
    words = ["generate", "--model_dir", "run", "--set", "pitch=60", "--length", 50, "--batch_size", 2]
    code, out, error = run_cli(capsys, *words, "--names", "names", "--out", "x")
    assert (code, out, error.startswith("mtcrnn: error: ")) == (2, "", True)
    assert files(run) == ["names"]


def external(rows, rate):
    def options(folder):
        (folder / "a.npy").write_bytes(array_bytes(np.full(rows, 70.0)))
        return {"paramvect": "external", "external_array": "a.npy", "external_sr": rate}

    return options


BAD_LENGTHS = {
    "a slow array": (external(1000, 1e-3), "a.npy lasts 1e.06 s; it must be above 0, and 1400000000 steps at most"),
    "many at once": (
        lambda _: {"set": ("pitch=60",), "batch_size": 4096, "rand_prime": True, "seq_len": 165000},
        "4096 sounds are too many",
    ),
    "long priming": (lambda _: {"set": ("pitch=60",), "seq_len": 10**9, "rand_prime": True}, "steps of priming for 1 "),
    "far away": (lambda _: {"set": ("pitch=1e300",)}, "pitch goes from 1e.300 to 1e.300, but the model was trained on"),
}


@pytest.mark.parametrize("case", BAD_LENGTHS)
def test_what_would_take_too_long_or_too_much(run, case):
    make, message = BAD_LENGTHS[case]
    options = make(run)
    before = files(run)
    with pytest.raises(InputError, match=message):
        generate(Generate.of(model_dir="run", **options))
    assert files(run) == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows[:, :1], "has one row; a gesture has one for each block of sound, and one more"),
        (lambda rows: rows * [1, -1], "temperatures are -1 to -1; they must be within 0 to 3"),
        (lambda rows: rows * [1e300, 1], r"pitch goes from 7e\+301 to 7e\+301"),
    ],
)
def test_gestures_that_nobody_played(run, change, message):
    np.save("g.npy", change(gesture(1)))
    with pytest.raises(InputError, match=message):
        generate(Generate.of(model_dir="run", gesture="g.npy", rand_seed=1))
    assert files(run) == ["g.npy"]
