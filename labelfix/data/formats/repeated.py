"""Texts that stand once in a file and many times in its rows, unpacked a bounded piece at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from labelfix.data.formats.bounds import BATCH_BYTES, Bounds


def unpacked(batch: pa.RecordBatch, schema: pa.Schema, bounds: Bounds) -> Iterator[pa.RecordBatch]:
    """The rows of a batch, those columns unpacked that are packed there and not in the schema, in bounded pieces.

    Args:
        batch: The rows; columns of texts may be dictionary-encoded.
        bounds: Counts what comes out.

    Raises:
        InputError: More comes out of the file than may.
    """
    packed = [place for place, column in enumerate(batch.columns) if _has_texts(column.type)]
    if not packed:
        yield batch
        return
    sizes = np.zeros(batch.num_rows, dtype=np.int64)
    for place in packed:
        sizes += _sizes(batch.column(place))
    bounds.take(int(sizes.sum()))
    for start, stop in _pieces(sizes):
        part = batch.slice(start, stop - start)
        columns = [
            _decoded(column, schema.field(name).type) if place in packed else column
            for place, (name, column) in enumerate(zip(part.schema.names, part.columns, strict=True))
        ]
        yield pa.record_batch(columns, names=part.schema.names)


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


def _has_texts(type_: pa.DataType) -> bool:
    if pa.types.is_dictionary(type_):
        return is_plain_text(type_.value_type)
    return pa.types.is_nested(type_) and any(_has_texts(type_.field(place).type) for place in range(type_.num_fields))


def _sizes(column: pa.Array) -> npt.NDArray[np.int64]:
    """`(rows,)` bytes of the texts of each cell, unpacked."""
    import pyarrow.compute as pc

    if pa.types.is_dictionary(column.type):
        lengths = pc.fill_null(pc.binary_length(column.dictionary), 0)
        return np.asarray(pc.fill_null(lengths.take(column.indices), 0).to_numpy(zero_copy_only=False), dtype=np.int64)
    if pa.types.is_struct(column.type):
        parts = [_sizes(part) for part in column.flatten() if _has_texts(part.type)]
        return np.asarray(np.sum(parts, axis=0), dtype=np.int64)
    if pa.types.is_map(column.type):
        column = column.cast(pa.list_(column.type.field(0)))
    inside, rows = _sizes(column.flatten()), np.asarray(pc.list_parent_indices(column))
    return np.asarray(np.bincount(rows, inside, len(column)), dtype=np.int64)


def _pieces(sizes: npt.NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Where to cut so that no piece but a single row has more than `BATCH_BYTES`."""
    ends = sizes.cumsum()
    start = 0
    while start < len(sizes):
        before = int(ends[start - 1]) if start else 0
        stop = max(int(np.searchsorted(ends, before + BATCH_BYTES, side="right")), start + 1)
        yield start, stop
        start = stop
