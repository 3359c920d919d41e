"""The finished model of a method that weighs rows: its classifier, and a mixture of given label and prediction.

Legend: N noisy rows, M trusted rows, K classes.
"""

from __future__ import annotations

import numpy as np

from labelfix.correction.base import FittedModel, Problem
from labelfix.correction.mixture import AgreementWeigher, LossWeigher, MixtureCorrector, best_share, relative
from labelfix.correction.network import softmax
from labelfix.correction.recovered_transition import recovered_transition
from labelfix.correction.threshold import choose_threshold
from labelfix.correction.transition import Matrix, paired_transition
from labelfix.data.split import CleanSplit
from labelfix.data.tables import Codes, Probabilities
from labelfix.methods.networks.state import History
from labelfix.methods.networks.training import history_table, judged_rows, temperature_and_accuracy
from labelfix.models.classifier import Classifier
from labelfix.training.loop import outputs

SAMPLE = 10_000
"""Noisy rows from which the largest weight and T are taken: evenly spread over all of them."""


def mixture_network(
    problem: Problem,
    split: CleanSplit,
    classifier: Classifier,
    weigher: LossWeigher | AgreementWeigher,
    history: History,
) -> FittedModel:
    """Normalise the weights, fit how far they are to be believed, and put it together.

    Args:
        problem: The data.
        split: The trusted rows' parts; those held out set the temperature and s.
        classifier: The trained network.
        weigher: Gives rows their weights.
        history: Rows of the history.
    """
    classifier.eval()
    temperature, right = temperature_and_accuracy(problem, split, classifier)
    rows = np.arange(0, len(problem.noisy), max(1, len(problem.noisy) // SAMPLE), dtype=np.int64)
    given = problem.given[rows]
    logits, hidden = outputs(classifier, problem.noisy, rows, problem.device)
    largest = float(weigher.weights(logits, hidden, given).max())
    judged = judged_rows(problem, split)
    of_trusted = outputs(classifier, problem.clean, judged, problem.device)
    transition = _transition(
        problem, judged, softmax(of_trusted[0].astype(np.float64)), given, softmax(logits.astype(np.float64))
    )
    share = best_share(
        lambda labels: relative(weigher, largest, *of_trusted, labels),
        softmax(of_trusted[0].astype(np.float64) / temperature),
        problem.truth[judged],
        transition,
    )
    table = history_table(history, without=("entropy", "changed", "gamma"))
    table = table.rename_columns(["weight" if name == "gate" else name for name in table.column_names])
    return FittedModel(
        classifier=classifier,
        temperature=temperature,
        corrector=MixtureCorrector(weigher, largest, share, temperature),
        history=table,
        min_confidence=choose_threshold(len(problem.truth)),
        metrics={
            "classifier_right": right,
            "transition": transition.tolist(),
            "mixture": {"largest_weight": largest, "share": share},
        },
    )


def _transition(
    problem: Problem, judged: Codes, of_trusted: Probabilities, given: Codes, of_noisy: Probabilities
) -> Matrix:
    """T; in a way that does not mind that a classifier of weighted rows has unlearned some of the noise."""
    expected = recovered_transition(problem.truth[judged], of_trusted, given, of_noisy, problem.num_classes)
    return paired_transition(problem.truth, problem.paired_given, expected)
