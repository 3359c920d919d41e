"""Cross-entropy with soft targets, in float32 or better."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def soft_cross_entropy(logits: Tensor, soft: Tensor) -> Tensor:
    """The sum over rows of −Σ_c q_c log p_c.

    Args:
        logits: `(B, K)`.
        soft: `(B, K)` targets q, rows sum to 1; no gradient flows into them.

    Returns:
        A scalar.
    """
    return -(soft.detach() * functional.log_softmax(logits, dim=1)).sum()


def entropy(soft: Tensor) -> Tensor:
    """The entropy of every row of `(B, K)` probabilities, in nats: `(B,)`."""
    return torch.as_tensor(torch.special.entr(soft).sum(dim=1))
