"""Columns of any Arrow type made plain: the few types that the rest of labelfix knows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from labelfix.errors import Defect

LISTS = (
    pa.types.is_list,
    pa.types.is_large_list,
    pa.types.is_fixed_size_list,
    pa.types.is_list_view,
    pa.types.is_large_list_view,
)
"""Tests for the kinds of lists that Arrow has."""


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
        # The few values first: rows of views cannot be taken.
        return pa.DictionaryArray.from_arrays(array.indices, decode(array.dictionary)).dictionary_decode()
    if pa.types.is_run_end_encoded(type_):
        return decode(pc.run_end_decode(array))
    if is_list(plain):
        return convert_lists(array, plain, decode)
    return array.cast(plain)


def value_type(type_: pa.DataType) -> pa.DataType:
    """The type of a column's values as `scan` gives them.

    Dictionaries and run ends are their values; strings and binaries of every kind the plain ones; list views lists;
    decimals of 32 and 64 bits those of 128; UUIDs their canonical text, JSON its text, 8-bit booleans booleans, and any
    other extension type what it is stored as. Lists have plain items.
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
    """Bytes as the text that they are, as Impala, Hive and old Spark write it; a column of another type as it is.

    A cell that is no UTF-8, such as a key of 16 bytes, is written in hexadecimal. Where text has to be UTF-8, `scan`
    with `texts` says where it is not.
    """
    array = decode(array)
    if not is_bytes(array.type):
        return array
    cells = array.cast(pa.binary())
    try:
        return cells.cast(pa.string())
    except pa.ArrowInvalid:
        return pa.array([None if cell is None else _utf8_or_hex(cell) for cell in cells.to_pylist()], pa.string())


def _utf8_or_hex(cell: bytes) -> str:
    try:
        return cell.decode("utf-8")
    except UnicodeDecodeError:
        return cell.hex()


def no_utf8(cells: pa.Array, column: str, file: str, first: int, remedy: str) -> list[Defect]:
    """A defect for each cell of a column whose bytes are not UTF-8.

    Args:
        cells: Strings or bytes.
        first: Row of the first of them, from 1.
    """
    found = []
    for row, cell in enumerate(cells.cast(pa.binary()).to_pylist(), start=first):
        try:
            _ = cell.decode("utf-8") if cell is not None else ""
        except UnicodeDecodeError as error:
            shown = cell.decode("utf-8", errors="replace")[:60]
            what = f"column {column!r} is not UTF-8 text: byte 0x{cell[error.start]:02x} in {shown!r}"
            found.append(Defect("error", file, row, what, remedy))
    return found


def check_sound(batch: pa.RecordBatch) -> None:
    """Refuse a batch of an Arrow file whose offsets lead elsewhere: to look at its values would end the process.

    Whether strings are UTF-8 is not looked at: a pass over them can name the row.
    """
    for column in batch.columns:
        if pa.types.is_string(column.type):
            column = column.view(pa.binary())
        elif pa.types.is_large_string(column.type):
            column = column.view(pa.large_binary())
        column.validate(full=True)


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


def convert_lists(array: pa.Array, plain: pa.DataType, convert: Callable[[pa.Array], pa.Array]) -> pa.Array:
    """Lists of any kind as those of a plain list type.

    Args:
        plain: A list of fixed size only where the lists are such, too.
        convert: Makes of their items those of `plain`.
    """
    mask = array.is_null() if array.null_count else None
    if pa.types.is_fixed_size_list(plain):
        width = plain.list_size
        # Rows that are null have items too, and `values` holds what stands beyond a slice.
        items = convert(array.values.slice(array.offset * width, len(array) * width))
        return pa.FixedSizeListArray.from_arrays(items, type=plain, mask=mask)
    # No cast of list views: of a slice, pyarrow 26 makes lists that are not valid.
    large = pa.types.is_large_list(plain)
    lengths = pc.fill_null(pc.list_value_length(array), 0).to_numpy(zero_copy_only=False)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64 if large else np.int32)
    kind = pa.LargeListArray if large else pa.ListArray
    return kind.from_arrays(pa.array(offsets), convert(array.flatten()), type=plain, mask=mask)


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
