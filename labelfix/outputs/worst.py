"""The worst of many rows, held in memory that does not grow with their number."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from labelfix.data.arrays import RowNumbers

Scores = npt.NDArray[np.float32]
Scored = tuple[RowNumbers, Scores, Scores]
"""Rows, their label_score and their confidence."""


class WorstRows:
    """The worst of the rows that come by: lowest label_score, then highest confidence, then order of the rows."""

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._held: list[Scored] = []
        self._bound = np.float32(np.inf)
        self.seen = 0

    def add(self, rows: RowNumbers, scores: Scores, confidence: Scores) -> None:
        """Take rows with their scores."""
        self.seen += len(rows)
        keep = scores <= self._bound
        if keep.any():
            self._held.append((rows[keep], scores[keep], confidence[keep]))
        if self._limit is not None and sum(len(held[0]) for held in self._held) > self._limit:
            self._held = [self._best()]
            self._bound = self._held[0][1][-1] if self._limit else np.float32(-np.inf)

    def rows(self) -> RowNumbers:
        """The rows held, worst first."""
        return self._best()[0] if self._held else np.zeros(0, np.int64)

    def _best(self) -> Scored:
        rows, scores, confidence = (np.concatenate(parts) for parts in zip(*self._held, strict=True))
        order = np.lexsort((rows, -confidence, scores))[: self._limit]
        return rows[order], scores[order], confidence[order]
