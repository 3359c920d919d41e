"""Labels as rows of the identity."""

from __future__ import annotations

import torch
from torch import Tensor


def one_hot(labels: Tensor, num_classes: int, dtype: torch.dtype) -> Tensor:
    """`(…, K)` rows of the identity for labels `(…)`; torch's own may look at them first, and wait for the device."""
    return (labels[..., None] == torch.arange(num_classes, device=labels.device)).to(dtype)
