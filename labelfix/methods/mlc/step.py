"""One step of Meta Label Correction, in the order of the paper's equations, without a double backward.

Gradients are taken by hand: the classifier's in `Trainer.attempt_learning`, g_w' in `LookaheadTrainer.clean_gradient`,
δz in its `logits_along`, the LCN's in `_chain`.

Legend: B rows of a batch, K classes; n = noisy rows + clean training rows of the step.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor, nn

from labelfix.compute.flat_vectors import Flat
from labelfix.compute.ranks import ranks
from labelfix.models.classifier import ClassifierOutput
from labelfix.models.label_correction_network import LabelCorrectionNetwork
from labelfix.networks.figures import Learned, StepFigures, figures
from labelfix.networks.lookahead import MetaGradient
from labelfix.networks.lookahead_trainer import LookaheadTrainer
from labelfix.networks.passes import Labelled
from labelfix.networks.soft_cross_entropy import soft_cross_entropy
from labelfix.networks.step_sizes import effective_step_sizes, through_clipping
from labelfix.networks.trainer import Loss

__all__ = ["Labelled", "MlcTrainer", "StepFigures"]


@dataclass(kw_only=True)
class MlcTrainer(LookaheadTrainer):
    """The two networks, their optimisers, and the window of the look-ahead.

    Attributes:
        lcn: g_α.
        window: The meta-gradient of the present window, which has `lookahead` = k steps.
        gamma: γ of the last step; None for a window's first.
    """

    lcn: LabelCorrectionNetwork
    lcn_optimizer: torch.optim.Optimizer
    window: MetaGradient = field(default_factory=MetaGradient)
    gamma: Tensor | None = None
    may_collapse: ClassVar[bool] = True

    def networks(self) -> dict[str, nn.Module]:
        return super().networks() | {"lcn": self.lcn}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
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
            meta_loss, clean_gradient = self.clean_gradient(meta)
            self._chain(learned, noisy, noisy.rows + (0 if clean is None else clean.rows), clean_gradient)
            if last or self.window.steps == self.lookahead:
                for parameter, value in zip(list(self.lcn.parameters()), self.window.take(), strict=True):
                    parameter.grad = value
                self.lcn_optimizer.step()
        self.steps += 1
        return figures(learned, noisy, clean, meta_loss, clean_gradient, self.gamma) if watch else None

    def restart_window(self) -> None:
        self.window, self.gamma = MetaGradient(self.window.clamped), None

    def _corrected(self, said: ClassifierOutput, noisy: Labelled, ahead: bool) -> Loss:
        """The loss against q, whose graph leads to α."""
        with torch.set_grad_enabled(ahead):
            q, gate = self.lcn(said.hidden.detach(), noisy.labels)
        return Loss(soft_cross_entropy(said.logits, q), q, gate)

    def _chain(self, learned: Learned, noisy: Labelled, total: int, clean_gradient: Flat) -> None:
        """∇_α L_clean(w') = (1/n) ∇_α Σ q δz; A_t = γ A_{t−1} + it."""
        assert learned.before is not None
        with torch.no_grad():
            scales = effective_step_sizes(self.optimizer, learned.before.parts)
            direction = clean_gradient.times(scales)
            if learned.factor is not None and self.clip_norm is not None:
                clipped = Flat.of([p.grad for p in self.weights if p.grad is not None], like=self.weights)
                through_clipping(direction, clipped, learned.factor, self.clip_norm)
        moved = direction.vector.clone() if self.lookahead > 1 else direction.vector
        delta = self.logits_along(noisy, learned.before, direction, learned.logits, learned.pieces)
        weighed = (learned.soft * delta.to(learned.soft.dtype)).sum() / total
        gradient = torch.autograd.grad(weighed, list(self.lcn.parameters()))
        ranks().add_up(gradient)
        self.window.add(gradient, clean_gradient.vector, moved)
        self.gamma = self.window.gamma

    def masks_step(self, which: str) -> int:
        """A window's meta batch keeps its masks."""
        return self.steps - self.window.steps if which == "meta" else self.steps
