"""What may be done within a step because nobody waits for the device: send a tensor there, make labels one-hot."""

from __future__ import annotations

import torch
from torch import Tensor


def sent(tensor: Tensor, device: torch.device) -> Tensor:
    """A tensor on the device; the host goes on at once.

    It leaves from pinned memory, which the device reads by itself: from any other the host copies, and waits for it.
    """
    if device.type == "cpu" or tensor.device == device:
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


def one_hot(labels: Tensor, num_classes: int, dtype: torch.dtype) -> Tensor:
    """`(…, K)` rows of the identity for labels `(…)`; torch's own may look at them first, and wait for the device."""
    return (labels[..., None] == torch.arange(num_classes, device=labels.device)).to(dtype)
