"""What the judging models say of trusted rows that they never saw, and of each row's given label.

A trusted row that stands in the noisy file is asked about once, with its own given label. Where few do, every row is
asked about with the given labels it could have had, weighted by the transition matrix of its class: noise is then
assumed to be independent of x given y. Of several sources it is asked about with all that these say of some noisy
rows, drawn by how likely they are of its class: so sources err together as they do there.

Legend: R held rows, Q questions, N noisy rows, K classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from labelfix.correctors.calibrated import logs
from labelfix.correctors.contract import Held, JudgingModel, Problem
from labelfix.data.arrays import Floats
from labelfix.data.tables import UNLABELLED, Codes, Probabilities
from labelfix.numerics.row_blocks import row_blocks
from labelfix.numerics.softmax import log_softmax
from labelfix.numerics.transition import MOST_LABELS, normalised, possible_labels

MIN_PAIRS = 20
"""With fewer paired rows than this, given labels are assumed instead of known."""

ASSUMED = "the noise is taken to depend on the true class alone, not on the row (few trusted rows have a given label)"
"""What is assumed without pairs, for people."""

LEAST_WIDTH = 32
"""Blocks are sized as if there were at least this many classes: rows have features, too."""

LENT = 8
"""Noisy rows whose opinions each trusted row borrows."""

QUESTIONS, ANSWERS = 50_000, 2**23
"""At most this many noisy rows estimate a share, with at most this many probabilities: fewer rows for very many
classes."""


@dataclass(frozen=True)
class JudgesAnswers:
    """Questions and answers.

    Attributes:
        truth: `(R,)` trusted labels of the held rows.
        given: `(R,)` their given labels; -1 where there is none.
        by: `(R,)` the model that judges each.
        log_f: `(R, K)` log-probabilities by the classifier alone.
        row: `(Q,)` held row of each question.
        label: `(Q,)` the given label that it asks about.
        weight: `(Q,)` of each question.
        log_soft: `(Q, K)` logarithms of the soft label.
        held_rows: `(R,)` the held rows, as positions in `Problem.clean`.
    """

    truth: Codes
    given: Codes
    by: Codes
    log_f: Floats
    row: Codes
    label: Codes
    weight: npt.NDArray[np.float64]
    log_soft: Floats
    paired: bool
    held_rows: Codes = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    @property
    def answer(self) -> Codes:
        """`(Q,)` the true class that each question asks for."""
        return self.truth[self.row]


@dataclass(frozen=True)
class Donors:
    """Noisy rows whose opinions are lent to trusted rows about which no source says anything.

    Attributes:
        soft: `(n, K)` their soft labels.
    """

    rows: Codes
    soft: Probabilities

    def draw(self, truth: Codes) -> tuple[Codes, Codes, npt.NDArray[np.float64]]:
        """Donors for trusted rows of some classes, `LENT` for each, at even distances in their likeliness.

        Args:
            truth: `(R,)` the classes.

        Returns:
            `(Q,)` places in `truth`, noisy rows and weights.
        """
        start = np.random.default_rng([len(self.rows), len(truth)]).random((len(truth), 1))
        quantiles = (start + np.arange(LENT)) / LENT
        donor = np.zeros((len(truth), LENT), dtype=np.int64)
        for c in np.unique(truth):
            heaped = np.cumsum(self.soft[:, c], dtype=np.float64)
            inside = truth == c
            places = np.searchsorted(heaped, quantiles[inside] * heaped[-1])
            donor[inside] = self.rows[np.minimum(places, len(self.rows) - 1)]
        row = np.repeat(np.arange(len(truth)), LENT)
        return row, donor.ravel(), np.full(row.shape, 1 / LENT)


def ask(
    problem: Problem, held: Held, transition: Floats, least_pairs: int = MIN_PAIRS, donors: Donors | None = None
) -> JudgesAnswers:
    """Ask the judging models; of very many classes what they say is kept in single precision.

    Args:
        transition: `(K, K)` T, for rows without a given label of their own.
        least_pairs: With fewer paired rows than this, given labels are assumed instead of known.
        donors: Of several sources, for rows that they say nothing of.
    """
    truth, given = problem.truth[held.rows], problem.paired_given[held.rows]
    pairs = np.flatnonzero(given != UNLABELLED)
    paired = len(pairs) >= least_pairs
    opinions = None
    if paired:
        row, label, weight = pairs, given[pairs], np.ones(len(pairs))
        if problem.paired_opinions is not None:
            opinions = problem.paired_opinions.take(held.rows[pairs])
    elif problem.opinions is not None and donors is not None:
        row, lent, weight = donors.draw(truth)
        label, opinions = problem.given[lent], problem.opinions.take(lent)
    else:
        row, label, weight = possible_labels(truth, transition, ANSWERS)
    precision = np.float32 if problem.num_classes > MOST_LABELS else np.float64
    log_f = np.empty((len(truth), problem.num_classes), dtype=precision)
    log_soft = np.empty((len(row), problem.num_classes), dtype=precision)
    for number, model in enumerate(held.models):
        own = np.flatnonzero(held.by == number)
        logits, hidden = model.outputs(problem.clean, held.rows[own])
        log_f[own] = log_softmax(logits.astype(np.float64) / model.temperature)
        place = np.full(len(truth), -1)
        place[own] = np.arange(len(own))
        asked = np.flatnonzero(place[row] >= 0)
        which = place[row[asked]]
        some = None if opinions is None else opinions.take(asked)
        log_soft[asked] = logs(model.corrector.soft_labels(logits[which], hidden[which], label[asked], some))
    codes = row.astype(np.int64), label.astype(np.int64)
    return JudgesAnswers(truth, given, held.by, log_f, *codes, weight, log_soft, paired, held.rows)


def label_scores(models: Sequence[JudgingModel], problem: Problem) -> list[npt.NDArray[np.float32]]:
    """`(N,)` label_score of all noisy rows by each model, a block at a time."""
    given = problem.given
    scores = [
        np.empty(len(given), dtype=np.float32) if model.own_scores is None else model.own_scores for model in models
    ]
    for rows in blocks_of(np.arange(len(given), dtype=np.int64), problem):
        said: dict[int, tuple[Probabilities, Probabilities]] = {}
        for model, score in zip(models, scores, strict=True):
            if model.own_scores is None:
                if id(model.outputs) not in said:
                    said = {id(model.outputs): model.outputs(problem.noisy, rows)}  # no more than one is held
                own = given[rows], problem.opinions_of(rows)
                soft = model.corrector.soft_labels(*said[id(model.outputs)], *own)
                score[rows] = soft[np.arange(len(rows)), given[rows]]
    return scores


def blocks_of(rows: Codes, problem: Problem) -> Iterator[Codes]:
    """Noisy rows in blocks that a model can take at once."""
    return (rows[part] for part in row_blocks(len(rows), max(problem.num_classes, LEAST_WIDTH)))


def sample(problem: Problem) -> Codes:
    """At most `QUESTIONS` noisy rows, in order."""
    most = min(QUESTIONS, ANSWERS // problem.num_classes)
    if len(problem.given) <= most:
        return np.arange(len(problem.given), dtype=np.int64)
    chosen = np.random.default_rng([problem.seed, 41]).choice(len(problem.given), most, replace=False)
    return np.sort(chosen).astype(np.int64)


def transition_of(soft: Probabilities, given: Codes) -> Floats:
    """T as soft labels have it: T[c, j] ∝ Σ of soft[c] over the rows whose given label is j.

    Args:
        soft: `(N, K)` soft labels.
        given: `(N,)` given labels.
    """
    classes = soft.shape[1]
    counts = np.stack([soft[given == j].sum(axis=0, dtype=np.float64) for j in range(classes)], axis=1)
    return normalised(counts + 0.5 * np.eye(classes) + 1e-9)
