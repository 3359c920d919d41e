"""From a trained network to a finished model: trusted rows set what is left to choose, and judge the result.

Training holds out some trusted rows. Afterwards these set the few numbers that are left: the temperature, and the
matrix or the share behind the soft labels. They also judge the result, so each choice is made five times: once from all
of them, for the run, and once without each of four parts, which then judges what the others chose. Rows that had a say
during training, for example in picking the best epoch, judge nothing.

Legend: M trusted rows, H held-out ones that judge, K classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from labelfix.correctors.contract import Corrector, FittedModel, Held, JudgingModel, Problem
from labelfix.correctors.mixture import AgreementWeigher, LossWeigher, MixtureCorrector, best_share, relative
from labelfix.correctors.posterior import PosteriorCorrector
from labelfix.data.arrays import Floats
from labelfix.data.split import CleanSplit
from labelfix.data.tables import Codes, Probabilities
from labelfix.heads.class_ratio import class_ratio, row_weights
from labelfix.heads.folds import cut_folds
from labelfix.models.classifier import Classifier
from labelfix.models.features import Inputs
from labelfix.networks.loop import network_outputs
from labelfix.networks.state import History
from labelfix.networks.training import history_table
from labelfix.numerics.recovered_transition import recovered_transition
from labelfix.numerics.softmax import softmax
from labelfix.numerics.temperature import fit_temperature
from labelfix.numerics.threshold import choose_threshold
from labelfix.numerics.transition import expected_transition, paired_transition
from labelfix.numerics.truth_metrics import share_with_interval

HELD_OUT = "held-out trusted rows"


MIXTURE_SAMPLE = 10_000
"""Noisy rows from which the largest weight and T are taken: evenly spread over all of them."""


@dataclass(frozen=True)
class ChosenCorrector:
    """What trusted rows choose once the network is trained."""

    corrector: Corrector
    temperature: float


Choose = Callable[[Codes], ChosenCorrector]
"""Trusted rows whose labels may be looked at → what they choose."""

TransitionOf = Callable[[Codes], Floats]
"""Trusted rows whose labels may be looked at → T."""


def kept_out(split: CleanSplit, use: Codes) -> Codes:
    """The held-out rows among some trusted rows; all of these if none were held out."""
    rows = np.intersect1d(use, split.held_out)
    return rows if len(rows) else use


def teaching(problem: Problem, split: CleanSplit) -> Codes:
    """All trusted rows but the held-out ones: what training may look at."""
    return np.setdiff1d(np.arange(len(problem.truth), dtype=np.int64), split.held_out)


def may_look(problem: Problem, split: CleanSplit) -> tuple[list[Codes], Codes]:
    """The trusted rows whose labels a choice may use: all of them for the run, all but its own for each judge.

    Returns:
        The rows for the run, then those for each judge; and `(H,)` the judge of each row of `split.judging`.
    """
    every, rows = np.arange(len(problem.truth), dtype=np.int64), split.judging
    if not len(rows):
        return [every], np.zeros(0, dtype=np.int64)
    folds = cut_folds(problem.truth[rows], problem.seed, by_class=problem.sampling != "random")
    return [every, *(np.setdiff1d(every, rows[folds.inside(part)]) for part in range(folds.count))], folds.of


def chosen_and_judged(
    problem: Problem, split: CleanSplit, classifier: Classifier, choose: Choose
) -> tuple[ChosenCorrector, Held | None]:
    """The choice made from all trusted rows, and the judges of the held-out ones; None without held-out rows.

    Args:
        choose: Makes the choice; called for each of `may_look`, in order.
    """
    looks, by = may_look(problem, split)
    chosen, *of_others = (choose(use) for use in looks)
    if not of_others:
        return chosen, None

    def said(inputs: Inputs, wanted: Codes) -> tuple[Probabilities, Probabilities]:
        return network_outputs(classifier, inputs, wanted, problem.device)

    models = tuple(JudgingModel(said, others.corrector, others.temperature) for others in of_others)
    return chosen, Held(split.judging, by, models, HELD_OUT, one_network=True)


def how_often_right(problem: Problem, split: CleanSplit, logits: Probabilities) -> dict[str, Any]:
    """How often a classifier of `(M, K)` logits of the trusted rows is right on the held-out rows that judge."""
    rows = split.judging[problem.judges[split.judging]]
    weights = row_weights(problem.truth, class_ratio(problem))[rows]
    return {"judged_on": HELD_OUT} | share_with_interval(logits[rows].argmax(axis=1) == problem.truth[rows], weights)


def transition_from(problem: Problem, said: Probabilities, split: CleanSplit | None = None) -> TransitionOf:
    """T from what a model of the given labels says of trusted rows, sharpened by pairs where there are any.

    Args:
        said: `(M, K)` n(y'|x) of the trusted rows.
        split: Where given, only rows that training left out count, pairs aside: the model has seen the others.
    """

    def estimate(use: Codes) -> Floats:
        rows = use if split is None else kept_out(split, use)
        expected = expected_transition(problem.truth[rows], said[rows], problem.num_classes)
        return paired_transition(problem.truth[use], problem.paired_given[use], expected)

    return estimate


def transition_recovered(
    problem: Problem, split: CleanSplit, of_clean: Probabilities, rows: Codes, of_noisy: Probabilities
) -> TransitionOf:
    """T from trusted rows, estimated so that it stays right where a classifier has unlearned some of the noise.

    Args:
        of_clean: `(M, K)` what it says of the trusted rows.
        rows: `(n,)` some noisy rows.
        of_noisy: `(n, K)` what it says of these.
    """

    def estimate(use: Codes) -> Floats:
        some, given = kept_out(split, use), problem.given[rows]
        expected = recovered_transition(problem.truth[some], of_clean[some], given, of_noisy, problem.num_classes)
        return paired_transition(problem.truth[use], problem.paired_given[use], expected)

    return estimate


def network_model(
    problem: Problem,
    split: CleanSplit,
    classifier: Classifier,
    corrector: Callable[[Codes, float], Corrector],
    history: pa.Table,
    metrics: Mapping[str, Any] | None = None,
) -> FittedModel:
    """A trained network with its temperature and soft labels."""
    classifier.to(memory_format=torch.contiguous_format).eval()
    every = np.arange(len(problem.truth), dtype=np.int64)
    logits, _ = network_outputs(classifier, problem.clean, every, problem.device)

    def choose(use: Codes) -> ChosenCorrector:
        rows = kept_out(split, use)
        temperature = fit_temperature(logits[rows], problem.truth[rows])
        return ChosenCorrector(corrector(use, temperature), temperature)

    chosen, held = chosen_and_judged(problem, split, classifier, choose)
    return FittedModel(
        classifier=classifier,
        temperature=chosen.temperature,
        corrector=chosen.corrector,
        history=history,
        min_confidence=choose_threshold(len(problem.truth)),
        metrics={"classifier_right": how_often_right(problem, split, logits), **(metrics or {})},
        held=held,
    )


def posterior_network(
    problem: Problem,
    split: CleanSplit,
    classifier: Classifier,
    transition: TransitionOf | None,
    history: pa.Table,
    metrics: Mapping[str, Any] | None = None,
) -> FittedModel:
    """A trained network as the classifier, and the soft label ∝ f(y|x) · T[y, y'].

    Args:
        transition: T; None for soft labels that are P(y | x), blind to the given label.
    """

    def corrector(use: Codes, temperature: float) -> Corrector:
        terms = np.zeros((problem.num_classes,) * 2) if transition is None else np.log(transition(use))
        return PosteriorCorrector(terms, 1.0, temperature)

    figures: dict[str, Any] = {}
    if transition is not None:
        figures["transition"] = transition(np.arange(len(problem.truth), dtype=np.int64)).tolist()
    return network_model(problem, split, classifier, corrector, history, figures | dict(metrics or {}))


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
    transition = transition_recovered(problem, split, said, rows, of_noisy)

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
