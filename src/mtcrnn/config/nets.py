"""The table of nets (`NETS`): what each can generate and where its code is; the options for a net's type and size.

A net is an entry here, a torch module in `models.nets` and a program for the compiled loop in `engine.nets`. The table
imports neither, so that using it does not load torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mtcrnn.config.options import Options, option, require
from mtcrnn.config.tier import AUTO, Tier
from mtcrnn.core.errors import InputError, unknown
from mtcrnn.core.validation import strict

MOST_HIDDEN, MOST_LAYERS, MOST_FRAME = 16384, 64, 4096


@dataclass(frozen=True)
class NetSpec:
    """The properties of a net.

    Attributes:
        file: the file of its torch module in `models.nets`, and of its program in `engine.nets`.
        module: the class name of the torch module.
        keywords: further arguments of both, where several nets share the code.
        number: the original's `--net NUMBER`, if it has one.
        audio: it can generate audio.
        parameters: it can generate parameters.
        mixture: its distribution of a parameter is a mixture of normal distributions, not a single one.
        framed: its recurrent layers step once per frame of `frame_size` steps, and it reads codes as integers.
        per_frame: the layers whose weights are read once per frame.
        tables: the layers of whose weights a step reads only single rows, as of an embedding.
        banded: it generates the codes of several sub-bands at each step.
        mixed: mixed precision trains it as well as float32 does, and faster.
    """

    file: str
    module: str
    keywords: Mapping[str, Any] = field(default_factory=dict)
    number: int | None = None
    audio: bool = True
    parameters: bool = True
    mixture: bool = False
    framed: bool = False
    per_frame: tuple[str, ...] = ()
    tables: tuple[str, ...] = ("inward",)
    mixed: bool = False
    banded: bool = False


def _split(number: int, **keywords: bool) -> NetSpec:
    return NetSpec("legacy.split", "SplitNet", keywords, number, audio=False)


_FRAME = NetSpec(
    "frame",
    "FrameNet",
    parameters=False,
    framed=True,
    per_frame=("gru", "spread"),
    tables=("newest", "ago"),
    mixed=True,
)

NETS = {
    "gru": NetSpec("gru", "GRUNet", number=0),
    "split-moments": _split(1, by_variable=False, shared=False),
    "split-moments-shared": _split(2, by_variable=False, shared=True),
    "split-variables": _split(3, by_variable=True, shared=False),
    "split-variables-shared": _split(4, by_variable=True, shared=True),
    "mixture": NetSpec("gru", "GRUNet", {"squash": True}, 5, audio=False, mixture=True),
    "gru-wide": NetSpec("gru", "GRUNet", {"wide": True}, 6),
    "phased-lstm": NetSpec("legacy.phased_lstm", "PhasedLSTMNet"),
    "frame": _FRAME,
    "subband": replace(_FRAME, file="subband", module="SubbandNet", tables=(*_FRAME.tables, "beneath"), banded=True),
}
_NUMBERS = {str(spec.number): name for name, spec in NETS.items() if spec.number is not None}


@strict
@dataclass(frozen=True)
class Net(Options):
    """The network's architecture and size."""

    net: str = option(
        "architecture, by name or the original's number (default for audio: frame, from 32 kHz on subband)", "gru"
    )
    hidden_size: int = option("units in each recurrent layer", 128)
    n_layers: int = option("number of recurrent layers", 2)
    frame_size: int = option("steps per frame: of samples (net frame) or of all bands (net subband)", 16)
    plstm: bool = option("use a Phased LSTM instead of the GRU (net 0 only)", False)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, most in (("hidden_size", MOST_HIDDEN), ("n_layers", MOST_LAYERS), ("frame_size", MOST_FRAME)):
            require(0 < getattr(self, name) <= most, name, getattr(self, name), f"above 0 and at most {most}")
        net = canonical_net(self.net)
        if self.plstm and net not in ("gru", "phased-lstm"):
            raise InputError(f"`plstm` needs net 0 (gru), not {net}")
        object.__setattr__(self, "net", "phased-lstm" if self.plstm else net)
        object.__setattr__(self, "plstm", self.net == "phased-lstm")

    @property
    def spec(self) -> NetSpec:
        """The net's entry in `NETS`."""
        return NETS[self.net]

    @property
    def step_size(self) -> int:
        """Generated values per step of the recurrent layers: `frame_size` for a framed net, else 1."""
        return self.frame_size if self.spec.framed else 1

    def check_for(self, tier: Tier) -> None:
        """Raise InputError if this net cannot generate what the tier generates."""
        if tier.is_audio and not self.spec.audio:
            raise InputError(f"`net` {self.net} generates parameters, not audio")
        if not tier.is_audio and not self.spec.parameters:
            raise InputError(f"`net` {self.net} generates audio, not parameters")
        if self.spec.banded != (tier.bands > 1):
            need = "needs several" if self.spec.banded else "has no"
            raise InputError(f"`net` {self.net} {need} `bands`, which is {tier.bands}")
        if tier.period not in ((), AUTO) and not self.spec.framed:
            raise InputError(f"`period` is for the nets frame and subband, not for {self.net}")
        if tier.onehot and self.spec.framed:
            raise InputError(f"`onehot` is for other nets: {self.net} reads its newest code as one-hot in any case")


def canonical_net(name: str) -> str:
    """A net's name, from its name or the original's number. Raises InputError, with the known ones, for another."""
    name = _NUMBERS.get(name, name)
    if name not in NETS:
        raise unknown("net", name, [*NETS, *_NUMBERS])
    return name
