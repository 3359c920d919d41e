"""A label correction network that starts as the Bayes posterior and learns where that is wrong.

    q = softmax(a·log f̄(x) + b·log T0[·, y'] + r(h̄(x), y'))

f̄ is an averaged classifier and h̄ its features, T0 the transition matrix of the trusted rows (rows = true class). a
and b say how far the classifier and the given label are trusted; both start at 1. r is the paper's network without
its softmax, started at zero, so that q starts as the posterior f̄(x)·T0[·, y'], normalised.

Legend: B rows of a batch, D features, K classes.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from labelfix.models.correction_trust import CLASSIFIER_TRUST, LABEL_TRUST
from labelfix.models.label_correction_network import CorrectedBatch, LabelCorrectionNetwork


class StructuredCorrectionNetwork(nn.Module):
    """g_α with structure: what an averaged classifier says and a given label in, a soft label out.

    Args:
        log_transition: `(K, K)` log T0.
        hidden: Hidden units of r.
        embedding: Dimensions of r's label embedding.
        generator: Draws r's initial weights but the last layer's, which are 0.
    """

    reads_logits: ClassVar[bool] = True
    """It is called with logits beside features and given label."""

    log_transition: Tensor

    def __init__(
        self, feature_width: int, log_transition: Tensor, hidden: int, embedding: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.register_buffer("log_transition", log_transition.float())
        self.trust = nn.Parameter(torch.ones(2))
        self.residual = LabelCorrectionNetwork(feature_width, len(log_transition), hidden, embedding, False, generator)
        nn.init.zeros_(self.residual.last.weight)

    def forward(self, hidden: Tensor, given: Tensor, logits: Tensor) -> CorrectedBatch:
        """Corrected soft labels.

        Args:
            hidden: `(B, D)` h̄(x).
            given: `(B,)` given labels in 0..K-1.
            logits: `(B, K)` of f̄.
        """
        a, b = self.trust[0].clamp(*CLASSIFIER_TRUST), self.trust[1].clamp(*LABEL_TRUST)
        prior = torch.log_softmax(logits.float(), dim=1)
        scores = a * prior + b * self.log_transition[:, given].T + self.residual.scores(hidden, given)
        return CorrectedBatch(torch.softmax(scores, dim=1), None)


Lcn = LabelCorrectionNetwork | StructuredCorrectionNetwork
"""g_α, of either kind."""
