"""SARIF 2.1.0 (OASIS, errata 01), with what GitHub's code scanning asks beyond the schema.

A row of a Parquet file has no line: its finding stands on line 1 of the file, and says which row it is.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from labelfix.outputs.formats.fingerprints import RULE, fingerprint, in_repository, sentence, short
from labelfix.outputs.judgement import Finding, Judgement
from labelfix.outputs.plain_text import json_text
from labelfix.version import __version__

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"

LEVELS = {"blocker": "error", "critical": "error", "major": "warning", "minor": "warning", "info": "note"}

ABOUT = (
    "The label of this row does not fit the row: a model that was trained with the help of trusted rows finds another "
    "class likelier."
)
HELP = (
    "Read the row. Where the label is wrong, correct it; where it is right, accept the row with a baseline: "
    "labelfix flag --format json=accepted.json, then labelfix flag --baseline accepted.json."
)


def write(judgement: Judgement) -> str:
    """A SARIF log of one run."""
    return json_text({"$schema": SCHEMA, "version": "2.1.0", "runs": [_run(judgement)]})


def _run(judgement: Judgement) -> dict[str, Any]:
    files = list(dict.fromkeys(in_repository(found) for found in judgement.findings))
    about = files[0] if len(files) == 1 else short(judgement.source)
    return {
        "tool": {
            "driver": {
                "name": "labelfix",
                "semanticVersion": __version__,
                "rules": [
                    {
                        "id": RULE,
                        "name": "LabelIssue",
                        "shortDescription": {"text": "Label looks wrong"},
                        "fullDescription": {"text": ABOUT},
                        "help": {"text": HELP, "markdown": HELP},
                        "defaultConfiguration": {"level": "warning"},
                        "properties": {
                            "tags": ["data-quality", "label"],
                            "precision": "high",
                            "problem.severity": "warning",
                        },
                    }
                ],
            }
        },
        "automationDetails": {"id": f"labelfix/{_uri(about)}/"},
        "columnKind": "utf16CodeUnits",
        "results": [_result(found) for found in judgement.findings],
        "properties": {
            "issues": judgement.issues,
            "shown": len(judgement.findings),
            "labelled": judgement.labelled,
            "accepted": judgement.accepted,
            "passed": judgement.passed,
        },
    }


def _result(found: Finding) -> dict[str, Any]:
    known = fingerprint(found)
    line = found.line or 1
    place = "" if found.line is not None else f" Row {found.row} of the file."
    owner = "" if found.owner is None else f" Owner: {short(found.owner)}."
    snippet = f" It says: {found.snippet}" if found.snippet else ""
    return {
        "ruleId": RULE,
        "ruleIndex": 0,
        "level": LEVELS[found.severity],
        "rank": round(100 * min(max(1 - found.label_score, 0.0), 1.0), 3),
        "message": {"text": _plain(f"{sentence(found)}.{place}{owner}{snippet}")},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": _uri(in_repository(found))},
                    "region": {"startLine": line, "startColumn": 1, "endLine": line, "endColumn": 2},
                }
            }
        ],
        "partialFingerprints": {"primaryLocationLineHash": f"{known}:1", "labelfix/v1": known},
        "properties": {
            "id": found.id,
            "row": found.row,
            "given_label": found.given,
            "suggested_label": found.suggested,
            "confidence": found.confidence,
            "label_score": found.label_score,
            "severity": found.severity,
            **({"owner": found.owner} if found.owner is not None else {}),
        },
    }


def _plain(text: str) -> str:
    """A message in which nothing is taken for a link: SARIF's plain text knows `[words](place)`."""
    return text.replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]")


def _uri(place: str) -> str:
    return quote(place, safe="/", errors="surrogatepass")
