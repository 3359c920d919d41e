"""Where the path of an image leads: from its table's folder on, whoever wrote it and on whatever system."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from urllib.parse import unquote

from labelfix.data.formats.images.files import IMAGE_SUFFIXES

ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
DRIVE = re.compile(r"[A-Za-z]:[\\/]")
LEVELS = 4
"""Folders above the table's own that a path may begin in: people write paths from the top of their project."""


def image_place(path: str, folder: str) -> str:
    """Where an image lies; the place need not exist.

    `file://` addresses are paths, backslashes divide folders and `%20` is a space where no file is called so. A bare
    path counts from the table's folder. If there is nothing there of the name that the path begins with, it counts from
    the nearest folder above that has it; the path of another computer from the first of its folders that lies there.
    Where no file is there, it is the one image of that name but for its ending and case, and a bare name may lie in a
    folder beside the table. An address of another machine is given back as it is.
    """
    if path[:7].lower() == "file://":
        path = unquote(re.sub(r"^(localhost)?(?=/)", "", path[7:]))
    elif ADDRESS.match(path):
        return path
    path = os.path.expanduser(path)
    if "%" in path and not os.path.lexists(os.path.join(folder, path)):
        path = unquote(path)
    if "\\" in path and not os.path.lexists(os.path.join(folder, path)):
        path = path.replace("\\", "/")
    whole = os.path.join(begins_in(path, folder), path)
    if os.path.lexists(whole) or not path:
        return whole
    if (path.startswith("/") or DRIVE.match(path)) and (moved := _moved(path, folder)) is not None:
        return moved
    around = [] if "/" in path.removeprefix("./") else _beside(folder)
    found = (_alike(place) for place in (whole, *(os.path.join(beside, path) for beside in around)))
    return next((file for file in found if file is not None), whole)


def _moved(path: str, folder: str) -> str | None:
    """Where an image of another computer lies, by its name and its own folder at least; None for nowhere."""
    parts = path.split("/")
    ends = (os.path.join(folder, *parts[first:]) for first in range(1, len(parts) - 1))
    return next((place for place in ends if os.path.lexists(place)), None)


def _alike(whole: str) -> str | None:
    """The image of the same name but for its ending and case, where one alone is."""
    folder, name = os.path.split(whole)
    try:
        images = _images(folder, os.stat(folder).st_mtime_ns)
    except (OSError, ValueError):
        return None
    found = images.get(_key(name)) or images.get(_key(_stem(name)))
    return os.path.join(folder, found) if found else None


@lru_cache(maxsize=256)
def _images(folder: str, _changed: int) -> dict[str, str]:
    """The images of a folder by name and by stem; empty for a name that several have."""
    found: dict[str, str] = {}
    for name in os.listdir(folder):
        if os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES:
            for key in (_key(name), _key(_stem(name))):
                found[key] = "" if key in found else name
    return found


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _stem(name: str) -> str:
    stem, ending = os.path.splitext(name)
    return stem if ending.lower() in IMAGE_SUFFIXES else name


def begins_in(path: str, folder: str) -> str:
    """The folder that a relative path counts from."""
    first = path.removeprefix("./").split("/", 1)[0]
    if first in ("", ".", "..") or "/" not in path or os.path.lexists(os.path.join(folder, first)):
        return folder
    above = folder
    for _ in range(LEVELS):
        above = os.path.dirname(above)
        if os.path.isdir(os.path.join(above, first)):
            return above
    return folder


def why_lost(paths: Sequence[str], folder: str) -> tuple[str, str]:
    """What to say where no image of a table is at its place: what its paths are, and what to do.

    Args:
        paths: Their places, as `image_place` gives them.
    """
    first = paths[0]
    if ADDRESS.match(first):
        return f"are addresses such as {first}", "images are read from a disk: download them, and name the files"
    inside = os.path.relpath(first, folder)
    if DRIVE.match(inside):
        return (
            f"are of another computer, such as {inside}",
            f"write them from the table's folder on: {'/'.join(inside.split('/')[-2:])}",
        )
    found = f"lead to no file: the first is looked for at {first}"
    near = next((place for place in _near(folder) if os.path.lexists(os.path.join(place, inside))), None)
    if near is None:
        return found, "paths count from the folder of their table: correct them, or put the table where they begin"
    written = os.path.join(os.path.relpath(near, folder), inside)
    return found, f"paths count from the folder of their table: write {written}, or put the table into {near}"


def _near(folder: str) -> list[str]:
    """Where people keep images: in a folder beside the table, or where they are themselves."""
    return [*_beside(folder), os.path.dirname(folder), os.getcwd()]


def _beside(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.path for entry in entries if entry.is_dir() and not entry.name.startswith("."))
    except OSError:
        return []
