"""Live playing while the machine does other work: start times and underruns, also of other versions of the code.

    git archive OLD src | tar -x -C /tmp/old
    python benchmarks/busy_play.py output/quickstart --busy 2 --source /tmp/old/src
    python benchmarks/busy_play.py output/quickstart --training output/quickstart/pops

`mtcrnn play` is started many times. Then a listener plays its sound as `live/page/worklet.js` does, with its own clock:
it takes 128 samples at a time, reports every 4 ms what it has played, and starts once the margin is buffered.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from mtcrnn.live.messages import HEADER
from mtcrnn.live.sound_output import FADE_S
from mtcrnn.runs import folders

OURS = Path(__file__).parents[1] / "src"
QUANTUM, REPORT_S = 128, 0.004
PATIENCE_S = 120.0


class RefusalError(Exception):
    """The program refuses to play, for this reason."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, help="a run's folder")
    parser.add_argument("--busy", type=int, default=0, metavar="N", help="processes that compute at the same time [0]")
    parser.add_argument("--training", type=Path, metavar="DATA", help="train on this data set at the same time")
    parser.add_argument("--starts", type=int, default=20, metavar="K", help="how often to start it [%(default)s]")
    parser.add_argument("--seconds", type=float, default=60.0, help="of playing [%(default)g]")
    parser.add_argument("--margin", type=float, default=60.0, help="in ms [%(default)g]")
    parser.add_argument("--python", default=sys.executable, help="the interpreter that plays [this one]")
    parser.add_argument("--source", type=Path, nargs="+", default=[], metavar="DIR", help="other versions' src folders")
    args = parser.parse_args()
    sources = [OURS, *args.source]
    for source in sources:
        with suppress(RefusalError):
            first_sound(args, source)  # compiles its engine
    with busy(args.busy), training(args.model, args.training):
        for source in sources:
            measure_starts(args, source)
        for source in sources:
            measure_underruns(args, source)


@contextmanager
def busy(count: int) -> Iterator[None]:
    """Run `count` processes that do nothing but compute."""
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


@contextmanager
def training(model: Path, data: Path | None) -> Iterator[None]:
    """Train on a data set in the background; returns once its log has a row."""
    if data is None:
        yield
        return
    config = folders.read_config(folders.find(str(model)))
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, "-m", "mtcrnn", "train", "--data_dir", str(data), "--output_dir", f"{folder}/run"]
        words += ["--prop", *config.tier.prop, "--sample_rate", str(config.tier.sample_rate)]
        words += ["--num_steps", "1000000", "--checkpoint", "1000000"]
        with subprocess.Popen(words, stderr=subprocess.DEVNULL) as process:
            try:
                log, deadline = Path(folder, "run", "log", "traininglog.txt"), time.monotonic() + PATIENCE_S
                while not (log.exists() and len(log.read_text().splitlines()) > 1):
                    if process.poll() is not None or time.monotonic() > deadline:
                        raise SystemExit(f"{' '.join(words)} does not train")
                    time.sleep(0.2)
                yield
            finally:
                process.kill()


@contextmanager
def playing(args: argparse.Namespace, source: Path) -> Iterator[ClientConnection]:
    """Run a version's `mtcrnn play` as a process, and connect to it as a page does."""
    words = [args.python, "-m", "mtcrnn", "play", str(args.model), "--port", "0", "--no-browser"]
    with tempfile.TemporaryDirectory() as state, open(Path(state, "stderr"), "w+") as stderr:
        environment = {**os.environ, "PYTHONPATH": str(source), "XDG_STATE_HOME": state}
        pipes = {"stdout": subprocess.PIPE, "stderr": stderr, "text": True}
        with subprocess.Popen([*words, "--margin", str(args.margin)], env=environment, **pipes) as process:
            try:
                assert process.stdout is not None
                line = process.stdout.readline()
                if "http://" not in line:
                    process.wait()
                    raise RefusalError(Path(state, "stderr").read_text().strip().splitlines()[-1])
                parts = urlsplit(line.split(" at ")[1].split()[0])
                address = f"ws://{parts.netloc}/play?{parts.query}"
                with connect(address, origin=f"http://{parts.netloc}", open_timeout=PATIENCE_S, max_queue=None) as page:
                    yield page
            finally:
                process.kill()


def start(page: ClientConnection) -> dict:
    """Start the sound; returns the server's first message, which describes the model."""
    hello = json.loads(page.recv(timeout=PATIENCE_S))
    if hello["type"] != "hello":
        raise RefusalError(hello["text"])
    page.send(json.dumps({"type": "start", "seed": 1}))
    return hello


def first_sound(args: argparse.Namespace, source: Path) -> float:
    """Seconds from the start of the process to the first block of sound."""
    begin = time.monotonic()
    with playing(args, source) as page:
        start(page)
        while isinstance(page.recv(timeout=PATIENCE_S), str):
            pass
        return time.monotonic() - begin


def measure_starts(args: argparse.Namespace, source: Path) -> None:
    seconds, refusals = [], []
    for _ in range(args.starts):
        try:
            seconds.append(first_sound(args, source))
        except RefusalError as refused:
            refusals.append(str(refused))
    print(f"{source}: {args.starts} starts, {len(refusals)} refused {refusals[-1:]}", end="")
    if seconds:
        print(f"; first sound after {statistics.median(seconds):.2f} s, {max(seconds):.2f} s at worst", end="")
    print(flush=True)


def measure_underruns(args: argparse.Namespace, source: Path) -> None:
    try:
        with playing(args, source) as page:
            hello = start(page)
            worklet = Worklet(hello["sample_rate"], args.margin)
            threading.Thread(target=worklet.receive, args=(page,), daemon=True).start()
            end = time.monotonic() + args.seconds
            while (now := time.monotonic()) < end:
                worklet.play(now)
                if worklet.take:
                    page.send(json.dumps({"type": "played", "take": worklet.take, "samples": worklet.played}))
                time.sleep(REPORT_S)
    except RefusalError as refused:
        print(f"{source}: refused: {refused}")
        return
    print(
        f"{source}: {args.seconds:g} s at a margin of {args.margin:g} ms: {worklet.underruns} underruns, "
        f"{worklet.silent / max(worklet.silent + worklet.played, 1):.2%} silent",
        flush=True,
    )


class Worklet:
    """Plays blocks as `worklet.js` does: a block is late if it has not arrived by the time of its quantum."""

    def __init__(self, rate: int, margin_ms: float) -> None:
        self.rate, self.margin = rate, max(round(margin_ms / 1000 * rate), QUANTUM)
        self.arrived: deque[tuple[float, int]] = deque()  # when, and how many samples
        self.take = self.played = self.buffered = self.underruns = self.silent = 0
        self.running, self.gain = False, 0.0
        self.next = time.monotonic()  # the next quantum's time

    def receive(self, page: ClientConnection) -> None:
        """Receive blocks; runs in its own thread."""
        try:
            for data in page:
                if isinstance(data, bytes):
                    _, self.take, _ = HEADER.unpack_from(data)
                    self.arrived.append((time.monotonic(), (len(data) - HEADER.size) // 4))
        except ConnectionClosed:
            pass

    def play(self, now: float) -> None:
        """Play all quanta that are due by now."""
        while self.next <= now:
            while self.arrived and self.arrived[0][0] <= self.next:
                self.buffered += self.arrived.popleft()[1]
            self._quantum()
            self.next += QUANTUM / self.rate

    def _quantum(self) -> None:
        if not self.running and self.gain == 0 and self.buffered >= self.margin:
            self.running = True
        count = min(self.buffered, QUANTUM) if self.running else 0
        if self.running and count < QUANTUM:
            self.running = False
            self.underruns += 1
        self.buffered -= count
        self.played += count
        self.silent += QUANTUM - count if self.played else 0
        fade = FADE_S * self.rate
        self.gain = max(min(self.gain + count / fade, 1.0) - (QUANTUM - count) / fade, 0.0)


if __name__ == "__main__":
    main()
