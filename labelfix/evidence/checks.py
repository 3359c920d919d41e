"""Side checks on fixed features: repeated rows with different labels, and rows unlike any trusted one.

A row repeats an earlier one where their features are equal, or nearly so (cosine of at least `NEAR`). How unlike a row
is to the trusted rows is told by them: its outlier score is the share of trusted rows that have another trusted row
nearer than this row has one.

Legend: N noisy rows, M trusted rows, D features, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt

from labelfix.data.tables import Codes, Probabilities
from labelfix.models.features import Inputs

NEAR = 0.985
"""Cosine of features from which rows count as nearly the same."""

MOST_PAIRS = 20_000
"""With more noisy rows than this only equal rows are looked for: all pairs would take longer than the training."""

MOST_TRUSTED = 5_000
"""With more trusted rows every so-manieth is compared with."""

BLOCK = 2_048

OUTLIER = 0.99
"""From this score on a row is counted as unlike the trusted ones."""


@dataclass(frozen=True)
class Checks:
    """What was found.

    Attributes:
        duplicate_of: `(N,)` an earlier row, as a position, with the same content and another given label; -1 without.
        outlier_score: `(N,)` in [0, 1]; near 1 is unlike any trusted row.
        equal: Rows that equal an earlier one and are labelled differently.
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


def side_checks(noisy: Inputs, given: Codes, order: Codes, clean: Inputs, truth: Codes, num_classes: int) -> Checks:
    """Look for them.

    Args:
        noisy: Fixed features of the noisy rows.
        given: `(N,)` their given labels.
        order: `(N,)` their places in the file: of equal rows the first is the original.
        clean: Fixed features of the trusted rows.
        truth: `(M,)` their labels.
        num_classes: K.
    """
    every = np.argsort(order, kind="stable").astype(np.int64)
    labels = given[every]
    chosen = np.arange(0, len(truth), -(-len(truth) // MOST_TRUSTED), dtype=np.int64)
    trusted = _unit(clean.batch(chosen).numpy())
    own = trusted @ trusted.T
    np.fill_diagonal(own, -np.inf)
    usual = np.sort(own.max(axis=1)) if len(trusted) > 1 else np.array([1.0])
    pairs = len(given) <= MOST_PAIRS
    held = _unit(noisy.batch(every).numpy()) if pairs else None
    twin = np.full(len(given), -1, dtype=np.int64)
    score = np.empty(len(given), dtype=np.float32)
    seen: dict[bytes, dict[int, int]] = {}
    equal = near = 0
    for start in range(0, len(given), BLOCK):
        rows = np.arange(start, min(start + BLOCK, len(given)))
        raw = noisy.batch(every[rows]).numpy()
        unit = _unit(raw)
        like = (unit @ trusted.T).max(axis=1)
        # The share of trusted rows whose nearest other one is nearer than this.
        score[rows] = 1 - np.searchsorted(usual, like, side="right") / len(usual)
        for row, content in zip(rows.tolist(), raw, strict=True):
            known = seen.setdefault(blake2b(content.tobytes(), digest_size=16).digest(), {})
            other = next((place for label, place in known.items() if label != labels[row]), -1)
            twin[row] = other
            equal += other >= 0
            known.setdefault(int(labels[row]), row)
        if held is not None:
            near += _near(unit, held, labels, rows, twin)
    back = np.argsort(every, kind="stable")
    found = np.where(twin >= 0, order[every[np.maximum(twin, 0)]], -1)[back]
    missing = np.flatnonzero(np.bincount(truth, minlength=num_classes) == 0)
    return Checks(found.astype(np.int64), score[back], equal, near if pairs else None, tuple(missing.tolist()))


def _near(unit: Probabilities, held: Probabilities, labels: Codes, rows: npt.NDArray[np.int64], twin: Codes) -> int:
    """Nearly equal earlier rows of a block, where no equal one was found; written into `twin`."""
    cosine = unit @ held[: rows[-1] + 1].T
    cosine[labels[rows][:, None] == labels[: rows[-1] + 1][None]] = -1
    cosine[np.arange(rows[-1] + 1)[None] >= rows[:, None]] = -1
    best = cosine.argmax(axis=1)
    found = (cosine[np.arange(len(rows)), best] >= NEAR) & (twin[rows] < 0)
    twin[rows[found]] = best[found]
    return int(found.sum())


def _unit(features: Probabilities) -> Probabilities:
    norm = np.linalg.norm(features, axis=1, keepdims=True)
    return np.asarray(features / np.maximum(norm, 1e-12), dtype=np.float32)
