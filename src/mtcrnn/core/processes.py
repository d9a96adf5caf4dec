"""Which of several processes this one is, as `torchrun` or Slurm's `srun` tells in the environment."""

from __future__ import annotations

import os
from typing import NamedTuple

from mtcrnn.core.errors import InputError


class Place(NamedTuple):
    """`rank` of `size` processes; `local_rank` counts those on this machine."""

    rank: int
    size: int
    local_rank: int


_VARIABLES = (  # size, rank, local rank
    ("WORLD_SIZE", "RANK", "LOCAL_RANK"),
    ("SLURM_STEP_NUM_TASKS", "SLURM_PROCID", "SLURM_LOCALID"),
)


def place() -> Place:
    """This process's place; alone it is process 0 of 1. Raises InputError where the environment tells it wrongly."""
    for size, rank, local_rank in _VARIABLES:
        names = (rank, size, local_rank)
        try:
            if int(os.environ.get(size, "1")) > 1:
                return Place(*(int(os.environ[name]) for name in names))
        except (KeyError, ValueError) as error:
            told = ", ".join(f"{name}={os.environ.get(name, '')}" for name in names)
            raise InputError(f"the environment does not tell which process this is: {told}") from error
    return Place(0, 1, 0)


def leads() -> bool:
    """True in the one process that writes and prints."""
    return place().rank == 0
