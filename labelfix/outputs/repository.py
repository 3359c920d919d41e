"""Where a finding lies as CI services name files: from the root of the repository."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from labelfix.outputs.judgement import Finding
from labelfix.settings.hub_access import HUB
from labelfix.settings.remote_names import is_remote

ROOTS = ("GITHUB_WORKSPACE", "CI_PROJECT_DIR")
"""Variables in which GitHub and GitLab name the root of the checkout."""


def in_repository(found: Finding) -> str:
    """The file of a finding from the root of the repository, by slashes; as it is named where it lies elsewhere.

    Links are not followed: a reader knows files by their names in the repository.
    """
    return _placed(found.path or found.lies or found.file, _root(), os.getcwd())


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


def _root() -> str:
    return _root_of(os.getcwd(), tuple(os.environ.get(name) for name in ROOTS))
