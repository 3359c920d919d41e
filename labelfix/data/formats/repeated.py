"""Texts that stand once in a file and many times in its rows, unpacked a bounded piece at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from labelfix.data.formats.bounds import BATCH_BYTES, Bounds

SHARING = (
    pa.types.is_string_view,
    pa.types.is_binary_view,
    pa.types.is_list_view,
    pa.types.is_large_list_view,
    pa.types.is_run_end_encoded,
)
"""Tests for the types whose cells are views of what other cells may view too."""


def unpacked(batch: pa.RecordBatch, schema: pa.Schema, bounds: Bounds) -> Iterator[pa.RecordBatch]:
    """The rows of a batch, those columns unpacked that are packed there and not in the schema, in bounded pieces.

    Args:
        batch: The rows; columns of texts may be dictionary-encoded.
        bounds: Counts what comes out.

    Raises:
        InputError: More comes out of the file than may.
    """
    for part in in_pieces(batch, bounds):
        columns = [
            _decoded(column, schema.field(name).type) if _repeats(column.type) else column
            for name, column in zip(part.schema.names, part.columns, strict=True)
        ]
        yield pa.record_batch(columns, names=part.schema.names)


def in_pieces(batch: pa.RecordBatch, bounds: Bounds) -> Iterator[pa.RecordBatch]:
    """The rows of a batch as they are, in pieces that stay bounded where their packed texts are unpacked.

    Args:
        bounds: Counts what comes out then.

    Raises:
        InputError: More comes out of the file than may.
    """
    packed = [column for column in batch.columns if _repeats(column.type)]
    if not packed:
        yield batch
        return
    sizes = np.sum([_sizes(column) for column in packed], axis=0)
    bounds.take(int(sizes.sum()))
    yield from (batch.slice(start, stop - start) for start, stop in _pieces(sizes))


def unpacks(type_: pa.DataType) -> bool:
    """Whether texts within cells of a type can be packed and unpacked again."""
    if is_plain_text(type_):
        return True
    inside = [type_.field(place).type for place in range(type_.num_fields)] if pa.types.is_nested(type_) else []
    views = (pa.types.is_string_view, pa.types.is_binary_view, pa.types.is_list_view, pa.types.is_large_list_view)
    return any(map(unpacks, inside)) and not any(test(each) for each in (type_, *inside) for test in views)


def told_bytes(batch: pa.RecordBatch) -> int:
    """Bytes of the columns of which more may come out than a file holds, but for what `unpacked` unpacks."""
    columns = (c for c in batch.columns if pa.types.is_nested(c.type) or is_plain_text(c.type))
    return sum(column.nbytes for column in columns)


def is_plain_text(type_: pa.DataType) -> bool:
    """Whether cells of a type are texts or bytes, each in its place."""
    tests = (
        pa.types.is_string,
        pa.types.is_large_string,
        pa.types.is_string_view,
        pa.types.is_binary,
        pa.types.is_large_binary,
        pa.types.is_binary_view,
    )
    return any(test(type_) for test in tests)


def _decoded(column: pa.Array, type_: pa.DataType) -> pa.Array:
    if column.type == type_:
        return column
    if pa.types.is_nested(type_):
        # Of a slice all items would be unpacked, also those beyond it.
        return column.take(pa.array(range(len(column)))).cast(type_)
    plain = column.dictionary_decode()
    return plain if plain.type == type_ else plain.cast(type_)


def _repeats(type_: pa.DataType) -> bool:
    """Whether cells of a type may hold more than is stored of them: several may share one text, or the same items."""
    if pa.types.is_dictionary(type_):
        return is_plain_text(type_.value_type)
    if pa.types.is_union(type_):
        return False
    inside = pa.types.is_nested(type_) and any(_repeats(type_.field(place).type) for place in range(type_.num_fields))
    return inside or any(test(type_) for test in SHARING)


def _sizes(column: pa.Array) -> npt.NDArray[np.int64]:
    """`(rows,)` bytes of each cell, unpacked."""
    import pyarrow.compute as pc

    type_, rows = column.type, len(column)
    if isinstance(type_, pa.BaseExtensionType):
        return _sizes(column.storage)
    if pa.types.is_dictionary(type_):
        return _numbers(pc.fill_null(pa.array(_sizes(column.dictionary)).take(column.indices), 0))
    if pa.types.is_string_view(type_) or pa.types.is_binary_view(type_):
        # A view begins with the length of its text; four numbers a view.
        lengths = np.frombuffer(column.buffers()[1], np.int32)[4 * column.offset : 4 * (column.offset + rows) : 4]
        return np.where(_valid(column), lengths, 0).astype(np.int64)
    if is_plain_text(type_):
        return _numbers(pc.fill_null(pc.binary_length(column), 0))
    if pa.types.is_run_end_encoded(type_):
        places = np.searchsorted(column.run_ends.to_numpy(), np.arange(column.offset, column.offset + rows), "right")
        return np.asarray(_sizes(column.values)[places], dtype=np.int64)
    if pa.types.is_struct(type_):
        return np.asarray(np.sum([np.zeros(rows, np.int64), *map(_sizes, column.flatten())], axis=0, dtype=np.int64))
    if pa.types.is_list_view(type_) or pa.types.is_large_list_view(type_):
        before = np.concatenate([[0], _sizes(column.values).cumsum()])
        first, count = (part.to_numpy(zero_copy_only=False).astype(np.int64) for part in (column.offsets, column.sizes))
        first, count = np.where(_valid(column), (first, count), 0)
        return np.asarray(before[first + count] - before[first], dtype=np.int64)
    if pa.types.is_map(type_):
        column = column.cast(pa.list_(type_.field(0)))
    if pa.types.is_nested(column.type) and not pa.types.is_union(type_):
        return np.bincount(np.asarray(pc.list_parent_indices(column)), _sizes(column.flatten()), rows).astype(np.int64)
    return np.full(rows, -(-column.nbytes // max(rows, 1)), dtype=np.int64)


def _numbers(column: pa.Array) -> npt.NDArray[np.int64]:
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.int64)


def _valid(column: pa.Array) -> npt.NDArray[np.bool_]:
    return np.asarray(column.is_valid().to_numpy(zero_copy_only=False), dtype=np.bool_)


def _pieces(sizes: npt.NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Where to cut so that no piece but a single row has more than `BATCH_BYTES`."""
    ends = sizes.cumsum()
    start = 0
    while start < len(sizes):
        before = int(ends[start - 1]) if start else 0
        stop = max(int(np.searchsorted(ends, before + BATCH_BYTES, side="right")), start + 1)
        yield start, stop
        start = stop
