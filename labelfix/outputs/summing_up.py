"""What came of a run in two lines for a person: how many labels changed and how many are right, and what to do next.

Nothing here is a word of the trade; docs/concepts/glossary.md has those.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from labelfix.outputs.free_names import free

FEW = 50
"""With fewer checked rows than this the figures are rough."""

USE, NOT_MEASURABLE = "use", "not measurable"
"""A value of `verdict.labels`."""

LEARNABLE = "learnable"
"""`features` of `run.json`: the run is one on fixed features, and an encoder can learn others from it."""

EXPORTED = (".csv", ".tsv", ".parquet", ".jsonl", ".json")


KEEP = "keep"
"""A value of `verdict.labels`; every answer but this and `USE` asks for more trusted rows."""

MEANT = {
    USE: "use the corrected labels",
    KEEP: "keep the given labels: the corrected ones are no better",
    "unclear": "it is unclear whether the corrected labels are better",
}
"""`verdict.labels` in words, without the figures: the line before has them. What cannot be measured it says as well."""


def result(counts: Mapping[str, Any], verdict: Mapping[str, Any] | None, ledger: Mapping[str, Any] | None) -> str:
    """How many labels changed, and how many are right now and before.

    Args:
        counts: `counts` of `run.json`.
        verdict: Its `verdict`; None where nothing judged the run.
        ledger: `evidence.ledger` of `metrics.json`, likewise.
    """
    relabelled, review, fill = (counts["actions"].get(name, 0) for name in ("relabel", "review", "fill"))
    parts = [f"{relabelled:,} of {counts['noisy']:,} labels changed"]
    parts += [f"{review:,} doubtful kept"] if review else []
    parts += [f"{fill:,} missing filled in"] if fill else []
    changed = ", ".join(parts)
    if verdict is None:
        return f"{changed}; how many are right is not known"
    before, after = ((ledger or {}).get(name) for name in ("given_labels", "corrected_labels"))
    if verdict["labels"] == NOT_MEASURABLE or not before or not after:
        return f"{changed}; {verdict['sentence']}"
    few = ", too few to be sure" if after["rows"] < FEW else ""
    low, high = (_percent(after[name]) for name in ("low", "high"))
    part = "" if after["rows"] >= counts.get("clean", 0) else f" of the {counts['clean']:,}"
    whose = "of those that nobody has checked " if (ledger or {}).get("chosen") else ""
    return (
        f"{changed}; {whose}about {_percent(after['value'])} % are right now, {_percent(before['value'])} % before "
        f"({after['rows']:,}{part} rows you checked{few}; {low} to {high} %)"
    )


def next_step(verdict: Mapping[str, Any] | None, run: str, noisy: Mapping[str, Any]) -> str:
    """What to do next, with the command for it.

    Args:
        verdict: `verdict` of `run.json`; None where nothing judged the run.
        noisy: Of `run.json`.
    """
    labels = (verdict or {}).get("labels")
    if labels == USE:
        return f"next: take the corrected labels: {take_labels(run, noisy)}"
    if labels == "keep":
        return f"next: keep your labels, these are no better; labelfix report --run {shlex.quote(run)} shows why"
    return f"next: check rows drawn at random, which tell how many labels are right: {draw_rows(run)}"


def go_further(features: str, run: str) -> str:
    """The command that learns features, by `features` of a fixed run's `run.json`; empty where there is none."""
    if features != LEARNABLE:
        return ""
    again = f"labelfix train --resume {shlex.quote(run)} --no-freeze"
    return f"or learn better features first, which takes minutes; this run stays until then: {again}"


def draw_rows(run: str) -> str:
    """The command that draws rows at random for a person to check; those that `next` chooses would judge nothing."""
    return f"labelfix export --run {shlex.quote(run)} --tasks csv --queue random"


def take_labels(run: str, noisy: Mapping[str, Any]) -> str:
    """The command that writes the corrected labels under a name that is free."""
    out = shlex.quote(str(free(Path(fixed_name(noisy)))))
    return f"labelfix export --run {shlex.quote(run)} --corrected-labels {out}"


def fixed_name(noisy: Mapping[str, Any]) -> str:
    """What to call the noisy file with corrected labels: of its own kind where that can be written."""
    if noisy.get("format") == "image_folder":
        return "fixed"
    suffix = PurePath(str(noisy["name"])).suffix.lower()
    return f"fixed{suffix if suffix in EXPORTED else '.parquet'}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f}"


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
