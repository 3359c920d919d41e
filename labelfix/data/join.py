"""Trusted rows meet noisy rows: by id, or by exact input where there is no common id."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from labelfix.data.content import all_keys, same_content
from labelfix.data.findings import Findings, Places
from labelfix.data.ids import alike
from labelfix.data.inputs import SelectedInputs
from labelfix.data.sampling import find_sampling
from labelfix.data.tables import Codes, LabelTable, Sampling, TrainingData

COMPARED_PAIRS = 1000
JoinedBy = Literal["id", "content", "none"]


def join(
    noisy: LabelTable, clean: LabelTable, sampling: Sampling | None, findings: Findings, rows: int, prefer_content: bool
) -> TrainingData | None:
    """Find the noisy row of every trusted row.

    Args:
        noisy: The noisy rows.
        clean: The trusted rows; `inputs` is None where they carry ids and labels only.
        sampling: How the trusted rows were drawn, where the user said so.
        findings: Takes defects and choices made.
        rows: Rows read at once.
        prefer_content: Whether ids tell labels (paths in a folder of images by class), so that content has to decide.

    Returns:
        The joined rows; None where an error stands in the way.
    """
    joined_by, pairs = _pairs(noisy, clean, findings, rows, prefer_content)
    places = places_of(clean)
    if clean.inputs is None:
        lost = np.flatnonzero(pairs < 0)
        if joined_by != "id":
            _no_ids(noisy, clean, findings)
        elif len(lost):
            _report_lost(noisy, clean, lost, places, findings)
        if joined_by != "id" or len(lost):
            return None
        assert noisy.inputs is not None
        clean = replace(clean, inputs=SelectedInputs(noisy.inputs, pairs, clean.name))
        clean, pairs = _without_unreadable(noisy, clean, pairs, findings)
    _contradictions(noisy, clean, pairs, places_of(clean), findings)
    data = TrainingData(noisy, clean, pairs, joined_by, "random")
    chosen = find_sampling(sampling, noisy.codes, data.paired_given, clean.codes, len(noisy.classes), findings)
    return replace(data, sampling=chosen)


def report_lost_ids(noisy: LabelTable, clean: LabelTable, findings: Findings) -> None:
    """Report trusted ids that the noisy file lacks, where the trusted rows have no inputs of their own."""
    if clean.inputs is not None or noisy.id_column is None or clean.id_column is None:
        return
    lost = np.flatnonzero(_by_id(noisy, clean) < 0)
    if len(lost):
        _report_lost(noisy, clean, lost, places_of(clean), findings)


def places_of(table: LabelTable) -> Places:
    """Where the rows of a table came from."""
    return Places(table.files, table.file_index, table.row_number)


def _pairs(
    noisy: LabelTable, clean: LabelTable, findings: Findings, rows: int, prefer_content: bool
) -> tuple[JoinedBy, Codes]:
    own = clean.inputs is not None
    if noisy.id_column is not None and clean.id_column is not None and not (prefer_content and own):
        found = _by_id(noisy, clean)
        count = int((found >= 0).sum())
        if count or not own:
            findings.note(f"joined by id: {count} of {len(clean)} trusted rows stand in {noisy.name}")
            _compare_inputs(noisy, clean, found, findings, rows)
            return "id", found
    if not own:
        return "none", np.full(len(clean), -1, np.int64)
    assert noisy.inputs is not None
    assert clean.inputs is not None
    found = same_content(noisy.inputs, all_keys(clean.inputs, rows), rows)
    count = int((found >= 0).sum())
    why = "their paths hold the label" if prefer_content else _why_not_by_id(noisy, clean)
    if count:
        findings.note(f"joined by exact input, as {why}: {count} of {len(clean)} trusted rows stand in {noisy.name}")
        return "content", found
    findings.warning(
        clean.name,
        f"none of its {len(clean)} rows stands in {noisy.name}, so the label noise cannot"
        f" be measured by comparison ({why}, and no input is the same)",
    )
    return "none", found


def _by_id(noisy: LabelTable, clean: LabelTable) -> Codes:
    ours, theirs = alike(noisy.ids, clean.ids)
    found = pc.index_in(theirs, value_set=ours, skip_nulls=True).fill_null(-1)
    return np.asarray(found.to_numpy(zero_copy_only=False), dtype=np.int64)


def _why_not_by_id(noisy: LabelTable, clean: LabelTable) -> str:
    if noisy.id_column is None:
        return f"{noisy.name} has no id column"
    return f"{clean.name} has no id column" if clean.id_column is None else "no id is the same"


def _no_ids(noisy: LabelTable, clean: LabelTable, findings: Findings) -> None:
    needs = (
        "the noisy file's input columns" if noisy.inputs is None else ", ".join(map(repr, noisy.inputs.spec.columns))
    )
    if clean.id_column is None:
        ids = f"the id column {noisy.id_column!r}" if noisy.id_column else "ids"
        remedy = f"name its id column as in {noisy.name}, or add the input column {needs}"
        findings.error(clean.name, f"carries neither {ids} nor inputs", remedy)
    else:
        findings.error(
            clean.name,
            f"carries ids and no inputs, but {noisy.name} has no id column",
            f"name it with --id-column, or add the input column {needs} to {clean.name}",
        )


def _report_lost(noisy: LabelTable, clean: LabelTable, lost: Codes, places: Places, findings: Findings) -> None:
    assert noisy.inputs is not None
    needs = ", ".join(map(repr, noisy.inputs.spec.columns))
    if len(lost) == len(clean):
        findings.error(
            clean.name,
            f'none of its ids (such as "{clean.ids[0]}") stands in {noisy.name}, whose ids look like "{noisy.ids[0]}"',
            f"give both files the same ids, or add the input column {needs}",
        )
        return
    findings.rows(
        places,
        lost,
        lambda row: f'id "{clean.ids[row]}" does not stand in {noisy.name}, and the file carries no inputs',
        f"mend the id, remove the row, or add the input column {needs}",
        "{} more ids are not found",
    )


def _without_unreadable(
    noisy: LabelTable, clean: LabelTable, pairs: Codes, findings: Findings
) -> tuple[LabelTable, Codes]:
    """Leave out trusted rows whose image, in the noisy file, cannot be decoded."""
    if noisy.readable is None or noisy.readable[pairs].all():
        return clean, pairs
    keep = noisy.readable[pairs]
    findings.warning(clean.name, f"{int((~keep).sum())} trusted rows are left out, as their image cannot be read")
    return select(clean, keep, SelectedInputs(noisy.inputs, pairs[keep], clean.name) if noisy.inputs else None), pairs[
        keep
    ]


def select(table: LabelTable, keep: np.ndarray, inputs: SelectedInputs | None) -> LabelTable:
    """Some rows of a table, with the inputs that belong to them."""
    return replace(
        table,
        ids=table.ids.filter(pa.array(keep)),
        codes=table.codes[keep],
        file_index=table.file_index[keep],
        row_number=table.row_number[keep],
        inputs=inputs,
        readable=None,
    )


def _contradictions(noisy: LabelTable, clean: LabelTable, pairs: Codes, places: Places, findings: Findings) -> None:
    """Trusted rows of one and the same input with different labels."""
    if clean.inputs is None or clean.inputs.spec.kind == "image" and clean.id_column is not None:
        return
    keys = all_keys(clean.inputs, 8192).dictionary_encode().indices.to_numpy(zero_copy_only=False)
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    earlier = first[inverse]
    labelled = (clean.codes >= 0) & (clean.codes[earlier] >= 0)
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
        "keep the right one",
        "{} more trusted rows contradict an earlier one",
        warn=clean.id_column is not None,
    )


def _compare_inputs(noisy: LabelTable, clean: LabelTable, pairs: Codes, findings: Findings, rows: int) -> None:
    """Ids that are row numbers of their own file join rows that have nothing to do with each other."""
    if clean.inputs is None or noisy.inputs is None or noisy.inputs.spec.kind != "text":
        return
    paired = np.flatnonzero(pairs >= 0)[:COMPARED_PAIRS]
    if not len(paired):
        return
    ours = all_keys(SelectedInputs(noisy.inputs, pairs[paired], noisy.name), rows)
    theirs = all_keys(SelectedInputs(clean.inputs, paired, clean.name), rows)
    bare = [pc.replace_substring_regex(pc.utf8_lower(texts), r"[^\pL\pN]+", "") for texts in (ours, theirs)]
    differ = np.flatnonzero(pc.not_equal(*bare).to_numpy(zero_copy_only=False))
    if not len(differ):
        return
    row = int(paired[differ[0]])
    file, number = places_of(clean).of(row)
    what = f'id "{clean.ids[row]}" has another text than in {noisy.name}'
    if len(differ) > 0.5 * len(paired):
        findings.error(
            file,
            f"{what}, as have {len(differ)} of {len(paired)} ids, so the ids do not name the same items",
            f"give both files the same ids, or take the id column out of {clean.name}",
            number,
        )
    else:
        findings.warning(file, f"{what} ({len(differ)} such rows of {len(paired)})", "the trusted text is used", number)
