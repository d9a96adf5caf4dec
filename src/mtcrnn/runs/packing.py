"""A model as one file, NAME.mtcrnn: a zip of its configuration, its weights, and what it is.

Nothing in it can run code, and nothing is unpacked to disk: a file from a stranger is read with limits on all sizes.
"""

from __future__ import annotations

import dataclasses
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from mtcrnn.core.errors import InputError, unknown
from mtcrnn.core.files import keep_previous, write_bytes
from mtcrnn.core.validation import parse, parse_json, strict

SUFFIX = ".mtcrnn"
ABOUT, CONFIG, WEIGHTS = "about.json", "config.json", "weights.safetensors"  # the files in it
VERSION = 1
MOST_BYTES = {ABOUT: 1 << 16, CONFIG: 1 << 20, WEIGHTS: 1 << 30}
MOST_RATIO = 100  # of a file's size to its packed size
MOST_NAME, MOST_TEXT = 200, 2000  # characters
BITS = 16, 32  # of a weight


@strict
@dataclass(frozen=True)
class Texts:
    """What people are told of a model."""

    title: str | None = None
    about: str | None = None
    licence: str | None = None

    def __post_init__(self) -> None:
        for name, text in dataclasses.asdict(self).items():
            if text is not None and not 0 < len(text.strip()) <= MOST_TEXT:
                raise InputError(f"`{name}`: 1 to {MOST_TEXT} characters")

    def over(self, others: Texts) -> Texts:
        """These texts, and others where there are none."""
        own = {name: text for name, text in dataclasses.asdict(self).items() if text is not None}
        return dataclasses.replace(others, **own)


@strict
@dataclass(frozen=True)
class About:
    """What a packed model says of itself."""

    name: str
    texts: Texts = dataclasses.field(default_factory=Texts)
    bits: int = 32
    version: int = VERSION

    def __post_init__(self) -> None:
        if not 0 < len(self.name) <= MOST_NAME:
            raise InputError(f"name: 1 to {MOST_NAME} characters")
        if self.bits not in BITS:
            raise unknown("bits", str(self.bits), [str(each) for each in BITS])


def is_packed(path: Path) -> bool:
    """Whether a path means a packed model."""
    return path.suffix.lower() == SUFFIX and not path.is_dir()


def pack(config: Mapping[str, Any], weights: Mapping[str, NDArray[np.float32]], about: About, path: Path) -> int:
    """Write a packed model, and return its size in bytes; a file that was there is kept under another name.

    Args:
        config: the model's configuration, as JSON.
        weights: its tensors.
        about: what it is; its `bits` are those of a weight.
        path: the file.

    Raises:
        InputError: another suffix, weights that do not fit into 16 bits, or a file that cannot be written.
    """
    if path.suffix.lower() != SUFFIX:
        raise InputError(f"{path}: the name of a packed model ends in {SUFFIX}")
    kept = halved(weights) if about.bits == 16 else dict(weights)
    content = {
        ABOUT: (json.dumps(dataclasses.asdict(about), indent=2) + "\n").encode(),
        CONFIG: (json.dumps(config, indent=2) + "\n").encode(),
        WEIGHTS: save({name: np.ascontiguousarray(tensor) for name, tensor in kept.items()}),
    }
    data = _zipped(content)
    keep_previous(path)
    write_bytes(path, data)
    return len(data)


def _zipped(content: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in content.items():
            file.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)  # without the time: the same bytes again
    return buffer.getvalue()


def halved(weights: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float16]]:
    """Weights with 16 bits each. Raises InputError if one is not finite, or above 65504."""
    with np.errstate(over="ignore"):
        rounded = {name: tensor.astype(np.float16) for name, tensor in weights.items()}
    if not all(np.isfinite(tensor).all() for tensor in rounded.values()):
        raise InputError("weights are broken, or above 65504: `bits` 32 keeps them as they are")
    return rounded


def read_about(path: Path) -> About:
    """What a packed model says of itself. Raises InputError as all that read one: no such file, or a damaged one."""
    content = parse_json(_read(path, ABOUT).decode("utf-8", "replace"), f"{path}: {ABOUT}")
    version = content.get("version") if isinstance(content, dict) else None
    if version != VERSION or isinstance(version, bool):
        raise InputError(f"{path}: version {version!r} of packed models; this mtcrnn reads version {VERSION}")
    return parse(About, content, f"{path}: {ABOUT}")


def read_packed_config(path: Path) -> Any:
    """The JSON of a packed model's configuration."""
    read_about(path)
    return parse_json(_read(path, CONFIG).decode("utf-8", "replace"), f"{path}: {CONFIG}")


def read_packed_weights(path: Path) -> dict[str, NDArray[Any]]:
    """The tensors of a packed model, as they are stored."""
    try:
        found: dict[str, NDArray[Any]] = load(_read(path, WEIGHTS))
    except (SafetensorError, ValueError, KeyError) as error:
        raise InputError(f"{path}: {WEIGHTS} cannot be read as model weights: {error}") from error
    return found


def _read(path: Path, name: str) -> bytes:
    """A file in a packed model."""
    try:
        with zipfile.ZipFile(path) as file:
            names = file.namelist()
            if sorted(names) != sorted(MOST_BYTES):
                raise InputError(f"{path} is no packed model: it holds {', '.join(names[:5]) or 'nothing'}")
            info = file.getinfo(name)
            if info.file_size > min(MOST_BYTES[name], MOST_RATIO * (info.compress_size + 1000)):
                raise InputError(f"{path}: {name} would have {info.file_size:,} bytes, from {info.compress_size:,}")
            with file.open(name) as content:  # which gives no more than that
                return content.read()
    except InputError:
        raise
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except Exception as error:  # a damaged file makes the reader fail in any way
        raise InputError(f"{path} cannot be read as a packed model: {str(error) or type(error).__name__}") from error
