"""Several processes that train as one: started by `torchrun`, talking through torch.distributed.

Every process runs the same story. What differs by rank is said here and asked for by name: which rows are mine
(`share`), what is added up over all (`add_up`), what the first decides for all (`from_first`). With one process
all of it costs nothing and changes nothing.

The processes need one file system: checkpoints, cached features and the parts of an output pass through it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from labelfix.errors import OtherProcessError

T = TypeVar("T")

PATIENCE = timedelta(days=1)
"""How long a process waits for the others: while the first writes a large file, they have nothing to do. One that dies
is noticed at once."""


@dataclass(frozen=True)
class Ranks:
    """This process among all.

    Attributes:
        rank: Its number, from 0.
        world: How many there are.
    """

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
        """This process's part of `count` things in order: every one belongs to exactly one process."""
        return slice(count * self.rank // self.world, count * (self.rank + 1) // self.world)

    def add_up(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its sum over all processes, in place and in one message per type.

        Raises:
            OtherProcessError: Another process has died.
        """
        if self.alone:
            return
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
        box = [value]
        with _death_is_told():
            dist.broadcast_object_list(box, src=0)
        return box[0]

    def copy_first(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by the first process's, in place.

        Raises:
            OtherProcessError: Another process has died.
        """
        if not self.alone:
            with _death_is_told(), torch.no_grad():
                for tensor in tensors:
                    same = tensor.contiguous()
                    dist.broadcast(same, src=0)
                    tensor.copy_(same)

    def wait(self) -> None:
        """Until every process is here."""
        if not self.alone:
            with _death_is_told():
                dist.barrier()


_joined = Ranks()  # a plain variable, because autograd's threads have to see it too


def ranks() -> Ranks:
    """This process among those that have joined; alone outside `together`, whatever group a caller's program has."""
    return _joined


def started_together() -> bool:
    """Whether `torchrun` (or another launcher that sets its variables) started several of this process."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1 and "RANK" in os.environ


@contextlib.contextmanager
def together() -> Iterator[Ranks]:
    """Join the processes that were started together; alone where this one was started by itself.

    Raises:
        OtherProcessError: The others cannot be reached.
    """
    global _joined
    if not started_together() or not dist.is_available() or dist.is_initialized():
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


class _AddUp(torch.autograd.Function):
    """A sum over all processes with its gradient, which is the sum of the processes' gradients."""

    @staticmethod
    def forward(ctx: object, local: Tensor) -> Tensor:
        return _added_up(local)

    @staticmethod
    def backward(ctx: object, gradient: Tensor) -> Tensor:
        return _added_up(gradient)


def _added_up(tensor: Tensor) -> Tensor:
    total = tensor.clone()
    ranks().add_up([total])
    return total


class SharedBatchNorm(nn.modules.batchnorm._BatchNorm):
    """BatchNorm whose statistics are those of the whole batch over all processes, on any device.

    torch's own SyncBatchNorm needs a GPU.
    """

    def _check_input_dim(self, input: Tensor) -> None:  # noqa: A002 - torch's name
        pass

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        """Normalise `(B, C, ...)` over everything but C."""
        if not self.training or ranks().alone:
            normalised: Tensor = super().forward(input)
            return normalised
        values = input.float() if input.dtype in (torch.bfloat16, torch.float16) else input
        dims = [d for d in range(values.ndim) if d != 1]
        shape = [1, -1] + [1] * (values.ndim - 2)
        count = values.new_tensor([values.numel() / values.shape[1]])
        sums = _AddUp.apply(torch.cat([values.sum(dims), count]))
        rows = sums[-1].detach()
        mean = sums[:-1] / rows
        centred = values - mean.view(shape)
        variance = _AddUp.apply(centred.square().sum(dims)) / rows
        if self.track_running_stats and self.running_mean is not None and self.running_var is not None:
            self._remember(mean.detach(), variance.detach() * rows / (rows - 1))
        out = centred * (variance + self.eps).rsqrt().view(shape)
        if self.affine:
            out = out * self.weight.view(shape) + self.bias.view(shape)
        return out.to(input.dtype)  # type: ignore[no-any-return]

    def _remember(self, mean: Tensor, unbiased: Tensor) -> None:
        assert self.running_mean is not None
        assert self.running_var is not None
        share = self.momentum
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            share = share if share is not None else 1 / float(self.num_batches_tracked)
        with torch.no_grad():
            self.running_mean.lerp_(mean.to(self.running_mean.dtype), share or 0.0)
            self.running_var.lerp_(unbiased.to(self.running_var.dtype), share or 0.0)


def share_statistics(module: nn.Module) -> None:
    """Let every BatchNorm layer of a network see the whole batch; does nothing for one process."""
    if ranks().alone:
        return
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.modules.batchnorm._BatchNorm) and not isinstance(child, SharedBatchNorm):
                setattr(parent, name, _shared(child))


def _shared(layer: nn.modules.batchnorm._BatchNorm) -> SharedBatchNorm:
    made = SharedBatchNorm(
        layer.num_features, layer.eps, layer.momentum, layer.affine, track_running_stats=layer.track_running_stats
    )
    made.train(layer.training)
    made.weight, made.bias = layer.weight, layer.bias
    made.running_mean, made.running_var = layer.running_mean, layer.running_var
    made.num_batches_tracked = layer.num_batches_tracked
    return made
