"""Level 2: models written by the original code: `model_STEP.pkl`, a bare state dict whose sizes are in no file.

The sizes come from the original's flags, or from the `log/args.txt` beside the model. Only tensors are unpickled.
"""

from __future__ import annotations

import ast
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mtcrnn.checkpoint import fit_weights
from mtcrnn.config import Net, Tier
from mtcrnn.errors import InputError, listing
from mtcrnn.model import Model
from mtcrnn.modelconfig import ModelConfig
from mtcrnn.options import check_sizes, defaults
from mtcrnn.params import Range

Renaming = dict[str, str | tuple[str, ...]]  # our tensor's name -> the original's, or several stacked by rows


def read_flags(path: Path) -> dict[str, Any]:
    """The flags in the `log/args.txt` beside a model's folder (a printed `Namespace(...)`); {} where there is none."""
    file = path.parent.parent / "log" / "args.txt"
    if not file.is_file():
        return {}
    try:
        call = ast.parse(file.read_text(encoding="utf-8").strip(), mode="eval").body
        if not isinstance(call, ast.Call):
            raise ValueError("no Namespace(...)")
        return {word.arg: ast.literal_eval(word.value) for word in call.keywords if word.arg}
    except (SyntaxError, ValueError) as error:
        raise InputError(f"{file} is no args.txt of the original: {error}") from error


def load(path: Path, flags: Mapping[str, Any]) -> Model:
    """A model of the original, with its encoder and with parameters in the units that it was trained on.

    Args:
        path: the model_STEP.pkl.
        flags: the original's flags by name; those left out, or None, come from log/args.txt, then from its defaults.

    Raises:
        InputError: a file that is no bare state dict of tensors, or tensors that do not fit the flags.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    known = {**defaults(Tier, original=True), **defaults(Net, original=True), **read_flags(path), **given}
    tier = Tier(**{name: _as_tuple(known[name]) for name in defaults(Tier)})
    net = Net(str(known["net"]), **{name: known[name] for name in defaults(Net) if name != "net"})
    check_sizes(tier, {name: known.get(name) for name in ("gen_size", "cond_size")})
    step = int(path.stem.rpartition("_")[2])
    names = (*(() if tier.is_audio else tier.generate), *tier.prop)
    ranges = {name: Range(0.0, 1.0) for name in names}
    model = Model(ModelConfig(tier, net, ranges, step=step, codec="mulaw-floor"))
    theirs = _read_tensors(path)
    fit_weights(model.module, _renamed(theirs, _renaming(model), path), str(path))
    return model


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _read_tensors(path: Path) -> dict[str, Tensor]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        reason = "it wants to run code" if "global" in str(error).lower() else "it is damaged, or no pickle of tensors"
        raise InputError(f"{path} is refused: {reason}; expected a bare state dict of tensors") from error
    except Exception as error:  # damaged bytes make the unpickler fail in any way
        raise InputError(f"{path} is damaged, or no model of the original ({type(error).__name__})") from error
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise InputError(f"{path} holds something else than a state dict of tensors, which the original writes")
    return content


def _renaming(model: Model) -> Renaming:
    """What each of our tensors is called in the original's state dict."""
    tier, net = model.config.tier, model.config.net.net
    result: Renaming = {}
    for ours in model.module.state_dict():
        layer, _, rest = ours.partition(".")
        if layer == "inward":
            result[ours] = f"i2d.{rest}"
        elif layer == "widen":
            result[ours] = f"d2h.{rest}"
        elif layer in ("gru", "shared"):
            result[ours] = f"gru.{rest}"
        elif layer == "cells":
            number, _, tensor = rest.partition(".")
            their = {"inward.weight": "linear_ih.weight", "inward.bias": "bias", "recurrent.weight": "linear_hh.weight"}
            result[ours] = f"plstm_layer.cells.{number}.{their.get(tensor, tensor)}"
        elif layer == "head":
            parts = ("mu", "sigma", "pi") if net == "mixture" else ("h2o",) if tier.is_audio else ("h2n", "h2v")
            result[ours] = tuple(f"{part}.{rest}" for part in parts)
        else:
            result[ours] = _split_name(layer, rest, net)
    return result


def _split_name(layer: str, rest: str, net: str) -> str | tuple[str, ...]:
    """The original's name of `stacks.K.TENSOR` or `heads.K.TENSOR` of a split net."""
    number, _, tensor = rest.partition(".")
    if net.startswith("split-moments"):
        return f"{('mu', 'sigma')[int(number)]}{1 if layer == 'stacks' else 2}.{tensor}"
    part = f"out_pro.{number}"
    return f"{part}.rec.{tensor}" if layer == "stacks" else (f"{part}.h2n.{tensor}", f"{part}.h2v.{tensor}")


def _renamed(theirs: Mapping[str, Tensor], renaming: Renaming, path: Path) -> dict[str, Tensor]:
    """The original's tensors under our names; what is missing or left over is listed."""
    wanted = {ours: (names,) if isinstance(names, str) else names for ours, names in renaming.items()}
    used = {name for names in wanted.values() for name in names}
    problems = [f"{name} is missing" for name in sorted(used - set(theirs))]
    problems += [f"{name} is not known" for name in sorted(set(theirs) - used)]
    if problems:
        raise InputError(f"{path} does not fit the flags: {listing(problems)}")
    return {
        ours: torch.cat([theirs[name] for name in names]) if len(names) > 1 else theirs[names[0]]
        for ours, names in wanted.items()
    }
