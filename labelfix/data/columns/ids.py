"""Id columns: one name an item, the same in both files."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from labelfix.data.findings import AnyPlaces, Findings
from labelfix.data.formats.csv.types import typed
from labelfix.data.scan import as_text, is_bytes, is_text, value_type
from labelfix.data.spelling import spelled
from labelfix.data.tables import UNLABELLED, Codes

LEAST_AGAIN = 10
"""Ids that stand in two files, and in none of them twice, from which on each file counts its own."""

MOSTLY = 0.5
"""Of so many rows whose id stands before each is not named by itself."""

ONE_ROW = (
    "labelfix wants one row per item: where several people labelled it, give the items once and all labels as a file "
    "of columns id, source, label (--sources long.csv), which labelfix combines, or keep all rows under ids of "
    "their own (such as {0}/1, {0}/2); leave plain copies out"
)


def id_type_fits(type_: pa.DataType) -> bool:
    """Whether a column of this type can hold ids."""
    type_ = value_type(type_)
    numbers = pa.types.is_integer(type_) or pa.types.is_floating(type_) or pa.types.is_decimal(type_)
    moments = pa.types.is_timestamp(type_) or pa.types.is_date(type_)
    return bool(is_text(type_) or is_bytes(type_) or numbers or moments or pa.types.is_null(type_))


def canonical_ids(cells: pa.Array, type_: pa.DataType) -> pa.Array:
    """Ids of a batch as int64 or string; empty ones are null.

    Args:
        cells: The column, or the strings of a text format.
        type_: The column's type in its source; whole numbers in a text format become int64 by it.

    Returns:
        An array of int64 where the column holds whole numbers, of strings otherwise.
    """
    cells = as_text(cells)
    if is_text(cells.type):
        filled = pc.if_else(pc.equal(cells, ""), pa.scalar(None, pa.string()), cells)
        if not pa.types.is_integer(value_type(type_)):
            return filled
        values = typed(cells, pa.int64())
        # "NA" is a name like any other, so a column with one does not hold numbers after all.
        return values if values.null_count == filled.null_count else filled
    if pa.types.is_integer(cells.type) and not pa.types.is_uint64(cells.type):
        return cells.cast(pa.int64())
    # Missing values turn whole numbers into floats in pandas; 7.0 is item 7.
    return spelled(cells)


def id_keys_of(ids: pa.Array) -> pa.Array:
    """What ids are compared by: their one spelling, as strings; see `labelfix.data.spelling`."""
    return spelled(as_text(ids))


def gather(batches: list[pa.Array]) -> pa.Array:
    """The ids of all batches as one array; strings if any batch has strings."""
    if not batches:
        return pa.array([], pa.string())
    if len({batch.type for batch in batches}) > 1:
        batches = [batch.cast(pa.string()) for batch in batches]
    combined = pa.chunked_array(batches).combine_chunks()
    return combined.combine_chunks() if isinstance(combined, pa.ChunkedArray) else combined


def row_numbers(count: int) -> pa.Array:
    """Ids of a table without an id column: 1, 2, 3, ..."""
    return pa.array(np.arange(1, count + 1, dtype=np.int64))


def check_ids(ids: pa.Array, column: str, places: AnyPlaces, findings: Findings, codes: Codes | None = None) -> None:
    """Report empty and duplicate ids.

    Args:
        codes: `(N,)` trusted labels: rows without one need no id, and a duplicate is a contradiction where it has
            another label, else a plain copy. None for noisy rows.
    """
    nameless = ids.is_null().to_numpy(zero_copy_only=False)
    if codes is not None:
        nameless = nameless & (codes != UNLABELLED)
        ids = pc.if_else(pa.array(codes != UNLABELLED), ids, pa.scalar(None, ids.type))
    empty = np.flatnonzero(nameless)
    findings.rows(
        places, empty, lambda _: f"column {column!r} is empty", "give every row an id", "{} more ids are empty"
    )
    encoded = ids.dictionary_encode()
    if len(encoded.dictionary) + ids.null_count == len(ids):
        return
    keys = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    earlier = first[inverse]
    again = np.flatnonzero((earlier != np.arange(len(ids))) & (keys >= 0))

    def where(row: int) -> str:
        file, number = places.of(int(earlier[row]))
        return f"row {number}" if file == places.of(row)[0] else f"{file}, row {number}"

    if codes is None and (file := _within_files(keys, again, earlier, places)):
        what = f"ids are counted anew in each file: {len(again):,} of them stand in an earlier one too"
        remedy = "write ids into all files, the trusted one as well, that say the file too, such as {0}/{1}"
        if is_text(ids.type):
            what = f"{len(again):,} ids stand in an earlier file too"
            remedy = f"if the files overlap, keep each row once; if ids are counted anew in each file, {remedy}"
        findings.error(file, f"{what}, the first is {ids[int(again[0])]}", remedy.format("2024-01", ids[int(again[0])]))
    elif len(again) > MOSTLY * len(ids) and codes is None:
        what = f"column {column!r} names {len(ids) - len(again) - ids.null_count:,} items in {len(ids):,} rows"
        file, number = places.of(int(again[0]))
        remedy = f"if it is not the id, name another with --id-column; {ONE_ROW.format(ids[int(again[0])])}"
        findings.error(file, what, remedy, number)
    elif codes is not None:
        findings.rows(
            places,
            again[codes[again] != codes[earlier[again]]],
            lambda row: f'id "{ids[row]}" stands already in {where(row)} with another trusted label',
            "keep the right one",
            "{} more trusted rows contradict an earlier one",
        )
    elif len(again):
        findings.rows(
            places,
            again,
            lambda row: f'id "{ids[row]}" stands already in {where(row)}',
            ONE_ROW.format(ids[int(again[0])]),
            "{} more ids are duplicates",
        )


def _within_files(keys: Codes, again: Codes, earlier: Codes, places: AnyPlaces) -> str:
    """The file with the first id that an earlier one has, where no id stands twice in one file; else nothing."""
    if len(places.files) < 2 or len(again) < LEAST_AGAIN:
        return ""
    files = [places.of(int(row))[0] for row in again]
    twice = {(int(keys[row]), file) for row, file in zip(again, files, strict=True)}
    first = {(int(keys[row]), places.of(int(earlier[row]))[0]) for row in again}
    return files[0] if len(twice) == len(again) and not twice & first else ""
