"""The picture of an evaluation: how each parameter is followed, and spectra of generated and real sound."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from mtcrnn.core.errors import InputError
from mtcrnn.rendering import plots


def plot_evaluation(found: Mapping[str, Any], path: Path) -> None:
    """Draw what `evaluation.evaluate` found, a panel below the other.

    Raises:
        InputError: no parameter could be measured, and the sounds are too short for spectra; as `plots.save`.
    """
    panels = list(_panels(found))
    if not panels:
        raise InputError("no parameter could be measured, and the sounds are too short: there is nothing to draw")
    plots.save(panels, "Hz" if found["spectra"] else "asked", path, share=False)


def _panels(found: Mapping[str, Any]) -> Iterator[plots.Draw]:
    for one in found["control"]:
        yield partial(_control, one)
    if found["spectra"]:
        yield partial(_spectra, found["spectra"])


def _control(one: Mapping[str, Any], ax: Any) -> None:
    """What was asked against what was measured, of one parameter."""
    ax.plot(one["asked"], one["asked"], color="0.7", label="asked")
    for part, mark in ((one, "o"), (one["glide"], "x")):
        heard = [(a, m) for a, m in zip(part["asked"], part["measured"], strict=True) if m is not None]
        label = "measured" if part is one else "measured on a glide"
        ax.plot([a for a, _ in heard], [m for _, m in heard], mark, label=label)
    ax.set_ylabel(plots.shown_text(f"{one['parameter']}: {one['meter']}"), parse_math=False)
    ax.set_xlabel("asked")
    ax.legend()
    ax.grid(alpha=0.3)


def _spectra(spectra: Mapping[str, Any], ax: Any) -> None:
    """Mean levels and noise floors of generated and real sound over frequency."""
    for kind, colour in (("real", "0.5"), ("generated", "C1")):
        for name, dashes in (("mean", "-"), ("floor", ":")):
            ax.plot(spectra["hz"], spectra[kind][name], dashes, color=colour, label=f"{kind}, {name}")
    ax.set_xscale("log")
    ax.set_ylabel("dB in 1/6 octave")
    ax.legend()
    ax.grid(alpha=0.3)
