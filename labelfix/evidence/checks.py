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

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from labelfix.data.tables import Codes, Probabilities
from labelfix.heads.rows import features_of
from labelfix.heads.stages import Keep
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
"""Rows that are compared with all others at once."""

TILE = 512
"""Rows that a block is compared with at a time: their products stay in the processor's cache."""

PART = 64 * BLOCK
"""Rows that are compared with the trusted ones before what was found is kept: seconds of work."""

DIRECTIONS, MEASURED = 24, 1_000
"""Directions in which rows are compared first, or one for every 16 features, and how many rows say which these are."""

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
    keep: Keep = lambda _, compute: compute(),
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
        keep: Computes a part of the search, or recalls it by its name.
    """
    pairs = view is None and not table and len(given) <= MOST_PAIRS
    view = view or features_of
    every = np.argsort(order, kind="stable").astype(np.int64)
    found = keep("repeats", lambda: _repeats(noisy, given, every, view, pairs))
    twin, equal, near = found["twin"], found["equal"], found["near"]
    chosen = np.arange(0, len(truth), -(-len(truth) // MOST_TRUSTED), dtype=np.int64)
    trusted = _unit(view(clean, chosen))
    usual, score = _usual(trusted), []
    for start in range(0, len(given), PART):
        rows = every[start : start + PART]
        score.append(keep(f"unlike-{start}", partial(_unlike, noisy, rows, trusted, usual, view))["score"])
        rows_done(len(rows))
    back = np.argsort(every, kind="stable")
    of = np.where(twin >= 0, order[every[np.maximum(twin, 0)]], -1)[back]
    missing = np.flatnonzero(np.bincount(truth, minlength=num_classes) == 0)
    repeats = int(equal.sum()), int((near & ~equal).sum()) if pairs else None
    return Checks(of.astype(np.int64), np.concatenate(score)[back], *repeats, tuple(missing.tolist()))


def _repeats(noisy: Inputs, given: Codes, every: Codes, view: View, pairs: bool) -> dict[str, np.ndarray]:
    """Rows in the order of the file that hold the same as an earlier one of another label, or nearly so."""
    labels, keys = given[every], content_keys(noisy, every)
    twin = _equal(keys, labels)
    for start in range(0, len(given), BLOCK):  # two contents may share a key
        hits = start + np.flatnonzero(twin[start : start + BLOCK] >= 0)
        if not len(hits):
            continue
        same = np.isclose(view(noisy, every[hits]), view(noisy, every[twin[hits]]), rtol=1e-4, atol=1e-6).all(axis=1)
        twin[hits[~same]] = -1
    equal, near = np.isin(keys, keys[twin >= 0]), np.zeros(len(given), dtype=bool)
    if pairs:
        neighbours = _Neighbours(_unit(view(noisy, every)), labels)
        for start in range(0, len(given), BLOCK):
            neighbours.mark(slice(start, min(start + BLOCK, len(given))), twin, near)
    return {"twin": twin, "equal": equal, "near": near}


def _usual(trusted: Probabilities) -> Probabilities:
    """`(M,)` how near each trusted row is to its nearest other one, in order."""
    own = trusted @ trusted.T
    np.fill_diagonal(own, -np.inf)
    return np.sort(own.max(axis=1)) if len(trusted) > 1 else np.ones(1, dtype=own.dtype)


def _unlike(
    noisy: Inputs, rows: Codes, trusted: Probabilities, usual: Probabilities, view: View
) -> dict[str, np.ndarray]:
    """`(n,)` how unlike the trusted rows some rows are: what share of those has a nearer one among the others."""
    parts = [rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK)]
    like = np.concatenate([(_unit(view(noisy, part)) @ trusted.T).max(axis=1) for part in parts])
    return {"score": (1 - np.searchsorted(usual, like, side="right") / len(usual)).astype(np.float32)}


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
    """

    def __init__(self, unit: Probabilities, labels: Codes) -> None:
        self.unit, self.labels = unit, labels
        part = unit[:: max(1, len(unit) // MEASURED)]
        centre = part.mean(axis=0)
        around, count = part - centre, max(DIRECTIONS, unit.shape[1] // 16)
        wide = part.shape[1] > len(part)
        axes = np.linalg.eigh(around @ around.T if wide else around.T @ around)[1][:, -count:]
        if wide:
            axes = np.linalg.qr(around.T @ axes)[0]
        low = (unit - centre) @ axes
        half, one = (low**2).sum(axis=1, keepdims=True) / 2, np.ones((len(low), 1), dtype=np.float32)
        # Their product is −½ of the squared distance.
        self.left, self.right = np.hstack([low, one, -half]), np.vstack([low.T, -half.T, one.T])

    def mark(self, rows: slice, twin: Codes, near: npt.NDArray[np.bool_]) -> None:
        """The nearest earlier row of each of a block goes into `twin` where no equal one was; both go into `near`."""
        nearest, best = np.full(rows.stop - rows.start, -1), np.full(rows.stop - rows.start, NEAR, dtype=np.float32)
        for start in range(0, rows.stop, TILE):
            maybe = self.left[rows] @ self.right[:, start : min(start + TILE, rows.stop)] >= NEAR - 1 - SLACK
            here, there = np.flatnonzero(maybe.any(axis=1)), start + np.flatnonzero(maybe.any(axis=0))
            if not len(here):
                continue
            first, second = rows.start + here[:, None], there[None, :]
            cosine = self.unit[rows.start + here] @ self.unit[there].T
            cosine[(first <= second) | (self.labels[first] == self.labels[second])] = -1
            found = cosine >= NEAR
            near[rows.start + here[found.any(axis=1)]] = near[there[found.any(axis=0)]] = True
            like, place = cosine.max(axis=1), there[cosine.argmax(axis=1)]
            nearer = (like > best[here]) | ((like >= NEAR) & (nearest[here] < 0))
            nearest[here[nearer]], best[here[nearer]] = place[nearer], like[nearer]
        new = (nearest >= 0) & (twin[rows] < 0)
        twin[rows][new] = nearest[new]


def _unit(features: Probabilities) -> Probabilities:
    norm = np.linalg.norm(features, axis=1, keepdims=True)
    return np.asarray(features / np.maximum(norm, 1e-12), dtype=np.float32)
