"""Several processes that train one model together, started by `torchrun` or Slurm's `srun`.

Every process holds the whole model and data set, takes its share of each batch, and averages its gradients with the
others': N processes with batch B do what one does with batch N * B. Process 0 leads: it alone writes files and prints.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch import distributed as dist

from mtcrnn.core.errors import InputError
from mtcrnn.core.processes import Place, place
from mtcrnn.models.devices import choose_device


@dataclass(frozen=True)
class World:
    """The processes of a run, as one of them sees them. Alone, every method gives back what it was given.

    Attributes:
        rank: this process, from 0.
        size: how many there are.
        device: where this process computes.
    """

    rank: int = 0
    size: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @property
    def leads(self) -> bool:
        """True in the one process that writes and prints."""
        return self.rank == 0

    def share(self, batch_size: int) -> slice:
        """This process's rows of a batch of size * `batch_size` rows."""
        return slice(self.rank * batch_size, (self.rank + 1) * batch_size)

    def any(self, wish: bool) -> bool:
        """Whether any process wishes it."""
        return bool(self._summed(torch.tensor(float(wish))) > 0)

    def mean(self, number: float) -> float:
        """The mean of the processes' numbers."""
        return float(self._summed(torch.tensor(number, dtype=torch.float64))) / self.size

    def average(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its mean over the processes; they travel as one."""
        if self.size == 1:
            return
        whole = self._summed(torch.cat([tensor.flatten() for tensor in tensors])) / self.size
        for tensor, part in zip(tensors, torch.split(whole, [tensor.numel() for tensor in tensors]), strict=True):
            tensor.copy_(part.view_as(tensor))

    def join_rows(self, tensor: Tensor) -> Tensor:
        """The tensors [L, b, ...] of all processes as one [L, size * b, ...], in every process."""
        if self.size == 1:
            return tensor
        parts = [torch.empty_like(tensor, memory_format=torch.contiguous_format) for _ in range(self.size)]
        with _others():
            dist.all_gather(parts, tensor.contiguous())
        return torch.cat(parts, dim=1)

    def _summed(self, tensor: Tensor) -> Tensor:
        if self.size > 1:
            with _others():
                dist.all_reduce(tensor)
        return tensor


@contextmanager
def join(kind: str = "auto") -> Iterator[World]:
    """Meet the other processes, if this one was started beside others; leave them at the end.

    Args:
        kind: of device, see `hardware.choose_device`.

    Raises:
        InputError: more processes on a machine than it has GPUs, or the others cannot be reached.
    """
    where = place()
    device = choose_device(kind)
    if device.type == "cuda":
        if where.local_rank >= torch.cuda.device_count():
            raise InputError(
                f"process {where.local_rank} of this machine has no GPU of its own: there are "
                f"{torch.cuda.device_count()}; start one process for each"
            )
        device = torch.device("cuda", where.local_rank)
        torch.cuda.set_device(device)
    if where.size == 1:
        yield World(device=device)
        return
    try:
        dist.init_process_group(
            "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo",
            init_method=_address(where, os.environ),
            rank=where.rank,
            world_size=where.size,
        )
    except (RuntimeError, ValueError) as error:
        raise InputError(f"process {where.rank} of {where.size} cannot reach the others: {error}") from error
    try:
        yield World(where.rank, where.size, device)
    finally:
        dist.destroy_process_group()


def _address(where: Place, environment: Mapping[str, str]) -> str:
    """Where process 0 listens: as torchrun says, or on the first node of a Slurm step, at a port of the job's own."""
    host = environment.get("MASTER_ADDR") or first_node(environment.get("SLURM_STEP_NODELIST", "localhost"))
    port = environment.get("MASTER_PORT") or str(20000 + int(environment.get("SLURM_JOB_ID", "0")) % 20000)
    return f"tcp://{host}:{port}"


def first_node(nodes: str) -> str:
    """The first host of a Slurm node list.

    >>> first_node("gpu[007-009,12],login"), first_node("a,b[1-2]")
    ('gpu007', 'a')
    """
    return re.sub(r"\[(\d+)[^]]*\]", r"\1", nodes).split(",")[0]


@contextmanager
def _others() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise InputError("another process of this run has ended, so this one ends too") from error
