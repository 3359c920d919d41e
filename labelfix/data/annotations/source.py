"""Answers as a table of trusted rows: the file's own name, and columns that are called as the other files' are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from copy import copy
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from labelfix.data.annotations.marks import CHANCE, DRAWN, UNKNOWN, Mark, Votes
from labelfix.data.chosen_rows import CANNOT_TELL, TOO_HARD
from labelfix.data.formats.base import Chunk, TableSource, chunks
from labelfix.data.formats.memory import MemorySource

SOMEBODY = "somebody"
"""The source of answers without a name."""


class AnsweredTable(MemorySource):
    """What an annotation tool holds of items of its own: what they are about, and the answers.

    Args:
        about: A row for each item: what the tool knows of it.
        label_name: What the column of the answers is called, instead of one of that name.
    """

    def __init__(
        self, about: Sequence[Mapping[str, Any]], labels: Sequence[str | None], name: str, label_name: str = "label"
    ) -> None:
        rows = [{**row, label_name: label} for row, label in zip(about, labels, strict=True)]
        super().__init__(rows, name, "annotations")
        self._given = about, labels

    def called(self, label_name: str) -> AnsweredTable:
        """The same with another name for the column of the answers."""
        found = AnsweredTable(*self._given, self.name, label_name)
        found.remarks = self.remarks
        return found


class AnnotatedSource(TableSource):
    """A table of id, label, and how the row was drawn; with the inputs of noisy rows that have no ids.

    Args:
        content: Gives the hash of what the file holds.
        id_name: Column of the ids; None where the table has `inputs` in its place.
        inputs: Columns of the noisy rows that the answers are about, in their order.
    """

    untyped = True

    def __init__(
        self,
        name: str,
        kind: str,
        votes: Votes,
        content: Callable[[], str],
        id_name: str | None = "id",
        label_name: str = "label",
        inputs: pa.Table | None = None,
    ) -> None:
        self.name = name
        self.format = "annotations"
        self.files = (name,)
        self.folder = Path(name).parent
        self.votes = votes
        self.remarks = (f"read as {kind}", *votes.remarks)
        self._about = name, kind, votes, content
        columns = dict(zip(inputs.schema.names, inputs.columns, strict=True)) if inputs is not None else {}
        if id_name is not None:
            columns[id_name] = pa.array([mark.id for mark in votes.marks], pa.string())
        columns[label_name] = pa.array([mark.label for mark in votes.marks], pa.string())
        # Rows that were asked about and not answered are no defect: `data.chosen_rows` skips those that were chosen.
        drawn = [
            mark.drawn or (UNKNOWN if (mark.label or CANNOT_TELL).lower() in TOO_HARD else "") for mark in votes.marks
        ]
        columns[DRAWN] = pa.array(drawn, pa.string())
        columns[CHANCE] = pa.array([mark.chance for mark in votes.marks], pa.float64())
        self._table = pa.table(columns)
        self.schema: pa.Schema = self._table.schema

    @property
    def marks(self) -> Sequence[Mark]:
        """The answers, one a row."""
        return self.votes.marks

    def without(self, said: Set[tuple[str, str | None]]) -> AnnotatedSource:
        """The same but for answers that another file gives as well: row and label."""
        new = [mark for mark in self.marks if (mark.id, mark.label) not in said]
        if len(new) == len(self.marks):
            return self
        again = f"answers that another file gives as well, and that are left out: {len(self.marks) - len(new):,}"
        name, kind, _, content = self._about
        return AnnotatedSource(name, kind, Votes(new, (*self.votes.remarks, again), self.votes.each), content)

    def by_person(self) -> AnnotatedSource:
        """A table of what each person says in its place: id, source, label; the latest of a person on a row."""
        found = copy(self)
        said = [(mark.id, mark.who or SOMEBODY, mark.label) for mark in self.votes.each]
        columns = [pa.array(column, pa.string()) for column in (zip(*said, strict=True) if said else ([], [], []))]
        found._table = pa.table(columns, names=["id", "source", "label"])
        found.schema = found._table.schema
        found.titles = tuple(found.schema.names)
        found.remarks = (self.remarks[0], f"each of {len({who for _, who, _ in said}):,} people is a source")
        return found

    def called(self, id_name: str, label_name: str) -> AnnotatedSource:
        """The same with other names for its columns."""
        return AnnotatedSource(*self._about, id_name, label_name)

    def beside(self, noisy: TableSource, label_name: str, without: Sequence[str]) -> AnnotatedSource:
        """The same for a noisy file without ids, whose rows go by number: with what they hold in the other columns."""
        names = [name for name in noisy.schema.names if name not in {*without, label_name, DRAWN, CHANCE}]
        wanted = np.array([int(mark.id) - 1 for mark in self.marks], dtype=np.int64)
        parts, first = [], 0
        places: list[int] = []
        for chunk in noisy.scan(names):
            inside = np.flatnonzero((wanted >= first) & (wanted < first + chunk.batch.num_rows))
            parts.append(pa.Table.from_batches([chunk.batch]).take(pa.array(wanted[inside] - first)))
            places += inside.tolist()
            first += chunk.batch.num_rows
        inputs = pa.concat_tables(parts).take(pa.array(np.argsort(np.array(places, dtype=np.int64), kind="stable")))
        return AnnotatedSource(*self._about, None, label_name, inputs)

    def read(self, names: list[str], rows: int, verbatim: bool) -> Iterator[Chunk]:
        return chunks(self._table.select(names).to_batches(), rows)

    @cached_property
    def _hash(self) -> str:
        """That of the file."""
        return self._about[3]()
