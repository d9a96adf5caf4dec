"""Numba helpers: compilation cached on disk, and elementary functions in forms that LLVM vectorises."""

from __future__ import annotations

import logging
import math
import tempfile
import threading
import zlib
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from multiprocessing.util import Finalize
from pathlib import Path
from types import FunctionType
from typing import Any

import numba
import numpy as np
from numba.core.caching import FunctionCache, NullCache
from numba.extending import overload

log = logging.getLogger(__name__)

PACKAGE = Path(__file__).parents[1]

# Options for loops over arrays that the caller owns: without Numba's runtime, views are not reference counted. The
# counting (atomic operations) took 3.6 of the engine's 8.9 us per step (4 x 48).
BARE: dict[str, Any] = {"nogil": True, "error_model": "numpy", "_nrt": False}
NO_FOLDER = "no writable folder for it"
LONG_S = 1.0  # seconds after which a compilation is logged


def cached_njit(what: str, *sources: str, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """`numba.njit` with Numba's cache on disk. For functions that Python calls.

    Args:
        what: what is compiled, for the message to users who wait for it.
        sources: the files of this package that code or constants come from, as glob patterns; when one changes,
            everything is compiled again. (Numba itself checks only the function's own file.)
        options: passed to `numba.njit`.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        compiled = numba.njit(**options)(function)
        compiled._cache = _Cache(function, what, sources)  # what `enable_caching` does with Numba's own cache
        return compiled

    return decorate


def _stamp(sources: tuple[str, ...]) -> int:
    """A checksum of the content of files of this package."""
    files = sorted({file for source in sources for file in PACKAGE.glob(source)})
    return zlib.crc32(b"".join(file.read_bytes() for file in files))


class _Cache(NullCache):
    """Numba's cache of one function, which logs slow compilations and never makes a call fail.

    If the cache cannot be written (a read-only install, a full disk) or read (damaged files), it is not used.
    """

    def __init__(self, function: Callable[..., Any], what: str, sources: tuple[str, ...]) -> None:
        self.what, self.trouble = what, ""
        self.sources = *sources, "core/numba_math.py", "core/vectors.py"
        self.disk: Any = NullCache()
        try:
            self.disk = FunctionCache(function)
            self.disk._cache_file._source_stamp = _stamp(self.sources)
        except RuntimeError:
            self.trouble = NO_FOLDER

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The cached compilation for a signature; if None, Numba compiles, then calls `save_overload`."""
        try:
            found = self.disk.load_overload(sig, target_context)
        except Exception:  # a damaged file makes the unpickler fail in any way
            found = None
            self._write(self.disk.flush)
        if found is None:
            self.timer = threading.Timer(LONG_S, self._log_slow)
            self.timer.daemon = True
            self.timer.start()
        return found

    def save_overload(self, sig: Any, data: Any) -> None:
        """Cache what was compiled."""
        self.timer.cancel()
        self._write(self.disk.save_overload, sig, data)
        if self.trouble:
            _warn_uncached(self.trouble)

    def _write(self, write: Callable[..., None], *arguments: Any) -> None:
        try:
            write(*arguments)
        except OSError as error:
            self.trouble = f"{self.disk.cache_path}: {error.strerror or error}"
            self.disk = NullCache()

    def _log_slow(self) -> None:
        log.info("compiling %s%s", self.what, "" if self.trouble else ", once for this CPU")


def ensure_cache_folder(package: str) -> None:
    """If Numba finds no writable cache folder for another package, give it one that lasts as long as this process.

    Without one, librosa cannot even be imported.
    """
    spec = find_spec(package)
    code = (lambda: None).__code__.replace(co_filename=str(spec.origin if spec else ""))
    try:
        FunctionCache(FunctionType(code, {}))
    except RuntimeError:
        folder = tempfile.TemporaryDirectory(prefix="numba-")
        Finalize(None, folder.cleanup, exitpriority=0)  # like `atexit`, but also in the processes of a pool
        numba.config.CACHE_DIR = folder.name  # type: ignore[attr-defined]
        _warn_uncached(NO_FOLDER)


@cache
def _warn_uncached(trouble: str) -> None:
    """Warn once per cause, however much is compiled."""
    log.warning("compiled code cannot be cached (%s): set NUMBA_CACHE_DIR to a writable folder", trouble)


_f = np.float32
_OPTIONS: Any = {"error_model": "numpy", "nogil": True}
_jit = numba.njit(**_OPTIONS)
_LOG2E, _LN2_HI, _LN2_LO = _f(1.4426950408889634), _f(0.693359375), _f(-2.12194440e-4)
_ROUND, _ONE, _TWO, _CLAMP = _f(1.5 * 2**23), _f(1), _f(2), _f(80)
_C2, _C3, _C4, _C5, _C6, _C7 = (_f(1 / math.factorial(i)) for i in range(2, 8))
_LN2, _SQRT_HALF = _f(0.6931471805599453), np.int32(0x3F3504F3)  # the bits of sqrt(1/2)
_L3, _L5, _L7, _L9 = (_f(2 / i) for i in (3, 5, 7, 9))


@_jit
def expm1_f32(x: Any) -> Any:
    """exp(x) - 1 to about 1.5 ulp (clamped to |x| <= 80, NaN stays NaN), in a form LLVM vectorises."""
    x = min(x, _CLAMP)
    x = max(x, -_CLAMP)
    t = x * _LOG2E + _ROUND  # the low mantissa bits of t are k = round(x / ln 2)
    k = t - _ROUND
    r = (x - k * _LN2_HI) - k * _LN2_LO
    p = r + r * r * (_C2 + r * (_C3 + r * (_C4 + r * (_C5 + r * (_C6 + r * _C7)))))
    s = np.int32((np.int32(np.float32(t).view(np.int32)) << 23) + 0x3F800000).view(np.float32)  # 2**k
    return s * p + (s - _ONE)


@_jit
def expm1_f64(x: Any) -> Any:
    """exp(x) - 1, float64."""
    return math.expm1(min(x, 700.0))  # finite: tanh divides it by itself


def expm1(x: Any) -> Any:
    """exp(x) - 1 of a float32 or float64; for compiled functions only."""
    raise NotImplementedError


@overload(expm1, jit_options=_OPTIONS)
def _expm1_of(x: Any) -> Any:
    return (expm1_f32 if x == numba.float32 else expm1_f64).py_func


@_jit
def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)), float32."""
    return _ONE / (_TWO + expm1_f32(-x))


@_jit
def log_f32(x: Any) -> Any:
    """The logarithm, to float32, of a normal float32 above 0, in a form LLVM vectorises.

    With x = 2^k m and m between sqrt(1/2) and sqrt(2): k ln 2 + 2 artanh((m - 1) / (m + 1)).
    """
    bits = np.int32(np.float32(x).view(np.int32) - _SQRT_HALF)
    k = np.float32(bits >> 23)
    m = np.int32((bits & 0x007FFFFF) + _SQRT_HALF).view(np.float32)
    r = (m - _ONE) / (m + _ONE)
    s = r * r
    return k * _LN2 + r * (_TWO + s * (_L3 + s * (_L5 + s * (_L7 + s * _L9))))


@_jit
def tanh(x: Any) -> Any:
    """The hyperbolic tangent, float32."""
    e = expm1_f32(x + x)
    return e / (e + _TWO)
