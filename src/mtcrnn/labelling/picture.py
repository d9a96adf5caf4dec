"""The picture of what recordings differ in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mtcrnn.listening.describing import Described, smooth
from mtcrnn.listening.measures import MEASURES
from mtcrnn.listening.recordings import Recording
from mtcrnn.rendering import plots


def plot_described(
    recordings: Sequence[Recording], found: Sequence[Described], chosen: Sequence[str], smooth_s: float, path: Path
) -> None:
    """Draw how far each measure goes, how they depend on each other, and the chosen ones over all recordings."""
    readable = [one for one in found if one.can_be_read]

    def steps(ax: Any) -> None:
        names = [one.name for one in readable]
        ax.bar(names, [one.steps for one in readable], color=["C1" if name in chosen else "0.7" for name in names])
        ax.set_ylabel("audible steps")
        ax.tick_params(axis="x", rotation=30)

    def alike(ax: Any) -> None:
        names = [one.name for one in readable]
        ax.imshow([[one.alike[name] for name in names] for one in readable], vmin=0, vmax=1, aspect="auto")
        ax.set_xticks(range(len(names)), names, rotation=30)
        ax.set_yticks(range(len(names)), names, fontsize=6)
        ax.set_ylabel("alike")

    def curve(name: str) -> plots.Draw:
        def draw(ax: Any) -> None:
            start = 0.0
            for recording in recordings:
                values = smooth(recording, name, smooth_s)
                kept, thin = plots.thinned(values)
                ax.plot(start + kept / recording.rate, thin, linewidth=0.7)
                start += recording.seconds
            if MEASURES[name].ratio:
                ax.set_yscale("log")
            ax.set_xlim(0, start)
            ax.set_ylabel(f"{name} ({MEASURES[name].units})")
            ax.grid(alpha=0.3)

        return draw

    panels = [steps, alike] if readable else []
    plots.save([*panels, *map(curve, chosen)], "time over all recordings (s)", path, share=False)
