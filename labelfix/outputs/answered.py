"""What people decided about the rows of a run, held against the run before it is used."""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from labelfix.errors import RunError
from labelfix.outputs.corrected_rows import CorrectedFile, corrected_metadata, groups
from labelfix.runs import RunFolder
from labelfix.runs.answers import NAME, Answer, read_answers


@dataclass(frozen=True)
class Decided:
    """Decisions that stand.

    Attributes:
        labels: Id → the class that a person gave.
        answers: Id → the decision, also of rows that nobody could tell.
    """

    labels: dict[str, str] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def decisions(folder: RunFolder, rows: CorrectedFile) -> Decided:
    """The decisions of a run's `answers.jsonl` that are about its rows."""
    path, ledger = folder.path / NAME, read_answers(folder.path)
    standing = {row: answer for row, answer in ledger.standing().items() if answer.decision != "skip"}
    if not standing:
        raise RunError(f"{path}: holds no decisions; make some with `labelfix review --run {folder.path}`")
    classes = corrected_metadata(rows).classes
    odd = next((one for one in standing.values() if one.label is not None and one.label not in classes), None)
    if odd is not None:
        what = f"the decision about row {odd.id} names {odd.label!r}, which is no class of the run"
        raise RunError(f"{path}: {what}; undo it in `labelfix review`, or train on a file that has the class")
    known = _known(rows, list(standing))
    labels = {row: answer.label for row, answer in standing.items() if answer.label is not None and row in known}
    untold = sum(answer.label is None for row, answer in standing.items() if row in known)
    notes = [f"rows with the label that a person gave: {len(labels):,}"]
    notes += [f"rows that nobody could tell, which keep what the run says: {untold:,}"] if untold else []
    if strangers := len(standing) - len(known):
        notes.append(f"decisions about rows that this run does not have, which are left out: {strangers:,}")
    return Decided(labels, {row: answer for row, answer in standing.items() if row in known}, tuple(notes))


def _known(rows: CorrectedFile, wanted: list[str]) -> set[str]:
    """Those of some ids that rows have."""
    asked = pa.array(wanted, pa.string())
    found: set[str] = set()
    for _, group in groups(rows, ["id"]):
        ids = group["id"].cast(pa.string())
        found |= set(ids.filter(pc.is_in(ids, value_set=asked)).to_pylist())
    return found
