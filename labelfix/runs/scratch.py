"""Scratch folders: where something is written before it is renamed into its place.

A lock holds each for as long as its process lives.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SCRATCH = re.compile(r"\.labelfix-[0-9a-f]{8}\.tmp")
"""What scratch folders are called."""

WITHOUT_LOCKS = 24 * 3600
"""Seconds after which a scratch folder is nobody's where the file system has no locks: no command writes for a day."""

NO_LOCK = -1
"""Stands in for a lock's handle where there are no locks."""


@contextmanager
def scratch_in(folder: Path) -> Iterator[Path]:
    """A new folder in a folder, this process's own while it lives; it goes at the end."""
    handle = None
    while handle is None:
        place = folder / f".labelfix-{secrets.token_hex(4)}.tmp"
        place.mkdir()
        handle = _own(place, new=True)  # None where `tidy` of another process was faster
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)
        _let_go(handle)


def abandoned(folder: Path) -> Iterator[Path]:
    """What killed processes left in a folder; each is held for as long as it is looked at."""
    for left in _leftovers(folder):
        handle = _own(left)
        if handle is not None:
            try:
                yield left
            finally:
                _let_go(handle)


def is_scratch(path: Path) -> bool:
    """Whether this is a scratch folder, of a living process or a dead one."""
    return SCRATCH.fullmatch(path.name) is not None


def within_scratch(path: Path) -> bool:
    """Whether a path lies in a scratch folder."""
    return any(map(is_scratch, path.parents))


def _leftovers(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            found = [entry for entry in entries if SCRATCH.fullmatch(entry.name)]
            return [Path(entry.path) for entry in found if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []


def _own(scratch: Path, new: bool = False) -> int | None:
    """Hold a scratch folder until this process ends; None where another process holds it, or took it away."""
    try:
        import fcntl
    except ImportError:
        return NO_LOCK if new or _nobodys(scratch) else None
    try:
        handle = os.open(scratch, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        held = scratch.exists()
    except BlockingIOError:
        held = False
    except OSError:  # a file system without locks
        held = new or _nobodys(scratch)
    if not held:
        os.close(handle)
    return handle if held else None


def _nobodys(scratch: Path) -> bool:
    """Where there are no locks: whether a scratch folder is so old that no process can be at it."""
    try:
        return time.time() - scratch.stat().st_mtime > WITHOUT_LOCKS
    except OSError:
        return False


def _let_go(handle: int) -> None:
    if handle != NO_LOCK:
        os.close(handle)
