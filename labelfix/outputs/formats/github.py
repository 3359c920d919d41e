"""GitHub Actions: annotations on stdout; beside them a summary of the job, and outputs for its later steps."""

from __future__ import annotations

from labelfix.outputs.formats.fingerprints import in_repository
from labelfix.outputs.formats.markdown import write as markdown
from labelfix.outputs.judgement import Finding, Judgement
from labelfix.outputs.plain_text import visible
from labelfix.outputs.wording import verdict

MOST = 10
"""GitHub shows ten annotations of a kind a step and drops the rest."""

LEVELS = {"blocker": "error", "critical": "error", "major": "warning", "minor": "warning", "info": "notice"}
"""Severity → the annotation that shows it."""


def write(judgement: Judgement) -> str:
    """Workflow commands: an annotation for each of the ten worst findings, then a plain line with the total."""
    lines = [_annotation(found) for found in judgement.findings[:MOST]]
    return "\n".join([*lines, *verdict(judgement)])


def summary(judgement: Judgement) -> str:
    """What is appended to `$GITHUB_STEP_SUMMARY`."""
    return markdown(judgement) + "\n"


def outputs(judgement: Judgement) -> str:
    """What is appended to `$GITHUB_OUTPUT`: numbers and plain words, none of which come from data."""
    passed = {None: "", True: "true", False: "false"}[judgement.passed]
    told = {
        "issues": judgement.issues,
        "labelled": judgement.labelled,
        "accepted": judgement.accepted,
        "issue_rate": f"{judgement.issue_rate:.6g}",
        "noise_rate_low": "" if judgement.noise_rate is None else f"{judgement.noise_rate['low']:.6g}",
        "passed": passed,
    }
    return "".join(f"{name}={value}\n" for name, value in told.items())


def _annotation(found: Finding) -> str:
    line = "" if found.line is None else f",line={found.line}"
    place = f"file={_property(visible(in_repository(found)))}{line}"
    title = _property(f"label {visible(found.given)} looks wrong")
    where = f"id {visible(str(found.id))}, row {found.row}"
    sure = "trusted" if found.trusted else f"confidence {found.confidence:.3f}"
    text = f"{where}: {visible(found.given)} -> {visible(found.suggested)} ({sure})"
    said = _message(text + (f": {found.snippet}" if found.snippet else ""))
    return f"::{LEVELS[found.severity]} {place},title={title}::{said}"


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
