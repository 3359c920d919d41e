"""What a run's `metrics.json` says of how far it may be trusted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from labelfix.errors import RunError, input_error
from labelfix.outputs.flag_rules import SCORE_AGAIN
from labelfix.runs import RunFolder
from labelfix.runs.checked import UnreadableError, read_checked
from labelfix.runs.schema_evidence import Metrics


def read_evidence(folder: RunFolder) -> dict[str, Any]:
    """`evidence` of a run; empty where it has none."""
    return dict(read_metrics(folder).get("evidence") or {})


def read_metrics(folder: RunFolder) -> dict[str, Any]:
    """`metrics.json` of a run; empty where it is missing or no JSON at all: the labels can be used without it."""
    try:
        return dict(read_checked(folder.metrics, Metrics))
    except UnreadableError:
        return {}


def trusted_mask(manifest: Mapping[str, Any], rows: int) -> npt.NDArray[np.bool_]:
    """`(rows,)` True where a person has given the label: trusted rows that stand in the noisy file.

    Raises:
        RunError: It names a row that there is not.
    """
    found = np.zeros(rows, dtype=bool)
    known = np.asarray(manifest.get("trusted_rows", []), dtype=np.int64)
    if known.max(initial=-1) >= rows or known.min(initial=0) < 0:
        what = f"trusted_rows names row {known.max() + 1:,}, but there are {rows:,}"
        raise RunError(f"run.json: is damaged ({what}); train the run again with --overwrite")
    found[known] = True
    return found


def noise_rate(evidence: Mapping[str, Any], source: str, run: bool = True) -> dict[str, Any]:
    """The noise rate with its interval, to be held against a gate.

    Args:
        evidence: Of a run's `metrics.json`, or of a file of new rows.

    Raises:
        InputError: It has none, or only one that promises no coverage.
    """
    noise = evidence.get("noise")
    if not evidence and not run:
        raise input_error(source, "does not say how noisy its labels are", SCORE_AGAIN)
    if not noise or noise["rate"].get("low") is None:
        why = "has no interval for its noise rate" if noise else "does not say how noisy its labels are"
        remedy = (
            "train with trusted rows that are drawn at random from the noisy file (20 or more), or use --max-issue-rate"
        )
        raise input_error(source, f"{why}, and a gate fails only on evidence", remedy)
    return {**noise["rate"], "how": noise["how"]}


def of_new_rows(evidence: Mapping[str, Any]) -> tuple[str, ...]:
    """What is assumed of rows that a finished run has corrected, and why it does not hold; sentences for people."""
    about = evidence.get("new_rows") or {}
    notes = []
    if without := int(about.get("rows", 0)) - int(about.get("labelled", 0)):
        have = "1 row has no label or could" if without == 1 else f"{without:,} rows have no label or could"
        notes.append(f"{have} not be read, and {'is' if without == 1 else 'are'} not judged")
    if assumed := about.get("assumed"):
        notes.append(f"assumed: {assumed}")
    return (
        *notes,
        *(f"this does not hold, so what is said here may not either: {why}" for why in about.get("not_met", ())),
    )
