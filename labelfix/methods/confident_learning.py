"""Confident learning by cleanlab, given the trusted rows: they stand in every training fold.

    5 folds of the noisy rows → out-of-fold n(y'|x) → cleanlab's `find_label_issues` and label quality scores
      → flagged rows take the likeliest class → the classifier is fitted again without them

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

from labelfix.correction import members
from labelfix.correction.base import FittedModel, OwnRows, Problem
from labelfix.correction.flagged import FlagCorrector, keep_unless
from labelfix.correction.folds import cut
from labelfix.correction.heads import as_classifier, need_fixed_features
from labelfix.correction.members import Rows
from labelfix.correction.threshold import choose_threshold
from labelfix.data.tables import Codes, Probabilities
from labelfix.errors import SettingsError
from labelfix.progress import Progress
from labelfix.settings.methods import ConfidentLearningSettings
from labelfix.training.linear import LinearHead, cross_entropy_to, minimise

RIDGES = (1.0, 10.0)
"""Candidates for r, chosen by the likelihood of the given labels out of fold."""


def fit(problem: Problem, settings: ConfidentLearningSettings, progress: Progress) -> FittedModel:
    """Fit it; see the module's docstring.

    Args:
        problem: The data; its inputs are fixed features.
        settings: The method's settings.
        progress: Told of classes without trusted rows.

    Raises:
        SettingsError: cleanlab is not installed, or the classifier is not a linear head on fixed features.
    """
    need_fixed_features(problem, "confident-learning")
    cleanlab = _cleanlab()
    rows = members.load(problem, progress)
    # What stands in for classes without trusted rows is noisy rows: in every fold they would vouch for themselves.
    trusted = len(problem.truth)
    rows = replace(rows, features=rows.features[: len(rows.given) + trusted], truth=rows.truth[:trusted])
    ridge, held = _out_of_fold(rows, settings.folds)
    given = problem.given
    # Several processes would change nothing but the time, for the worse on data of usual size.
    flagged = cleanlab.filter.find_label_issues(given, held, filter_by=settings.filter_by, n_jobs=1)
    score = cleanlab.rank.get_label_quality_scores(given, held)
    classifier = _fit(rows, np.flatnonzero(~flagged), ridge, None)
    return FittedModel(
        classifier=as_classifier(problem, classifier),
        temperature=1.0,
        corrector=FlagCorrector.learn(held, given, flagged, 1.0),
        history=pa.table({"flagged": [int(flagged.sum())], "rows": [len(given)]}),
        min_confidence=choose_threshold(len(problem.truth)),
        metrics={"flagged": int(flagged.sum()), "ridge": ridge},
        own_rows=OwnRows(keep_unless(flagged, held, given), score.astype(np.float32)),
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


def _out_of_fold(rows: Rows, count: int) -> tuple[float, Probabilities]:
    """r, and `(N, K)` n(y'|x) of each noisy row by a head that saw the trusted rows and the other folds."""
    given = rows.given.numpy()
    folds = cut(given, rows.seed, count)
    every = np.arange(len(given), dtype=np.int64)
    best: tuple[float, float, Probabilities] | None = None
    for ridge in RIDGES:
        full = _fit(rows, every, ridge, None)
        held = np.empty((len(given), rows.num_classes), dtype=np.float32)
        for fold in range(folds.count):
            inside = folds.inside(fold)
            head = _fit(rows, folds.outside(fold), ridge, full)
            held[inside] = head.log_probabilities(rows.noisy[torch.from_numpy(inside)]).exp().numpy()
        loss = -float(np.log(np.maximum(held[every, given], 1e-12)).mean())
        if best is None or loss < best[0]:
            best = loss, ridge, held
    assert best is not None
    return best[1], best[2]


def _fit(rows: Rows, use: npt.NDArray[np.int64] | Codes, ridge: float, start: LinearHead | None) -> LinearHead:
    """A head on the given labels of some noisy rows and the labels of all trusted ones."""
    index = torch.from_numpy(use)
    features = torch.cat([rows.noisy[index], rows.clean])
    targets = rows.one_hot(torch.cat([rows.given[index], rows.truth]))
    begin = start or LinearHead.zeros(rows.num_classes, features.shape[1])
    loss = cross_entropy_to(targets, torch.ones(len(targets)))
    return minimise(features, loss, ridge, begin, iterations=100 if start is None else 25)
