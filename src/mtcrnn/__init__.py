"""mtcrnn: recurrent networks that generate sound under parameters you named."""

import os
from importlib import import_module
from typing import Any

__version__ = "0.2.0"
__all__ = ["ParamManager", "evaluate", "export", "gestures", "load", "page", "render", "textures", "train"]

# OpenMP's threads wait a few microseconds for more work, then sleep; the setting is read when torch is first imported.
# Without any wait, a net of many small matrix products trains at half the speed. With a long wait, two programs on the
# same cores block each other (forty times slower), and the GRU's own threads too. Figures are in docs/log.md.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

_HOMES = dict.fromkeys(("ParamManager", "evaluate", "export", "load", "page", "render", "train"), "mtcrnn.api")


def __getattr__(name: str) -> Any:
    """Import the names above when first used: importing torch takes seconds, and `mtcrnn --help` does not need it."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    if name in __all__:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
