"""What several sources say of the labels of rows: annotators, rules, models, old exports.

Legend: N rows, S sources, K classes, O opinions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from labelfix.data.arrays import Codes


@dataclass(frozen=True)
class Opinions:
    """The opinions of some rows, row after row; a source without an opinion of a row is silent there.

    Attributes:
        start: `(N + 1,)` where each row's opinions begin.
        source: `(O,)` who says it, a position in `names`; ascending within a row.
        label: `(O,)` what, in 0..K-1.
        asked: `(S,)` False for sources that were not there to be asked, so that their silence says nothing.
    """

    start: Codes
    source: npt.NDArray[np.int32]
    label: npt.NDArray[np.int32]
    names: tuple[str, ...]
    asked: npt.NDArray[np.bool_]

    @classmethod
    def of(
        cls, rows: int, row: Codes, source: npt.NDArray[np.integer], label: Codes, names: tuple[str, ...]
    ) -> Opinions:
        """Opinions in any order.

        Args:
            row: `(O,)` the row that each is of.
            source: `(O,)` who says it.
            label: `(O,)` what; below 0 counts as silence.
        """
        said = np.flatnonzero(label >= 0)
        order = said[np.lexsort((label[said], source[said], row[said]))]
        start = np.concatenate([[0], np.cumsum(np.bincount(row[order], minlength=rows))])
        codes = source[order].astype(np.int32), label[order].astype(np.int32)
        return cls(start.astype(np.int64), *codes, names, np.ones(len(names), dtype=bool))

    def __len__(self) -> int:
        return len(self.start) - 1

    @cached_property
    def row(self) -> Codes:
        """`(O,)` the row that each opinion is of."""
        return np.repeat(np.arange(len(self), dtype=np.int64), np.diff(self.start))

    def take(self, rows: Codes | slice) -> Opinions:
        """The opinions of some rows, `(n,)`, in that order; of -1 none."""
        if isinstance(rows, slice):
            rows = np.arange(len(self), dtype=np.int64)[rows]
        counts = np.where(rows >= 0, np.diff(self.start)[rows], 0)
        start = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        place = np.arange(start[-1]) - np.repeat(start[:-1] - self.start[rows], counts)
        return replace(self, start=start, source=self.source[place], label=self.label[place])

    @staticmethod
    def together(first: Opinions, second: Opinions) -> Opinions:
        """The rows of the first and then of the second; both have the same sources."""
        start = np.concatenate([first.start, first.start[-1] + second.start[1:]])
        source, label = (np.concatenate([getattr(each, n) for each in (first, second)]) for n in ("source", "label"))
        return replace(first, start=start, source=source, label=label)

    @cached_property
    def repeated(self) -> Codes:
        """`(O,)` how many opinions its source has of its row."""
        first = np.flatnonzero(self._first)
        times = np.diff(first, append=len(self.source))
        return np.repeat(times, times).astype(np.int64)

    @cached_property
    def _first(self) -> npt.NDArray[np.bool_]:
        """`(O,)` False for further opinions of a source on the same row."""
        again = (self.row[1:] == self.row[:-1]) & (self.source[1:] == self.source[:-1])
        return np.concatenate([np.ones(min(len(self.source), 1), dtype=bool), ~again])

    @property
    def of_each(self) -> Codes:
        """`(S,)` opinions of each source."""
        return np.bincount(self.source, minlength=len(self.names)).astype(np.int64)

    @property
    def rows_of_each(self) -> Codes:
        """`(S,)` rows of which each has one."""
        return np.bincount(self.source[self._first], minlength=len(self.names)).astype(np.int64)

    def votes(self, classes: int) -> npt.NDArray[np.float32]:
        """`(N, K)` opinions of each class; several of one source on one row share its one vote."""
        found = np.zeros((len(self), classes), dtype=np.float32)
        np.add.at(found, (self.row, self.label), (1 / self.repeated).astype(np.float32))
        return found

    def majority(self, classes: int) -> Codes:
        """`(N,)` the class that most sources say, -1 where all are silent; of equals, that of the earliest source."""
        votes = self.votes(classes)
        best = votes.max(axis=1, initial=0)
        leads = np.flatnonzero(votes[self.row, self.label] >= best[self.row] - 1e-6)
        found = np.full(len(self), -1, dtype=np.int64)
        rows, first = np.unique(self.row[leads], return_index=True)
        found[rows] = self.label[leads[first]]
        return found

    def of_source(self, source: int) -> Codes:
        """`(N,)` what one source says of each row, its first opinion; -1 where it is silent."""
        found = np.full(len(self), -1, dtype=np.int64)
        own = np.flatnonzero(self.source == source)[::-1]
        found[self.row[own]] = self.label[own]
        return found


def coded(opinions: Opinions, words: tuple[str, ...], codes: dict[str, int]) -> Opinions:
    """The same with labels, positions in the words, as codes of the classes; words that are none count as silence."""
    lookup = np.array([codes.get(word, -1) for word in words], dtype=np.int64)
    return Opinions.of(len(opinions), opinions.row, opinions.source, lookup[opinions.label], opinions.names)
