"""The engine's player: states, blocks of steps, and threads. Inputs and outputs are in the user's units."""

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
from mtcrnn.engine.barrier import CAN_YIELD, make_team
from mtcrnn.engine.builder import build
from mtcrnn.engine.loop import SAMPLERS, Scratch, run
from mtcrnn.engine.products import has_vnni
from mtcrnn.models.config import ModelConfig
from mtcrnn.models.constants import EDGE
from mtcrnn.models.lookback import NO_PAST, Memory

log = logging.getLogger(__name__)

Precision = Literal["auto", "float32", "int16", "int8"]

CACHE_BYTES = 1 << 20  # weights up to this size stay in a core's own cache
TEAM_BYTES = CACHE_BYTES // 2  # with more weights, several cores generate one sound faster than one core does
RETRY_BLOCKS = 32  # every so many blocks, the slower number of cores is tried again
LEAST_TIMED_STEPS = 100  # shorter blocks are not timed
MOST_THREADS = 256
OVERFLOW = 1e12  # no valid encoded value is as large as this
CACHED_RATE = 4e10  # bytes per second that any core of the last ten years reads from its cache,
MEMORY_RATE = 1e10  # and from memory


@dataclass(frozen=True)
class EngineState:
    """The state of a rendering. Immutable: keep it to return to this point, pass it on to continue.

    Attributes:
        seed: determines all randomness, together with `position`.
        position: steps generated so far.
        last: the newest values of each sound [B, G], encoded.
        net: the recurrent states [B, kept].
        past: what is known of the sounds, if the net looks a period back.
    """

    seed: int
    position: int
    last: NDArray[np.float32]
    net: NDArray[np.float32]
    past: Memory | None


class Engine:
    """Plays the model of one tier with compiled loops.

    Args:
        config: the model's configuration.
        weights: its tensors by name.
        temperature: the default of `render`: 1 as trained, 0 always the likeliest value.
        precision: float32, int16 or int8 (of the matrices), or auto, see `choose_precision`.
        threads: most cores to use, for the sounds of a batch or for one sound of a large net (None: all).
        share: the fraction of a core's time that playing live may take, 0 to 1.

    Attributes:
        precision: float32, int16 or int8.

    Raises:
        InputError: a net that the engine does not know, weights as in `builder.build`, or arguments out of range.
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
        self.lookback = config.lookback
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
        self._program, self._layout = build(config, weights, self.precision)
        kind, size = SAMPLERS[self.distribution.kind], self.distribution.size
        self._sampler = np.array([kind, self._layout.raw, size, self.encoding.width, self._layout.drawn], np.int64)
        self._step_seconds: dict[int, float] = {}  # in the latest timed block, by number of cores
        self._blocks = 0
        self._pool: ThreadPoolExecutor | None = None
        self._views: tuple[tuple[int, int], list[tuple[Scratch, slice]]] = ((0, 0), [])
        self._teamwork = self.threads > 1 and CAN_YIELD and self._program.words.nbytes > TEAM_BYTES
        # compiles now, rather than when the first sound is due
        self._advance(self.init(0), np.zeros((1, 0, config.cond_size), np.float32), np.zeros((1, 0, 1), np.float32))

    def init(self, seed: int, batch: int = 1) -> EngineState:
        """The state before the first step of `batch` sounds: the resting value, and zeros as recurrent states."""
        last = np.full((batch, self.encoding.width), self.encoding.resting, np.float32)
        past = self.lookback.init(batch) if self.lookback else None
        return EngineState(seed, 0, last, np.zeros((batch, self._layout.kept), np.float32), past)

    def cores(self, batch: int) -> int:
        """Most cores that work on a block of `batch` sounds; several for one sound only if the net is large."""
        return self.threads if batch == 1 and self._teamwork else min(batch, self.threads)

    def _choose_cores(self, batch: int) -> int:
        """The number of cores for the next block: the one that was faster lately; the sound does not depend on it.

        A team is slow while another program holds one of its cores, so the slower number is tried again now and then.
        """
        most = self.cores(batch)
        if most <= batch:
            return most
        self._blocks += 1
        untimed = [n for n in (most, 1) if n not in self._step_seconds]
        if untimed:
            return untimed[0]
        slower, faster = sorted((most, 1), key=lambda n: -self._step_seconds[n])
        retry = self._blocks % RETRY_BLOCKS == 0 or self._blocks in (3, 5, 9)  # the first timing can be an outlier
        return slower if retry else faster

    def prime(self, state: EngineState, values: NDArray[Any], parameters: NDArray[Any] | None = None) -> EngineState:
        """See `rendering.player.Player.prime`."""
        batch = len(state.last)
        given = self.encoding.encode_given(values, batch).astype(np.float32)
        x = self.encoding.conditioning(parameters, batch, given.shape[1])
        draws = np.zeros((batch, given.shape[1], self.distribution.draws), np.float32)
        if self.lookback and state.past and parameters is not None and given.shape[1]:
            state = replace(state, past=self.lookback.set_clocks(state.past, given, parameters))
        return self._advance(state, x, draws, given, parameters=parameters)[2]

    def render(
        self, state: EngineState, parameters: NDArray[Any], temperature: float | None = None
    ) -> tuple[NDArray[np.float32], EngineState]:
        """See `rendering.player.Player.render`. In float32 the values are those of torch, except for ties.

        Raises:
            InputError: also if the net's numbers overflow.
        """
        batch, T = len(state.last), parameters.shape[1]
        x = self.encoding.conditioning(parameters, batch, T)
        u = play_uniforms(state.seed, batch, state.position, T, self.distribution.draws)
        out, _, after = self._advance(state, x, self._draws(u), temperature=temperature, parameters=parameters)
        if not (np.abs(out) < OVERFLOW).all():  # also NaN
            raise InputError("the model's numbers overflow: its weights are broken")
        return self.encoding.decode(out), replace(after, position=state.position + T)

    def raw(
        self, state: EngineState, values: NDArray[Any], conditioning: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], EngineState]:
        """Raw numbers [B, T, size] under teacher forcing: encoded `values` [B, T, G], whole `conditioning` [B, T, C].

        What was a period ago is taken from the conditioning; that of the state does not change.
        """
        given = np.asarray(values, np.float32)
        draws = np.zeros((*given.shape[:2], self.distribution.draws), np.float32)
        _, raw, after = self._advance(state, conditioning, draws, given, want_raw=True)
        return raw, after

    def _draws(self, u: NDArray[np.float32]) -> NDArray[np.float32]:
        """Uniforms as the samplers take them: for normals, the last G of a step become standard normal numbers."""
        if self.distribution.kind in ("categorical", "bands"):
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
        parameters: NDArray[Any] | None = None,
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], EngineState]:
        """Run a block, each thread with its sounds: values, raw numbers, state. With `given`: teacher forcing.

        A net that looks a period back does so if its `parameters` are given, in the user's units.
        """
        (B, G), T, kept = state.last.shape, conditioning.shape[1], self._layout.kept
        temperature32 = np.float32(self.temperature if temperature is None else temperature)
        out = np.empty((B, T, G), np.float32)
        raw = np.empty((B, T if want_raw else 0, int(self._sampler[2])), np.float32)
        given = np.empty((B, 0, G), np.float32) if given is None else given
        conditioning, draws, given = (
            np.ascontiguousarray(a, np.float32) for a in (conditioning, draws, given)
        )  # one type
        last, net, past, block = state.last.copy(), np.empty_like(state.net), state.past, NO_PAST
        if self.lookback and past and parameters is not None:
            block = self.lookback.begin(past, parameters)
            room = np.empty((B, T, self.lookback.size), np.float32)
            conditioning = np.concatenate([conditioning, room], axis=2)
        cores = self._choose_cores(B)
        views = self._memory(cores, B)
        started = time.perf_counter()
        for scratch, rows in views:
            scratch.memory[:, :kept] = state.net[rows]

        def part(scratch: Scratch, rows: slice) -> None:
            run(
                self._program,
                scratch,
                self._sampler,
                temperature32,
                last[rows],
                conditioning[rows],
                draws[rows],
                given[rows],
                out[rows],
                raw[rows],
                block.rows(rows),
                0,
                T,
            )

        if cores == 1:
            part(*views[0])
        else:
            self._pool = self._pool or ThreadPoolExecutor(self.threads, "engine")
            list(self._pool.map(part, *zip(*views, strict=True)))
        for scratch, rows in views:
            net[rows] = scratch.memory[:, :kept]
        if self.cores(B) > B and T >= LEAST_TIMED_STEPS:  # more than one number of cores was possible
            self._step_seconds[cores] = (time.perf_counter() - started) / T
        if self.lookback and block is not NO_PAST:
            past = self.lookback.end(block)
        return out, raw, replace(state, last=last, net=net, past=past)

    def _memory(self, cores: int, batch: int) -> list[tuple[Scratch, slice]]:
        """Each thread's scratch and its sounds (in a team, all have the same sound). Cached for the next block."""
        if self._views[0] == (cores, batch):
            return self._views[1]
        layout, views, shared = self._layout, [], cores > batch
        teams = make_team(cores) if shared else [make_team(1)[0] for _ in range(cores)]
        memory = _aligned(1, layout.size, np.float32)
        for i, team in enumerate(teams):
            rows = slice(0, 1) if shared else slice(batch * i // cores, batch * (i + 1) // cores)
            sounds = rows.stop - rows.start
            words = _aligned(sounds, layout.width // 2, np.int32)
            scratch = Scratch(
                memory if shared else _aligned(sounds, layout.size, np.float32),
                words.view(np.uint8),
                words.view(np.int16),
                words,
                _aligned(sounds, layout.rows, np.int32),
                np.zeros(sounds, np.float32),
                np.zeros(len(self._program.ops), np.bool_),
                team,
            )
            views.append((scratch, rows))
        self._views = ((cores, batch), views)
        return views


def _cores() -> int:
    """The number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _aligned(rows: int, columns: int, dtype: type) -> NDArray[Any]:
    """Zeros [rows, columns] of a 4-byte type, aligned to a cache line."""
    spare: NDArray[Any] = np.zeros(rows * columns + 16, dtype)
    first = (-spare.ctypes.data % 64) // 4
    return spare[first : first + rows * columns].reshape(rows, columns)


def choose_precision(
    config: ModelConfig, weights: Mapping[str, NDArray[np.float32]], share: float = 1.0
) -> Literal["float32", "int16", "int8"]:
    """The most exact in which a core reads the weights fast enough for real time in a `share` (0 to 1) of its time."""
    whole = sum(tensor.nbytes for name, tensor in weights.items() if not name.startswith(config.net.spec.tables))
    fast_enough = CACHED_RATE if whole <= CACHE_BYTES else MEMORY_RATE
    part = _bytes_a_step(config, weights) * config.tier.step_rate / (share * fast_enough)
    return "float32" if part <= 1 else "int16" if part <= 2 else "int8"


def _bytes_a_step(config: ModelConfig, weights: Mapping[str, NDArray[np.float32]]) -> float:
    """Bytes of float32 weights that a step reads on average; tables, of which it reads single rows, do not count."""
    spec, size = config.net.spec, 0.0
    for name, tensor in weights.items():
        if not name.startswith(spec.tables):
            size += tensor.nbytes / (config.net.frame_size if name.startswith(spec.per_frame) else 1)
    return size
