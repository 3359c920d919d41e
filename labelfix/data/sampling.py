"""How the trusted rows were drawn from the noisy ones: at random, or a fixed number of every class.

The test: if trusted rows were drawn at random, the given labels of those that stand in the noisy file are a random
sample of its given labels, however noisy these are. A chi-squared test compares the two distributions. It is
therefore a test of the null hypothesis "random"; per-class is assumed only where that is rejected.

Trusted rows that do not stand in the noisy file have no given labels to compare, and their true labels may differ
from given ones because of the noise alone. There, per-class is assumed only where their classes are also equally
frequent, as drawing the same number of every class makes them.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from labelfix.data.findings import Findings
from labelfix.data.tables import Codes, Sampling

LEVEL = 0.001
EQUAL_LEVEL = 0.05
SMALLEST_EXPECTED = 5.0


def find_sampling(
    asked: Sampling | None, noisy: Codes, paired: Codes, truth: Codes, num_classes: int, findings: Findings
) -> Sampling:
    """Decide how the trusted rows were drawn, and say so.

    Args:
        asked: What the user said; None to test.
        noisy: `(N,)` given labels of all noisy rows, -1 where there is none.
        paired: `(M,)` given labels of the trusted rows, -1 where a row has none.
        truth: `(M,)` trusted labels; compared in place of the given ones where too few rows are paired.
    """
    if asked is not None:
        findings.note(f"trusted rows drawn {_worded(asked)}, as --clean-sampling says")
        return asked
    known = paired[paired >= 0]
    by_given = len(known) >= 0.5 * len(truth)
    sample = np.bincount(known if by_given else truth[truth >= 0], minlength=num_classes)
    rest = np.bincount(noisy[noisy >= 0], minlength=num_classes) - (sample if by_given else 0)
    tested = chi_squared(sample, np.maximum(rest, 0))
    what = "given labels" if by_given else "labels"
    if tested is None:
        findings.note("trusted rows taken as drawn at random (too few to test; --clean-sampling says otherwise)")
        return "random"
    p = tested[2]
    differ = "differ from" if p < LEVEL else "agree with"
    chosen: Sampling = "per-class" if p < LEVEL and (by_given or _equal(sample)) else "random"
    if p < LEVEL and chosen == "random":
        what, differ = "labels", "are not equal, though they differ from"
    findings.note(
        f"trusted rows taken as drawn {_worded(chosen)}: the class shares of their {what} {differ} the noisy file's"
        f" (chance alone makes such a difference in {_percent(p)} of all draws; --clean-sampling says otherwise)"
    )
    return chosen


def chi_squared(sample: npt.NDArray[np.int64], rest: npt.NDArray[np.int64]) -> tuple[float, int, float] | None:
    """Test whether two lists of class counts have the same shares.

    Classes with an expected count below five in the smaller row are counted as one.

    Args:
        sample: `(K,)` counts among the trusted rows.
        rest: `(K,)` counts among the other rows.

    Returns:
        The statistic, its degrees of freedom and the p-value; None where less than two groups of classes remain.
    """
    total = sample.sum() + rest.sum()
    if sample.sum() == 0 or rest.sum() == 0:
        return None
    share = min(sample.sum(), rest.sum()) / total
    both = np.stack([sample, rest]).astype(float)
    rare = both.sum(axis=0) * share < SMALLEST_EXPECTED
    grouped = np.concatenate([both[:, ~rare], both[:, rare].sum(axis=1, keepdims=True)], axis=1)
    grouped = grouped[:, grouped.sum(axis=0) * share >= SMALLEST_EXPECTED]
    if grouped.shape[1] < 2:
        return None
    expected = grouped.sum(axis=1, keepdims=True) * grouped.sum(axis=0, keepdims=True) / grouped.sum()
    statistic = float(((grouped - expected) ** 2 / expected).sum())
    freedom = grouped.shape[1] - 1

    return statistic, freedom, tail_of_chi_squared(statistic, freedom)


def tail_of_chi_squared(statistic: float, freedom: int) -> float:
    """The chance of a statistic at least as large: a sum of as many terms as half the degrees of freedom.

    Source: Abramowitz and Stegun, "Handbook of Mathematical Functions", 1964, 26.4.4 and 26.4.5.

    Args:
        statistic: At least 0.
        freedom: Degrees of freedom, at least 1.
    """
    half = statistic / 2
    if half <= 0:
        return 1.0
    odd = freedom % 2
    powers = np.arange(freedom // 2) + odd / 2
    terms = [math.exp(power * math.log(half) - half - math.lgamma(power + 1)) for power in powers]
    return min(math.fsum(terms) + (math.erfc(math.sqrt(half)) if odd else 0.0), 1.0)


def _equal(counts: npt.NDArray[np.int64]) -> bool:
    """Whether the classes are about equally frequent: a chi-squared test does not tell them from equal shares."""
    expected = counts.sum() / len(counts)
    statistic = float(((counts - expected) ** 2 / max(expected, 1e-12)).sum())
    return tail_of_chi_squared(statistic, len(counts) - 1) > EQUAL_LEVEL


def _percent(p: float) -> str:
    return "less than 0.1 %" if p < 0.001 else f"{100 * p:.2g} %" if p < 0.995 else "nearly 100 %"


def _worded(sampling: Sampling) -> str:
    return "at random" if sampling == "random" else "per class"
