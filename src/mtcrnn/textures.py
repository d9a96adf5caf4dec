"""Level 1: built-in synthetic textures, labelled by the parameters that made them.

A texture is a small synthesiser with known ground truth: data to learn on, and to test against. Adding one means
writing a function and a line in `TEXTURES`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mtcrnn import audio
from mtcrnn.errors import InputError, unknown
from mtcrnn.files import write_folder
from mtcrnn.params import SUFFIX, ParamFile
from mtcrnn.paramset import make_param
from mtcrnn.rng import Purpose, generator

Curves = Mapping[str, NDArray[np.float64]]  # one value per sample, by parameter


@dataclass(frozen=True)
class Knob:
    """A texture's parameter: its range, and what its numbers stand for."""

    low: float
    high: float
    units: str


@dataclass(frozen=True)
class Texture:
    """A synthesiser: `make(rng, curves, sample_rate)` returns samples [T] in [-1, 1]."""

    summary: str
    knobs: Mapping[str, Knob]
    make: Callable[[np.random.Generator, Curves, int], NDArray[np.float64]]


def pops(rng: np.random.Generator, curves: Curves, sample_rate: int) -> NDArray[np.float64]:
    """Regular pops of random pitch: 2^(2 + 3 rate) a second, so 4 a second at rate 0 and 32 at rate 1.

    A pop is an impulse through a resonance of quality Q = 25 at one of the 20 semitones from 415 Hz (the settings
    of the original's quick-start data): a cosine that decays as exp(-pi f t / Q). Under them lies a floor of white
    noise at -66 dB, as in a recording: a net that learns exact silence stays in it for ever once it runs free.
    """
    quality, lowest_hz, semitones, lasts_s, floor = 25.0, 415.3, 20, 0.15, 0.0005
    phase = rng.random() + np.cumsum(2.0 ** (2.0 + 3.0 * curves["rate"])) / sample_rate
    onsets = np.flatnonzero(np.diff(np.floor(phase))) + 1
    t = np.arange(round(lasts_s * sample_rate)) / sample_rate
    out = np.zeros(len(phase) + len(t))
    for onset in onsets:
        pitch_hz = lowest_hz * 2.0 ** (rng.integers(semitones) / 12.0)
        height = rng.uniform(0.05, 0.7) * rng.choice([-1.0, 1.0])
        ringing = np.exp(-np.pi * pitch_hz / quality * t) * np.cos(2 * np.pi * pitch_hz * t)
        out[onset : onset + len(t)] += height * ringing
    noise = floor * rng.standard_normal(len(phase))
    return np.clip(out[: len(phase)] + noise, -1.0, 1.0)


TEXTURES: dict[str, Texture] = {
    "pops": Texture("regular pops of random pitch", {"rate": Knob(0.0, 1.0, "2^(2 + 3 rate) pops/s")}, pops),
}


def write_texture(
    name: str, out: Path, *, files: int = 11, seconds: float = 10.0, sample_rate: int = 16000, seed: int = 0
) -> list[Path]:
    """Write a data set of a texture: wavs with param files, each parameter constant in a file.

    The first parameter takes `files` values evenly spread over its range. The same arguments make the same files.

    Returns:
        The wavs.

    Raises:
        InputError: an unknown texture, numbers out of range, or a folder that exists already.
    """
    if name not in TEXTURES:
        raise unknown("texture", name, TEXTURES)
    for what, value in (("files", files), ("seconds", seconds), ("sample_rate", sample_rate)):
        if value <= 0:
            raise InputError(f"--{what} is {value}; it must be above 0")
    length = round(seconds * sample_rate)
    if not length:
        raise InputError(f"--seconds {seconds} is less than one sample at {sample_rate} Hz")
    texture = TEXTURES[name]
    knob_name, knob = next(iter(texture.knobs.items()))
    content: dict[str, bytes] = {}
    for k, value in enumerate(np.linspace(knob.low, knob.high, files)):
        stem = f"{name}_{knob_name}{value:06.3f}"
        curves = {knob_name: np.full(length, value)}
        samples = texture.make(generator(seed, Purpose.TEXTURE, k), curves, sample_rate)
        param = make_param(
            [0.0, seconds], [value, value], units=knob.units, nvals=files, minval=knob.low, maxval=knob.high
        )
        content[f"{stem}.wav"] = audio.wav_bytes(samples.astype(np.float32), sample_rate)
        content[f"{stem}{SUFFIX}"] = (
            ParamFile({knob_name: param}, {"filename": f"{stem}.wav", "texture": name}).text().encode()
        )
    write_folder(out, content)
    return [out / name for name in content if name.endswith(".wav")]
