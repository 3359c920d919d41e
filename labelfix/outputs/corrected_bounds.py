"""Corrected labels that somebody else wrote: no more comes out of a file than may, and soft labels fit the classes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from labelfix.data.formats.bounds import MOST_BYTES, Bounds
from labelfix.data.formats.parquet_footer import Group, read_groups
from labelfix.data.formats.parquet_sizes import repeated_texts, rows_at_once
from labelfix.data.formats.repeated import unpacked

if TYPE_CHECKING:
    import pyarrow.parquet as pq

REMEDY = "give the file that labelfix wrote"


def packed_columns(path: Path, about: pq.FileMetaData) -> tuple[list[str], tuple[Group, ...]]:
    """Columns of few different texts, which have to be unpacked with care, and the row groups of the file."""
    leaves, groups = range(about.num_columns), read_groups(path, about.num_columns)
    packed = repeated_texts(about, groups, leaves, MOST_BYTES)  # unpacking takes an import that small files do without
    rows_at_once(about, groups, leaves, packed, Bounds(path, str(path), REMEDY), whole=True)
    return packed, groups


def unpacked_group(group: pa.Table, path: Path, coded: Sequence[str]) -> pa.Table:
    """A row group, its packed columns unpacked but for some."""
    for place, (name, column) in enumerate(zip(group.column_names, group.columns, strict=True)):
        if not pa.types.is_dictionary(column.type) or name in coded:
            continue
        type_ = column.type.value_type
        schema, bounds = pa.schema([(name, type_)]), Bounds(path, str(path), REMEDY)
        batches = (pa.record_batch([chunk], names=[name]) for chunk in column.chunks)
        cells = []
        for part in (part for batch in batches for part in unpacked(batch, schema, bounds)):
            bounds.hold(part.nbytes)
            cells.append(part.column(0))
        group = group.set_column(place, name, pa.chunked_array(cells, type_))
    return group


def check_lists(group: pa.Table, columns: Sequence[str], width: int | None) -> None:
    """Whether lists have one length.

    Args:
        width: Their length; None for any.

    Raises:
        ValueError: They do not.
    """
    for name in columns:
        for chunk in filter(len, group[name].chunks) if name in group.column_names else ():
            fixed = pa.types.is_fixed_size_list(chunk.type)
            lengths = np.array([chunk.type.list_size]) if fixed else np.unique(_lengths(chunk))
            width = width if width is not None or not len(lengths) else int(lengths[0])
            if chunk.null_count or (lengths != width).any():
                raise ValueError(f"column {name!r} does not hold {width} numbers in each row")


def _lengths(lists: pa.Array) -> npt.NDArray[np.signedinteger]:
    """`(N,)` how long each is; `to_numpy` would import pandas."""
    ends = np.frombuffer(lists.buffers()[1], np.int64 if pa.types.is_large_list(lists.type) else np.int32)
    return np.diff(ends[lists.offset : lists.offset + len(lists) + 1])
