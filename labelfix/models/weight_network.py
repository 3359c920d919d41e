"""V(L; Θ): a weight in (0, 1) for a row, from its loss.

Source: Shu et al., "Meta-Weight-Net: Learning an Explicit Mapping For Sample Weighting", NeurIPS 2019.

Legend: B rows, H hidden units.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class WeightNetwork(nn.Module):
    """V(L) = sigmoid(second(relu(first(L)))), one curve for all rows and classes.

    Args:
        hidden: H.
        generator: Draws the initial weights, uniform in ±1/√(inputs) as torch's own linear layers.
    """

    def __init__(self, hidden: int, generator: torch.Generator) -> None:
        super().__init__()
        # Skipping the layers' own initialisation leaves torch's global generator to its owner.
        self.first: nn.Linear = nn.utils.skip_init(nn.Linear, 1, hidden)
        self.second: nn.Linear = nn.utils.skip_init(nn.Linear, hidden, 1)
        with torch.no_grad():
            for layer in (self.first, self.second):
                bound = layer.in_features**-0.5
                layer.weight.uniform_(-bound, bound, generator=generator)
                layer.bias.uniform_(-bound, bound, generator=generator)

    def forward(self, losses: Tensor) -> Tensor:
        """`(B,)` weights of rows with `(B,)` losses; no gradient flows into the losses."""
        hidden = torch.relu(self.first(losses.detach()[:, None]))
        return torch.sigmoid(self.second(hidden))[:, 0]
