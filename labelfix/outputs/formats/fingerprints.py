"""What a finding is known by from one run to the next, and what is said of it in one sentence."""

from __future__ import annotations

import hashlib

from labelfix.outputs.judgement import Finding
from labelfix.outputs.plain_text import shorten, visible

RULE = "label-issue"

LONGEST = 120
"""Letters of an id or a label in a sentence: enough to tell it, and a hostile one cannot fill a report."""


def fingerprint(found: Finding) -> str:
    """The same for the same row with the same given label, wherever the row stands and however it scores.

    A row that moves stays one alert, and a corrected label closes it.
    """
    told = "\0".join((RULE, str(found.id), found.given))
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def short(text: object) -> str:
    """Text from data as it may stand in a sentence: printable, one line, not endless."""
    return shorten(visible(str(text)), LONGEST)


def sentence(found: Finding) -> str:
    """What is wrong with a row."""
    name, given, suggested = (short(text) for text in (found.id, found.given, found.suggested))
    sure = "trusted" if found.trusted else f"confidence {found.confidence:.3f}"
    return f"Label of {name} looks wrong: {given}, rather {suggested} ({sure})"
