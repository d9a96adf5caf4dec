"""Sounds and param files with bytes changed at random: read, or refused in one line."""

import json
import random
from contextlib import suppress

import numpy as np
import pytest
import soundfile

from mtcrnn.audio import files as sound_files
from mtcrnn.core.errors import InputError
from mtcrnn.data.params import ParamFile

SEED = 11
SINE = 0.5 * np.sin(np.arange(3000) / 5).astype(np.float32)


def mutated(rng: random.Random, whole: bytes, head: int = 100) -> bytes:
    """A copy with some bytes changed (mostly in its head), cut off, put twice or left out."""
    content = bytearray(whole)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(min(head, len(content)) if rng.random() < 0.8 else len(content))
        how = rng.randrange(5)
        if how == 0:
            content[at] = rng.randrange(256)
        elif how == 1:
            content[at : at + 4] = rng.choice([b"\xff" * 4, b"\0" * 4, b"\xff\xff\xff\x7f", b"\0\0\0\x80"])
        elif how == 2:
            del content[at : at + rng.randint(1, 50)]
        elif how == 3:
            content[at:at] = content[at : at + rng.randint(1, 50)]
        else:
            del content[max(at, 1) :]
        if not content:
            return b""
    return bytes(content)


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG", "AIFF", "W64", "CAF", "AU", "MP3"])
def test_sounds(tmp_path, kind):
    soundfile.write(tmp_path / "whole", SINE, 16000, format=kind)
    whole = (tmp_path / "whole").read_bytes()
    rng = random.Random(SEED)
    read = 0
    for k in range(60):
        path = tmp_path / f"{k}.{kind.lower()}"
        path.write_bytes(mutated(rng, whole))
        try:
            samples = sound_files.read(path, 8000).samples
        except InputError as error:
            text = str(error)
        else:
            read, text = read + 1, ""
            assert np.isfinite(samples).all(), (SEED, k)
            assert len(samples) < 20 * len(SINE), (SEED, k)
        assert "\n" not in text, (SEED, k)
        path.unlink()
    assert read < 60


VALUES = (None, True, -1, 10**400, 1.5, "x", [], {}, [[]], [1, "x"], {"times": [0, 1], "values": [0, 1]}, [0, 1e999])


def test_param_files(tmp_path):
    whole = {"meta": {"a": 1}, "p": {"times": [0, 1], "values": [0.5, 1], "units": "Hz", "minval": 0, "maxval": 1}}
    rng = random.Random(SEED)
    path = tmp_path / "a.params"
    for _ in range(300):  # anything but an InputError fails
        content = json.loads(json.dumps(whole))
        place = content if rng.random() < 0.3 else content["p"]
        place[rng.choice([*place, "new", "", "\x1b"])] = rng.choice(VALUES)
        path.write_bytes(
            mutated(rng, json.dumps(content).encode(), 400) if rng.random() < 0.5 else json.dumps(content).encode()
        )
        with suppress(InputError):
            ParamFile.read(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"p": {"times": [0, 1], "values": [0, ' + "9" * 5000 + "]}}", "broken JSON"),
        ('{"p": {"times": [0, 1], "values": [0, ' + "9" * 400 + "]}}", "finite number|valid number"),
        ("[" * 100_000, "nested too deeply"),
        ('{"p": ' * 100_000, "nested too deeply"),
        ('{"a\\n\\u001bb": {"times": [0, 1], "values": [0, 1]}}', "has unprintable characters"),
        ("[]", "must be a JSON object"),
        ("", "broken JSON"),
        ("\x00", "broken JSON"),
    ],
)
def test_texts_without_a_bound(tmp_path, content, message):
    path = tmp_path / "a.params"
    path.write_text(content)
    with pytest.raises(InputError, match=message):
        ParamFile.read(path)
