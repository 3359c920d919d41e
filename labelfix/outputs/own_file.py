"""People's own table back, fixed: the same columns, order and types, with the label column replaced."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from labelfix.data.formats import TableSource, write_batches
from labelfix.data.formats.base import Edit, Rewritable
from labelfix.data.formats.csv import source as csv
from labelfix.data.scan import decode, is_list, value_type
from labelfix.errors import listing
from labelfix.outputs.alignment import AlignedLabels, ExportCounts, Prepare, Verdicts
from labelfix.outputs.corrected_schema import SOURCE_SCORES
from labelfix.outputs.exports import flat_probabilities, plain_strings
from labelfix.outputs.soft_labels import CLASSES, SOFT, fewer_classes
from labelfix.outputs.source_columns import given_columns
from labelfix.runs import atomic_path
from labelfix.runs.json_text import decode_json

GIVEN = "given_label"
DETAILS = (
    *("suggested_label", "confidence", "is_label_issue", "action", "label_score", "predicted_label", CLASSES, SOFT),
    SOURCE_SCORES,
)
"""Columns that `--details` adds, where the run has them."""


@dataclass(frozen=True)
class ExportReport:
    """What an export did.

    Attributes:
        changed: Rows whose label differs from the given one.
        filled: Rows that had no label.
        given_column: Column that holds the old labels; None in a tree of images.
    """

    rows: int
    changed: int
    filled: int
    dropped: int
    given_column: str | None
    notes: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """All of it in one line."""
        parts = [f"{self.changed:,} labels changed"]
        parts += [f"{self.filled:,} filled in"] if self.filled else []
        parts += [f"{self.dropped:,} rows left out"] if self.dropped else []
        old = f"; the old labels are in {self.given_column!r}" if self.given_column else ""
        return f"{self.rows:,} rows: {', '.join(parts)}{old}"


def export_table(
    correction: AlignedLabels,
    out: Path,
    *,
    drop_issues: bool = False,
    details: bool = False,
    soft_top_k: int | None = None,
) -> ExportReport:
    """Write the source's table with corrected labels, some rows at a time.

    Rows stand in their old order, each once; the label column keeps its place and type; the old label goes into a new
    column at the end. Of a folder of images the table lists id (the path) and labels, or the columns of its
    metadata.

    Args:
        out: `.parquet`, `.csv`, `.tsv` (also `.gz`), `.jsonl` or `.json`.
        details: Add the columns of `DETAILS`; in text formats `p_<class>` columns for a soft label of all classes.
    """
    text = out.name.lower().endswith(csv.SUFFIXES)
    verbatim = text and correction.source.untyped
    columns = correction.source.written.names
    names, prepare, added = details_added(correction, details, soft_top_k, text, columns)
    given_column = free_name(GIVEN, (*columns, *_titles(correction.source).values(), *(field.name for field in added)))
    survey = correction.survey(verbatim, drop_issues)  # refuses a source that is not the one corrected
    labels = correction.written_labels(survey, verbatim)
    respelled: Counter[str] = Counter()
    moved = f"there is a column {GIVEN!r} already: the old labels are in {given_column!r}"
    notes = () if given_column == GIVEN else (moved,)
    schema = _schema(correction, columns, given_column, added, verbatim)

    if isinstance(correction.source, Rewritable) and correction.source.rewrites(out):
        taken = correction.beside([correction.label_column], verbatim, names, prepare)
        with atomic_path(out) as beside:
            edits = (_edit(chunk.batch.column(0), said, labels, drop_issues, respelled) for chunk, said in taken)
            correction.source.rewrite(beside, out, correction.label_column, given_column, pa.schema(added), edits)
        return report(survey, given_column, (*notes, *_one_spelling(respelled)))

    def batches() -> Iterator[pa.RecordBatch]:
        for chunk, said in correction.beside(columns, verbatim, names, prepare):
            batch = _corrected_batch(correction.label_column, chunk.batch, said, labels, schema, respelled)
            yield batch.filter(pa.array(~said.issue)) if drop_issues else batch

    write_batches(out, schema, batches())
    return report(survey, given_column, (*notes, *_one_spelling(respelled)))


def report(survey: ExportCounts, given_column: str | None, notes: tuple[str, ...] = ()) -> ExportReport:
    """What an export did."""
    if survey.absent:
        notes = (*notes, f"{survey.absent:,} rows were left out of the run and keep what label they had")
    return ExportReport(survey.rows, survey.changed, survey.filled, survey.dropped, given_column, notes)


def free_name(name: str, taken: Collection[str]) -> str:
    """The name, or `name_2`, `name_3` … where it is taken."""
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    return free


def _edit(old: pa.Array, said: Verdicts, labels: pa.Array, drop_issues: bool, respelled: Counter[str]) -> Edit:
    """What becomes of some rows of a source that is written again as it stands."""
    kept = ~said.issue if drop_issues else np.ones(len(old), bool)
    new, changed = _new_labels(old, said, labels, respelled)
    details = said.details.combine_chunks() if said.details is not None else None
    added = details.to_batches() if details is not None else []
    whole = added[0] if added else pa.record_batch([], names=[])
    return Edit(old, changed, new, kept, whole)


def _corrected_batch(
    label_column: str,
    batch: pa.RecordBatch,
    said: Verdicts,
    labels: pa.Array,
    schema: pa.Schema,
    respelled: Counter[str],
) -> pa.RecordBatch:
    index = batch.schema.get_field_index(label_column)
    old = batch.column(index)
    new, changed = _new_labels(old, said, labels, respelled)
    new = pc.if_else(pa.array(changed), new, decode(old)) if changed.any() else old
    columns = [*batch.columns[:index], _stored_as(new, old), *batch.columns[index + 1 :], old]
    if said.details is not None:
        columns += [column.combine_chunks() for column in said.details.columns]
    return pa.record_batch(columns, schema=schema)


def _new_labels(
    old: pa.Array, said: Verdicts, labels: pa.Array, respelled: Counter[str]
) -> tuple[pa.Array, npt.NDArray[np.bool_]]:
    """The corrected labels of some rows, as the file writes their classes, and the rows whose cell they replace.

    A kept label that is written in another way than its class is replaced too, and counted: whoever reads the file
    next would take it for a class of its own.
    """
    labelled = said.corrected >= 0
    new = _like_cells(labels.take(pa.array(np.maximum(said.corrected, 0))), old)
    differs = labelled & (said.corrected != said.given)
    if not pa.types.is_string(new.type) and not pa.types.is_large_string(new.type):
        return new, differs
    cells = decode(old).cast(new.type)
    otherwise = labelled & ~differs & np.asarray(pc.fill_null(pc.not_equal(cells, new), False))
    respelled.update(cells.filter(pa.array(otherwise)).to_pylist())
    return new, differs | otherwise


def _one_spelling(respelled: Counter[str]) -> tuple[str, ...]:
    """What is said of labels that got the spelling of their class."""
    if not respelled:
        return ()
    shown = listing([repr(cell) for cell, _ in respelled.most_common()], 3)
    return (f"kept labels that are now written as their class is elsewhere: {respelled.total():,} ({shown})",)


def _like_cells(values: pa.Array, old: pa.Array) -> pa.Array:
    """Labels as the cells of their column are: lists of one item where those are lists."""
    type_ = value_type(old.type)
    if not is_list(type_):
        return values
    return pa.ListArray.from_arrays(np.arange(len(values) + 1, dtype=np.int32), values).cast(type_)


def _stored_as(values: pa.Array, like: pa.Array) -> pa.Array:
    """Plain values in the type of `like`; dictionary-coded where it is, its categories first, in their order."""
    if values.type == like.type:
        return values
    if isinstance(like.type, pa.BaseExtensionType):
        return pa.ExtensionArray.from_storage(like.type, values.cast(like.type.storage_type))
    if not pa.types.is_dictionary(like.type):
        return values.cast(like.type)
    categories = pa.concat_arrays([decode(like.dictionary), values.drop_null()]).unique()
    indices = pc.index_in(values, categories, skip_nulls=True).cast(like.type.index_type)
    stored = categories.cast(like.type.value_type)
    return pa.DictionaryArray.from_arrays(indices, stored, ordered=like.type.ordered)


def details_added(
    correction: AlignedLabels, details: bool, soft_top_k: int | None, text: bool, columns: Collection[str]
) -> tuple[list[str], Prepare, list[pa.Field]]:
    """What `--details` adds: the columns that are read, what makes the new ones of them, and their fields."""
    names = [name for name in DETAILS if name in correction.rows.schema.names] if details else []

    def prepare(table: pa.Table) -> pa.Table:
        return details_of(table, correction, soft_top_k, text, columns)

    fields = list(prepare(correction.rows.schema.empty_table().select(names)).schema) if details else []
    return names, prepare, fields


def details_of(
    table: pa.Table, correction: AlignedLabels, soft_top_k: int | None, text: bool, columns: Collection[str]
) -> pa.Table:
    """The columns that `--details` adds, of some rows."""
    if SOURCE_SCORES in table.column_names:
        said = given_columns(table.column(SOURCE_SCORES), correction.sources)
        table = table.drop_columns([SOURCE_SCORES])
        for name, column in said.items():
            table = table.append_column(name, column)
    table = fewer_classes(plain_strings(table).replace_schema_metadata(None), correction.classes, soft_top_k)
    if text:
        table = flat_probabilities(table, correction.classes)
    return table.rename_columns([free_name(name, columns) for name in table.column_names])


def _schema(
    correction: AlignedLabels, columns: list[str], given_column: str, added: Sequence[pa.Field], verbatim: bool
) -> pa.Schema:
    titles = _titles(correction.source)
    fields = [field.with_name(titles.get(field.name, field.name)) for field in own_fields(correction.source, verbatim)]
    label = fields[columns.index(correction.label_column)]
    # Rows without a label get one, so the label column may be nullable or not; the old one must allow what it held.
    fields += [label.with_name(given_column).with_nullable(True), *added]
    own = correction.source.written
    return pa.schema(fields, metadata=_metadata(own, correction.label_column, given_column, added))


def own_fields(source: TableSource, verbatim: bool) -> list[pa.Field]:
    """The columns of a source as it is written again; of cells as they stand in a text file all are texts."""
    return [field.with_type(pa.string()) if verbatim else field for field in source.written]


def _titles(source: TableSource) -> dict[str, str]:
    """What the source itself calls its columns: there, titles may repeat."""
    return dict(zip(source.schema.names, source.titles, strict=True))


def _features(schema: pa.Schema) -> dict[str, Any]:
    try:
        described = decode_json((schema.metadata or {})[b"huggingface"])
        return dict(described["info"]["features"])
    except (KeyError, ValueError, TypeError):
        return {}


def _metadata(schema: pa.Schema, label: str, given_column: str, added: Sequence[pa.Field]) -> dict[bytes, bytes] | None:
    """The source's metadata, its Hugging Face features completed: `datasets` refuses columns that they do not name."""
    features = _features(schema)
    if not features:
        return dict(schema.metadata) if schema.metadata else None
    features[given_column] = features.get(label, {"dtype": "string", "_type": "Value"})
    names = {pa.bool_(): "bool", pa.float32(): "float32"}
    for field in added:
        listed = pa.types.is_list(field.type)
        value = {"dtype": names.get(field.type.value_type if listed else field.type, "string"), "_type": "Value"}
        features[field.name] = {"feature": value, "_type": "List"} if listed else value
    described = json.dumps({"info": {"features": features}}).encode()
    return {**dict(schema.metadata), b"huggingface": described}
