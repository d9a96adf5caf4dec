"""The network: its architecture, by name, and its size."""

from __future__ import annotations

from dataclasses import dataclass

from mtcrnn.config.options import Options, option, require
from mtcrnn.config.tier import Tier
from mtcrnn.core.errors import InputError, unknown
from mtcrnn.core.validation import strict

NET_NUMBERS = (  # the original's --net 0, 1, ...
    "gru",
    "split-moments",
    "split-moments-shared",
    "split-variables",
    "split-variables-shared",
    "mixture",
    "gru-wide",
)

NET_NAMES = (*NET_NUMBERS, "phased-lstm", "frame")

PARAMETER_NETS = NET_NUMBERS[1:6]  # have no output for audio

MOST_HIDDEN, MOST_LAYERS, MOST_FRAME = 16384, 64, 4096


@strict
@dataclass(frozen=True)
class Net(Options):
    """The network's architecture and size."""

    net: str = option("architecture, by name or by the original's number (left out, for sound: frame)", "gru")
    hidden_size: int = option("units of each recurrent layer", 128)
    n_layers: int = option("stacked recurrent layers", 2)
    frame_size: int = option("samples in a frame (net frame only)", 16)
    plstm: bool = option("a Phased LSTM in place of the GRU (net 0 only)", False)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, most in (("hidden_size", MOST_HIDDEN), ("n_layers", MOST_LAYERS), ("frame_size", MOST_FRAME)):
            require(0 < getattr(self, name) <= most, name, getattr(self, name), f"above 0, {most} at most")
        net = canonical_net(self.net)
        if self.plstm and net not in ("gru", "phased-lstm"):
            raise InputError(f"--plstm goes with net 0 (gru) only, not with {net}")
        object.__setattr__(self, "net", "phased-lstm" if self.plstm else net)
        object.__setattr__(self, "plstm", self.net == "phased-lstm")

    def check_for(self, tier: Tier) -> None:
        """Raise InputError where this net cannot generate what the tier generates."""
        if tier.is_audio and self.net in PARAMETER_NETS:
            raise InputError(f"--net {self.net} generates parameters, not audio")
        if self.net == "frame" and not tier.is_audio:
            raise InputError("--net frame generates audio, not parameters")
        if self.net == "frame" and tier.onehot:
            raise InputError("--onehot is for other nets: frame reads its newest code as one-hot in any case")


def canonical_net(name: str) -> str:
    """A net's name, from its name or the original's number. Raises InputError listing the known ones."""
    if name.isdecimal() and int(name) < len(NET_NUMBERS):
        return NET_NUMBERS[int(name)]
    if name not in NET_NAMES:
        raise unknown("net", name, [*NET_NAMES, *(str(k) for k in range(len(NET_NUMBERS)))])
    return name
