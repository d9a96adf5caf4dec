"""Models of the original code: importing `model_STEP.pkl`, a bare state dict without the sizes of its net.

The sizes come from the original's flags, or from `log/args.txt` in the model's run. Only tensors are unpickled,
and only if the file holds all their data uncompressed.
"""

from __future__ import annotations

import ast
import io
import json
import pickletools
import re
import warnings
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mtcrnn.config.agreement import check_sizes
from mtcrnn.config.nets import Net
from mtcrnn.config.presets import defaults
from mtcrnn.config.ranges import Range
from mtcrnn.config.tier import Tier
from mtcrnn.core.errors import InputError, listing
from mtcrnn.core.validation import parse, read_text
from mtcrnn.models.config import ModelConfig
from mtcrnn.models.model import MOST_WEIGHTS, Model, misfits, weight_shapes
from mtcrnn.runs import checkpoint, folders

HEADS = {"categorical": ("h2o",), "normal": ("h2n", "h2v"), "mixture": ("mu", "sigma", "pi")}

Renaming = dict[str, tuple[str, ...]]  # our tensor's name -> the original's names; several are stacked by rows

MOST_FLAGS = 1 << 16  # bytes of an args.txt
MOST_BYTES = 8 * MOST_WEIGHTS  # of a model
OLD_PICKLES = 5  # pickles at the beginning of a file written by torch before 1.6
TENSOR_GLOBALS = re.compile(
    r"collections OrderedDict|torch\._utils _rebuild_(tensor|tensor_v2|parameter)|torch(\.cuda)? \w+Storage"
)
FLOATS = torch.float16, torch.bfloat16, torch.float32, torch.float64
ZIP = b"PK\3\4"  # how torch tells its two formats apart


def read_flags(path: Path) -> dict[str, Any]:
    """The flags in the `log/args.txt` of a model's run (a printed `Namespace(...)`); {} if there is no such file.

    Raises:
        InputError: the file holds anything else.
    """
    file = path.parent.parent / folders.ARGS
    if not file.is_file():
        return {}
    try:
        if file.stat().st_size > MOST_FLAGS:
            raise ValueError("it is too long")
        with warnings.catch_warnings(action="ignore"):
            call = ast.parse(read_text(file).strip(), mode="eval").body
        if not isinstance(call, ast.Call):
            raise ValueError("not a Namespace(...)")
        flags = {word.arg: ast.literal_eval(word.value) for word in call.keywords if word.arg}
        return json.loads(json.dumps(flags))  # plain values only
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError) as error:
        raise InputError(f"{file} is not an args.txt of the original: {str(error) or 'too deep'}") from error


def load(path: Path, flags: Mapping[str, Any]) -> Model:
    """A model of the original, with its encoding, and with parameters in the units that it was trained on.

    Args:
        path: the model_STEP.pkl.
        flags: the original's flags by name; those missing or None are taken from log/args.txt, else from its defaults.

    Raises:
        InputError: a file that is not a bare state dict of tensors, or tensors that do not fit the flags.
    """
    known = {**defaults(Tier, original=True), **defaults(Net, original=True)}
    known |= {name: value for given in (read_flags(path), flags) for name, value in given.items() if value is not None}
    where = f"the flags of {path}"
    tier = parse(Tier, {name: known[name] for name in defaults(Tier)}, where)
    net = parse(Net, {name: known[name] for name in defaults(Net)} | {"net": str(known["net"])}, where)
    check_sizes(tier, {name: known.get(name) for name in ("gen_size", "cond_size")})
    step = int(path.stem.rpartition("_")[2])
    ranges = {name: Range(0.0, 1.0) for name in tier.parameters}
    config = ModelConfig(tier, net, ranges, step=step, codec="mulaw-floor")
    shapes = weight_shapes(config)
    renaming = _renaming(config, shapes)
    theirs = _read_tensors(path)
    wanted = {
        name: (shapes[ours][0] // len(names), *shapes[ours][1:]) for ours, names in renaming.items() for name in names
    }
    if problems := misfits(wanted, theirs):
        raise InputError(f"{path} does not fit the flags: {'; '.join(problems[:6])}")
    if broken := [name for name, tensor in theirs.items() if not tensor.float().isfinite().all()]:
        raise InputError(f"{path} is broken: {broken[0]} holds NaN or infinite numbers")
    model = Model(config)
    weights = {ours: torch.cat([theirs[name] for name in names]) for ours, names in renaming.items()}
    model.module.load_state_dict(weights)
    return model


def import_model(model_dir: str, step: int, flags: dict[str, Any], output_dir: str) -> Path:
    """Convert a model of the original into a model folder `OUTPUT_DIR/model/model_STEP`, and return that folder.

    Raises:
        InputError: as `load`; also if the folder already holds a model of this step.
    """
    model = load(find(model_dir, step), flags)
    folder = folders.model_folder(output_dir)
    if model.config.step in folders.steps(folder):
        raise InputError(f"{folder} already holds a model of step {model.config.step}; choose another `output_dir`")
    return checkpoint.save(folder, model)


def find(model_dir: str, step: int) -> Path:
    """The model_STEP.pkl of the original that a user means (step 0: the newest). Raises InputError if there is none."""
    path = folders.find_original(model_dir, step)
    if path is None:
        found = sorted({s for folder in folders.original_folders(model_dir) for s in folders.original_steps(folder)})
        raise InputError(
            f"{model_dir} has no model of the original (model_STEP.pkl)"
            + (f" of step {step}; it has steps {listing(found)}" if found else "")
        )
    return path


def _read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a state dict, by name."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ValueError("too large")
        if any(not TENSOR_GLOBALS.fullmatch(name) for name in _globals_of(path)):
            raise InputError(f"{path} is refused: it wants to run code; expected a bare state dict of tensors")
        with warnings.catch_warnings(action="ignore"):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except InputError:
        raise
    except Exception as error:  # a damaged file can make the unpickler raise anything
        raise InputError(f"{path} is damaged, or not a model of the original ({type(error).__name__})") from error
    if not isinstance(content, dict) or not all(
        isinstance(name, str) and isinstance(value, Tensor) and value.layout == torch.strided and value.dtype in FLOATS
        for name, value in content.items()
    ):
        raise InputError(f"{path} does not hold a state dict of tensors, which the original writes")
    return content


def _globals_of(path: Path) -> set[str]:
    """The globals that the pickles in a file refer to, as "MODULE NAME".

    torch's own check is not enough: it allows `bytearray`, which can take any amount of memory.
    """
    with open(path, "rb") as file:
        pickles: Iterable[Any] = [file] * OLD_PICKLES
        zipped = file.read(len(ZIP)) == ZIP
        file.seek(0)
        if zipped:
            archive = zipfile.ZipFile(file)
            if sum(entry.file_size for entry in archive.infolist()) > path.stat().st_size:
                raise ValueError("compressed")
            pickles = [io.BytesIO(archive.read(name)) for name in archive.namelist() if name.endswith("data.pkl")]
        return {
            str(given or code.name)
            for part in pickles
            for code, given, _ in pickletools.genops(part)
            if code.name in ("GLOBAL", "STACK_GLOBAL", "INST")
        }


def _renaming(config: ModelConfig, names: Iterable[str]) -> Renaming:
    """The names of our tensors in the original's state dict."""
    net = config.net.net
    result: Renaming = {}
    for ours in names:
        layer, _, rest = ours.partition(".")
        if layer == "inward":
            result[ours] = (f"i2d.{rest}",)
        elif layer == "widen":
            result[ours] = (f"d2h.{rest}",)
        elif layer in ("gru", "shared"):
            result[ours] = (f"gru.{rest}",)
        elif layer == "cells":
            number, _, tensor = rest.partition(".")
            theirs = {
                "inward.weight": "linear_ih.weight",
                "inward.bias": "bias",
                "recurrent.weight": "linear_hh.weight",
            }
            result[ours] = (f"plstm_layer.cells.{number}.{theirs.get(tensor, tensor)}",)
        elif layer == "head":
            result[ours] = tuple(f"{part}.{rest}" for part in HEADS[config.distribution.kind])
        else:
            result[ours] = _split_names(layer, rest, net)
    return result


def _split_names(layer: str, rest: str, net: str) -> tuple[str, ...]:
    """The original's names for `stacks.K.TENSOR` or `heads.K.TENSOR` of a split net."""
    number, _, tensor = rest.partition(".")
    if net.startswith("split-moments"):
        return (f"{('mu', 'sigma')[int(number)]}{1 if layer == 'stacks' else 2}.{tensor}",)
    part = f"out_pro.{number}"
    return (f"{part}.rec.{tensor}",) if layer == "stacks" else (f"{part}.h2n.{tensor}", f"{part}.h2v.{tensor}")
