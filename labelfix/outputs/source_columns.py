"""What each of several sources says of a row, as columns of a table.

Legend: N rows, O opinions.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

if TYPE_CHECKING:
    from labelfix.data.corrected_labels import CorrectedLabels


def source_scores(labels: CorrectedLabels) -> pa.Array:
    """`(N,)` lists of {source, label, score}: the score is the probability that this label is right, lower is worse."""
    opinions = labels.opinions
    assert opinions is not None
    names = pa.array(opinions.names, pa.string())
    classes = pa.array(labels.classes.names, pa.string())
    score = labels.soft[opinions.row, opinions.label].astype(np.float32)
    said = pa.StructArray.from_arrays(
        [names.take(pa.array(opinions.source)), classes.take(pa.array(opinions.label)), pa.array(score)],
        names=["source", "label", "score"],
    )
    return pa.ListArray.from_arrays(pa.array(opinions.start.astype(np.int32)), said)


def as_json(column: pa.ChunkedArray) -> pa.Array:
    """The lists as JSON, for text formats."""
    return pa.array([json.dumps(_rounded(cell), ensure_ascii=False) for cell in column.to_pylist()], pa.string())


def _rounded(cell: list[dict[str, object]] | None) -> list[dict[str, object]]:
    return [{**each, "score": float(f"{each['score']:.6g}")} for each in cell or ()]


def said_by(
    column: pa.ChunkedArray,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.object_], npt.NDArray[np.object_]]:
    """`(O,)` row, source and label of each opinion in `source_scores`."""
    rows = column.combine_chunks()
    rows = rows.combine_chunks() if isinstance(rows, pa.ChunkedArray) else rows
    lengths = np.diff(rows.offsets.to_numpy()) * rows.is_valid().to_numpy(zero_copy_only=False)
    row, flat = np.repeat(np.arange(len(rows)), lengths), rows.flatten()
    who, label = (flat.field(name).to_numpy(zero_copy_only=False) for name in ("source", "label"))
    return row, who, label


def given_columns(column: pa.ChunkedArray, sources: Sequence[str]) -> dict[str, pa.Array]:
    """`given_<source>` → `(N,)` its label by `source_scores`, the first of several; null where it is silent."""
    row, who, label = said_by(column)
    found = {}
    for source in sources:
        own = np.flatnonzero(who == source)[::-1]
        cells = np.full(len(column), None, dtype=object)
        cells[row[own]] = label[own]
        found[f"given_{source}"] = pa.array(cells, pa.string())
    return found
