"""The machine's hardware: choice of device, bf16 support, and the memory allocator."""

from __future__ import annotations

import ctypes
import sys

import torch

from mtcrnn.core.errors import InputError

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # glibc's <malloc.h>
_MOST_KEPT = 32 * 2**20  # the largest M_MMAP_THRESHOLD that glibc accepts


def choose_device(kind: str) -> torch.device:
    """The device for cpu, cuda or auto (a GPU if there is one). Raises InputError for cuda without a GPU."""
    available = kind != "cpu" and torch.cuda.is_available()
    if kind == "cuda" and not available:
        raise InputError("`device` cuda: torch finds no GPU here; leave it out, or install a CUDA build of torch")
    return torch.device("cuda" if available else "cpu")


def has_bf16(device: torch.device) -> bool:
    """Whether a device multiplies bf16 in hardware (otherwise it is emulated, which is slow)."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    able: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()  # missing in older versions of torch
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))


def keep_freed_memory() -> None:
    """Make the allocator keep freed memory for reuse: faulting in fresh pages costs more than computing on them.

    A training step frees and allocates about a hundred arrays of a few MB. Does nothing if the C library is not glibc.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _MOST_KEPT)
        mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
