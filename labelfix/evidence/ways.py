"""Simpler ways of making one label of all opinions, each judged on the trusted rows that judge the run.

    majority-vote   the share of sources that say a class, one vote each
    dawid-skene     sources weighed by how they agree with each other, without a trusted row (Dawid and Skene 1979)

They go by the opinions of the judged rows themselves, and not by what a row holds. Their temperature is that of the
rows of other folds: as they stand both are far too sure.

Legend: N noisy rows, R judged rows, Q questions, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from labelfix.correctors.contract import Problem
from labelfix.data.arrays import Floats
from labelfix.data.opinions import Opinions
from labelfix.data.tables import Codes
from labelfix.evidence.judges_answers import JudgesAnswers
from labelfix.evidence.ledger import mean, paired_difference, share
from labelfix.evidence.rivals import THIS_RUN, Rival
from labelfix.heads.folds import cut_folds
from labelfix.numerics.dawid_skene import dawid_skene
from labelfix.numerics.softmax import log_softmax
from labelfix.numerics.temperature import fit_temperature

MAJORITY, DAWID_SKENE = "majority-vote", "dawid-skene"

ABOUT = {
    MAJORITY: "what most sources say, each with one vote; nothing is read of a row but its labels",
    DAWID_SKENE: "sources weighed by how they agree with each other, without trusted rows (Dawid and Skene 1979)",
}

SAID_NOTHING, TIES = 1e-3, 1e-4
"""The share of a class without votes, and the lead that the first source's label has among equals."""

MOST = 100_000
"""Noisy rows that Dawid and Skene's way learns from, at most."""


def ways_of(problem: Problem, asked: JudgesAnswers) -> tuple[Rival, ...]:
    """The ways; none where there is one column of given labels, or trusted rows have no opinions of their own."""
    if problem.opinions is None or problem.paired_opinions is None or not asked.paired:
        return ()
    own, classes = problem.paired_opinions.take(asked.held_rows), problem.num_classes
    votes, first = own.votes(classes).astype(np.float64) + SAID_NOTHING, own.majority(classes)
    spoken = np.flatnonzero(first >= 0)
    votes[spoken, first[spoken]] += TIES
    others = problem.opinions.take(_learned(len(problem.opinions), problem.seed))
    every = dawid_skene(Opinions.together(others, own), classes)
    said = {MAJORITY: np.log(votes / votes.sum(axis=1, keepdims=True)), DAWID_SKENE: every[len(others) :]}
    folds = cut_folds(asked.truth, problem.seed).of
    return tuple(
        Rival(name, ABOUT[name], _calibrated(log_p, asked.truth, folds), reads_labels=True)
        for name, log_p in said.items()
    )


def _learned(rows: int, seed: int) -> Codes:
    """The noisy rows that sources are weighed on."""
    if rows <= MOST:
        return np.arange(rows, dtype=np.int64)
    return np.sort(np.random.default_rng([seed, 47]).choice(rows, MOST, replace=False)).astype(np.int64)


def _calibrated(log_p: Floats, truth: Codes, folds: Codes) -> Floats:
    """The same log-probabilities, each fold calibrated by the temperature that the other folds choose."""
    found = log_p.copy()
    for fold in np.unique(folds):
        others = folds != fold
        if others.any():
            temperature = fit_temperature(log_p[others], truth[others])
            found[~others] = log_softmax(log_p[~others] / temperature)
    return found


def beside(ways: Sequence[Rival], asked: JudgesAnswers, log_soft: Floats) -> list[dict[str, Any]]:
    """The ways beside the soft labels of this run, which are last, on the judged rows that have opinions.

    Args:
        ways: Of `ways_of`.
        asked: The judged rows, with their own labels.
        log_soft: `(Q, K)` log soft labels, nested.
    """
    if not ways:
        return []
    said = [(each.name, each.about, each.log_p[asked.row]) for each in ways]
    said.append((THIS_RUN, "the soft labels of this run", log_soft))
    place, alike = np.arange(len(asked.row)), np.ones(len(asked.row))
    own_right, own_log_p = log_soft.argmax(axis=1) == asked.answer, log_soft[place, asked.answer]
    found = []
    for name, about, log_p in said:
        right, own = log_p.argmax(axis=1) == asked.answer, log_p[place, asked.answer]
        figures = {
            "accuracy": share(right, alike),
            "nll": mean(-own, alike),
            "gain": paired_difference(right, own_right, alike),
            "nll_gain": mean(own - own_log_p, alike),
        }
        found.append({"name": name, "about": about, **{key: each.to_json() for key, each in figures.items()}})
    return found
