"""One step of Meta Label Correction, in the order of the paper's equations, without a double backward.

Gradients are taken by hand: the classifier's in `Trainer.attempt_learning`, g_w' in `_judge`, the LCN's in `_chain`.

Legend: B rows of a batch, K classes; n = noisy rows + clean training rows of the step.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from labelfix.correction.network import Lcn
from labelfix.devices import Precision, arithmetic
from labelfix.methods.networks.figures import Learned, StepFigures, figures
from labelfix.methods.networks.trainer import Loss, Trainer, concatenated, nested
from labelfix.models.attention import plain_attention
from labelfix.models.classifier import ClassifierOutput
from labelfix.ranks import ranks
from labelfix.training.flat import Flat
from labelfix.training.lookahead import (
    Derivative,
    MetaGradient,
    directional_derivative,
    frozen_statistics,
    step_length,
    swapped,
)
from labelfix.training.losses import soft_cross_entropy
from labelfix.training.passes import Labelled, forward
from labelfix.training.step_sizes import effective_step_sizes, through_clipping

__all__ = ["Labelled", "MlcTrainer", "StepFigures"]


@dataclass(kw_only=True)
class MlcTrainer(Trainer):
    """The two networks, their optimisers, and the window of the look-ahead.

    Attributes:
        lcn: g_α; one that `reads_logits` is called with the noisy rows' logits as well, those of the average of f_w
            where there is one.
        lcn_optimizer: Of g_α.
        derivative: How δz is taken.
        window: The meta-gradient of the present window, which has `lookahead` = k steps.
        gamma: γ of the last step; None for a window's first.
    """

    lcn: Lcn
    lcn_optimizer: torch.optim.Optimizer
    derivative: Derivative = "fd1"
    window: MetaGradient = field(default_factory=MetaGradient)
    gamma: Tensor | None = None
    may_collapse: ClassVar[bool] = True

    def networks(self) -> dict[str, nn.Module]:
        """See `Trainer.networks`."""
        return super().networks() | {"lcn": self.lcn}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """See `Trainer.optimizers`."""
        return super().optimizers() | {"lcn_optimizer": self.lcn_optimizer}

    def step(
        self, noisy: Labelled, clean: Labelled | None, meta: Labelled | None, watch: bool = True, last: bool = False
    ) -> StepFigures | None:
        """Update w, and α with it; without meta rows the labels are the LCN's all the same, and α stays."""
        # Forward at w; q = g_α(h(x), y') with h detached; ordinary backward of L; w' = w − step.
        ahead = meta is not None

        def corrected(said: ClassifierOutput, rows: Labelled) -> Loss:
            return self._corrected(said, rows, ahead)

        learned = self.attempt_learning(noisy, clean, corrected, ahead)
        meta_loss, clean_gradient = None, None
        if meta is not None:
            # g = ∇L_clean(w') on the live weights; v = Λ g; δz at the old w along v; A_t; every k-th step α moves.
            meta_loss, clean_gradient = self.memory.attempt(lambda pieces: self._judge(meta, pieces), len(meta.labels))
            self._chain(learned, noisy, noisy.rows + (0 if clean is None else clean.rows), clean_gradient)
            if last or self.window.steps == self.lookahead:
                for parameter, value in zip(list(self.lcn.parameters()), self.window.take(), strict=True):
                    parameter.grad = value
                self.lcn_optimizer.step()
        self.steps += 1
        return figures(learned, noisy, clean, meta_loss, clean_gradient, self.gamma) if watch else None

    def restart_window(self) -> None:
        """See `Trainer.restart_window`."""
        self.window, self.gamma = MetaGradient(), None

    def _corrected(self, said: ClassifierOutput, noisy: Labelled, ahead: bool) -> Loss:
        """The loss against q, whose graph leads to α."""
        with torch.set_grad_enabled(ahead):
            if not getattr(self.lcn, "reads_logits", False):
                q, gate = self.lcn(said.hidden.detach(), noisy.labels)
            else:
                read = said if self.average is None else self.average.output(noisy.inputs, self.precision)
                q, gate = self.lcn(read.hidden.detach(), noisy.labels, read.logits.detach())
        return Loss(soft_cross_entropy(said.logits, q), q, gate)

    def _judge(self, meta: Labelled, pieces: int) -> tuple[Tensor, Flat]:
        """L_clean(w') and g_w' = ∇L_clean(w')."""
        losses, gradient = [], None
        for number, part in enumerate(meta.pieces(pieces)):
            with frozen_statistics(self.classifier), self.masks("meta", number):
                logits = forward(self.classifier, part.inputs, self.precision).logits
            loss = functional.cross_entropy(logits, part.labels, reduction="sum") / meta.rows
            found = torch.autograd.grad(loss, self.weights, materialize_grads=True)
            gradient = list(found) if gradient is None else list(torch._foreach_add(gradient, found))
            losses.append(loss.detach())
        assert gradient is not None
        loss = torch.stack(losses).sum()
        ranks().add_up([loss, *gradient])
        return loss, Flat.of(gradient, like=self.weights)

    def _chain(self, learned: Learned, noisy: Labelled, total: int, clean_gradient: Flat) -> None:
        """∇_α L_clean(w') = (1/n) ∇_α Σ q δz; A_t = γ A_{t−1} + it."""
        assert learned.before is not None
        with torch.no_grad():
            scales = effective_step_sizes(self.optimizer, learned.before.parts, first_step=self.steps == 0)
            direction = clean_gradient.times(scales)
            if learned.factor is not None and self.clip_norm is not None:
                clipped = Flat.of([p.grad for p in self.weights if p.grad is not None], like=self.weights)
                through_clipping(direction, clipped, learned.factor, self.clip_norm)
        moved = direction.vector.clone() if self.lookahead > 1 else direction.vector
        delta = self._difference(learned, noisy, direction)
        weighed = (learned.soft * delta.to(learned.soft.dtype)).sum() / total
        gradient = torch.autograd.grad(weighed, list(self.lcn.parameters()))
        ranks().add_up(gradient)
        self.window.add(gradient, clean_gradient.vector, moved)
        self.gamma = self.window.gamma

    def _difference(self, learned: Learned, noisy: Labelled, direction: Flat) -> Tensor:
        """δz at the old w along v."""
        assert learned.before is not None

        # Autocast does not go with forward mode, whose derivative is exact anyway.
        precision: Precision = "fp32" if self.derivative == "jvp" else self.precision

        def logits(weights: Sequence[Tensor]) -> Tensor:
            return self.memory.attempt(lambda pieces: in_pieces(weights, pieces), len(noisy.labels))

        def in_pieces(weights: Sequence[Tensor], pieces: int) -> Tensor:
            found = []
            for number, part in enumerate(noisy.pieces(pieces)):
                # Every pass over the noisy rows draws the same dropout masks, and none sees another's bfloat16 copies.
                with self.masks("noisy", number), arithmetic(part.labels.device, precision):
                    found.append(swapped(self.classifier, self.names, weights, part.inputs))
            return concatenated(found).to(learned.logits.dtype)

        length = step_length(learned.logits.dtype, self.precision)
        return directional_derivative(logits, learned.before, direction, learned.logits, self.derivative, length)

    def masks(self, which: str, piece: int = 0) -> contextlib.AbstractContextManager[None]:
        """See `Trainer.masks`."""
        # Forward mode has no way through fused attention, whose masks differ: then no pass takes it.
        attention = plain_attention() if self.derivative == "jvp" else contextlib.nullcontext()
        return attention if self.seed is None else nested(attention, super().masks(which, piece))

    def masks_step(self, which: str) -> int:
        """A window's meta batch keeps its masks."""
        return self.steps - self.window.steps if which == "meta" else self.steps
