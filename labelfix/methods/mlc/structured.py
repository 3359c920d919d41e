"""A label correction network of a few parameters, and its training by the implicit meta-gradient.

q = softmax(a·log f_s(x) + b·[(1 − c)·log T0 + c·log T_m][·, y'] + δ_y'·[y = y'])

f_s is the anchored prior, T0 the transition matrix of the trusted rows, T_m the one that fits the noisy rows.
a and b say how far prior and given label are trusted, c which matrix, δ how much more, or less, each label is.
They minimise the paper's Eq. 1: the loss on trusted rows of the classifier fitted to q. On fixed features that
classifier is the solution of a convex problem, so its dependence on q is known exactly instead of by one step.

Legend: N noisy rows, M trusted rows, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields

import numpy as np
import torch
from torch import Tensor

from labelfix.correction.members import Rows
from labelfix.correction.transition import Matrix
from labelfix.training.implicit import cross_entropy_gradient, solve
from labelfix.training.linear import LinearHead, cross_entropy_to
from labelfix.training.losses import entropy

SAMPLE = 2500
"""Noisy rows of the inner problem."""

OUTER_STEPS, AVERAGED = 12, 4
"""Adam steps, and how many of the last ones are averaged."""

SOLVER_STEPS = 6
"""Conjugate gradient steps, in the coordinates of the fits."""


@dataclass(frozen=True)
class StructuredCorrection:
    """The parameters.

    Attributes:
        a: Trust in the prior, scalar in [0.3, 2.5].
        b: Trust in the given label, scalar in [0, 2.5].
        c: Share of T_m, scalar in [−0.2, 1.2].
        diagonal: `(K,)` δ.
    """

    a: Tensor
    b: Tensor
    c: Tensor
    diagonal: Tensor

    @classmethod
    def start(cls, num_classes: int) -> StructuredCorrection:
        """The Bayes posterior of f_s and T0: a = b = 1, c = 0, δ = 0."""
        return cls(torch.ones(()), torch.ones(()), torch.zeros(()), torch.zeros(num_classes))

    def parameters(self) -> list[Tensor]:
        """All of them, in the order of the fields."""
        return [self.a, self.b, self.c, self.diagonal]

    def to_arrays(self) -> dict[str, np.ndarray]:
        """By the names of the fields."""
        return {each.name: getattr(self, each.name).numpy() for each in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> StructuredCorrection:
        """The same back."""
        return cls(**{each.name: torch.from_numpy(arrays[each.name]) for each in fields(cls)})

    def label_terms(self, log_expected: Tensor, log_fitted: Tensor) -> Tensor:
        """L = b·[(1 − c)·log T0 + c·log T_m] + diag(δ), `(K, K)`."""
        return self.b * ((1 - self.c) * log_expected + self.c * log_fitted) + torch.diag(self.diagonal)

    def soft(self, log_prior: Tensor, given: Tensor, log_expected: Tensor, log_fitted: Tensor) -> Tensor:
        """q, `(N, K)`."""
        terms = self.label_terms(log_expected, log_fitted)
        return torch.softmax(self.a * log_prior + terms[:, given].T, dim=1)


LIMITS = ((0.3, 2.5), (0.0, 2.5), (-0.2, 1.2), (-20.0, 20.0))
SIGMA = (0.5, 0.5, 1.0, 0.35)
"""Standard deviations of the prior on deviations from the start, in the order of the fields."""


@dataclass
class InnerProblem:
    """One fold's convex problem, kept warm between outer steps.

    Attributes:
        rows: The data, with the sample of noisy rows.
        fold: The trusted fold that judges.
        log_prior: `(N, K)` log f_s of the noisy sample by a prior that did not see the fold.
        log_expected: `(K, K)` log T0 without the fold.
        log_fitted: `(K, K)` log T_m without the fold.
        ridge: r.
        head: w*, once solved.
    """

    rows: Rows
    fold: int
    log_prior: Tensor
    log_expected: Tensor
    log_fitted: Tensor
    ridge: float
    head: LinearHead | None = field(default=None)

    def soft(self, correction: StructuredCorrection) -> Tensor:
        """q of the noisy sample."""
        return correction.soft(self.log_prior, self.rows.given, self.log_expected, self.log_fitted)

    def outer(
        self, correction: StructuredCorrection, inner_steps: int, solver_steps: int, tolerance: float = 1e-6
    ) -> tuple[float, list[Tensor]]:
        """The summed loss on the judging fold at the solution, and its gradient in the correction's parameters."""
        leaves = [p.detach().clone().requires_grad_() for p in correction.parameters()]
        q = self.soft(StructuredCorrection(*leaves))
        features = self.rows.features
        targets, weights = self.rows.targets(q.detach(), self.rows.folds.outside(self.fold))
        start = self.head or LinearHead.zeros(self.rows.num_classes, features.shape[1])
        self.head = self.rows.fit(cross_entropy_to(targets, weights), self.ridge, start, inner_steps, tolerance)

        judging = torch.from_numpy(self.rows.folds.inside(self.fold))
        log_p = self.head.log_probabilities(self.rows.clean[judging])
        truth = self.rows.truth[judging]
        loss = -float(log_p[torch.arange(len(truth)), truth].sum())
        right = cross_entropy_gradient(self.rows.clean[judging], log_p, truth)
        probabilities = self.head.log_probabilities(features).exp()
        u = solve(features, probabilities, weights, self.ridge, right, solver_steps, self.rows.scalings[self.ridge])
        along = u.logits(self.rows.noisy)  # ∂L/∂q of the noisy rows, whose weight is 1
        return loss, list(torch.autograd.grad((q * along).sum(), leaves))


def train(
    problems: Sequence[InnerProblem], num_classes: int, trusted: int
) -> tuple[StructuredCorrection, list[dict[str, float]]]:
    """Minimise the mean trusted loss over all folds plus the prior (1/2M) Σ (deviation / σ)².

    Args:
        problems: One a fold.
        num_classes: K.
        trusted: M.

    Returns:
        The average of the last outer steps' parameters, and a row of history for each outer step.
    """
    start = [p.clone() for p in StructuredCorrection.start(num_classes).parameters()]
    current = [p.clone() for p in start]
    optimizer = torch.optim.Adam(current, lr=0.15, betas=(0.7, 0.95))
    last: list[list[Tensor]] = []
    history: list[dict[str, float]] = []
    for step in range(OUTER_STEPS):
        correction = StructuredCorrection(*current)
        history.append(_watched(step, correction, problems))
        gradients, loss = [p.new_zeros(p.shape) for p in current], 0.0
        for problem in problems:
            value, slopes = problem.outer(correction, 25 if step == 0 else 8, SOLVER_STEPS)
            loss += value / trusted
            gradients = [g + s / trusted for g, s in zip(gradients, slopes, strict=True)]
        history[-1] |= {"meta_loss": loss, "meta_norm": float(torch.nn.utils.get_total_norm(gradients))}
        for p, begin, gradient, sigma in zip(current, start, gradients, SIGMA, strict=True):
            p.grad = gradient + (p - begin) / (sigma**2 * trusted)
        optimizer.step()
        for p, (low, high) in zip(current, LIMITS, strict=True):
            p.clamp_(low, high)
        last.append([p.clone() for p in current])
    averaged = (torch.stack(values).mean(dim=0) for values in zip(*last[-AVERAGED:], strict=True))
    return StructuredCorrection(*averaged), history


def _watched(step: int, correction: StructuredCorrection, problems: Sequence[InnerProblem]) -> dict[str, float]:
    """What an outer step is worth watching for: the parameters, and the labels that they make."""
    q, given = problems[0].soft(correction), problems[0].rows.given
    return {
        "epoch": step + 1,
        "entropy": float(entropy(q).mean()),
        "changed": float((q.argmax(dim=1) != given).float().mean()),
        "a": float(correction.a),
        "b": float(correction.b),
        "c": float(correction.c),
    }


def as_log(matrix: Matrix) -> Tensor:
    """log T as float32."""
    return torch.from_numpy(matrix).float().log()
