"""What a page may say, checked; and how a block of sound travels to it."""

from __future__ import annotations

import struct
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from mtcrnn.core.errors import InputError
from mtcrnn.rendering.stream import Block

MOST_BYTES = 4096  # of one message
MOST_MARGIN_MS, LEAST_MARGIN_MS = 500.0, 10.0
HEADER = struct.Struct("<dII")  # first sample, number of the take, number of the newest change


class _Message(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)


class Start(_Message):
    """Play from the beginning; without a seed, a new one."""

    type: Literal["start"]
    seed: Annotated[int, Field(ge=0, lt=2**31)] | None = None


class Stop(_Message):
    """Render no more."""

    type: Literal["stop"]


class Set(_Message):
    """Move controls, in the user's units; `change` counts the changes."""

    type: Literal["set"]
    values: Annotated[dict[str, float], Field(max_length=64)] = {}
    temperature: float | None = None
    change: Annotated[int, Field(ge=0, lt=2**32)] = 0


class Margin(_Message):
    """How far to render ahead."""

    type: Literal["margin"]
    ms: float


class Played(_Message):
    """How much of a take was played."""

    type: Literal["played"]
    take: Annotated[int, Field(ge=0, lt=2**32)]
    samples: Annotated[int, Field(ge=0, lt=2**53)]


Message = Start | Stop | Set | Margin | Played
_ANY: TypeAdapter[Message] = TypeAdapter(Annotated[Message, Field(discriminator="type")])


def read(text: str) -> Message:
    """A message from its JSON.

    Raises:
        InputError: anything else.
    """
    try:
        return _ANY.validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{where or 'message'}: {first['msg']}") from error


def pack(take: int, block: Block) -> bytes:
    """A block as bytes: the header, then its samples as little-endian float32."""
    return HEADER.pack(block.first, take, block.change) + block.samples.astype("<f4").tobytes()


def unpack(data: bytes) -> tuple[int, Block]:
    """The inverse of `pack`."""
    first, take, change = HEADER.unpack_from(data)
    return take, Block(int(first), change, np.frombuffer(data, "<f4", offset=HEADER.size))
