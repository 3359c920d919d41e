"""People's own table back, fixed: the same columns, order and types, with the label column replaced."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from labelfix.data.formats import write_batches
from labelfix.outputs.alignment import Correction, Positions, at, scan
from labelfix.outputs.exports import flat_probabilities

GIVEN = "given_label"
DETAILS = ("suggested_label", "confidence", "is_label_issue", "action", "label_score", "predicted_label", "soft_label")
"""Columns that `--details` adds."""

TEXT_SUFFIXES = (".csv", ".tsv", ".csv.gz", ".tsv.gz")


@dataclass(frozen=True)
class ExportReport:
    """What an export did.

    Attributes:
        rows: Rows written.
        changed: Rows among them whose label differs from the given one.
        filled: Rows among them that had no label.
        dropped: Rows left out.
        given_column: Column that holds the old labels; None in a tree of images.
        notes: Sentences a person should read.
    """

    rows: int
    changed: int
    filled: int
    dropped: int
    given_column: str | None
    notes: tuple[str, ...] = ()


def export_table(
    correction: Correction, out: Path, *, drop_issues: bool = False, details: bool = False
) -> ExportReport:
    """Write the source's table with corrected labels.

    Rows stand in their old order, each once; the label column keeps its place and type; the old label goes into a new
    column at the end. Of a folder of images the table lists id (the path) and labels.

    Args:
        correction: The labels and their source.
        out: `.parquet`, `.csv` or `.tsv` (also `.gz`).
        drop_issues: Leave flagged rows out.
        details: Add the columns of `DETAILS`; in text formats `p_<class>` columns for the soft label.

    Raises:
        InputError: The labels do not fit the column, or the file's ending is none that labelfix writes.
    """
    text = out.name.lower().endswith(TEXT_SUFFIXES)
    verbatim = text and correction.source.format == "csv"
    columns = [n for n in correction.source.schema.names if correction.source.format != "image_folder" or n != "image"]
    added = _details(correction, text, columns) if details else None
    extra = added.schema.names if added is not None else []
    given_column = free_name(GIVEN, (*columns, *extra))
    absent = correction.absent  # also refuses a source that is not the one corrected, before anything is written
    labels = correction.written_labels(verbatim)
    schema = _schema(correction, columns, given_column, added, verbatim)

    def batches() -> Iterator[pa.RecordBatch]:
        for chunk in scan(correction.source, columns, verbatim):
            positions = correction.positions(chunk)
            batch = _corrected_batch(correction, chunk.batch, positions, labels, added, schema)
            if drop_issues:
                batch = batch.filter(pa.array(~at(correction.issue, positions, 0).astype(bool)))
            yield batch

    write_batches(out, schema, batches())
    moved = f"there is a column {GIVEN!r} already: the old labels are in {given_column!r}"
    return report(correction, absent, drop_issues, given_column, () if given_column == GIVEN else (moved,))


def report(
    correction: Correction, absent: int, drop_issues: bool, given_column: str | None, notes: tuple[str, ...] = ()
) -> ExportReport:
    """Count what an export of these labels did."""
    kept = ~correction.issue if drop_issues else np.ones(len(correction.table), bool)
    filled = (correction.given < 0) & kept
    changed = (correction.given != correction.corrected) & kept & ~filled
    if absent:
        notes = (*notes, f"{absent:,} rows were left out of the run and keep what label they had")
    return ExportReport(
        rows=int(kept.sum()) + absent,
        changed=int(changed.sum()),
        filled=int(filled.sum()),
        dropped=int((~kept).sum()),
        given_column=given_column,
        notes=notes,
    )


def free_name(name: str, taken: Collection[str]) -> str:
    """The name, or `name_2`, `name_3` … where it is taken."""
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    return free


def _corrected_batch(
    correction: Correction,
    batch: pa.RecordBatch,
    positions: Positions,
    labels: pa.Array,
    added: pa.Table | None,
    schema: pa.Schema,
) -> pa.RecordBatch:
    index = batch.schema.get_field_index(correction.label_column)
    old = batch.column(index)
    codes = at(correction.corrected, positions, -1)
    change = (codes >= 0) & (codes != at(correction.given, positions, -1))
    plain = old.cast(labels.type) if pa.types.is_dictionary(old.type) else old
    new = pc.if_else(pa.array(change), labels.take(pa.array(np.maximum(codes, 0))), plain)
    columns = [*batch.columns[:index], _as_dictionary(new, old), *batch.columns[index + 1 :], old]
    if added is not None:
        rows = added.take(pa.array(positions, mask=positions < 0))
        columns += [column.combine_chunks() for column in rows.columns]
    return pa.record_batch(columns, schema=schema)


def _as_dictionary(values: pa.Array, like: pa.Array) -> pa.Array:
    """The values, dictionary-coded where `like` is: its categories first, in their order."""
    if not pa.types.is_dictionary(like.type):
        return values
    categories = pa.concat_arrays([like.dictionary, values.drop_null()]).unique()
    indices = pc.index_in(values, categories, skip_nulls=True).cast(like.type.index_type)
    return pa.DictionaryArray.from_arrays(indices, categories, ordered=like.type.ordered)


def _details(correction: Correction, text: bool, columns: list[str]) -> pa.Table:
    table = correction.table.select(list(DETAILS)).combine_chunks().replace_schema_metadata(None)
    if text:
        table = flat_probabilities(table, correction.classes)
    return table.rename_columns([free_name(name, columns) for name in table.column_names])


def _schema(
    correction: Correction, columns: list[str], given_column: str, added: pa.Table | None, verbatim: bool
) -> pa.Schema:
    own = correction.source.schema
    fields = [pa.field(own.field(name).name, pa.string()) if verbatim else own.field(name) for name in columns]
    label = fields[columns.index(correction.label_column)]
    # Rows without a label get one, so the label column may be nullable or not; the old one must allow what it held.
    fields.append(label.with_name(given_column).with_nullable(True))
    fields += list(added.schema) if added is not None else []
    return pa.schema(fields, metadata=_metadata(own, correction.label_column, given_column, added))


def _features(schema: pa.Schema) -> dict[str, Any]:
    try:
        described = json.loads((schema.metadata or {})[b"huggingface"])
        return dict(described["info"]["features"])
    except (KeyError, ValueError, TypeError):
        return {}


def _metadata(schema: pa.Schema, label: str, given_column: str, added: pa.Table | None) -> dict[bytes, bytes] | None:
    """The source's metadata, its Hugging Face features completed: `datasets` refuses columns that they do not name."""
    features = _features(schema)
    if not features:
        return dict(schema.metadata) if schema.metadata else None
    features[given_column] = features.get(label, {"dtype": "string", "_type": "Value"})
    for field in added.schema if added is not None else ():
        if pa.types.is_list(field.type):
            features[field.name] = {"feature": {"dtype": "float32", "_type": "Value"}, "_type": "List"}
        else:
            names = {pa.bool_(): "bool", pa.float32(): "float32"}
            features[field.name] = {"dtype": names.get(field.type, "string"), "_type": "Value"}
    described = json.dumps({"info": {"features": features}}).encode()
    return {**dict(schema.metadata), b"huggingface": described}
