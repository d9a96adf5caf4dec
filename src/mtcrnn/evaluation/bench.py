"""Benchmark of playing speed (real-time factor): the engine and the torch reference, for `mtcrnn bench`."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mtcrnn.config.nets import Net
from mtcrnn.config.ranges import Range
from mtcrnn.config.tier import Tier
from mtcrnn.engine import Engine
from mtcrnn.engine.products import has_vnni
from mtcrnn.models.config import ModelConfig
from mtcrnn.models.model import new_model
from mtcrnn.rendering.opening import sounding
from mtcrnn.rendering.torch_player import TorchPlayer
from mtcrnn.runs import checkpoint, folders

STANDARD = ((4, 48), (2, 128), (4, 256), (3, 800))  # layers x units of a GRU, 8-bit mu-law, one parameter
REPEATS = 5  # each figure is the median of this many measurements
REPEAT_SECONDS = 0.5  # about how long one of them takes
TRIAL_STEPS = 16  # rendered to find how many steps that is
_FIRST_SOUND = """
import numpy as np, pathlib, sys
from mtcrnn.runs import folders
from mtcrnn.engine import Engine
path = pathlib.Path(sys.argv[1])
engine = Engine(folders.read_config(path), folders.read_weights(path), precision=sys.argv[2])
engine.render(engine.init(0), np.zeros((1, 1, len(engine.config.tier.prop))))
"""


@dataclass(frozen=True)
class Row:
    """One measurement.

    `rtf` is the real-time factor: the length of each sound over the time to render it. `first_sample_s` is the time
    from the start of the process to its first sample.
    """

    model: str
    net: str
    hidden_size: int
    n_layers: int
    backend: str
    precision: str
    batch: int
    threads: int
    samples_per_s: float
    rtf: float
    first_sample_s: float | None


def machine() -> dict[str, Any]:
    """The machine on which the figures were measured."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if line[:10] == "model name"]
        cpu = names[0] if names else cpu
    return {"cpu": cpu, "cores": os.cpu_count(), "vnni": has_vnni(), "python": platform.python_version()}


def bench(models: Sequence[str], batches: Sequence[int]) -> Iterator[Row]:
    """Measure models, or the standard sizes with random weights if there are none; yields one row at a time.

    Raises:
        InputError: no such model.
    """
    paths = [folders.find(model) for model in models]
    with tempfile.TemporaryDirectory() as folder:
        for layers, hidden in () if paths else STANDARD:
            config = ModelConfig(Tier(prop=("control",)), Net("gru", hidden, layers), {"control": Range(0, 1)})
            paths.append(checkpoint.save(Path(folder) / f"{layers}x{hidden}", new_model(config, 0)))
        for path in paths:
            yield from _measure(path, models[paths.index(path)] if models else path.parent.name, batches)


def _measure(path: Path, name: str, batches: Sequence[int]) -> Iterator[Row]:
    config, weights = folders.read_config(path), folders.read_weights(path)
    what = (name, config.net.net, config.net.hidden_size, config.net.n_layers)
    rate = config.tier.sample_rate
    for precision in ("float32", "int16", "int8"):
        first = _first_sound(path, precision)
        engine = Engine(config, weights, precision=precision)
        player = sounding(engine, config)
        most = engine.threads
        for batch in batches:
            engine.threads = most
            for threads in sorted({1 if batch == 1 else engine.cores(batch), engine.cores(batch)}):
                engine.threads = threads
                speed = _speed(player, batch, len(config.tier.prop))
                yield Row(*what, "engine", precision, batch, threads, speed, speed / batch / rate, first)
    player = sounding(TorchPlayer(checkpoint.load(path)), config)
    for batch in batches:
        speed = _speed(player, batch, len(config.tier.prop))
        yield Row(*what, "torch", "float32", batch, 1, speed, speed / batch / rate, None)


def _speed(player: Any, batch: int, cond_size: int) -> float:
    """Samples per second of all sounds together."""
    state = player.init(0, batch)

    def seconds(steps: int) -> float:
        parameters = np.zeros((batch, steps, cond_size))
        start = time.perf_counter()
        player.render(state, parameters)
        return time.perf_counter() - start

    seconds(TRIAL_STEPS)  # warms up
    steps = max(TRIAL_STEPS, round(REPEAT_SECONDS / (seconds(TRIAL_STEPS) / TRIAL_STEPS)))
    return batch * steps / statistics.median(seconds(steps) for _ in range(REPEATS))


def _first_sound(path: Path, precision: str) -> float:
    """Seconds from the start of Python to a model's first sample, with its engine already compiled."""

    def seconds() -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", _FIRST_SOUND, str(path), precision], check=True)
        return time.perf_counter() - start

    return statistics.median(seconds() for _ in range(REPEATS))


def table(rows: Iterator[Row], show: Callable[[str], None]) -> None:
    """Show rows as a table, one by one as they come."""
    heads = ("model", "backend", "weights", "batch", "cores", "samples/s", "x real time", "first sound")
    form = "{:20} {:8} {:8} {:>6} {:>6} {:>10} {:>12} {:>12}"
    show(form.format(*heads))
    for row in rows:
        first = f"{row.first_sample_s:.2f} s" if row.first_sample_s else ""
        counts = (row.batch, row.threads, f"{row.samples_per_s:,.0f}", f"{row.rtf:.2f}")
        show(form.format(row.model[-20:], row.backend, row.precision, *counts, first))


def as_json(rows: Iterator[Row]) -> dict[str, Any]:
    """The machine and all rows."""
    return {"machine": {**machine(), "torch": torch.__version__}, "rows": [asdict(row) for row in rows]}
