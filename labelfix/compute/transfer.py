"""Tensors on their way to the device, without anybody waiting for them."""

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
