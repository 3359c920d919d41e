"""A label correction network of a few parameters, and its training by the implicit meta-gradient.

q = softmax(a·log f_s(x) + b·[(1 − c)·log T0 + c·log T_m][·, y'] + δ_y'·[y = y'])

f_s is the anchored prior, T0 the transition matrix of the trusted rows, T_m the one that fits the noisy rows.
a and b say how far prior and given label are trusted, c which matrix, δ how much more, or less, each label is.
They minimise the paper's Eq. 1: the loss on trusted rows of the classifier fitted to q. On fixed features that
classifier is the solution of a convex problem, so its dependence on q is known exactly instead of by one step.

Legend: N noisy rows, M trusted rows, K classes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields

import numpy as np
import torch
from torch import Tensor

from labelfix.heads.rows import FitRows
from labelfix.networks.soft_cross_entropy import entropy
from labelfix.numerics.head_losses import cross_entropy_to
from labelfix.numerics.implicit_gradient import cross_entropy_gradient, solve
from labelfix.numerics.linear_heads import LinearHead, searched_at_once, side_by_side

META_SAMPLE = 2500
"""Noisy rows of the inner problem. They teach a few numbers alone: with a quarter or twice as many, 12,000 made-up rows
had the same corrected labels but for one, and a step takes longer in proportion."""

OUTER_STEPS, AVERAGED = 12, 4
"""Adam steps, and how many of the last ones are averaged. In a step those folds judge that are solved side by side; of
many classes one fold after the other."""

SOLVER_STEPS = 6
"""Conjugate gradient steps, in the coordinates of the fits: the fewest that come within 2 % of the solution
(docs/benchmarks.md)."""


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
        """L = b·[(1 − c)·log T0 + c·log T_m] + diag(δ), `(…, K, K)`."""
        return self.b * ((1 - self.c) * log_expected + self.c * log_fitted) + torch.diag(self.diagonal)

    def soft(self, log_prior: Tensor, given: Tensor, log_expected: Tensor, log_fitted: Tensor) -> Tensor:
        """q, `(K, N)`; or `(B, K, N)`, of B priors and as many matrices.

        Of several sources the two matrices are what all opinions of a row say together by the one and the other, and
        `given` holds the weight of the sources that say each class.

        Args:
            log_prior: `(K, N)` log f_s.
            given: `(N,)` given labels; of several sources `(K, N)`.
            log_expected: `(K, K)` log T0; of several sources `(K, N)`.
            log_fitted: `(K, K)` log T_m; likewise.
        """
        if given.ndim == 2:
            said = self.b * ((1 - self.c) * log_expected + self.c * log_fitted) + self.diagonal[:, None] * given
            return torch.softmax(self.a * log_prior + said, dim=-2)
        terms = self.label_terms(log_expected, log_fitted)
        return torch.softmax(self.a * log_prior + terms[..., given], dim=-2)


LIMITS = ((0.3, 2.5), (0.0, 2.5), (-0.2, 1.2), (-20.0, 20.0))
SIGMA = (0.5, 0.5, 1.0, 0.35)
"""Standard deviations of the prior on deviations from the start, in the order of the fields."""


@dataclass
class InnerProblem:
    """One fold's convex problem, kept warm between outer steps.

    Attributes:
        rows: The data, with the sample of noisy rows.
        log_prior: `(K, N)` log f_s of the noisy sample by a prior that did not see the fold.
        given: `(N,)` given labels of the sample, or `(K, N)` of several sources; see `StructuredCorrection.soft`.
        log_expected: `(K, K)` log T0 without the fold, or `(K, N)`.
        log_fitted: `(K, K)` log T_m without the fold, or `(K, N)`.
        ridge: r.
        head: w*, once solved.
    """

    rows: FitRows
    fold: int
    log_prior: Tensor
    given: Tensor
    log_expected: Tensor
    log_fitted: Tensor
    ridge: float
    head: LinearHead | None = field(default=None)

    def soft(self, correction: StructuredCorrection) -> Tensor:
        """q of the noisy sample."""
        return correction.soft(self.log_prior, self.given, self.log_expected, self.log_fitted)


def outer_together(
    problems: Sequence[InnerProblem],
    correction: StructuredCorrection,
    inner_steps: int,
    solver_steps: int,
    tolerance: float = 1e-6,
) -> tuple[float, list[Tensor]]:
    """The summed loss on the judging folds at the solutions, and its gradient in the correction's parameters.

    Args:
        problems: Of the same rows, solved side by side.
        inner_steps: L-BFGS iterations at most.
    """
    rows, ridge = problems[0].rows, problems[0].ridge
    leaves = [p.detach().clone().requires_grad_() for p in correction.parameters()]
    priors, *matrices = (
        torch.stack(each) for each in zip(*((p.log_prior, p.log_expected, p.log_fitted) for p in problems), strict=True)
    )
    q = StructuredCorrection(*leaves).soft(priors, problems[0].given, *matrices)
    truth = rows.one_hot(rows.truth).T.to(q.dtype).expand(len(problems), -1, -1)
    weights = rows.weights([rows.folds.outside(problem.fold) for problem in problems])
    loss = cross_entropy_to(torch.cat([q.detach(), truth], dim=2).mT, weights)
    zero = LinearHead.zeros(rows.num_classes, rows.features.shape[1])
    heads = rows.fit_all(loss, ridge, [problem.head or zero for problem in problems], inner_steps, tolerance)
    outer, right = 0.0, []
    for problem, head in zip(problems, heads, strict=True):
        problem.head = head
        inside = rows.folds.inside(problem.fold)
        judging, counts = torch.from_numpy(inside), torch.from_numpy(rows.folds.weights[inside]).to(rows.clean.dtype)
        log_p, labels = head.log_probabilities(rows.clean[judging]), rows.truth[judging]
        outer -= float((counts * log_p[torch.arange(len(labels)), labels]).sum())
        right.append(cross_entropy_gradient(rows.clean[judging], log_p, labels, counts))
    probabilities = torch.softmax(side_by_side(heads).columns(rows.features), dim=1)
    scaling = rows.scaling(ridge)
    u = solve(rows.features, probabilities, weights, ridge, side_by_side(right), solver_steps, scaling)
    along = u.columns(rows.noisy)  # ∂L/∂q of the noisy rows, whose weight is 1
    return outer, list(torch.autograd.grad((q * along).sum(), leaves))


def train(
    problems: Sequence[InnerProblem], num_classes: int, trusted: int
) -> tuple[StructuredCorrection, list[dict[str, float]]]:
    """Minimise the mean trusted loss over the folds plus the prior (1/2M) Σ (deviation / σ)².

    Args:
        trusted: M.

    Returns:
        The average of the last outer steps' parameters, and a row of history for each outer step.
    """
    start = [p.clone() for p in StructuredCorrection.start(num_classes).parameters()]
    current = [p.clone() for p in start]
    adam, last = _Adam(current), list[list[Tensor]]()
    history: list[dict[str, float]] = []
    size = searched_at_once(num_classes)
    groups = [problems[first : first + size] for first in range(0, len(problems), size)]
    for step in range(OUTER_STEPS):
        correction = StructuredCorrection(*current)
        history.append(_watched(step, correction, problems))
        group = groups[step % len(groups)]
        counted = len(problems) / len(group) / trusted
        value, slopes = outer_together(group, correction, 25 if step < len(groups) else 8, SOLVER_STEPS)
        gradients, loss = [slope * counted for slope in slopes], value * counted
        norm = sum(float(gradient.double().pow(2).sum()) for gradient in gradients) ** 0.5
        history[-1] |= {"meta_loss": loss, "meta_norm": norm}
        adam.step(
            g + (p - begin) / (sigma**2 * trusted)
            for p, begin, g, sigma in zip(current, start, gradients, SIGMA, strict=True)
        )
        for p, (low, high) in zip(current, LIMITS, strict=True):
            p.clamp_(low, high)
        last.append([p.clone() for p in current])
    averaged = (torch.stack(values).mean(dim=0) for values in zip(*last[-AVERAGED:], strict=True))
    return StructuredCorrection(*averaged), history


class _Adam:
    """Adam (Kingma and Ba 2015) in place: torch's own takes over a second to import."""

    RATE, MEAN, SQUARE = 0.15, 0.7, 0.95

    def __init__(self, values: Sequence[Tensor]) -> None:
        self.values, self.steps = values, 0
        self.means, self.squares = ([torch.zeros_like(value) for value in values] for _ in range(2))

    def step(self, gradients: Iterable[Tensor]) -> None:
        """Go one step down."""
        self.steps += 1
        for value, gradient, mean, square in zip(self.values, gradients, self.means, self.squares, strict=True):
            mean.lerp_(gradient, 1 - self.MEAN)
            square.lerp_(gradient**2, 1 - self.SQUARE)
            spread = (square / (1 - self.SQUARE**self.steps)).sqrt_().add_(1e-8)
            value.sub_(self.RATE / (1 - self.MEAN**self.steps) * mean / spread)


def _watched(step: int, correction: StructuredCorrection, problems: Sequence[InnerProblem]) -> dict[str, float]:
    """What an outer step is worth watching for: the parameters, and the labels that they make."""
    q, given = problems[0].soft(correction), problems[0].rows.given
    return {
        "epoch": step + 1,
        "entropy": float(entropy(q.T).mean()),
        "changed": float((q.argmax(dim=0) != given).float().mean()),
        "a": float(correction.a),
        "b": float(correction.b),
        "c": float(correction.c),
    }
