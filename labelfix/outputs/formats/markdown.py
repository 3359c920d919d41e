"""Markdown for a comment on a pull request, or for the summary of a job.

Whatever comes from data stands in code, where nothing is markup, a link, or the name of a person to be told of it.
"""

from __future__ import annotations

from labelfix.outputs.formats.fingerprints import short
from labelfix.outputs.judgement import Finding, Gate, Judgement
from labelfix.outputs.plain_text import printed
from labelfix.outputs.wording import all_notes, percent

MARK = "<!-- labelfix -->"
"""By which a job finds its own comment, to replace it."""

_BREAKS_CODE = {ord("`"): "\\x60", ord("|"): "\\x7c"}
"""What would end code, or the cell of a table that it stands in."""


def write(judgement: Judgement) -> str:
    """The verdict, the gates, and the findings as a table."""
    verdict = {None: "labels", True: "passed", False: "above the gate"}[judgement.passed]
    accepted = f", {judgement.accepted:,} accepted before" if judgement.accepted else ""
    edited = f", {judgement.edited:,} of them edited since they were accepted" if judgement.edited else ""
    lines = [
        MARK,
        f"### labelfix: {verdict}",
        "",
        f"**{judgement.issues:,} of {judgement.labelled:,} labelled rows look wrong** "
        f"({percent(judgement.issue_rate)}){edited}{accepted}.",
    ]
    if judgement.gates:
        lines += ["", "| gate | found | let through | |", "|---|--:|--:|---|", *map(_gate, judgement.gates)]
    if judgement.findings:
        owners = any(found.owner for found in judgement.findings)
        heads = ["id", "where", "given", "suggested", "confidence", "says", *(["owner"] if owners else [])]
        lines += ["", _row(heads), _row(["--:" if head == "confidence" else "---" for head in heads])]
        lines += [_row(_cells(found, owners)) for found in judgement.findings]
    if hidden := judgement.issues - len(judgement.findings):
        lines += ["", f"… and {hidden:,} more."]
    if said := all_notes(judgement):
        lines += ["", "```text", *(printed(line).replace("`", "\\x60") for line in said), "```"]
    return "\n".join(lines)


def code(text: object) -> str:
    """Text from data as code, which may stand in a cell."""
    told = short(text).translate(_BREAKS_CODE)
    return f"`{told}`" if told.strip() else "` `"


def _gate(gate: Gate) -> str:
    of_part = "" if gate.part is None else f" {code(gate.part)}"
    owner = "" if gate.owner is None or gate.passed else f", {code(gate.owner)}"
    verdict = ("no rows" if gate.empty else "passed" if gate.passed else "**above**") + owner
    return _row([f"{gate.name}{of_part}", "" if gate.empty else percent(gate.value), percent(gate.limit), verdict])


def _cells(found: Finding, owners: bool) -> list[str]:
    sure = "trusted" if found.trusted else f"{found.confidence:.3f}"
    cells = [code(found.id), code(found.place), code(found.given), code(found.suggested), sure]
    cells.append(code(found.snippet) if found.snippet else "")
    return [*cells, *([code(found.owner) if found.owner else ""] if owners else [])]


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
