"""A run's corrected labels beside a truth: the rows whose ids the truth has, read group by group.

Legend: R rows found, T rows of the truth, K classes, k classes kept of a soft label.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from labelfix.data.columns.found_ids import MOSTLY, find_ids, find_respelled
from labelfix.data.columns.ids import id_keys_of
from labelfix.data.content import all_keys, same_content
from labelfix.data.corrected_labels import CorrectedLabels
from labelfix.data.tables import ClassNames, Codes, InputTable, Probabilities
from labelfix.outputs.column_arrays import codes, values
from labelfix.outputs.corrected_rows import CorrectedRows, corrected_metadata, groups
from labelfix.outputs.soft_labels import CLASSES, SOFT, list_values

READ = ("id", "given_label", "predicted_label", "source_file", "source_row", SOFT)


@dataclass(frozen=True)
class Matched:
    """The rows of a run that a truth knows.

    Attributes:
        position: `(T,)` place in `labels` of each row of the truth; -1 where the run has no such id.
        row: `(T,)` place in the run, counted from 0; -1 likewise.
        respelled: What ids differ in that are found in another spelling; empty where none is.
    """

    labels: CorrectedLabels
    position: Codes
    row: Codes
    respelled: str


def match(rows: CorrectedRows, ids: pa.Array, classes: ClassNames) -> Matched:
    """Find the rows of a run by their ids.

    Args:
        rows: The run's corrected labels. Where soft labels have only the most likely classes, what is left of their
            probability is shared equally among the other classes.
        ids: `(T,)` the ids wanted, each once, as they are or in another spelling; null for none.
    """
    about = corrected_metadata(rows)
    ids, how = _as_in(rows, ids)
    wanted = id_keys_of(ids)
    row = np.full(len(ids), -1, np.int64)
    found: list[pa.Table] = []
    of_truth: list[Codes] = [np.zeros(0, np.int64)]
    columns = columns_of(rows)
    for first, group in groups(rows, columns):
        keys = pa.chunked_array([id_keys_of(chunk) for chunk in group["id"].chunks], pa.string())
        places = pc.index_in(keys, value_set=wanted).combine_chunks()
        here = np.asarray(places.fill_null(-1)).astype(np.int64)
        hits = np.flatnonzero(here >= 0)
        row[here[hits]] = first + hits
        of_truth.append(here[hits])
        found.append(group.take(pa.array(hits)))
    position = np.full(len(ids), -1, np.int64)
    order = np.concatenate(of_truth)
    position[order] = np.arange(len(order))
    table = pa.concat_tables(found) if found else rows.schema.empty_table().select(columns)
    return Matched(labels_of(table, classes, about.min_confidence, about.run_id), position, row, how)


def ids_by_content(rows: CorrectedRows, noisy: InputTable, truth: InputTable) -> pa.Array:
    """`(T,)` the ids of the rows of a run that hold what those of a truth hold; null for one that has no such row.

    Args:
        rows: The run's corrected labels, in the order of `noisy`.
        noisy: The inputs of the run's noisy rows.
        truth: `(T,)` those of the truth.
    """
    found = same_content(noisy, all_keys(truth))
    return own_ids(rows).take(pa.array(found, mask=found < 0))


def own_ids(rows: CorrectedRows) -> pa.Array:
    """`(N,)` the ids of all rows of a run."""
    ids = pa.chunked_array([chunk for _, group in groups(rows, ["id"]) for chunk in group["id"].chunks])
    return ids.combine_chunks()


def _as_in(rows: CorrectedRows, ids: pa.Array) -> tuple[pa.Array, str]:
    """Ids as the run spells them: paths to files, and others where programs have changed most of them; and in what."""
    own = own_ids(rows)
    found = find_ids(ids, own)
    lost = int(((found < 0) & np.asarray(ids.is_valid())).sum())
    near = find_respelled(ids, own, found) if lost else None
    how = ""
    if near is not None and near.count >= MOSTLY * lost:
        found, how = near.positions, near.how
    spelled = own.take(pa.array(found, mask=found < 0)).cast(pa.string())
    return pc.coalesce(spelled, ids.cast(pa.string())), how


def columns_of(rows: CorrectedRows) -> list[str]:
    """The columns that `labels_of` needs."""
    return [*READ, *([CLASSES] if CLASSES in rows.schema.names else [])]


def labels_of(table: pa.Table, classes: ClassNames, min_confidence: float, run_id: str) -> CorrectedLabels:
    """Corrected labels as they were before they were written.

    Args:
        table: The columns of `READ`, and `soft_label_classes` where there is one.
    """
    names = tuple(dict.fromkeys(name for name in table["source_file"].to_pylist()))
    ids = pa.concat_arrays(table["id"].chunks) if len(table) else pa.array([], table["id"].type)
    return CorrectedLabels(
        ids=ids,
        given=codes(table["given_label"], classes.codes),
        soft=_soft(table, classes),
        predicted=codes(table["predicted_label"], classes.codes),
        classes=classes,
        min_confidence=min_confidence,
        files=names,
        file_index=codes(table["source_file"], {name: place for place, name in enumerate(names)}).astype(np.int32),
        row_number=values(table["source_row"]),
        run_id=run_id,
    )


def _soft(table: pa.Table, classes: ClassNames) -> Probabilities:
    """`(R, K)`."""
    if CLASSES not in table.column_names:
        return list_values(table[SOFT], len(table), len(classes))
    flat = pa.chunked_array([chunk.flatten() for chunk in table[CLASSES].chunks], pa.string())
    which = codes(flat, classes.codes).reshape(len(table), -1 if len(table) else 0)
    kept = list_values(table[SOFT], *which.shape)
    others = max(len(classes) - which.shape[1], 1)
    rest = np.maximum(1 - kept.sum(axis=1, keepdims=True), 0) / others
    soft = np.repeat(rest, len(classes), axis=1)
    np.put_along_axis(soft, which, kept, axis=1)
    return soft
