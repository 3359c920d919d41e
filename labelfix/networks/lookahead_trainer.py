"""What trainers share that look ahead: a loss elsewhere in weight space, and how the noisy rows' logits change.

No pass here needs a second backward: derivatives along a direction are taken by the engine (networks/lookahead.py).
BatchNorm's running statistics are left alone by all of them, and dropout draws the masks of the step's own pass.

Legend: B rows of a batch, K classes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from labelfix.compute.devices import Precision, arithmetic
from labelfix.compute.flat_vectors import Flat
from labelfix.compute.ranks import ranks
from labelfix.networks.lookahead import Derivative, directional_derivative, frozen_statistics, step_length, swapped
from labelfix.networks.passes import Labelled, forward
from labelfix.networks.trainer import Trainer, concatenated, nested


@contextlib.contextmanager
def plain_attention() -> Iterator[None]:
    """Compute attention by matrix products and a softmax: the fused form has no forward-mode derivative.

    All passes of a step have to be in it, or none: the two forms draw different dropout masks.
    """
    with sdpa_kernel(SDPBackend.MATH):
        yield


@dataclass(kw_only=True)
class LookaheadTrainer(Trainer):
    """A trainer with the two passes of a look-ahead."""

    derivative: Derivative = "fd1"

    def clean_gradient(self, meta: Labelled, weights: Sequence[Tensor] | None = None) -> tuple[Tensor, Flat]:
        """L_clean and its gradient, at the live weights or at others.

        Args:
            weights: Where, in the order of `weights`; they require a gradient.
        """
        return self.memory.attempt(lambda pieces: self._clean_gradient(meta, weights, pieces), len(meta.labels))

    def _clean_gradient(self, meta: Labelled, weights: Sequence[Tensor] | None, pieces: int) -> tuple[Tensor, Flat]:
        losses, gradient = [], None
        for number, part in enumerate(meta.pieces(pieces)):
            with self.statistics(), self.masks("meta", number):
                logits = (
                    forward(self.classifier, part.inputs, self.precision).logits
                    if weights is None
                    else self._elsewhere(weights, part, self.precision)
                )
            loss = functional.cross_entropy(logits, part.labels, reduction="sum") / meta.rows
            found = torch.autograd.grad(loss, weights or self.weights, materialize_grads=True)
            gradient = list(found) if gradient is None else list(torch._foreach_add(gradient, found))
            losses.append(loss.detach())
        assert gradient is not None
        loss = torch.stack(losses).sum()
        ranks().add_up([loss, *gradient])
        return loss, Flat.of(gradient, like=self.weights)

    def statistics(self) -> contextlib.AbstractContextManager[None]:
        """What passes over meta rows do to BatchNorm's running statistics: nothing, unless a method says so."""
        return frozen_statistics(self.classifier)

    def logits_along(self, noisy: Labelled, weights: Flat, direction: Flat, at_weights: Tensor, pieces: int) -> Tensor:
        """`(B, K)` δz, the derivative of the noisy rows' logits along a direction.

        Args:
            weights: w.
            direction: Overwritten.
            at_weights: `(B, K)` their logits at w.
            pieces: In how many pieces these were taken.
        """
        # Autocast does not go with forward mode, whose derivative is exact anyway.
        precision: Precision = "fp32" if self.derivative == "jvp" else self.precision

        def logits(there: Sequence[Tensor]) -> Tensor:
            return self.memory.attempt(lambda pieces: in_pieces(there, pieces), len(noisy.labels))

        def in_pieces(there: Sequence[Tensor], pieces: int) -> Tensor:
            found = []
            for number, part in enumerate(noisy.pieces(pieces)):
                # Every pass over the noisy rows draws the same dropout masks.
                with self.masks("noisy", number):
                    found.append(self._elsewhere(there, part, precision))
            return concatenated(found).to(at_weights.dtype)

        def at() -> Tensor:
            # BatchNorm sees a piece at a time: where the memory has run out since, other pieces would be compared.
            return at_weights if self.memory.pieces == pieces else logits(weights.parts)

        length = step_length(at_weights.dtype, self.precision)
        return directional_derivative(logits, weights, direction, at, self.derivative, length)

    def _elsewhere(self, weights: Sequence[Tensor], rows: Labelled, precision: Precision) -> Tensor:
        """Logits with other weights; none of these passes sees another's bfloat16 copies."""
        with arithmetic(rows.labels.device, precision):
            logits = swapped(self.classifier, self.names, weights, rows.inputs)
        return logits.float() if logits.dtype in (torch.bfloat16, torch.float16) else logits

    def masks(self, which: str, piece: int = 0) -> contextlib.AbstractContextManager[None]:
        # Forward mode has no way through fused attention, whose masks differ: then no pass takes it.
        attention = plain_attention() if self.derivative == "jvp" else contextlib.nullcontext()
        return attention if self.seed is None else nested(attention, super().masks(which, piece))
