"""How quick the page of `mtcrnn label` is: seconds to listen, memory, seconds a mark, frames a second; and pictures.

    python benchmarks/label_page.py FOLDER
    python benchmarks/label_page.py rain_fire --high fire --pictures docs/images

Eight moments are marked where the page asks: high in recordings whose names begin with `--high`, low in all others. The
folder is not changed: what is said goes to a temporary one.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from live_driver import command
from page_driver import opened, wait_for

WIDTHS, MARKS, SECONDS = (1280, 400), 8, 4.0
SCROLL = """(seconds) => new Promise((done) => {
  const { timeline } = mtcrnn, before = timeline.frames, start = performance.now();
  let last = start, worst = 0;
  const step = () => {
    const now = performance.now();
    worst = Math.max(worst, now - last);
    last = now;
    timeline.look(timeline.view.from + timeline.view.seconds / 120);
    if (now - start < 1000 * seconds) requestAnimationFrame(step);
    else done([(1000 * (timeline.frames - before)) / (now - start), worst]);
  };
  requestAnimationFrame(step);
})"""


def peak_mb(pid: int) -> float:
    """The most memory that a process had, in MB (Linux)."""
    return int(next(line for line in open(f"/proc/{pid}/status") if line.startswith("VmHWM")).split()[1]) / 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--name", default="fire", help="of the parameter [%(default)s]")
    parser.add_argument("--high", default="fire", help="how the names of recordings begin that get the high value")
    parser.add_argument("--pictures", type=Path, help="folder for label-1280.png and label-400.png")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as state:
        words = ["label", str(args.folder), "--param_dir", f"{state}/params", "--no-browser"]
        start = time.monotonic()
        with command(Path(state), *words) as (process, address):
            print(f"listened for {time.monotonic() - start:.1f} s, at most {peak_mb(process.pid):.0f} MB")
            with opened(address, WIDTHS[0], 1120) as page:
                mark_all(page, args.name, args.high)
                total = page.evaluate("mtcrnn.timeline.total")
                for seen in (min(total, 3600), min(total, 60), 8):
                    page.evaluate(f"mtcrnn.timeline.look({total / 3}, {seen})")
                    page.wait_for_timeout(1500)
                    rate, worst = page.evaluate(SCROLL, SECONDS)
                    print(f"scrolling, {seen:.0f} s in view: {rate:.0f} frames a second, worst {worst:.0f} ms")
                page.evaluate("mtcrnn.timeline.look(mtcrnn.timeline.cursor - 30, 60)")
                for width in WIDTHS if args.pictures else ():
                    page.set_viewport_size({"width": width, "height": 1120 if width > 800 else 1500})
                    page.wait_for_timeout(1000)
                    page.screenshot(path=args.pictures / f"label-{width}.png")
            print(f"at most {peak_mb(process.pid):.0f} MB")


def mark_all(page, name: str, high: str) -> None:
    page.fill("#new-name", name)
    page.click("#add button")
    wait_for(page, "mtcrnn.state.parameters.length === 1")
    waited = []
    for k in range(MARKS):
        page.focus("#timeline")
        page.keyboard.press("q")
        page.wait_for_timeout(500)
        asked = page.evaluate("mtcrnn.state.parameters[0].question.recording")
        start = time.monotonic()
        page.keyboard.press("9" if asked.startswith(high) else "0")
        wait_for(page, f"mtcrnn.state.parameters[0].marks.length === {k + 1}")
        waited.append(time.monotonic() - start)
    print("from a mark to its curve: " + ", ".join(f"{seconds:.2f}" for seconds in waited) + " s")


if __name__ == "__main__":
    main()
