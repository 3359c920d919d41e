"""The verdict of a run as the report begins: what `train` said of it, whether to use it, and what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from labelfix.outputs.summing_up import USE, draw_rows, result, take_labels

KEEP = "keep"
"""A value of `verdict.labels`; every answer but this and `USE` asks for more trusted rows."""

MEANT = {
    USE: "use the corrected labels",
    KEEP: "keep the given labels: the corrected ones are no better",
    "unclear": "it is unclear whether the corrected labels are better",
}
"""`verdict.labels` in words, without the figures: the line before has them. What cannot be measured it says as well."""


@dataclass(frozen=True)
class Advice:
    """The first lines of the page.

    Attributes:
        kind: `use`, `keep`, or empty.
        result: What came of the run, as `train` prints it.
        sentence: Whether to use it; empty where nothing judges the run.
    """

    kind: str
    result: str
    sentence: str
    following: str
    command: str


def advice(run: str, manifest: Mapping[str, Any], actions: Mapping[str, int], evidence: Mapping[str, Any]) -> Advice:
    """Gather it.

    Args:
        evidence: `evidence` of `metrics.json`; empty where nothing judges the run.
    """
    verdict, noisy = evidence.get("verdict"), manifest["data"]["noisy"]
    counts = {**manifest.get("counts", {}), "noisy": noisy["rows"], "actions": actions}
    came = result(counts, verdict, evidence.get("ledger"))
    if not verdict:
        return Advice("", came, "", "", "")
    kind = verdict["labels"]
    sentence = MEANT.get(kind, "")
    if kind == USE:
        command = take_labels(run, noisy)
        following = "write the noisy file with the corrected labels"
    elif kind == KEEP:
        following, command = "leave the labels as they are; the rows below are those most worth a look", ""
    else:
        following = (
            "check rows drawn at random: with them as further trusted rows a new run can tell how many are right"
        )
        command = draw_rows(run)
    return Advice(kind if kind in (USE, KEEP) else "", came, sentence, following, command)
