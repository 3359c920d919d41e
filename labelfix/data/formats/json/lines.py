"""JSON Lines and JSON: one object a line, an array of objects, or a table inside one object; also compressed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from labelfix.data.formats.base import (
    AS_THEY_ARE,
    Chunk,
    Edit,
    ReadOptions,
    Source,
)
from labelfix.data.formats.bounds import check_columns
from labelfix.data.formats.hashed_files import HashedFiles, as_opened
from labelfix.data.formats.json.one_object import rows_alone
from labelfix.data.formats.json.records import Record, is_array, read_records, read_values
from labelfix.data.formats.json.types import JsonColumn, KeyTypes, columns, see
from labelfix.data.formats.json.write import SUFFIXES, is_lines, too_deep, write_json, write_texts
from labelfix.data.formats.text_file import find_text
from labelfix.data.spelling import by_spelling
from labelfix.errors import Defect, input_error

__all__ = ["SUFFIXES", "JsonSource", "recognises", "write_json"]

_ENDING = re.compile(r"\.(jsonl|ndjson|json)(\.(gz|bz2|xz|zst))?$", re.IGNORECASE)


class JsonSource(HashedFiles):
    """One JSON file, or several with the same columns.

    Args:
        name: The table as the user named it.
        options: How the files are to be read, as given by the user.

    Raises:
        InputError: A file is missing, or a record of it is broken.
    """

    format = "json"

    def __init__(self, paths: Sequence[Path], name: str, options: ReadOptions = AS_THEY_ARE) -> None:
        super().__init__(paths, name)
        texts = [find_text(path, file, options.encoding) for path, file in zip(paths, self.files, strict=True)]
        found = [(text, True) if is_array(text) else rows_alone(text) for text in texts]
        self._texts, self._arrays = [text for text, _ in found], [array for _, array in found]
        self.remarks: tuple[str, ...] = tuple(dict.fromkeys(r for text in self._texts for r in text.remarks))
        self._columns = self._find_columns()
        self.schema: pa.Schema = pa.schema([(name, column.type) for name, column in self._columns.items()])
        if alike := [names for names in by_spelling(self._columns).values() if len(names) > 1]:
            what = f"has keys that differ in spelling alone, {' and '.join(map(repr, alike[0]))}"
            remedy = "each is a column of its own: if they mean one thing, write it under one key in all records"
            self.warnings = (Defect("warning", name, None, what, remedy),)

    @as_opened
    def read(self, names: list[str], rows: int, verbatim: bool) -> Iterator[Chunk]:
        schema = pa.schema([self.schema.field(name) for name in names])
        for index, (text, array) in enumerate(zip(self._texts, self._arrays, strict=True)):
            first = 1
            for records in _of_size(read_values(text, array), rows):
                arrays = [self._columns[name].values(records) for name in names]
                batch = pa.record_batch(arrays, schema=schema) if names else pa.record_batch([], schema=schema)
                yield Chunk(batch, index, first)
                first += len(records)

    def rewrites(self, target: Path) -> bool:
        return target.name.lower().endswith(SUFFIXES)

    def rewrite(
        self, path: Path, target: Path, label: str, given: str, added: pa.Schema, edits: Iterable[Edit]
    ) -> None:
        """See `Rewritable.rewrite`: records stay as they stand, but for replaced labels and the new keys at the end."""
        lines = is_lines(target) or (self.paths[0].suffix == target.suffix and not any(self._arrays))
        column = self._columns[label]
        write_texts(path, target, self._rewritten(column, [given, *added.names], edits, lines), lines)

    def _find_columns(self) -> dict[str, JsonColumn]:
        fields: dict[str, KeyTypes] = {}
        count = keys = 0
        for text, array in zip(self._texts, self._arrays, strict=True):
            for _, records in read_values(text, array):
                for record in records:
                    see(fields, record)
                count, keys = count + len(records), keys + sum(map(len, records))
                check_columns(len(fields), self.name)
        if not fields:
            raise input_error(self.name, "holds no records", "write one object a line, or an array of objects")
        if len(fields) == count == keys > FEW:
            what = f"has another key in each of its {count:,} records, such as {next(iter(fields))!r}"
            remedy = "write them as one object (jq -s 'flatten | add' FILE), or as rows of the columns id and label"
            raise input_error(self.name, what, remedy)
        return columns(fields)

    def _rewritten(self, column: JsonColumn, keys: list[str], edits: Iterable[Edit], lines: bool) -> Iterator[str]:
        records = (
            record
            for text, array in zip(self._texts, self._arrays, strict=True)
            for record in read_records(text, array)
        )
        for edit in edits:
            new, added = edit.new.to_pylist(), edit.added.to_pylist() or [{}] * len(edit.old)
            for place, more in enumerate(added):
                record = next(records)
                if not edit.kept[place]:
                    continue
                old = _under(record.value, column.path)
                values = dict(zip(keys, [old, *more.values()], strict=True))
                try:
                    if edit.changed[place]:
                        _put(record.value, column.path, column.said(new[place]))
                        yield _dumped({**record.value, **values}, record)
                    else:
                        yield _extended(record, values, lines)
                except RecursionError:
                    raise too_deep(self.name) from None


BEGINNING = 1 << 12

FEW = 10
"""Records of one key each, and no key twice: with more of them the keys are ids, and no columns."""

AT_ONCE = 1 << 24
"""Letters of records that are held at once: lists and objects take up to thirty times as much."""

_RECORDS = re.compile(rb'(\xef\xbb\xbf)?\s*(\[\s*)?\{\s*"[^"\r\n]*"\s*:')


def recognises(source: Source) -> bool:
    """A file named .jsonl, .ndjson or .json, also compressed."""
    return isinstance(source, Path) and _ENDING.search(source.name) is not None


def begins_with_records(path: Path) -> bool:
    """Whether a file, whatever it is called, begins as JSON Lines or an array of objects does."""
    with path.open("rb", buffering=0) as stream:
        return _RECORDS.match(stream.read(BEGINNING)) is not None


def _of_size(blocks: Iterable[tuple[int, list[dict[str, Any]]]], rows: int) -> Iterator[list[dict[str, Any]]]:
    """Records in pieces of that many, the last one apart, or of fewer that have many letters."""
    held: list[dict[str, Any]] = []
    letters = 0
    for more, records in blocks:
        held += records
        letters += more
        full = len(held) // rows * rows if letters < AT_ONCE else len(held)
        yield from (held[start : min(start + rows, full)] for start in range(0, full, rows))
        held, letters = (held[full:], 0) if full else (held, letters)
    if held:
        yield held


def _under(record: dict[str, Any], path: Sequence[str]) -> Any:  # noqa: ANN401 - whatever JSON can say
    value: Any = record
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _put(record: dict[str, Any], path: Sequence[str], value: Any) -> None:  # noqa: ANN401 - whatever JSON can say
    for key in path[:-1]:
        inside = record.get(key)
        if not isinstance(inside, dict):
            inside = record[key] = {}
        record = inside
    record[path[-1]] = value


def _extended(record: Record, values: dict[str, Any], lines: bool) -> str:
    """The record as it stands, with more keys at its end."""
    text = record.text
    if lines and "\n" in text:
        return _dumped({**record.value, **values}, record)
    body = text[:-1].rstrip()
    more = _dumped(values, record)[1:-1]
    comma = "" if not record.value else "," if _tight(text) else ", "
    return f"{body}{comma}{more}{text[len(body) : -1]}}}"


def _dumped(value: dict[str, Any], record: Record) -> str:
    """An object as JSON, with or without spaces and letters beyond ASCII as the record is; NaN stays what it was."""
    separators = (",", ":") if _tight(record.text) else (", ", ": ")
    return json.dumps(value, ensure_ascii=record.text.isascii() and "\\u" in record.text, separators=separators)


def _tight(text: str) -> bool:
    """Whether keys and values stand close together."""
    return re.match(r'\{\s*"(?:[^"\\]|\\.)*":\S', text) is not None
