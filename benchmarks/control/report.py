"""docs/control.md and its pictures, from the results of all rows that are there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from learners import DEFAULTS, LEARNERS
from matplotlib.figure import Figure
from subjects import RECORDED, TEXTURE_SUBJECTS

from mtcrnn.core.files import write_text

INTRODUCTION = Path(__file__).with_name("introduction.md")
OTHERS = """\
The same data, the same points: median error; rank correlation; minutes and steps of training. "train.py" is the
original's recipe (MTCRNN, 2020): four GRU layers of 256, sample by sample. "GRU, 4 x 48" is the small GRU with the
parameters in its input of RNNControl2, trained as this project trains. "Noise bands" are filtered noise, whose 48
levels a small GRU draws every 8 ms."""
Result = dict[str, Any]


def write_report(out: Path, docs: Path) -> None:
    """Write control.md and images/control-NAME.png."""
    rows = {}
    for path in sorted((out / "results").glob("*.json")):
        found = json.loads(path.read_text())
        rows[found["learner"], found["subject"]] = found
    own = {name: found for (learner, name), found in rows.items() if learner == DEFAULTS}
    textures = [own[s.name] for s in TEXTURE_SUBJECTS if s.name in own]
    recorded = [own[s.name] for s in RECORDED if s.name in own]
    text = [INTRODUCTION.read_text().strip(), "", _length(textures), "", *_control(textures), "", *_models(textures)]
    if recorded:
        text += ["", "## Recordings", "", *_recordings(recorded), "", *_models(recorded)]
    others = [s.name for s in TEXTURE_SUBJECTS if all((learner, s.name) in rows for learner in LEARNERS)]
    if others:
        text += ["", "## Beside others", "", OTHERS, "", *_others(rows, others)]
    text += ["", "## Pictures"]
    for found in textures:
        name = f"control-{found['subject']}.png"
        _picture(found, docs / "images" / name)
        text += ["", f"![{found['subject']}: asked against measured, and how a jump is heard](images/{name})"]
    write_text(docs / "control.md", "\n".join(text) + "\n")


def _length(results: list[Result]) -> str:
    """How long the nets of the table were trained."""
    seconds = [found["seconds"] for found in results]
    steps = {found.get("num_steps") for found in results}
    how = f"{steps.pop():,} steps each" if steps != {None} else "by the clock"
    return f"These nets were trained {how}: {min(seconds) / 60:.0f} to {max(seconds) / 60:.0f} minutes."


def _table(head: str, rows: Iterator[list[str]]) -> list[str]:
    columns = head.split("|")
    return [f"|{head}|", "|---" * len(columns) + "|", *(f"| {' | '.join(row)} |" for row in rows)]


def _control(results: list[Result]) -> list[str]:
    def rows() -> Iterator[list[str]]:
        for found in results:
            for name, at in found["points"].items():
                glide, jump = found["glides"][name], found["response"][name]
                yield [
                    found["subject"],
                    name,
                    _both(at, "error", _percent),
                    _both(at, "rank_correlation", _ranks),
                    _both(glide, "error", _percent),
                    _both(glide, "rank_correlation", _ranks),
                    f"{_share(at['model'], len(at['asked']))}",
                    _crosstalk(at),
                    _both(jump, "rise_ms", _milliseconds),
                    _both(jump, "heard_ms", _milliseconds),
                ]

    head = (
        " texture | parameter | error | rank correlation | error on glides | rank correlation | not read | crosstalk "
        "| 10 to 90% | heard after "
    )
    return _table(head, rows())


def _models(results: list[Result]) -> list[str]:
    def rows() -> Iterator[list[str]]:
        for found in results:
            free, kernel = found["free"], found["kernel"] or {}
            octaves = found["octaves"] or []
            yield [
                found["subject"],
                f"{found['seconds']:.0f} s, {found['steps']:,} steps",
                f"{found['nats']:.3f}",
                ", ".join(f"{one['generated'] / one['real']:.1f}" for one in kernel.values()),
                f"{max((abs(row['mean_db']) for row in octaves), default=np.nan):.1f}",
                f"{max((abs(row['floor_db']) for row in octaves), default=np.nan):.1f}",
                f"{free['silent_seconds']}",
                f"{free['loud_seconds']}",
                f"{free['drift_db']:+.2f}",
                f"{abs(free['dc']):.5f}",
            ]

    head = " | trained | nats | kernel distance (frames, textures) | spectrum, dB | floor, dB "
    return _table(head + "| silent, s | too loud, s | drift, dB | DC ", rows())


def _recordings(results: list[Result]) -> list[str]:
    def rows() -> Iterator[list[str]]:
        for found in results:
            for one in found["control"]:
                glide = one["glide"]
                yield [
                    found["subject"], one["parameter"], one["meter"],
                    _percent(one["median_relative_error"]), _ranks(one["correlation"]),
                    _percent(glide["median_relative_error"]), _ranks(glide["correlation"]),
                ]  # fmt: skip

    return _table(" recordings | parameter | meter | error | correlation | on a glide | correlation ", rows())


def _others(rows: dict[tuple[str, str], Result], names: list[str]) -> list[str]:
    def trained(learner: str, name: str) -> str:
        found = rows[learner, name]
        steps = f", {found['steps']:,} steps" if found["steps"] else ""
        return f"{found['seconds'] / 60:.1f} min{steps}"

    def lines() -> Iterator[list[str]]:
        for name in names:
            yield [name, "", *(trained(learner, name) for learner in LEARNERS)]
            for parameter in rows[DEFAULTS, name]["points"]:
                cells = [rows[learner, name]["points"][parameter]["model"] for learner in LEARNERS]
                yield ["", parameter, *(f"{_percent(c['error'])}; {_ranks(c['rank_correlation'])}" for c in cells)]

    return _table(f" texture | parameter | {' | '.join(LEARNERS)} ", lines())


def _both(found: dict[str, Any], key: str, shown: Any) -> str:
    return f"{shown(found['model'][key])} ({shown(found['texture'][key])})"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def _ranks(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _milliseconds(value: float | None) -> str:
    return "not heard" if value is None else f"{value:.0f} ms"


def _share(found: dict[str, Any], count: int) -> str:
    return f"{found['unread']} of {count}"


def _crosstalk(at: dict[str, Any]) -> str:
    """The largest effect of another parameter; of the texture's own sounds, in brackets."""

    def largest(kind: str) -> str:
        effects = at[kind]["crosstalk"]
        if not effects:
            return "-"
        name = max(effects, key=lambda other: abs(effects[other]))
        return f"{effects[name]:+.0%} by {name}" if kind == "model" else f"{effects[name]:+.0%}"

    return f"{largest('model')} ({largest('texture')})"


def _picture(found: Result, path: Path) -> None:
    names = list(found["points"])
    figure = Figure(figsize=(3.6 * len(names), 6.4), layout="constrained")
    for (top, below), name in zip(figure.subplots(2, len(names), squeeze=False).T, names, strict=True):
        at, jump = found["points"][name], found["response"][name]
        line = [min(at["asked"], default=0), max(at["asked"], default=1)]
        top.plot(line, line, color="0.7")
        top.plot(at["asked"], at["texture"]["measured"], ".", color="0.6", label="the texture")
        top.plot(at["asked"], at["model"]["measured"], ".", color="C1", label="the model")
        top.set_title(f"{found['subject']}: {name}")
        top.set_xlabel("asked")
        top.set_ylabel("measured")
        for kind, colour in (("texture", "0.6"), ("model", "C1")):
            below.plot(jump[kind]["times"], jump[kind]["curve"], color=colour)
        below.axvline(0, color="0.7", linewidth=0.8)
        below.set_xlim(-0.3, 0.8)
        below.set_ylim(-0.5, 1.5)
        below.set_xlabel("s after a jump")
        top.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=80)
