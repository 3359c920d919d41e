"""What joined rows say against each other: the same input with two labels, the same id with two inputs."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from labelfix.data.columns.found_ids import MOSTLY
from labelfix.data.content import SEPARATOR, all_keys, begins, same_content
from labelfix.data.findings import Findings, Places
from labelfix.data.inputs import SelectedInputs, inputs_of
from labelfix.data.tables import Codes, LabelTable

COMPARED_PAIRS = 1000


def places_of(table: LabelTable) -> Places:
    """Where the rows of a table came from."""
    return Places(table.files, table.file_index, table.row_number)


def report_contradictions(clean: LabelTable, findings: Findings) -> None:
    """Trusted rows of one and the same input with different labels."""
    places = places_of(clean)
    if clean.inputs is None or clean.inputs.spec.part("image") and clean.id_column is not None:
        return
    keys = all_keys(clean.inputs)
    empty = pc.is_in(keys, pa.array(["", SEPARATOR], keys.type)) if clean.inputs.spec.kind == "text" else None
    keys = keys.dictionary_encode().indices.to_numpy(zero_copy_only=False)
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    earlier = first[inverse]
    labelled = (clean.codes >= 0) & (clean.codes[earlier] >= 0)
    if empty is not None:
        labelled &= ~empty.to_numpy(zero_copy_only=False)
    again = np.flatnonzero((earlier != np.arange(len(clean))) & labelled)
    clash = again[clean.codes[again] != clean.codes[earlier[again]]]
    names = clean.classes

    def what(row: int) -> str:
        before = int(earlier[row])
        file, number = places.of(before)
        place = f"row {number}" if file == places.of(row)[0] else f"{file}, row {number}"
        here, there = (names.name(int(clean.codes[r])) for r in (row, before))
        return f'has the input of {place} but label "{here}" instead of "{there}"'

    # Under ids of their own these may be two items that look alike.
    findings.rows(
        places,
        clash,
        what,
        "if both are the same item, keep the right one" if clean.id_column is not None else "keep the right one",
        "{} more trusted rows contradict an earlier one",
        warn=clean.id_column is not None,
    )


def compare_inputs(noisy: LabelTable, clean: LabelTable, pairs: Codes, findings: Findings) -> None:
    """Ids that are row numbers of their own file join rows that have nothing to do with each other."""
    paired = np.flatnonzero(pairs >= 0)[:COMPARED_PAIRS]
    if clean.inputs is None or noisy.inputs is None or not len(paired):
        return
    spec = noisy.inputs.spec.part("text") or noisy.inputs.spec
    ours, theirs = inputs_of(noisy.inputs, spec), inputs_of(clean.inputs, spec)
    keys = all_keys(SelectedInputs(theirs, paired, clean.name), bare=True)
    there = all_keys(SelectedInputs(ours, pairs[paired], noisy.name), bare=True)
    differ = np.flatnonzero(pc.not_equal(there, keys).to_numpy(zero_copy_only=False))
    if spec.kind == "text":
        differ = np.array([row for row in differ.tolist() if not begins(there[row].as_py(), keys[row].as_py())], int)
    if not len(differ):
        return
    row = int(paired[differ[0]])
    file, number = places_of(clean).of(row)
    what = f'id "{clean.ids[row]}" has {"another text" if spec.kind == "text" else "other inputs"} than in {noisy.name}'
    several = len(differ) > MOSTLY * len(paired)
    if several and spec.kind != "text":
        # Features are rounded and mended; whole rows that stand elsewhere are not.
        several = (same_content(ours, keys.take(pa.array(differ))) >= 0).sum() > MOSTLY * len(paired)
        what += ", which has these in another row"
    if several:
        findings.error(
            file,
            f"{what}, as have {len(differ)} of {len(paired)} ids, so the ids do not name the same items",
            f"give both files the same ids, or take the id column out of {clean.name}",
            number,
        )
    elif spec.kind == "text":
        findings.warning(file, f"{what} ({len(differ)} such rows of {len(paired)})", "the trusted text is used", number)
