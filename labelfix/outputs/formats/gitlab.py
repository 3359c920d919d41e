"""GitLab's code quality report: an array of findings with the six keys that GitLab reads, `[]` where there is none."""

from __future__ import annotations

from typing import Any

from labelfix.outputs.formats.fingerprints import RULE, fingerprint, in_repository, sentence, short
from labelfix.outputs.judgement import Finding, Judgement
from labelfix.outputs.plain_text import json_text, visible


def write(judgement: Judgement) -> str:
    """The report."""
    return json_text([_finding(found) for found in judgement.findings])


def _finding(found: Finding) -> dict[str, Any]:
    place = "" if found.line is not None else f", row {found.row}"
    owner = "" if found.owner is None else f"; owner {short(found.owner)}"
    return {
        "description": f"{sentence(found)}{place}{owner}",
        "check_name": f"labelfix-{RULE}",
        "fingerprint": fingerprint(found),
        "severity": found.severity,
        "location": {"path": visible(in_repository(found)), "lines": {"begin": found.line or 1}},
    }
