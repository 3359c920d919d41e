"""Reading a source as every pass over it needs it: columns of plain types only, text that is valid UTF-8."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from labelfix.data.formats import Chunk, TableSource
from labelfix.errors import Defect, InputError


def scan(
    source: TableSource, columns: Sequence[str], rows: int, verbatim: bool = False, texts: Collection[str] = ()
) -> Iterator[Chunk]:
    """The chunks of a source; every column made plain (see `value_type`), strings known to be UTF-8.

    Args:
        source: What to read.
        columns: The columns wanted, in that order.
        rows: At most so many rows a chunk.
        verbatim: Cells of text formats as they stand in the file.
        texts: Columns among them that are wanted as text although they may be stored as binary.

    Raises:
        InputError: A string is not UTF-8 (Arrow formats do not check it when they read), or the file is damaged.
    """
    for chunk in source.verbatim(columns, rows) if verbatim else source.scan(columns, rows):
        arrays = [decode(column) for column in chunk.batch.columns]
        for place, name in enumerate(chunk.batch.schema.names):
            if name in texts and is_bytes(arrays[place].type):
                # Not a cast, which would stop at the first value that is not UTF-8 without saying where.
                arrays[place] = arrays[place].cast(pa.binary()).view(pa.string())
            if is_text(arrays[place].type):
                _check_utf8(arrays[place], name, source.files[chunk.file_index], chunk.first_row)
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
    """A column made plain: its values in the type that `value_type` names, rows and nulls as they are."""
    type_ = array.type
    plain = value_type(type_)
    if plain == type_:
        return array
    if isinstance(type_, pa.BaseExtensionType):
        if type_.extension_name == "arrow.uuid":
            return _uuid_texts(array.storage)
        if type_.extension_name == "arrow.bool8":
            return array.storage.cast(pa.bool_())
        return decode(array.storage)
    if pa.types.is_dictionary(type_):
        return decode(array.dictionary_decode())
    if pa.types.is_run_end_encoded(type_):
        return decode(pc.run_end_decode(array))
    if is_list(plain):
        return _plain_lists(array, plain)
    return array.cast(plain)


def value_type(type_: pa.DataType) -> pa.DataType:
    """The type of a column's values as `scan` gives them.

    Dictionaries and run ends are their values; strings and binaries of every kind the plain ones; list views lists;
    decimals of 32 and 64 bits those of 128; UUIDs their canonical text, JSON its text, 8-bit booleans booleans, and any other extension type what it is stored
    as. Lists have plain items.
    """
    if isinstance(type_, pa.BaseExtensionType):
        known = {"arrow.uuid": pa.string(), "arrow.bool8": pa.bool_()}
        return known.get(type_.extension_name) or value_type(type_.storage_type)
    if pa.types.is_dictionary(type_) or pa.types.is_run_end_encoded(type_):
        return value_type(type_.value_type)
    if is_text(type_):
        return pa.string()
    if pa.types.is_large_binary(type_) or pa.types.is_binary_view(type_):
        return pa.binary()
    if pa.types.is_decimal32(type_) or pa.types.is_decimal64(type_):
        return pa.decimal128(type_.precision, type_.scale)
    return _list_type(type_)


def as_text(array: pa.Array) -> pa.Array:
    """Strings that were written as binary, as Impala, Hive and old Spark do; a column of another type as it is.

    Raises:
        UnicodeDecodeError: A value is not UTF-8 (`scan` with `texts` says where).
    """
    array = decode(array)
    if not is_bytes(array.type):
        return array
    cells = array.cast(pa.binary())
    try:
        return cells.cast(pa.string())
    except pa.ArrowInvalid:
        for cell in cells.to_pylist():
            _ = None if cell is None else cell.decode("utf-8")
        raise


def is_bytes(type_: pa.DataType) -> bool:
    """Whether a plain type is bytes, of any or of one length."""
    return bool(pa.types.is_binary(type_) or pa.types.is_fixed_size_binary(type_))


def is_text(type_: pa.DataType) -> bool:
    """Whether a type is one of Arrow's string types."""
    return bool(pa.types.is_string(type_) or pa.types.is_large_string(type_) or pa.types.is_string_view(type_))


def is_list(type_: pa.DataType) -> bool:
    """Whether a type is one of Arrow's list types."""
    return bool(pa.types.is_list(type_) or pa.types.is_large_list(type_) or pa.types.is_fixed_size_list(type_))


def is_number(type_: pa.DataType) -> bool:
    """Whether a type holds numbers (booleans are none)."""
    return bool(pa.types.is_integer(type_) or pa.types.is_floating(type_) or pa.types.is_decimal(type_))


def _list_type(type_: pa.DataType) -> pa.DataType:
    """A list type with plain items; other types as they are."""
    if pa.types.is_fixed_size_list(type_):
        item = value_type(type_.value_type)
        return type_ if item == type_.value_type else pa.list_(item, type_.list_size)
    if pa.types.is_list(type_) or pa.types.is_list_view(type_):
        item = value_type(type_.value_type)
        return type_ if pa.types.is_list(type_) and item == type_.value_type else pa.list_(item)
    if pa.types.is_large_list(type_) or pa.types.is_large_list_view(type_):
        item = value_type(type_.value_type)
        return type_ if pa.types.is_large_list(type_) and item == type_.value_type else pa.large_list(item)
    return type_


def _plain_lists(array: pa.Array, plain: pa.DataType) -> pa.Array:
    """Lists of any kind as the plain ones, their items made plain."""
    mask = array.is_null() if array.null_count else None
    if pa.types.is_fixed_size_list(plain):
        width = plain.list_size
        # Rows that are null have items too, and `values` holds what stands beyond a slice.
        items = decode(array.values.slice(array.offset * width, len(array) * width))
        return pa.FixedSizeListArray.from_arrays(items, type=plain, mask=mask)
    # No cast of list views: of a slice, pyarrow 26 makes lists that are not valid.
    large = pa.types.is_large_list(plain)
    lengths = pc.fill_null(pc.list_value_length(array), 0).to_numpy(zero_copy_only=False)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64 if large else np.int32)
    kind = pa.LargeListArray if large else pa.ListArray
    return kind.from_arrays(pa.array(offsets), decode(array.flatten()), type=plain, mask=mask)


def _uuid_texts(cells: pa.Array) -> pa.Array:
    """UUIDs, 16 bytes each, as their canonical text: lower case, 8-4-4-4-12."""
    count = len(cells)
    filled = cells.fill_null(bytes(16)) if cells.null_count else cells
    stored = np.frombuffer(filled.buffers()[1] or b"", np.uint8)[filled.offset * 16 : (filled.offset + count) * 16]
    digits = np.frombuffer(b"0123456789abcdef", np.uint8)[np.stack([stored >> 4, stored & 15], axis=-1)]
    digits = digits.reshape(count, 32)
    dash = np.full((count, 1), ord("-"), np.uint8)
    parts = [digits[:, :8], dash, digits[:, 8:12], dash, digits[:, 12:16], dash, digits[:, 16:20], dash, digits[:, 20:]]
    letters = np.ascontiguousarray(np.concatenate(parts, axis=1))
    offsets = np.arange(count + 1, dtype=np.int32) * 36
    texts = pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(letters))
    return pc.if_else(cells.is_valid(), texts, pa.scalar(None, pa.string())) if cells.null_count else texts


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
