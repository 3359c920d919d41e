"""How the trusted rows were drawn from the noisy ones: at random, so many of every true class, or of every given label.

The test: if trusted rows were drawn at random, the given labels of those that stand in the noisy file are a random
sample of its given labels, however noisy these are (`labels.same_shares`). It is therefore a test of the null
hypothesis "random"; anything else is assumed only where that is rejected.

The same number of rows of each class, where chance hardly makes them so equal, was drawn per class, and of each given
label per label.

Else rows of each true class were drawn, or of each given label (whoever reviews all rows labelled "fraud" and some of
the others). Of the first, the noisy file's given labels have to be a mixture of those of the classes, q = π T. Where no
shares π make them so, or where one given label or the same number of each was drawn and not of each class, it is the
second.

Trusted rows that do not stand in the noisy file have no given labels to compare, and their true labels may differ
from given ones because of the noise alone. There, per-class is assumed only where their classes are also equally
frequent, as drawing the same number of every class makes them.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from labelfix.data.arrays import Counts
from labelfix.data.findings import Findings
from labelfix.data.labels.noise_rate import pair_counts
from labelfix.data.labels.same_shares import SMALLEST_EXPECTED, same_shares, tail_of_chi_squared
from labelfix.data.tables import Codes, Sampling

LEVEL = 0.001
EQUAL_LEVEL = 0.05

MOST_CLASSES = 128
"""With more classes equal numbers alone tell a draw per given label from one per class: pairs of each are few."""

STEPS, SETTLED = 2_000, 1e-5
"""Of EM, and the gain in log-likelihood below which it has settled: a draw is told by 5 and more."""


def find_sampling(
    asked: Sampling | None,
    noisy: Codes,
    paired: Codes,
    truth: Codes,
    files: npt.NDArray[np.integer],
    num_classes: int,
    findings: Findings,
) -> Sampling:
    """Decide how the trusted rows were drawn, and say so.

    Args:
        noisy: `(N,)` given labels of all noisy rows, -1 where there is none.
        paired: `(M,)` given labels of the trusted rows, -1 where a row has none.
        truth: `(M,)` trusted labels; compared in place of the given ones where too few rows are paired.
        files: `(M,)` the file of each. Where all together are no random draw each may have been drawn in its own way:
            of a draw per given label and a random one each given label's rows are random.
    """
    if asked is not None:
        findings.note(f"trusted rows drawn {worded(asked)}, as --clean-sampling says")
        return asked
    chosen, why = _draw(noisy, paired, truth, num_classes)
    if chosen != "random":
        each = {_draw(noisy, paired[files == file], truth[files == file], num_classes)[0] for file in np.unique(files)}
        chosen = "per-label" if each <= {"random", "per-label"} and "per-label" in each else chosen
    findings.note(f"trusted rows taken as drawn {worded(chosen)} ({why}; --clean-sampling says otherwise)")
    return chosen


def _draw(noisy: Codes, paired: Codes, truth: Codes, num_classes: int) -> tuple[Sampling, str]:
    """How rows were drawn, and what that rests on, for a person; arguments as for `find_sampling`."""
    known = paired[paired >= 0]
    by_given = len(known) >= 0.5 * len(truth)
    sample = np.bincount(known if by_given else truth[truth >= 0], minlength=num_classes)
    rest = np.bincount(noisy[noisy >= 0], minlength=num_classes) - (sample if by_given else 0)
    by_number: tuple[tuple[Sampling, Codes, str], ...] = (
        ("per-class", truth, "classes"),
        ("per-label", known, "given labels"),
    )
    for drawn, codes, each in by_number:
        numbers = np.bincount(codes[codes >= 0], minlength=num_classes)
        if (chance := chance_of_equal(numbers)) < LEVEL:
            equal = f"exactly {numbers.max()} rows of each of {(numbers == numbers.max()).sum()} {each}"
            return drawn, f"{equal}: chance alone makes that in {_percent(chance)} of all draws"
    p = same_shares(sample, np.maximum(rest, 0))
    what = "given labels" if by_given else "labels"
    if p is None:
        return "random", "too few to test"
    differ = "differ from" if p < LEVEL else "agree with"
    chosen: Sampling = "per-class" if p < LEVEL and (by_given or _equal(sample)) else "random"
    if p < LEVEL and chosen == "random":
        what, differ = "labels", "are not equal, though they differ from"
    if chosen == "per-class" and by_given and _drawn_by_label(truth[paired >= 0], known, np.maximum(rest, 0)):
        chosen = "per-label"
    shares = f"the class shares of their {what} {differ} the noisy file's"
    return chosen, f"{shares}: chance alone makes such a difference in {_percent(p)} of all draws"


def _drawn_by_label(truth: Codes, given: Codes, rest: npt.NDArray[np.int64]) -> bool:
    """Whether rows were drawn by their given label and not by their true class.

    Args:
        truth: `(P,)` of the pairs.
        rest: `(K,)` given labels of the noisy rows that are no pairs.
    """
    size = len(rest)
    counts = pair_counts(truth, given, size)
    if (counts.sum(axis=0) > 0).sum() == 1 < (counts.sum(axis=1) > 0).sum():
        return True
    of_class, of_label = _same_number(counts.sum(axis=1)), _same_number(counts.sum(axis=0))
    if of_class or of_label:
        return not of_class
    return size <= MOST_CLASSES and explained_by_classes(counts, rest) < LEVEL


def chance_of_equal(counts: Counts) -> float:
    """At most how often a random draw has the same number of rows of so many classes, and fewer of all others.

    Whatever the shares, m rows of each of k classes are no likelier than where all k are alike, (km)! / (m!)^k k^(−km);
    any k of the K classes may be the ones.

    Args:
        counts: `(K,)` trusted rows by class.
    """
    most = int(counts.max(initial=0))
    same = int((counts == most).sum())
    if most == 0 or same < 2:
        return 1.0
    classes, rows = len(counts), same * most
    ways = math.lgamma(classes + 1) - math.lgamma(same + 1) - math.lgamma(classes - same + 1)
    return math.exp(min(0.0, ways + math.lgamma(rows + 1) - same * math.lgamma(most + 1) - rows * math.log(same)))


def _same_number(counts: npt.NDArray[np.int64]) -> bool:
    """Whether two classes or more were drawn, each as often as any other, or one time less."""
    drawn = counts[counts > 0]
    return len(drawn) > 1 and bool(drawn.min() >= SMALLEST_EXPECTED and np.ptp(drawn) <= 1)


def explained_by_classes(pairs: npt.NDArray[np.int64], given: npt.NDArray[np.int64]) -> float:
    """The p-value of "the noisy file's given labels are a mixture of those of the classes", q = π T.

    Twice what the likeliest T and π together lack in log-likelihood of pairs and q by themselves, as chi-squared with
    K − 1 degrees of freedom.

    Args:
        pairs: `(K, K)` by true class and given label; of a class without pairs every label may come.
        given: `(K,)` noisy rows that are no pairs, by given label.
    """
    told = pairs + 0.0
    matrix = (told + 0.5 / len(told)) / (told + 0.5 / len(told)).sum(axis=1, keepdims=True)
    shares, best = np.full(len(told), 1 / len(told)), -math.inf
    for _ in range(STEPS):
        mixed = np.maximum(shares @ matrix, 1e-300)
        fit = _likelihood(told, matrix) + _likelihood(given, mixed)
        if fit - best < SETTLED:
            break
        best = fit
        whose = shares[:, None] * matrix * (given / mixed)
        shares = whose.sum(axis=1) / max(float(given.sum()), 1.0)
        matrix = (told + whose) / np.maximum((told + whose).sum(axis=1, keepdims=True), 1e-300)
    alone = told / np.maximum(told.sum(axis=1, keepdims=True), 1)
    free = _likelihood(told, alone) + _likelihood(given, given / max(float(given.sum()), 1.0))
    return tail_of_chi_squared(2 * (free - best), len(told) - 1)


def _likelihood(counts: npt.NDArray[np.number], chances: npt.NDArray[np.floating]) -> float:
    some = counts > 0
    return float((counts[some] * np.log(np.maximum(chances[some], 1e-300))).sum())


def _equal(counts: npt.NDArray[np.int64]) -> bool:
    """Whether the classes are about equally frequent: a chi-squared test does not tell them from equal shares."""
    expected = counts.sum() / len(counts)
    statistic = float(((counts - expected) ** 2 / max(expected, 1e-12)).sum())
    return tail_of_chi_squared(statistic, len(counts) - 1) > EQUAL_LEVEL


def _percent(p: float) -> str:
    return "less than 0.1 %" if p < 0.001 else f"{100 * p:.2g} %" if p < 0.995 else "nearly 100 %"


def worded(sampling: Sampling) -> str:
    """How rows were drawn, for people."""
    return {"random": "at random", "per-class": "per class", "per-label": "per given label"}[sampling]
