"""Tensors of many shapes as one vector, so that a norm or a dot product is one operation and not one a layer."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

ALIGNED = 64
"""Every part begins at a multiple of this many numbers: kernels that load several at once ask for it."""


class Flat:
    """A vector in weight space, and its parts in the shapes and the memory formats of the weights.

    What lies between two parts is zero and stays so.

    Args:
        like: The weights; all of one type and on one device.

    Attributes:
        vector: `(P,)` with P at least the number of weights.
        parts: Views of it, one for each weight.
    """

    def __init__(self, like: Sequence[Tensor]) -> None:
        starts, total = [], 0
        for tensor in like:
            starts.append(total)
            total += -(-tensor.numel() // ALIGNED) * ALIGNED
        self.vector = torch.zeros(total, dtype=like[0].dtype, device=like[0].device)
        self.parts = [
            self.vector.as_strided(tensor.shape, _dense_strides(tensor), start)
            for tensor, start in zip(like, starts, strict=True)
        ]

    @classmethod
    def of(cls, tensors: Sequence[Tensor], like: Sequence[Tensor] | None = None) -> Flat:
        """A copy of some tensors, laid out like others (or like themselves)."""
        made = cls(like if like is not None else tensors)
        with torch.no_grad():
            torch._foreach_copy_(made.parts, [t.detach() for t in tensors])
        return made

    def times(self, factors: Sequence[Tensor | float]) -> Flat:
        """A new vector: each part times its factor, a number or a tensor."""
        made = Flat(self.parts)
        made.vector.copy_(self.vector)
        for factor, parts in _runs(factors, made.parts):
            torch._foreach_mul_(parts, factor)
        return made


def _dense_strides(tensor: Tensor) -> tuple[int, ...]:
    """The strides of a tensor that has no gaps, and else those of a contiguous one."""
    sizes = [(stride, size) for size, stride in zip(tensor.shape, tensor.stride(), strict=True) if size > 1]
    expected = 1
    for stride, size in sorted(sizes):
        if stride != expected:
            return torch.empty(tensor.shape, device="meta").stride()
        expected *= size
    return tensor.stride()


def _runs(
    factors: Sequence[Tensor | float], parts: Sequence[Tensor]
) -> list[tuple[Tensor | float | list[Tensor], list[Tensor]]]:
    """Neighbours that share a factor, together: one operation for all of them."""
    runs: list[tuple[Tensor | float | list[Tensor], list[Tensor]]] = []
    for factor, part in zip(factors, parts, strict=True):
        own = isinstance(factor, Tensor) and factor.ndim > 0
        if runs and own and isinstance(runs[-1][0], list):
            runs[-1][0].append(factor)  # type: ignore[arg-type]
            runs[-1][1].append(part)
        elif runs and not own and (runs[-1][0] is factor or _equal(runs[-1][0], factor)):
            runs[-1][1].append(part)
        else:
            runs.append(([factor] if own else factor, [part]))  # type: ignore[list-item]
    return runs


def _equal(one: object, other: object) -> bool:
    return isinstance(one, float) and isinstance(other, float) and one == other
