"""One step of Meta Label Correction, in the order of the paper's equations, without a double backward.

Nothing in it waits for the device or branches on a value there, so a CUDA graph can hold whole windows of steps
(training/graph.py). Gradients are taken by hand: `_learn` (the classifier's), `_judge` (g_w') and `_chain` (the LCN's)
add theirs up over the processes that train together (ranks.py).

Legend: B rows of a batch, K classes; n = noisy rows + clean training rows of the step.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional

from labelfix.correction.network import Lcn
from labelfix.devices import Precision, arithmetic
from labelfix.methods.mlc.average import Average
from labelfix.methods.mlc.figures import Learned, StepFigures, figures
from labelfix.models.attention import plain_attention
from labelfix.models.classifier import Classifier, ClassifierOutput
from labelfix.models.label_correction_network import Correction
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
from labelfix.training.losses import one_hot, soft_cross_entropy
from labelfix.training.passes import Labelled, Memory, forward, masks, with_layout
from labelfix.training.step_sizes import clip, effective_step_sizes, through_clipping

__all__ = ["Labelled", "MlcTrainer", "StepFigures"]


@dataclass
class MlcTrainer:
    """The two networks, their optimisers, and the window of the look-ahead.

    Attributes:
        classifier: f_w.
        lcn: g_α; one that `reads_logits` is called with the noisy rows' logits as well.
        optimizer: Of f_w; its learning rates are set by the caller before every step.
        lcn_optimizer: Of g_α.
        derivative: How δz is taken.
        lookahead: k.
        seed: Fixes the dropout masks of a step; None where the classifier has none, which saves time.
        steps: Steps taken so far.
        window: The meta-gradient of the present window.
        gamma: γ of the last step; None for a window's first.
        precision: What the forward passes compute in.
        clip_norm: The classifier's gradient is clipped to this norm.
        memory: In how many pieces a batch goes through the network.
        average: An average of f_w whose logits the LCN reads; None for those of f_w itself.
    """

    classifier: Classifier
    lcn: Lcn
    optimizer: torch.optim.Optimizer
    lcn_optimizer: torch.optim.Optimizer
    derivative: Derivative
    lookahead: int
    seed: int | None
    steps: int = 0
    window: MetaGradient = field(default_factory=MetaGradient)
    gamma: Tensor | None = None
    precision: Precision = "fp32"
    clip_norm: float | None = None
    memory: Memory = field(default_factory=Memory)
    average: Average | None = None

    def __post_init__(self) -> None:
        # Walking through a network for its parameters costs a small one a noticeable part of a step.
        self.choose_weights()

    def choose_weights(self) -> None:
        """Settle which weights are trained: those that require a gradient; to be called when that has changed."""
        trainable = [(name, p) for name, p in self.classifier.named_parameters() if p.requires_grad]
        order = {id(p): i for i, p in enumerate(p for g in self.optimizer.param_groups for p in g["params"])}
        trainable.sort(key=lambda item: order[id(item[1])])
        self.names = [name for name, _ in trainable]
        self.weights = [p for _, p in trainable]

    def step(
        self, noisy: Labelled, clean: Labelled, meta: Labelled | None, watch: bool = True, last: bool = False
    ) -> StepFigures | None:
        """Update w, and α with it.

        Args:
            noisy: Noisy rows with given labels y'.
            clean: Clean training rows.
            meta: Clean meta rows that judge the look-ahead; the same ones for the k steps of a window.
                None for a step without a meta-gradient.
            watch: Whether to work out the figures; on small networks they are a tenth of a step.
            last: Whether the window ends here, before its k-th step.
        """
        # Forward at w; q = g_α(h(x), y') with h detached; ordinary backward of L; w' = w − step.
        largest = max(len(noisy.labels), len(clean.labels))
        learned = self.memory.attempt(lambda pieces: self._learn(noisy, clean, pieces, meta is not None), largest)
        meta_loss, clean_gradient = None, None
        if meta is not None:
            # g = ∇L_clean(w') on the live weights; v = Λ g; δz at the old w along v; A_t; every k-th step α moves.
            meta_loss, clean_gradient = self.memory.attempt(lambda pieces: self._judge(meta, pieces), len(meta.labels))
            self._chain(learned, noisy, noisy.rows + clean.rows, clean_gradient)
            if last or self.window.steps == self.lookahead:
                for parameter, value in zip(list(self.lcn.parameters()), self.window.take(), strict=True):
                    parameter.grad = value
                self.lcn_optimizer.step()
        self.steps += 1
        return figures(learned, noisy, clean, meta_loss, clean_gradient, self.gamma) if watch else None

    def plain_step(self, noisy: Labelled, clean: Labelled | None = None, watch: bool = False) -> StepFigures | None:
        """Ordinary training on the same rows with the labels as given: no LCN, no look-ahead."""
        largest = max(len(noisy.labels), 0 if clean is None else len(clean.labels))
        learned = self.memory.attempt(lambda pieces: self._learn(noisy, clean, pieces, False, plain=True), largest)
        self.steps += 1
        return figures(learned, noisy, clean, None, None, None) if watch else None

    def restart_window(self) -> None:
        """Forget the steps of the present window."""
        self.window, self.gamma = MetaGradient(), None

    def _learn(self, noisy: Labelled, clean: Labelled | None, pieces: int, ahead: bool, plain: bool = False) -> Learned:
        total = noisy.rows + (0 if clean is None else clean.rows)
        self.optimizer.zero_grad()
        gradient: list[Tensor] | None = None
        logits, soft, gates, losses = [], [], [], []
        parts = itertools.zip_longest(noisy.pieces(pieces), [] if clean is None else clean.pieces(pieces))
        for number, (some_noisy, some_clean) in enumerate(parts):
            summed = []
            if some_noisy is not None:
                with self._masks("noisy", number):
                    said = forward(self.classifier, some_noisy.inputs, self.precision)
                q, gate = self._corrected(said, some_noisy, ahead, plain)
                summed.append(soft_cross_entropy(said.logits, q))
                logits.append(said.logits.detach())
                soft.append(q)
                gates.append(gate)
            if some_clean is not None:
                with self._masks("clean", number):
                    clean_logits = forward(self.classifier, some_clean.inputs, self.precision).logits
                summed.append(functional.cross_entropy(clean_logits, some_clean.labels, reduction="sum"))
            found = torch.autograd.grad(torch.stack(summed).sum() / total, self.weights, materialize_grads=True)
            gradient = list(found) if gradient is None else list(torch._foreach_add(gradient, found))
            losses.append((summed, some_noisy is not None, some_clean is not None))
        assert gradient is not None
        ranks().add_up(gradient)
        factor = None if self.clip_norm is None else clip(gradient, self.clip_norm)
        for parameter, value in zip(self.weights, with_layout(gradient, self.weights), strict=True):
            parameter.grad = value
        before = Flat.of(self.weights) if ahead else None
        self.optimizer.step()
        if self.average is not None:
            self.average.follow(self.classifier)
        return Learned(
            logits=_joined(logits),
            soft=_joined(soft),
            gate=None if gates[0] is None else _joined([g for g in gates if g is not None]),
            noisy_loss=torch.stack([s[0].detach() for s, is_noisy, _ in losses if is_noisy]).sum(),
            clean_loss=_summed([s[-1].detach() for s, _, is_clean in losses if is_clean], like=logits[0]),
            before=before,
            factor=factor,
        )

    def _corrected(self, said: ClassifierOutput, noisy: Labelled, ahead: bool, plain: bool) -> Correction:
        if plain:
            return Correction(one_hot(noisy.labels, said.logits.shape[1], said.logits.dtype), None)
        with torch.set_grad_enabled(ahead):
            if not getattr(self.lcn, "reads_logits", False):
                return self.lcn(said.hidden.detach(), noisy.labels)  # type: ignore[no-any-return]
            read = said if self.average is None else self.average.output(noisy.inputs, self.precision)
            return self.lcn(read.hidden.detach(), noisy.labels, read.logits.detach())  # type: ignore[no-any-return]

    def _judge(self, meta: Labelled, pieces: int) -> tuple[Tensor, Flat]:
        """L_clean(w') and g_w' = ∇L_clean(w')."""
        losses, gradient = [], None
        for number, part in enumerate(meta.pieces(pieces)):
            with frozen_statistics(self.classifier), self._masks("meta", number):
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
                with self._masks("noisy", number), arithmetic(part.labels.device, precision):
                    found.append(swapped(self.classifier, self.names, weights, part.inputs))
            return _joined(found).to(learned.logits.dtype)

        length = step_length(learned.logits.dtype, self.precision)
        return directional_derivative(logits, learned.before, direction, learned.logits, self.derivative, length)

    def _masks(self, which: str, piece: int = 0) -> contextlib.AbstractContextManager[None]:
        """Dropout masks as a function of (seed, step, batch, piece); a window's meta batch keeps its masks."""
        # Forward mode has no way through fused attention, whose masks differ: then no pass takes it.
        attention = plain_attention() if self.derivative == "jvp" else contextlib.nullcontext()
        if self.seed is None:
            return attention
        step = self.steps - self.window.steps if which == "meta" else self.steps
        stream = ("noisy", "clean", "meta").index(which)
        seed = (self.seed * 1_000_003 + step) * 3 + stream + piece * 0x9E3779B97F4A7
        return _nested(attention, masks(seed, self.weights[0].device))


@contextlib.contextmanager
def _nested(*contexts: contextlib.AbstractContextManager[None]) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        for context in contexts:
            stack.enter_context(context)
        yield


def _joined(parts: Sequence[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(list(parts))


def _summed(parts: Sequence[Tensor], like: Tensor) -> Tensor:
    return torch.stack(list(parts)).sum() if parts else like.new_zeros(())
