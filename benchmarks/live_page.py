"""Latency of a page over 100 moves in a headless Chromium, then minutes of playing; also screenshots.

    python benchmarks/live_page.py output/quickstart --minutes 10 --pictures docs/images
    python benchmarks/live_page.py output/quickstart/pops.html

The page measures the latency itself: from a move until the first sample that follows it leaves the worklet. Underruns
are the browser's own count.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from live_driver import playing
from page_driver import opened, slide

MOVES, WIDTHS = 100, (1280, 400)
STATUS = "[mtcrnn.sound.status.underruns, mtcrnn.sound.status.played, mtcrnn.sound.latencies.values]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, help="for `mtcrnn play`, or a page that was exported")
    parser.add_argument("--control", default="rate", help="the parameter to move [%(default)s]")
    parser.add_argument("--minutes", type=float, default=10.0, help="of playing after the moves [%(default)g]")
    parser.add_argument("--pictures", type=Path, help="folder for play-1280.png and play-400.png, or page-...")
    args = parser.parse_args()
    rng = np.random.default_rng(1)
    name = "page" if args.model.suffix == ".html" else "play"
    with served(args.model) as address:
        for width in WIDTHS:
            with opened(address, width, 1400 if width < 600 else 1000) as page:
                start(page)
                if width == WIDTHS[0]:
                    moves(page, args.control, rng)
                    soak(page, args.control, rng, args.minutes)
                if args.pictures:
                    args.pictures.mkdir(parents=True, exist_ok=True)
                    page.screenshot(path=args.pictures / f"{name}-{width}.png", full_page=True)


@contextmanager
def served(model: Path) -> Iterator[str]:
    """The address of a page."""
    if model.suffix == ".html":
        yield model.absolute().as_uri()
        return
    with tempfile.TemporaryDirectory() as state, playing(model, Path(state), "--no-browser") as (_, address):
        yield address


def start(page) -> None:
    page.click("#play")
    page.wait_for_selector("#play[aria-pressed=true]")
    page.wait_for_timeout(9000)  # until the spectrogram is full


def moves(page, control, rng) -> None:
    late, _, before = page.evaluate(STATUS)
    for _ in range(MOVES):
        slide(page, control, rng.random())
        page.wait_for_timeout(rng.uniform(60, 200))
    page.wait_for_timeout(500)
    underruns, _, latencies = page.evaluate(STATUS)
    found = latencies[len(before) :]
    print(
        f"{len(found)} moves: median {np.median(found):.0f} ms, 95% {np.quantile(found, 0.95):.0f} ms, worst "
        f"{max(found):.0f} ms; {underruns - late} underruns; the browser's output adds "
        f"{page.evaluate('mtcrnn.sound.outputMs()'):.0f} ms"
    )


def soak(page, control, rng, minutes) -> None:
    late, played, _ = page.evaluate(STATUS)
    started = time.monotonic()
    while time.monotonic() - started < 60 * minutes:
        slide(page, control, rng.random())
        page.wait_for_timeout(500)
    wall, (underruns, end, _) = time.monotonic() - started, page.evaluate(STATUS)
    rate = page.evaluate("mtcrnn.hello.sample_rate")
    print(
        f"{wall:.0f} s: {underruns - late} underruns, {(end - played) / rate:.1f} s of sound played; "
        f"{page.inner_text('#speed')}"
    )


if __name__ == "__main__":
    main()
