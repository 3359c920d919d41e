"""Reading a source as every pass over it needs it: columns of plain types only, text that is valid UTF-8."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa

from labelfix.data.formats import Chunk, TableSource
from labelfix.data.formats.plain import as_text, decode, is_bytes, is_list, is_number, is_text, no_utf8, value_type
from labelfix.errors import InputError, input_error

__all__ = [
    "as_text",
    "decode",
    "is_bytes",
    "is_list",
    "is_number",
    "is_text",
    "numbered_rows",
    "regroup",
    "scan",
    "value_type",
]


def scan(
    source: TableSource,
    columns: Sequence[str],
    rows: int | None = None,
    verbatim: bool = False,
    texts: Collection[str] = (),
) -> Iterator[Chunk]:
    """The chunks of a source; every column made plain (see `value_type`), strings known to be UTF-8.

    Args:
        rows: At most this many rows a chunk; None: as many as the source is read at once.
        verbatim: Cells of text formats as they stand in the file.
        texts: Columns among them that are wanted as text although they may be stored as binary.
    """
    for chunk in source.read(list(columns), rows or source.read_rows, verbatim):
        arrays = [decode(column) for column in chunk.batch.columns]
        for place, name in enumerate(chunk.batch.schema.names):
            if name in texts and is_bytes(arrays[place].type):
                # Not a cast, which would stop at the first value that is not UTF-8 without saying where.
                arrays[place] = arrays[place].cast(pa.binary()).view(pa.string())
            if is_text(arrays[place].type):
                _check_utf8(arrays[place], name, source.files[chunk.file_index], chunk.first_row)
            elif _holds_text(arrays[place].type):
                _check_nested(arrays[place], name, source.files[chunk.file_index])
        yield Chunk(pa.record_batch(arrays, names=chunk.batch.schema.names), chunk.file_index, chunk.first_row)


def numbered_rows(
    source: TableSource, numbers: Collection[int], columns: Sequence[str]
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Some rows of a source, by their number from 1; it is read no further than the last of them."""
    left = set(numbers)
    for chunk in source.scan(columns):
        here = sorted(n for n in left if chunk.first_row <= n < chunk.first_row + chunk.batch.num_rows)
        for number in here:
            yield number, chunk.batch.slice(number - chunk.first_row, 1).to_pylist()[0]
        left -= set(here)
        if not left:
            return


def regroup(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[list[pa.RecordBatch]]:
    """The same rows in groups of exactly `rows` rows (the last one may be shorter), each a list of batches."""
    held: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        start = 0
        while start < batch.num_rows:
            part = batch.slice(start, rows - count)
            held.append(part)
            start, count = start + part.num_rows, count + part.num_rows
            if count == rows:
                yield held
                held, count = [], 0
    if held:
        yield held


def _check_utf8(array: pa.Array, column: str, file: str, first: int) -> None:
    try:
        array.validate(full=True)
    except pa.ArrowInvalid:
        raise InputError(no_utf8(array, column, file, first, "write the text as UTF-8")[:5]) from None


def _holds_text(type_: pa.DataType) -> bool:
    """Whether a plain type has strings somewhere inside."""
    return is_text(type_) or any(_holds_text(type_.field(i).type) for i in range(type_.num_fields))


def _check_nested(array: pa.Array, column: str, file: str) -> None:
    try:
        array.validate(full=True)
    except pa.ArrowInvalid:
        what = f"column {column!r} holds text that is not UTF-8"
        raise input_error(file, what, "write the text as UTF-8") from None
