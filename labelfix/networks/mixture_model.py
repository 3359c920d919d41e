"""The finished model of a method that weighs rows: its classifier, and a mixture of given label and prediction.

Legend: N noisy rows, M trusted rows, K classes.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from labelfix.correctors.contract import FittedModel, Problem
from labelfix.correctors.mixture import AgreementWeigher, LossWeigher, MixtureCorrector, best_share, relative
from labelfix.data.arrays import Floats
from labelfix.data.split import CleanSplit
from labelfix.data.tables import Codes
from labelfix.models.classifier import Classifier
from labelfix.networks.finished_model import kept_out, network_model
from labelfix.networks.loop import network_outputs
from labelfix.networks.state import History
from labelfix.networks.training import history_table
from labelfix.numerics.recovered_transition import recovered_transition
from labelfix.numerics.softmax import softmax
from labelfix.numerics.transition import paired_transition

MIXTURE_SAMPLE = 10_000
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
        split: The trusted rows' parts; those held out set the temperature and s.
    """
    classifier.eval()
    rows = np.arange(0, len(problem.noisy), max(1, len(problem.noisy) // MIXTURE_SAMPLE), dtype=np.int64)
    given = problem.given[rows]
    logits, hidden = network_outputs(classifier, problem.noisy, rows, problem.device)
    largest = float(weigher.weights(logits, hidden, given).max())
    every = np.arange(len(problem.truth), dtype=np.int64)
    of_clean = network_outputs(classifier, problem.clean, every, problem.device)
    said, of_noisy = (softmax(part.astype(np.float64)) for part in (of_clean[0], logits))

    def transition(use: Codes) -> Floats:
        """T, estimated so that it stays right where the classifier has unlearned some of the noise."""
        some = kept_out(split, use)
        expected = recovered_transition(problem.truth[some], said[some], given, of_noisy, problem.num_classes)
        return paired_transition(problem.truth[use], problem.paired_given[use], expected)

    def corrector(use: Codes, temperature: float) -> MixtureCorrector:
        some = kept_out(split, use)
        of_rows = of_clean[0][some], of_clean[1][some]
        share = best_share(
            lambda labels: relative(weigher, largest, *of_rows, labels),
            softmax(of_rows[0].astype(np.float64) / temperature),
            problem.truth[some],
            transition(use),
        )
        return MixtureCorrector(weigher, largest, share, temperature)

    table = history_table(history, without=("entropy", "changed", "gamma"))
    table = table.rename_columns(["weight" if name == "gate" else name for name in table.column_names])
    model = network_model(problem, split, classifier, corrector, table)
    assert isinstance(model.corrector, MixtureCorrector)
    mixture = {"largest_weight": largest, "share": model.corrector.share}
    return replace(model, metrics=model.metrics | {"transition": transition(every).tolist(), "mixture": mixture})
