"""Plain training on noisy and trusted rows as they are: what MLC adds is measured against it.

    classifier: cross-entropy on noisy rows with given labels and on trusted rows with theirs
    soft label: P(y | x, y') ∝ f(y|x) · T[y, y'], with T estimated on the trusted rows

End to end it takes the steps of MLC's published recipe, the same batches at the same learning rates, with the given
labels in the place of corrected ones and without the look-ahead. On fixed features it is the logistic regression of
all rows, regularised by the likelihood of trusted rows out of fold. `noisy-only` is the same without trusted rows in
training; they still set the temperature and T.

T is that of the trusted rows: from pairs of trusted and given labels where there are any, and from what a model of
the given labels (end to end: the classifier, on trusted rows kept out) says of the trusted rows of each class.

Legend: M trusted rows, N noisy rows, K classes.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import torch

from labelfix.correction import members
from labelfix.correction.base import FittedModel, Problem
from labelfix.correction.calibration import fit_temperature
from labelfix.correction.folds import CrossFitted, calibrated, cross_fit
from labelfix.correction.heads import best_ridge, posterior_model
from labelfix.correction.members import Rows
from labelfix.correction.network import softmax
from labelfix.correction.posterior import PosteriorCorrector
from labelfix.correction.quality import share_with_interval
from labelfix.correction.threshold import choose_threshold
from labelfix.correction.transition import Matrix, expected_transition, paired_transition
from labelfix.data.split import CleanSplit, split_clean
from labelfix.data.tables import Codes
from labelfix.methods.mlc.paper import make_trainer, train
from labelfix.methods.mlc.plan import make_plan
from labelfix.methods.mlc.state import History
from labelfix.methods.mlc.step import MlcTrainer, StepFigures
from labelfix.methods.mlc.warmup import learn_given_labels
from labelfix.models.classifier import Classifier
from labelfix.models.label_correction_network import LabelCorrectionNetwork
from labelfix.progress import Progress
from labelfix.settings.methods import MixedSettings, MlcSettings, NoisyOnlySettings
from labelfix.training.linear import LinearHead, cross_entropy_to, minimise
from labelfix.training.loop import outputs
from labelfix.training.passes import Labelled

RIDGES = (1.0, 10.0)
"""Candidates for r."""

WATCHED = ("epoch", "step", "corrected_loss", "clean_loss", "learning_rate", "rows_per_second", "held_out_accuracy")
"""What of MLC's history there is here; the labels of `corrected_loss` are the given ones."""


def fit(problem: Problem, settings: MixedSettings, progress: Progress) -> FittedModel:
    """Fit it; see the module's docstring.

    Args:
        problem: The data.
        settings: The method's settings.
        progress: Told what happens.

    Raises:
        TrainingError: A loss that is not a number.
    """
    if problem.family == "head":
        return _fit_head(problem, trusted=True, progress=progress)
    return _train(problem, settings, trusted=True, progress=progress)


def fit_noisy_only(problem: Problem, settings: NoisyOnlySettings, progress: Progress) -> FittedModel:
    """The same on the noisy rows alone; see `fit`."""
    if problem.family == "head":
        return _fit_head(problem, trusted=False, progress=progress)
    return _train(problem, settings, trusted=False, progress=progress)


def _fit_head(problem: Problem, trusted: bool, progress: Progress) -> FittedModel:
    rows = members.load(problem, progress)
    of_given = members.fit_given_labels(rows)
    transition, _ = members.transitions(rows, of_given)
    transition = paired_transition(problem.truth, problem.paired_given, transition)
    fitted = {r: _head(rows, r, trusted) for r in RIDGES}
    ridge, history = best_ridge(fitted, rows.truth.numpy())
    metrics = {"ridge": ridge, "transition": transition.tolist()}
    return posterior_model(problem, fitted[ridge], np.log(transition), history, metrics)


def _head(rows: Rows, ridge: float, trusted: bool) -> CrossFitted:
    """Logistic regression of the given labels, and of those of trusted rows outside a fold."""

    def fit(use: Codes, _: int | None, start: LinearHead | None) -> LinearHead:
        index = torch.from_numpy(use if trusted else use[:0])
        features = torch.cat([rows.noisy, rows.clean[index]])
        targets = rows.one_hot(torch.cat([rows.given, rows.truth[index]]))
        begin = start or LinearHead.zeros(rows.num_classes, features.shape[1])
        loss = cross_entropy_to(targets, torch.ones(len(targets)))
        return minimise(features, loss, ridge, begin, iterations=100 if start is None else 25)

    truth = rows.truth.numpy()
    if trusted:
        return cross_fit(fit, rows.folds, rows.clean, truth)
    head = fit(np.zeros(0, dtype=np.int64), None, None)  # no fold of the trusted rows makes a difference
    return calibrated(head, [head] * rows.folds.count, rows.folds, rows.clean, truth)


@dataclass
class PlainTrainer(MlcTrainer):
    """Takes plain steps where MLC would take its own; its LCN is never asked.

    Attributes:
        trusted: Whether trusted rows train too.
    """

    trusted: bool = True

    def step(
        self, noisy: Labelled, clean: Labelled, meta: Labelled | None, watch: bool = True, last: bool = False
    ) -> StepFigures | None:
        """Update w by the labels as they are."""
        return self.plain_step(noisy, clean if self.trusted else None, watch)


def _train(
    problem: Problem, settings: MixedSettings | NoisyOnlySettings, trusted: bool, progress: Progress
) -> FittedModel:
    """Every epoch and step of MLC's published recipe, taken plainly; see the module's docstring."""
    own = {f.name: getattr(settings, f.name) for f in dataclasses.fields(settings)}
    as_mlc = MlcSettings(recipe="paper", **own)
    plan = make_plan(problem, as_mlc)
    split = split_clean(problem.truth, problem.num_classes, settings.held_out, problem.seed)
    # Nothing is judged while it trains, so the rows that judge MLC's look-ahead are free to teach.
    split = dataclasses.replace(split, train=np.sort(np.concatenate([split.train, split.meta])))
    progress.say(f"trusted rows: {len(split.train) if trusted else 0} train, {len(split.held_out)} held out")
    generator = torch.Generator().manual_seed(problem.seed)
    classifier = problem.new_classifier(generator).to(problem.device)
    unused = LabelCorrectionNetwork(classifier.feature_width, problem.num_classes, 1, 1, False, generator)
    trainer = make_trainer(problem, plan, as_mlc, classifier, unused.to(problem.device), progress, PlainTrainer)
    assert isinstance(trainer, PlainTrainer)
    trainer.trusted = trusted

    def warm_up() -> Matrix:
        learn_given_labels(problem, plan, trainer, 0, progress)
        return np.eye(problem.num_classes)  # T is estimated afterwards, on rows that were kept out

    history, _ = train(problem, plan, as_mlc, split, trainer, warm_up, progress)
    classifier.to(memory_format=torch.contiguous_format).eval()
    return _finished(problem, split, classifier, history)


def _finished(problem: Problem, split: CleanSplit, classifier: Classifier, history: History) -> FittedModel:
    """Temperature and T from trusted rows that were kept out, and what follows from them."""
    judged_on = split.held_out if len(split.held_out) else np.arange(len(problem.truth), dtype=np.int64)
    logits, _ = outputs(classifier, problem.clean, judged_on, problem.device)
    truth = problem.truth[judged_on]
    temperature = fit_temperature(logits, truth)
    # The classifier has learned given labels: what it says of trusted rows it has not seen is n(y'|x).
    expected = expected_transition(truth, softmax(logits.astype(np.float64)), problem.num_classes)
    transition = paired_transition(problem.truth, problem.paired_given, expected)
    hits = int((logits.argmax(axis=1) == truth).sum()) if len(split.held_out) else 0
    return FittedModel(
        classifier=classifier,
        temperature=temperature,
        corrector=PosteriorCorrector(np.log(transition), 1.0, temperature),
        history=pa.Table.from_pylist([{name: row[name] for name in row if name in WATCHED} for row in history]),
        min_confidence=choose_threshold(len(problem.truth)),
        metrics={
            "classifier_right": {"judged_on": "held-out trusted rows"} | share_with_interval(hits, len(split.held_out)),
            "transition": transition.tolist(),
        },
    )
