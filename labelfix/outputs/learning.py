"""People's decisions as trusted rows to learn from, and what learning them changed.

A row that a person was led to because it looks wrong is harder than others: it trains, and judges nothing
(`labelfix.data.chosen_rows`). The rows at the beginning of the random order are a random sample as far as all of them
are decided, whichever queue each was decided in: the order was drawn before anybody looked.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from labelfix.data.annotations.marks import ANSWER, CHANCE, DRAWN, ID
from labelfix.outputs.answered import decisions
from labelfix.outputs.corrected_rows import CorrectedFile
from labelfix.outputs.queues import RunRows
from labelfix.outputs.trust import read_evidence
from labelfix.runs import RunFolder, atomic_path


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
    return [f"{'':{wide}}  {'before':{first}}  after".rstrip()] + [
        f"{name:{wide}}  {old.get(name, '–'):{first}}  {value}".rstrip() for name, value in new.items()
    ]


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
