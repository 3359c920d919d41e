"""Two fits on different features of the same rows as one: the geometric mean of what they say.

Classifiers are softmax-linear, so their mean is one linear head on the features of both side by side; so is the mean of
two posteriors, whose label terms are halved and added.

Legend: N noisy rows, D features of both fits side by side, E features of one of them, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from labelfix.correctors.contract import Corrector, FittedModel, JudgingModel, OwnRows, Problem
from labelfix.correctors.posterior import PosteriorCorrector
from labelfix.data.arrays import Floats
from labelfix.data.tables import Codes, Probabilities
from labelfix.heads.finished_model import as_classifier, judging_head
from labelfix.numerics.affine import Affine
from labelfix.numerics.linear_heads import LinearHead
from labelfix.numerics.stack import merge


@dataclass(frozen=True)
class Part:
    """One of the two fits.

    Attributes:
        columns: `(E,)` where its features stand among those of both.
        scale: `(E,)` what those are multiplied by to be its own.
    """

    model: FittedModel
    columns: Codes
    scale: Floats
    width: int

    @property
    def head(self) -> LinearHead:
        """Its classifier, on the features of both."""
        head = self.model.classifier.head
        return self.widened(LinearHead(head.weight.detach().cpu(), head.bias.detach().cpu()))

    def judge(self, fold: int) -> tuple[Corrector, LinearHead]:
        """What judges a fold: its corrector, and its head on the features of both."""
        assert self.model.held is not None
        judge = self.model.held.models[fold]
        assert judge.head is not None
        return judge.corrector, self.widened(judge.head)

    def widened(self, head: LinearHead) -> LinearHead:
        """A head of the fit as one on the features of both."""
        weight = torch.zeros(len(head.bias), self.width, dtype=head.weight.dtype)
        scale = torch.from_numpy(self.scale).to(head.weight.dtype)
        weight[:, torch.from_numpy(self.columns)] = head.weight * scale
        return LinearHead(weight, head.bias)


def average(problem: Problem, first: Part, second: Part) -> FittedModel:
    """The mean of two fits.

    Args:
        first: One fit; it can judge every row that the other can, by the same folds.
    """
    one, other = first.model, second.model
    assert other.held is not None
    assert one.own_rows is not None
    assert other.own_rows is not None
    parts = first, second
    judges = [_judge(parts, fold) for fold in range(len(other.held.models))]
    soft = geometric_mean(one.own_rows.soft[:], other.own_rows.soft[:])
    heads = [part.head for part in parts]
    return replace(
        other,
        classifier=as_classifier(problem, merge(heads, [0.5, 0.5])),
        corrector=_corrector(parts, [part.model.corrector for part in parts], heads),
        own_rows=OwnRows(soft, soft[np.arange(len(soft)), problem.given], other.own_rows.how),
        held=replace(other.held, models=tuple(judges)),
    )


def geometric_mean(first: Probabilities, second: Probabilities) -> Probabilities:
    """`(N, K)` the normalised geometric mean of two predictions."""
    product = np.sqrt(first.astype(np.float64) * second)
    return np.asarray(product / np.maximum(product.sum(axis=1, keepdims=True), 1e-300), dtype=np.float32)


def _judge(parts: Sequence[Part], fold: int) -> JudgingModel:
    """The judges of a fold as one."""
    correctors, heads = zip(*(part.judge(fold) for part in parts), strict=True)
    return judging_head(merge(heads, [0.5, 0.5]), _corrector(parts, correctors, heads))


def _corrector(
    parts: Sequence[Part], correctors: Sequence[Corrector], heads: Sequence[LinearHead]
) -> PosteriorCorrector:
    """The posterior that is the mean of two.

    Args:
        correctors: A corrector of each.
        heads: What each of them turns, on the features of both.
    """
    beta, terms, said = 0.0, [], []
    for part, corrector, head in zip(parts, correctors, heads, strict=True):
        assert isinstance(corrector, PosteriorCorrector)
        assert corrector.temperature == 1
        beta += 0.5 * corrector.beta
        terms.append(0.5 * corrector.label_terms)
        turned = head if corrector.turn is None else head.plus(part.widened(_torch(corrector.turn)))
        said.append(turned.scaled(0.5 * corrector.beta))
    turn = merge(said, [1 / beta, 1 / beta]).plus(merge(heads, [0.5, 0.5]), -1)
    return PosteriorCorrector(terms[0] + terms[1], beta, 1.0, turn.affine())


def _torch(affine: Affine) -> LinearHead:
    return LinearHead(torch.from_numpy(affine.weight), torch.from_numpy(affine.bias))
