"""The log files of a run: `log/args.txt`, `log/traininglog.txt` (tab-separated) and TensorBoard events."""

from __future__ import annotations

import errno
import logging
import math
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from tensorboardX.event_file_writer import EventsWriter  # the thread of SummaryWriter hangs on a full disk
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.summary import scalar

from mtcrnn.core.errors import InputError
from mtcrnn.core.files import write_text
from mtcrnn.runs.folders import ARGS

log = logging.getLogger(__name__)

LOG_NAME = "traininglog.txt"
COLUMNS = ("step", "loss", "bits", "held_out", "held_out_bits", "samples_per_s")
HEADER = "\t".join(COLUMNS) + "\n"


def bits(nats: float) -> float:
    """Nats to bits.

    >>> round(bits(math.log(2)), 12)
    1.0
    """
    return nats / math.log(2)


class RunLog:
    """Writes a row for each evaluation of a run, and keeps the newest numbers for the progress bar.

    Args:
        folder: the run's folder.
        description: the content of args.txt: the options that the run was started with.
        first: the step that the run continues from.

    Raises:
        InputError: the log's folder cannot be written.
    """

    def __init__(self, folder: Path, description: str, first: int = 0) -> None:
        self._folder = folder / ARGS.parent
        self._newest: dict[str, float] = {}
        self._events: EventsWriter | None = None
        self._warned = False
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"cannot write {self._folder}: {error.strerror or error}") from error
        write_text(folder / ARGS, description)
        self._drop_rows_after(first)

    def _drop_rows_after(self, step: int) -> None:
        """Drop the rows after the step that a run continues from: those steps are repeated."""
        path = self._folder / LOG_NAME
        if not path.exists():
            write_text(path, HEADER)
            return
        rows = path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)[1:]
        kept = [row for row in rows if re.match(r"\d+\t.*\n", row) and int(row.split("\t")[0][:18]) <= step]
        write_text(path, HEADER + "".join(kept))

    def __enter__(self) -> Self:
        with self._optional():
            self._events = EventsWriter(str(self._folder / "events"))
        return self

    def __exit__(self, *_: object) -> None:
        if self._events is not None:
            with self._optional():
                self._events.close()

    @contextmanager
    def _optional(self) -> Iterator[None]:
        """If the log cannot be written, warn once and continue: that must not stop the run."""
        try:
            yield
        except OSError as error:
            if not self._warned:
                log.warning("%s cannot be written (%s): the run continues", self._folder, error)
            self._warned = True

    def add(self, step: int, row: dict[str, float]) -> None:
        """Log losses in nats per step (`loss`, and `held_out` if measured) and the speed (`samples_per_s`)."""
        row = {**row, "bits": bits(row["loss"])}
        if "held_out" in row:
            row["held_out_bits"] = bits(row["held_out"])
        self._newest.update(row)
        cells = [str(step), *(f"{row[c]:.5g}" if c in row else "" for c in COLUMNS[1:])]
        with self._optional():
            _append(self._folder / LOG_NAME, "\t".join(cells) + "\n")
        with self._optional():
            self._add_events(step, row)

    def _add_events(self, step: int, row: dict[str, float]) -> None:
        """The same for TensorBoard. After the first error its file is no longer written."""
        if self._events is None:
            return
        try:
            for name, value in row.items():
                self._events.write_event(Event(step=step, wall_time=time.time(), summary=scalar(name, value)))
            self._events.flush()
        except OSError:
            with suppress(OSError):
                self._events.close()
            self._events = None
            raise

    def summary(self, best: float, verdict: str | None) -> str:
        """The newest numbers in one line to read, with the best held-out loss, and what free running does, if known."""
        newest = self._newest
        text = f"loss {newest['loss']:.3f} nats ({newest['bits']:.2f} bits)"
        if "held_out" in newest:
            text += f", held-out {newest['held_out']:.3f} (best {best:.3f})"
        if verdict:
            text += f", free running {verdict}"
        return text + f", {newest['samples_per_s']:,.0f} samples/s"


def _append(path: Path, line: str) -> None:
    """Append a line to a file, completely or not at all."""
    data = line.encode()
    with open(path, "ab", buffering=0) as file:
        size = file.tell()
        try:
            if file.write(data) != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            with suppress(OSError):
                file.truncate(size)
            raise


def read_log(path: Path) -> dict[str, list[tuple[int, float]]]:
    """The columns of a traininglog.txt as (step, value) pairs, by name.

    Raises:
        InputError: the file is not a training log.
    """
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")[
        :-1
    ]  # what follows the last newline is an incomplete line
    if not lines or tuple(lines[0].split("\t")) != COLUMNS:
        raise InputError(f"{path} is not a training log (its first line should name {', '.join(COLUMNS)})")
    columns: dict[str, list[tuple[int, float]]] = {name: [] for name in COLUMNS[1:]}
    for number, line in enumerate(lines[1:], 2):
        cells = line.split("\t")
        try:
            for name, cell in zip(COLUMNS[1:], cells[1:], strict=True):
                if cell:
                    columns[name].append((int(cells[0]), float(cell)))
        except ValueError as error:
            raise InputError(f"{path}, line {number}: not a row of a training log") from error
    return columns
