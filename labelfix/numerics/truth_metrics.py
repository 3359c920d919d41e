"""How good labels, scores and probabilities are, against a truth.

Legend: N rows, K classes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from labelfix.data.corrected_labels import CorrectedLabels
from labelfix.data.intervals import effective, wilson
from labelfix.data.tables import UNLABELLED, Codes


def share_with_interval(
    right: npt.NDArray[np.bool_], weights: npt.NDArray[np.float64] | None = None
) -> dict[str, float | int | None]:
    """A share with its 95 % Wilson score interval (Wilson 1927), as plain values.

    Args:
        right: `(R,)` what is counted.
        weights: `(R,)` how much each row counts, with an interval for as many rows as they are worth; alike by default.

    Returns:
        `value`, `low`, `high` (None without rows) and `rows`.
    """
    if not len(right):
        return {"value": None, "low": None, "high": None, "rows": 0}
    counts = np.ones(len(right)) if weights is None else weights
    rows = effective(counts)
    hits = float(right @ counts) * (rows / float(counts.sum()))
    low, high = wilson(hits, rows)
    ends = {"low": low if right.any() else 0.0, "high": 1.0 if right.all() else high}
    return {"value": hits / rows, **ends, "rows": len(right)}


def expected_calibration_error(soft: npt.NDArray[np.floating], truth: Codes, bins: int = 15) -> float:
    """ECE: the mean gap between confidence and accuracy over equal-width bins of confidence, weighted by rows."""
    confidence, right = soft.max(axis=1), soft.argmax(axis=1) == truth
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [
        abs(confidence[place == b].mean() - right[place == b].mean()) * np.mean(place == b)
        for b in range(bins)
        if np.any(place == b)
    ]
    return float(np.sum(gaps))


def compare_with_truth(labels: CorrectedLabels, rows: Codes, truth: Codes) -> dict[str, Any]:
    """The quality of corrected labels on rows whose truth is known.

    Args:
        rows: `(R,)` rows of `labels` to judge.
        truth: `(R,)` their true classes.

    Returns:
        Plain values: shares right (with 95 % intervals) of given, corrected, suggested and predicted labels, of the
        corrected ones also on wrongly and on rightly labelled rows; AUROC and average precision of
        1 − label_score for wrong given labels; ECE and NLL of the soft labels.
    """
    given, soft = labels.given[rows], labels.soft[rows]
    labelled = given != UNLABELLED
    wrong = labelled & (given != truth)
    right_after = labels.corrected[rows] == truth
    result: dict[str, Any] = {"rows": len(rows)}
    shares = {
        "given_right": (given == truth)[labelled],
        "corrected_right": right_after,
        "suggested_right": labels.suggested[rows] == truth,
        "classifier_right": labels.predicted[rows] == truth,
        "corrected_right_where_given_wrong": right_after[wrong],
        "corrected_right_where_given_right": right_after[labelled & ~wrong],
    }
    for name, hits in shares.items():
        result[name] = share_with_interval(hits)
    suspicion = 1 - labels.label_score[rows][labelled]
    result["auroc"], result["average_precision"] = detection(suspicion, wrong[labelled])
    if len(rows):
        likelihood = soft[np.arange(len(rows)), truth].astype(np.float64)
        result["nll"] = float(-np.log(np.maximum(likelihood, 1e-12)).mean())
        result["ece"] = expected_calibration_error(soft, truth)
    return result


def detection(suspicion: npt.NDArray[np.floating], wrong: npt.NDArray[np.bool_]) -> tuple[float | None, float | None]:
    """AUROC and average precision of a suspicion score for wrong labels; None where all are right or all wrong."""
    if wrong.all() or not wrong.any():
        return None, None
    order = np.argsort(-suspicion, kind="stable")
    # Rows of equal suspicion are flagged together: counted at the last of each.
    ends = np.append(np.flatnonzero(np.diff(suspicion[order])), len(order) - 1)
    hits = np.cumsum(wrong[order])[ends].astype(np.float64)
    misses = ends + 1 - hits
    caught, false = (np.diff(counts, prepend=0.0) for counts in (hits, misses))
    auroc = (false * (hits - caught / 2)).sum() / (hits[-1] * misses[-1])
    return float(auroc), float((caught * hits / (ends + 1)).sum() / hits[-1])
