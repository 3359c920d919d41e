"""Everything there is, for programs; `labelfix schema flag` is its schema."""

from __future__ import annotations

from typing import Any

from labelfix.outputs.judgement import Judgement
from labelfix.outputs.plain_text import json_text

FORMAT_VERSION = 1


def write(judgement: Judgement) -> str:
    """The judgement as JSON; plain ASCII, so that it is safe to print."""
    value: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "source": judgement.source,
        "run_id": judgement.run_id,
        "min_confidence": judgement.min_confidence,
        "rows": judgement.rows,
        "labelled": judgement.labelled,
        "trusted": judgement.trusted,
        "issues": judgement.issues,
        "accepted": judgement.accepted,
        "edited": judgement.edited,
        "issue_rate": judgement.issue_rate,
        "max_issue_rate": judgement.max_issue_rate,
        **(judgement.chosen.figures if judgement.chosen else {}),
        **(
            {name: getattr(judgement, name) for name in ("noise_rate", "max_noise_rate")}
            if judgement.noise_rate
            else {}
        ),
        **({"new_rows": dict(judgement.new_rows)} if judgement.new_rows else {}),
        **({"drift": [each.to_json() for each in judgement.drift]} if judgement.drift else {}),
        "gates": [
            {
                "name": gate.name,
                "class": gate.class_name,
                "files": gate.files,
                "source": gate.by,
                "value": gate.value,
                "limit": gate.limit,
                "passed": gate.passed,
                "owner": gate.owner,
            }
            for gate in judgement.gates
        ],
        "passed": judgement.passed,
        "findings": [
            {
                "id": found.id,
                "file": found.file,
                "row": found.row,
                "line": found.line,
                "given_label": found.given,
                "suggested_label": found.suggested,
                "confidence": found.confidence,
                "label_score": found.label_score,
                "snippet": found.snippet,
                "severity": found.severity,
                "owner": found.owner,
                "content_hash": found.content,
                **({"trusted": found.trusted} if judgement.with_trusted else {}),
            }
            for found in judgement.findings
        ],
    }
    return json_text(value)
