"""Label noise for experiments: transition matrices, drawing noisy labels from them, and noise that depends on the row.

Rows of a matrix are true classes, columns given ones: T[c, j] = P(y' = j | y = c).

Legend: N rows, D features, K classes.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from labelfix.data.arrays import Floats
from labelfix.data.tables import UNLABELLED, Codes
from labelfix.errors import SettingsError
from labelfix.extras import need

KINDS = ("unif", "flip", "flip-u")
"""Noise that needs to know nothing but the number of classes."""

NEAREST, BY_ROW = "nearest-class", "instance-dependent"
FEATURE_KINDS = (NEAREST, BY_ROW)
"""Noise that needs features of the rows."""

RATE_SPREAD = 0.1
"""Standard deviation of the rows' own rates under instance-dependent noise, before they are cut off."""

SCORE_SPREAD = 2.0
"""Standard deviation of a class's score over the draws of its projection, for a row of typical norm."""


def transition_matrix(kind: str, num_classes: int, rate: float) -> Floats:
    """The matrix of a kind of noise by its name.

    Args:
        kind: One of `KINDS`.
        num_classes: K, at least 2.
        rate: ρ in [0, 1].

    Raises:
        SettingsError: An unknown kind, a rate outside [0, 1], or fewer than two classes.
    """
    if kind not in KINDS:
        raise SettingsError(f"noise kind = {kind!r} is not one of {', '.join(KINDS)}")
    return {"unif": uniform, "flip": flip, "flip-u": flip_uniform}[kind](num_classes, rate)


def uniform(num_classes: int, rate: float) -> Floats:
    """UNIF(ρ): with probability ρ the label is drawn anew from all K classes, its own among them.

    So ρ·(1 − 1/K) of the labels are wrong.
    """
    _check(num_classes, rate)
    return np.asarray((1 - rate) * np.eye(num_classes) + rate / num_classes, dtype=np.float64)


def flip(num_classes: int, rate: float) -> Floats:
    """FLIP(ρ): with probability ρ the label becomes one fixed other class, `flip_map`."""
    _check(num_classes, rate)
    return _onto(flip_map(num_classes), rate)


def flip_uniform(num_classes: int, rate: float) -> Floats:
    """FLIP-U(ρ): with probability ρ the label becomes one of the other K − 1 classes, all equally likely."""
    _check(num_classes, rate)
    eye = np.eye(num_classes)
    return np.asarray((1 - rate) * eye + rate / (num_classes - 1) * (1 - eye), dtype=np.float64)


def nearest_class(features: npt.NDArray[np.floating], truth: Codes, num_classes: int, rate: float) -> Floats:
    """With probability ρ the label becomes the class whose mean feature is nearest to that of the true class.

    Args:
        features: `(N, D)`.
        truth: `(N,)` true classes; every class occurs.
        rate: ρ in [0, 1].

    Raises:
        SettingsError: A class without rows, a rate outside [0, 1], or fewer than two classes.
    """
    _check(num_classes, rate)
    empty = np.flatnonzero(np.bincount(truth, minlength=num_classes) == 0)
    if len(empty):
        raise SettingsError(f"noise kind = 'nearest-class' needs rows of every class; class {empty[0]} has none")
    means = np.stack([features[truth == c].mean(axis=0, dtype=np.float64) for c in range(num_classes)])
    distance = ((means[:, None] - means[None]) ** 2).sum(axis=-1)
    np.fill_diagonal(distance, np.inf)
    return _onto(distance.argmin(axis=1).astype(np.int64), rate)


def given_matrix(rows: npt.ArrayLike, num_classes: int) -> Floats:
    """A matrix that somebody wrote down, checked.

    Raises:
        SettingsError: It is not K × K, an entry is not a probability, or a row does not sum to 1 (within 1e-6).
    """
    try:
        matrix = np.array(rows, dtype=np.float64)
    except ValueError:
        raise SettingsError("the noise matrix: every row needs the same count of numbers") from None
    if matrix.shape != (num_classes, num_classes):
        shape = " × ".join(map(str, matrix.shape))
        raise SettingsError(f"the noise matrix is {shape}; for {num_classes} classes it must be square of that size")
    for row, values in enumerate(matrix, start=1):
        if not (np.isfinite(values).all() and (values >= 0).all()):
            raise SettingsError(f"the noise matrix, row {row}: holds a number that is not a probability")
        if abs(values.sum() - 1) > 1e-6:
            raise SettingsError(f"the noise matrix, row {row}: sums to {values.sum():g}, not to 1")
    return np.asarray(matrix / matrix.sum(axis=1, keepdims=True))


def flip_map(num_classes: int) -> Codes:
    """FLIP's other class of each class: always the same one, as in the code of MLC, Meta-Weight-Net and GLC.

    Drawn by NumPy's legacy generator with seed 1, class by class, from the K − 1 others. Two classes may share a
    target.
    """
    generator = np.random.RandomState(1)
    classes = np.arange(num_classes)
    return np.array([generator.choice(classes[classes != c]) for c in range(num_classes)], dtype=np.int64)


def corrupt(truth: Codes, matrix: Floats, generator: np.random.Generator) -> Codes:
    """Draw a given label for every row; rows without a label (-1) keep having none.

    Args:
        truth: `(N,)` true classes.
        matrix: `(K, K)` T.
        generator: One uniform number a row is drawn from it, labelled or not.

    Returns:
        `(N,)` given labels.
    """
    draw = generator.random(len(truth))
    edges = matrix.cumsum(axis=1)
    given = truth.copy()
    for c in range(len(matrix)):
        rows = truth == c
        # Rounding may leave the last edge just below 1.
        given[rows] = np.minimum(np.searchsorted(edges[c], draw[rows]), len(matrix) - 1)
    return given


def draw_noise(
    kind: str,
    truth: Codes,
    num_classes: int,
    rate: float,
    generator: np.random.Generator,
    features: npt.NDArray[np.floating] | None = None,
) -> Codes:
    """Draw a given label for every row, by the name of the kind of noise; rows without a label (-1) keep having none.

    Args:
        kind: One of `KINDS` and `FEATURE_KINDS`.
        truth: `(N,)` true classes.
        rate: ρ in [0, 1].
        features: `(N, D)`, for one of `FEATURE_KINDS`.

    Returns:
        `(N,)` given labels.
    """
    if kind not in FEATURE_KINDS:
        return corrupt(truth, transition_matrix(kind, num_classes, rate), generator)
    assert features is not None
    if kind == BY_ROW:
        return instance_dependent(features, truth, num_classes, rate, generator)
    labelled = truth != UNLABELLED
    return corrupt(truth, nearest_class(features[labelled], truth[labelled], num_classes, rate), generator)


def instance_dependent(
    features: npt.NDArray[np.floating], truth: Codes, num_classes: int, rate: float, generator: np.random.Generator
) -> Codes:
    """Wrong labels that depend on the row: each has a rate of its own, and its features say which label it gets.

        q_i ~ N(ρ, 0.1²), cut off below ρ − w and above ρ + w, where w = min(ρ, 1 − ρ)
        p_i = q_i · softmax(x_i W_y) over the classes other than y, and 1 − q_i for y itself; W_y ~ N(0, 1), D × K

    Differs from the paper in two points. There q is cut off at 0 and 1, which moves its mean away from ρ for rates
    near them; here the mean is ρ at any rate. There x is used as it is, so that softmax is close to one-hot for long
    vectors; here features are centred and scaled to a mean squared norm of `SCORE_SPREAD`², whatever D.

    Args:
        features: `(N, D)`, of rows without a label too.
        truth: `(N,)` true classes; -1 keeps having none.
        rate: ρ in [0, 1].
        generator: Two uniform numbers a row are drawn from it, labelled or not, then the K matrices W in turn.

    Returns:
        `(N,)` given labels.

    Source: Xiaobo Xia et al., "Part-dependent Label Noise: Towards Instance-dependent Label Noise", NeurIPS 2020,
    Algorithm 2.
    """
    _check(num_classes, rate)
    for_rate, for_label = generator.random((2, len(truth)))
    own_rate = _own_rates(rate, for_rate)
    centred = features - features.mean(axis=0, dtype=np.float64).astype(features.dtype)
    norm = np.sqrt(np.square(centred).sum(axis=1, dtype=np.float64).mean())
    scale = SCORE_SPREAD / norm if norm > 0 else 0.0
    given = truth.copy()
    for c in range(num_classes):
        projection = generator.standard_normal((features.shape[1], num_classes)) * scale
        rows = np.flatnonzero(truth == c)
        scores = centred[rows] @ projection
        scores[:, c] = -np.inf
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        shares *= (own_rate[rows] / shares.sum(axis=1))[:, None]
        shares[:, c] = 1 - own_rate[rows]
        # Rounding may leave the last edge just below 1.
        passed = (for_label[rows, None] >= shares.cumsum(axis=1)).sum(axis=1)
        given[rows] = np.minimum(passed, num_classes - 1)
    return given


def _own_rates(rate: float, draw: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Rates of rows from uniform numbers; see `instance_dependent`."""
    need("noise that depends on the row", "scipy")
    from scipy.special import ndtr, ndtri

    width = min(rate, 1 - rate)
    share = ndtr(width / RATE_SPREAD)
    drawn = rate + RATE_SPREAD * ndtri(1 - share + draw * (2 * share - 1))
    return np.asarray(np.clip(drawn, rate - width, rate + width), dtype=np.float64)


def _onto(target: Codes, rate: float) -> Floats:
    matrix = (1 - rate) * np.eye(len(target))
    matrix[np.arange(len(target)), target] += rate
    return np.asarray(matrix, dtype=np.float64)


def _check(num_classes: int, rate: float) -> None:
    if not 0 <= rate <= 1:
        raise SettingsError(f"noise rate = {rate:g} must be in [0, 1]")
    if num_classes < 2:
        raise SettingsError(f"noise needs at least two classes; there is {num_classes}")
