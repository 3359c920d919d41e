"""The label correction network (LCN) g_α(h(x), y'), the paper's meta model (Figure 2a).

Label embedding 128, concatenated with h(x), three linear layers with tanh between them, softmax.
Departures from the paper's text: the first layer reads 128 **plus** D inputs (the text says "128 × xdim";
concatenation is what its figure and its code do), and the hidden size follows the published code (128 for
images, 768 for text encoders).

The skip connection is not in the paper but in its code: a gate a(x, y') mixes the given label back in.

Legend: B rows of a batch, D features, K classes, E embedding, U hidden units.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from labelfix.compute.without_waiting import one_hot


class CorrectedBatch(NamedTuple):
    """What the LCN says of a batch.

    Attributes:
        soft: `(B, K)` corrected soft labels q, rows sum to 1.
        gate: `(B,)` share of the given label in q; None without the skip connection.
    """

    soft: Tensor
    gate: Tensor | None


class LabelCorrectionNetwork(nn.Module):
    """g_α: features and a given label in, a soft label out.

    Args:
        hidden: U.
        embedding: E.
        skip: Whether the gate is there.
        generator: Draws the initial weights: Xavier-uniform for the embedding, Xavier-normal for the layers;
            biases start at 0.
    """

    def __init__(
        self, feature_width: int, num_classes: int, hidden: int, embedding: int, skip: bool, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.feature_width = feature_width
        self.num_classes = num_classes
        self.skip = skip
        self.embedding = nn.Embedding(num_classes, embedding)
        # The first layer on [h, e(y')] as two halves, so that the label's half is computed once a class.
        self.first = nn.Linear(feature_width, hidden)
        self.first_label = nn.Linear(embedding, hidden, bias=False)
        self.second = nn.Linear(hidden, hidden)
        self.last = nn.Linear(hidden, num_classes + int(skip))
        nn.init.xavier_uniform_(self.embedding.weight, generator=generator)
        whole = nn.init.xavier_normal_(torch.empty(hidden, feature_width + embedding), generator=generator)
        with torch.no_grad():
            self.first.weight.copy_(whole[:, :feature_width])
            self.first_label.weight.copy_(whole[:, feature_width:])
        for layer in (self.second, self.last):
            nn.init.xavier_normal_(layer.weight, generator=generator)
        for layer in (self.first, self.second, self.last):
            nn.init.zeros_(layer.bias)
        if skip:
            with torch.no_grad():
                self.last.bias[-1] = 1.4  # the gate starts near 0.8: the given label is right more often than not

    def forward(self, hidden: Tensor, given: Tensor) -> CorrectedBatch:
        """Corrected soft labels, of `(B, D)` h(x), detached by the caller."""
        logits = self.scores(hidden, given)
        if not self.skip:
            return CorrectedBatch(torch.softmax(logits, dim=1), None)
        gate = torch.sigmoid(logits[:, -1])
        soft = torch.softmax(logits[:, :-1], dim=1)
        kept = one_hot(given, self.num_classes, soft.dtype)
        return CorrectedBatch(torch.lerp(soft, kept, gate[:, None]), gate)

    def scores(self, hidden: Tensor, given: Tensor) -> Tensor:
        """What the last layer says, before any softmax: `(B, K)`, with the gate's logit behind where there is one."""
        of_label = self.first_label(self.embedding.weight)
        # In place: on fixed features, making new tensors costs a fifth of a step.
        first = self.first(hidden).add_(functional.embedding(given, of_label)).tanh_()
        scores: Tensor = self.last(self.second(first).tanh_())
        return scores
