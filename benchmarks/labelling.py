"""How well a few marks become curves: on textures whose parameters are known, at the moments that are asked for.

Each texture is written as 12 files of 20 s that glide at random. Its parameter is marked at 8 moments, with its true
value: at those that `words.Listened.question` asks for, and at random ones. The table compares the curves with the
truth at all other moments. `--clips FOLDER` adds recordings with the constant parameter `kind`, of which 6 moments are
marked: there the means over whole recordings are compared. `--write FOLDER` keeps the textures, and the curves as param
files.

    python benchmarks/labelling.py --seeds 3 --clips ../shared/data/rain_fire
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from mtcrnn.audio.files import find
from mtcrnn.data.dataset import ParamManager
from mtcrnn.data.made import made_param, write_made
from mtcrnn.listening import moments
from mtcrnn.listening.recordings import listen
from mtcrnn.listening.words import Listened, Mark
from mtcrnn.textures import write_texture
from mtcrnn.textures.synths import TEXTURES

SETS = {"rain": "density", "wind": "strength", "pops": "rate", "fire": "density", "engine": "rpm", "insects": "pitch"}
FILES, SECONDS, MARKS, CLIP_MARKS, RANDOM = 12, 20.0, 8, 6, 15


def truth_of(listened: Listened, data: ParamManager, name: str) -> np.ndarray:
    """The true parameter at every moment."""
    parts = []
    for i, recording in enumerate(listened.recordings):
        count = int(listened.offsets[i + 1] - listened.offsets[i])
        parts.append(data.read(recording.path).params[name].sample(moments.RATE, 0, count))
    return np.concatenate(parts)


def marked(listened: Listened, truth: np.ndarray, places: list[int]) -> list[Mark]:
    return [Mark(*listened.place(k), float(truth[k])) for k in places]


def asked(listened: Listened, truth: np.ndarray, count: int) -> list[int]:
    places: list[int] = []
    while len(places) < count:
        places.append(listened.question(marked(listened, truth, places)))
    return places


def compared(listened: Listened, truth: np.ndarray, places: list[int], clips: bool) -> tuple[float, float]:
    """Correlation with the truth, and mean error as a share of its range, where nothing is marked."""
    values = listened.learn(marked(listened, truth, places)).values
    if not clips:
        rest = np.setdiff1d(np.arange(len(truth)), places)
        pair = values[rest], truth[rest]
    else:
        owner = np.repeat(np.arange(len(listened.recordings)), np.diff(listened.offsets))
        left = [i for i in range(len(listened.recordings)) if i not in owner[places]]
        pair = tuple(np.array([row[owner == i].mean() for i in left]) for row in (values, truth))
    if np.ptp(pair[0]) == 0:
        return 0.0, float(np.abs(pair[0] - pair[1]).mean() / np.ptp(truth))
    return float(np.corrcoef(*pair)[0, 1]), float(np.abs(pair[0] - pair[1]).mean() / np.ptp(truth))


def row(name: str, listened: Listened, truth: np.ndarray, clips: bool = False) -> str:
    count = CLIP_MARKS if clips else MARKS
    correlation, error = compared(listened, truth, asked(listened, truth, count), clips)
    draws = [np.random.default_rng(seed).choice(len(truth), count, replace=False).tolist() for seed in range(RANDOM)]
    found = [compared(listened, truth, places, clips) for places in draws]
    middle, worst = np.median(found, axis=0), min(found)
    return (
        f"| {name} | {correlation:.3f} | {100 * error:.1f}% | {middle[0]:.3f} | {100 * middle[1]:.1f}% "
        f"| {worst[0]:.3f} | {100 * worst[1]:.1f}% |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--textures", nargs="+", default=list(SETS), choices=SETS)
    parser.add_argument("--clips", type=Path)
    parser.add_argument("--write", type=Path)
    args = parser.parse_args()
    print("| parameter | asked: correlation | error | random: median correlation | error | worst correlation | error |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for texture in args.textures:
            for seed in range(args.seeds):
                name, out = SETS[texture], (args.write or Path(folder)) / f"{texture}-{seed}"
                settings = {"files": FILES, "seconds": SECONDS, "random": True, "glide": True, "seed": seed}
                wavs = write_texture(texture, out, vary=[name], **settings)
                listened = Listened.to(listen(wavs))
                truth = truth_of(listened, ParamManager(out), name)
                print(row(f"{texture} {name}, seed {seed}", listened, truth), flush=True)
                if args.write:
                    write_curves(listened, truth, texture, out)
    if args.clips:
        listened = Listened.to(listen(find(args.clips)[0]))
        print(row("kind", listened, truth_of(listened, ParamManager(args.clips), "kind"), clips=True))


def write_curves(listened: Listened, truth: np.ndarray, texture: str, out: Path) -> None:
    """Write what 8 marks mean to the folder OUT_learned, in param files like those of the texture."""
    name, about = SETS[texture], TEXTURES[texture].parameters[SETS[texture]]
    values = listened.learn(marked(listened, truth, asked(listened, truth, MARKS))).values
    curves = {}
    for i, recording in enumerate(listened.recordings):
        own, by = values[listened.offsets[i] : listened.offsets[i + 1]], "benchmarks/labelling"
        curves[recording.path] = {name: made_param(own, moments.RATE, about.low, about.high, about.units, by=by)}
    write_made(ParamManager(out, out.with_name(f"{out.name}_learned")), curves)


if __name__ == "__main__":
    main()
