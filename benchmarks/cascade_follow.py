"""Does the sound of a recipe follow its slower tiers? Correlation of asked and measured curves.

    python benchmarks/cascade_follow.py RECIPE [--takes 2] [--rate 125]

Plays every file's controls through the trained tiers, measures loudness, centroid and pitch of the sound, and compares
them with what the slower tiers asked for, or with the real curves where these took a tier's place. Prints the medians
over files of the correlation and of the relative error; for pitch and centroid only where the asked loudness is above
a tenth of its maximum.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mtcrnn.audio import files as sound_files
from mtcrnn.audio.features import Settings, measure
from mtcrnn.config.generate import Playing
from mtcrnn.data.dataset import ParamManager
from mtcrnn.rendering.cascade import Cascade, Given
from mtcrnn.rendering.opening import open_cascade
from mtcrnn.runs.recipe import read_recipe

MEASURED = ("rmse", "centroid", "pitch")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--takes", type=int, default=2)
    parser.add_argument("--rate", type=float, default=125.0)
    args = parser.parse_args()
    recipe = read_recipe(args.recipe)
    cascade = open_cascade(recipe, Playing(), {}, {})
    slow = cascade.order[:-1]
    columns = "".join(f"{f'{name}, correlation':>22}{'error':>8}" for name in MEASURED)
    print(f"{'real curves for':24}{columns}")
    for real in ((), *((name,) for name in slow), tuple(slow)):
        rows = follow(cascade, recipe.tiers[cascade.order[-1]].train, real, args.takes, args.rate)
        cells = "".join(f"{np.nanmedian(c):22.2f}{np.nanmedian(e):7.0%} " for c, e in rows)
        print(f"{' '.join(real) or '(none)':24}{cells}")


def follow(
    cascade: Cascade, train, real: tuple[str, ...], takes: int, rate: float
) -> list[tuple[list[float], list[float]]]:
    """Correlations and median relative errors over files and takes, for each of `MEASURED`."""
    data = ParamManager.at(train.data_dir, train.param_dir)
    settings, sound_rate = Settings(MEASURED, rate), cascade.config.tier.sample_rate
    found: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in MEASURED}
    for k, (wav, file) in enumerate(data.files()):
        steps = round(sound_files.read(wav).duration_s * sound_rate)
        players = dict(cascade.players)
        for name in real:
            tier = cascade.tiers[name]
            count = steps * tier.sample_rate // sound_rate + 1
            curves = [file.params[p].sample(tier.sample_rate, 0, count) for p in tier.generate]
            players[name] = Given(players[name].config, np.stack(curves, axis=-1)[None])
        playing = Cascade(players, cascade.controls)
        controls = np.stack([file.params[p].sample(sound_rate, 0, steps) for p in cascade.controls], axis=-1)
        made, _ = playing.render_all(playing.init(k, takes), np.repeat(controls[None], takes, axis=0))
        for take in range(takes):
            measured = measure(made[cascade.order[-1]][take, :, 0], sound_rate, settings)
            times = np.arange(len(measured["rmse"])) * settings.frame(sound_rate)[0] / sound_rate
            asked = {name: asked_for(cascade, name, made, take, times) for name in MEASURED}
            loud = asked["rmse"] > 0.1 * asked["rmse"].max()
            for name in MEASURED:
                where = np.ones_like(loud) if name == "rmse" else loud
                wanted, got = asked[name][where], measured[name][where]
                found[name][0].append(float(np.corrcoef(wanted, got)[0, 1]) if got.std() > 0 else np.nan)
                found[name][1].append(float(np.median(np.abs(got - wanted) / np.abs(wanted).max())))
    return [found[name] for name in MEASURED]


def asked_for(
    cascade: Cascade, name: str, made: dict[str, NDArray[np.float32]], take: int, times: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The curve of a parameter that a tier generated, at these times (in seconds)."""
    for tier_name, tier in cascade.tiers.items():
        if name in tier.generate:
            curve = made[tier_name][take, :, tier.generate.index(name)]
            return np.interp(times, np.arange(len(curve)) / tier.sample_rate, curve)
    raise SystemExit(f"no tier generates {name}")


if __name__ == "__main__":
    main()
