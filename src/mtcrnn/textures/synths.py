"""The built-in textures (`TEXTURES`): small synthesisers with known ground truth.

Each is a function `(rng, curves, sample_rate) -> samples` and an entry in `TEXTURES`, with its parameters. If a
parameter can be measured in the sound, `meter` names one of `evaluation.meters.METERS`, and `expected` gives what that
should read, from the values of all parameters.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import soxr
from numpy.typing import NDArray

from mtcrnn.textures.primitives import Samples, band, cycles, decays, poisson_onsets, regular_onsets, rings

Curves = Mapping[str, NDArray[np.float64]]  # by parameter, one value per sample
Values = Mapping[str, float]  # by parameter

OVER = 3  # textures are made at so many times the sample rate
STEPS = 2**15  # 16-bit quantisation: softer sound becomes silence, one code instead of noise between two
GUSTS, HOWLING, WIND = 0.8, 40.0, 0.12  # wind: depth of the gusts; quality of the howling band; level
DROP = 4e-3  # rain: square root of the energy of a drop
INSECT, CHIRP = 0.15, 0.4  # insects: amplitude of one; share of the time taken by chirps
FIRE = 5.0  # fire: quality of the crackles' band


@dataclass(frozen=True)
class Parameter:
    """A parameter of a texture: range, default and unit; and how to measure it in the sound.

    Attributes:
        low: lowest value.
        high: highest value.
        default: value if none is given.
        units: unit, for people.
        meter: the meter that measures it, one of `evaluation.meters.METERS`, if there is one.
        expected: what that meter should read, from the values of all parameters.
        hertz: how often a second the sound repeats, as an expression, if the parameter says that.
    """

    low: float
    high: float
    default: float
    units: str
    meter: str | None = None
    expected: Callable[[Values], float] | None = None
    hertz: str | None = None


@dataclass(frozen=True)
class Texture:
    """A synthesiser: `make(rng, curves, sample_rate)` returns samples [T], rarely outside [-1, 1]."""

    summary: str
    parameters: Mapping[str, Parameter]
    make: Callable[[np.random.Generator, Curves, int], Samples]

    def sound(self, rng: np.random.Generator, curves: Curves, sample_rate: int) -> NDArray[np.float32]:
        """The sound, float32 [T], as if recorded: without frequencies above half the sample rate, in 16-bit steps.

        The filter makes events begin gradually, a few samples early, so that nets learn much sooner when to begin one.
        """
        length = len(next(iter(curves.values())))
        fine = {p: np.interp(np.arange(OVER * length) / OVER, np.arange(length), curve) for p, curve in curves.items()}
        made = soxr.resample(self.make(rng, fine, OVER * sample_rate), OVER * sample_rate, sample_rate)[:length]
        return (np.round(made * STEPS) / STEPS).astype(np.float32)


def pops(rng: np.random.Generator, curves: Curves, sample_rate: int) -> Samples:
    """Pops of random pitch: impulses through resonances of quality 25 at one of 20 semitones around the centre.

    (The settings of the original's quick-start data: 2^(2 + 3 rate) per second, from 415 Hz up.) A resonance of quality
    Q has an impulse response that is a cosine and decays as exp(-pi f t / Q).
    """
    quality, semitones = 25.0, 20
    phase = cycles(2.0 ** (2.0 + 3.0 * curves["rate"]), sample_rate, rng.random())
    onsets = regular_onsets(phase, curves["irregularity"], rng)
    hz = curves["centre"][onsets] * 2.0 ** ((rng.integers(semitones, size=len(onsets)) - 9.5) / 12.0)
    heights = rng.uniform(0.05, 0.7, len(onsets)) * rng.choice([-1.0, 1.0], len(onsets))
    return rings(len(phase), onsets, hz, quality / (np.pi * hz), heights, sample_rate, 0.25)


def wind(rng: np.random.Generator, curves: Curves, sample_rate: int) -> Samples:
    """Two bands of noise, a broad one and a narrow, howling one, that rise in pitch and level with the wind.

    Gusts are three slow sinusoids: `strength` varies by up to 0.8 `gustiness` of itself. `howl` is the narrow band's
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
    """Four cylinders, four strokes: two firings per turn, so rpm / 30 per second, each a low and a high decaying ring.

    `roughness` is how uneven the firings are: the standard deviation of their heights, as a share of the mean.
    """
    phase = cycles(curves["rpm"] / 30, sample_rate, rng.random())
    onsets = regular_onsets(phase, np.zeros_like(phase), rng)
    heights = 0.2 * (1 + curves["roughness"][onsets] * rng.choice([-1.0, 1.0], len(onsets)))
    out = np.zeros(len(phase))
    for hz, decay_s in ((110.0, 4e-3), (700.0, 1e-3)):
        no_dc = math.atan(-2 * math.pi * hz * decay_s) / (2 * math.pi)  # where the integral of such a ring is 0
        out += rings(len(phase), onsets, hz, decay_s, heights, sample_rate, no_dc)
    return out


def rain(rng: np.random.Generator, curves: Curves, sample_rate: int) -> Samples:
    """Drops at random times; each rings like its bubble, at 3.3 m/s divided by the size of the drop, within 15%.

    (Minnaert 1933: a bubble of radius r rings at 3.3 m/s / r.) All have the same energy, on average.
    """
    onsets = poisson_onsets(curves["density"], sample_rate, rng)
    hz = 3300.0 / curves["size"][onsets] * rng.uniform(0.85, 1.15, len(onsets))
    decay_s = 15.0 / (np.pi * hz)
    # a decaying sine of height h has the energy h^2 decay_s / 4
    heights = DROP * np.sqrt(4 / decay_s * rng.uniform(0.1, 1.9, len(onsets))) * rng.choice([-1.0, 1.0], len(onsets))
    return rings(len(curves["size"]), onsets, hz, decay_s, heights, sample_rate)


def insects(rng: np.random.Generator, curves: Curves, sample_rate: int) -> Samples:
    """A crowd that chirps at one rate, each in its own phase, within 1% of the pitch (the first exactly at it)."""
    beats = cycles(curves["rate"], sample_rate)
    turns = cycles(curves["pitch"], sample_rate)
    out = np.zeros(len(beats))
    for k in range(math.ceil(curves["crowd"].max())):
        detuned = 1.0 if k == 0 else rng.uniform(0.99, 1.01)
        part = (beats + rng.random()) % 1 / CHIRP
        swell = np.where(part < 1, np.sin(np.pi * np.minimum(part, 1)), 0)
        here = np.sqrt(np.clip(curves["crowd"] - k, 0, 1))  # of 2.5 insects, the third has half the power
        out += INSECT * here * swell * np.sin(2 * np.pi * (detuned * turns + rng.random()))
    return out


def fm(rng: np.random.Generator, curves: Curves, sample_rate: int) -> Samples:
    """Frequency modulation: sin(2 pi carrier t + index sin(2 pi modulation t)) (Chowning 1973)."""
    carrier, modulation = (cycles(curves[name], sample_rate, rng.random()) for name in ("carrier", "modulation"))
    return 0.5 * np.sin(2 * np.pi * carrier + curves["index"] * np.sin(2 * np.pi * modulation))


def fire(rng: np.random.Generator, curves: Curves, sample_rate: int) -> Samples:
    """Crackles at random times, bursts of 2 ms of band-pass noise, over a low flutter."""
    onsets = poisson_onsets(curves["density"], sample_rate, rng)
    length = len(curves["density"])
    bursts = decays(length, onsets, 2e-3, 10 ** rng.uniform(-1.2, -0.6, len(onsets)), sample_rate)
    noise = rng.standard_normal((2, length))
    crackle = band(noise[0], curves["brightness"], FIRE, sample_rate)
    return bursts * crackle + 0.004 * band(noise[1], np.full(length, 90.0), 1.0, sample_rate)


def chimes(rng: np.random.Generator, curves: Curves, sample_rate: int) -> Samples:
    """A bar that is struck repeatedly: the first three modes of a free bar, from 880 Hz / size up.

    (Fletcher and Rossing, The Physics of Musical Instruments: 1, 2.756, 5.404; higher modes decay sooner.)
    """
    phase = cycles(curves["rate"], sample_rate, rng.random())
    onsets = regular_onsets(phase, np.zeros_like(phase), rng)
    hz = 880.0 / curves["size"][onsets]
    heights = rng.uniform(0.1, 0.25, len(onsets))
    out = np.zeros(len(phase))
    for mode, height in ((1.0, 1.0), (2.756, 0.6), (5.404, 0.3)):
        out += rings(len(phase), onsets, mode * hz, 0.25 / mode, height * heights, sample_rate)
    return out


def _crowded(values: Values) -> float:
    """The rms of a crowd: each insect adds the power of a sine under half a sine for the share `CHIRP` of the time."""
    return INSECT * math.sqrt(values["crowd"] * CHIRP / 4)


TEXTURES: dict[str, Texture] = {
    "pops": Texture(
        "pops of random pitch, regular or not",
        {
            "rate": Parameter(
                0.0, 1.0, 0.2, "2^(2 + 3 rate) pops/s", "beat", lambda v: 2.0 ** (2.0 + 3.0 * v["rate"]), "2^(2+3*rate)"
            ),
            "irregularity": Parameter(
                0.0, 1.0, 0.0, "share of the period", "spread", lambda v: v["irregularity"] / math.sqrt(6)
            ),
            "centre": Parameter(300.0, 2000.0, 719.0, "Hz", "middle", lambda v: 0.864 * v["centre"]),
        },
        pops,
    ),
    "wind": Texture(
        "wind that blows in gusts and howls",
        {
            "strength": Parameter(0.1, 1.0, 0.5, "of 1", "level", lambda v: WIND * v["strength"]),
            "gustiness": Parameter(0.0, 1.0, 0.2, "of 1", "swing", lambda v: GUSTS * v["gustiness"] / math.sqrt(6)),
            "howl": Parameter(0.0, 1.0, 0.2, "of the power", "tone", lambda v: max(0.94 * v["howl"] - 0.03, 0.0)),
        },
        wind,
    ),
    "engine": Texture(
        "an engine, even or rough",
        {
            "rpm": Parameter(600.0, 6000.0, 1500.0, "turns/min", "period", lambda v: v["rpm"] / 30, "rpm/30"),
            "roughness": Parameter(0.0, 1.0, 0.2, "of 1", "tone", lambda v: 1 / (1 + v["roughness"] ** 2)),
        },
        engine,
    ),
    "rain": Texture(
        "rain drops, few or many, small or large",
        {
            "density": Parameter(5.0, 400.0, 60.0, "drops/s", "level", lambda v: DROP * math.sqrt(v["density"])),
            "size": Parameter(1.0, 5.0, 2.0, "mm", "middle", lambda v: 3300.0 / v["size"]),
        },
        rain,
    ),
    "insects": Texture(
        "chirping insects, one or a crowd",
        {
            "rate": Parameter(2.0, 16.0, 5.0, "chirps/s", "beat", lambda v: v["rate"], "rate"),
            "pitch": Parameter(2000.0, 6000.0, 3500.0, "Hz", "peak", lambda v: v["pitch"], "pitch"),
            "crowd": Parameter(1.0, 8.0, 1.0, "insects", "level", _crowded),
        },
        insects,
    ),
    "fm": Texture(
        "tones with vibrato, from slow to so fast that it is heard as timbre",
        {
            "carrier": Parameter(400.0, 1600.0, 800.0, "Hz", "carrier", lambda v: v["carrier"], "carrier"),
            "modulation": Parameter(4.0, 60.0, 20.0, "Hz", "vibrato", lambda v: v["modulation"], "modulation"),
            "index": Parameter(0.0, 4.0, 2.0, "radians", "index", lambda v: v["index"]),
        },
        fm,
    ),
    "fire": Texture(
        "a crackling fire",
        {
            "density": Parameter(2.0, 40.0, 10.0, "crackles/s", "density", lambda v: v["density"]),
            "brightness": Parameter(1000.0, 5000.0, 2500.0, "Hz", "middle", lambda v: v["brightness"]),
        },
        fire,
    ),
    "chimes": Texture(
        "a metal bar that is struck repeatedly",
        {
            "rate": Parameter(1.5, 8.0, 3.0, "strikes/s", "beat", lambda v: v["rate"], "rate"),
            "size": Parameter(0.5, 2.0, 1.0, "1 sounds at 880 Hz", "peak", lambda v: 880.0 / v["size"], "880/size"),
        },
        chimes,
    ),
}


def describe() -> str:
    """All textures and their parameters, as readable text."""
    lines = []
    for name, texture in TEXTURES.items():
        lines.append(f"{name}: {texture.summary}")
        for p, about in texture.parameters.items():
            meter = f", meter: {about.meter}" if about.meter else ""
            lines.append(f"  {p}: {about.low:g} to {about.high:g} {about.units} [{about.default:g}]{meter}")
    return "\n".join(lines)
