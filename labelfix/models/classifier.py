"""The classifier f_w: a backbone that gives features h(x), and a linear head on top.

Legend: B rows of a batch, D features, K classes.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

Batch = Any
"""What a backbone reads: `float32 (B, D)` features, `float32 (B, 3, S, S)` images, or a `TokenBatch`."""


class TokenBatch(NamedTuple):
    """A batch of tokenised texts, padded to its longest.

    Attributes:
        input_ids: `int64 (B, L)`.
        attention_mask: `int64 (B, L)`, 1 for tokens and 0 for padding.
        padded: Whether there is padding; known on the host, so that nobody has to ask the device for it.
    """

    input_ids: Tensor
    attention_mask: Tensor
    padded: bool = True


class ClassifierOutput(NamedTuple):
    """What the classifier says of a batch.

    Attributes:
        logits: `(B, K)`, unnormalised log-probabilities in class order.
        hidden: `(B, D)` h(x), the features that the head and the label correction network read.
    """

    logits: Tensor
    hidden: Tensor


class Classifier(nn.Module):
    """f_w: `head(backbone(x))`.

    Args:
        backbone: Maps a `Batch` to `(B, D)`; `nn.Identity()` where the features are computed once and frozen.
        generator: Draws the head's initial weights (uniform in ±1/√D, as `nn.Linear`); the bias starts at 0.
        fresh: Names of the backbone's parameters that start untrained while the others are pretrained.
    """

    def __init__(
        self,
        backbone: nn.Module,
        feature_width: int,
        num_classes: int,
        generator: torch.Generator,
        fresh: Collection[str] = (),
    ) -> None:
        super().__init__()
        self._fresh = frozenset(fresh)
        self.backbone = backbone
        self.feature_width = feature_width
        # torch's global generator is its owner's. (To skip the layer's own initialisation takes a second of imports.)
        with torch.random.fork_rng(devices=[]):
            self.head = nn.Linear(feature_width, num_classes)
        with torch.no_grad():
            bound = feature_width**-0.5
            self.head.weight.uniform_(-bound, bound, generator=generator)
            self.head.bias.zero_()

    @property
    def num_classes(self) -> int:
        """K."""
        return self.head.out_features

    def head_parameters(self) -> list[nn.Parameter]:
        """The head's parameters, and those of the backbone that start untrained beside pretrained ones."""
        fresh = [p for name, p in self.backbone.named_parameters() if name in self._fresh]
        return [*fresh, *self.head.parameters()]

    def backbone_parameters(self) -> list[nn.Parameter]:
        """All other parameters; what stays fixed while the head gets its start."""
        return [p for name, p in self.backbone.named_parameters() if name not in self._fresh]

    def forward(self, batch: Batch) -> ClassifierOutput:
        """Logits and features of a batch."""
        hidden = self.backbone(batch)
        return ClassifierOutput(self.head(hidden), hidden)


def new_head(width: int, hidden_units: int | None, num_classes: int, generator: torch.Generator) -> Classifier:
    """A linear head, or a ReLU layer of U units and a linear head.

    The hidden layer starts Kaiming-normal by its fan-out, so that inputs of length 1 give hidden features of
    length about 1.
    """
    if not hidden_units:
        return Classifier(nn.Identity(), width, num_classes, generator)
    hidden = nn.utils.skip_init(nn.Linear, width, hidden_units)
    nn.init.kaiming_normal_(hidden.weight, mode="fan_out", nonlinearity="relu", generator=generator)
    nn.init.zeros_(hidden.bias)
    return Classifier(nn.Sequential(hidden, nn.ReLU()), hidden_units, num_classes, generator)
