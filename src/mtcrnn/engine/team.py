"""Two threads or more that step one sound together: each reads its part of the weights, from its own cache.

They meet ten times a step or so, every few microseconds: too often to sleep, so they wait by looking at a counter, and
leave the core to others only when that takes long (another program wants it).
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

CAN_MEET = hasattr(os, "sched_yield")  # else there are no teams
_PATIENCE = 2000  # looks at the counter before the core is left to others
_yield = types.ExternalFunction("sched_yield", types.int32())


class Team(NamedTuple):
    """A member's view of its team.

    Attributes:
        place: int64 [3]: which member this is, how many there are, how often it has met the others.
        arrivals: int64 [1], common to the team: arrivals of all members, counted on and on.
    """

    place: NDArray[np.int64]
    arrivals: NDArray[np.int64]


def make_teams(members: int) -> list[Team]:
    """The views of the members of one team."""
    arrivals = np.zeros(1, np.int64)
    return [Team(np.array([member, members, 0], np.int64), arrivals) for member in range(members)]


def _counter(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    return context.make_array(signature.args[0])(context, builder, arguments[0]).data


@intrinsic
def _arrive(typingctx, counter):  # type: ignore[no-untyped-def]
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        one = ir.Constant(ir.IntType(64), 1)
        return builder.atomic_rmw("add", _counter(context, builder, signature, arguments), one, "acq_rel")

    return types.int64(counter), generate


@intrinsic
def _look(typingctx, counter):  # type: ignore[no-untyped-def]
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load_atomic(_counter(context, builder, signature, arguments), "acquire", 8)

    return types.int64(counter), generate


@njit(**BARE)
def meet(team: Any) -> None:
    """Wait until all members are here. What one wrote before, the others see behind."""
    place = team.place
    if place[1] == 1:
        return
    place[2] += 1
    wanted, looks = place[2] * place[1], 0
    _arrive(team.arrivals)
    while _look(team.arrivals) < wanted:
        looks += 1
        if looks % _PATIENCE == 0:
            _yield()
