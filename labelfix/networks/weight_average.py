"""An average of a classifier over its last steps."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from labelfix.compute.devices import Precision
from labelfix.models.classifier import Batch, Classifier, ClassifierOutput
from labelfix.networks.passes import forward


class Average:
    """An exponential average of a classifier's weights and statistics, in evaluation mode."""

    def __init__(self, classifier: Classifier, decay: float) -> None:
        self.decay = decay
        self.classifier = copy.deepcopy(classifier).eval().requires_grad_(False)

    @torch.no_grad()
    def follow(self, classifier: Classifier) -> None:
        """Take in the classifier after a step."""
        own, new = self._numbers(self.classifier), self._numbers(classifier)
        torch._foreach_lerp_(own, new, 1 - self.decay)

    @torch.no_grad()
    def output(self, inputs: Batch, precision: Precision) -> ClassifierOutput:
        """What the average says of a batch."""
        return forward(self.classifier, inputs, precision)

    @staticmethod
    def _numbers(classifier: Classifier) -> list[Tensor]:
        tensors = [*classifier.parameters(), *classifier.buffers()]
        return [t.detach() for t in tensors if t.is_floating_point()]
