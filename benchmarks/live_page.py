"""Latency of the live page over 100 moves in a headless Chromium, then minutes of playing; also screenshots.

    python benchmarks/live_page.py output/quickstart --minutes 10 --pictures docs/images

The page measures the latency itself: from a move until the first sample that follows it leaves the worklet. Linux only
(/proc).
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from live_driver import playing
from page_driver import opened, slide

MOVES, WIDTHS = 100, (1280, 400)
STATUS = "[mtcrnn.sound.status.underruns, mtcrnn.sound.status.played, mtcrnn.sound.latencies.values]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--control", default="rate", help="the parameter to move [%(default)s]")
    parser.add_argument("--minutes", type=float, default=10.0, help="of playing after the moves [%(default)g]")
    parser.add_argument("--pictures", type=Path, help="folder for play-1280.png and play-400.png")
    args = parser.parse_args()
    rng = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as state, playing(args.model, Path(state), "--no-browser") as (process, address):
        for width in WIDTHS:
            with opened(address, width, 1400 if width < 600 else 1000) as page:
                start(page)
                if width == WIDTHS[0]:
                    moves(page, args.control, rng)
                    soak(page, args.control, rng, process.pid, args.minutes)
                if args.pictures:
                    args.pictures.mkdir(parents=True, exist_ok=True)
                    page.screenshot(path=args.pictures / f"play-{width}.png", full_page=True)


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


def soak(page, control, rng, pid, minutes) -> None:
    first, (late, played, _) = usage(pid), page.evaluate(STATUS)
    started = time.monotonic()
    while time.monotonic() - started < 60 * minutes:
        slide(page, control, rng.random())
        page.wait_for_timeout(500)
    wall, last, (underruns, end, _) = time.monotonic() - started, usage(pid), page.evaluate(STATUS)
    rate = page.evaluate("mtcrnn.hello.sample_rate")
    print(
        f"{wall:.0f} s: {underruns - late} underruns, {(end - played) / rate:.1f} s of sound played; memory "
        f"{first[0]:.0f} -> {last[0]:.0f} MB; {(last[1] - first[1]) / wall:.0%} of a core"
    )


def usage(pid: int) -> tuple[float, float]:
    """Resident memory in MB, and seconds of CPU time so far."""
    status = Path(f"/proc/{pid}/status").read_text()
    memory = next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return int(memory) / 1024, (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
