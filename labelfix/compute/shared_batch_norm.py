"""BatchNorm over a batch that several processes share."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from labelfix.compute.ranks import ranks


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
