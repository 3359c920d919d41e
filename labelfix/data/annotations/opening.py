"""Opening trusted files, among which there may be answers from annotation tools, spreadsheets and `labelfix review`.

A file is known by what is in it, never by its name: tasks that `labelfix export --tasks` wrote carry `labelfix_id`
beside each row, Argilla's records and decisions have keys of their own. Everything else is read as ever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa

from labelfix.data.annotations import argilla, label_studio, reviewed
from labelfix.data.annotations.marks import ANSWER, CHANCE, DRAWN, ESCAPED, ID, QUESTION, Mark, vote
from labelfix.data.annotations.source import AnnotatedSource, AnsweredTable
from labelfix.data.columns.ids import canonical_ids
from labelfix.data.formats import ReadOptions, open_table
from labelfix.data.formats.base import AS_THEY_ARE, Source, TableSource
from labelfix.data.formats.file_checks import hash_files
from labelfix.data.formats.frames import are_records
from labelfix.data.formats.json import lines as json_lines
from labelfix.data.formats.json.one_object import labels_by_key, rows_alone
from labelfix.data.formats.json.records import is_array, read_values
from labelfix.data.formats.opening import open_each
from labelfix.data.formats.text_file import find_text
from labelfix.data.scan import as_text, scan
from labelfix.data.spelling import spelled
from labelfix.errors import InputError, input_error
from labelfix.remote import as_path
from labelfix.settings.remote_names import is_remote

LOOKED_AT = 20
"""Records that tell what a file is."""

STUDIO = "Label Studio's"
FLAT = ("annotation_id", "annotator", "lead_time")
"""Columns of a record of Label Studio's; a spreadsheet of labelfix's own has none of them."""

Record = Mapping[str, Any]


def open_trusted(
    sources: Sequence[Any], name: str | None = None, options: ReadOptions = AS_THEY_ARE
) -> list[TableSource]:
    """Open one or several trusted tables; every one that cannot be opened is named.

    Args:
        sources: Paths or tables.

    Raises:
        InputError: As `open_several`, or a file of answers is damaged.
    """
    if len(sources) == 1 and isinstance(sources[0], Mapping):
        sources = labels_by_key(sources[0]) or sources
    if are_records(sources):
        return [open_table(sources, name, options)]
    return open_each(sources, lambda source: _open(source, name, options))


def open_opinions(path: str, options: ReadOptions) -> TableSource:
    """Open a file with a row for each opinion; of answers that come back from people, each person is a source."""
    opened = _open(path, None, options)
    return opened.by_person() if isinstance(opened, AnnotatedSource) else opened


def _open(source: Source, name: str | None, options: ReadOptions) -> TableSource:
    if isinstance(source, str | Path):
        path = as_path(source).expanduser()
        shown = str(path if is_remote(source) else source)
        found = None
        if json_lines.recognises(path) and path.is_file():
            found = _from_json(path, shown, options)
        elif not is_remote(source) and path.is_dir():
            found = _from_project(path, shown, options)
        if found is not None:
            return found
    opened = open_table(source, name, options)
    return _from_columns(opened) or opened


def _from_project(folder: Path, name: str, options: ReadOptions) -> AnnotatedSource | AnsweredTable | None:
    """Answers in the folder of a project, beside files of settings; None where it is another folder."""
    files = sorted(path for path in folder.iterdir() if json_lines.recognises(path) and path.is_file())
    found = []
    for path in files if len(files) <= LOOKED_AT else ():
        try:
            found.append(_from_json(path, str(Path(name) / path.name), options))
        except InputError:  # no table, as the settings of a project
            continue
    answers = [each for each in found if each is not None]
    if len(answers) > 1:
        shown = " and ".join(each.name for each in answers[:2])
        raise input_error(name, f"holds {len(answers)} files of answers, such as {shown}", "give one of them")
    return answers[0] if answers else None


def _of_tool(
    name: str,
    kind: str,
    content: Callable[[], str],
    records: Iterable[Record],
    marks_of: Callable[[Record], Iterable[Mark]],
    tool: ModuleType,
    *remarks: str,
) -> AnnotatedSource | AnsweredTable:
    """Answers of a tool: to rows that labelfix sent there, or else a table of its own."""
    every = list(records)
    asked = set().union(*map(tool.questions, every))
    if len(asked) > 1 and QUESTION not in asked:
        what = f"holds answers to {len(asked)} questions ({', '.join(sorted(asked)[:5])})"
        raise input_error(name, what, "keep those to the one that is the label, or give a table with a column for each")
    if all(map(tool.is_ours, every)):
        votes = vote(mark for record in every for mark in marks_of(record))
        return AnnotatedSource(name, kind, replace(votes, remarks=(*votes.remarks, *remarks)), content)
    marks = [replace(mark, id=str(row)) for row, record in enumerate(every) for mark in marks_of(record)]
    votes = vote(marks)
    labels = {int(mark.id): mark.label for mark in votes.marks}
    about = [tool.fields_of(record) for record in every]
    table = AnsweredTable(about, [labels.get(row) for row in range(len(about))], name)
    table.remarks = (f"read as {kind}", *votes.remarks, *remarks)
    return table


def _from_json(path: Path, name: str, options: ReadOptions) -> AnnotatedSource | AnsweredTable | None:
    """Answers in a file of JSON; None where it holds something else."""

    def records() -> Iterator[Record]:
        text = find_text(path, name, options.encoding)
        alone, array = (text, True) if is_array(text) else rows_alone(text)
        return (record for _, block in read_values(alone, array) for record in block)

    def content() -> str:
        return hash_files([path])

    head = list(islice(records(), LOOKED_AT))
    if head and all(map(reviewed.is_decision, head)):
        marks = tuple(reviewed.of_answers(path, name))
        return AnnotatedSource(name, "decisions of labelfix review", vote(marks), content)
    if head and all(map(label_studio.is_task, head)):
        tasks = filter(label_studio.is_task, records())
        return _of_tool(name, f"{STUDIO} JSON", content, tasks, label_studio.of_task, label_studio)
    if head and all(map(label_studio.is_annotation, head)):
        each = map(label_studio.task_of, filter(label_studio.is_annotation, records()))
        return _of_tool(name, f"{STUDIO} annotations", content, each, label_studio.of_task, label_studio)
    if head and all(map(argilla.is_nested, head)):
        nested = filter(argilla.is_nested, records())
        return _of_tool(name, "Argilla's records", content, nested, argilla.of_nested, argilla, argilla.UNKNOWN_STATUS)
    if any(argilla.is_flat(record) for record in head):
        flat = filter(argilla.is_flat, records())
        return _of_tool(name, "Argilla's flat records", content, flat, argilla.of_flat, argilla)
    if any(ID in record for record in head):
        every = list(records())
        return _of_flat(name, content, every, sorted({key for record in every for key in record}))
    return None


def _from_columns(opened: TableSource) -> AnnotatedSource | AnsweredTable | None:
    """Answers in a table; None where it holds something else."""
    names = list(opened.schema.names)
    flat = argilla.is_flat(names)
    if not flat and ID not in names:
        return None
    wanted = names if flat else [name for name in names if name in _READ or name.startswith(f"{QUESTION}.")]
    records: list[Record] = []
    for chunk in scan(opened, wanted, 8192, verbatim=True):
        cells = [_plain(opened, name, column) for name, column in zip(wanted, chunk.batch.columns, strict=True)]
        records += pa.table(cells, names=wanted).to_pylist()
    if flat:
        kind = "Argilla's flat records"
        return _of_tool(opened.name, kind, opened.content_hash, records, argilla.of_flat, argilla)
    return _of_flat(opened.name, opened.content_hash, records, names)


def _plain(opened: TableSource, name: str, cells: pa.Array) -> pa.Array:
    """Cells as texts, ids as they stand; lists stay lists."""
    if pa.types.is_nested(cells.type):
        return cells
    if name in ("id", ID):
        return canonical_ids(cells, opened.schema.field(name).type).cast(pa.string())
    return spelled(as_text(cells))


_READ = ("id", ID, ANSWER, QUESTION, *FLAT, "created_at", "updated_at", DRAWN, CHANCE, ESCAPED)


def _of_flat(name: str, content: Callable[[], str], records: Sequence[Record], names: Sequence[str]) -> AnnotatedSource:
    """A record an answer: Label Studio's, or a spreadsheet of labelfix's own."""
    if ANSWER in names and not set(FLAT) & set(names):
        marks = [_filled(record) for record in records]
        return AnnotatedSource(name, "answers in a table", vote(marks), content)
    if not {QUESTION, *FLAT} & set(names):
        what = f"has {ID!r}, as tasks of labelfix have, and no column of answers"
        raise input_error(
            name, what, f"give it with the column {ANSWER!r} (spreadsheets) or {QUESTION!r} (Label Studio)"
        )
    return AnnotatedSource(name, f"{STUDIO} records", vote(map(label_studio.of_record, records)), content)


def _filled(record: Record) -> Mark:
    """A row of a spreadsheet, or of the decisions that the page of `labelfix report` gives."""
    if record.get(ESCAPED):
        record = {**record, **{name: str(record.get(name) or "").removeprefix("'") for name in (ID, ANSWER)}}
    text = label_studio.text
    return Mark(
        label_studio.identity(record.get(ID)), text(record.get(ANSWER)) or None, "", "", *label_studio.drawn(record)
    )
