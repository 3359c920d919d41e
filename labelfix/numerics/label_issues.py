"""Confident learning: which given labels are likely wrong, by a model that has not learned them.

A row counts as surely of a class where the model gives the class at least the mean of what it gives the rows that are
called so. What is surely one class and called another is counted, the counts are scaled to how many rows have each
given label, and as many rows of each pair of classes are flagged: those where the model prefers the other class most.

Source: Northcutt, Jiang and Chuang, "Confident Learning", JAIR 2021, with `prune by noise rate`, which is the default
of cleanlab's `find_label_issues`; its rows are flagged here without its imports, which take longer than the flags.

Legend: N rows, K classes.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from labelfix.data.tables import Codes

Flags = npt.NDArray[np.bool_]

ALIKE = 1e-6
"""Probabilities that differ by less are equal."""


def flagged(given: Codes, probabilities: npt.NDArray[np.floating]) -> Flags:
    """`(N,)` whether a given label is likely wrong.

    Args:
        given: `(N,)` given labels.
        probabilities: `(N, K)` P(y' | x) by models that have not learned the row's given label.
    """
    counts = _calibrated(_sure(given, probabilities), np.bincount(given, minlength=probabilities.shape[1]))
    found = np.zeros(len(given), dtype=bool)
    order = np.argsort(given, kind="stable")
    ends = np.cumsum(np.bincount(given, minlength=len(counts)))
    for label in np.flatnonzero(counts.sum(axis=1) - counts.diagonal()):
        rows = order[ends[label - 1] if label else 0 : ends[label]]
        if len(rows) < 2:
            continue
        own = probabilities[rows, label]
        for other in np.flatnonzero(counts[label]):
            if other != label:
                worst = np.argsort(own - probabilities[rows, other], kind="stable")
                found[rows[worst[: counts[label, other]]]] = True
    own = probabilities[np.arange(len(given)), given]
    return np.asarray(found & (own + ALIKE < probabilities.max(axis=1)))


def _sure(given: Codes, probabilities: npt.NDArray[np.floating]) -> npt.NDArray[np.int64]:
    """`(K, K)` how many rows are called the one (rows) and surely the other class; at least one right one each."""
    classes = probabilities.shape[1]
    own = np.bincount(given, probabilities[np.arange(len(given)), given], classes)
    sizes = np.bincount(given, minlength=classes)
    usual = np.where(sizes > 0, own / np.maximum(sizes, 1), np.inf)
    sure = probabilities >= usual - ALIKE
    several = sure.sum(axis=1)
    guess = np.where(several > 1, probabilities.argmax(axis=1), sure.argmax(axis=1))
    counted = np.bincount(given[several > 0] * classes + guess[several > 0], minlength=classes**2)
    counts = counted.reshape(classes, classes)
    np.fill_diagonal(counts, np.maximum(counts.diagonal(), 1))
    return np.asarray(counts)


def _calibrated(counts: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Counts of whole rows whose sums are the number of rows with each given label; at least one right one each."""
    wanted = counts / counts.sum(axis=1, keepdims=True) * sizes[:, None]
    whole = np.round(wanted)
    for row, (parts, own) in enumerate(zip(wanted, whole, strict=True)):
        missing = int(sizes[row] - own.sum())
        if missing:
            order = np.argsort(parts - own, kind="stable")
            own[order[-missing:] if missing > 0 else order[:-missing]] += np.sign(missing)
        if own[row] < 1:
            wrong = np.flatnonzero(own)
            own[wrong] = np.maximum(own[wrong] - (1 - own[row]) / max(len(wrong), 1), 0).round()
            own[row] = 1
    return np.asarray(whole, dtype=np.int64)
