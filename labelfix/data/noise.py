"""Label noise for experiments: transition matrices, and drawing noisy labels from them.

Rows of a matrix are true classes, columns given ones: T[c, j] = P(y' = j | y = c). NumPy only.

Legend: N rows, D features, K classes.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from labelfix.data.tables import Codes
from labelfix.errors import SettingsError

Matrix = npt.NDArray[np.float64]

KINDS = ("unif", "flip", "flip-u")
"""Noise that needs to know nothing but the number of classes."""


def transition_matrix(kind: str, num_classes: int, rate: float) -> Matrix:
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


def uniform(num_classes: int, rate: float) -> Matrix:
    """UNIF(ρ): with probability ρ the label is drawn anew from all K classes, its own among them.

    So ρ·(1 − 1/K) of the labels are wrong.
    """
    _check(num_classes, rate)
    return np.asarray((1 - rate) * np.eye(num_classes) + rate / num_classes, dtype=np.float64)


def flip(num_classes: int, rate: float) -> Matrix:
    """FLIP(ρ): with probability ρ the label becomes one fixed other class, `flip_map`."""
    _check(num_classes, rate)
    return _onto(flip_map(num_classes), rate)


def flip_uniform(num_classes: int, rate: float) -> Matrix:
    """FLIP-U(ρ): with probability ρ the label becomes one of the other K − 1 classes, all equally likely."""
    _check(num_classes, rate)
    eye = np.eye(num_classes)
    return np.asarray((1 - rate) * eye + rate / (num_classes - 1) * (1 - eye), dtype=np.float64)


def nearest_class(features: npt.NDArray[np.floating], truth: Codes, num_classes: int, rate: float) -> Matrix:
    """With probability ρ the label becomes the class whose mean feature is nearest to that of the true class.

    Args:
        features: `(N, D)`.
        truth: `(N,)` true classes; every class occurs.
        num_classes: K.
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


def given_matrix(rows: npt.ArrayLike, num_classes: int) -> Matrix:
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
            raise SettingsError(f"the noise matrix, row {row}: holds a number that is no probability")
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


def corrupt(truth: Codes, matrix: Matrix, generator: np.random.Generator) -> Codes:
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


def _onto(target: Codes, rate: float) -> Matrix:
    matrix = (1 - rate) * np.eye(len(target))
    matrix[np.arange(len(target)), target] += rate
    return np.asarray(matrix, dtype=np.float64)


def _check(num_classes: int, rate: float) -> None:
    if not 0 <= rate <= 1:
        raise SettingsError(f"noise rate = {rate:g} must be in [0, 1]")
    if num_classes < 2:
        raise SettingsError(f"noise needs at least two classes; there is {num_classes}")
