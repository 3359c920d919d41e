"""A stand-in for a GPU on machines without one: a device whose tensors do not mix with those of the CPU.

Tensors there are computed by the CPU, but torch sees them on a device of their own, NumPy cannot read them, and an
operation that is given tensors of both places is refused as CUDA refuses it: only tensors without dimensions, and
indices, may come from the CPU. The device is torch's `lazy`: no backend of it is started, so that nothing else uses it,
and it takes no registration that would outlive the tests.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import torch
from torch.optim import optimizer
from torch.utils._pytree import tree_leaves, tree_map

SEPARATE = torch.device("lazy:0")
"""The device."""

CPU = torch.device("cpu")

COPIES = ("aten::_to_copy", "aten::to", "aten::copy_", "aten::empty_like")
"""What may be given tensors of both places, or bring a tensor from one to the other."""

INDEXING = ("aten::index", "aten::index_put", "aten::index_put_", "aten::_index_put_impl_")
"""What takes indices that lie on the CPU, on CUDA as well: its second argument."""


class Away(torch.Tensor):
    """A tensor on the separate device.

    Attributes:
        here: The CPU tensor that it stands for.
    """

    __torch_function__ = torch._C._disabled_torch_function_impl
    here: torch.Tensor

    @staticmethod
    def __new__(cls, here: torch.Tensor) -> Away:
        # A view of a parameter is no inference tensor, and a subclass cannot tell what is a view.
        with torch.inference_mode(False):
            made = torch.Tensor._make_wrapper_subclass(
                cls,
                here.shape,
                strides=here.stride(),
                storage_offset=here.storage_offset(),
                dtype=here.dtype,
                device=SEPARATE,
            )
        made.here = here
        return made

    def __repr__(self, **_: object) -> str:
        return f"Away({self.here})"

    def numpy(self, **_: object) -> Any:
        """Refused, as on CUDA."""
        raise TypeError("can't convert a tensor of the separate device to numpy; use .cpu() first")

    __array__ = numpy

    def tolist(self) -> Any:
        """The values, as on CUDA."""
        return self.here.tolist()

    @classmethod
    def __torch_dispatch__(cls, operation, types, args=(), kwargs=None):
        return _compute(operation, args, kwargs or {})


@contextlib.contextmanager
def separate_device() -> Iterator[torch.device]:
    """Within it, tensors can be made on the device and brought there."""
    library = torch.library.Library("aten", "IMPL")
    aten = torch.ops.aten
    library.impl("empty.memory_format", _maker(aten.empty.memory_format), "Lazy")
    library.impl("empty_strided", _maker(aten.empty_strided.default), "Lazy")
    library.impl("copy_", _copied, "Lazy")  # where `torch.tensor` copies, a subclass is not asked
    fused = [*optimizer._get_fused_kernels_supported_devices(), SEPARATE.type]
    try:
        with mock.patch.object(optimizer, "_get_fused_kernels_supported_devices", return_value=fused):
            yield SEPARATE
    finally:
        library._destroy()


def _maker(operation: Any) -> Callable[..., Away]:
    def make(*args: Any, **options: Any) -> Away:
        return Away(operation(*args, **(options | {"device": CPU, "pin_memory": False})))

    return make


def _copied(to: torch.Tensor, source: torch.Tensor, non_blocking: bool = False) -> torch.Tensor:
    ends = [each.here if isinstance(each, Away) else each for each in (to, source)]
    ends[0].copy_(ends[1])
    return to


def _compute(operation: Any, args: Any, kwargs: Any) -> Any:
    """Carry out an operation that is given a tensor of the device, or refuse it."""
    name = operation._schema.name
    tensors = [each for each in tree_leaves((args, kwargs)) if isinstance(each, torch.Tensor)]
    if name not in COPIES:
        _refuse_mixed(name, [args[0], *tree_leaves(args[2:])] if name in INDEXING else tensors)
    known: dict[int, Away] = {}

    def unwrapped(value: Any) -> Any:
        if isinstance(value, Away):
            known[id(value.here)] = value
            return value.here
        return CPU if isinstance(value, torch.device) else value

    def wrapped(value: Any) -> Any:
        # What an operation in place gives back is the tensor that it was given.
        return known.get(id(value), Away(value)) if isinstance(value, torch.Tensor) else value

    found = operation(*tree_map(unwrapped, args), **tree_map(unwrapped, kwargs))
    named = [each for each in (*args, *kwargs.values()) if isinstance(each, torch.device)]
    to_the_cpu = CPU in named or (name == "aten::copy_" and not isinstance(args[0], Away))
    return found if to_the_cpu else tree_map(wrapped, found)


def _refuse_mixed(name: str, values: list[Any]) -> None:
    away = [each for each in values if isinstance(each, Away)]
    here = [each for each in values if isinstance(each, torch.Tensor) and not isinstance(each, Away) and each.dim()]
    if away and here:
        raise RuntimeError(
            f"{name}: Expected all tensors to be on the same device, but found at least two devices, "
            f"{SEPARATE} {tuple(away[0].shape)} and cpu {tuple(here[0].shape)}"
        )
