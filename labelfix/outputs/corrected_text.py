"""Corrected labels that `labelfix correct` wrote as CSV, TSV or JSON Lines, read back for the gate.

Text files carry no metadata: the classes are those of the `p_<class>` columns or of the labels themselves, and the
threshold is the roundest number that divides the rows that the file marks as issues from the doubtful ones.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from labelfix.data.formats import open_table
from labelfix.data.numbers import read_numbers
from labelfix.data.scan import scan
from labelfix.data.spelling import spelled
from labelfix.errors import input_error
from labelfix.outputs.corrected_rows import REMEDY, HeldRows
from labelfix.outputs.corrected_schema import COLUMNS, METADATA_KEY, OPTIONAL

TEXTS = ("given_label", "suggested_label", "corrected_label", "action", "predicted_label", "source_file")
SHARES = ("confidence", "label_score", "p_value", "outlier_score")
NEEDED = tuple(name for name in COLUMNS if name != "soft_label")
READ_ROWS = 65536


def read_corrected_text(path: Path) -> HeldRows:
    """Corrected labels out of a text file, in memory.

    Raises:
        InputError: It is no such file, or a cell of it is not what its column says.
    """
    source = open_table(str(path))
    missing = [name for name in NEEDED if name not in source.schema.names]
    if missing:
        raise input_error(str(path), f"is not a file of corrected labels (lacks {', '.join(missing)})", REMEDY)
    names = [*NEEDED, *(name for name in OPTIONAL if name in source.schema.names)]
    pieces = [
        pa.table({name: _column(name, cells) for name, cells in zip(names, chunk.batch.columns, strict=True)})
        for chunk in scan(source, names, READ_ROWS, verbatim=True)
    ]
    if not pieces:
        raise input_error(str(path), "holds no rows", REMEDY)
    table = pa.concat_tables(pieces).combine_chunks()
    for name in ("confidence", "source_row"):
        if table[name].null_count:
            row = int(pc.index(table[name].is_null(), True).as_py()) + 1
            raise input_error(str(path), f"column {name!r} holds no number", "run labelfix correct again", row)
    return HeldRows(table.replace_schema_metadata({METADATA_KEY: json.dumps(_about(table, source.schema)).encode()}))


def _column(name: str, cells: pa.Array) -> pa.Array:
    if name in SHARES:
        return read_numbers(cells).cast(pa.float32())
    if name == "source_row":
        found = read_numbers(cells)
        whole = pc.and_(pc.equal(found, pc.floor(found)), pc.less(pc.abs(found), 2.0**53))
        return pc.if_else(whole, found, None).cast(pa.int64())
    if name == "is_label_issue":
        return pc.fill_null(pc.equal(spelled(cells), "true"), False)
    text = cells.cast(pa.string())
    return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text) if name in TEXTS else text


def _about(table: pa.Table, schema: pa.Schema) -> dict[str, Any]:
    classes = [name.removeprefix("p_") for name in schema.names if name.startswith("p_") and name not in OPTIONAL]
    if not classes:
        labels = pa.chunked_array([*table["given_label"].chunks, *table["suggested_label"].chunks])
        classes = sorted(labels.unique().drop_null().to_pylist())
    return {"classes": classes, "value_type": "string", "min_confidence": _threshold(table), "run_id": ""}


def _threshold(table: pa.Table) -> float:
    """A threshold that makes these rows issues and the doubtful ones none; 1 where nothing is an issue."""
    issues = table["confidence"].filter(table["is_label_issue"])
    if not len(issues):
        return 1.0
    lowest = float(pc.min(issues).as_py())
    doubtful = table["confidence"].filter(pc.equal(table["action"], "review"))
    above = float(pc.max(doubtful).as_py() or 0) if len(doubtful) else 0.0
    rounded = (math.floor(lowest * 10**digits) / 10**digits for digits in range(1, 8))
    return next((value for value in rounded if value > above), lowest)
