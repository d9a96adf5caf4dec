"""A spinning barrier for a team: threads that share one sound's step, each with its part of the weights in its cache.

A team passes about ten barriers a step, one every few microseconds. That is too often to sleep, so threads spin on a
counter, and yield the core only when a wait is long (because another program holds a core).
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic
from numpy.typing import NDArray

from mtcrnn.core.numba_math import BARE

CAN_YIELD = hasattr(os, "sched_yield")  # otherwise there are no teams
_SPINS = 2000  # loads of the counter between two yields of the core
_yield = types.ExternalFunction("sched_yield", types.int32())


class Team(NamedTuple):
    """One thread's view of its team.

    Attributes:
        thread: int64 [3]: the index of this thread, the number of threads, the barriers that this thread has reached.
        arrivals: int64 [1], shared by the team: arrivals of all threads at all barriers so far.
    """

    thread: NDArray[np.int64]
    arrivals: NDArray[np.int64]


def make_team(threads: int) -> list[Team]:
    """A new team: the view of each of its threads."""
    arrivals = np.zeros(1, np.int64)
    return [Team(np.array([thread, threads, 0], np.int64), arrivals) for thread in range(threads)]


def _counter(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    return context.make_array(signature.args[0])(context, builder, arguments[0]).data


@intrinsic
def _arrive(typingctx, counter):  # type: ignore[no-untyped-def]
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        one = ir.Constant(ir.IntType(64), 1)
        return builder.atomic_rmw("add", _counter(context, builder, signature, arguments), one, "acq_rel")

    return types.int64(counter), generate


@intrinsic
def _load(typingctx, counter):  # type: ignore[no-untyped-def]
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load_atomic(_counter(context, builder, signature, arguments), "acquire", 8)

    return types.int64(counter), generate


@njit(**BARE)
def barrier(team: Any) -> None:
    """Wait until all threads of the team have arrived. Writes before the barrier are visible after it."""
    thread = team.thread
    if thread[1] == 1:
        return
    thread[2] += 1
    target, spins = thread[2] * thread[1], 0
    _arrive(team.arrivals)
    while _load(team.arrivals) < target:
        spins += 1
        if spins % _SPINS == 0:
            _yield()
