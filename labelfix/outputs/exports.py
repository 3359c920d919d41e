"""`corrected.parquet`: what labelfix thinks of every row, as a table that anything can read.

The bytes depend on the run and on nothing else: no time, host or path goes into the file, apart from the source
files as the user named them.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from labelfix.data.corrected_labels import CorrectedLabels
from labelfix.data.tables import InputSpec, LabelTable, Probabilities
from labelfix.outputs.corrected_schema import EVIDENCE_KEY, METADATA_KEY, OPTIONAL, SOURCE_SCORES
from labelfix.outputs.soft_labels import CLASSES, list_values, lists, soft_columns
from labelfix.outputs.source_columns import as_json, source_scores
from labelfix.remote import writable
from labelfix.runs import atomic_path

FORMAT_VERSION = 1

Closing = Callable[[], Mapping[str, Any]]
ROW_GROUP, USUAL_CLASSES = 65536, 256
"""Rows of a row group: fixed, so that the bytes never depend on how the rows were read. Of more classes than the second
there are fewer in a group, so that it takes no more memory."""


def corrected_table(
    labels: CorrectedLabels,
    spec: InputSpec | None = None,
    id_column: str | None = None,
    soft_top_k: int | None = None,
    encoding: str | None = None,
) -> pa.Table:
    """The corrected labels as a table.

    Args:
        spec: Which source columns the classifier read; recorded so that `flag` can quote them.
        id_column: Column of the ids in the source; None where ids are row numbers.
        soft_top_k: Keep only this many classes of each soft label; see `soft_columns`.
        encoding: Of a source that is a text file and not UTF-8; recorded so that `flag` can quote it.

    Returns:
        N rows in the order of `labels`, with the columns of `COLUMNS`. Labels are canonical class names whatever
        type the source has; `label_score` is null where no label was given. Class order, threshold and run id are
        in the schema metadata under `labelfix`.
    """
    names = pa.array(labels.classes.names, pa.string())
    files = pa.array(labels.files, pa.string())
    unlabelled = np.isnan(labels.label_score)
    found = {
        "id": labels.ids,
        "given_label": names.take(pa.array(labels.given, mask=labels.given < 0)),
        "suggested_label": names.take(pa.array(labels.suggested)),
        "confidence": pa.array(labels.confidence, pa.float32()),
        "corrected_label": names.take(pa.array(labels.corrected)),
        "is_label_issue": pa.array(labels.is_label_issue, pa.bool_()),
        "action": pa.array(labels.action.tolist(), pa.string()),
        "label_score": pa.array(labels.label_score, pa.float32(), mask=unlabelled),
        "predicted_label": names.take(pa.array(labels.predicted)),
        **soft_columns(labels.soft, labels.classes.names, soft_top_k),
        "source_file": files.take(pa.array(labels.file_index)),
        "source_row": pa.array(labels.row_number, pa.int64()),
        **_side_columns(labels),
    }
    metadata: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "classes": list(labels.classes.names),
        "value_type": labels.classes.value_type,
        "min_confidence": labels.min_confidence,
        "run_id": labels.run_id,
        "id_column": id_column,
        "input_kind": spec.kind if spec else None,
        "input_columns": list(spec.every_column) if spec else [],
    }
    if encoding is not None:
        metadata["encoding"] = encoding
    if labels.opinions is not None:
        metadata["sources"] = list(labels.opinions.names)
    if soft_top_k is not None:
        metadata["soft_top_k"] = min(soft_top_k, len(labels.classes))
    text = json.dumps(metadata, sort_keys=True, ensure_ascii=False)
    return pa.table(found).replace_schema_metadata({METADATA_KEY: text.encode()})


def _side_columns(labels: CorrectedLabels) -> dict[str, pa.Array]:
    """The optional columns that there is something to write in."""
    found: dict[str, pa.Array] = {}
    for name in ("p_value", "outlier_score"):
        values = getattr(labels, name)
        if values is not None:
            found[name] = pa.array(values, pa.float32(), mask=np.isnan(values))
    if labels.duplicate_of is not None:
        found["duplicate_of"] = labels.duplicate_of
    if labels.opinions is not None:
        found[SOURCE_SCORES] = source_scores(labels)
    return {name: found[name] for name in OPTIONAL if name in found}


def prediction_table(table: LabelTable, probabilities: Probabilities) -> pa.Table:
    """What a classifier says of rows `(N, K)`, one row each."""
    names = pa.array(table.classes.names, pa.string())
    return pa.table(
        {
            "id": table.ids,
            "predicted_label": names.take(pa.array(probabilities.argmax(axis=1))),
            "confidence": pa.array(probabilities.max(axis=1)),
            "probabilities": lists(probabilities),
            "source_file": pa.array(table.files, pa.string()).take(pa.array(table.file_index)),
            "source_row": pa.array(table.row_number),
        }
    )


def write_corrected(
    path: Path,
    labels: CorrectedLabels | Iterable[CorrectedLabels],
    spec: InputSpec | None = None,
    id_column: str | None = None,
    soft_top_k: int | None = None,
    encoding: str | None = None,
    closing: Closing | None = None,
) -> Counter[str]:
    """Write corrected labels, block by block; the same labels give the same bytes, however they are cut into blocks.

    Args:
        path: `.parquet`, or `.csv`/`.tsv` (also `.gz`), where `p_<class>` columns stand for `soft_label`.
        labels: The corrected labels, or blocks of them in order, at least one.
        soft_top_k: See `corrected_table`; then text formats hold the lists as JSON.
        closing: Asked when all rows are written for what Parquet's footer is to say of them (`EVIDENCE_KEY`).

    Returns:
        Rows of each action.
    """
    blocks = iter([labels] if isinstance(labels, CorrectedLabels) else labels)
    first = next(blocks)
    counts: Counter[str] = Counter()

    def tables() -> Iterator[pa.Table]:
        for block in itertools.chain([first], blocks):
            actions, rows = np.unique(block.action, return_counts=True)
            counts.update(dict(zip(actions.tolist(), rows.tolist(), strict=True)))
            yield corrected_table(block, spec, id_column, soft_top_k, encoding)

    write_tables(path, tables(), first.classes.names, closing)
    return counts


def write_tables(
    path: Path, tables: Iterable[pa.Table], classes: Sequence[str], closing: Closing | None = None
) -> None:
    """Write a table of labelfix's own that comes in pieces; memory does not grow with their number.

    In text formats a list of the probabilities of all classes becomes `p_<class>` columns.

    Args:
        tables: The pieces in order, at least one, all of one schema.
        classes: Class names in the order of its probability column.
    """
    pieces = iter(tables)
    first = next(pieces)
    pieces = itertools.chain([first], pieces)
    if path.suffix == ".parquet":
        with (
            atomic_path(path) as temporary,
            writable(temporary) as sink,
            pq.ParquetWriter(sink, first.schema, compression="zstd") as writer,
        ):
            size = group_rows(len(classes))
            for group in _row_groups(pieces, size):
                writer.write_table(group, row_group_size=size)
            if closing is not None and (said := closing()):
                text = json.dumps(said, sort_keys=True, ensure_ascii=False)
                writer.add_key_value_metadata({EVIDENCE_KEY: text.encode()})
        return
    from labelfix.data.formats import write_batches

    flat = (flat_probabilities(piece, classes) for piece in pieces)
    batches = (batch for piece in flat for batch in piece.to_batches(ROW_GROUP))
    write_batches(path, flat_probabilities(first.slice(0, 0), classes).schema, batches)
    if closing is not None:
        closing()  # which may have something to tell, though no text file has room for it


def with_evidence(table: pa.Table, said: Mapping[str, Any]) -> pa.Table:
    """A table of corrected labels with what Parquet's footer would say of its rows; see `write_corrected`."""
    if not said:
        return table
    text = json.dumps(said, sort_keys=True, ensure_ascii=False)
    return table.replace_schema_metadata({**(table.schema.metadata or {}), EVIDENCE_KEY: text.encode()})


def group_rows(classes: int) -> int:
    """Rows of a row group: of very many classes it holds a quarter of the numbers that others hold at most."""
    return ROW_GROUP if classes <= USUAL_CLASSES else max(ROW_GROUP * USUAL_CLASSES // 4 // classes, 1)


def _row_groups(pieces: Iterable[pa.Table], size: int) -> Iterator[pa.Table]:
    """The rows in tables of that many rows in one chunk each (no rows: one empty table), as one table gives them."""
    held: pa.Table | None = None
    cut = False
    for piece in pieces:
        held = piece if held is None else pa.concat_tables([held, piece])
        while len(held) >= size:
            yield held.slice(0, size).combine_chunks()
            held, cut = held.slice(size), True
    if held is not None and (len(held) or not cut):
        yield held.combine_chunks()


def flat_probabilities(table: pa.Table, classes: Sequence[str]) -> pa.Table:
    """The table with a list column of all K probabilities replaced by K columns `p_<class>`, in class order."""
    if SOURCE_SCORES in table.column_names:
        place = table.schema.get_field_index(SOURCE_SCORES)
        table = table.set_column(place, SOURCE_SCORES, as_json(table.column(place)))
    if CLASSES in table.column_names:
        return table
    for index, field in reversed(list(enumerate(table.schema))):
        if not pa.types.is_list(field.type):
            continue
        rows = list_values(table.column(index), len(table), len(classes))
        table = table.remove_column(index)
        for k, name in enumerate(classes):
            table = table.add_column(index + k, f"p_{name}", pa.array(rows[:, k]))
    return table


def with_min_confidence(table: pa.Table, min_confidence: float | None) -> pa.Table:
    """The table judged again at another threshold: `is_label_issue`, `corrected_label` and `action` follow from it.

    Args:
        table: Corrected labels; strings that are dictionary-coded come back as plain ones.
    """
    if min_confidence is None:
        return table
    given, suggested = (_plain(table[name]) for name in ("given_label", "suggested_label"))
    sure = np.asarray(table["confidence"]) >= np.float32(min_confidence)
    unlabelled = np.asarray(given.is_null())
    differs = np.asarray(pc.fill_null(pc.not_equal(given, suggested), False))
    issue = differs & sure
    action = np.select([unlabelled, issue, differs], [1, 2, 3])
    found = {
        "corrected_label": pc.if_else(pa.array(unlabelled | issue), suggested, given),
        "is_label_issue": pa.array(issue),
        "action": pa.array(["keep", "fill", "relabel", "review"]).take(pa.array(action)),
    }
    for name, column in found.items():
        index = table.schema.get_field_index(name)
        if index >= 0:
            table = table.set_column(index, name, column)
    about = {**json.loads(table.schema.metadata[METADATA_KEY]), "min_confidence": min_confidence}
    return table.replace_schema_metadata({METADATA_KEY: json.dumps(about, sort_keys=True, ensure_ascii=False).encode()})


def plain_strings(table: pa.Table) -> pa.Table:
    """The table with its dictionary-coded columns as plain ones."""
    for index, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            table = table.set_column(index, field.name, table.column(index).cast(field.type.value_type))
    return table


def _plain(column: pa.ChunkedArray) -> pa.Array:
    return pa.concat_arrays([chunk.cast(pa.string()) for chunk in column.chunks] or [pa.array([], pa.string())])
