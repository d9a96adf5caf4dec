"""Level 3: how good is a model: likelihood of held-out sound, how well its parameters are followed, does it last.

What is asked for is not a number of the meter's but a parameter's value. So the data say what the meter should read:
its readings on the real files, over their values of the parameter, are the curve that generated sound is held against.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from mtcrnn import audio, checkpoint, runs
from mtcrnn.corpus import Corpus
from mtcrnn.engine import Engine
from mtcrnn.errors import InputError, listing, unknown
from mtcrnn.features import QUIET, Settings, measure
from mtcrnn.meters import beat
from mtcrnn.model import Model
from mtcrnn.paramset import ParamManager
from mtcrnn.rendering import in_blocks

log = logging.getLogger(__name__)

Samples = NDArray[np.float32]
Meter = Callable[[Samples, int], tuple[float, float] | None]

GRID, SECONDS = 11, 6.0  # values asked for, and how long each is listened to
GLIDE_SECONDS, GLIDE_PARTS = 30.0, 10
STABLE_SECONDS = 60.0
WARM_UP_S = 2.0  # of a file are read before its held-out part
CHUNK = 4096  # steps of a teacher-forced pass at once
FULL_SCALE = 0.99
TRACKED = 0.5  # a meter belongs to a parameter where their ranks correlate by this or more


def _beat(samples: Samples, rate: int) -> tuple[float, float] | None:
    found = beat(samples, rate)
    return None if found is None else (found.rate_hz, found.strength)


def _feature(name: str) -> Meter:
    def read(samples: Samples, rate: int) -> tuple[float, float] | None:
        if len(samples) < rate // 10 or float(np.abs(samples).max()) < QUIET:
            return None
        curves = measure(samples, rate, Settings((name,) if name == "rmse" else (name, "rmse"), 50.0))
        heard = curves["rmse"] > 0.1 * curves["rmse"].max()
        if name == "pitch":
            heard &= curves["voicing"] > 0.5
        return (float(np.median(curves[name][heard])), float(heard.mean())) if heard.any() else None

    return read


# what they read, and how sure they are (beat: strength; else the share of frames that could be measured)
METERS: dict[str, Meter] = {
    "beat": _beat,
    "pitch": _feature("pitch"),
    "loudness": _feature("rmse"),
    "centroid": _feature("centroid"),
}


@dataclass
class Followed:
    """How well one parameter is followed by one meter; None in `measured` where it could not read the sound."""

    parameter: str
    meter: str
    values: list[float]
    new: list[bool]  # values that are not in the data
    asked: list[float]
    measured: list[float | None]
    strength: list[float | None]
    real_strength: list[float]
    median_relative_error: float | None = None
    correlation: float | None = None
    glide: dict[str, Any] = field(default_factory=dict)


def evaluate(
    model_dir: str, data: ParamManager, holdout: str = "tail", meters: Mapping[str, str] | None = None, step: int = 0
) -> dict[str, Any]:
    """Measure a model of sound against a labelled data set.

    Args:
        model_dir: the run's or the model's folder.
        data: labelled sounds.
        holdout: what of them the model has not seen: as in training, or 'all'.
        meters: names out of `METERS` by parameter; others are matched to the meter that follows them in the data.
        step: which model; 0 the newest.

    Returns:
        bits_per_sample and nats_per_sample of the held-out sound, `control`, `stability`, `speed`: plain numbers.

    Raises:
        InputError: a model of parameters, an unknown meter or parameter, data that lacks a parameter of the model.
    """
    path = runs.find(model_dir, step)
    model = checkpoint.load(path)
    tier = model.config.tier
    if not tier.is_audio:
        raise InputError(f"{path} generates {listing(tier.generate)}; only models of sound can be evaluated")
    for name, meter in (meters or {}).items():
        if name not in tier.prop:
            raise unknown("parameter", name, tier.prop)
        if meter not in METERS:
            raise unknown("meter", meter, METERS)
    corpus = Corpus(tier, data, model.config.ranges)
    engine = Engine(model.config, runs.read_weights(path))
    nats = held_out_nats(model, corpus, holdout)
    control = [_follow(engine, corpus, k, (meters or {}).get(name)) for k, name in enumerate(tier.prop)]
    stability, speed = _stability(engine, corpus)
    return {
        "model": str(path),
        "nats_per_sample": nats,
        "bits_per_sample": nats / math.log(2),
        "control": [asdict(followed) for followed in control if followed is not None],
        "stability": stability,
        "speed": speed,
    }


@torch.no_grad()
def held_out_nats(model: Model, corpus: Corpus, holdout: str) -> float:
    """Nats a sample, teacher forced, of the held-out ends of all files (or one file, or all), each read in one go.

    The net reads `WARM_UP_S` before a held-out end, so that its state is what it would be in the middle of a sound.
    """
    places = corpus.held_out(holdout)
    if not places:
        raise InputError(f"--holdout {holdout}: nothing is held out")
    total = count = 0.0
    warm_up = round(WARM_UP_S * model.config.tier.sample_rate)
    for i, first, end in tqdm(places, desc="held-out sound", unit="file", leave=False):
        start = max(int(corpus.offsets[i]), first - warm_up)
        values = torch.from_numpy(corpus.values[start:end].astype(np.int64))[None]
        conditions = torch.from_numpy(np.asarray(corpus.conditions[start:end]))[None]
        state = model.net.init_state(1)
        for at in range(0, values.shape[1] - 1, CHUNK):
            behind = min(at + CHUNK, values.shape[1] - 1)
            x = model.features(values[:, at:behind], conditions[:, at + 1 : behind + 1])
            raw, state = model.net(x, state)
            skip = max(first - start - 1 - at, 0)
            scored = raw[:, skip:]
            if scored.shape[1]:
                targets = values[:, at + 1 + skip : at + 1 + raw.shape[1]]
                total += float(model.output.loss(scored, targets)) * scored.shape[1]
                count += scored.shape[1]
    return total / count


def _follow(engine: Engine, corpus: Corpus, k: int, meter: str | None) -> Followed | None:
    """Parameter number k against its meter, on a grid over its range and on a glide; None where no meter follows it."""
    name, rate = engine.config.tier.prop[k], engine.config.tier.sample_rate
    known, sounds = _real(corpus, k)
    chosen = meter or _matching(known, sounds, rate)
    if chosen is None:
        log.warning("no meter follows %s in the data: not measured (--meter NAME=METER says which)", name)
        return None
    real = [METERS[chosen](sound, rate) for sound in sounds]
    readable = [j for j, reading in enumerate(real) if reading is not None]
    if len({known[j] for j in readable}) < 2:
        log.warning("%s cannot be read from the data at two values of %s: not measured", chosen, name)
        return None
    curve = _Curve([known[j] for j in readable], [real[j] for j in readable])  # type: ignore[misc]
    low, high = engine.config.ranges[name].low, engine.config.ranges[name].high
    values = sorted({*np.linspace(low, high, GRID).tolist(), *((a + b) / 2 for a, b in curve.widest())})
    made = _play(engine, corpus, k, np.array(values)[:, None].repeat(round(SECONDS * rate), 1))
    readings = [METERS[chosen](sound, rate) for sound in made]
    followed = Followed(
        name,
        chosen,
        values,
        [min(abs(v - k) for k in known) > 1e-6 * (high - low) for v in values],
        [curve.at(v)[0] for v in values],
        [None if r is None else r[0] for r in readings],
        [None if r is None else r[1] for r in readings],
        [curve.at(v)[1] for v in values],
    )
    followed.median_relative_error, followed.correlation = _compare(followed.asked, followed.measured)
    glide = np.linspace(low, high, round(GLIDE_SECONDS * rate))
    parts = np.array_split(_play(engine, corpus, k, glide[None])[0], GLIDE_PARTS)
    heard = [METERS[chosen](part, rate) for part in parts]
    asked = [curve.at(float(v.mean()))[0] for v in np.array_split(glide, GLIDE_PARTS)]
    measured = [None if r is None else r[0] for r in heard]
    error, correlation = _compare(asked, measured)
    followed.glide = {
        "asked": asked, "measured": measured, "median_relative_error": error, "correlation": correlation,
    }  # fmt: skip
    return followed


class _Curve:
    """What a meter reads in the data, over a parameter's values: straight lines between, in the logarithm."""

    def __init__(self, values: Sequence[float], readings: Sequence[tuple[float, float]]) -> None:
        self.values = sorted(set(values))
        means = [np.mean([r for v, r in zip(values, readings, strict=True) if v == u], axis=0) for u in self.values]
        self.readings, self.strengths = np.array(means).T

    def at(self, value: float) -> tuple[float, float]:
        """Reading and strength at a value."""
        reading = math.exp(np.interp(value, self.values, np.log(self.readings)))
        return reading, float(np.interp(value, self.values, self.strengths))

    def widest(self, count: int = 3) -> list[tuple[float, float]]:
        """The widest gaps between values."""
        gaps = list(zip(self.values, self.values[1:], strict=False))
        return sorted(gaps, key=lambda gap: gap[0] - gap[1])[:count]


def _real(corpus: Corpus, k: int) -> tuple[list[float], list[Samples]]:
    """The files in which parameter k stands still: its value in each, and its sound."""
    name, rate = corpus.tier.prop[k], corpus.tier.sample_rate
    values, sounds = [], []
    for i, wav in enumerate(corpus.names):
        curve = corpus.conditions[corpus.offsets[i] : corpus.offsets[i + 1], k]
        if np.ptp(curve) < 1e-3:
            values.append(float(corpus.ranges[name].restore(curve[:1])[0]))
            sounds.append(audio.read(wav, rate).samples)
    return [round(v, 6) for v in values], sounds


def _matching(values: Sequence[float], sounds: Sequence[Samples], rate: int) -> str | None:
    """The meter whose readings rise or fall with the values, if there is one."""
    best, found = TRACKED, None
    for name, meter in METERS.items():
        pairs = [(v, r[0]) for v, r in ((v, meter(s, rate)) for v, s in zip(values, sounds, strict=True)) if r]
        if len({v for v, _ in pairs}) < 3:
            continue
        ranks = [np.argsort(np.argsort(column)) for column in zip(*pairs, strict=True)]
        tracked = abs(_correlation(*ranks))
        if tracked > best + 1e-9:
            best, found = tracked, name
    return found


def _play(engine: Engine, corpus: Corpus, k: int, curves: NDArray[np.float64]) -> NDArray[np.float32]:
    """Sounds [B, T] under curves [B, T] of parameter k, the others at what is usual in the data."""
    tier, ranges = engine.config.tier, engine.config.ranges
    middles = np.median(corpus.conditions, axis=0)
    usual = [float(ranges[name].restore(middles[j : j + 1])[0]) for j, name in enumerate(tier.prop)]
    conditions = np.broadcast_to(np.array(usual), (*curves.shape, len(usual))).copy()
    conditions[..., k] = curves
    return _rendered(engine, conditions, f"playing {tier.prop[k]}")


def _rendered(engine: Engine, conditions: NDArray[np.float64], what: str) -> NDArray[np.float32]:
    state, blocks = engine.init(1, len(conditions)), []
    for first, count in in_blocks(conditions.shape[1], what, leave=False):
        values, state = engine.render(state, conditions[:, first : first + count])
        blocks.append(values[..., 0])
    return np.concatenate(blocks, axis=1)


def _compare(asked: Sequence[float], measured: Sequence[float | None]) -> tuple[float | None, float | None]:
    """Median relative error (unreadable sounds count as errors of 1) and correlation of the readable ones."""
    errors = [1.0 if m is None else abs(m - a) / abs(a) for a, m in zip(asked, measured, strict=True)]
    pairs = [(a, m) for a, m in zip(asked, measured, strict=True) if m is not None]
    spread = len(pairs) > 1 and all(np.ptp(column) > 0 for column in zip(*pairs, strict=True))
    return float(np.median(errors)), _correlation(*zip(*pairs, strict=True)) if spread else None


def _correlation(x: Any, y: Any) -> float:
    return float(np.corrcoef(np.asarray(x, float), np.asarray(y, float))[0, 1])


def _stability(engine: Engine, corpus: Corpus) -> tuple[dict[str, Any], dict[str, Any]]:
    """A minute at low, middle and high parameters: its levels beside the data's; and how fast all three were made."""
    tier, rate = engine.config.tier, engine.config.tier.sample_rate
    real = np.concatenate([_levels_db(audio.read(wav, rate).samples, rate) for wav in corpus.names])
    low, high = (np.array([getattr(engine.config.ranges[n], end) for n in tier.prop]) for end in ("low", "high"))
    points = np.array([low * (1 - share) + high * share for share in (0.1, 0.5, 0.9)]).reshape(3, -1)
    steps = round(STABLE_SECONDS * rate)
    started = time.perf_counter()
    sounds = _rendered(engine, np.repeat(points[:, None], steps, axis=1), "free running")
    pace = sounds.size / (time.perf_counter() - started)
    rows = []
    for point, sound in zip(points.tolist(), sounds, strict=True):
        levels = _levels_db(sound, rate)
        rows.append(
            {
                "parameters": dict(zip(tier.prop, point, strict=True)),
                "loudest_db": float(levels.max()),
                "softest_db": float(levels.min()),
                "silent_seconds": int((levels < real.min() - 20).sum()),
                "loud_seconds": int((levels > real.max() + 6).sum()),
                "dc": float(sound.mean()),
                "full_scale_share": float((np.abs(sound) > FULL_SCALE).mean()),
            }
        )
    data = {"loudest_db": float(real.max()), "softest_db": float(real.min())}
    return {"seconds": STABLE_SECONDS, "real": data, "rows": rows}, {
        "sounds": 3,
        "samples_per_s": pace,
        "rtf": pace / rate,
    }


def _levels_db(samples: Samples, rate: int) -> NDArray[np.float64]:
    """The level of each second, in dB of full scale."""
    whole = samples[: max(len(samples) // rate, 1) * rate].astype(np.float64)
    parts = np.array_split(whole, max(len(whole) // rate, 1))
    return np.array([10 * np.log10(np.mean(part**2) + 1e-12) for part in parts])
