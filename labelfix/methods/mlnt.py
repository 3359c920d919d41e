"""MLNT: a step on wrong labels must not lead away from what a slow teacher says.

    y'_m = y' with half of the rows bearing the label of a near neighbour,   m = 1 … M
    w'_m = w − η ∇CE(y'_m; w)
    L    = CE(y'; w) + (a / M) Σ_m KL(teacher ‖ p(w'_m)),   teacher = the average of w over the last steps

and one step of the optimiser on L. The gradient of a term is (I − η H_m) c_m with c_m = ∇KL at w'_m and H_m the Hessian
of CE(y'_m) at w: the product H_m c_m is a difference of two gradients of CE(y'_m), at w and a little along c_m. For a
head on fixed features it is written out.

Source: Li, Wong, Zhao and Kankanhalli, "Learning to Learn from Noisy Labeled Data", CVPR 2019. Departures: no graph
of second order; the KL divergence is a mean over rows (the published code divides by the classes as well, which makes
a smaller); neighbours are those of a batch in the teacher's features h(x), where the published code takes those of a
network that was trained before; a rises between the same shares of the run; where a batch goes through the network in
pieces each piece looks ahead on its own. A step costs about 3 + 9 M forward passes, a plain one 3.

Trusted rows teach nothing. The teacher is the classifier of the run; the soft label is its P(y | x) · T[y, y'], with T
from trusted rows.

Legend: B rows of a batch, K classes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from labelfix.compute.flat_vectors import Flat
from labelfix.compute.ranks import ranks
from labelfix.compute.without_waiting import one_hot, sent
from labelfix.correctors.contract import FittedModel, Problem
from labelfix.data.split import CleanSplit
from labelfix.models.classifier import Classifier, ClassifierOutput
from labelfix.networks.figures import Learned, StepFigures, figures
from labelfix.networks.finished_model import TransitionOf, posterior_network, transition_recovered
from labelfix.networks.lookahead import frozen_statistics, step_length
from labelfix.networks.lookahead_trainer import LookaheadTrainer
from labelfix.networks.passes import forward
from labelfix.networks.soft_cross_entropy import soft_cross_entropy
from labelfix.networks.trainer import Labelled, concatenated
from labelfix.networks.training import (
    META_COLUMNS,
    history_table,
    make_trainer,
    new_classifier,
    plain_training,
    says,
    train,
)
from labelfix.networks.weight_average import Average
from labelfix.progress import Progress
from labelfix.settings.methods import MlntSettings

EARLY_DECAY, LATE_DECAY = 0.99, 0.999
"""Of the teacher, while a rises and afterwards; as published."""

LONGEST_AVERAGE = 0.1
"""… but the teacher's average is never over more than about this share of the run."""

SMALL = ("head", "network")
"""Families whose learning rates have nothing to do with those of pretrained networks, for which η was published."""

NEIGHBOUR_SAMPLE = 10_000
"""Noisy rows from which T is estimated."""


@dataclass(kw_only=True)
class MlntTrainer(LookaheadTrainer):
    """A step of the loss above.

    Attributes:
        sets: M.
        inner_rate: η.
        share: Share of the rows that get a neighbour's label in a set.
        neighbours: How many near rows a label is drawn from.
        weight: a at its height.
        rising: First and last step of a's rise.
        longest: The teacher's decay is at most this.
        draws: Seed of the label sets.
        teacher: The average of the student over its last steps.
    """

    sets: int
    inner_rate: float
    share: float
    neighbours: int
    weight: float
    rising: tuple[float, float]
    longest: float
    draws: int
    teacher: Average = field(init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.teacher = Average(self.classifier, EARLY_DECAY)

    def networks(self) -> dict[str, nn.Module]:
        return super().networks() | {"teacher": self.teacher.classifier}

    def judged(self) -> Classifier:
        """The teacher."""
        return self.teacher.classifier

    def step(
        self, noisy: Labelled, clean: Labelled | None, meta: Labelled | None, watch: bool = True, last: bool = False
    ) -> StepFigures | None:
        learned, gradient = self.memory.attempt(lambda pieces: self._in_pieces(noisy, pieces), len(noisy.labels))
        decay = EARLY_DECAY if self.steps < self.rising[1] else LATE_DECAY
        self.teacher.decay = min(decay, self.longest)
        self.apply(gradient)
        self.teacher.follow(self.classifier)
        self.steps += 1
        return figures(learned, noisy, None, None, None, None) if watch else None

    def consistency_weight(self) -> float:
        """a: 0 before its rise, then exp(−5 (1 − u)²) of its height for the share u of the rise that is over."""
        first, last = self.rising
        if self.steps < first:
            return 0.0
        over = min((self.steps - first) / max(last - first, 1e-9), 1.0)
        return self.weight * math.exp(-5 * (1 - over) ** 2)

    def _in_pieces(self, noisy: Labelled, pieces: int) -> tuple[Learned, list[Tensor]]:
        gradient: list[Tensor] | None = None
        logits, losses = [], []
        for number, part in enumerate(noisy.pieces(pieces)):
            share = Labelled(part.inputs, part.labels, noisy.rows, part.numbers)
            said, loss, found = self._gradient(share, number)
            gradient = found if gradient is None else list(torch._foreach_add(gradient, found))
            logits.append(said.logits.detach())
            losses.append(loss)
        assert gradient is not None
        soft = one_hot(noisy.labels, logits[0].shape[1], logits[0].dtype)
        total = torch.stack(losses).sum()
        return Learned(concatenated(logits), soft, None, total, total.new_zeros(()), None, None), gradient

    def _gradient(self, rows: Labelled, piece: int) -> tuple[ClassifierOutput, Tensor, list[Tensor]]:
        """Predictions for some rows, the sum of their losses, and ∇L over all processes."""
        with self.masks("noisy", piece):
            said = forward(self.classifier, rows.inputs, self.precision)
        weight = self.consistency_weight()
        loss = functional.cross_entropy(said.logits, rows.labels, reduction="sum")
        gradient = list(
            torch.autograd.grad(loss / rows.rows, self.weights, retain_graph=weight > 0, materialize_grads=True)
        )
        ranks().add_up(gradient)
        if weight > 0:
            teacher = self.teacher.output(rows.inputs, self.precision)
            labels = self._label_sets(rows.labels, teacher.hidden, piece)
            likely = teacher.logits.softmax(dim=1)
            if ranks().alone and isinstance(self.classifier.backbone, nn.Identity):
                found = self._consistency_of_head(said, rows, labels, likely)
                torch._foreach_add_(gradient, found, alpha=weight)
            else:
                for number, own in enumerate(labels):
                    bent = self._consistency(said, Labelled(rows.inputs, own, rows.rows), likely, piece, number)
                    torch._foreach_add_(gradient, bent.parts, alpha=weight / self.sets)
        return said, loss.detach(), gradient

    def _consistency_of_head(
        self, said: ClassifierOutput, rows: Labelled, labels: Tensor, teacher: Tensor
    ) -> list[Tensor]:
        """The mean of (I − η H_m) c_m over all sets at once, where the head is all there is; exact.

        With rows h = [x; 1] a gradient is Rᵀ h / n for residuals R, and moves the logits by G R with G = h hᵀ / n:
        everything up to the last product is between the B rows.
        """
        inputs = torch.cat([rows.inputs, rows.inputs.new_ones(len(labels[0]), 1)], dim=1)
        logits = said.logits.detach()
        p, gram = logits.softmax(dim=1), inputs @ inputs.T / rows.rows
        residual = p - one_hot(labels, p.shape[1], p.dtype)
        ahead = (logits - self.inner_rate * (gram @ residual)).softmax(dim=2) - teacher
        along = gram @ ahead
        bent = p * (along - (p * along).sum(dim=2, keepdim=True))
        both = (ahead - self.inner_rate * bent).mean(dim=0).T @ inputs / rows.rows
        parts = {"head.weight": both[:, :-1], "head.bias": both[:, -1]}
        return [parts[name] for name in self.names]

    def _consistency(self, said: ClassifierOutput, rows: Labelled, teacher: Tensor, piece: int, number: int) -> Flat:
        """(I − η H_m) c_m for one set of labels."""
        here = functional.cross_entropy(said.logits, rows.labels, reduction="sum") / rows.rows
        more = number < self.sets - 1
        slope = list(torch.autograd.grad(here, self.weights, retain_graph=more, materialize_grads=True))
        ranks().add_up(slope)
        weights, inner = Flat.of(self.weights), Flat.of(slope, like=self.weights)
        ahead = Flat.of(self.weights)
        ahead.vector.sub_(inner.vector, alpha=self.inner_rate)
        found = self._slope(ahead.parts, rows, teacher, piece)
        norm = torch.linalg.vector_norm(found.vector)
        length = step_length(found.vector.dtype, self.precision)
        usable = torch.isfinite(norm) & (norm > 0)
        weights.vector.add_(found.vector * torch.where(usable, length / norm, torch.zeros_like(norm)))
        given = one_hot(rows.labels, teacher.shape[1], teacher.dtype)
        beside = self._slope(weights.parts, rows, given, piece)
        curved = beside.vector.sub_(inner.vector).mul_(torch.where(usable, norm / length, torch.zeros_like(norm)))
        found.vector.sub_(curved, alpha=self.inner_rate)
        return found

    def _slope(self, weights: Sequence[Tensor], rows: Labelled, soft: Tensor, piece: int) -> Flat:
        """The gradient of the rows' mean cross-entropy with some targets, elsewhere in weight space."""
        there = [part.detach().requires_grad_() for part in weights]
        with frozen_statistics(self.classifier), self.masks("noisy", piece):
            logits = self._elsewhere(there, rows, self.precision)
        loss = soft_cross_entropy(logits, soft) / rows.rows
        found = list(torch.autograd.grad(loss, there, materialize_grads=True))
        ranks().add_up(found)
        return Flat.of(found, like=self.weights)

    def _label_sets(self, given: Tensor, hidden: Tensor, piece: int) -> Tensor:
        """`(M, B)` labels; a function of (seed, step, piece)."""
        count = len(given)
        if count < 2:
            return given.expand(self.sets, count)
        seed = (self.draws * 1_000_003 + self.steps) * 1009 + piece
        generator = torch.Generator().manual_seed(seed % 2**63)
        order = torch.rand(self.sets, count, generator=generator).argsort(dim=1).argsort(dim=1)
        most = min(self.neighbours, count - 1)
        place = sent(torch.randint(most, (self.sets, count), generator=generator), given.device)
        chosen = sent(order < round(self.share * count), given.device)
        distance = torch.cdist(hidden, hidden)
        distance.fill_diagonal_(torch.inf)
        near = distance.topk(most, largest=False).indices
        drawn = near[torch.arange(count, device=given.device), place]
        return torch.where(chosen, given[drawn], given)


def train_network(problem: Problem, settings: MlntSettings, progress: Progress) -> FittedModel:
    """Train student and teacher; see the module's docstring."""
    training = plain_training(problem, settings, progress).without_teachers()
    plan, split = training.plan, training.split
    progress.say(split.describe())
    classifier = new_classifier(problem)
    steps = plan.epochs * max(len(problem.noisy) // plan.batch_size, 1)
    trainer = make_trainer(
        training,
        classifier,
        MlntTrainer,
        sets=settings.synthetic_sets,
        inner_rate=settings.inner_learning_rate or (plan.learning_rate if problem.family in SMALL else 0.02),
        share=settings.perturbed,
        neighbours=settings.neighbours,
        weight=settings.consistency,
        rising=(settings.ramp_begin * steps, settings.ramp_end * steps),
        longest=1 - 1 / max(LONGEST_AVERAGE * steps, 2),
        draws=problem.seed,
    )
    # A function of the step is worked out on the host: steps are taken one by one, never from a graph.
    trainer.seed = problem.seed
    course = train(training, trainer)
    teacher = trainer.judged()
    history = history_table(course.history, without=(*META_COLUMNS, "clean_loss"))
    return posterior_network(problem, split, teacher, _transition(problem, split, teacher), history)


def _transition(problem: Problem, split: CleanSplit, teacher: Classifier) -> TransitionOf:
    """T from what the teacher says of trusted rows, and of some noisy ones."""
    rows = np.arange(0, len(problem.noisy), max(1, len(problem.noisy) // NEIGHBOUR_SAMPLE), dtype=np.int64)
    of_clean, of_noisy = says(problem, teacher, "clean"), says(problem, teacher, "noisy", rows)
    return transition_recovered(problem, split, of_clean, rows, of_noisy)
