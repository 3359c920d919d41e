"""Trusted rows that were picked: what they show holds for rows like them, and not for the others.

Whoever checks the rows that look wrong, or those that are easy, has rows whose given labels look wrong more or less
often than those of the other rows. Judging models that saw neither say how much each given label looks wrong; the ranks
of the trusted rows' scores among those of the noisy rows are even, if they were drawn at random,

    z = (mean rank − ½) · √(12 P / (1 + P/N)),

the rank-sum test (Mann and Whitney 1947). Each trusted file is tested by itself: rows that were drawn at random later
still say how many labels are right.

Legend: N noisy rows, M trusted rows, P pairs of a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from labelfix.correctors.contract import Held, Problem
from labelfix.data.arrays import Floats
from labelfix.data.row_order import RowOrder
from labelfix.data.tables import UNLABELLED, Codes, TrainingData
from labelfix.evidence.judges_answers import MIN_PAIRS, ask
from labelfix.evidence.unchecked import only_trusted

WRONG, RIGHT = -4.0, 3.0
"""z up to which, and from which on, rows were not drawn at random: their labels look wrong or right more often. Models
think a little better of rows that they have learned, even after these are taken out again: of random draws z was −2.7
to 1.8."""


@dataclass(frozen=True)
class Drawn:
    """How trusted rows were drawn, by what they show of the other rows.

    Attributes:
        looks: For each file whose rows were picked whether their labels look "wrong" or "right" more often.
        picked: `(M,)` True for rows that were picked where others can judge; None where there are no such rows.
    """

    looks: Mapping[int, str] = field(default_factory=dict)
    picked: npt.NDArray[np.bool_] | None = None

    def judging(self, problem: Problem) -> Problem:
        """The data with picked rows that judge nothing; where there are no others, `sampling` says so."""
        if self.picked is not None:
            return replace(problem, chosen=self.picked | ~problem.judges)
        return replace(problem, sampling="picked") if self.looks else problem

    def without(self, problem: Problem) -> Problem:
        """The data without the picked rows; where there are no others, with them, and `sampling` says so."""
        if self.picked is not None:
            return only_trusted(problem, np.flatnonzero(~self.picked).astype(np.int64))
        return self.judging(problem)

    def in_file(self, data: TrainingData, order: RowOrder) -> TrainingData:
        """What was read, with the trusted rows drawn so.

        Args:
            order: Which trusted row each of the problem's is.
        """
        if self.picked is not None:
            picked = order.to_file(self.picked, False)
            return replace(data, clean=replace(data.clean, chosen=picked | ~data.judges))
        return replace(data, sampling="picked") if self.looks else data


def as_drawn(problem: Problem, held: Held | None, files: Codes) -> Drawn:
    """Test each file of trusted rows, where they are taken as drawn at random and models can tell.

    Args:
        held: The judging models of fixed features, and the rows that they have not seen.
        files: `(M,)` the file that each trusted row came from.
    """
    if problem.sampling != "random" or held is None or any(model.own_scores is None for model in held.models):
        return Drawn()
    held = held.only(problem.judges[held.rows] & (problem.paired_given[held.rows] != UNLABELLED))
    if len(held.rows) < MIN_PAIRS:
        return Drawn()
    rank, of = ranks(problem, held), files[held.rows]
    tested = {int(file): rank[of == file] for file in np.unique(of) if (of == file).sum() >= MIN_PAIRS}
    z = {file: excess(own, len(problem.given)) for file, own in tested.items()}
    looks = {file: "wrong" if each < 0 else "right" for file, each in z.items() if not WRONG < each < RIGHT}
    picked: npt.NDArray[np.bool_] = np.isin(files, list(looks))
    others = int((~picked[held.rows]).sum())
    return Drawn(looks, picked if looks and others >= MIN_PAIRS else None)


def ranks(problem: Problem, held: Held) -> Floats:
    """`(R,)` where the label_score of each held pair stands among those of the noisy rows, from 0 to 1."""
    asked = ask(problem, held, np.zeros((0, 0)))
    score = np.exp(asked.log_soft[np.arange(len(asked.label)), asked.label]).astype(np.float32)
    found = np.empty(len(score))
    for number, model in enumerate(held.models):
        assert model.own_scores is not None
        ordered, own = np.sort(model.own_scores), asked.by == number
        below, up_to = (np.searchsorted(ordered, score[own], side=side) for side in ("left", "right"))
        found[own] = (below + up_to) / (2 * len(ordered))
    return found


def excess(rank: Floats, rows: int) -> float:
    """z of the module's docstring.

    Args:
        rank: `(P,)` ranks of a file's pairs, from 0 to 1.
    """
    return float((rank.mean() - 0.5) * np.sqrt(12 * len(rank) / (1 + len(rank) / max(rows, 1))))
