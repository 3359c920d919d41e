"""Reading a source with the checks that every pass over it needs: text must be valid UTF-8."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa

from labelfix.data.formats import Chunk, TableSource
from labelfix.errors import Defect, InputError


def scan(source: TableSource, columns: Sequence[str], rows: int, verbatim: bool = False) -> Iterator[Chunk]:
    """The chunks of a source; dictionaries decoded, strings known to be UTF-8.

    Args:
        source: What to read.
        columns: The columns wanted, in that order.
        rows: At most so many rows a chunk.
        verbatim: Cells of text formats as they stand in the file.

    Raises:
        InputError: A string is not UTF-8 (Arrow formats do not check it when they read), or the file is damaged.
    """
    for chunk in source.verbatim(columns, rows) if verbatim else source.scan(columns, rows):
        arrays = [decode(column) for column in chunk.batch.columns]
        for name, array in zip(chunk.batch.schema.names, arrays, strict=True):
            if is_text(array.type):
                _check_utf8(array, name, source.files[chunk.file_index], chunk.first_row)
        yield Chunk(pa.record_batch(arrays, names=chunk.batch.schema.names), chunk.file_index, chunk.first_row)


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


def decode(array: pa.Array) -> pa.Array:
    """Dictionary columns as their values, other kinds of strings as plain ones."""
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_large_string(array.type) or pa.types.is_string_view(array.type):
        array = array.cast(pa.string())
    return array


def value_type(type_: pa.DataType) -> pa.DataType:
    """The type of a column's values as `scan` gives them."""
    if pa.types.is_dictionary(type_):
        type_ = type_.value_type
    return pa.string() if is_text(type_) else type_


def is_text(type_: pa.DataType) -> bool:
    """Whether a type is one of Arrow's string types."""
    return bool(pa.types.is_string(type_) or pa.types.is_large_string(type_) or pa.types.is_string_view(type_))


def is_bytes(type_: pa.DataType) -> bool:
    """Whether a type holds bytes, which programs such as Impala and Hive write where text is meant."""
    return bool(
        pa.types.is_binary(type_)
        or pa.types.is_large_binary(type_)
        or pa.types.is_fixed_size_binary(type_)
        or pa.types.is_binary_view(type_)
    )


def as_text(array: pa.Array) -> pa.Array:
    """Bytes as the text that they are in UTF-8; a cell that is none in hexadecimal. Any other column as it is."""
    if not is_bytes(array.type):
        return array
    plain = array.cast(pa.binary())
    try:
        return plain.cast(pa.string())
    except pa.ArrowInvalid:
        return pa.array([None if cell is None else _utf8_or_hex(cell) for cell in plain.to_pylist()], pa.string())


def is_list(type_: pa.DataType) -> bool:
    """Whether a type is one of Arrow's list types."""
    return bool(pa.types.is_list(type_) or pa.types.is_large_list(type_) or pa.types.is_fixed_size_list(type_))


def is_number(type_: pa.DataType) -> bool:
    """Whether a type holds numbers (booleans are none)."""
    return bool(pa.types.is_integer(type_) or pa.types.is_floating(type_) or pa.types.is_decimal(type_))


def _utf8_or_hex(cell: bytes) -> str:
    try:
        return cell.decode("utf-8")
    except UnicodeDecodeError:
        return cell.hex()


def _check_utf8(array: pa.Array, column: str, file: str, first: int) -> None:
    try:
        array.validate(full=True)
        return
    except pa.ArrowInvalid:
        pass
    defects = []
    for offset, cell in enumerate(array.cast(pa.binary()).to_pylist()):
        try:
            _ = cell.decode("utf-8") if cell is not None else ""
        except UnicodeDecodeError as error:
            shown = cell.decode("utf-8", errors="replace")[:60]
            what = f"column {column!r} is not UTF-8 text: byte 0x{cell[error.start]:02x} in {shown!r}"
            defects.append(Defect("error", file, first + offset, what, "write the text as UTF-8"))
    raise InputError(defects[:5])
