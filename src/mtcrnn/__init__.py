"""mtcrnn: recurrent networks that generate sound under parameters you named."""

import os
from importlib import import_module
from typing import Any

__version__ = "0.1.0"
__all__ = ["ParamManager", "evaluate", "gestures", "load", "render", "textures", "train"]

# OpenMP's threads wait some microseconds for their next work, then sleep; read when torch is first imported. With no
# wait a net of many small products trains at half its speed; with a long one two programs on the same cores starve each
# other (forty times slower), and the GRU's own threads too. Figures in docs/log.md.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

_HOMES = dict.fromkeys(("ParamManager", "evaluate", "load", "render", "train"), "mtcrnn.api")


def __getattr__(name: str) -> Any:
    """The names above, imported when first used: torch takes seconds, and `mtcrnn --help` needs none of it."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    if name in __all__:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
