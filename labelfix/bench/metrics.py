"""What a run's row says of corrected labels, of the classifier and of what it was made with.

Legend: N noisy rows, K classes.
"""

from __future__ import annotations

import importlib.metadata
import json
import platform
import time
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch

from labelfix.bench.protocol import Cut
from labelfix.correctors.contract import FittedModel, Problem
from labelfix.data.tables import Codes, Probabilities
from labelfix.models.classifier import Classifier
from labelfix.models.features import Inputs
from labelfix.networks.loop import network_outputs
from labelfix.numerics.truth_metrics import detection, expected_calibration_error
from labelfix.runs.files import jsonable

ECE_BINS = 20
"""Equal bins of [0, 1] in which P(given label) is counted."""

MOST_CLASSES = 100
"""Above this many classes a row carries no confusion matrix."""

LIBRARIES = ("labelfix", "torch", "numpy", "scipy", "scikit-learn", "pyarrow", "transformers", "timm", "cleanlab")


class OnTest:
    """The classifier on the test rows: after every epoch for the history, and at the end.

    What it takes is kept apart: it is no part of the method.
    """

    def __init__(self, inputs: Inputs, rows: Codes, truth: Codes, device: torch.device) -> None:
        self.inputs, self.rows, self.truth, self.device = inputs, rows, truth, device
        self.seconds = self.cpu_seconds = 0.0

    def __call__(self, classifier: Classifier) -> dict[str, float]:
        started, worked = time.perf_counter(), time.process_time()
        share = self.share_right(classifier)
        self.seconds += time.perf_counter() - started
        self.cpu_seconds += time.process_time() - worked
        return {} if share is None else {"test_right": share}

    def share_right(self, classifier: Classifier) -> float | None:
        """The share of test rows that it tells right; None without test rows."""
        if not len(self.rows):
            return None
        logits, _ = network_outputs(classifier, self.inputs, self.rows, self.device)
        return float((logits.argmax(axis=1) == self.truth).mean())


def label_figures(fitted: FittedModel, problem: Problem, part: Cut, min_confidence: float) -> dict[str, Any]:
    """How good corrected labels and scores are on the noisy rows.

    Args:
        min_confidence: The threshold of `corrected_sure_right`.

    Returns:
        Shares in [0, 1]; None where there is nothing to share; `confusion` is K × K in rows, true classes by
        corrected ones.
    """
    given, truth = problem.given, part.noisy_truth
    soft, score = _judged(fitted, problem)
    suggested, confidence = soft.argmax(axis=1), soft.max(axis=1)
    right, wrong = suggested == truth, given != truth

    def right_from(threshold: float) -> float:
        return float((np.where(confidence >= threshold, suggested, given) == truth).mean())

    auroc, precision = detection(1 - score, wrong)
    likelihood = soft[np.arange(len(truth)), truth].astype(np.float64)
    return {
        "given_right": float((~wrong).mean()),
        "auroc": auroc,
        "average_precision": precision,
        "corrected_right": float(right.mean()),
        "corrected_sure_right": right_from(min_confidence),
        "chosen_confidence": fitted.min_confidence,
        "corrected_chosen_right": right_from(fitted.min_confidence),
        "corrected_right_on_wrong": _share(right[wrong]),
        "corrected_right_on_right": _share(right[~wrong]),
        "ece": expected_calibration_error(soft, truth),
        "nll": float(-np.log(np.maximum(likelihood, 1e-12)).mean()),
        "confusion": _confusion(truth, suggested, problem.num_classes),
        "given_share_right": _counts(score[~wrong]),
        "given_share_wrong": _counts(score[wrong]),
    }


def test_figures(fitted: FittedModel, on_test: OnTest) -> dict[str, float | None]:
    """The final classifier on the test rows, and the best epoch's; the same for a method without epochs."""
    final = on_test.share_right(fitted.classifier)
    seen = fitted.history["test_right"].to_pylist() if "test_right" in fitted.history.column_names else []
    # NaN stands in rows of history between epochs.
    epochs = [value for value in seen if value is not None and value == value]
    return {"test_right": final, "test_best": None if final is None else max([final, *epochs])}


def history_json(history: pa.Table) -> str:
    """A method's history as a list of objects; what is not a finite number is null."""
    return json.dumps(jsonable(history.to_pylist()), allow_nan=False)


def versions_json() -> str:
    """What a run was made with."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return json.dumps(found)


def device_name(device: torch.device) -> str:
    """`cpu`, or what the GPU is called."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def _judged(fitted: FittedModel, problem: Problem) -> tuple[Probabilities, npt.NDArray[np.float32]]:
    """Soft labels `(N, K)` and label scores `(N,)` of the noisy rows."""
    every = np.arange(len(problem.given), dtype=np.int64)
    if fitted.own_rows is not None:
        soft, score = fitted.own_rows.soft[:], fitted.own_rows.label_score
        return soft, soft[every, problem.given] if score is None else score
    logits, hidden = network_outputs(fitted.classifier, problem.noisy, every, problem.device)
    soft = fitted.corrector.soft_labels(logits, hidden, problem.given, problem.opinions)
    return soft, soft[every, problem.given]


def _share(hits: npt.NDArray[np.bool_]) -> float | None:
    return float(hits.mean()) if len(hits) else None


def _confusion(truth: Codes, suggested: Codes, num_classes: int) -> list[int] | None:
    if num_classes > MOST_CLASSES:
        return None
    counts: list[int] = np.bincount(truth * num_classes + suggested, minlength=num_classes**2).tolist()
    return counts


def _counts(score: npt.NDArray[np.floating]) -> list[int]:
    counts: list[int] = np.histogram(score, bins=ECE_BINS, range=(0.0, 1.0))[0].tolist()
    return counts
