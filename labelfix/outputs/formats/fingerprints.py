"""What a finding is known by from one run to the next, and what is said of it in one sentence."""

from __future__ import annotations

import hashlib
import os
from functools import cache
from pathlib import Path

from labelfix.outputs.judgement import Finding
from labelfix.outputs.plain_text import shorten, visible
from labelfix.settings.hub_access import HUB
from labelfix.settings.remote_names import is_remote

RULE = "label-issue"

LONGEST = 120
"""Letters of an id or a label in a sentence: enough to tell it, and a hostile one cannot fill a report."""


ROOTS = ("GITHUB_WORKSPACE", "CI_PROJECT_DIR")
"""Variables in which GitHub and GitLab name the root of the checkout."""


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


def in_repository(found: Finding) -> str:
    """The file of a finding from the root of the repository, by slashes; as it is named where it lies elsewhere.

    Links are not followed: a reader knows files by their names in the repository.
    """
    here = os.getcwd()
    root = _root_of(here, tuple(os.environ.get(name) for name in ROOTS))
    return _placed(found.path or found.lies or found.file, root, here)


@cache
def _placed(name: str, root: str, base: str) -> str:
    if name.startswith(HUB) or is_remote(name):
        return name
    here = os.path.normpath(os.path.join(base, os.path.expanduser(name)))
    inside = os.path.commonpath([root, here]) == root
    return Path(os.path.relpath(here, root) if inside else os.path.normpath(name)).as_posix()


@cache
def _root_of(here: str, told: tuple[str | None, ...]) -> str:
    for place in map(os.path.abspath, filter(None, told)):
        if os.path.commonpath([place, here]) == place:
            return place
    folders = (folder for folder in (Path(here), *Path(here).parents) if (folder / ".git").exists())
    return str(next(folders, here))
