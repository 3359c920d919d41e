"""Corrected labels laid beside the rows of the table they were made from, some rows at a time.

Legend: N corrected rows, n rows of a chunk of the source.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from labelfix.data.formats import Chunk, TableSource
from labelfix.data.labels.column import class_label_names, item_type, items_of
from labelfix.data.scan import value_type
from labelfix.errors import input_error
from labelfix.outputs.column_arrays import codes, values
from labelfix.outputs.corrected_rows import CorrectedRows, HeldRows, corrected_metadata, groups
from labelfix.outputs.exports import plain_strings, with_min_confidence

Positions = npt.NDArray[np.int64]
Prepare = Callable[[pa.Table], pa.Table]

VERDICT = ("given_label", "corrected_label", "is_label_issue", "source_file", "source_row")
JUDGED_BY = ("suggested_label", "confidence", "action")
"""What is needed besides to judge at another threshold."""

FILE = 1 << 40
"""Rows of a file at most: file and row make one number."""

SURVEYED_AT_ONCE = 65536
"""Rows of the label column that are looked at together."""


@dataclass(frozen=True)
class Verdicts:
    """What the run says of some rows; of a chunk of the source, or of the next corrected rows.

    Attributes:
        key: `(n,)` file and row of each.
        position: `(n,)` position among the N corrected rows; -1 for a row left out of the run (an unreadable image).
        given: `(n,)` position of the given label in the classes; -1 where there is none.
        corrected: `(n,)` likewise of the corrected label.
        details: Further columns, n rows, null where the run left the row out; None where none were asked for.
    """

    key: Positions
    position: Positions
    given: Positions
    corrected: Positions
    issue: npt.NDArray[np.bool_]
    details: pa.Table | None

    def __getitem__(self, rows: slice) -> Verdicts:
        start, stop, _ = rows.indices(len(self.key))
        details = None if self.details is None else self.details.slice(start, stop - start)
        return Verdicts(
            self.key[rows], self.position[rows], self.given[rows], self.corrected[rows], self.issue[rows], details
        )


@dataclass(frozen=True)
class ExportCounts:
    """What an export will do, and how the source writes its labels.

    Attributes:
        absent: Rows of the source that were left out of the run.
        spellings: For each class, how often the source writes it in which way.
        needed: The classes that rows are changed to.
    """

    rows: int
    changed: int
    filled: int
    dropped: int
    absent: int
    spellings: tuple[Counter[Any], ...]
    needed: frozenset[int]


@dataclass(frozen=True)
class AlignedLabels:
    """Corrected labels laid beside the rows of their source.

    Attributes:
        files: What `source_file` calls the source's files, in their order; empty where nothing was renamed.
        min_confidence: Judge at this threshold instead of the one they were made with.
        answers: Id → the class that a person gave: it stands, whatever the run says, and is no issue.
    """

    rows: CorrectedRows
    source: TableSource
    label_column: str
    files: tuple[str, ...] = ()
    min_confidence: float | None = None
    answers: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Canonical class names."""
        return corrected_metadata(self.rows).classes

    @cached_property
    def sources(self) -> tuple[str, ...]:
        """Who the labels come from, where several say something."""
        return corrected_metadata(self.rows).sources

    def beside(
        self,
        columns: list[str],
        verbatim: bool = False,
        details: Sequence[str] = (),
        prepare: Prepare = lambda table: table,
        rows: int | None = None,
    ) -> Iterator[tuple[Chunk, Verdicts]]:
        """The source's rows in order, each chunk with what the run says of it.

        Args:
            verbatim: The cells as they stand in a text file, rather than typed values.
            details: Columns of the corrected labels to lay beside them.
            prepare: Makes of a table of those columns the one that is laid there.
            rows: At most this many rows a chunk.
        """
        ahead = self._verdicts(details, prepare)
        rest: Verdicts | None = None
        read = self.source.verbatim if verbatim else self.source.scan
        for chunk in read(columns) if rows is None else read(columns, rows):
            begin = chunk.file_index * FILE + chunk.first_row
            end = begin + chunk.batch.num_rows
            parts: list[Verdicts] = []
            while sum(len(part.key) for part in parts) < end - begin:
                rest = rest or next(ahead, None)
                if rest is None:
                    break
                first, after = np.searchsorted(rest.key, (begin, end)).tolist()
                parts += [rest[first:after]] if after > first else []
                if after < len(rest.key):
                    rest = rest[after:]
                    break
                rest = None
            yield chunk, _laid(parts, begin, end)

    def survey(self, verbatim: bool, drop_issues: bool) -> ExportCounts:
        """Look at the label column, where there is one, before anything is written.

        Raises:
            InputError: The source lacks rows that were corrected: it is not the table they were made from.
        """
        spellings: list[Counter[Any]] = [Counter() for _ in self.classes]
        needed: set[int] = set()
        total = matched = changed = filled = dropped = 0
        columns = [self.label_column] if self.label_column else self.source.schema.names[:1]
        for chunk, said in self.beside(columns, verbatim, rows=SURVEYED_AT_ONCE):
            there = said.position >= 0
            total, matched = total + len(there), matched + int(there.sum())
            if self.label_column:
                _count_spellings(items_of(chunk.batch.column(0)), said.given, spellings)
            differs = there & (said.given != said.corrected)
            needed |= set(np.unique(said.corrected[differs]).tolist())
            kept = ~(said.issue & drop_issues)
            dropped += int((~kept).sum())
            filled += int((kept & there & (said.given < 0)).sum())
            changed += int((kept & differs & (said.given >= 0)).sum())
        if matched != len(self.rows):
            what = f"holds {matched:,} of the {len(self.rows):,} rows that were corrected"
            raise input_error(self.source.name, what, "give the file that they come from")
        times = Counter(value for counts in spellings for value in counts)
        if (value := next((each for each, count in times.items() if count > 1), None)) is not None:
            what = f"has other labels than the rows that were corrected: {value!r} would be two classes"
            raise input_error(self.source.name, what, "give the file that they come from, as it was")
        return ExportCounts(
            total - dropped, changed, filled, dropped, total - matched, tuple(spellings), frozenset(needed)
        )

    def written_labels(self, survey: ExportCounts, verbatim: bool) -> pa.Array:
        """How the source writes each class: `(K,)` values of the label column's own (value) type.

        The source's own values tell: of the values that were read as a class, its canonical name if that is among
        them, else the most frequent. So `1` stays an integer, a ClassLabel code a code, and an alias is met with
        the spelling that the file uses.
        """
        type_ = pa.string() if verbatim else value_type(item_type(self.source.schema.field(self.label_column).type))
        written = [
            self._written(code, counts, type_, code in survey.needed) for code, counts in enumerate(survey.spellings)
        ]
        return pa.array(written, type_)

    @cached_property
    def table(self) -> pa.Table:
        """All corrected rows in memory, in the order that `Verdicts.position` counts."""
        rows = self._in_order
        whole = pa.concat_tables([group for _, group in groups(rows, rows.schema.names)])
        return plain_strings(with_min_confidence(whole, self.min_confidence))

    @cached_property
    def _in_order(self) -> CorrectedRows:
        """The corrected rows in the order of the source: as they stand, nearly always; else sorted, in memory."""
        last = -1
        for _, group in groups(self.rows, ["source_file", "source_row"]):
            keys = self._keys(group)
            if len(keys) and (keys[0] <= last or (np.diff(keys) <= 0).any()):
                break
            last = int(keys[-1]) if len(keys) else last
        else:
            return self.rows
        table = pa.concat_tables([group for _, group in groups(self.rows, self.rows.schema.names)])
        return HeldRows(table.take(pa.array(np.argsort(self._keys(table), kind="stable"))))

    def _keys(self, table: pa.Table) -> Positions:
        names = {name: place for place, name in enumerate(self.files or self.source.files)}
        keys: Positions = codes(table["source_file"], names) * FILE + values(table["source_row"])
        return keys

    def _verdicts(self, details: Sequence[str], prepare: Prepare) -> Iterator[Verdicts]:
        again = () if self.min_confidence is None else JUDGED_BY
        names = {name: code for code, name in enumerate(self.classes)}
        identity = ("id",) if self.answers else ()
        for first, group in groups(self._in_order, list(dict.fromkeys([*VERDICT, *again, *identity, *details]))):
            table = with_min_confidence(group, self.min_confidence)
            corrected, issue = codes(table["corrected_label"], names), values(table["is_label_issue"])
            if self.answers:
                answered = self._answered(table["id"], names)
                corrected, issue = np.where(answered >= 0, answered, corrected), issue & (answered < 0)
            yield Verdicts(
                key=self._keys(table),
                position=np.arange(first, first + len(table), dtype=np.int64),
                given=codes(table["given_label"], names),
                corrected=corrected,
                issue=issue,
                details=prepare(table.select(list(details))) if details else None,
            )

    def _answered(self, ids: pa.ChunkedArray, names: Mapping[str, int]) -> Positions:
        """`(n,)` the class that a person gave to each row of some ids; -1 for none."""
        answers = [names[self.answers[row]] if row in self.answers else -1 for row in map(str, ids.to_pylist())]
        return np.array(answers, dtype=np.int64)

    def _written(self, code: int, counts: Counter[Any], type_: pa.DataType, needed: bool) -> object:
        name = self.classes[code]
        same = [value for value in counts if str(value) == name]
        if same:
            return same[0]
        if counts:
            return max(counts, key=lambda value: counts[value])
        stored = class_label_names(self.source, self.label_column)
        if stored and name in stored:
            return stored.index(name)
        try:
            return pa.scalar(name, pa.string()).cast(type_).as_py()
        except pa.ArrowException:
            if not needed:
                return None
        what = f"column {self.label_column!r} is {type_} and cannot hold the class {name!r}"
        raise input_error(self.source.name, what, "export to a table whose label column is text")


def _laid(parts: list[Verdicts], begin: int, end: int) -> Verdicts:
    """Verdicts on the rows with the keys `begin` to `end`, of which some may have none."""
    keys = np.arange(begin, end, dtype=np.int64)
    if len(parts) == 1 and len(parts[0].key) == len(keys):
        return parts[0]
    places = np.concatenate([np.empty(0, np.int64), *(part.key for part in parts)]) - begin

    def spread(name: str, missing: int) -> npt.NDArray[Any]:
        found = np.full(len(keys), missing, np.int64)
        if parts:
            found[places] = np.concatenate([getattr(part, name) for part in parts])
        return found

    details = [part.details for part in parts if part.details is not None]
    laid = pa.concat_tables(details) if details else None
    if laid is not None and len(places) < len(keys):
        which = np.full(len(keys), -1, np.int64)
        which[places] = np.arange(len(places))
        laid = laid.take(pa.array(which, mask=which < 0))
    issue = spread("issue", 0).astype(bool)
    return Verdicts(keys, spread("position", -1), spread("given", -1), spread("corrected", -1), issue, laid)


def _count_spellings(cells: pa.Array, given: Positions, spellings: list[Counter[Any]]) -> None:
    coded = cells.dictionary_encode()
    written = coded.dictionary.to_pylist()
    there = np.asarray(coded.indices.is_valid()) & (given >= 0)
    which = np.asarray(coded.indices.fill_null(0)).astype(np.int64)
    pairs, counts = np.unique(given[there] * max(len(written), 1) + which[there], return_counts=True)
    for pair, count in zip(pairs.tolist(), counts.tolist(), strict=True):
        code, value = divmod(pair, len(written))
        spellings[code][written[value]] += count
