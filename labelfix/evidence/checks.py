"""Side checks: repeated rows with different labels, and rows unlike any trusted one.

A row repeats another where both hold the same, or, on fixed features of texts, images or embeddings, nearly the same
(cosine of at least `NEAR`). The features of a network that was trained on the rows bring all rows of a class close
together, and a few columns of a table point the same way for rows that have nothing to do with each other. Which of
them is named as the original follows the file; how many there are does not depend on the order of rows. How unlike a
row is to the trusted rows is told by them: its outlier score is the share of trusted rows that have another trusted row
nearer than this row has one.

Legend: N noisy rows, M trusted rows, D features, K classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from labelfix.data.tables import Codes, Probabilities
from labelfix.models.features import Inputs
from labelfix.models.network_inputs import content_keys
from labelfix.progress import rows_done

View = Callable[[Inputs, Codes], Probabilities]

NEAR = 0.985
"""Cosine of features from which rows count as nearly the same."""

MOST_PAIRS = 20_000
"""With more noisy rows than this only equal rows are searched: comparing all pairs would take longer than training."""

MOST_TRUSTED = 5_000
"""With more trusted rows than this, rows are compared with every n-th of them."""

BLOCK = 2_048

TILE = 512
"""Rows that a block is compared with at a time: their products stay in the processor's cache."""

DIRECTIONS, MEASURED = 24, 1_000
"""Directions in which rows are compared first, and how many rows say which these are."""

SLACK = 1e-5
"""What rounding may make of a product."""

OUTLIER = 0.99
"""A row with at least this score counts as unlike the trusted ones."""


@dataclass(frozen=True)
class Checks:
    """The results of the side checks.

    Attributes:
        duplicate_of: `(N,)` an earlier row, as a position, with the same content and another given label; -1 without.
        outlier_score: `(N,)` in [0, 1]; near 1 is unlike any trusted row.
        equal: Rows that equal another one and are labelled differently.
        near: Rows that nearly do; None where that was not looked for.
        missing: Classes without a trusted row.
    """

    duplicate_of: Codes
    outlier_score: Probabilities
    equal: int
    near: int | None
    missing: tuple[int, ...]

    def to_arrays(self) -> dict[str, np.ndarray]:
        """The results as arrays, so that a resumed run need not search again."""
        counts = np.array([self.equal, -1 if self.near is None else self.near])
        return {
            "duplicate_of": self.duplicate_of,
            "outlier_score": self.outlier_score,
            "counts": counts,
            "missing": np.array(self.missing, dtype=np.int64),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Checks:
        """The inverse of `to_arrays`."""
        equal, near = arrays["counts"].tolist()
        missing = tuple(arrays["missing"].tolist())
        return cls(arrays["duplicate_of"], arrays["outlier_score"], equal, None if near < 0 else near, missing)

    def to_json(self, names: Sequence[str], paired: int) -> dict[str, Any]:
        """Plain values; `names` are those of the classes, `paired` the trusted rows that stand in the noisy file."""
        return {
            "equal_rows_with_different_labels": self.equal,
            "nearly_equal_rows_with_different_labels": self.near,
            "trusted_rows_in_the_noisy_file": paired,
            "classes_without_trusted_rows": [names[c] for c in self.missing],
            "rows_unlike_any_trusted_row": int((self.outlier_score >= OUTLIER).sum()),
        }


def side_checks(
    noisy: Inputs,
    given: Codes,
    order: Codes,
    clean: Inputs,
    truth: Codes,
    num_classes: int,
    view: View | None = None,
    table: bool = False,
) -> Checks:
    """Look for them.

    Args:
        noisy: The noisy rows; fixed features where there is no `view`.
        given: `(N,)` their given labels.
        order: `(N,)` their places in the file: of equal rows the first is the original.
        clean: The same for the trusted rows.
        truth: `(M,)` their labels.
        view: Inputs and the rows of them wanted → `(n, D)` features by which they are compared.
        table: Whether the features are the columns of a table: then only rows that hold the same repeat each other.
    """
    fixed, view = view is None, view or _features
    every = np.argsort(order, kind="stable").astype(np.int64)
    labels = given[every]
    chosen = np.arange(0, len(truth), -(-len(truth) // MOST_TRUSTED), dtype=np.int64)
    trusted = _unit(view(clean, chosen))
    own = trusted @ trusted.T
    np.fill_diagonal(own, -np.inf)
    usual = np.sort(own.max(axis=1)) if len(trusted) > 1 else np.array([1.0])
    pairs = fixed and not table and len(given) <= MOST_PAIRS
    held = _unit(view(noisy, every)) if pairs else None
    neighbours = _Neighbours(held, labels) if held is not None else None
    keys = content_keys(noisy, every)
    twin = _equal(keys, labels)
    for start in range(0, len(given), BLOCK):  # two contents may share a key
        hits = start + np.flatnonzero(twin[start : start + BLOCK] >= 0)
        if not len(hits):
            continue
        same = np.isclose(view(noisy, every[hits]), view(noisy, every[twin[hits]]), rtol=1e-4, atol=1e-6).all(axis=1)
        twin[hits[~same]] = -1
    equal, near = np.isin(keys, keys[twin >= 0]), np.zeros(len(given), dtype=bool)
    score = np.empty(len(given), dtype=np.float32)
    for start in range(0, len(given), BLOCK):
        rows = np.arange(start, min(start + BLOCK, len(given)))
        unit = _unit(view(noisy, every[rows])) if held is None else held[rows]
        like = (unit @ trusted.T).max(axis=1)
        # The share of trusted rows whose nearest other one is nearer than this.
        score[rows] = 1 - np.searchsorted(usual, like, side="right") / len(usual)
        if neighbours is not None:
            neighbours.mark(slice(start, start + len(rows)), twin, near)
        rows_done(len(rows))
    back = np.argsort(every, kind="stable")
    found = np.where(twin >= 0, order[every[np.maximum(twin, 0)]], -1)[back]
    missing = np.flatnonzero(np.bincount(truth, minlength=num_classes) == 0)
    repeats = int(equal.sum()), int((near & ~equal).sum()) if pairs else None
    return Checks(found.astype(np.int64), score[back], *repeats, tuple(missing.tolist()))


def _features(inputs: Inputs, rows: Codes) -> Probabilities:
    batch = inputs.batch(rows)
    assert isinstance(batch, Tensor)
    return batch.numpy()


def _equal(keys: npt.NDArray[np.uint64], labels: Codes) -> Codes:
    """`(N,)` for each row the first earlier one of the same content and another label; -1 without."""
    twin = np.full(len(keys), -1, dtype=np.int64)
    _, same, counts = np.unique(keys, return_inverse=True, return_counts=True)
    repeated = np.flatnonzero(counts[same] > 1)
    seen: dict[int, dict[int, int]] = {}
    for row, key, label in zip(repeated.tolist(), same[repeated].tolist(), labels[repeated].tolist(), strict=True):
        known = seen.setdefault(key, {})
        twin[row] = next((place for other, place in known.items() if other != label), -1)
        known.setdefault(label, row)
    return twin


class _Neighbours:
    """Nearly equal rows of other labels, found without all products of all rows.

    Rows whose cosine is at least `NEAR` are no further apart than √(2 − 2·`NEAR`), and in any few directions no further
    than that. So pairs that are far apart along the `DIRECTIONS` in which rows differ most are passed over, and only
    the others, mostly none, are looked at whole.

    Args:
        unit: `(N, D)` rows of norm 1, in the order of the file.
        labels: `(N,)` their given labels.
    """

    def __init__(self, unit: Probabilities, labels: Codes) -> None:
        self.unit, self.labels = unit, labels
        part = unit[:: max(1, len(unit) // MEASURED)]
        centre = part.mean(axis=0)
        wide = part.shape[1] > len(part)
        sizes, axes = np.linalg.eigh(
            (part - centre) @ (part - centre).T if wide else (part - centre).T @ (part - centre)
        )
        axes = axes[:, -DIRECTIONS:]
        if wide:
            axes = (part - centre).T @ (axes / np.sqrt(np.maximum(sizes[-DIRECTIONS:], 1e-9)))
        low = (unit - centre) @ axes
        half, one = (low**2).sum(axis=1, keepdims=True) / 2, np.ones((len(low), 1), dtype=np.float32)
        # Their product is −½ of the squared distance.
        self.left, self.right = np.hstack([low, one, -half]), np.vstack([low.T, -half.T, one.T])

    def mark(self, rows: slice, twin: Codes, near: npt.NDArray[np.bool_]) -> None:
        """The nearest earlier row of each of a block goes into `twin` where no equal one was; both go into `near`."""
        first, second = self._maybe(rows)
        cosine = np.empty(len(first), dtype=np.float32)
        for start in range(0, len(first), BLOCK):
            part = slice(start, start + BLOCK)
            cosine[part] = np.einsum("nd,nd->n", self.unit[first[part]], self.unit[second[part]])
        kept = cosine >= NEAR
        first, second, cosine = first[kept], second[kept], cosine[kept]
        near[first] = near[second] = True
        order = np.lexsort((second, -cosine, first))
        found, place = np.unique(first[order], return_index=True)
        nearest, new = second[order[place]], twin[found] < 0
        twin[found[new]] = nearest[new]

    def _maybe(self, rows: slice) -> tuple[Codes, Codes]:
        """Rows of a block and earlier ones of other labels that may be near, judging by the directions."""
        left, found = self.left[rows], [np.zeros((2, 0), dtype=np.int64)]
        for start in range(0, rows.stop, TILE):
            near = left @ self.right[:, start : min(start + TILE, rows.stop)] >= NEAR - 1 - SLACK
            if near.any():
                pairs = np.stack(np.nonzero(near)) + [[rows.start], [start]]
                found.append(pairs[:, (pairs[0] > pairs[1]) & (self.labels[pairs[0]] != self.labels[pairs[1]])])
        first, second = np.hstack(found)
        return first, second


def _unit(features: Probabilities) -> Probabilities:
    norm = np.linalg.norm(features, axis=1, keepdims=True)
    return np.asarray(features / np.maximum(norm, 1e-12), dtype=np.float32)
