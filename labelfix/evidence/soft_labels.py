"""What a fitted model says of some noisy rows, their given labels heard."""

from __future__ import annotations

import numpy as np

from labelfix.correctors.contract import FittedModel, Problem
from labelfix.data.tables import Codes, Probabilities
from labelfix.evidence.judges_answers import blocks_of
from labelfix.networks.loop import network_outputs


def soft_labels_of(problem: Problem, fitted: FittedModel, rows: Codes) -> Probabilities:
    """`(n, K)` soft labels of some noisy rows by the classifier and the corrector, a block at a time.

    Args:
        fitted: The model.
        rows: `(n,)` the rows.
    """
    soft = np.empty((len(rows), problem.num_classes), dtype=np.float32)
    first = 0
    for some in blocks_of(rows, problem):
        said = network_outputs(fitted.classifier, problem.noisy, some, problem.device)
        own = problem.given[some], problem.opinions_of(some)
        soft[first : first + len(some)] = fitted.corrector.soft_labels(*said, *own)
        first += len(some)
    return soft
