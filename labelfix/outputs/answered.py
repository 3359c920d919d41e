"""What people decided about the rows of a run: held against the run, learned from, and what learning it changed.

A row that a person was led to because it looks wrong is harder than others: it trains, and judges nothing
(`labelfix.data.chosen_rows`). The rows at the beginning of the random order are a random sample as far as all of them
are decided, whichever queue each was decided in: the order was drawn before anybody looked.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from labelfix.data.annotations.marks import ANSWER, CHANCE, DRAWN, ID
from labelfix.errors import RunError
from labelfix.outputs.corrected_rows import CorrectedFile, corrected_metadata, groups
from labelfix.outputs.queues import RunRows
from labelfix.outputs.trust import read_evidence
from labelfix.runs import RunFolder, atomic_path
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
    """The decisions of a run's `answers.jsonl` that are about its rows.

    Raises:
        RunError: Nobody has decided anything, a class is not one of the run's, or the file is damaged.
    """
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
    asked = pa.array(wanted, pa.string())
    found: set[str] = set()
    for _, group in groups(rows, ["id"]):
        ids = group["id"].cast(pa.string())
        found |= set(ids.filter(pc.is_in(ids, value_set=asked)).to_pylist())
    return found


def write_decided(folder: RunFolder) -> tuple[Path, int, int]:
    """Write the decisions that stand into a new file; gives it, its rows, and how many are a random sample."""
    decided = decisions(folder, CorrectedFile(folder.corrected))
    rows = RunRows(folder)
    places = rows.positions(list(decided.labels))
    known = np.zeros(len(rows), dtype=bool)
    known[places] = True
    sample = set(rows.random_order[: sampled(rows, known)].tolist())
    lines = []
    for place, (row, label) in zip(places.tolist(), decided.labels.items(), strict=True):
        answer = decided.answers[row]
        drawn = "" if place in sample else answer.queue
        told = {ID: row, ANSWER: label, DRAWN: drawn, CHANCE: answer.inclusion}
        lines.append(json.dumps(told, ensure_ascii=False) + "\n")
    text = "".join(lines).encode()
    path = folder.path / f"decided-{hashlib.sha256(text).hexdigest()[:8]}.jsonl"
    with atomic_path(path) as beside:
        beside.write_bytes(text)
    return path, len(lines), len(sample)


def sampled(rows: RunRows, known: Any) -> int:  # noqa: ANN401 - an array
    """How many rows at the beginning of the random order are all `known` `(N,)`: a person gave their label."""
    answered = known[rows.random_order]
    return len(answered) if answered.all() else int(answered.argmin())


def compared(before: RunFolder, after: RunFolder) -> list[str]:
    """The ledgers of two runs side by side, in aligned lines."""
    old, new = (_figures(folder) for folder in (before, after))
    wide = max(len(name) for name in new)
    first = max(len(old.get(name, "")) for name in new)
    lines = [f"{'':{wide}}  {'before':{first}}  after".rstrip()]
    lines += [f"{name:{wide}}  {old.get(name, '–'):{first}}  {value}".rstrip() for name, value in new.items()]
    if (read_evidence(after).get("ledger") or {}).get("chosen"):
        lines.append("right, after: of the rows that nobody has checked; wrong: of the whole file")
    return lines


def _figures(folder: RunFolder) -> dict[str, str]:
    manifest, evidence = folder.read_manifest(whole=True), read_evidence(folder)
    ledger, judged = evidence.get("ledger") or {}, evidence.get("judged_on") or {}
    noise = (evidence.get("noise") or {}).get("rate")
    changed = manifest["counts"]["actions"].get("relabel", 0)
    return {
        "rows that a person checked": f"{manifest['counts'].get('clean', 0):,}",
        "  of them judge the run": f"{judged.get('rows', 0):,}",
        "given labels right, by these": _share(ledger.get("given_labels")),
        "corrected labels right, by these": _share(ledger.get("corrected_labels")),
        "given labels wrong, by all rows": _share(noise),
        "labels changed": f"{changed:,}",
        "use the labels?": str((manifest.get("verdict") or {}).get("labels", "not judged")),
    }


def _share(estimate: Mapping[str, Any] | None) -> str:
    if not estimate or estimate.get("value") is None:
        return "not known"
    if estimate.get("low") is None:
        return f"{100 * estimate['value']:.1f} %"
    return f"{100 * estimate['value']:.1f} % ({100 * estimate['low']:.1f} to {100 * estimate['high']:.1f} %)"
