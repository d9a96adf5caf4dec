"""Writing measured curves into param files: what a person wrote there is kept as a copy."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtcrnn.core.errors import InputError
from mtcrnn.core.files import check_writable, copy_previous
from mtcrnn.data.dataset import ParamManager, make_param
from mtcrnn.data.params import MADE, METERS, SKIP, Param, ParamFile
from mtcrnn.data.skipping import Stretches


def write_made(
    data: ParamManager,
    curves: Mapping[Path, Mapping[str, Param]],
    skipped: Mapping[Path, Stretches] | None = None,
    meters: Mapping[str, str] | None = None,
) -> list[Path]:
    """Write measured curves, each with its `made` entry, and the stretches to skip into the param files of sounds.

    Other parameters stay. A file in which something was written by hand is copied first, unless nothing in it changes.

    Args:
        data: the sounds.
        curves: parameters by name, for each sound.
        skipped: stretches (from, to) in seconds that training leaves out; None: as they are.
        meters: what measures the parameters in sound, by name.

    Returns:
        The copies.

    Raises:
        InputError: a param file that is broken or cannot be written; nothing was changed then.
    """
    files = {wav: data.read_or_new(wav) for wav in curves}
    new = {
        wav: _with(files[wav], curves[wav], None if skipped is None else skipped.get(wav, ()), meters or {})
        for wav in curves
    }
    changed = [wav for wav in curves if new[wav] != files[wav] or not data.path_of(wav).exists()]
    for wav in changed:
        path = data.path_of(wav)
        check_writable(path)
        folder = next(parent for parent in path.parents if parent.exists())
        if not os.access(folder, os.W_OK):
            raise InputError(f"{folder} is read-only: `param_dir` names another folder for param files")
    copies = []
    for wav in changed:
        path = data.path_of(wav)
        if path.exists() and _is_by_hand(files[wav], curves[wav]):
            copies.append(copy_previous(path))
        new[wav].write(path)
    return copies


def _with(
    file: ParamFile, curves: Mapping[str, Param], skipped: Stretches | None, meters: Mapping[str, str]
) -> ParamFile:
    meta = {key: value for key, value in file.meta.items() if skipped is None or key != SKIP}
    if skipped:
        meta[SKIP] = [[round(a, 3), round(b, 3)] for a, b in skipped]
    if meters:
        known = meta.get(METERS)
        meta[METERS] = {**(known if isinstance(known, dict) else {}), **meters}
    return replace(file, params={**file.params, **curves}, meta=meta)


def _is_by_hand(file: ParamFile, curves: Mapping[str, Param]) -> bool:
    """Whether a person's work would be lost or moved: a parameter without `made`, or one of another kind."""
    for name, param in file.params.items():
        made = (param.model_extra or {}).get(MADE)
        ours = (curves[name].model_extra or {}).get(MADE) if name in curves else None
        if not isinstance(made, dict) or (ours and made.get("by") != ours.get("by")):
            return True
    return False


def made_param(
    values: NDArray[np.float64], rate: float, low: float, high: float, units: str | None, **how: Any
) -> Param:
    """A measured curve [n] of `rate` values a second, inside the parameter's range; `how` it was made."""
    times = (np.arange(max(len(values), 2)) / rate).round(4).tolist()
    shown = [float(f"{value:.6g}") for value in np.clip(np.resize(values, len(times)), low, high)]
    return make_param(times, shown, units=units, minval=low, maxval=high, **{MADE: how})
