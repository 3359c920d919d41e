"""One step of Meta Label Correction, in the order of the paper's equations, without a double backward.

Legend: B rows of a batch, K classes; n = noisy rows + clean training rows of the step.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional

from labelfix.models.classifier import Batch, Classifier
from labelfix.models.label_correction_network import LabelCorrectionNetwork
from labelfix.training.lookahead import (
    Derivative,
    MetaGradient,
    directional_derivative,
    effective_step_sizes,
    frozen_statistics,
    swapped,
)
from labelfix.training.losses import entropy, soft_cross_entropy


@dataclass(frozen=True)
class Labelled:
    """A batch with its labels, on the training device.

    Attributes:
        inputs: What the backbone reads.
        labels: `(B,)` int64.
    """

    inputs: Batch
    labels: Tensor


@dataclass(frozen=True)
class StepFigures:
    """What one step is worth watching for; tensors, so that nothing waits for the device.

    Attributes:
        corrected_loss: Mean loss of the noisy rows against their corrected labels.
        clean_loss: Mean loss of the clean training rows.
        entropy: Mean entropy of q in nats.
        changed: Share of noisy rows whose corrected label differs from the given one.
        gate: Mean share of the given label in q; NaN without the skip connection.
        meta_loss: Mean loss of the clean meta rows after the step; NaN in a step without a meta-gradient.
        meta_norm: ‖g_w'‖; NaN likewise.
    """

    corrected_loss: Tensor
    clean_loss: Tensor
    entropy: Tensor
    changed: Tensor
    gate: Tensor
    meta_loss: Tensor
    meta_norm: Tensor


@dataclass
class MlcTrainer:
    """The two networks, their optimisers, and the window of the look-ahead.

    Attributes:
        classifier: f_w.
        lcn: g_α.
        optimizer: Of f_w; its learning rate is set by the caller before every step.
        lcn_optimizer: Of g_α.
        derivative: How δz is taken.
        lookahead: k.
        seed: Fixes the dropout masks of a step; None where the classifier has none, which saves time.
        steps: Steps taken so far.
    """

    classifier: Classifier
    lcn: LabelCorrectionNetwork
    optimizer: torch.optim.Optimizer
    lcn_optimizer: torch.optim.Optimizer
    derivative: Derivative
    lookahead: int
    seed: int | None
    steps: int = 0
    window: MetaGradient = field(default_factory=MetaGradient)
    gamma: float | None = None

    def __post_init__(self) -> None:
        trainable = [(name, p) for name, p in self.classifier.named_parameters() if p.requires_grad]
        order = {id(p): i for i, p in enumerate(p for g in self.optimizer.param_groups for p in g["params"])}
        trainable.sort(key=lambda item: order[id(item[1])])
        self.names = [name for name, _ in trainable]
        self.weights = [p for _, p in trainable]

    def step(self, noisy: Labelled, clean: Labelled, meta: Labelled | None, watch: bool = True) -> StepFigures | None:
        """Update w, and α with it.

        Args:
            noisy: Noisy rows with given labels y'.
            clean: Clean training rows.
            meta: Clean meta rows that judge the look-ahead; the same ones for the k steps of a window.
                None for a step without a meta-gradient.
            watch: Whether to work out the figures; on small networks they are a tenth of a step.
        """
        # Forward at w; q = g_α(h(x), y') with h detached; ordinary backward of L; w' = w − step.
        with self._masks("noisy"):
            logits, hidden = self.classifier(noisy.inputs)
        with torch.set_grad_enabled(meta is not None):
            q, gate = self.lcn(hidden.detach(), noisy.labels)
        with self._masks("clean"):
            clean_logits = self.classifier(clean.inputs).logits
        total = len(noisy.labels) + len(clean.labels)
        noisy_loss = soft_cross_entropy(logits, q)
        clean_loss = functional.cross_entropy(clean_logits, clean.labels, reduction="sum")
        self.optimizer.zero_grad()
        ((noisy_loss + clean_loss) / total).backward()
        before = [p.detach().clone() for p in self.weights] if meta is not None else []
        self.optimizer.step()

        meta_loss, clean_gradient = None, None
        if meta is not None:
            meta_loss, clean_gradient = self._meta_step(before, noisy, logits.detach(), q, total, meta)
        self.steps += 1
        if not watch:
            return None
        with torch.no_grad():
            missing = torch.tensor(float("nan"))
            return StepFigures(
                corrected_loss=noisy_loss.detach() / len(noisy.labels),
                clean_loss=clean_loss.detach() / len(clean.labels),
                entropy=entropy(q.detach()).mean(),
                changed=(q.argmax(dim=1) != noisy.labels).float().mean(),
                gate=missing if gate is None else gate.detach().mean(),
                meta_loss=missing if meta_loss is None else meta_loss,
                meta_norm=missing if clean_gradient is None else torch.nn.utils.get_total_norm(clean_gradient),
            )

    def _meta_step(
        self, before: Sequence[Tensor], noisy: Labelled, logits: Tensor, q: Tensor, total: int, meta: Labelled
    ) -> tuple[Tensor, Sequence[Tensor]]:
        # g = ∇L_clean(w') on the live weights; v = Λ ⊙ g; δz at the old w along v.
        with frozen_statistics(self.classifier), self._masks("meta"):
            meta_loss = functional.cross_entropy(self.classifier(meta.inputs).logits, meta.labels)
        clean_gradient = torch.autograd.grad(meta_loss, self.weights)
        scales = effective_step_sizes(self.optimizer, before, first_step=self.steps == 0)
        direction = [s * g for s, g in zip(scales, clean_gradient, strict=True)]
        with self._masks("noisy"):
            delta = directional_derivative(self._noisy_logits(noisy), before, direction, logits, self.derivative)

        # ∇_α L_clean(w') = (1/n) ∇_α Σ q δz; A_t = γ A_{t−1} + it; every k-th step α moves.
        gradient = torch.autograd.grad((q * delta.to(q.dtype)).sum() / total, list(self.lcn.parameters()))
        self.window.add(gradient, clean_gradient, scales)
        self.gamma = self.window.gamma
        if (self.steps + 1) % self.lookahead == 0:
            for parameter, value in zip(self.lcn.parameters(), self.window.take(), strict=True):
                parameter.grad = value
            self.lcn_optimizer.step()
        return meta_loss.detach(), clean_gradient

    def _noisy_logits(self, noisy: Labelled):  # type: ignore[no-untyped-def]  # noqa: ANN202
        def logits(weights: Sequence[Tensor]) -> Tensor:
            with self._masks("noisy"):  # every pass over the noisy rows draws the same dropout masks
                return swapped(self.classifier, self.names, weights, noisy.inputs)

        return logits

    @contextlib.contextmanager
    def _masks(self, which: str) -> Iterator[None]:
        """Dropout masks as a function of (seed, step, batch); a window's meta batch keeps its masks."""
        if self.seed is None:
            yield
            return
        step = self.steps // self.lookahead if which == "meta" else self.steps
        stream = ("noisy", "clean", "meta").index(which)
        devices = [p.device for p in self.weights[:1] if p.device.type == "cuda"]
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed((self.seed * 1_000_003 + step) * 3 + stream)
            yield
