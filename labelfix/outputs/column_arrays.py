"""Columns of corrected labels as NumPy arrays, without what Arrow's own way loads: `pyarrow.compute` and pandas."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from labelfix.outputs.corrected_schema import WIDTHS


def values(column: pa.ChunkedArray) -> npt.NDArray[Any]:
    """A column of a type of `WIDTHS` as an array (nulls as anything)."""
    parts: list[npt.NDArray[Any]] = [np.empty(0, WIDTHS[column.type])]
    for chunk in filter(len, column.chunks):
        data, rows = chunk.buffers()[1], slice(chunk.offset, chunk.offset + len(chunk))
        if pa.types.is_boolean(chunk.type):
            parts.append(_bits(data, rows))
        else:
            parts.append(np.frombuffer(data, WIDTHS[column.type])[rows])
    return np.concatenate(parts) if len(parts) != 2 else parts[1]


def validity(column: pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    """`(N,)` False where a column is null."""
    parts = [np.empty(0, bool)]
    for chunk in filter(len, column.chunks):
        valid, rows = chunk.buffers()[0], slice(chunk.offset, chunk.offset + len(chunk))
        if valid is None:
            parts.append(np.ones(len(chunk), bool))
        else:
            parts.append(_bits(valid, rows))
    return np.concatenate(parts)


def codes(column: pa.ChunkedArray, names: dict[str, int]) -> npt.NDArray[np.int64]:
    """`(N,)` what a column of strings says, by the numbers that `names` gives; -1 for null and for other strings."""
    parts: list[npt.NDArray[np.int64]] = [np.empty(0, np.int64)]
    for chunk in filter(len, column.chunks):
        coded = chunk if pa.types.is_dictionary(chunk.type) else chunk.dictionary_encode()
        lookup = np.array([names.get(name, -1) for name in coded.dictionary.to_pylist()] + [-1], np.int64)
        rows = slice(coded.offset, coded.offset + len(coded))
        valid, data = coded.buffers()[:2]
        places = np.frombuffer(data, WIDTHS[coded.type.index_type])[rows].astype(np.int64)
        if valid is not None and coded.null_count:
            places = np.where(_bits(valid, rows), places, -1)
        parts.append(lookup[places])
    return np.concatenate(parts)


def _bits(packed: pa.Buffer, rows: slice) -> npt.NDArray[np.bool_]:
    """Arrow packs eight flags into a byte, the first one lowest."""
    return np.unpackbits(np.frombuffer(packed, np.uint8), bitorder="little")[rows].astype(bool)
