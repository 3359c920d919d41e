"""Opinions as they stand in files: several columns, a column of votes, or a file with a row for each opinion.

A ballot is what is read before classes are known: who says which word of which row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from labelfix.data.chosen_rows import ASK, DRAWN, TOO_HARD, TRUSTED, answer_column
from labelfix.data.columns.found_ids import find_ids
from labelfix.data.columns.ids import canonical_ids, gather
from labelfix.data.columns.roles import GIVEN_NAMES, ID_NAMES, OTHER_LABEL_NAMES, listed
from labelfix.data.findings import Findings
from labelfix.data.formats import TableSource
from labelfix.data.labels.column import LabelColumn, LabelReader, item_type, label_kind
from labelfix.data.labels.votes import VotesReader, holds_votes
from labelfix.data.opinions import Opinions
from labelfix.data.scan import scan
from labelfix.data.tables import UNLABELLED, Codes

SOURCE_NAMES = ("source", "annotator", "annotator_id", "worker", "worker_id", "user", "rater", "labeler", "performer")
TASK_NAMES = (*ID_NAMES, "task", "task_id", "item")
LABEL_NAMES = (*GIVEN_NAMES, *OTHER_LABEL_NAMES, "answer", "choice", "vote")


@dataclass(frozen=True)
class Ballots:
    """Opinions of rows, in the words of their files.

    Attributes:
        row: `(O,)` the row that each is of.
        source: `(O,)` who says it, a position in `names`.
        labels: What; `positions` is `(O,)`, and `first` are rows, not opinions.
    """

    row: Codes
    source: Codes
    labels: LabelColumn
    names: tuple[str, ...]

    @classmethod
    def as_read(cls, row: Codes, source: Codes, labels: LabelColumn, names: tuple[str, ...]) -> Ballots:
        """Opinions whose labels were read one by one, so that `first` counts these."""
        rows = tuple(max(int(row[opinion]), 0) for opinion in labels.first)
        return cls(row, source, replace(labels, first=rows), names)

    def opinions(self, rows: int, codes: Codes) -> Opinions:
        """The opinions of a table's rows.

        Args:
            rows: N.
            codes: `(O,)` the class of each; below 0 counts as silence.
        """
        return Opinions.of(rows, self.row, self.source, codes, self.names)


def source_columns(table: TableSource, patterns: Sequence[str], findings: Findings) -> tuple[str, ...]:
    """The columns that names and patterns such as `llm_*` mean, in the order of the patterns and then of the table.

    Args:
        patterns: Of `--label-columns`.
        findings: Takes an error for each that means none.
    """
    found: dict[str, None] = {}
    for pattern in patterns:
        here = [pattern] if pattern in table.schema.names else []
        here = here or [name for name in table.schema.names if name and fnmatchcase(name, pattern)]
        if not here:
            what = f"has no column {pattern!r}" if "*" not in pattern else f"has no column that {pattern!r} fits"
            remedy = "name columns of labels with --label-columns"
            findings.error(table.name, f"{what}; its columns are {listed(table, pattern)}", remedy)
        found |= dict.fromkeys(here)
    return tuple(found)


def read_columns(
    table: TableSource, columns: Sequence[str], abstain: frozenset[str], findings: Findings
) -> Ballots | None:
    """The opinions in columns of a table: one source a column, or several in a column of votes.

    Args:
        abstain: Words that mean silence.

    Returns:
        None where an error stands in the way.
    """
    readers: dict[str, LabelReader | VotesReader] = {}
    for column in columns:
        type_ = table.schema.field(column).type
        if holds_votes(table, column):
            readers[column] = VotesReader(table, column)
        elif label_kind(item_type(type_)) is not None:
            readers[column] = LabelReader(table, column)
        else:
            what = f"column {column!r} is {type_}, which cannot be labels"
            findings.error(table.name, what, "leave it out of --label-columns; labels are strings, numbers or booleans")
    if findings.has_errors or not readers:
        return None
    before = findings.error_count
    for chunk in scan(table, list(readers), verbatim=True):
        for column, reader in readers.items():
            cells = chunk.batch.column(column)
            if isinstance(reader, VotesReader):
                reader.see(cells, table.files[chunk.file_index], chunk.first_row, findings)
            else:
                reader.see(cells)
    if findings.error_count > before:
        return None
    return joined([part for column, reader in readers.items() for part in _parts(column, reader)], abstain)


def _parts(column: str, reader: LabelReader | VotesReader) -> Iterator[Ballots]:
    """What each source of a column says."""
    if isinstance(reader, VotesReader):
        for name, row, labels in reader.result():
            yield Ballots.as_read(row, np.zeros(len(row), dtype=np.int64), labels, (name,))
        return
    own = reader.result()
    row = np.arange(len(own.positions), dtype=np.int64)
    yield Ballots.as_read(row, np.zeros_like(row), own, (column,))


def joined(parts: Sequence[Ballots], abstain: frozenset[str]) -> Ballots:
    """All opinions in one list, silence left out; sources of one name are one, and so are labels of one spelling.

    Args:
        parts: At least one.
        abstain: Words that mean silence.
    """
    names: dict[str, int] = {}
    values: dict[str, int] = {}
    stored: list[str] = []
    counts: list[int] = []
    first: list[int] = []
    kept: list[tuple[Codes, Codes, Codes]] = []
    for part in parts:
        own = part.labels
        lookup = np.full(len(own.values) + 1, UNLABELLED, dtype=np.int64)
        for position, (value, word) in enumerate(zip(own.values, own.stored, strict=True)):
            if value in abstain or word in abstain:
                continue
            code = lookup[position] = values.setdefault(value, len(values))
            if code == len(stored):
                stored.append(word)
                counts.append(0)
                first.append(own.first[position])
            counts[code] += own.counts[position]
        who = np.array([names.setdefault(name, len(names)) for name in part.names], dtype=np.int64)
        codes = lookup[own.positions]
        said = (codes != UNLABELLED) & (part.row >= 0)
        kept.append((part.row[said], who[part.source[said]], codes[said]))
    kinds = {part.labels.kind for part in parts if part.labels.values}
    row, source, positions = (np.concatenate(each) for each in zip(*kept, strict=True))
    labels = LabelColumn(
        column=", ".join([*names][:3]) + (", ..." if len(names) > 3 else ""),
        kind=kinds.pop() if len(kinds) == 1 else "string",
        values=tuple(values),
        stored=tuple(stored),
        positions=positions,
        counts=tuple(counts),
        first=tuple(first),
        untyped=any(part.labels.untyped for part in parts),
        abstained=sum(part.labels.abstained for part in parts),
        of_sources=True,
    )
    return Ballots(row, source, labels, tuple(names))


def read_long(
    table: TableSource, ids: pa.Array, id_column: str | None, noisy: str, abstain: frozenset[str], findings: Findings
) -> Ballots | None:
    """The opinions in a file with a row for each: id, source and label.

    Args:
        table: That file.
        ids: `(N,)` of the rows that the opinions are of.
        id_column: Column of these.
        noisy: What the file of the rows is called.
        abstain: Words that mean silence.

    Returns:
        None where an error stands in the way.
    """
    own = [id_column] if id_column is not None and id_column in table.schema.names else []
    asked = {ASK, DRAWN} <= {*table.schema.names}  # what `next` has written
    abstain = abstain | frozenset(TOO_HARD) if asked else abstain
    roles = {
        "ids": own[0] if own else _role(table, TASK_NAMES, "ids of rows", findings),
        "source": ASK if asked else _role(table, SOURCE_NAMES, "who says it", findings),
        "label": answer_column(table.schema.names) if asked else _role(table, LABEL_NAMES, "labels", findings),
    }
    if id_column is None:
        what = f"names rows by id, but {noisy} has no id column"
        findings.error(table.name, what, "name it with --id-column")
    named = {role: column for role, column in roles.items() if column is not None}
    if len(named) < len(roles) or findings.has_errors:
        return None
    reader = LabelReader(table, named["label"])
    keys, who = [], []
    for chunk in scan(table, list(dict.fromkeys(named.values())), verbatim=True):
        keys.append(canonical_ids(chunk.batch.column(named["ids"]), table.schema.field(named["ids"]).type))
        who.append(canonical_ids(chunk.batch.column(named["source"]), table.schema.field(named["source"]).type))
        reader.see(chunk.batch.column(named["label"]))
    wanted = gather(keys)
    rows = find_ids(wanted, ids)
    names = gather(who).cast(pa.string())
    names = (pc.if_else(pc.equal(names, TRUSTED), None, names) if asked else names).dictionary_encode()
    source = names.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    empty = np.flatnonzero(source < 0)
    if asked:  # answers of the person whose answers are trusted are for --clean
        rows = np.where(source < 0, -1, rows)
    elif len(empty):
        what = f"column {named['source']!r} is empty"
        findings.error(table.files[0], what, "write who says it, or remove the row", int(empty[0]) + 1)
        return None
    lost = np.flatnonzero((rows < 0) & (source >= 0))
    if len(lost) == len(rows) or not len(names.dictionary):
        shown = f'"{wanted[0]}"' if len(wanted) else "none"
        findings.error(table.name, f"none of its ids (such as {shown}) stands in {noisy}", "give both the same ids")
        return None
    if len(lost):
        what = f'{len(lost):,} opinions are of rows that {noisy} does not have, such as "{wanted[int(lost[0])]}"'
        findings.warning(table.files[0], what, "they are left out", int(lost[0]) + 1)
    order = sorted(range(len(names.dictionary)), key=lambda place: str(names.dictionary[place]))
    rank = np.argsort(order).astype(np.int64)
    called = tuple(str(names.dictionary[place]) for place in order)
    return joined([Ballots.as_read(rows, rank[source], reader.result(), called)], abstain)


def who_and_label(table: TableSource) -> tuple[str | None, str | None]:
    """The columns of who said it and of what, in a table that is a file of opinions, too."""
    return _named(table, SOURCE_NAMES), _named(table, LABEL_NAMES)


def _named(table: TableSource, names: Sequence[str]) -> str | None:
    columns = {column.lower(): column for column in table.schema.names}
    return next((columns[name] for name in names if name in columns), None)


def _role(table: TableSource, names: Sequence[str], what: str, findings: Findings) -> str | None:
    """The column of a long file that is named like its role."""
    found = _named(table, names)
    if found is None:
        remedy = f"call the column of {what} {names[0]!r}"
        findings.error(table.name, f"has no column of {what}; its columns are {listed(table, names[0])}", remedy)
    return found


def with_trusted(labels: LabelColumn, values: Sequence[str], stored: Sequence[str]) -> LabelColumn:
    """The labels with further ones of which no source speaks.

    Args:
        values: Labels of the trusted file that are not among them.
    """
    more = {"counts": (0,) * len(values), "first": (0,) * len(values)}
    return replace(
        labels,
        values=(*labels.values, *values),
        stored=(*labels.stored, *stored),
        counts=labels.counts + more["counts"],
        first=labels.first + more["first"],
    )
