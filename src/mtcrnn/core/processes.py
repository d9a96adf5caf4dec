"""The rank of this process among several, from the environment variables of `torchrun` or Slurm's `srun`."""

from __future__ import annotations

import os
from typing import NamedTuple

from mtcrnn.core.errors import InputError


class ProcessRank(NamedTuple):
    """Number `rank` of `size` processes; `local_rank` counts only those on this machine."""

    rank: int
    size: int
    local_rank: int


_VARIABLES = (  # size, rank, local rank
    ("WORLD_SIZE", "RANK", "LOCAL_RANK"),
    ("SLURM_STEP_NUM_TASKS", "SLURM_PROCID", "SLURM_LOCALID"),
)


def process_rank() -> ProcessRank:
    """The rank of this process; 0 of 1 if it runs alone. Raises InputError if the variables are missing or invalid."""
    for size, rank, local_rank in _VARIABLES:
        names = (rank, size, local_rank)
        try:
            if int(os.environ.get(size, "1")) > 1:
                return ProcessRank(*(int(os.environ[name]) for name in names))
        except (KeyError, ValueError) as error:
            shown = ", ".join(f"{name}={os.environ.get(name, '')}" for name in names)
            raise InputError(f"the environment does not say which process this is: {shown}") from error
    return ProcessRank(0, 1, 0)


def is_main_process() -> bool:
    """True in the one process that writes files and prints."""
    return process_rank().rank == 0
