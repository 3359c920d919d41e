"""The rows that are scored, block by block: of a table that is there, or of new rows that are read as they come."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

import numpy as np

from labelfix.data.new_rows import NewRows
from labelfix.data.tables import LabelTable
from labelfix.models.features import Inputs, select
from labelfix.models.representation import Representation
from labelfix.models.saved_representation import is_cheap
from labelfix.models.tables.unseen import UnseenValues, known_categories, usual_numbers
from labelfix.progress import Progress, Silent
from labelfix.settings.model import ComputeSettings

T = TypeVar("T")

BLOCK = 8192
"""Rows of a block: a multiple of the rows that are encoded, and that are classified, together."""

LEAST_BLOCK, USUAL_CLASSES = 256, 256
"""With more classes than the second number a block has fewer rows, in multiples of the first, so that it takes no more
memory."""


def block_rows(num_classes: int) -> int:
    """Rows of a block where there are so many classes."""
    if num_classes <= USUAL_CLASSES:
        return BLOCK
    return max(BLOCK * USUAL_CLASSES // num_classes // LEAST_BLOCK, 1) * LEAST_BLOCK


class Blocks(Protocol):
    """Rows in order, `BLOCK` at a time; they can be passed over more than once."""

    def __len__(self) -> int: ...

    def tables(self) -> Iterator[LabelTable]:
        """Ids and labels."""

    def encoded(self, wanted: range | None = None) -> Iterator[tuple[LabelTable, Inputs]]:
        """Ids and labels, and what the classifier reads; of the blocks of some numbers, or of all."""


@dataclass(frozen=True)
class HeldBlocks:
    """The blocks of a table whose ids, labels and encoded rows are there.

    Attributes:
        inputs: Its rows as the classifier reads them, usually memory-mapped.
    """

    table: LabelTable
    inputs: Inputs

    def __len__(self) -> int:
        return len(self.table)

    def tables(self) -> Iterator[LabelTable]:
        size = block_rows(len(self.table.classes))
        for start in range(0, len(self), size):
            yield _rows(self.table, slice(start, start + size))

    def encoded(self, wanted: range | None = None) -> Iterator[tuple[LabelTable, Inputs]]:
        return _some(_side_by_side(self.tables(), self.inputs), wanted)


@dataclass(frozen=True)
class NewBlocks:
    """The blocks of rows that a finished run is applied to.

    Attributes:
        inputs: All rows encoded, where their encoding is kept; None where each block is encoded as it comes.
        unseen: Counts values that the run has never seen, as they come; None where nobody wants to know.
    """

    rows: NewRows
    representation: Representation
    compute: ComputeSettings
    inputs: Inputs | None
    unseen: UnseenValues | None = None

    @classmethod
    def of(
        cls, rows: NewRows, representation: Representation, compute: ComputeSettings, progress: Progress
    ) -> NewBlocks:
        """The blocks of some rows; what is expensive to encode is encoded first and kept, as in training."""
        cheap = is_cheap(representation) or not len(rows)
        inputs = None if cheap else representation.encode(rows.inputs, compute, progress)
        unseen = UnseenValues(
            rows.source.name, known_categories(representation), usual_numbers(representation), progress
        )
        if inputs is not None:
            unseen.see(rows.inputs)
            unseen.tell()
        return cls(rows, representation, compute, inputs, unseen)

    def __len__(self) -> int:
        return len(self.rows)

    def tables(self) -> Iterator[LabelTable]:
        return self.rows.blocks(block_rows(len(self.rows.classes)), with_inputs=False)

    def encoded(self, wanted: range | None = None) -> Iterator[tuple[LabelTable, Inputs]]:
        if self.inputs is not None:
            yield from _some(_side_by_side(self.tables(), self.inputs), wanted)
            return
        for table in _some(self.rows.blocks(block_rows(len(self.rows.classes))), wanted):
            assert table.inputs is not None
            if self.unseen is not None:
                self.unseen.see(table.inputs)
            yield table, self.representation.encode(table.inputs, self.compute, Silent())
        if self.unseen is not None:
            self.unseen.tell()


def _side_by_side(tables: Iterator[LabelTable], inputs: Inputs) -> Iterator[tuple[LabelTable, Inputs]]:
    start = 0
    for table in tables:
        yield table, select(inputs, np.arange(start, start + len(table), dtype=np.int64))
        start += len(table)


def _some(blocks: Iterator[T], wanted: range | None) -> Iterator[T]:
    return blocks if wanted is None else itertools.islice(blocks, wanted.start, wanted.stop)


def _rows(table: LabelTable, rows: slice) -> LabelTable:
    return replace(
        table,
        ids=table.ids[rows],
        codes=table.codes[rows],
        inputs=None,
        file_index=table.file_index[rows],
        row_number=table.row_number[rows],
        readable=None if table.readable is None else table.readable[rows],
        opinions=None if table.opinions is None else table.opinions.take(rows),
    )
