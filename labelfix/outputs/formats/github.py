"""GitHub Actions: annotations on stdout; beside them a summary of the job, and outputs for its later steps."""

from __future__ import annotations

from labelfix.outputs.formats.markdown import write as markdown
from labelfix.outputs.gate import as_github as write
from labelfix.outputs.judgement import Judgement

__all__ = ["outputs", "summary", "write"]


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
