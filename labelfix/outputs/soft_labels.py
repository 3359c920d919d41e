"""Soft labels as columns: all K probabilities of a row, or only its k most likely classes.

Legend: N rows, K classes, k classes kept.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from labelfix.data.tables import Codes, Probabilities

SOFT, CLASSES = "soft_label", "soft_label_classes"
"""The column of probabilities, and that of the classes they belong to where not all are there."""

AT_ONCE = 2048
"""Rows that are sorted at once."""


def soft_columns(soft: Probabilities, names: Sequence[str], top_k: int | None) -> dict[str, pa.ChunkedArray]:
    """The columns that hold soft labels.

    Args:
        soft: `(N, K)`.
        names: The classes in the order of `soft`.
        top_k: k; None keeps all classes.

    Returns:
        `soft_label`, lists of all K probabilities in class order. With k, lists of the k largest as they are (they do
        not sum to 1), largest first, and before it `soft_label_classes`, lists of the classes' names.
    """
    if top_k is None:
        return {SOFT: lists(soft)}
    kept, codes = most_likely(soft, min(top_k, soft.shape[1]))
    texts = pa.array(names, pa.string()).take(pa.array(codes.reshape(-1)))
    return {CLASSES: _chunked(texts, codes.shape), SOFT: lists(kept)}


def most_likely(soft: Probabilities, k: int) -> tuple[Probabilities, Codes]:
    """The k largest probabilities of each row `(N, k)`, largest first, of equals the first class; and their classes."""
    rows, classes = soft.shape
    kept, codes = np.empty((rows, k), np.float32), np.empty((rows, k), np.int64)
    last = np.arange(classes - 1, -1, -1, dtype=np.uint64)
    for first in range(0, rows, AT_ONCE):
        part = slice(first, first + AT_ONCE)
        # The bits of floats that are not negative sort as the floats do; the class breaks ties.
        bits = np.ascontiguousarray(soft[part], np.float32).view(np.uint32).astype(np.uint64)
        keys = np.partition((bits << np.uint64(32)) | last, classes - k, axis=1)[:, classes - k :]
        keys = np.sort(keys, axis=1)[:, ::-1]
        kept[part] = (keys >> np.uint64(32)).astype(np.uint32).view(np.float32)
        codes[part] = classes - 1 - (keys & np.uint64(0xFFFFFFFF)).astype(np.int64)
    return kept, codes


def fewer_classes(table: pa.Table, names: Sequence[str], top_k: int | None) -> pa.Table:
    """A table whose column of soft labels, if any, is cut to the k most likely classes; None leaves it as it is."""
    if top_k is None or SOFT not in table.column_names:
        return table
    place = table.column_names.index(SOFT)
    if CLASSES not in table.column_names:
        new = soft_columns(list_values(table[SOFT], len(table), len(names)), names, top_k)
        table = table.set_column(place, SOFT, new[SOFT])
        return table.add_column(place, CLASSES, new[CLASSES])
    for name in (CLASSES, SOFT):
        column = pa.chunked_array([pc.list_slice(chunk, 0, top_k) for chunk in table[name].chunks], table[name].type)
        table = table.set_column(table.column_names.index(name), name, column)
    return table


def list_values(column: pa.ChunkedArray, rows: int, width: int) -> Probabilities:
    """`(N, width)` the numbers of a column of lists that all have one length."""
    parts = [np.asarray(chunk.flatten()) for chunk in column.chunks]
    flat = np.concatenate(parts) if parts else np.empty(0, np.float32)
    return flat.reshape(rows, width)


def lists(values: npt.NDArray[np.float32]) -> pa.ChunkedArray:
    """`(N, width)` as a column of lists."""
    return _chunked(pa.array(np.ascontiguousarray(values, np.float32).reshape(-1)), values.shape)


def _chunked(flat: pa.Array, shape: tuple[int, ...]) -> pa.ChunkedArray:
    """Lists of one length, in chunks, so that 32-bit offsets suffice however many rows there are."""
    rows, width = shape
    step = 65536
    chunks = []
    for first in range(0, rows, step):
        count = min(step, rows - first)
        offsets = pa.array(np.arange(count + 1, dtype=np.int32) * np.int32(width))
        chunks.append(pa.ListArray.from_arrays(offsets, flat.slice(first * width, count * width)))
    return pa.chunked_array(chunks, pa.list_(flat.type))
