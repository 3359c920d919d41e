"""`Run.evaluate`: a run's corrected labels beside a truth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from labelfix.data.columns.cut_ids import cut_ids
from labelfix.data.read import open_rows
from labelfix.data.tables import InputTable, LabelTable
from labelfix.errors import input_error
from labelfix.numerics.truth_metrics import compare_with_truth
from labelfix.outputs.flags import opened_labels
from labelfix.outputs.own_inputs import find_input
from labelfix.outputs.soft_labels import SOFT
from labelfix.outputs.trust import read_evidence
from labelfix.scoring.match_truth import ids_by_content, match, own_ids

if TYPE_CHECKING:
    from labelfix.api.opened import OpenedRun


def evaluate(run: OpenedRun, table: LabelTable, corrected: Path | pa.Table | None = None) -> dict[str, Any]:
    """Compare the labels of a run with true ones; returns and errors as of `Run.evaluate`."""
    _, name, rows = opened_labels(run.folder if corrected is None else corrected)
    if SOFT not in rows.schema.names:
        remedy = "write it again as .parquet with `labelfix correct`"
        raise input_error(name, "holds no soft labels in one column, as a text file does not", remedy)
    own, by, ids = corrected is None, "id", table.ids
    # The ids of a run without any are row numbers, which those of another file are not.
    by_id = not own or (table.id_column is not None and (run.columns.id is not None or table.inputs is None))
    matched = match(rows, ids, run.classes) if by_id else None
    if own and (matched is None or (matched.position < 0).all()) and table.inputs is not None:
        by, ids = "content", ids_by_content(rows, _own_inputs(run), table.inputs)
        matched = match(rows, ids, run.classes)
    assert matched is not None, "a truth has ids or inputs"
    found = (matched.position >= 0) & table.labelled
    if not found.any():
        if (error := cut_ids(table.name, table.ids, name, own_ids(rows))) is not None:
            raise error
        what = f"has no {by} that is among the rows of {name}"
        remedy = "give the ids of these rows, or --id-column"
        remedy += "; rows that came later are evaluated by --corrected, a file of `labelfix correct`" if own else ""
        raise input_error(table.name, what, remedy)
    trusted = np.asarray(run.manifest["trusted_rows"] if own else [], dtype=np.int64)
    usable = found & ~np.isin(matched.row, trusted)
    if not usable.any():
        count = int(found.sum())
        what = f"all {count:,} of its rows that the run has are trusted rows, whose labels it was given"
        raise input_error(table.name, what, "give true labels of other rows")
    result = compare_with_truth(matched.labels, matched.position[usable], table.codes[usable])
    return {
        **result,
        "matched": int(found.sum()),
        "matched_by": by,
        "respelled": matched.respelled,
        "unmatched": int((table.labelled & ~found).sum()),
        "trusted_left_out": int((found & ~usable).sum()),
        "doubted": read_evidence(run.folder).get("doubted", []) if own else [],
    }


def _own_inputs(run: OpenedRun) -> InputTable:
    """The inputs of the run's noisy rows, in their order."""
    own = find_input(run.folder, "noisy", run._noisy_file(None)).needed()
    read_rows = run.settings.compute.read_rows
    return open_rows(own.names[0], run.classes, run.columns, run._own_reading(), read_rows, look_at_labels=False).inputs
