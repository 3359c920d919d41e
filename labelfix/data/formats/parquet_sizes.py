"""How much comes out of a Parquet file, as its own footer says: known before anything of it is read."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from labelfix.data.formats.bounds import BATCH_BYTES, ROW_BYTES, Bounds
from labelfix.data.formats.parquet_footer import DELTA_BYTE_ARRAY, Group

if TYPE_CHECKING:
    import pyarrow.parquet as pq

NUMBER = 8
WIDTHS = {"BOOLEAN": 1, "INT32": 4, "FLOAT": 4}
"""Bytes of numbers in memory, and of those that take fewer."""

TEXTS = "BYTE_ARRAY"
"""Parquet's word for values of any length."""

SMALL, PAGES = 4, 1 << 12
"""A column of texts is read as the few different ones that it has where its cells take fewer bytes each beside them,
and so many for the headers of pages."""

PREFIXED_ROWS = 256
"""Rows that are read at once of texts that say how they differ from the one before: nothing tells how long they are."""


def repeated_texts(about: pq.FileMetaData, groups: Sequence[Group], leaves: Iterable[int], least: int = 0) -> list[str]:
    """Paths of columns of texts whose cells take hardly any room beside a few different ones, of whatever length.

    Args:
        groups: Of the file, as `parquet_footer` reads them.
        leaves: The columns to look at, as numbers of the file's flat ones.
        least: Bytes that must come out of a column where all its cells hold all that is stored of it.
    """
    found, wanted = set(), [leaf for leaf in leaves if about.schema.column(leaf).physical_type == TEXTS]
    for group in groups:
        for column in map(group.columns.__getitem__, wanted):
            rest = column.packed - column.texts
            if column.texts and rest < SMALL * column.values + PAGES and column.values * column.unpacked >= least:
                found.add(column.path)
    return sorted(found)


def rows_at_once(
    about: pq.FileMetaData,
    groups: Sequence[Group],
    leaves: Iterable[int],
    packed: Collection[str],
    bounds: Bounds,
    whole: bool = False,
) -> int:
    """Rows of which no more than `BATCH_BYTES` have to be held.

    Args:
        groups: As for `repeated_texts`.
        leaves: The columns that are read.
        packed: Paths of those that are not unpacked as they are read.
        bounds: Of the file.
        whole: Whether a row group is held as it is, whatever the answer.

    Raises:
        InputError: More is in it than may come out.
    """
    bounds.hold(ROW_BYTES * about.num_rows)
    most, stored = BATCH_BYTES, {leaf: about.schema.column(leaf) for leaf in leaves}
    for group in groups:
        held = 0
        for leaf, kind in stored.items():
            column = group.columns[leaf]
            size = column.values * (kind.length or WIDTHS.get(kind.physical_type, NUMBER))
            if kind.physical_type == TEXTS and kind.path not in packed:
                size = max(size, column.unpacked)
                most = min(most, PREFIXED_ROWS) if DELTA_BYTE_ARRAY in column.encodings else most
            if kind.max_repetition_level or kind.length:
                bounds.take(size)
            held += size
        bounds.hold_at_once(held if whole else 0)
        most = min(most, max(BATCH_BYTES * group.rows // max(held, 1), 1))
    return most
