"""The engine as a player: states, blocks, threads. All in the user's units."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from mtcrnn.config.options import MOST_TEMPERATURE
from mtcrnn.core.errors import InputError, unknown
from mtcrnn.core.rng import play_uniforms
from mtcrnn.engine.builder import build
from mtcrnn.engine.dots import has_vnni
from mtcrnn.engine.kernels import SAMPLERS, Scratch, run
from mtcrnn.engine.team import CAN_MEET, make_teams
from mtcrnn.models.config import ModelConfig
from mtcrnn.models.constants import EDGE

log = logging.getLogger(__name__)

Precision = Literal["auto", "float32", "int8"]

CACHE_BYTES = 1 << 20  # of weights that stay in a core's own cache
TEAM_BYTES = CACHE_BYTES // 2  # of weights from which several cores make a sound faster than one
RETRY_BLOCKS = 32  # after so many blocks the slower number of cores is tried again
TELLING_STEPS = 100  # a shorter block does not tell how fast a step is
MOST_THREADS = 256
OVERFLOW = 1e12  # no value is so many ranges away from its own
CACHED_RATE, MEMORY_RATE = 4e10, 1e10  # bytes a second that any core of the last ten years reads, from there or beyond


@dataclass(frozen=True)
class EngineState:
    """Where a rendering stands. Immutable: keep it to go back, pass it on to go on.

    Attributes:
        seed: decides, with `position`, all randomness.
        position: steps generated so far.
        last: the newest value of each sound [B, G], encoded.
        net: the recurrent states [B, kept].
    """

    seed: int
    position: int
    last: NDArray[np.float32]
    net: NDArray[np.float32]


class Engine:
    """One tier, played by compiled loops.

    Args:
        config: the model's configuration.
        weights: its tensors by name.
        temperature: where `render` is not given another: 1 as trained, 0 always the likeliest value.
        precision: float32, int8 matrices, or auto, see `choose_precision`.
        threads: most cores to take, for the sounds of a batch or for one sound of a large net.
        share: of a core's time that it may take where it is played live.

    Attributes:
        precision: float32 or int8.

    Raises:
        InputError: a net that the engine does not know, weights that are not finite, numbers out of range.
    """

    def __init__(
        self,
        config: ModelConfig,
        weights: Mapping[str, NDArray[np.float32]],
        temperature: float = 1.0,
        precision: Precision = "auto",
        threads: int | None = None,
        share: float = 1.0,
    ) -> None:
        self.config, self.encoding, self.distribution = config, config.encoding, config.distribution
        if precision not in get_args(Precision):
            raise unknown("precision", precision, get_args(Precision))
        if not 0 <= temperature <= MOST_TEMPERATURE:  # also NaN
            raise InputError(f"the temperature is {temperature}; it must be 0 to {MOST_TEMPERATURE:g}")
        if threads is not None and not 1 <= threads <= MOST_THREADS:
            raise InputError(f"threads is {threads}; it must be 1 to {MOST_THREADS}")
        self.temperature = temperature
        self.precision = choose_precision(config, weights, share) if precision == "auto" else precision
        if self.precision == "int8" and not has_vnni():
            log.warning("this CPU has no 512-bit VNNI instruction: int8 works, in a slower form")
        self.threads = threads or _cores()
        tier = config.tier
        self._program, self._layout = build(config, weights, self.precision == "int8")
        kind, size = SAMPLERS[self.distribution.kind], self.distribution.size
        self._sampler = np.array([kind, self._layout.raw, size, len(tier.generate)], np.int64)
        self._pace: dict[int, float] = {}  # seconds a step took lately, by number of cores
        self._blocks = 0
        self._pool: ThreadPoolExecutor | None = None
        self._views: tuple[tuple[int, int], list[tuple[Scratch, slice]]] = ((0, 0), [])
        self._teamwork = self.threads > 1 and CAN_MEET and self._program.words.nbytes > TEAM_BYTES
        # compiled now, and not when the first sound is due
        self._advance(self.init(0), np.zeros((1, 0, tier.cond_size), np.float32), np.zeros((1, 0, 1), np.float32))

    def init(self, seed: int, batch: int = 1) -> EngineState:
        """The state before the first step of `batch` sounds: the resting value and zeros."""
        last = np.full((batch, len(self.encoding.names)), self.encoding.resting, np.float32)
        return EngineState(seed, 0, last, np.zeros((batch, self._layout.kept), np.float32))

    def cores(self, batch: int) -> int:
        """Most cores that work on a block of so many sounds: several for one sound only where its net is large."""
        return self.threads if batch == 1 and self._teamwork else min(batch, self.threads)

    def _shares(self, batch: int) -> int:
        """Cores for the next block. The sound is the same with any number, so the faster one of late is taken.

        A team is slow where other programs hold one of its cores; the other way is tried now and then.
        """
        most = self.cores(batch)
        if most <= batch:
            return most
        self._blocks += 1
        unknown = [n for n in (most, 1) if n not in self._pace]
        if unknown:
            return unknown[0]
        slower, faster = sorted((most, 1), key=lambda n: -self._pace[n])
        again = self._blocks % RETRY_BLOCKS == 0 or self._blocks in (3, 5, 9)  # a first impression can be wrong
        return slower if again else faster

    def prime(self, state: EngineState, values: NDArray[Any], parameters: NDArray[Any] | None = None) -> EngineState:
        """See `rendering.player.Player.prime`."""
        batch = len(state.last)
        given = self.encoding.encode_given(values, batch).astype(np.float32)
        x = self.encoding.conditioning(parameters, batch, given.shape[1])
        draws = np.zeros((batch, given.shape[1], self.distribution.draws), np.float32)
        return self._advance(state, x, draws, given)[2]

    def render(
        self, state: EngineState, parameters: NDArray[Any], temperature: float | None = None
    ) -> tuple[NDArray[np.float32], EngineState]:
        """See `rendering.player.Player.render`; in float32 with the values of torch, but for ties.

        Raises:
            InputError: also where the net's numbers overflow.
        """
        batch, T = len(state.last), parameters.shape[1]
        x = self.encoding.conditioning(parameters, batch, T)
        u = play_uniforms(state.seed, batch, state.position, T, self.distribution.draws)
        out, _, after = self._advance(state, x, self._draws(u), temperature=temperature)
        if not (np.abs(out) < OVERFLOW).all():  # also NaN
            raise InputError("the model's numbers overflow: its weights are broken")
        return self.encoding.decode(out), replace(after, position=state.position + T)

    def raw(
        self, state: EngineState, values: NDArray[Any], conditioning: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], EngineState]:
        """The raw numbers [B, T, size] of reading encoded `values` [B, T, G] under `conditioning` [B, T, C]."""
        given = np.asarray(values, np.float32)
        draws = np.zeros((*given.shape[:2], self.distribution.draws), np.float32)
        _, raw, after = self._advance(state, conditioning, draws, given, want_raw=True)
        return raw, after

    def _draws(self, u: NDArray[np.float32]) -> NDArray[np.float32]:
        """Uniforms as the samplers take them: those that decide a normal value as standard normal numbers."""
        if self.distribution.kind == "categorical":
            return u
        G = len(self.encoding.names)
        inverse, clipped = NormalDist().inv_cdf, np.clip(u[..., -G:].astype(np.float64), EDGE, 1 - EDGE)
        z = np.array([inverse(p) for p in clipped.ravel().tolist()], np.float32).reshape(clipped.shape)
        return np.concatenate([u[..., :-G], z], axis=-1)

    def _advance(
        self,
        state: EngineState,
        conditioning: NDArray[np.float32],
        draws: NDArray[np.float32],
        given: NDArray[np.float32] | None = None,
        want_raw: bool = False,
        temperature: float | None = None,
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], EngineState]:
        """The loop over all sounds, each thread with its share of them; values, raw numbers, state after the block."""
        (B, G), T, kept = state.last.shape, conditioning.shape[1], self._layout.kept
        warmth = np.float32(self.temperature if temperature is None else temperature)
        out = np.empty((B, T, G), np.float32)
        raw = np.empty((B, T if want_raw else 0, int(self._sampler[2])), np.float32)
        given = np.empty((B, 0, G), np.float32) if given is None else given
        conditioning, draws, given = (
            np.ascontiguousarray(a, np.float32) for a in (conditioning, draws, given)
        )  # one type
        last, net = state.last.copy(), np.empty_like(state.net)
        shares = self._shares(B)
        views = self._memory(shares, B)
        started = time.perf_counter()
        for scratch, rows in views:
            scratch.memory[:, :kept] = state.net[rows]

        def part(scratch: Scratch, rows: slice) -> None:
            run(
                self._program,
                scratch,
                self._sampler,
                warmth,
                last[rows],
                conditioning[rows],
                draws[rows],
                given[rows],
                out[rows],
                raw[rows],
            )

        if shares == 1:
            part(*views[0])
        else:
            self._pool = self._pool or ThreadPoolExecutor(self.threads, "engine")
            list(self._pool.map(part, *zip(*views, strict=True)))
        for scratch, rows in views:
            net[rows] = scratch.memory[:, :kept]
        if self.cores(B) > B and T >= TELLING_STEPS:  # there was a choice
            self._pace[shares] = (time.perf_counter() - started) / T
        return out, raw, replace(state, last=last, net=net)

    def _memory(self, shares: int, batch: int) -> list[tuple[Scratch, slice]]:
        """What each thread writes, and its sounds; in a team all work on the same one. Kept for the next block."""
        if self._views[0] == (shares, batch):
            return self._views[1]
        layout, views, team = self._layout, [], shares > batch
        teams = make_teams(shares) if team else [make_teams(1)[0] for _ in range(shares)]
        common = _aligned(1, layout.size, np.float32)
        for i, member in enumerate(teams):
            rows = slice(0, 1) if team else slice(batch * i // shares, batch * (i + 1) // shares)
            sounds = rows.stop - rows.start
            words = _aligned(sounds, layout.width // 4, np.int32)
            scratch = Scratch(
                common if team else _aligned(sounds, layout.size, np.float32),
                words.view(np.uint8),
                words,
                _aligned(sounds, layout.rows, np.int32),
                np.zeros(sounds, np.float32),
                np.zeros(len(self._program.ops), np.bool_),
                member,
            )
            views.append((scratch, rows))
        self._views = ((shares, batch), views)
        return views


def _cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _aligned(rows: int, columns: int, dtype: type) -> NDArray[Any]:
    """Zeros [rows, columns] of 4-byte numbers that begin a cache line."""
    spare: NDArray[Any] = np.zeros(rows * columns + 16, dtype)
    first = (-spare.ctypes.data % 64) // 4
    return spare[first : first + rows * columns].reshape(rows, columns)


def choose_precision(
    config: ModelConfig, weights: Mapping[str, NDArray[np.float32]], share: float = 1.0
) -> Literal["float32", "int8"]:
    """float32 where a core reads the weights fast enough for the model's rate in a `share` of its time, else int8."""
    whole = sum(tensor.nbytes for name, tensor in weights.items() if not name.startswith(config.net.spec.tables))
    fast_enough = CACHED_RATE if whole <= CACHE_BYTES else MEMORY_RATE
    return "float32" if _bytes_a_step(config, weights) * config.tier.sample_rate <= share * fast_enough else "int8"


def _bytes_a_step(config: ModelConfig, weights: Mapping[str, NDArray[np.float32]]) -> float:
    """Bytes of float32 weights that a step reads, on average; of tables it reads a row."""
    spec, size = config.net.spec, 0.0
    for name, tensor in weights.items():
        if not name.startswith(spec.tables):
            size += tensor.nbytes / (config.net.frame_size if name.startswith(spec.per_frame) else 1)
    return size
