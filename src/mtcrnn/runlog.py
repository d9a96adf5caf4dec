"""Level 3: a run's log files: `log/args.txt`, `log/traininglog.txt` (tab-separated) and TensorBoard events."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Self

from tensorboardX import SummaryWriter

from mtcrnn.errors import InputError
from mtcrnn.files import write_text

LOG_NAME = "traininglog.txt"
COLUMNS = ("step", "loss", "bits", "held_out", "held_out_bits", "samples_per_s")


def bits(nats: float) -> float:
    """Nats as bits.

    >>> round(bits(math.log(2)), 12)
    1.0
    """
    return nats / math.log(2)


class RunLog:
    """Writes one row per look at a run; keeps the newest numbers for the progress bar.

    Args:
        folder: the run's folder.
        description: what the run was started with.
        first: the step that it goes on from.
    """

    def __init__(self, folder: Path, description: str, first: int = 0) -> None:
        self._folder = folder / "log"
        self._newest: dict[str, float] = {}
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"cannot write {self._folder}: {error.strerror or error}") from error
        write_text(self._folder / "args.txt", description)
        self._drop_rows_after(first)

    def _drop_rows_after(self, step: int) -> None:
        """Rows behind the step that a run goes on from were logged by steps that are taken again."""
        path = self._folder / LOG_NAME
        if path.exists():
            head, *rows = path.read_text(encoding="utf-8").splitlines(keepends=True)
            kept = [row for row in rows if row.endswith("\n") and int(row.split("\t")[0]) <= step]
            write_text(path, head + "".join(kept))

    def __enter__(self) -> Self:
        path = self._folder / LOG_NAME
        new = not path.exists()
        self._file = open(path, "a", encoding="utf-8", buffering=1)
        if new:
            self._file.write("\t".join(COLUMNS) + "\n")
        self._events = SummaryWriter(str(self._folder))
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._events.close()

    def add(self, step: int, row: dict[str, float]) -> None:
        """Log losses in nats per step (`loss`, and where measured `held_out`) and the speed."""
        row = {**row, "bits": bits(row["loss"])}
        if "held_out" in row:
            row["held_out_bits"] = bits(row["held_out"])
        self._newest.update(row)
        self._file.write("\t".join([str(step), *(f"{row[c]:.5g}" if c in row else "" for c in COLUMNS[1:])]) + "\n")
        for name, value in row.items():
            self._events.add_scalar(name, value, step)

    def summary(self, best: float) -> str:
        """The newest numbers for people, beside the best held-out loss."""
        newest = self._newest
        text = f"loss {newest['loss']:.3f} nats ({newest['bits']:.2f} bits)"
        if "held_out" in newest:
            text += f", held-out {newest['held_out']:.3f} (best {best:.3f})"
        return text + f", {newest['samples_per_s']:,.0f} samples/s"


def read_log(path: Path) -> dict[str, list[tuple[int, float]]]:
    """The columns of a traininglog.txt as (step, value) pairs, by name.

    Raises:
        InputError: the file is no training log.
    """
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    if not lines or tuple(lines[0].split("\t")) != COLUMNS:
        raise InputError(f"{path} is no training log (its first line should name {', '.join(COLUMNS)})")
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
