"""Checks that the options a user gave agree with a saved model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mtcrnn.config.nets import Net, canonical_net
from mtcrnn.config.tier import Tier
from mtcrnn.core.errors import InputError


def check_sizes(tier: Tier, given: Mapping[str, int | None]) -> None:
    """Raise InputError if a given `gen_size` or `cond_size` contradicts the tier's names; None agrees with any."""
    named = {"gen_size": ("`generate`", tier.generate), "cond_size": ("`prop`", tier.prop)}
    for size, value in given.items():
        (flag, names), right = named[size], getattr(tier, size)
        if value is not None and value != right:
            raise InputError(f"`{size}` is {value}, but it must be {right} ({flag} {' '.join(names) or 'is empty'})")


def check_agreement(tier: Tier, net: Net, given: Mapping[str, Any]) -> None:
    """Raise InputError if a given option contradicts a model's tier or net; the message shows both values."""
    if given.get("plstm") and canonical_net(given.get("net", "gru")) == "gru":
        given = {name: value for name, value in given.items() if name != "net"}  # --net 0 --plstm is one net
    for name, value in given.items():
        saved = getattr(tier if hasattr(tier, name) else net, name)
        if (canonical_net(value) if name == "net" else value) != saved:
            shown = [" ".join(v) if isinstance(v, tuple) else v for v in (value, saved)]
            raise InputError(f"`{name}` is {shown[0]}, but the model has {shown[1]}")
