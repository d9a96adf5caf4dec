"""The built-in textures: small synthesisers with known ground truth.

Each is a function `(rng, curves, sample_rate) -> samples` and a line in `TEXTURES`, with its parameters. Where a
parameter can be read back from the sound, `meter` names one of `evaluation.meters.METERS`, and `reads` is what that
should read, from the values of all parameters.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import soxr
from numpy.typing import NDArray

from mtcrnn.textures.primitives import Samples, band, cycles, decays, irregular, regular, rings

Curves = Mapping[str, NDArray[np.float64]]  # one value per sample, by parameter
Values = Mapping[str, float]

OVER = 3  # times the sample rate: where textures are made
STEPS = 2**15  # of 16 bits: what is softer is silence, one code and not noise between two
GUSTS, HOWLING, WIND = 0.8, 40.0, 0.12  # wind: swing of the gusts; quality of the howling band; level
DROP = 4e-3  # rain: root of a drop's energy
INSECT, CHIRP = 0.15, 0.4  # insects: height; share of the time that a chirp takes
FIRE = 5.0  # fire: quality of the crackles' band


@dataclass(frozen=True)
class Knob:
    """A texture's parameter: its range, what it is when nobody says, its unit, and how to read it back."""

    low: float
    high: float
    usual: float
    units: str
    meter: str | None = None
    reads: Callable[[Values], float] | None = None


@dataclass(frozen=True)
class Texture:
    """A synthesiser: `make(rng, curves, sample_rate)` returns samples [T], seldom outside [-1, 1]."""

    summary: str
    knobs: Mapping[str, Knob]
    make: Callable[[np.random.Generator, Curves, int], Samples]

    def sound(self, rng: np.random.Generator, curves: Curves, sample_rate: int) -> NDArray[np.float32]:
        """What it makes, as it would be recorded: with nothing above half the sample rate, in steps of 16 bits.

        So events begin as a filter lets them, a few samples ahead: nets learn far sooner when to begin one.
        """
        length = len(next(iter(curves.values())))
        fine = {p: np.interp(np.arange(OVER * length) / OVER, np.arange(length), curve) for p, curve in curves.items()}
        made = soxr.resample(self.make(rng, fine, OVER * sample_rate), OVER * sample_rate, sample_rate)[:length]
        return (np.round(made * STEPS) / STEPS).astype(np.float32)


def pops(rng: np.random.Generator, curves: Curves, sample_rate: int) -> Samples:
    """Pops of random pitch: impulses through resonances of quality 25 at one of 20 semitones round the centre.

    (The settings of the original's quick-start data: 2^(2 + 3 rate) a second, from 415 Hz up.) A resonance of quality
    Q answers an impulse with a cosine that decays as exp(-pi f t / Q).
    """
    quality, semitones = 25.0, 20
    phase = cycles(2.0 ** (2.0 + 3.0 * curves["rate"]), sample_rate, rng.random())
    onsets = regular(phase, curves["irregularity"], rng)
    hz = curves["centre"][onsets] * 2.0 ** ((rng.integers(semitones, size=len(onsets)) - 9.5) / 12.0)
    heights = rng.uniform(0.05, 0.7, len(onsets)) * rng.choice([-1.0, 1.0], len(onsets))
    return rings(len(phase), onsets, hz, quality / (np.pi * hz), heights, sample_rate, 0.25)


def wind(rng: np.random.Generator, curves: Curves, sample_rate: int) -> Samples:
    """Two bands of noise, a broad one and a howling one, that rise in pitch and level with the wind.

    Gusts are three slow sinusoids: `strength` moves by up to 0.8 `gustiness` of itself. `howl` is the narrow band's
    share of the power.
    """
    strength, howl = curves["strength"], curves["howl"]
    times = np.arange(len(strength)) / sample_rate
    swings = [np.cos(2 * np.pi * (hz * times + rng.random())) for hz in rng.uniform((0.1, 0.25, 0.6), (0.2, 0.5, 1.0))]
    blow = strength * (1 + GUSTS * curves["gustiness"] * np.mean(swings, axis=0))
    noise = rng.standard_normal((2, len(blow)))
    broad = band(noise[0], 200 + 600 * blow, 0.6, sample_rate)
    narrow = band(noise[1], 400 + 500 * blow, HOWLING, sample_rate)
    return WIND * blow * (np.sqrt(1 - howl) * broad + np.sqrt(howl) * narrow)


def engine(rng: np.random.Generator, curves: Curves, sample_rate: int) -> Samples:
    """Four cylinders, four strokes: two firings a turn, that is rpm / 30 a second, each a thump and a bark.

    `roughness` is how uneven the firings are: the standard deviation of their heights, as a share of the mean.
    """
    phase = cycles(curves["rpm"] / 30, sample_rate, rng.random())
    onsets = regular(phase, np.zeros_like(phase), rng)
    heights = 0.2 * (1 + curves["roughness"][onsets] * rng.choice([-1.0, 1.0], len(onsets)))
    out = np.zeros(len(phase))
    for hz, decay_s in ((110.0, 4e-3), (700.0, 1e-3)):
        no_dc = math.atan(-2 * math.pi * hz * decay_s) / (2 * math.pi)  # where the integral of such a ring is 0
        out += rings(len(phase), onsets, hz, decay_s, heights, sample_rate, no_dc)
    return out


def rain(rng: np.random.Generator, curves: Curves, sample_rate: int) -> Samples:
    """Drops at random moments; each rings as its bubble does, at 3.3 m/s over the drop's size, give or take 15%.

    (Minnaert 1933: a bubble of radius r rings at 3.3 m/s / r.) Each brings the same energy, on average.
    """
    onsets = irregular(curves["density"], sample_rate, rng)
    hz = 3300.0 / curves["size"][onsets] * rng.uniform(0.85, 1.15, len(onsets))
    decay_s = 15.0 / (np.pi * hz)
    # a decaying sine of height h has the energy h^2 decay_s / 4
    heights = DROP * np.sqrt(4 / decay_s * rng.uniform(0.1, 1.9, len(onsets))) * rng.choice([-1.0, 1.0], len(onsets))
    return rings(len(curves["size"]), onsets, hz, decay_s, heights, sample_rate)


def insects(rng: np.random.Generator, curves: Curves, sample_rate: int) -> Samples:
    """A crowd that chirps at one rate, each when it likes, within 1% of the common pitch (the first exactly there)."""
    beats = cycles(curves["rate"], sample_rate)
    turns = cycles(curves["pitch"], sample_rate)
    out = np.zeros(len(beats))
    for k in range(math.ceil(curves["crowd"].max())):
        detuned = 1.0 if k == 0 else rng.uniform(0.99, 1.01)
        part = (beats + rng.random()) % 1 / CHIRP
        swell = np.where(part < 1, np.sin(np.pi * np.minimum(part, 1)), 0)
        here = np.sqrt(np.clip(curves["crowd"] - k, 0, 1))  # of 2.5 insects the third is half there
        out += INSECT * here * swell * np.sin(2 * np.pi * (detuned * turns + rng.random()))
    return out


def fm(rng: np.random.Generator, curves: Curves, sample_rate: int) -> Samples:
    """A tone whose phase swings: sin(2 pi carrier t + index sin(2 pi modulation t)) (Chowning 1973)."""
    carrier, modulation = (cycles(curves[name], sample_rate, rng.random()) for name in ("carrier", "modulation"))
    return 0.5 * np.sin(2 * np.pi * carrier + curves["index"] * np.sin(2 * np.pi * modulation))


def fire(rng: np.random.Generator, curves: Curves, sample_rate: int) -> Samples:
    """Crackles at random moments, bursts of 2 ms of noise in a band, over a low flutter."""
    onsets = irregular(curves["density"], sample_rate, rng)
    length = len(curves["density"])
    bursts = decays(length, onsets, 2e-3, 10 ** rng.uniform(-1.2, -0.6, len(onsets)), sample_rate)
    noise = rng.standard_normal((2, length))
    crackle = band(noise[0], curves["brightness"], FIRE, sample_rate)
    return bursts * crackle + 0.004 * band(noise[1], np.full(length, 90.0), 1.0, sample_rate)


def chimes(rng: np.random.Generator, curves: Curves, sample_rate: int) -> Samples:
    """A bar struck again and again: the first three modes of a free bar, from 880 Hz / size up.

    (Fletcher and Rossing, The Physics of Musical Instruments: 1, 2.756, 5.404; the higher, the sooner gone.)
    """
    phase = cycles(curves["rate"], sample_rate, rng.random())
    onsets = regular(phase, np.zeros_like(phase), rng)
    hz = 880.0 / curves["size"][onsets]
    heights = rng.uniform(0.1, 0.25, len(onsets))
    out = np.zeros(len(phase))
    for mode, height in ((1.0, 1.0), (2.756, 0.6), (5.404, 0.3)):
        out += rings(len(phase), onsets, mode * hz, 0.25 / mode, height * heights, sample_rate)
    return out


def _crowded(values: Values) -> float:
    """Level of a crowd: each insect brings the mean square of a sine under half a sine for `CHIRP` of the time."""
    return INSECT * math.sqrt(values["crowd"] * CHIRP / 4)


TEXTURES: dict[str, Texture] = {
    "pops": Texture(
        "pops of random pitch, regular or not",
        {
            "rate": Knob(0.0, 1.0, 0.2, "2^(2 + 3 rate) pops/s", "beat", lambda v: 2.0 ** (2.0 + 3.0 * v["rate"])),
            "irregularity": Knob(
                0.0, 1.0, 0.0, "share of the period", "spread", lambda v: v["irregularity"] / math.sqrt(6)
            ),
            "centre": Knob(300.0, 2000.0, 719.0, "Hz", "middle", lambda v: 0.864 * v["centre"]),
        },
        pops,
    ),
    "wind": Texture(
        "wind that blows in gusts and howls",
        {
            "strength": Knob(0.1, 1.0, 0.5, "of 1", "level", lambda v: WIND * v["strength"]),
            "gustiness": Knob(0.0, 1.0, 0.2, "of 1", "swing", lambda v: GUSTS * v["gustiness"] / math.sqrt(6)),
            "howl": Knob(0.0, 1.0, 0.2, "of the power", "tone", lambda v: max(0.94 * v["howl"] - 0.03, 0.0)),
        },
        wind,
    ),
    "engine": Texture(
        "an engine, even or rough",
        {
            "rpm": Knob(600.0, 6000.0, 1500.0, "turns/min", "period", lambda v: v["rpm"] / 30),
            "roughness": Knob(0.0, 1.0, 0.2, "of 1", "tone", lambda v: 1 / (1 + v["roughness"] ** 2)),
        },
        engine,
    ),
    "rain": Texture(
        "drops, few or many, small or large",
        {
            "density": Knob(5.0, 400.0, 60.0, "drops/s", "level", lambda v: DROP * math.sqrt(v["density"])),
            "size": Knob(1.0, 5.0, 2.0, "mm", "middle", lambda v: 3300.0 / v["size"]),
        },
        rain,
    ),
    "insects": Texture(
        "insects that chirp together, one or a crowd",
        {
            "rate": Knob(2.0, 16.0, 5.0, "chirps/s", "beat", lambda v: v["rate"]),
            "pitch": Knob(2000.0, 6000.0, 3500.0, "Hz", "peak", lambda v: v["pitch"]),
            "crowd": Knob(1.0, 8.0, 1.0, "insects", "level", _crowded),
        },
        insects,
    ),
    "fm": Texture(
        "tones with vibrato, slow or so fast that it is a timbre",
        {
            "carrier": Knob(400.0, 1600.0, 800.0, "Hz", "carrier", lambda v: v["carrier"]),
            "modulation": Knob(4.0, 60.0, 20.0, "Hz", "vibrato", lambda v: v["modulation"]),
            "index": Knob(0.0, 4.0, 2.0, "radians", "index", lambda v: v["index"]),
        },
        fm,
    ),
    "fire": Texture(
        "a crackling fire",
        {
            "density": Knob(2.0, 40.0, 10.0, "crackles/s", "density", lambda v: v["density"]),
            "brightness": Knob(1000.0, 5000.0, 2500.0, "Hz", "middle", lambda v: v["brightness"]),
        },
        fire,
    ),
    "chimes": Texture(
        "a bar of metal, struck again and again",
        {
            "rate": Knob(1.5, 8.0, 3.0, "strikes/s", "beat", lambda v: v["rate"]),
            "size": Knob(0.5, 2.0, 1.0, "1 sounds at 880 Hz", "peak", lambda v: 880.0 / v["size"]),
        },
        chimes,
    ),
}


def describe() -> str:
    """All textures and their parameters, as lines for people."""
    lines = []
    for name, texture in TEXTURES.items():
        lines.append(f"{name}: {texture.summary}")
        for p, knob in texture.knobs.items():
            meter = f", meter: {knob.meter}" if knob.meter else ""
            lines.append(f"  {p}: {knob.low:g} to {knob.high:g} {knob.units} [{knob.usual:g}]{meter}")
    return "\n".join(lines)
