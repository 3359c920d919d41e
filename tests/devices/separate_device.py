"""A stand-in for a GPU on machines without one: a device whose tensors do not mix with those of the CPU.

Tensors there are computed by the CPU, but torch sees them on a device of their own, NumPy cannot read them, and an
operation that is given tensors of both places is refused as CUDA refuses it: only tensors without dimensions, and
indices, may come from the CPU. The device is torch's `lazy`: no backend of it is started, so that nothing else uses it,
and it takes no registration that would outlive the tests.

It keeps count of what a GPU's host would wait for (`Traffic`): values that are asked for, and copies.
"""

import collections
import contextlib
import traceback
from dataclasses import dataclass, field
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


WAITS = (
    *("aten::_local_scalar_dense", "aten::is_nonzero", "aten::equal", "aten::nonzero", "aten::masked_select"),
    *("aten::unique_dim", "aten::_unique2", "aten::bincount"),
)
"""What asks the device for values, or for how many there are."""


@dataclass
class Traffic:
    """What has gone on between host and device, by operation and the line that asked for it.

    Attributes:
        waits: The host waited for the device: for a value, a copy to the CPU, or how many rows a mask chooses.
        blocking: Copies to the device for which the host waited, since they left from ordinary memory.
        queued: Copies to the device from pinned memory, for which it did not.
        casts: Changes of a tensor's type on the device.
        operations: All there were on the device, by name.
    """

    waits: collections.Counter[str] = field(default_factory=collections.Counter)
    blocking: collections.Counter[str] = field(default_factory=collections.Counter)
    queued: collections.Counter[str] = field(default_factory=collections.Counter)
    casts: collections.Counter[str] = field(default_factory=collections.Counter)
    operations: collections.Counter[str] = field(default_factory=collections.Counter)


watching: list[Traffic] = []
"""Everything is noted in all of these."""


@contextlib.contextmanager
def watched(traffic):
    """Note what goes on."""
    watching.append(traffic)
    try:
        yield traffic
    finally:
        watching.remove(traffic)


def _note(kind, what):
    if not watching:
        return
    frames = [f for f in traceback.extract_stack() if "/torch/" not in f.filename and not f.filename.endswith(__file__)]
    for traffic in watching:
        getattr(traffic, kind)[f"{what} at {frames[-1].filename.split('/labelfix/')[-1]}:{frames[-1].lineno}"] += 1


class Away(torch.Tensor):
    """A tensor on the separate device.

    Attributes:
        here: The CPU tensor that it stands for.
    """

    __torch_function__ = torch._C._disabled_torch_function_impl
    here: torch.Tensor

    @staticmethod
    def __new__(cls, here):
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

    def __repr__(self, **_):
        return f"Away({self.here})"

    def numpy(self, **_):
        """Refused, as on CUDA."""
        raise TypeError("can't convert a tensor of the separate device to numpy; use .cpu() first")

    __array__ = numpy

    def tolist(self):
        """The values, as on CUDA."""
        _note("waits", "tolist")
        return self.here.tolist()

    @classmethod
    def __torch_dispatch__(cls, operation, types, args=(), kwargs=None):
        return _compute(operation, args, kwargs or {})


@contextlib.contextmanager
def separate_device():
    """Within it, tensors can be made on the device and brought there."""
    library = torch.library.Library("aten", "IMPL")
    aten = torch.ops.aten
    library.impl("empty.memory_format", _maker(aten.empty.memory_format), "Lazy")
    library.impl("empty_strided", _maker(aten.empty_strided.default), "Lazy")
    library.impl("copy_", _copied, "Lazy")  # where `torch.tensor` copies, a subclass is not asked
    pinned = mock.patch.object(torch.Tensor, "pin_memory", _pinned)
    # A module that changes the layout of its weights puts new ones into the old tensors, of which `here` knows nothing.
    replacing = torch.__future__.get_overwrite_module_params_on_conversion()
    torch.__future__.set_overwrite_module_params_on_conversion(True)
    fused = [*optimizer._get_fused_kernels_supported_devices(), SEPARATE.type]
    try:
        with pinned, mock.patch.object(optimizer, "_get_fused_kernels_supported_devices", return_value=fused):
            yield SEPARATE
    finally:
        torch.__future__.set_overwrite_module_params_on_conversion(replacing)
        library._destroy()


def _maker(operation):
    def make(*args, **options):
        return Away(operation(*args, **(options | {"device": CPU, "pin_memory": False})))

    return make


def _pinned(tensor):
    """A copy that knows that it is in pinned memory."""
    made = tensor.clone()
    made.in_pinned_memory = True
    return made


def _copied(to, source, non_blocking=False):
    _note_copy("copy_", to, source, non_blocking)
    ends = [each.here if isinstance(each, Away) else each for each in (to, source)]
    ends[0].copy_(ends[1])
    return to


def _note_copy(name, to, source, non_blocking):
    """What a copy means for the host.

    Args:
        name: The operation.
        to: A tensor or a device.
        source: A tensor.
        non_blocking: As the copy was asked for.
    """
    to_cpu = to == CPU if isinstance(to, torch.device) else not isinstance(to, Away)
    from_cpu = not isinstance(source, Away)
    if to_cpu and not from_cpu:
        _note("waits", name)
    elif from_cpu and not to_cpu:
        _note("queued" if non_blocking and getattr(source, "in_pinned_memory", False) else "blocking", name)


def _note_operation(name, args, kwargs, tensors):
    """What an operation with a tensor of the device means for the host."""
    for traffic in watching:
        traffic.operations[name] += 1
    if name in WAITS:
        _note("waits", name)
    if name in INDEXING:
        indices = [each for each in args[1] if each is not None]
        if any(each.dtype in (torch.bool, torch.uint8) for each in indices):
            _note("waits", f"{name} by a mask")
        if any(not isinstance(each, Away) and each.dim() for each in indices):
            _note("blocking", f"{name} by rows of the host")
    if name == "aten::copy_":
        _note_copy(name, args[0], args[1], bool(kwargs.get("non_blocking", args[2] if len(args) > 2 else False)))
    if name == "aten::_to_copy":
        _note_copy(name, kwargs.get("device") or SEPARATE, args[0], bool(kwargs.get("non_blocking", False)))
        if kwargs.get("dtype") not in (None, tensors[0].dtype):
            _note("casts", name)


def _compute(operation, args, kwargs):
    """Carry out an operation that is given a tensor of the device, or refuse it."""
    name = operation._schema.name
    tensors = [each for each in tree_leaves((args, kwargs)) if isinstance(each, torch.Tensor)]
    if name not in COPIES:
        _refuse_mixed(name, [args[0], *tree_leaves(args[2:])] if name in INDEXING else tensors)
    _note_operation(name, args, kwargs, tensors)
    known: dict[int, Away] = {}

    def unwrapped(value):
        if isinstance(value, Away):
            known[id(value.here)] = value
            return value.here
        return CPU if isinstance(value, torch.device) else value

    def wrapped(value):
        # What an operation in place gives back is the tensor that it was given.
        return known.get(id(value), Away(value)) if isinstance(value, torch.Tensor) else value

    found = operation(*tree_map(unwrapped, args), **tree_map(unwrapped, kwargs))
    named = [each for each in (*args, *kwargs.values()) if isinstance(each, torch.device)]
    to_the_cpu = CPU in named or (name == "aten::copy_" and not isinstance(args[0], Away))
    return found if to_the_cpu else tree_map(wrapped, found)


def _refuse_mixed(name, values):
    away = [each for each in values if isinstance(each, Away)]
    here = [each for each in values if isinstance(each, torch.Tensor) and not isinstance(each, Away) and each.dim()]
    if away and here:
        raise RuntimeError(
            f"{name}: Expected all tensors to be on the same device, but found at least two devices, "
            f"{SEPARATE} {tuple(away[0].shape)} and cpu {tuple(here[0].shape)}"
        )
