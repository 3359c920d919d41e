"""Several processes that train as one: started by `torchrun`, talking through torch.distributed.

Every process runs the same code. Whatever depends on the rank is asked for here, by name: which rows are mine
(`share`), what is added up over all (`add_up`), what the first decides for all (`from_first`). With one process all of
this does nothing.

The processes need one file system: checkpoints, cached features and the parts of an output pass through it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from labelfix.errors import OtherProcessError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

T = TypeVar("T")

PATIENCE = timedelta(days=1)
"""How long a process waits for the others: while the first writes a large file, they have nothing to do. One that dies
is noticed at once: by gloo, and between GPUs by torchrun, which then ends the others."""


@dataclass(frozen=True)
class Ranks:
    """This process, by its number from 0, among all."""

    rank: int = 0
    world: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the process that writes and speaks."""
        return self.rank == 0

    @property
    def alone(self) -> bool:
        """Whether there is one process."""
        return self.world == 1

    def share(self, count: int) -> slice:
        """This process's part of `count` things in order; each belongs to exactly one process."""
        return slice(count * self.rank // self.world, count * (self.rank + 1) // self.world)

    def add_up(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its sum over all processes, in place and in one message per type."""
        if self.alone:
            return
        import torch
        import torch.distributed as dist

        by_type: dict[torch.dtype, list[Tensor]] = {}
        for tensor in tensors:
            by_type.setdefault(tensor.dtype, []).append(tensor)
        with _death_is_told(), torch.no_grad():
            for same in by_type.values():
                flat = torch.cat([t.reshape(-1) for t in same])
                dist.all_reduce(flat)
                for tensor, summed in zip(same, flat.split([t.numel() for t in same]), strict=True):
                    tensor.copy_(summed.view_as(tensor))

    def from_first(self, value: T) -> T:
        """What the first process says, on every process; strings, numbers, None, and lists of them."""
        if self.alone:
            return value
        import torch.distributed as dist

        box = [value]
        with _death_is_told():
            dist.broadcast_object_list(box, src=0)
        return box[0]

    def copy_first(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by the first process's, in place."""
        if not self.alone:
            import torch
            import torch.distributed as dist

            with _death_is_told(), torch.no_grad():
                for tensor in tensors:
                    same = tensor.contiguous()
                    dist.broadcast(same, src=0)
                    tensor.copy_(same)

    def wait(self) -> None:
        """Until every process is here."""
        if not self.alone:
            import torch.distributed as dist

            with _death_is_told():
                dist.barrier()


_joined = Ranks()  # a plain variable, because autograd's threads have to see it too


def ranks() -> Ranks:
    """This process among the joined ones; alone outside `joined_ranks`, whatever group the caller's program has."""
    return _joined


def started_together() -> bool:
    """Whether `torchrun` (or another launcher that sets its variables) started several of this process."""
    size = os.environ.get("WORLD_SIZE", "1")
    return size.isdecimal() and int(size) > 1 and "RANK" in os.environ


@contextlib.contextmanager
def joined_ranks() -> Iterator[Ranks]:
    """Join the processes that were started together; alone where this one was started by itself."""
    global _joined
    if not started_together():
        yield ranks()
        return
    import torch
    import torch.distributed as dist

    if not dist.is_available() or dist.is_initialized():
        yield ranks()
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())
    with _death_is_told():
        dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo", timeout=PATIENCE)
    _joined = Ranks(dist.get_rank(), dist.get_world_size())
    try:
        yield _joined
    finally:
        _joined = Ranks()
        with contextlib.suppress(RuntimeError):
            dist.destroy_process_group()


@contextlib.contextmanager
def _death_is_told() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:  # torch's DistError and gloo's own errors are both
        raise OtherProcessError(
            "another process of this run ended or cannot be reached; what it said itself, if anything, stands above"
        ) from error
