"""The engine as WebAssembly beside the native one: times real time, one core, random weights.

    python benchmarks/web.py

In wasmtime, and in the page of `mtcrnn export` in a headless Chromium, from a file without a network: the page's own
measure of how fast it can make sound, and the share of a core that its AudioWorklet takes while it plays.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from mtcrnn.config.generate import Playing
from mtcrnn.config.nets import Net
from mtcrnn.config.ranges import Range
from mtcrnn.config.tier import Tier
from mtcrnn.models.config import ModelConfig
from mtcrnn.models.model import new_model
from mtcrnn.rendering.opening import open_path
from mtcrnn.rendering.stream import Stream
from mtcrnn.runs import checkpoint, folders
from mtcrnn.web.export import export
from mtcrnn.web.making import voice_of
from page_driver import opened, slide
from wasm_driver import Module

SOUND = {"prop": ("a",), "sample_rate": 48000, "mulaw_channels": 255, "bands": 8}
MODELS = {
    "frame 192, 16 kHz (quick start)": (Tier(prop=("a",), period=("a=4*8^a",)), Net("frame", 192, 1)),
    "GRU 2 x 128, 16 kHz": (Tier(prop=("a",)), Net("gru", 128, 2)),
    "GRU 4 x 256, 16 kHz": (Tier(prop=("a",)), Net("gru", 256, 4)),
    "sub-bands, 48 kHz mono": (Tier(**SOUND), Net("subband", 192, 1, frame_size=4)),
    "sub-bands, 48 kHz stereo": (Tier(**SOUND, channels="stereo"), Net("subband", 192, 1, frame_size=4)),
    "the same, with a pitch": (
        Tier(**SOUND, channels="stereo", period=("a=100+200*a",)),
        Net("subband", 192, 1, frame_size=4),
    ),
}
ROUNDS, BLOCKS, PIECE = 5, 50, 128


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10.0, help="of playing in the page [%(default)g]")
    args = parser.parse_args()
    print("| net | native | wasmtime | Chromium: can | Chromium: takes | page |\n|---|---|---|---|---|---|")
    for name, (tier, net) in MODELS.items():
        config = ModelConfig(tier, net, {"a": Range(0, 1)})
        with tempfile.TemporaryDirectory() as folder:
            checkpoint.save(Path(folder) / "run" / "model", new_model(config, 1))
            run = Path(folder) / "run"
            native, module = native_speed(run), module_speed(run)
            page = Path(folder) / "page.html"
            size = export([run], page)
            can, takes = page_speed(page, args.seconds)
        print(f"| {name} | {native:.1f} | {module:.1f} | {can} | {takes} | {size / 1e6:.1f} MB |", flush=True)


def native_speed(run: Path) -> float:
    """Of a stream in blocks of 10 ms, the median of some rounds."""
    stream = Stream(open_path(run, Playing(precision="float32"), threads=1), 0)
    found = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        for _ in range(BLOCKS):
            stream.render()
        found.append(BLOCKS / stream.control_rate / (time.perf_counter() - started))
    return float(np.median(found))


def module_speed(run: Path) -> float:
    path = folders.find(str(run))
    config = folders.read_config(path)
    module, found = Module(voice_of(config, folders.read_weights(path), 0)), []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        for _ in range(count := round(0.5 * config.tier.sample_rate / PIECE)):
            module.play(PIECE)
        found.append(count * PIECE / config.tier.sample_rate / (time.perf_counter() - started))
    return float(np.median(found))


def page_speed(path: Path, seconds: float) -> tuple[str, str]:
    """How many times faster than real time the page can make sound, and the share of a core that it takes."""
    with opened(path.as_uri(), offline=True) as page:
        page.click("#play")
        for _ in range(round(seconds)):
            slide(page, "a", np.random.default_rng(0).random())
            page.wait_for_timeout(1000)
        found = re.fullmatch(r"([\d.]+) . real time, (\d+)% of a core", page.inner_text("#speed"))
        assert found, page.inner_text("#speed")
        return found[1], f"{found[2]}%"


if __name__ == "__main__":
    main()
