"""How well every texture follows all its parameters at once, and recordings theirs, beside others: docs/control.md.

    python benchmarks/control --recordings FOLDER

Each row is data, training, measuring; what is done already is kept in `--out`, so that a call goes on where the last
one ended. The recordings' folder has one folder for each set, with param files.
"""

from __future__ import annotations

import argparse
import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from following import follow_glides, follow_points
from learners import DEFAULTS, LEARNERS, NOISE_BANDS, learnt
from numpy.typing import NDArray
from report import write_report
from response import jumps, response
from running import run_free
from subjects import RECORDED, TEXTURE_SUBJECTS, Subject, texture_sounds

from mtcrnn.audio import files as sound_files
from mtcrnn.audio.stereo import mono
from mtcrnn.core.files import write_text
from mtcrnn.data.corpus import Corpus
from mtcrnn.data.dataset import ParamManager
from mtcrnn.evaluation import evaluate
from mtcrnn.evaluation.likelihood import held_out_nats
from mtcrnn.evaluation.likeness import measure_likeness
from mtcrnn.rendering.player import Player
from mtcrnn.rendering.session import rendered
from mtcrnn.runs import checkpoint, folders


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("output/control"), help="folder for all of it [%(default)s]")
    parser.add_argument("--recordings", type=Path, help="folder of the recordings' folders (default: textures only)")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="rows to measure now (default: all)")
    parser.add_argument("--learners", nargs="+", choices=LEARNERS, default=[DEFAULTS], help="[%(default)s]")
    parser.add_argument("--minutes", type=float, default=5.0, help="of training each [%(default)g]")
    parser.add_argument("--num_steps", type=int, help="train so many steps instead")
    parser.add_argument("--docs", type=Path, help="folder for control.md and its pictures (default: none are written)")
    args = parser.parse_args()
    if args.num_steps and NOISE_BANDS in args.learners:
        parser.error(f"{NOISE_BANDS} are trained by --minutes")
    length = {"num_steps": args.num_steps} if args.num_steps else {"minutes": args.minutes}
    subjects = [*TEXTURE_SUBJECTS, *(RECORDED if args.recordings else ())]
    for learner in args.learners:
        for subject in subjects:
            if not args.only or subject.name in args.only:
                measure(args.out, learner, subject, args.recordings, length)
    if args.docs:
        write_report(args.out, args.docs)


def measure(out: Path, learner: str, subject: Subject, recordings: Path | None, length: dict[str, Any]) -> None:
    """Train and measure one row, unless that is done."""
    result = out / "results" / f"{learner} {subject.name}.json"
    if result.exists():
        return
    print(f"{learner}: {subject.name}", flush=True)
    data = subject.data(out / "data" / subject.name, recordings)
    run = out / "runs" / f"{learner} {subject.name}"
    player, seconds = learnt(learner, subject, data, run, length)
    found: dict[str, Any] = {"learner": learner, "subject": subject.name, "seconds": seconds, **length}
    nets = folders.steps(run / "model")
    found["steps"] = nets[-1] if nets else None
    if subject.recordings:
        found |= _recorded(subject, data, run, player)
    else:
        found["points"] = follow_points(subject, partial(_play, player))
        if learner == DEFAULTS:
            found |= _texture(subject, data, player) | _model(data, run, player)
    result.parent.mkdir(parents=True, exist_ok=True)
    write_text(result, json.dumps(found, indent=1))


def _texture(subject: Subject, data: Path, player: Player) -> dict[str, Any]:
    """How a player follows parameters that move, and stays at the texture's levels."""
    play = partial(_play, player)
    found: dict[str, Any] = {"glides": follow_glides(subject, play), "response": {}}
    rate = player.config.tier.sample_rate
    middle = np.array([about.default for about in subject.parameters.values()])
    for k, (name, (low, high)) in enumerate(subject.ranges.items()):
        curves, at = jumps(low, high, middle, k, rate)
        found["response"][name] = {
            "model": response(play(curves, f"jumps of {name}"), at, rate),
            "texture": response(texture_sounds(subject, curves, 98), at, rate),
        }
    found["free"] = run_free(player, _heard(data, rate))
    return found


def _play(player: Player, parameters: NDArray[np.float64], what: str) -> NDArray[np.float32]:
    return mono(rendered(player, parameters, what))


def _recorded(subject: Subject, data: Path, run: Path, player: Player) -> dict[str, Any]:
    """What `mtcrnn evaluate` says of a model of recordings, and ten minutes of free running."""
    found = evaluate(str(run), ParamManager.at(data, None), meters=subject.meters)
    said = {name: found[name] for name in ("control", "kernel", "octaves")}
    heard = _heard(data, player.config.tier.sample_rate)
    return {**said, "nats": found["nats_per_sample"], "free": run_free(player, heard)}


def _heard(data: Path, rate: int) -> list[NDArray[np.float32]]:
    return [sound_files.read(wav, rate).samples for wav in ParamManager.at(data, None).wavs()]


def _model(data: Path, run: Path, player: Player) -> dict[str, Any]:
    """Likelihood and likeness of a net."""
    path = folders.find(str(run))
    model = checkpoint.load(path)
    corpus = Corpus.of_model(model.config, ParamManager.at(data, None))
    alike = measure_likeness(player, corpus) or {}
    said = {name: alike.get(name) for name in ("kernel", "octaves")}
    return {**said, "nats": held_out_nats(model, corpus, "tail")}


if __name__ == "__main__":
    main()
