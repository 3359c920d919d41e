"""Where labelfix may write: never over an input or a run's own files, and over anything else only when told to.

One rule for the command line and for Python; it is checked before any work starts.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from labelfix.errors import SettingsError
from labelfix.remote import RemotePath, as_path, matching
from labelfix.remote.upload import refuse_read_only
from labelfix.runs.durable import promise_new
from labelfix.runs.folder import RunFolder
from labelfix.runs.json_text import is_no_text
from labelfix.runs.seal import made_here
from labelfix.settings.hub_access import HUB
from labelfix.settings.remote_names import is_remote, without_secrets

GLOB = frozenset("*?[")

Inputs = Iterable[tuple[str, Path]]
"""What each input is called, and where it lies: a file or a folder, there or not."""


TABLE_SUFFIXES = (
    ".parquet",
    ".csv",
    ".tsv",
    ".csv.gz",
    ".tsv.gz",
    ".jsonl",
    ".ndjson",
    ".jsonl.gz",
    ".ndjson.gz",
    ".json",
    ".json.gz",
)


def is_table(path: Path) -> bool:
    """Whether a path is named like a table that labelfix writes."""
    return path.name.lower().endswith(TABLE_SUFFIXES)


def refuse_no_table(path: Path, what: str = "--out") -> None:
    """Refuse a file that is not named like a table that labelfix writes.

    Raises:
        SettingsError: It is not.
    """
    if not is_table(path):
        raise SettingsError(f"{what} {path}: ends in none of {', '.join(TABLE_SUFFIXES)}; name the file that way")


def refuse_target(target: Path, inputs: Inputs, overwrite: bool, what: str = "--out", folder: bool = False) -> None:
    """Refuse a target that is an input, or that is there already and may not be replaced.

    Args:
        inputs: What must not be touched, whatever the user says; see `named` and `inputs_of`.
        what: The flag or the argument that names the target, for the message.
        folder: Whether it is a folder that is written; an empty one is free.

    Raises:
        SettingsError: The target cannot be written; nothing was touched.
    """
    target = as_path(target)
    refuse_inputs(target, inputs, what)
    if isinstance(target, RemotePath):
        _refuse_remote(target, overwrite, what, folder)
        return
    promise_new(target, not (overwrite or folder))
    if not os.path.lexists(target):
        return
    if _is_device(target):
        raise SettingsError(f"{what} {target}: is a device or a pipe, and no file; name a file")
    if target.is_dir() != folder and target.exists():
        kind = "is a folder; name a file in it" if target.is_dir() else "is a file, not a folder; choose another place"
        raise SettingsError(f"{what} {target}: {kind}")
    if overwrite or (folder and target.is_dir() and not any(target.iterdir())):
        return
    raise SettingsError(f"{what} {target}: exists already; pass --overwrite to replace it, or choose another place")


def _is_device(target: Path) -> bool:
    """Whether a name stands for no file or folder: a rename over it would take /dev/null away from everybody."""
    there = target.exists() and not target.is_file() and not target.is_dir()
    return there or Path(os.path.abspath(target)).parent == Path("/dev")


def _refuse_remote(target: RemotePath, overwrite: bool, what: str, folder: bool) -> None:
    if folder:
        raise SettingsError(
            f"{what} {target}: is a folder, which is written to a disk only; choose a place on this one"
        )
    refuse_read_only(target)
    if target.is_dir():
        raise SettingsError(f"{what} {target}: is a folder; name a file in it")
    if not overwrite and target.exists():
        raise SettingsError(f"{what} {target}: exists already; pass --overwrite to replace it, or choose another place")


def refuse_inputs(target: Path, inputs: Inputs, what: str = "--out") -> None:
    """Refuse to write over what is read, into a folder of it, or in place of a folder that holds it.

    Links count as what they lead to, hard links as one file.

    Raises:
        SettingsError: The target is an input, lies in one or holds one; or a name is no text, which no document holds.
    """
    inputs = list(inputs)
    for flag, path in [(what, target), *inputs]:
        if is_no_text(path):
            raise SettingsError(f"{flag} {path}: has bytes in its name that are no UTF-8 text; give it another name")
    ours = _places(target)
    for name, path in inputs:
        if isinstance(target, RemotePath) != isinstance(path, RemotePath):
            continue
        theirs = _places(path)
        if ours & theirs or _same(target, path) or _within(ours, theirs) or _leads_into(target, path):
            raise SettingsError(
                f"{what} {target}: is the input {name} or lies in it, which is never changed; choose another place"
            )
        if _within(theirs, ours):
            raise SettingsError(
                f"{what} {target}: holds the input {name}, which is never changed; choose another place"
            )


def named(*sources: Any, bases: Iterable[Path] = ()) -> list[tuple[str, Path]]:  # noqa: ANN401 - any source
    """The inputs among some sources: paths, globs and folders; tables in memory and names of a hub are none.

    Args:
        sources: As a user gives them; lists of several are gone through, None is nothing.
        bases: Folders from which relative names count, beside the working directory.
    """
    found: list[tuple[str, Path]] = []
    for source in sources:
        if isinstance(source, list | tuple):
            found += named(*source, bases=bases)
        elif isinstance(source, str | Path) and not str(source).startswith(HUB):
            if is_remote(source):
                found += ((without_secrets(str(source)), path) for path in _expanded_remote(source))
                continue
            name = Path(os.path.expanduser(source))
            found += ((str(source), path) for path in _expanded(name))
            for base in bases:
                found += ((str(source), path) for path in _expanded(base / name) if os.path.lexists(path))
    return found


def inputs_of(folder: RunFolder) -> list[tuple[str, Path]]:
    """What a finished run was made of, as far as `run.json` names it, and the run's own files."""
    manifest = folder.read_manifest()
    data = manifest.get("data") or {}
    sources = [
        [*names_of(told), *told["files"]] for told in data.values() if told["format"] != "memory" and told["files"]
    ]
    # A stranger's `/**` is not looked through, and nothing on another machine.
    here = made_here(manifest)
    sources = [[n for n in several if not GLOB & set(n) or (here and not is_remote(n))] for several in sources]
    found = named(*sources, folder.files_beside(), bases=folder.bases(manifest))
    return [*found, *((str(path), path) for path in folder.own_files)]


def names_of(told: dict[str, Any]) -> list[str]:
    """The names of an input of `run.json` as the user gave them: several, where the rows came from several."""
    parts = told.get("parts")
    return [str(part["name"]) for part in parts] if parts else str(told["name"]).split(" + ")


def _expanded(path: Path) -> Iterator[Path]:
    """A path, or what a glob finds."""
    if GLOB & set(str(path)) and not os.path.exists(path):
        yield from map(Path, glob.glob(str(path), recursive=True))
    else:
        yield path


def _expanded_remote(source: str | Path) -> list[Path]:
    """A remote path, or what a remote pattern finds."""
    path = as_path(source)
    return matching(str(source)) if GLOB & set(str(path)) and not path.exists() else [path]


def _places(path: Path) -> set[Path]:
    """Where a name lies, and where it leads to."""
    if isinstance(path, RemotePath):
        return {path}
    whole = Path(os.path.abspath(path))
    return {Path(os.path.realpath(whole)), Path(os.path.realpath(whole.parent)) / whole.name}


def _within(inner: set[Path], outer: set[Path]) -> bool:
    return any(one != other and one.is_relative_to(other) for one in inner for other in outer)


def _same(one: Path, other: Path) -> bool:
    """Whether two names are one file: a hard link, or a spelling that the file system takes for the same."""
    if isinstance(one, RemotePath):
        return False
    try:
        return one.samefile(other)
    except OSError:
        return False


def _leads_into(target: Path, folder: Path) -> bool:
    """Whether a file that is there is also, by a link, in an input's folder."""
    if isinstance(target, RemotePath):
        return False
    try:
        wanted = target.stat()
    except OSError:
        return False
    if target.is_dir() or not folder.is_dir():
        return False
    # The inode comes with a folder's list, so that few of a million images are looked at.
    for root, _, _ in os.walk(folder):
        with os.scandir(root) as entries:
            for entry in entries:
                if (entry.is_symlink() or entry.inode() == wanted.st_ino) and _same(target, Path(entry.path)):
                    return True
    return False
