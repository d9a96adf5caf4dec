"""Distributed (data-parallel) training: several processes, started by `torchrun` or Slurm's `srun`, train one model.

Every process holds the whole model and data set, takes its share of each batch, and averages its gradients with the
others. So N processes with batch size B do what one does with N * B. Only process 0 writes files and prints.
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
from mtcrnn.core.processes import ProcessRank, process_rank
from mtcrnn.models.devices import choose_device


@dataclass(frozen=True)
class World:
    """The processes of a run, as seen by one of them. With one process, every method returns what it was given.

    Attributes:
        rank: the number of this process, from 0.
        size: the number of processes.
        device: where this process computes.
    """

    rank: int = 0
    size: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @property
    def leads(self) -> bool:
        """True in process 0, the only one that writes files and prints."""
        return self.rank == 0

    def share(self, batch_size: int) -> slice:
        """This process's rows of a batch of size * `batch_size` rows."""
        return slice(self.rank * batch_size, (self.rank + 1) * batch_size)

    def any(self, flag: bool) -> bool:
        """Whether `flag` is True in any process."""
        return bool(self._summed(torch.tensor(float(flag))) > 0)

    def mean(self, number: float) -> float:
        """The mean over the processes of a number that each of them gives."""
        return float(self._summed(torch.tensor(number, dtype=torch.float64))) / self.size

    def average(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its mean over the processes; all are sent as one tensor."""
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
        with _peer_errors():
            dist.all_gather(parts, tensor.contiguous())
        return torch.cat(parts, dim=1)

    def _summed(self, tensor: Tensor) -> Tensor:
        if self.size > 1:
            with _peer_errors():
                dist.all_reduce(tensor)
        return tensor


@contextmanager
def join(kind: str = "auto") -> Iterator[World]:
    """Connect to the other processes, if there are any; disconnect at the end.

    Args:
        kind: of device, see `models.devices.choose_device`.

    Raises:
        InputError: more processes on a machine than it has GPUs, or the others cannot be reached.
    """
    where = process_rank()
    device = choose_device(kind)
    if device.type == "cuda":
        if where.local_rank >= torch.cuda.device_count():
            raise InputError(
                f"process {where.local_rank} on this machine has no GPU of its own: start one process per GPU, "
                f"{torch.cuda.device_count()} in all"
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


def _address(where: ProcessRank, environment: Mapping[str, str]) -> str:
    """The address of process 0: from torchrun, or the first node of a Slurm step, with a port derived from the job."""
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
def _peer_errors() -> Iterator[None]:
    """Turn torch's error for a process that has ended into an InputError."""
    try:
        yield
    except RuntimeError as error:
        raise InputError("another process of this run has ended, so this one ends too") from error
