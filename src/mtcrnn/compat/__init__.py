"""Compatibility with the 2020 MTCRNN (the original): its models, its `paramManager`, its command lines.

Its command lines are in `commands`. The names here are imported when used, so that `train.py --help` needs no torch.
"""

from importlib import import_module
from typing import Any

_HOMES = {"load_original": "models", "import_model": "models", "paramManager": "param_manager"}
__all__ = ["import_model", "load_original", "paramManager"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
