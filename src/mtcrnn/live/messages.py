"""The WebSocket protocol: the JSON messages of a page, validated, and the binary message of a block of sound."""

from __future__ import annotations

import struct
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from mtcrnn.core.errors import InputError
from mtcrnn.rendering.stream import Block

MOST_BYTES = 4096  # in one message of a page
MOST_MARGIN_MS, LEAST_MARGIN_MS = 500.0, 10.0
HEADER = struct.Struct("<dII")  # number of the first sample, of the take, of the newest change


class _Message(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)


class Start(_Message):
    """Play from the beginning; a seed that is left out is drawn at random."""

    type: Literal["start"]
    seed: Annotated[int, Field(ge=0, lt=2**31)] | None = None


class Stop(_Message):
    """Render no more."""

    type: Literal["stop"]


class Set(_Message):
    """Move parameters, in the user's units; `change` counts the changes."""

    type: Literal["set"]
    values: Annotated[dict[str, float], Field(max_length=64)] = {}
    temperature: float | None = None
    change: Annotated[int, Field(ge=0, lt=2**32)] = 0


class Margin(_Message):
    """How far to render ahead."""

    type: Literal["margin"]
    ms: float


class Played(_Message):
    """How many samples of a take the page has played."""

    type: Literal["played"]
    take: Annotated[int, Field(ge=0, lt=2**32)]
    samples: Annotated[int, Field(ge=0, lt=2**53)]


Message = Start | Stop | Set | Margin | Played
_ADAPTER: TypeAdapter[Message] = TypeAdapter(Annotated[Message, Field(discriminator="type")])


def read(text: str) -> Message:
    """A message from its JSON.

    Raises:
        InputError: not a valid message.
    """
    try:
        return _ADAPTER.validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{where or 'message'}: {first['msg']}") from error


def pack(take: int, block: Block) -> bytes:
    """A block as bytes: the header, then its samples as little-endian float32, those of all channels in turn."""
    return HEADER.pack(block.first, take, block.change) + block.samples.astype("<f4").tobytes()
