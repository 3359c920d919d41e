"""The noise rate of a run: what pairs say, and what a classifier of the trusted rows alone adds.

Legend: n noisy rows, K classes.
"""

from __future__ import annotations

import numpy as np
from scipy.special import log_softmax

from labelfix.correctors.contract import Problem
from labelfix.data.labels.noise_rate import COUNTED, OPINION_FROM, NoiseRate
from labelfix.data.tables import UNLABELLED, Probabilities
from labelfix.evidence.judges_answers import sample, transition_of
from labelfix.evidence.noise_rate import Opinion, assumed, estimate
from labelfix.heads.rows import load_rows
from labelfix.heads.trusted_only import fit_trusted_only
from labelfix.numerics.row_blocks import row_blocks
from labelfix.numerics.softmax import softmax
from labelfix.numerics.transition import paired_transition


def noise_of(problem: Problem, soft: Probabilities, given: np.ndarray) -> NoiseRate:
    """The noise rate, from pairs where there are `COUNTED` of them.

    Args:
        soft: `(n, K)` soft labels of some noisy rows.
    """
    pairs = np.flatnonzero(problem.paired_given != UNLABELLED)
    if len(pairs) < COUNTED:
        return assumed(soft, given, transition_of(soft, given))
    fixed = problem.family == "head" and problem.taught is None
    enough = len(pairs) >= OPINION_FROM and fixed and problem.sampling == "random"
    opinion = _opinion(problem, pairs) if enough else None
    return estimate(
        problem.truth[pairs], problem.paired_given[pairs], problem.given, problem.num_classes, problem.sampling, opinion
    )


def _opinion(problem: Problem, pairs: np.ndarray) -> Opinion:
    """P(y | x, y') by a classifier of trusted rows alone, out of fold, and the pairs of the other folds.

    The method's own soft labels are of no use here: they have learned the given labels of noisy rows, but not those of
    pairs.
    """
    rows, classes = load_rows(problem), problem.num_classes
    trusted_only = fit_trusted_only(rows)
    truth, paired, of = problem.truth[pairs], problem.paired_given[pairs], trusted_only.by[pairs]
    chosen = sample(problem)
    given = problem.given[chosen]
    prior = (np.eye(classes) + 1 / classes) / 2
    of_pairs = np.empty((len(pairs), classes), dtype=np.float32)
    of_noisy = np.zeros((len(chosen), classes), dtype=np.float32)
    for fold, head in enumerate(trusted_only.without):
        others = of != fold
        log_t = np.log(paired_transition(truth[others], paired[others], prior))
        of_pairs[~others] = softmax(trusted_only.held[pairs[~others]] + log_t[:, paired[~others]].T)
        for part in row_blocks(len(chosen), max(classes, rows.noisy.shape[1])):
            log_f = log_softmax(head.logits(problem.noisy.batch(chosen[part])).numpy().astype(np.float64), axis=1)
            of_noisy[part] += softmax(log_f + log_t[:, given[part]].T) * np.float32((~others).mean())
    return Opinion(of_noisy, given, of_pairs)
