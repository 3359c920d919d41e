"""The files that a run was made of, found again: from another folder, after a move, or under the name now given.

Whatever is found holds what the run was trained on: its contents are compared before anything of it is shown. Nothing
here needs `pyarrow.compute` as long as an input is a single file: `labelfix flag` must start at once.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa

from labelfix.errors import Defect, InputError, LabelfixError, first_line, input_error
from labelfix.remote import as_path
from labelfix.runs import RunFolder, made_here, names_of
from labelfix.settings.hub_access import HUB
from labelfix.settings.remote_names import is_remote, without_secrets

if TYPE_CHECKING:
    from labelfix.data.formats import TableSource

Which = Literal["noisy", "clean"]

FLAGS: Mapping[Which, str] = {"noisy": "--noisy", "clean": "--clean"}


@dataclass(frozen=True)
class OwnInput:
    """An input of a run, as far as it is still there.

    Attributes:
        names: What to open, one name for each source that was found.
        files: File as the run names it → where it lies now.
        defect: Why it, or one of several, was not found, with the remedy; None where all of it was.
    """

    names: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    defect: Defect | None = None

    def needed(self) -> OwnInput:
        """The input, where nothing can be done without it.

        Raises:
            InputError: It was not found.
        """
        if self.defect is not None:
            raise InputError([self.defect])
        return self

    def missing(self, what: str) -> str:
        """A sentence for a person on what, such as `texts are not shown`, is left out for want of it; else empty."""
        return "" if self.defect is None else f"{what}: {self.defect}"


def find_input(
    folder: RunFolder, which: Which, given: str | Sequence[str] | None = None, images_by_name: bool = False
) -> OwnInput:
    """Find an input of a finished run.

    It is looked for under the name that is given now, and nowhere else; or else under its own name from here, from
    where the run was begun (as seen from the run, which may have moved with it), and beside the run. A run that was
    not made here (`runs.seal`) may name any file of this machine: its inputs are taken only from the folder that it
    lies in.

    Args:
        given: Its name today, or its names where there are several; None or empty for the run's own.
        images_by_name: Do not read all images of a folder to compare them; whoever asks compares their names.
    """
    manifest = folder.read_manifest(whole=True)
    told = manifest["data"][which]
    listed = _names(which, given)
    parts = told.get("parts")
    if not parts:
        own = [str(told["name"])] if which == "noisy" else names_of(told)
        return _found(folder, manifest, which, told, own, listed, images_by_name)
    if listed and len(listed) != len(parts):
        what = f"the run was trained on {len(parts)} files, and {len(listed)} are named now"
        return _lost(which, str(told["name"]), what, "name as many, in their order, by")
    each = [
        _found(
            folder, manifest, which, {**told, **part}, [str(part["name"])], listed[place : place + 1], images_by_name
        )
        for place, part in enumerate(parts)
    ]
    defect = next((one.defect for one in each if one.defect is not None), None)
    files = {file: place for one in each for file, place in one.files.items()}
    return OwnInput(tuple(name for one in each for name in one.names), files, defect)


def _found(
    folder: RunFolder,
    manifest: Mapping[str, Any],
    which: Which,
    told: Mapping[str, Any],
    own: Sequence[str],
    listed: Sequence[str],
    images_by_name: bool,
) -> OwnInput:
    """An input that `run.json` gives one content hash for, under its own names or those of today."""
    if told["format"] == "memory" and not listed:
        what = "the run was trained on a table in memory"
        if which == "noisy":
            what += f", and the labels of its rows are in {folder.corrected}, in their order"
        remedy = "name a file with the same contents (in Python: give that table) by"
        return _lost(which, str(told["name"]), what, remedy)
    if not listed and any(name.startswith(HUB) or is_remote(name) for name in own):
        what = "lies on a hub or another machine, which is never asked for what only a run names"
        return _lost(which, " + ".join(own), what, "name it by")
    changed: list[str] = []
    unread: list[tuple[str, str]] = []
    for names in [list(listed)] if listed else _places(own, folder, manifest):
        try:
            files = _compared(names, told, images_by_name and told["format"] == "image_folder")
        except (LabelfixError, OSError, EOFError, ValueError, KeyError, pa.ArrowException) as error:
            if listed or os.path.exists(os.path.expanduser(names[0])):
                unread.append((_shown(names), first_line(error)))
            continue
        if files is not None:
            return OwnInput(tuple(names), files)
        changed.append(_shown(names))
    if changed:
        what = f"is not what the run in {folder.path} was trained on; its contents changed"
        return _lost(which, changed[0], what, "train again on what it holds now, or name the file as it was by")
    if unread:
        name, why = unread[0]
        return _lost(which, name, f"cannot be read ({why})", "name the file as it was by")
    what = "there is no such file here, beside the run, or where it lay as seen from the run"
    if not made_here(manifest):
        what = "is not beside the run, which was not made here, so that it may name any file"
    return _lost(which, " + ".join(own), what, "name it by")


def _names(which: Which, given: object) -> list[str]:
    """The names that are given now; from Python they may be anything."""
    listed = list(given) if isinstance(given, list | tuple) else [] if given is None else [given]
    if any(not isinstance(name, str | Path) for name in listed):
        what = f"is given as {type(given).__name__}, where the name of a file is needed"
        raise input_error(which, what, f"name a file of the same contents by {FLAGS[which]}")
    return list(map(str, listed))


def _lost(which: Which, name: str, what: str, remedy: str) -> OwnInput:
    return OwnInput(defect=Defect("error", name, None, what, f"{remedy} {FLAGS[which]}"))


def _shown(names: Sequence[str]) -> str:
    return " + ".join(map(without_secrets, names))


def _places(own: Sequence[str], folder: RunFolder, manifest: Mapping[str, Any]) -> Iterator[list[str]]:
    """Where the sources may lie, the likeliest first; those of a run that was not made here only beside it."""
    anywhere = made_here(manifest)
    for base in (Path(), *folder.bases(manifest)):
        places = [str(base / os.path.expanduser(name)) for name in own]
        if anywhere or all(_inside(place, folder.path.absolute().parent) for place in places):
            yield list(own) if base == Path() else places


def _inside(place: str, folder: Path) -> bool:
    return Path(place).resolve().is_relative_to(folder.resolve())


def _compared(names: Sequence[str], told: Mapping[str, Any], images_by_name: bool) -> dict[str, str] | None:
    """File as the run names it → where it lies; None where the contents are others."""
    recorded = [str(name) for name in told["files"]]
    path = as_path(os.path.expanduser(names[0]))
    if len(names) == len(recorded) == 1 and path.is_file() and told["format"] != "memory":
        return {recorded[0]: str(path)} if _hash_of(path) == told["content_hash"] else None

    from labelfix.data.formats import ReadOptions, open_several

    opened = open_several(list(names), options=ReadOptions(told.get("encoding"), told.get("split")))
    if not images_by_name and _contents(opened, told["format"]) != told["content_hash"]:
        return None
    return dict(zip(recorded, opened.files, strict=True)) if len(recorded) == len(opened.files) else None


def _contents(opened: TableSource, recorded: str) -> str:
    """The content hash of a source; what was a table in memory is compared as one, whatever file holds it now."""
    if recorded != "memory" or opened.format == "memory":
        return opened.content_hash()

    from labelfix.data.formats import open_table

    batches = [chunk.batch for chunk in opened.scan()]
    return open_table(pa.Table.from_batches(batches, opened.schema)).content_hash()


def _hash_of(path: Path) -> str:
    """The content hash of a source that is one file; see `labelfix.data.formats.file_checks.hash_files`."""
    with path.open("rb") as stream:
        return hashlib.sha256(hashlib.file_digest(stream, "sha256").digest()).hexdigest()


def find_rows(
    files: Iterable[str], folder: RunFolder | None, corrected: Path, given: str | None
) -> tuple[Mapping[str, str], str]:
    """Where the sources of some corrected rows lie: those of a run, or of a file that `labelfix correct` wrote.

    Of such a file nothing but names is known: they count from here or from beside it.

    Args:
        files: The sources as the rows name them; without any nothing is looked for.
        folder: The run; None for a file of its own.
        given: The name of the source today; None for its own.

    Returns:
        Source → where it lies, of those that were found; and a sentence for a person where one was not.
    """
    wanted = list(files)
    if not wanted:
        return {}, ""
    if folder is not None:
        own = find_input(folder, "noisy", given, images_by_name=True)
        return own.files, own.missing("texts, images and lines are not shown")
    places = {file: str(place) for file in wanted if (place := _beside(file, corrected, given)) is not None}
    lost = next((given or file for file in wanted if file not in places), None)
    if lost is None:
        return places, ""
    why = (
        "lies neither here nor beside the corrected labels"
        if os.path.exists(os.path.expanduser(lost))
        else "there is no such file"
    )
    return places, f"texts are not shown: {lost}: {why}; name it by --noisy"


def _beside(name: str, corrected: Path, given: str | None) -> Path | str | None:
    """Where a source of corrected rows lies: here or beside them, and nowhere else that a stranger may have named."""
    if given is not None and (given.startswith(HUB) or is_remote(given)):
        return given
    if is_remote(name) and given is None:
        return None
    path = Path(os.path.expanduser(given or name))
    bases = (Path(), corrected.parent)
    there = (base / path for base in bases if os.path.exists(base / path))
    return next((place for place in there if given or _near(place, bases)), None)


def _near(place: Path, bases: Sequence[Path]) -> bool:
    return any(_inside(str(place), base.absolute()) for base in bases)
