"""The gallery: pages of the quick start and of models that `benchmarks/control` trained, with pictures and figures.

    python benchmarks/control/gallery.py make docs/gallery
    python benchmarks/control/gallery.py check docs/gallery

`check` opens each page in Chromium and in Firefox, from the disk and without a network, moves its first parameter and
measures what is heard.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
from following import compared
from learners import DEFAULTS
from running import walk
from subjects import MOVING, SECONDS, STILL

import firefox_driver
import mtcrnn
import page_driver
from mtcrnn import evaluation
from mtcrnn.core.files import write_text
from mtcrnn.data.dataset import ParamManager
from mtcrnn.evaluation.meters import METERS
from mtcrnn.rendering import plots
from mtcrnn.runs import checkpoint, folders
from mtcrnn.runs.packing import Texts
from mtcrnn.textures import TEXTURES
from mtcrnn.web.export import export

CHOSEN = {name: name.capitalize() for name in ("engine", "insects", "wind", "rain", "fire")} | {"fm": "FM"}
LICENCE = "CC0: do with it, and with what you play on it, whatever you like."
PICTURE_S, SETTLE_S, HEARD_S, SHARES = 16, 1.5, 5.0, (0.25, 0.75)
HEAD = """# Gallery

Each page is one file: download it, open it in a browser, press Start and move the sliders. Nothing is installed and
nothing is sent anywhere. All were made by `make control` and `make gallery` on two CPU cores, from the built-in
textures, which are synthesised, so that pages and sounds are free of anybody's rights (CC0). How the figures are
measured: [control](../control.md).
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["make", "check"])
    parser.add_argument("gallery", type=Path)
    parser.add_argument("--trained", type=Path, default=Path("output/control"), help="by benchmarks/control")
    parser.add_argument("--quickstart", type=Path, default=Path("output/quickstart"), help="by make quickstart")
    args = parser.parse_args()
    if args.what == "make":
        make(args.gallery, args.trained, args.quickstart)
    else:
        check(args.gallery)


def make(gallery: Path, trained: Path, quickstart: Path) -> None:
    """Write the pages, their pictures and README.md."""
    gallery.mkdir(parents=True, exist_ok=True)
    one = evaluation.evaluate(str(quickstart.absolute()), ParamManager.at(quickstart / "pops", None))["control"][0]
    rows = [row(one["parameter"], compared(*(np.array(one[name], float) for name in ("asked", "measured"))))]
    newest = folders.find(str(quickstart.absolute()))
    seconds = checkpoint.load_train_state(newest).elapsed
    on = f"1.8 minutes of sound, {folders.step_of(newest):,} steps in {seconds / 60:.1f} minutes"
    lines = [HEAD, *entry("pops", "Pops", quickstart, gallery, on, rows)]
    minutes = (STILL + MOVING) * SECONDS / 60
    for name, title in CHOSEN.items():
        found = json.loads((trained / "results" / f"{DEFAULTS} {name}.json").read_text())
        rows = [row(parameter, at["model"]) for parameter, at in found["points"].items()]
        on = f"{minutes:.1f} minutes of sound, {found['steps']:,} steps in {found['seconds'] / 60:.1f} minutes"
        lines += ["", *entry(name, title, trained / "runs" / f"{DEFAULTS} {name}", gallery, on, rows)]
    write_text(gallery / "README.md", "\n".join(lines) + "\n")


def row(parameter: str, found: dict[str, Any]) -> str:
    """A row of a page's table."""
    return f"| {parameter} | {found['error']:.1%} | {found['rank_correlation']:.3f} |"


def entry(name: str, title: str, run: Path, gallery: Path, on: str, rows: list[str]) -> list[str]:
    """Write a page and its picture; what README.md says of it, and of what the run was trained `on`."""
    page = gallery / f"{name}.html"
    about = f"{TEXTURES[name].summary.capitalize()}. A neural network that mtcrnn trained on the texture '{name}'."
    page.unlink(missing_ok=True)
    size = export([run], page, Texts(title, about, LICENCE))
    picture(run, title, gallery / f"{name}.png")
    print(f"{page}: {size / 1e6:.1f} MB", flush=True)
    return [
        f"## {title}",
        "",
        f"[Play it]({name}.html).",
        "",
        f"![A walk through all its parameters]({name}.png)",
        "",
        f"{TEXTURES[name].summary.capitalize()}: trained on {on}; {size / 1e6:.1f} MB.",
        "",
        "| parameter | median error | rank correlation |",
        "|---|---|---|",
        *rows,
    ]


def picture(run: Path, title: str, path: Path) -> None:
    """A sound under a walk through all parameters."""
    player = mtcrnn.load(run)
    tier, ranges = player.config.tier, player.config.ranges
    rate = tier.sample_rate
    curves = walk(player)[: PICTURE_S * rate]
    sound = player.render(player.init(2, 1), curves[None])[0][0, :, 0]
    panels = plots.sound_panels(sound, rate, title)
    for name, curve in zip(tier.prop, curves.T, strict=True):
        panels.append(plots.even_panel(rate, curve, plots.with_units(name, ranges[name].units)))
    plots.save(panels, "time (s)", path)


def check(gallery: Path) -> None:
    """Play every page in both browsers, and print what was asked and heard."""
    print("| page | browser | parameter | asked | measured |\n|---|---|---|---|---|")
    for name in ("pops", *CHOSEN):
        address = (gallery / f"{name}.html").resolve().as_uri()
        with page_driver.opened(address, offline=True) as page:
            faults = page_driver.faults_of(page)
            page.click("#play")
            played(name, "Chromium", page.evaluate, page.wait_for_timeout)
            assert not faults, faults
        with (
            tempfile.TemporaryDirectory() as folder,
            firefox_driver.opened(address, Path(folder) / "profile") as firefox,
        ):
            firefox.wait_for("!document.querySelector('#play').disabled")
            firefox.click("#play")
            firefox.wait_for("mtcrnn.playing && mtcrnn.sound.context.currentTime > 0.5")
            played(
                name, "Firefox", firefox.evaluate, lambda ms: firefox.evaluate(f"new Promise(d => setTimeout(d, {ms}))")
            )


def played(name: str, browser: str, evaluate: Callable[[str], Any], wait: Callable[[float], Any]) -> None:
    """Move the first parameter, and measure."""
    parameter, about = next(iter(TEXTURES[name].parameters.items()))
    values = {other: each.default for other, each in TEXTURES[name].parameters.items()}
    for share in SHARES:
        values[parameter] = about.low + share * (about.high - about.low)
        for each in values:
            if not evaluate(f"document.querySelector('[data-name={each}]') !== null"):
                continue
            field = f"document.querySelector('[data-name={each}] input[type=number]')"
            evaluate(f"({field}.value = {values[each]:.6g}, {field}.dispatchEvent(new Event('change')), 0)")
        wait(1000 * SETTLE_S)
        heard = np.array(evaluate(f"({page_driver.LISTEN})([{HEARD_S}, 1])"), np.float32)[0]
        reading = METERS[str(about.meter)](heard, round(evaluate("window.mtcrnn.sound.context.sampleRate")))
        shown = "nothing" if reading is None else f"{reading[0]:.4g}"
        assert about.expected is not None
        print(f"| {name} | {browser} | {parameter} | {about.expected(values):.4g} | {shown} |", flush=True)


if __name__ == "__main__":
    main()
