"""Thousands of broken inputs, by number: each is read, or refused in one line; nothing else, and nothing is written."""

import struct

import numpy as np
import pytest

from helpers import SHARED, run_cli
from mtcrnn import gestures
from mtcrnn.cli import gestures as gestures_cli
from mtcrnn.config.generate import Output
from mtcrnn.core.errors import InputError
from mtcrnn.rendering import plots
from mtcrnn.rendering.parameters import load_array
from mtcrnn.rendering.write import stems
from mtcrnn.runs.recipe import read_recipe

CASES = 300
NUMBERS = ["0", "1", "-1", "0.5", "3", "1e9", "1e30", "-1e30", "1e308", "1e-320", "nan", "inf", "", "x", "1_0", "٣"]


def readable(read, rng, seed):
    """Whether something is read; where it is not, the error must be ours."""
    try:
        read(rng)
    except InputError:
        return False
    except Exception as error:
        raise AssertionError(f"seed {seed}: {type(error).__name__}: {error}") from error
    return True


def fuzz(read, folder, number):
    """`CASES` broken inputs of a kind; some of them must be readable, and some not."""
    before = sorted(folder.iterdir())
    read_ones = sum(readable(read, np.random.default_rng([number, seed]), (number, seed)) for seed in range(CASES))
    assert sorted(folder.iterdir()) == before
    assert 0 < read_ones < CASES


def broken(rng, data):
    """Bytes with some of them changed, left out, doubled, or cut off."""
    data = bytearray(data)
    for _ in range(rng.integers(1, 5)):
        at = int(rng.integers(len(data))) if data else 0
        kind = rng.integers(5)
        if kind == 0 and data:
            data[at] = rng.choice([0, 1, 0x7F, 0x80, 0xFF, rng.integers(256)])
        elif kind == 1:
            del data[at : at + int(rng.integers(1, 9))]
        elif kind == 2:
            data[at:at] = data[at : at + int(rng.integers(1, 40))]
        elif kind == 3:
            data[at:at] = rng.bytes(int(rng.integers(1, 9)))
        elif rng.random() < 0.2:
            del data[at:]
    return bytes(data)


def some(rng, choices, most):
    """A few of several things, any of them more than once."""
    return [choices[k] for k in rng.integers(len(choices), size=rng.integers(most + 1))]


def test_words_of_gestures(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def read(rng):
        def word():
            shape, numbers = rng.choice([*gestures_cli.SHAPES, "midi", "lin", ""]), some(rng, NUMBERS, 6)
            easy = rng.random() < 0.7
            numbers = [f"{n:.3g}" for n in rng.uniform(0.01, 2, rng.integers(1, 7))] if easy else numbers
            return f"{rng.choice(['a', 'b', 'a,b', '', ',', 'ä', '$x$'])}={shape}:{','.join(numbers)}"

        gestures_cli.parse_curves([word() for _ in range(rng.integers(1, 3))], 100.0)

    fuzz(read, tmp_path, 1)


def test_grids(tmp_path):
    def read(rng):
        words = [
            f"{name}={rng.choice([',', ':']).join(some(rng, NUMBERS[:7], 3))}" for name in "ab"[: rng.integers(1, 3)]
        ]
        seconds, rate = (float(rng.choice([0.01, 1, 2, 1e4, 1e300, -1, 0])) for _ in range(2))
        gestures.grid(dict(gestures_cli._grid_values(word) for word in words), seconds, rate=rate)

    fuzz(read, tmp_path, 2)


def midi_file():
    """Two tracks: a tempo and a pedal; notes on two channels, drums, a key signature, text."""
    tracks = [
        bytes.fromhex("00ff510307a120 00b0407f 60b04000 00ff2f00"),
        bytes.fromhex("00ff590200 00 00ff0103616263 00903c40 30913c40 303c00 00994040 60803c00 00ff2f00"),
    ]
    chunks = b"".join(b"MTrk" + struct.pack(">I", len(track)) + track for track in tracks)
    return b"MThd" + struct.pack(">IHHH", 6, 1, 2, 96) + chunks


def test_midi_files(tmp_path):
    path = tmp_path / "a.mid"
    path.touch()

    def read(rng):
        path.write_bytes(broken(rng, midi_file()))
        gestures.from_midi(path)

    fuzz(read, tmp_path, 3)


def test_arrays(tmp_path):
    path = tmp_path / "a.npy"
    path.touch()

    def read(rng):
        kind = rng.choice(["<f8", ">f4", "<i2", "|b1", "<c8", "|O", "<U3", "|V8", "<M8[s]", "f", "x"])
        shape = rng.choice(
            ["(4, 2)", "(8,)", "()", "(0, 2)", "(-1, 2)", "(10**9,)", "(99999999999, 2)", "4", "((((", "(2.0,)"]
        )
        order = rng.choice(["True", "False", "None", "'a'"])
        head = f"{{'descr': '{kind}', 'fortran_order': {order}, 'shape': {shape}, }}\n".encode()
        data = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + rng.normal(size=8).tobytes()
        easy = b"\x93NUMPY\x01\x00" + struct.pack("<H", 58)
        easy += b"{'descr':'<f8','fortran_order':False,'shape':(4,2)}".ljust(57) + b"\n" + np.arange(8.0).tobytes()
        path.write_bytes(broken(rng, data) if rng.random() < 0.3 else data if rng.random() < 0.5 else broken(rng, easy))
        plots._array_panels(path, 100.0)
        load_array(path, None, ["a", "b"])

    fuzz(read, tmp_path, 4)


RECIPE = """data_dir = "sounds"
output_dir = "out"
controls = ["note"]
[tiers.sound]
prop = ["loud", "note"]
sample_rate = 1000
num_steps = 3
[tiers.curves]
generate = ["loud"]
prop = ["note"]
sample_rate = 50
net = "mixture"
lr = 0.1
"""
VALUES = [
    "3",
    "-3",
    "1.5",
    "true",
    "'a'",
    "['a']",
    "[]",
    "{}",
    "1979-05-27",
    "nan",
    "'audio'",
    "[['a']]",
    "9" * 5000,
    "''",
]


@pytest.mark.slow
def test_recipes(tmp_path):
    path = tmp_path / "r.toml"
    path.touch()

    def read(rng):
        lines = RECIPE.splitlines()
        for _ in range(rng.integers(1, 3)):
            at, kind = int(rng.integers(len(lines))), rng.integers(4)
            if kind == 0:
                del lines[at]
            elif kind == 1:
                lines.insert(at, lines[rng.integers(len(lines))])
            else:
                lines[at] = lines[at].split("=")[0] + "= " + VALUES[rng.integers(len(VALUES))]
        data = "\n".join(lines).encode()
        path.write_bytes(broken(rng, data) if rng.random() < 0.3 else data)
        read_recipe(path)

    fuzz(read, tmp_path, 5)


def test_names_files(tmp_path):
    path = tmp_path / "names"
    path.touch()
    lines = ["a", "b", "é", "e\u0301", "", " ", "a/b", "..", "\x1b[2J", "\0", "x" * 300, "\ufeff", "$", "水", "\u2028"]

    def read(rng):
        ends = rng.choice(["\n", "\r\n", "\r"])
        data = ends.join(some(rng, lines, 4)).encode()
        path.write_bytes(broken(rng, data) if rng.random() < 0.3 else data)
        made = stems(tmp_path / "x", Output(names=str(path)), 2)
        assert len({*made}) == 2
        assert {stem.parent for stem in made} == {tmp_path}

    fuzz(read, tmp_path, 6)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(30))
def test_pictures(tmp_path, seed):
    """Any curve under any name is drawn, or refused."""
    rng = np.random.default_rng(seed)
    text = "".join(chr(c) for c in rng.choice([*b"a$_^{}\\%#&", 0, 10, 27, 0x6C34, 0xDCE9, 0x202E], 12))
    values = rng.choice([0, 1, -1, 1e300, -1.7e308, 5e-324], (rng.integers(1, 4), 2))
    times = np.cumsum(rng.choice([1e-320, 1, 1e307], len(values)))
    readable(lambda _: plots.picture([plots.curve_panel(times, values, text)], "time (s)"), rng, seed)


@pytest.mark.skipif(not (SHARED / "cases" / "fuzz").is_dir(), reason="../shared/cases is not here")
@pytest.mark.parametrize(
    "words",
    [
        *(["plot", f"npy_0{k}_a.npy", "--external_sr", "100"] for k in (0, 1, 3)),
        *(["train", f"recipe_{k}_r.toml"] for k in ("00", "23", "33")),
        *(["cascade", f"recipe_{k}_r.toml"] for k in ("00", "23", "33")),
        ["gesture", "g", "note=midi:midi_03_a.mid"],
    ],
    ids=" ".join,
)
def test_what_a_fuzzer_found_once(tmp_path, monkeypatch, capsys, words):
    monkeypatch.chdir(tmp_path)
    for path in (SHARED / "cases" / "fuzz").glob("[mnr]*.*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    before = sorted(tmp_path.iterdir())
    code, out, error = run_cli(capsys, *words)
    assert (code, out, error.startswith("mtcrnn: error: "), len(error) <= 300) == (2, "", True, True)
    assert sorted(tmp_path.iterdir()) == before
