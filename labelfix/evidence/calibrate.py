"""Soft labels are calibrated on trusted rows that no part of them has seen.

No scaling, one temperature, or one slope and shift a class: whichever makes the trusted labels likelier in
cross-validation, by more than its standard error. All figures are nested: a row is scaled by what the rows of other
folds chose. Without pairs nothing is scaled: the given labels that such rows could have had come from the very matrix
that made the soft labels, and what it gets wrong would be fitted along.

Source: Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", ICML 2017.

Legend: R held rows, Q questions (see `evidence.judges_answers`), K classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import softmax

from labelfix.correctors.calibrated import CalibratedCorrector, Scale, scaled
from labelfix.correctors.contract import FittedModel, OwnRows, Problem
from labelfix.correctors.made import MadeSoft
from labelfix.data.arrays import Floats
from labelfix.data.tables import UNLABELLED, Codes, Probabilities
from labelfix.evidence.judges_answers import MIN_PAIRS, Donors, JudgesAnswers, ask, blocks_of, sample, transition_of
from labelfix.heads.class_ratio import class_ratio, row_weights
from labelfix.heads.fit_scale import Kind, fit_scale, kinds_for
from labelfix.heads.folds import cut_folds
from labelfix.heads.stages import judging_stage
from labelfix.networks.loop import network_outputs
from labelfix.numerics.threshold import choose_threshold

CALIBRATION_BINS = 15
"""Bins of equal width, as Guo et al. (ICML 2017) have them, so that errors compare with published ones."""

GROUPS = 5
"""Folds of cross-validation where one model judges all held rows."""

ENOUGH = 50
"""With fewer held rows than this nothing is scaled: it would be noise."""

ENOUGH_WRONG = 10
"""Nor where fewer of their soft labels are wrong: rows that are all right would make probabilities ever surer."""


@dataclass(frozen=True)
class Calibrated:
    """A fitted model whose soft labels were calibrated, and what that rests on.

    Attributes:
        asked: What its judging models say, not scaled.
        log_soft: `(Q, K)` log soft labels, nested.
        corrected: `(Q,)` corrected labels, scale and threshold nested.
        nll_before: Mean negative log-likelihood of the trusted labels without scaling.
    """

    fitted: FittedModel
    asked: JudgesAnswers
    kind: Kind
    log_soft: Floats
    corrected: Codes
    nll_before: float

    def figures(self) -> dict[str, Any]:
        """Plain values for `metrics.json`: of the soft labels, and of the classifier alone."""
        asked = self.asked
        soft = curve(self.log_soft, asked.answer, asked.weight, len(asked.truth))
        of_classifier = curve(asked.log_f, asked.truth, np.ones(len(asked.truth)), len(asked.truth))
        return {
            "soft_labels": {"chosen": self.kind, **soft, "nll_before": self.nll_before},
            "classifier": {"chosen": "temperature", **of_classifier},
        }


def calibrate(problem: Problem, fitted: FittedModel) -> Calibrated | None:
    """Calibrate a fitted model's soft labels, and choose its threshold again where pairs allow it.

    Returns:
        None where the model has no judges of trusted rows, or no held row.
    """
    held = fitted.held
    if held is None or not len(held.rows):
        return None

    def transition() -> dict[str, np.ndarray]:
        if (problem.paired_given[held.rows] != UNLABELLED).sum() >= MIN_PAIRS:
            return {"transition": np.zeros((0, 0))}  # nobody asks for it
        rows = sample(problem)
        soft = soft_labels_of(problem, fitted, rows)
        found = {"transition": transition_of(soft, problem.given[rows])}
        return found if problem.opinions is None else {**found, "rows": rows, "soft": soft}

    kept = judging_stage(problem.checkpoints, "judged-transition", transition)
    donors = Donors(kept["rows"], kept["soft"]) if "rows" in kept else None
    asked = ask(problem, held, kept["transition"], donors=donors)
    counts = row_weights(asked.truth, class_ratio(problem))
    asked = replace(asked, weight=asked.weight * counts[asked.row])
    several = len(held.models) > 1
    group = (asked.by if several else cut_folds(asked.truth, problem.seed, GROUPS).of)[asked.row]
    already = isinstance(fitted.corrector, CalibratedCorrector)
    kinds = () if already else kinds_for(asked.answer, problem.given)
    kind, log_soft = _chosen(asked, group, kinds)
    scale = fit_scale(kind, asked.log_soft, asked.answer, asked.weight)
    threshold, corrected = _thresholds(asked, np.exp(log_soft), group, fitted.min_confidence)
    if kind != "none":
        fitted = _scaled(fitted, scale)
    before = float(-np.average(_likelihood(asked.log_soft, asked.answer), weights=asked.weight))
    return Calibrated(replace(fitted, min_confidence=threshold), asked, kind, log_soft, corrected, before)


def scaled_as(fitted: FittedModel, other: FittedModel) -> FittedModel:
    """A model with its soft labels scaled as those of another one were.

    Args:
        fitted: The model; where its method has scaled them itself, as it did the other's, it stays as it is.
        other: What `calibrate` made of the other.
    """
    own, corrector = isinstance(fitted.corrector, CalibratedCorrector), other.corrector
    return _scaled(fitted, corrector.scale) if isinstance(corrector, CalibratedCorrector) and not own else fitted


def _scaled(fitted: FittedModel, scale: Scale) -> FittedModel:
    own = fitted.own_rows
    if own is not None:
        change = partial(scaled, scale)
        soft = own.soft.then(change) if isinstance(own.soft, MadeSoft) else change(own.soft[:])
        own = OwnRows(soft, None, own.how)
    return replace(fitted, corrector=CalibratedCorrector(fitted.corrector, scale), own_rows=own)


def curve(log_p: Floats, truth: Codes, weights: npt.NDArray[np.float64], rows: int) -> dict[str, Any]:
    """The reliability curve with its expected calibration error, and the log-likelihood.

    Args:
        log_p: `(Q, K)` log-probabilities.
        weights: `(Q,)`.
    """
    p = softmax(log_p, axis=1)
    confidence, right = p.max(axis=1), p.argmax(axis=1) == truth
    place = np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    bins = []
    for b in np.unique(place):
        here = place == b
        weight = float(weights[here].sum())
        if weight > 0:
            sure, share = (float(np.average(values[here], weights=weights[here])) for values in (confidence, right))
            bins.append(
                {
                    "low": b / CALIBRATION_BINS,
                    "high": (b + 1) / CALIBRATION_BINS,
                    "rows": weight,
                    "confidence": sure,
                    "right": share,
                }
            )
    gaps = sum(each["rows"] * abs(each["confidence"] - each["right"]) for each in bins)
    nll = float(-np.average(_likelihood(log_p, truth), weights=weights))
    return {"rows": rows, "ece": gaps / max(float(weights.sum()), 1e-12), "nll": nll, "reliability": bins}


def _likelihood(log_p: Floats, truth: Codes) -> Floats:
    return np.asarray(log_p[np.arange(len(truth)), truth])


def _chosen(asked: JudgesAnswers, group: Codes, kinds: Sequence[Kind]) -> tuple[Kind, Floats]:
    """Which of some scalings suits the held rows best, `none` where none does, and the nested log soft labels."""
    best: tuple[Kind, Floats] = ("none", asked.log_soft)
    wrong = float(asked.weight[asked.log_soft.argmax(axis=1) != asked.answer].sum())
    if not asked.paired or len(asked.truth) < ENOUGH or wrong < ENOUGH_WRONG:
        return best
    plain = _likelihood(asked.log_soft, asked.answer)
    most = 0.0
    for kind in kinds:
        nested = np.empty_like(asked.log_soft)
        for number in np.unique(group):
            others, own = group != number, group == number
            scale = fit_scale(kind, asked.log_soft[others], asked.answer[others], asked.weight[others])
            nested[own] = scale(asked.log_soft[own])
        gain = np.bincount(asked.row, asked.weight * (_likelihood(nested, asked.answer) - plain), len(asked.truth))
        gain = gain[np.unique(asked.row)]
        if gain.mean() > max(most, gain.std(ddof=1) / np.sqrt(len(gain))):
            best, most = (kind, nested), float(gain.mean())
    return best


def _thresholds(asked: JudgesAnswers, soft: Floats, group: Codes, usual: float) -> tuple[float, Codes]:
    """The threshold, and `(Q,)` corrected labels, each by the threshold that rows of other folds chose."""
    suggested, confidence = soft.argmax(axis=1), soft.max(axis=1)
    threshold = np.full(len(soft), usual)
    chosen = usual
    trusted = len(asked.truth)
    if asked.paired:
        chosen = choose_threshold(trusted, soft, asked.label, asked.answer, asked.weight)
        for number in np.unique(group):
            other = group != number
            threshold[~other] = choose_threshold(
                trusted, soft[other], asked.label[other], asked.answer[other], asked.weight[other]
            )
    corrected = np.where((confidence >= threshold) & (asked.label != UNLABELLED), suggested, asked.label)
    return chosen, corrected.astype(np.int64)


def soft_labels_of(problem: Problem, fitted: FittedModel, rows: Codes) -> Probabilities:
    """`(n, K)` soft labels of some noisy rows by the classifier and the corrector, a block at a time."""
    soft = np.empty((len(rows), problem.num_classes), dtype=np.float32)
    first = 0
    for some in blocks_of(rows, problem):
        said = network_outputs(fitted.classifier, problem.noisy, some, problem.device)
        own = problem.given[some], problem.opinions_of(some)
        soft[first : first + len(some)] = fitted.corrector.soft_labels(*said, *own)
        first += len(some)
    return soft
