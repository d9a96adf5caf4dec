"""What only going on with a training needs, checked against its model before anything is taken from it."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NoReturn

import torch
from torch import Tensor

from mtcrnn.config.train import Train
from mtcrnn.core.errors import InputError, listing
from mtcrnn.core.validation import parse
from mtcrnn.models.model import Model

MOMENTS = ("exp_avg", "exp_avg_sq")  # what Adam keeps of each weight, beside its number of steps


@dataclass(frozen=True)
class TrainState:
    """The training behind a saved model.

    Attributes:
        optimiser: what Adam knows of each weight, in the order of the model's: `step`, and `MOMENTS` of its shape.
        train: the options.
        end: the planned last step, or None where only the clock ends the run.
        elapsed: seconds of training so far, where the clock counts.
        carried: recurrent states [L, batch, size] of all windows, or ().
        best: the lowest held-out loss, and its step.
        data: what it was trained on, see `Corpus.marks`; {} where an older version wrote the state.
    """

    optimiser: dict[int, dict[str, Tensor]]
    train: Train
    end: int | None
    elapsed: float
    carried: tuple[Tensor, ...]
    best: tuple[float, int]
    data: dict[str, tuple[int, int, int]]

    def check_for(self, model: Model, where: str) -> None:
        """Compare names, shapes and types with the model's: the optimiser writes into these tensors unchecked.

        Raises:
            InputError: the first tensor that does not fit; `where` names the file.
        """
        weights = list(model.module.named_parameters())
        if sorted(self.optimiser) != list(range(len(weights))):
            raise InputError(f"{where} is for a model of {len(self.optimiser)} weights; this one has {len(weights)}")
        for known, (name, weight) in zip((self.optimiser[k] for k in range(len(weights))), weights, strict=True):
            _fits(known["step"], (), torch.float32, f"{where}: the step of {name}")
            for moment in MOMENTS:
                _fits(known[moment], tuple(weight.shape), weight.dtype, f"{where}: {moment} of {name}")
        first = model.net.init_state(1)
        if self.carried and len(self.carried) != len(first):
            raise InputError(f"{where}: {len(self.carried)} carried states; the net has {len(first)}")
        batch = self.carried[0].shape[1:2] if self.carried and self.carried[0].ndim == 3 else ()
        if self.carried and (not batch or not batch[0] or batch[0] % self.train.batch_size):
            raise InputError(f"{where}: its carried states are not of whole batches of {self.train.batch_size} windows")
        for k, (carried, one) in enumerate(zip(self.carried, first, strict=False)):
            _fits(carried, (one.shape[0], *batch, *one.shape[2:]), one.dtype, f"{where}: carried state {k}")


def load(file: Path) -> TrainState:
    """The training state in a file, of which only tensors and plain values are unpickled.

    Raises:
        InputError: it is damaged, lacks something, or holds anything else.
    """
    try:
        state = torch.load(io.BytesIO(file.read_bytes()), weights_only=True, map_location="cpu")
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror or error}") from error
    except Exception as error:  # damaged bytes make the unpickler fail in any way
        raise InputError(f"{file} is damaged, or no training state ({type(error).__name__})") from error
    expected = {spec.name for spec in fields(TrainState)}
    if not isinstance(state, dict) or set(state) | {"data"} != expected:
        raise InputError(f"{file} is no training state: it must hold {listing(sorted(expected))}")

    def wrong(what: str) -> NoReturn:
        raise InputError(f"{file} is damaged: {what}")

    end, elapsed, best, carried = (state[name] for name in ("end", "elapsed", "best", "carried"))
    if not (end is None or (_whole(end) and end > 0)):
        wrong("the planned last step is no whole number above 0")
    if not (_real(elapsed) and 0 <= elapsed < math.inf):
        wrong("the time it took is no number of seconds")
    if not (isinstance(best, list | tuple) and len(best) == 2 and _real(best[0]) and _whole(best[1])):
        wrong("the best loss is not a number and a step")
    if not (isinstance(carried, list | tuple) and all(isinstance(part, Tensor) for part in carried)):
        wrong("the carried states are not tensors")
    data = state.get("data", {})
    if not (isinstance(data, dict) and all(isinstance(k, str) and _three(v) for k, v in data.items())):
        wrong("what it says of the data are not three numbers a file")
    train = parse(Train, state["train"], f"{file}: options")
    return TrainState(_adam(state["optimiser"], wrong), train, end, float(elapsed), tuple(carried), tuple(best), data)


def as_plain(optimiser: Mapping[str, Any], others: Mapping[str, Any]) -> bytes:
    """The content of a file that `load` reads, from an optimiser's state dict and the other fields."""
    buffer = io.BytesIO()
    torch.save({"optimiser": optimiser, **others}, buffer)
    return buffer.getvalue()


def _adam(optimiser: Any, wrong: Callable[[str], NoReturn]) -> dict[int, dict[str, Tensor]]:
    """What Adam's state dict says of each weight."""
    kept = optimiser.get("state") if isinstance(optimiser, dict) else None
    if not isinstance(kept, dict):
        wrong("it holds no optimiser")
    for entry in kept.values():
        if not isinstance(entry, dict) or not all(isinstance(entry.get(n), Tensor) for n in ("step", *MOMENTS)):
            wrong("the optimiser's entries are not Adam's")
    if not all(_whole(k) for k in kept):
        wrong("the optimiser's entries are not numbered")
    return {k: {name: entry[name] for name in ("step", *MOMENTS)} for k, entry in kept.items()}


def _fits(tensor: Tensor, shape: tuple[int, ...], dtype: torch.dtype, what: str) -> None:
    """Raise InputError unless a tensor is plain, of this shape and type, and finite."""
    if tuple(tensor.shape) != shape or tensor.dtype != dtype or tensor.layout != torch.strided:
        kind = f"{list(tensor.shape)} {tensor.dtype}".replace("torch.", "")
        raise InputError(f"{what} is {kind}, not {list(shape)} {dtype}".replace("torch.", ""))
    if not bool(torch.isfinite(tensor).all()):
        raise InputError(f"{what} holds NaN or infinite numbers")


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63


def _real(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value  # no NaN


def _three(value: object) -> bool:
    return isinstance(value, list | tuple) and len(value) == 3 and all(_whole(number) for number in value)
