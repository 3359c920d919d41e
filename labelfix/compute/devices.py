"""Which device the work is done on."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any, Literal

import torch

from labelfix.errors import SettingsError

Precision = Literal["fp32", "bf16"]
"""What forward passes compute in: float32 with all its digits, or bfloat16 by autocast; weights are float32 in both."""


def pick_device(name: str) -> torch.device:
    """The device that a setting names.

    Args:
        name: `auto` (a GPU where torch sees one, else the CPU), `cpu` or `cuda`.

    Raises:
        SettingsError: `cuda` without a GPU, or an unknown name.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cuda" and not torch.cuda.is_available():
        raise SettingsError("device = 'cuda': torch sees no CUDA GPU here; use --device cpu, or auto")
    if name not in ("cpu", "cuda"):
        raise SettingsError(f"device = {name!r} is not one of auto, cpu, cuda")
    return torch.device(name)


def arithmetic(
    device: torch.device, precision: Precision, remember: bool = False
) -> contextlib.AbstractContextManager[object]:
    """The context of one forward pass, or of several at the same weights.

    Autocast can remember its bfloat16 copies of the weights within a context. A second pass with other weights in their
    place would be given the first one's, so it does where all passes are at the same weights, and nowhere else.

    Args:
        remember: Whether every pass within is at the same weights.
    """
    if precision == "fp32":
        return contextlib.nullcontext()
    return torch.autocast(device.type, torch.bfloat16, cache_enabled=remember)


@contextlib.contextmanager
def full_precision(device: torch.device) -> Iterator[None]:
    """float32 on a GPU computes with all of its digits.

    Convolutions there round to 10 bits (TF32) by default. The look-ahead's finite difference moves the weights by
    less than that rounding, and would measure nothing but it.

    PyTorch has two interfaces to that and refuses to multiply where they contradict each other. Both are set, and both
    get back what they said, even where that was a contradiction.
    """
    if device.type != "cuda":
        yield
        return
    backends: Any = torch.backends
    # A place reads what is said above it where it says nothing of its own, so those above come first and say nothing.
    above = [backends, backends.cudnn]
    places = [*above, backends.cudnn.conv, backends.cudnn.rnn, backends.cuda.matmul, backends.mkldnn.matmul]
    before = []
    for place in places:
        before.append(place.fp32_precision)
        place.fp32_precision = "none" if place in above else "ieee"
    older = _older_interface()
    try:
        _set_older_interface("highest", False)
        for place in places[len(above) :]:
            place.fp32_precision = "ieee"  # again, since the older interface sets the newer one as well
        yield
    finally:
        _set_older_interface(*older)
        for place, value in zip(places, before, strict=True):
            place.fp32_precision = value


def _older_interface() -> tuple[str, bool]:
    """What it says of matrix products and of convolutions, where the newer one says that no digit be lost."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that there is a newer one
        try:
            convolutions = torch.backends.cudnn.allow_tf32
        except RuntimeError:  # it says yes, which contradicts the newer one
            convolutions = True
        return torch.get_float32_matmul_precision(), convolutions


def _set_older_interface(products: str, convolutions: bool) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.set_float32_matmul_precision(products)
        torch.backends.cudnn.allow_tf32 = convolutions
