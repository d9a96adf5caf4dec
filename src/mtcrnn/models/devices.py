"""What this machine computes with: its devices, its arithmetic, its memory."""

from __future__ import annotations

import ctypes
import sys

import torch

from mtcrnn.core.errors import InputError

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # glibc's <malloc.h>
_MOST_KEPT = 32 * 2**20  # the largest M_MMAP_THRESHOLD that glibc takes


def choose_device(kind: str) -> torch.device:
    """cpu, cuda, or for auto a GPU where there is one. Raises InputError where cuda is asked for and there is none."""
    there = kind != "cpu" and torch.cuda.is_available()
    if kind == "cuda" and not there:
        raise InputError("`device` cuda: torch finds no GPU here; leave it out, or install a CUDA build of torch")
    return torch.device("cuda" if there else "cpu")


def has_bf16(device: torch.device) -> bool:
    """Whether a device multiplies bf16 in hardware (elsewhere it is emulated, and slow)."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    able: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()  # older versions of torch cannot tell
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))


def keep_freed_memory() -> None:
    """Have this process keep what it frees, for its next use: fresh pages cost more than the arithmetic on them.

    A training step frees and takes some hundred arrays of a few MB. Does nothing where the C library is not glibc.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _MOST_KEPT)
        mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
