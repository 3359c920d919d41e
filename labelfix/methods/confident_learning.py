"""Confident learning by cleanlab, given the trusted rows: they stand in every training fold.

    5 folds of the noisy rows → out-of-fold n(y'|x) → cleanlab's `find_label_issues` and label quality scores
      → flagged rows take the likeliest class → the classifier is fitted again without them

On fixed features the model is logistic regression; end to end it is the whole network, trained once a fold.

Source: Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", JAIR 2021, in its
authors' own code (cleanlab, Apache-2.0), which is an extra: `pip install 'labelfix[cleanlab]'`.

Legend: N noisy rows, M trusted rows, K classes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch

from labelfix.correctors.contract import OUT_OF_FOLD, FittedModel, OwnRows, Problem
from labelfix.correctors.keep_unless_flagged import FlagCorrector, keep_unless
from labelfix.data.tables import Codes, Probabilities
from labelfix.errors import SettingsError
from labelfix.heads.finished_model import as_classifier
from labelfix.heads.folds import cut_folds
from labelfix.heads.rows import FitRows, load_rows
from labelfix.models.classifier import Classifier
from labelfix.models.features import select
from labelfix.networks.finished_model import network_model
from labelfix.networks.training import META_COLUMNS, history_table, new_classifier, plain_training, says, train_phase
from labelfix.numerics.threshold import choose_threshold
from labelfix.progress import Progress
from labelfix.settings.methods import ConfidentLearningSettings

RIDGES = (1.0, 10.0)
"""Candidates for r, chosen by the likelihood of the given labels out of fold."""


def solve(problem: Problem, settings: ConfidentLearningSettings, progress: Progress) -> FittedModel:
    """Solve it on fixed features; see the module's docstring and `Method`."""
    cleanlab = _cleanlab()
    rows = load_rows(problem, progress)
    # What stands in for classes without trusted rows is noisy rows: in every fold they would vouch for themselves.
    trusted = len(problem.truth)
    rows = replace(rows, features=rows.features[: len(rows.given) + trusted], truth=rows.truth[:trusted])
    ridge, held = _out_of_fold(rows, settings.folds)
    flagged, own_rows = _flagged(problem, settings, held, cleanlab)
    classifier = rows.fit_plainly(np.flatnonzero(~flagged), np.arange(len(rows.truth)), ridge, None)
    return FittedModel(
        classifier=as_classifier(problem, classifier),
        temperature=1.0,
        corrector=FlagCorrector.learn(held, problem.given, flagged, 1.0),
        history=pa.table({"flagged": [int(flagged.sum())], "rows": [len(flagged)]}),
        min_confidence=choose_threshold(len(problem.truth)),
        metrics={"flagged": int(flagged.sum()), "ridge": ridge},
        own_rows=own_rows,
    )


def train_network(problem: Problem, settings: ConfidentLearningSettings, progress: Progress) -> FittedModel:
    """Train a network for each fold, and one of the rows that are left; all start from the same weights."""
    cleanlab = _cleanlab()
    training = plain_training(problem, settings, progress)
    folds = cut_folds(problem.given, problem.seed, settings.folds)
    held = np.empty((len(problem.given), problem.num_classes), dtype=np.float32)
    histories = []

    def learn(use: Codes, name: str) -> Classifier:
        some = replace(problem, noisy=select(problem.noisy, use), given=problem.given[use])
        classifier = new_classifier(problem)
        histories.append(train_phase(replace(training, problem=some), classifier, name))
        return classifier

    for fold in range(folds.count):
        progress.say(f"fold {fold + 1} of {folds.count}")
        inside = folds.inside(fold)
        held[inside] = says(problem, learn(folds.outside(fold), f"fold-{fold + 1}"), "noisy", inside)
    flagged, own_rows = _flagged(problem, settings, held, cleanlab)
    classifier = learn(np.flatnonzero(~flagged).astype(np.int64), "without-flagged")
    history = history_table(*histories, without=META_COLUMNS)

    def corrector(_: Codes, temperature: float) -> FlagCorrector:
        return FlagCorrector.learn(held, problem.given, flagged, temperature)

    model = network_model(problem, training.split, classifier, corrector, history, {"flagged": int(flagged.sum())})
    return replace(model, own_rows=own_rows)


def _flagged(
    problem: Problem,
    settings: ConfidentLearningSettings,
    held: Probabilities,
    cleanlab: Any,  # noqa: ANN401
) -> tuple[npt.NDArray[np.bool_], OwnRows]:
    """Which rows cleanlab flags, and what it makes of all of them."""
    given = problem.given
    # Several processes would change nothing but the time, for the worse on data of usual size.
    flagged = cleanlab.filter.find_label_issues(given, held, filter_by=settings.filter_by, n_jobs=1)
    score = cleanlab.rank.get_label_quality_scores(given, held)
    return flagged, OwnRows(
        keep_unless(flagged, held, given), score.astype(np.float32), OUT_OF_FOLD.format(parts=settings.folds)
    )


def _cleanlab() -> Any:  # noqa: ANN401 - the module
    try:
        import cleanlab.filter
        import cleanlab.rank
    except ImportError:
        raise SettingsError(
            "method = confident-learning needs cleanlab, which is not installed; pip install 'labelfix[cleanlab]'"
        ) from None
    return cleanlab


def _out_of_fold(rows: FitRows, count: int) -> tuple[float, Probabilities]:
    """r, and `(N, K)` n(y'|x) of each noisy row by a head that saw the trusted rows and the other folds."""
    given = rows.given.numpy()
    folds = cut_folds(given, rows.seed, count)
    every, trusted = np.arange(len(given), dtype=np.int64), np.arange(len(rows.truth), dtype=np.int64)
    best: tuple[float, float, Probabilities] | None = None
    for ridge in RIDGES:
        full = rows.fit_plainly(every, trusted, ridge, None)
        held = np.empty((len(given), rows.num_classes), dtype=np.float32)
        for fold in range(folds.count):
            inside = folds.inside(fold)
            head = rows.fit_plainly(folds.outside(fold), trusted, ridge, full)
            held[inside] = head.log_probabilities(rows.noisy[torch.from_numpy(inside)]).exp().numpy()
        loss = -float(np.log(np.maximum(held[every, given], 1e-12)).mean())
        if best is None or loss < best[0]:
            best = loss, ridge, held
    assert best is not None
    return best[1], best[2]
