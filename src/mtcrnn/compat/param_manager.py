"""The original's `paramManager`, whose names existing notebooks use, as a wrapper of `mtcrnn.ParamManager`."""
# ruff: noqa: N801, N802 (the original's names)

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from mtcrnn.audio.files import is_sound
from mtcrnn.core.errors import InputError
from mtcrnn.data.dataset import ParamManager, make_param
from mtcrnn.data.params import ParamFile

Params = dict[str, dict[str, Any]]


class paramManager:
    """The param files of a data set, with the original's method names.

    Args:
        datapath: folder of sounds, at any depth, or one sound.
        parampath: folder of the param files.
        fileExt: only for old calls; sounds of all formats are found.
    """

    def __init__(self, datapath: str, parampath: str, fileExt: str = ".wav") -> None:
        if not is_sound(Path(f"x{fileExt}")):
            raise InputError(f"fileExt is {fileExt!r}, which is not the extension of a sound format")
        self.manager = ParamManager(Path(datapath), Path(parampath))

    def initParamFiles(self, overwrite: bool = False) -> None:
        """Make a param file for every sound that has none (with `overwrite`, for all)."""
        self.manager.init(overwrite)

    def checkIntegrity(self) -> bool:
        """Return True if there are no problems; otherwise raise InputError with the first one."""
        problems = self.manager.check()
        if problems:
            raise InputError(f"{problems[0]} ({len(problems)} problems in all)")
        return True

    def getParams(self, fname: str) -> Params:
        """The content of the param file of a sound, including `meta`, as plain dicts."""
        file = self._read(fname)
        return {"meta": file.meta, **{name: p.model_dump(exclude_unset=True) for name, p in file.params.items()}}

    def getParamNames(self, fname: str) -> list[str]:
        """The names of the parameters of a sound."""
        return list(self._read(fname).params)

    def getParamSize(self, fname: str, prop: str) -> int:
        """The number of knots of a parameter."""
        return len(self._read(fname).get(prop, Path(fname)).times)

    def getFullPathNames(self, dir: str) -> list[str]:
        """The sounds in a folder, at any depth, sorted."""
        return [str(path) for path in ParamManager(Path(dir)).wavs()]

    def addParam(
        self,
        fname: str,
        prop: str,
        times: list[float],
        values: list[float],
        units: str | None = None,
        nvals: float = 0,
        minval: float = 0,
        maxval: float = 1,
        origUnits: str | None = None,
        origMinval: float | None = None,
        origMaxval: float | None = None,
    ) -> None:
        """Add or replace a parameter of a sound."""
        given = {"units": units, "origUnits": origUnits, "origMinval": origMinval, "origMaxval": origMaxval}
        known = {key: value for key, value in given.items() if value is not None}
        self.manager.add(
            self._wav(fname), prop, make_param(times, values, nvals=nvals, minval=minval, maxval=maxval, **known)
        )

    def addMetaParam(self, fname: str, prop: str, value: Any) -> None:
        """Add or replace an entry of `meta`."""
        file = self._read(fname)
        ParamFile(file.params, {**file.meta, prop: value}).write(self.manager.path_of(self._wav(fname)))

    def resample(
        self, paramvect: NDArray[Any], original_sr: float, resampling_sr: float, axis: int = 1
    ) -> NDArray[np.float64]:
        """Resample an array of values along an axis from one rate to another (band-limited, by soxr)."""
        moved = np.moveaxis(np.asarray(paramvect, dtype=np.float64), axis, 0)
        flat = soxr.resample(moved.reshape(len(moved), -1), original_sr, resampling_sr)
        return np.moveaxis(flat.reshape(len(flat), *moved.shape[1:]), 0, axis)

    def resampleParam(
        self,
        params: Params,
        prop: str,
        nsamples: int,
        timestart: float | None = None,
        timeend: float | None = None,
        return_verbose: bool = False,
    ) -> Any:
        """`nsamples` values of a parameter, evenly spaced from timestart to timeend seconds (both included)."""
        if prop not in params:
            raise InputError(f"no parameter {prop!r}; there are {', '.join(n for n in params if n != 'meta')}")
        curve = make_param(params[prop]["times"], params[prop]["values"])
        start = curve.times[0] if timestart is None else timestart
        end = curve.times[-1] if timeend is None else timeend
        times = np.linspace(start, end, nsamples)
        values = np.interp(times, curve.times, curve.values)
        return (times, values) if return_verbose else values

    def resampleAllParams(
        self,
        params: Params,
        nsamples: int,
        timestart: float | None = None,
        timeend: float | None = None,
        prop: list[str] | None = None,
        verbose: bool = False,
    ) -> NDArray[np.float64]:
        """`resampleParam` for several parameters (default: all): [nsamples, parameters]."""
        names = prop or [name for name in params if name != "meta"]
        if verbose:
            print("parameters:", ", ".join(names))
        return np.stack([self.resampleParam(params, name, nsamples, timestart, timeend) for name in names], axis=1)

    def _wav(self, fname: str) -> Path:
        """The sound at a full path, or at a path inside the data folder."""
        given, root = Path(fname), self.manager.data
        inside = root if root.is_file() else root / fname
        for path in (given, inside):
            if path.is_file():
                return path
        raise InputError(f"{fname}: no such wav in {root}")

    def _read(self, fname: str) -> ParamFile:
        return self.manager.read(self._wav(fname))
