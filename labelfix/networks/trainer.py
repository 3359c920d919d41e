"""A step of ordinary training, and what methods with steps of their own build on.

Nothing in it waits for the device or branches on a value there, so a CUDA graph can hold whole blocks of steps
(compute/cuda_graph.py). Gradients are taken by hand and added up over the processes that train together (ranks.py).

Legend: B rows of a batch, K classes; n = noisy rows + clean training rows of the step.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from labelfix.compute.devices import Precision
from labelfix.compute.flat_vectors import Flat
from labelfix.compute.ranks import ranks
from labelfix.compute.without_waiting import one_hot
from labelfix.models.classifier import Classifier, ClassifierOutput
from labelfix.networks.figures import Learned, StepFigures, figures
from labelfix.networks.passes import Labelled, Memory, forward, forward_all, joined, masks, with_layout
from labelfix.networks.soft_cross_entropy import soft_cross_entropy
from labelfix.networks.step_sizes import clip

__all__ = ["Labelled", "Loss", "StepFigures", "Trainer"]


class Loss(NamedTuple):
    """What noisy rows cost, and by which labels.

    Attributes:
        soft: `(B, K)` the labels that they were taken to have.
        gate: `(B,)` the given label's share in them; None where there is none.
    """

    summed: Tensor
    soft: Tensor
    gate: Tensor | None = None


NoisyLoss = Callable[[ClassifierOutput, Labelled], Loss]


@dataclass(kw_only=True)
class Trainer:
    """A classifier and its optimiser. A method overrides `loss`, or `step` where it trains something beside it.

    Attributes:
        seed: Fixes the dropout masks of a step; None where the classifier has none, which saves time.
        clip_norm: The classifier's gradient is clipped to this norm.
        memory: In how many pieces a batch goes through the network.
        lookahead: Steps of a window of the look-ahead.
        together: Whether noisy and clean rows of a step go through the network in one pass: BatchNorm then sees both.
    """

    classifier: Classifier
    optimizer: torch.optim.Optimizer
    seed: int | None = None
    steps: int = 0
    precision: Precision = "fp32"
    clip_norm: float | None = None
    memory: Memory = field(default_factory=Memory)
    lookahead: int = 1
    together: bool = False
    holds_meta: ClassVar[bool] = True
    """Whether the meta rows are held over a window; otherwise every step has others."""
    may_collapse: ClassVar[bool] = False
    """Whether labels that become all one class mean that the training is of no use."""

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

    def networks(self) -> dict[str, nn.Module]:
        """What is trained, by name: a checkpoint keeps weights and buffers."""
        return {"classifier": self.classifier}

    def judged(self) -> Classifier:
        """What trusted rows judge after an epoch."""
        return self.classifier

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """The optimisers by name: a checkpoint keeps their states."""
        return {"optimizer": self.optimizer}

    def kept(self) -> dict[str, Tensor]:
        """What else a checkpoint has to keep, by name; put back by copying into the same tensors."""
        return {}

    def restart_window(self) -> None:
        """Forget the steps of the present window."""

    def end_epoch(self, epoch: int) -> None:
        """Called after every epoch, counted from 0."""

    def loss(self, said: ClassifierOutput, noisy: Labelled) -> Loss:
        """What noisy rows cost: the cross-entropy of their given labels, where a method says nothing else."""
        return given_labels(said, noisy)

    def step(
        self, noisy: Labelled, clean: Labelled | None, meta: Labelled | None, watch: bool = True, last: bool = False
    ) -> StepFigures | None:
        """Update w.

        Args:
            watch: Whether to work out the figures; on small networks they are a tenth of a step.
            last: Whether the window ends here, before its `lookahead`-th step.
        """
        return self.plain_step(noisy, clean, watch, self.loss)

    def plain_step(
        self, noisy: Labelled, clean: Labelled | None = None, watch: bool = False, loss: NoisyLoss | None = None
    ) -> StepFigures | None:
        """Ordinary training on the rows: on the labels as given, or by another loss of the noisy rows."""
        learned = self.attempt_learning(noisy, clean, loss or given_labels)
        self.steps += 1
        return figures(learned, noisy, clean, None, None, None) if watch else None

    def attempt_learning(
        self, noisy: Labelled, clean: Labelled | None, loss: NoisyLoss, ahead: bool = False
    ) -> Learned:
        """One step of the optimiser on the mean loss of all rows, in as many pieces as the memory needs."""
        largest = max(len(noisy.labels), 0 if clean is None else len(clean.labels))
        return self.memory.attempt(lambda pieces: self._learn(noisy, clean, pieces, loss, ahead), largest)

    def _learn(self, noisy: Labelled, clean: Labelled | None, pieces: int, loss: NoisyLoss, ahead: bool) -> Learned:
        total = noisy.rows + (0 if clean is None else clean.rows)
        self.optimizer.zero_grad()
        gradient: list[Tensor] | None = None
        logits, labels, noisy_losses, clean_losses = [], [], [], []
        parts = itertools.zip_longest(noisy.pieces(pieces), [] if clean is None else clean.pieces(pieces))
        for number, (some_noisy, some_clean) in enumerate(parts):
            of_noisy, of_clean = self._said(some_noisy, some_clean, number)
            summed = []
            if of_noisy is not None:
                found = loss(of_noisy, some_noisy)
                logits.append(of_noisy.logits.detach())
                labels.append(found)
                summed.append(found.summed)
                noisy_losses.append(found.summed.detach())
            if of_clean is not None:
                summed.append(functional.cross_entropy(of_clean.logits, some_clean.labels, reduction="sum"))
                clean_losses.append(summed[-1].detach())
            part = torch.autograd.grad(torch.stack(summed).sum() / total, self.weights, materialize_grads=True)
            gradient = list(part) if gradient is None else list(torch._foreach_add(gradient, part))
        assert gradient is not None
        ranks().add_up(gradient)
        before, factor = self.apply(gradient, keep=ahead)
        return Learned(
            logits=concatenated(logits),
            soft=concatenated([found.soft for found in labels]),
            gate=None if labels[0].gate is None else concatenated([f.gate for f in labels if f.gate is not None]),
            noisy_loss=torch.stack(noisy_losses).sum(),
            clean_loss=torch.stack(clean_losses).sum() if clean_losses else logits[0].new_zeros(()),
            before=before,
            factor=factor,
            pieces=pieces,
        )

    def _said(
        self, noisy: Labelled | None, clean: Labelled | None, piece: int
    ) -> tuple[ClassifierOutput | None, ClassifierOutput | None]:
        if self.together and noisy is not None and clean is not None:
            with self.masks("noisy", piece):
                both = forward(self.classifier, joined(noisy.inputs, clean.inputs), self.precision)
            cut = [len(noisy.labels), len(clean.labels)]
            logits, hidden = both.logits.split(cut), both.hidden.split(cut)
            return ClassifierOutput(logits[0], hidden[0]), ClassifierOutput(logits[1], hidden[1])
        parts = [(part, which) for part, which in ((noisy, "noisy"), (clean, "clean")) if part is not None]
        passes = [(part.inputs, self.masks(which, piece)) for part, which in parts]
        found = iter(forward_all(self.classifier, passes, self.precision))
        return None if noisy is None else next(found), None if clean is None else next(found)

    def apply(self, gradient: list[Tensor], keep: bool = False) -> tuple[Flat | None, Tensor | None]:
        """Have the optimiser take its step along a gradient, clipped where that is asked for.

        Args:
            gradient: A tensor for each of `weights`, summed over the processes; clipped in place.
            keep: Whether w before the step is wanted.

        Returns:
            w before the step, and what clipping shortened the gradient by.
        """
        factor = None if self.clip_norm is None else clip(gradient, self.clip_norm)
        for parameter, value in zip(self.weights, with_layout(gradient, self.weights), strict=True):
            parameter.grad = value
        before = Flat.of(self.weights) if keep else None
        self.optimizer.step()
        return before, factor

    def masks(self, which: str, piece: int = 0) -> contextlib.AbstractContextManager[None]:
        """Dropout masks as a function of (seed, step, batch, piece)."""
        if self.seed is None:
            return contextlib.nullcontext()
        stream = ("noisy", "clean", "meta").index(which)
        seed = (self.seed * 1_000_003 + self.masks_step(which)) * 3 + stream + piece * 0x9E3779B97F4A7
        return masks(seed, self.weights[0].device)

    def masks_step(self, which: str) -> int:
        """The step that the masks of a batch belong to."""
        return self.steps


def given_labels(said: ClassifierOutput, noisy: Labelled) -> Loss:
    """The cross-entropy of the labels as they are."""
    soft = one_hot(noisy.labels, said.logits.shape[1], said.logits.dtype)
    return Loss(soft_cross_entropy(said.logits, soft), soft)


def concatenated(parts: Sequence[Tensor]) -> Tensor:
    """The pieces' tensors as one."""
    return parts[0] if len(parts) == 1 else torch.cat(list(parts))


@contextlib.contextmanager
def nested(*contexts: contextlib.AbstractContextManager[None]) -> Iterator[None]:
    """Several contexts as one."""
    with contextlib.ExitStack() as stack:
        for context in contexts:
            stack.enter_context(context)
        yield
