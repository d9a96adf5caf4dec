"""One sound that plays, in compiled code from the parameters to the samples: what a page runs, and what it runs on.

The samples are those of `rendering.stream.Stream`. All state lies in arrays, so that the same code runs here and, as
WebAssembly, on a copy of these arrays in a browser; see `compiling` and `image`.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mtcrnn.audio.emphasis import filter_block
from mtcrnn.audio.lags import find_lags
from mtcrnn.audio.subbands import synthesise_step
from mtcrnn.config.periods import Rpn
from mtcrnn.core.numba_math import BARE, cached_njit
from mtcrnn.core.rng import PAGE_STEPS
from mtcrnn.engine.loop import Scratch, run
from mtcrnn.engine.program import Program
from mtcrnn.models.lookback import Block
from mtcrnn.web.uniforms import fill_page

_jit = njit(**BARE)
_PAGE_STEPS = PAGE_STEPS
_ZERO, _ONE = np.float32(0), np.float32(1)
MOST_FRAMES = 4096  # that are made at once


class Clock(IntEnum):
    """The numbers of `Voice.clock`."""

    STEP = 0  # steps made since the beginning
    PLACE = 1  # where the next one lies in the arrays of T steps
    REST = 2  # samples made that were not asked for yet
    BLOCK = 3  # the stretch of 10 ms that is being played; -1 before the beginning
    SIZE = 4  # samples of such a stretch
    RATE = 5  # samples per second
    LEAST_LAG = 6  # samples
    LONGEST_LAG = 7


STACK = 256  # numbers at most
_STEP, _PLACE, _REST, _BLOCK = int(Clock.STEP), int(Clock.PLACE), int(Clock.REST), int(Clock.BLOCK)
_SIZE, _RATE, _LEAST, _LONGEST = int(Clock.SIZE), int(Clock.RATE), int(Clock.LEAST_LAG), int(Clock.LONGEST_LAG)
_NOTHING, _NUMBER, _VALUE, _NEGATE = int(Rpn.NOTHING), int(Rpn.NUMBER), int(Rpn.VALUE), int(Rpn.NEGATE)
_ADD, _SUBTRACT, _MULTIPLY, _DIVIDE = int(Rpn.ADD), int(Rpn.SUBTRACT), int(Rpn.MULTIPLY), int(Rpn.DIVIDE)


class Voice(NamedTuple):
    """What one sound needs; arrays of T steps are used over and over.

    Attributes:
        program: the net's.
        scratch: the engine's; holds its state.
        sampler: see `engine.loop.run`.
        last: float32 [1, G]: the newest codes.
        past: of T steps.
        phases: float64 [P, kept + T]: the periods since the beginning at each step's end; NaN before it.
        clock: int64 [8], see `Clock`.
        words: uint64 [n]: the entropy of a page of uniforms; the last is the page's number.
        pool: uint64 [4], scratch.
        random: uint64 [4], scratch.
        uniforms: float32 [1024 draws], of this page.
        ranges: float64 [2, C]: the lowest value of each parameter, and the width of its range.
        rows: float64 [3, C + 1]: the parameters at the beginnings of the last stretch, of this one, and of the next;
            and the temperature, that of this stretch in the last row.
        target: float64 [C + 1]: the parameters to go to in the next stretch, and its temperature.
        columns: int64 [P]: the parameters that say a period.
        code: int64 [P, n]: how often the sound repeats, in reverse Polish notation.
        numbers: float64 [P, n], of `Rpn.NUMBER`.
        stack: float64 [STACK], scratch.
        conditioning: float32 [1, T, C + lookback].
        draws: float32 [1, T, draws].
        given: float32 [1, 0, G].
        codes: float32 [1, T, G].
        raw: float32 [1, 0, size].
        amplitudes: float32 [G, Q], of each code.
        steps: float32 [channels, reach - 1 + T, N]: the bands.
        synthesis: float32 [reach, N, N], of the filter bank.
        made: float32 [channels, N], of one step.
        poles: float64 [K], of what undoes the emphasis.
        zeros: float64 [K].
        gain: float64 [1].
        filters: float64 [channels, K, 2], its state.
        rest: float32 [N, channels]: samples that were not asked for yet.
        sound: float32 [MOST_FRAMES, channels]: what was asked for.
    """

    program: Program
    scratch: Scratch
    sampler: NDArray[np.int64]
    last: NDArray[np.float32]
    past: Block
    phases: NDArray[np.float64]
    clock: NDArray[np.int64]
    words: NDArray[np.uint64]
    pool: NDArray[np.uint64]
    random: NDArray[np.uint64]
    uniforms: NDArray[np.float32]
    ranges: NDArray[np.float64]
    rows: NDArray[np.float64]
    target: NDArray[np.float64]
    columns: NDArray[np.int64]
    code: NDArray[np.int64]
    numbers: NDArray[np.float64]
    stack: NDArray[np.float64]
    conditioning: NDArray[np.float32]
    draws: NDArray[np.float32]
    given: NDArray[np.float32]
    codes: NDArray[np.float32]
    raw: NDArray[np.float32]
    amplitudes: NDArray[np.float32]
    steps: NDArray[np.float32]
    synthesis: NDArray[np.float32]
    made: NDArray[np.float32]
    poles: NDArray[np.float64]
    zeros: NDArray[np.float64]
    gain: NDArray[np.float64]
    filters: NDArray[np.float64]
    rest: NDArray[np.float32]
    sound: NDArray[np.float32]


@_jit
def _evaluate(code: Any, numbers: Any, value: float, stack: Any) -> float:
    """An expression in reverse Polish notation at a value; 0 if it is not finite, or not above 0."""
    top = -1
    for i in range(code.shape[0]):
        kind = code[i]
        if kind in (_NUMBER, _VALUE):
            top += 1
            stack[top] = numbers[i] if kind == _NUMBER else value
            continue
        if kind == _NEGATE:
            stack[top] = -stack[top]
        if kind in (_NEGATE, _NOTHING):
            continue
        top -= 1
        x, y = stack[top], stack[top + 1]
        if kind == _ADD:
            stack[top] = x + y
        elif kind == _SUBTRACT:
            stack[top] = x - y
        elif kind == _MULTIPLY:
            stack[top] = x * y
        elif kind == _DIVIDE:
            stack[top] = x / y
        else:
            stack[top] = x**y
    return stack[0] if np.isfinite(stack[0]) and stack[0] > 0 else 0.0


@_jit
def _next_rows(v: Any, block: int) -> None:
    """Begin a stretch: it goes to the target."""
    while v.clock[_BLOCK] < block:
        v.clock[_BLOCK] += 1
        for c in range(v.rows.shape[1]):
            v.rows[0, c], v.rows[1, c], v.rows[2, c] = v.rows[1, c], v.rows[2, c], v.target[c]


@_jit
def _condition(v: Any, t: int, first: int) -> None:
    """The parameters of the step at place t, which begins with sample number `first`; and its phases."""
    block, rate, N = v.clock[_BLOCK], v.clock[_RATE], v.steps.shape[2]
    place = min(first / rate * (rate / v.clock[_SIZE]), float(block + 1))
    left = min(int(place), block)
    weight, row = place - left, left - block + 1
    for c in range(v.rows.shape[1] - 1):
        value = v.rows[row, c] * (1.0 - weight) + v.rows[row + 1, c] * weight
        width = v.ranges[1, c]
        v.conditioning[0, t, c] = np.float32((value - v.ranges[0, c]) / (width if width != 0 else 1.0))
        for p in range(v.columns.shape[0]):
            if v.columns[p] == c:
                kept = v.phases.shape[1] - v.conditioning.shape[1]
                before = v.phases[p, kept + t - 1]
                hertz = _evaluate(v.code[p], v.numbers[p], value, v.stack)
                v.phases[p, kept + t] = (0.0 if np.isnan(before) else before) + hertz * N / rate
                v.past.turns[0, t, p] = v.phases[p, kept + t]


@_jit
def _draw(v: Any, t: int, step: int) -> None:
    """The uniforms of step number `step`, at place t."""
    page, draws = step // _PAGE_STEPS, v.draws.shape[2]
    if v.words[v.words.shape[0] - 1] != page:
        v.words[v.words.shape[0] - 1] = page
        fill_page(v.words, v.pool, v.random, v.uniforms)
    for k in range(draws):
        v.draws[0, t, k] = v.uniforms[step % _PAGE_STEPS * draws + k]


@_jit
def _to_front(x: Any, kept: int) -> None:
    """Move the last so many numbers of an array to its front."""
    start = x.shape[0] - kept
    for j in range(kept):
        x[j] = x[start + j]


@_jit
def _start_over(v: Any) -> None:
    """Keep of the arrays of T steps only what the next step needs."""
    T, N = v.conditioning.shape[1], v.steps.shape[2]
    v.clock[_PLACE] = 0
    for c in range(v.steps.shape[0]):
        for j in range(v.steps.shape[1] - T):
            for k in range(N):
                v.steps[c, j, k] = v.steps[c, T + j, k]
    for c in range(v.past.sound.shape[1]):
        _to_front(v.past.sound[0, c], v.past.sound.shape[2] - T * N)
        _to_front(v.past.steps[0, c], v.past.steps.shape[2] - T * N)
    for p in range(v.phases.shape[0]):
        _to_front(v.phases[p], v.phases.shape[1] - T)


@_jit
def _finish(v: Any, t: int) -> None:
    """The samples of the step at place t: the middle and the side, without emphasis, in `made`."""
    channels, reach, N = v.steps.shape[0], v.synthesis.shape[0], v.steps.shape[2]
    for c in range(channels):
        for k in range(N):
            v.steps[c, reach - 1 + t, k] = v.amplitudes[c * N + k, int(v.codes[0, t, c * N + k])]
        synthesise_step(v.steps[c, t : t + reach], v.synthesis, v.made[c])
    filter_block(v.made, v.poles, v.zeros, v.gain[0], v.filters, v.made)


@_jit
def _frame(v: Any, i: int, out: Any) -> None:
    """Sample i of the step made last, as left and right."""
    if out.shape[0] == 1:
        out[0] = min(max(v.made[0, i], -_ONE), _ONE)
        return
    middle, side = v.made[0, i], v.made[1, i]
    out[0] = min(max(middle + side, -_ONE), _ONE)
    out[1] = min(max(middle - side, -_ONE), _ONE)


@_jit
def _prepare(v: Any, steps: int) -> int:
    """Parameters, uniforms and lags of at most so many steps, all of one stretch; returns the place after the last."""
    clock, N, T = v.clock, v.steps.shape[2], v.conditioning.shape[1]
    first, begin = clock[_STEP], clock[_PLACE]
    block = first * N // clock[_SIZE]
    _next_rows(v, block)
    end, most = begin, min(begin + steps, T)
    while end < most and (first + end - begin) * N // clock[_SIZE] == block:
        _condition(v, end, (first + end - begin) * N)
        _draw(v, end, first + end - begin)
        end += 1
    for p in range(v.phases.shape[0]):
        kept, lags = v.phases.shape[1] - T, v.past.lags[0, begin:end, p]
        find_lags(v.phases[p], kept + begin, N, clock[_LEAST], clock[_LONGEST], lags)
    return end


@_jit
def _take_rest(v: Any, count: int) -> int:
    """Give out what is left of the last step, at most so many frames; returns how many."""
    done, left = min(v.clock[_REST], count), v.clock[_REST]
    for c in range(v.rest.shape[1]):
        for i in range(done):
            v.sound[i, c] = v.rest[i, c]
        for i in range(left - done):
            v.rest[i, c] = v.rest[done + i, c]
    v.clock[_REST] = left - done
    return done


@cached_njit("the voice", "web/*.py", "engine/*.py", "models/*.py", "audio/*.py", **BARE)
def play(v: Any, count: int) -> None:
    """Write the next `count` frames of the sound to `sound`; see `Voice`."""
    clock, N, done = v.clock, v.steps.shape[2], _take_rest(v, count)
    while done < count:
        if clock[_PLACE] == v.conditioning.shape[1]:
            _start_over(v)
        begin = clock[_PLACE]
        end = _prepare(v, (count - done + N - 1) // N)
        temperature = np.float32(v.rows[2, v.rows.shape[1] - 1])
        run(
            v.program,
            v.scratch,
            v.sampler,
            temperature,
            v.last,
            v.conditioning,
            v.draws,
            v.given,
            v.codes,
            v.raw,
            v.past,
            begin,
            end,
        )
        for t in range(begin, end):
            _finish(v, t)
            for i in range(N):
                if done < count:
                    _frame(v, i, v.sound[done])
                    done += 1
                else:
                    _frame(v, i, v.rest[clock[_REST]])
                    clock[_REST] += 1
        clock[_STEP] += end - begin
        clock[_PLACE] = end
