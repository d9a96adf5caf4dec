"""The training state: what only resuming needs, validated against its model before it is used."""

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

MOMENTS = ("exp_avg", "exp_avg_sq")  # what Adam keeps for each weight, in addition to its number of steps


@dataclass(frozen=True)
class TrainState:
    """The state of the training that produced a saved model.

    Attributes:
        optimiser: Adam's state of each weight, by its number in the model: `step`, and `MOMENTS` of the weight's shape.
        train: the options.
        end: the planned last step, or None if only the time limit ends the run.
        elapsed: seconds of training so far, if there is a time limit.
        carried: recurrent states [L, batch, size] carried from window to window, or ().
        best: the lowest held-out loss, and its step.
        data: the training data's `Corpus.fingerprints`; {} if an older version wrote the state.
    """

    optimiser: dict[int, dict[str, Tensor]]
    train: Train
    end: int | None
    elapsed: float
    carried: tuple[Tensor, ...]
    best: tuple[float, int]
    data: dict[str, tuple[int, int, int]]

    def check_for(self, model: Model, where: str) -> None:
        """Check shapes, types and values against the model: the optimiser writes into these tensors unchecked.

        Raises:
            InputError: the first tensor that does not fit; `where` names the file.
        """
        weights = list(model.module.named_parameters())
        if sorted(self.optimiser) != list(range(len(weights))):
            raise InputError(f"{where} is for a model of {len(self.optimiser)} weights; this one has {len(weights)}")
        for known, (name, weight) in zip((self.optimiser[k] for k in range(len(weights))), weights, strict=True):
            _check_tensor(known["step"], (), torch.float32, f"{where}: the step of {name}")
            for moment in MOMENTS:
                _check_tensor(known[moment], tuple(weight.shape), weight.dtype, f"{where}: {moment} of {name}")
        first = model.net.init_state(1)
        if self.carried and len(self.carried) != len(first):
            raise InputError(f"{where}: {len(self.carried)} carried states; the net has {len(first)}")
        batch = self.carried[0].shape[1:2] if self.carried and self.carried[0].ndim == 3 else ()
        if self.carried and (not batch or not batch[0] or batch[0] % self.train.batch_size):
            raise InputError(f"{where}: its carried states are not of whole batches of {self.train.batch_size} windows")
        for k, (carried, initial) in enumerate(zip(self.carried, first, strict=False)):
            _check_tensor(
                carried, (initial.shape[0], *batch, *initial.shape[2:]), initial.dtype, f"{where}: carried state {k}"
            )


def load(file: Path) -> TrainState:
    """The training state in a file. Only tensors and plain values are unpickled.

    Raises:
        InputError: the file is damaged, lacks something, or holds anything else.
    """
    try:
        state = torch.load(io.BytesIO(file.read_bytes()), weights_only=True, map_location="cpu")
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror or error}") from error
    except Exception as error:  # a damaged file can make the unpickler raise anything
        raise InputError(f"{file} is damaged, or not a training state ({type(error).__name__})") from error
    expected = {spec.name for spec in fields(TrainState)}
    if not isinstance(state, dict) or set(state) | {"data"} != expected:
        raise InputError(f"{file} is not a training state: it must hold {listing(sorted(expected))}")

    def damaged(what: str) -> NoReturn:
        raise InputError(f"{file} is damaged: {what}")

    end, elapsed, best, carried = (state[name] for name in ("end", "elapsed", "best", "carried"))
    if not (end is None or (_is_whole(end) and end > 0)):
        damaged("the planned last step is not a whole number above 0")
    if not (_is_number(elapsed) and 0 <= elapsed < math.inf):
        damaged("the elapsed time is not a number of seconds")
    if not (isinstance(best, list | tuple) and len(best) == 2 and _is_number(best[0]) and _is_whole(best[1])):
        damaged("the best loss is not a number and a step")
    if not (isinstance(carried, list | tuple) and all(isinstance(part, Tensor) for part in carried)):
        damaged("the carried states are not tensors")
    data = state.get("data", {})
    if not (isinstance(data, dict) and all(isinstance(k, str) and _are_three(v) for k, v in data.items())):
        damaged("the data's entries are not three whole numbers for each file")
    train = parse(Train, state["train"], f"{file}: options")
    return TrainState(_adam(state["optimiser"], damaged), train, end, float(elapsed), tuple(carried), tuple(best), data)


def to_bytes(optimiser: Mapping[str, Any], others: Mapping[str, Any]) -> bytes:
    """The content of a file that `load` reads: an optimiser's state dict and the other fields of `TrainState`."""
    buffer = io.BytesIO()
    torch.save({"optimiser": optimiser, **others}, buffer)
    return buffer.getvalue()


def _adam(optimiser: Any, damaged: Callable[[str], NoReturn]) -> dict[int, dict[str, Tensor]]:
    """Adam's state of each weight, from its state dict."""
    kept = optimiser.get("state") if isinstance(optimiser, dict) else None
    if not isinstance(kept, dict):
        damaged("it holds no optimiser")
    for entry in kept.values():
        if not isinstance(entry, dict) or not all(isinstance(entry.get(n), Tensor) for n in ("step", *MOMENTS)):
            damaged("the optimiser's entries are not Adam's")
    if not all(_is_whole(k) for k in kept):
        damaged("the optimiser's entries are not numbered")
    return {k: {name: entry[name] for name in ("step", *MOMENTS)} for k, entry in kept.items()}


def _check_tensor(tensor: Tensor, shape: tuple[int, ...], dtype: torch.dtype, what: str) -> None:
    """Raise InputError unless a tensor is dense, finite, and of this shape and type."""
    if tuple(tensor.shape) != shape or tensor.dtype != dtype or tensor.layout != torch.strided:
        kind = f"{list(tensor.shape)} {tensor.dtype}".replace("torch.", "")
        raise InputError(f"{what} is {kind}, not {list(shape)} {dtype}".replace("torch.", ""))
    if not bool(torch.isfinite(tensor).all()):
        raise InputError(f"{what} holds NaN or infinite numbers")


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value  # no NaN


def _are_three(value: object) -> bool:
    return isinstance(value, list | tuple) and len(value) == 3 and all(_is_whole(number) for number in value)
