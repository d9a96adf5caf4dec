"""Whether options that were typed agree with a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mtcrnn.config.nets import Net, canonical_net
from mtcrnn.config.tier import Tier
from mtcrnn.core.errors import InputError


def check_sizes(tier: Tier, typed: Mapping[str, int | None]) -> None:
    """Raise InputError where a size that was given contradicts the names."""
    named = {"gen_size": ("`generate`", tier.generate), "cond_size": ("`prop`", tier.prop)}
    for size, value in typed.items():
        (flag, names), right = named[size], getattr(tier, size)
        if value is not None and value != right:
            raise InputError(f"`{size}` is {value}, but it must be {right} ({flag} {' '.join(names) or 'is empty'})")


def check_agreement(tier: Tier, net: Net, typed: Mapping[str, Any]) -> None:
    """Raise InputError where a typed option contradicts a model's tier or net; the message shows both values."""
    if typed.get("plstm") and canonical_net(typed.get("net", "gru")) == "gru":
        typed = {name: value for name, value in typed.items() if name != "net"}  # --net 0 --plstm is one net
    for name, value in typed.items():
        saved = getattr(tier if hasattr(tier, name) else net, name)
        if (canonical_net(value) if name == "net" else value) != saved:
            shown = [" ".join(v) if isinstance(v, tuple) else v for v in (value, saved)]
            raise InputError(f"`{name}` is {shown[0]}, but the model has {shown[1]}")
