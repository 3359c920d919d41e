"""The run folder: its files, its manifest, and which of four states it is in.

    nothing → unfinished → finished → (overwritten) both → unfinished → finished

A run is written at its end, into a folder beside its place that becomes `written` once the disk has all of it. From
that step on it is finished: its files are moved to where they belong, by this process or, where that is killed, by the
next command that meets them (`settle`). From its beginning on the file `unfinished` holds what is needed to go on, and
`checkpoints` how far it has come. A run that replaces a finished one lets it stand until it is itself written.
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from labelfix.errors import RunError
from labelfix.remote import RemotePath, as_path
from labelfix.runs.answers import NAME
from labelfix.runs.checked import TRAIN_AGAIN, check, check_files, check_rows, read_checked
from labelfix.runs.durable import atomic_path, make_folder, move, remove, rescue, sync, tidy
from labelfix.runs.files import held, jsonable, read_json, write_json
from labelfix.runs.json_text import is_no_text
from labelfix.runs.origin import UNFINISHED
from labelfix.runs.paths import CHECKPOINTS, ENTRIES, PLAN, REPLACES, REQUIRED, STANDS, WRITTEN, RunPaths
from labelfix.runs.schema import NEEDED, Manifest
from labelfix.runs.scratch import is_scratch
from labelfix.runs.seal import sealed

FORMAT_VERSION = 1
"""Version of the run folder's layout; a folder of a newer one is refused."""

RUNS = Path("runs")
"""Where runs go, and are looked for, when no folder is named."""


@dataclass(frozen=True)
class RunFolder(RunPaths):
    """A run folder: how it is made, written, settled and opened."""

    @classmethod
    def create(cls, path: Path | None, overwrite: bool, begun: Mapping[str, Any] | None = None) -> RunFolder:
        """Make the folder of a new run and mark it unfinished.

        Args:
            path: The folder; None makes `runs/<UTC time>`.
            overwrite: Replace the run that is there, once the new one is written (`writing`). Files that labelfix
                did not write stay.

        Raises:
            RunError: The folder is in the way, or cannot be made.
        """
        if path is not None:
            refuse_taken(path, overwrite)
        try:
            folder = cls(_new_default() if path is None else path)
            make_folder(folder.path)
            with held(folder.path):
                if path is not None:
                    refuse_taken(path, overwrite)  # another process may have been faster
                folder._place()
                folder._refuse_other_rows(begun or {})
                tidy(folder.path)
                # Before the mark: no run may take another one's checkpoints for its own.
                remove(folder.checkpoints)
                write_json(folder.path / UNFINISHED, {**(begun or {}), REPLACES: folder.finished})
        except OSError as error:
            raise RunError(f"{path or RUNS}: cannot be made ({error.strerror}); choose another --out") from None
        return folder

    def _refuse_other_rows(self, begun: Mapping[str, Any]) -> None:
        """Refuse to replace a run whose rows people have decided about by one of other rows: ids would mean others."""
        answers = self.path / NAME
        ours = (begun.get("contents") or {}).get("noisy")
        if not (self.finished and answers.exists() and answers.stat().st_size):
            return
        theirs = None
        with suppress(RunError, KeyError):  # of a damaged run nobody knows which rows they are
            theirs = self.read_manifest()["data"]["noisy"]["content_hash"]
        if ours is None or ours != theirs:
            what = f"people have decided about the rows of this run ({NAME}), and the new one is of other rows"
            raise RunError(f"{self.path}: {what}; choose another --out, or move {answers} away")

    @contextmanager
    def writing(self) -> Iterator[RunFolder]:
        """Write a run whole into what this yields, `finish` last; what it replaces stands until the disk has all."""
        with atomic_path(self.path / WRITTEN) as beside:
            beside.mkdir()
            yield RunFolder(beside)
            write_json(beside / PLAN, sorted(entry.name for entry in beside.iterdir()))
        self._place()

    def go_on(self, new: RunFolder, begun: Mapping[str, Any]) -> None:
        """Mark a finished run, in `writing`'s folder or its own, as one that goes on; it stands until then."""
        write_json(new.path / UNFINISHED, {**begun, REPLACES: True, STANDS: True})

    def settle(self) -> None:
        """Bring a run that is wholly written to where it belongs, where a killed process had not got to it.

        Raises:
            RunError: It cannot be done here, or another process is at it.
        """
        if not self.settling:
            return
        try:
            with held(self.path):
                self._place()
        except OSError as error:
            what = f"the run is written, but not yet in its place, and cannot be brought there ({error.strerror})"
            raise RunError(f"{self.path}: {what}; run the command where the folder can be written") from None

    def _place(self) -> None:
        """`settle`, by the process that holds the folder; every step can be repeated."""
        if not self.settling:
            return
        written = self.path / WRITTEN
        entries = read_checked(written / PLAN, list[str])
        for name in ENTRIES:
            if name not in entries:
                remove(self.path / name)
            elif os.path.lexists(written / name):
                move(written / name, self.path / name)
        if UNFINISHED not in entries:
            self.tidy()
        elif os.path.lexists(written / UNFINISHED):
            move(written / UNFINISHED, self.path / UNFINISHED)
        sync(self.path)
        sync(written)
        remove(written)

    @classmethod
    def open_finished(cls, path: Path | None) -> RunFolder:
        """Open a finished run.

        Args:
            path: Its folder; None takes the newest finished run under `runs/`.

        Raises:
            RunError: There is none, or it is unfinished or damaged.
        """
        if path is None:
            return _newest()
        folder = cls(path)
        if isinstance(as_path(path), RemotePath):
            raise RunError(f"{as_path(path)}: a run folder is read from a disk of this machine; copy it here first")
        if is_no_text(path):
            raise RunError(f"{path}: has bytes in its name that are no UTF-8 text; give it another name")
        if path.exists() and not folder.finished and cls(path.absolute().parent).finished:
            raise RunError(f"{path}: is a part of a run; give the run's own folder, {path.parent}")
        if path.is_file():
            raise RunError(f"{path}: is a file, not a run folder; give the folder that `labelfix train` wrote")
        if not path.is_dir():
            makes = f"`labelfix train --out {shlex.quote(str(path))}` makes one"
            raise RunError(f"{path}: there is no such run folder; {makes}")
        folder.settle()
        tidy(path)
        if folder.unfinished:
            raise RunError(f"{path}: the run is unfinished; {how_to_go_on(path)}")
        if not folder.finished:
            raise RunError(f"{path}: is not a labelfix run (no run.json in it); give a folder of `labelfix train`")
        for place in folder.own_files:
            check_files(place)
        folder.read_manifest()
        missing = [name for name in REQUIRED if not (path / name).exists()]
        if missing:
            raise RunError(f"{path}: is damaged, {', '.join(missing)} is missing; train it again with --overwrite")
        return folder

    @classmethod
    def open_begun(cls, path: Path) -> RunFolder:
        """Open a run to go on with: one that is under way, or one that turns out to be finished."""
        folder = cls(path)
        folder.settle()
        if not (folder.finished or folder.unfinished):
            rescue(path / UNFINISHED)
        return folder if folder.under_way else cls.open_finished(path)

    def finish(self, new: RunFolder, manifest: Mapping[str, Any]) -> None:
        """Write `run.json`.

        Args:
            new: What `writing` gave.
            manifest: Its contents; added are `format_version`, `directory`, the working directory as seen from
                the run folder, from which relative names of inputs count, and the seal of `runs.seal`.
        """
        about = {"format_version": FORMAT_VERSION, **manifest, "directory": self._working_directory()}
        write_json(new.manifest, sealed(about))

    def _working_directory(self) -> str:
        try:
            # From the run on: a project that is moved as a whole is found again.
            return os.path.relpath(os.getcwd(), self.path)
        except ValueError:  # another drive
            return os.getcwd()

    def refuse_replaced(self, run_id: str) -> None:
        """Refuse to go on with parts of two runs: another process may put a new one here while this one reads.

        Args:
            run_id: Of the run that was opened.

        Raises:
            RunError: It is not that one any more.
        """
        if self.settling or self.read_manifest().get("run_id") != run_id:
            raise RunError(f"{self.path}: the run was replaced while it was being read; give the command again")

    def refuse_taken_over(self, begun: Mapping[str, Any]) -> None:
        """Refuse to write a run into a folder in which another process has begun one since `create`.

        Raises:
            RunError: It has.
        """
        ours = json.loads(json.dumps(jsonable(begun)))
        if {**self.begun(), REPLACES: None} != {**ours, REPLACES: None}:
            raise RunError(f"{self.path}: another process has begun a run here; choose another --out")

    def tidy(self) -> None:
        """Take the checkpoints and the mark of an unfinished run away."""
        remove(self.checkpoints)
        remove(self.path / UNFINISHED)

    def discard(self) -> None:
        """Take back the beginning of a run that came to nothing; the run it was to replace, and all else, stays."""
        if self.begun().get(REPLACES):
            self.tidy()
        elif {entry.name for entry in self.path.iterdir() if not is_scratch(entry)} <= {UNFINISHED, CHECKPOINTS}:
            remove(self.path)

    def read_manifest(self, whole: bool = False) -> dict[str, Any]:
        """The contents of `run.json`.

        Args:
            whole: Whether all is needed that a finished run's has.

        Raises:
            RunError: It is missing, damaged, or of a newer labelfix.
        """
        check_files(self.manifest)
        try:
            manifest = read_json(self.manifest)
        except (OSError, ValueError) as error:
            raise RunError(f"{self.manifest}: cannot be read ({error}); {TRAIN_AGAIN}") from None
        version = manifest.get("format_version") if isinstance(manifest, dict) else None
        if not isinstance(version, int):
            raise RunError(f"{self.manifest}: is not the manifest of a labelfix run; {TRAIN_AGAIN}")
        if version > FORMAT_VERSION:
            raise RunError(f"{self.manifest}: was written by a newer labelfix (format {version}); upgrade labelfix")
        check(manifest, Manifest, self.manifest)
        if whole and (lacking := next((name for name in NEEDED if name not in manifest), "")):
            raise RunError(f"{self.manifest}: is damaged ({lacking} is missing); {TRAIN_AGAIN}")
        if whole:
            check_rows(self.corrected, manifest["data"]["noisy"]["rows"])
        return dict(manifest)


def default_path() -> Path:
    """A folder name for a new run that is not taken: `runs/20260131-235959`, with `-2`, `-3` … within one second."""
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    path, number = RUNS / stamp, 1
    while path.exists():
        number += 1
        path = RUNS / f"{stamp}-{number}"
    return path


def refuse_taken(path: Path, overwrite: bool) -> None:
    """Raise where a new run may not be written; call it before any work is done.

    Raises:
        RunError: The folder is taken.
    """
    if isinstance(as_path(path), RemotePath):
        raise RunError(f"{as_path(path)}: a run folder lies on a disk of this machine; choose another --out")
    if not os.path.lexists(path):
        return
    if not path.is_dir():
        raise RunError(f"{path}: is a file, not a folder; choose another --out")
    folder = RunFolder(path)
    if not (folder.finished or folder.unfinished) or folder.foreign:
        if not all(map(is_scratch, path.iterdir())):
            raise RunError(f"{path}: holds files that are not a labelfix run; choose another --out")
        return
    if not overwrite:
        state = "a finished run" if folder.finished else "an unfinished run"
        go_on = f"; {how_to_go_on(path)}" if folder.under_way else ""
        raise RunError(
            f"{path}: there is {state} already{go_on}; pass --overwrite to replace it, or choose another --out"
        )


def how_to_go_on(path: Path) -> str:
    """What to do about an unfinished run, as the rest of a sentence."""
    return f"`labelfix train --resume {shlex.quote(str(path))}` goes on with it"


def _newest() -> RunFolder:
    finished: list[tuple[str, str]] = []
    unfinished: list[str] = []
    for path in sorted(RUNS.iterdir()) if RUNS.is_dir() else []:
        folder = RunFolder(path)
        with suppress(RunError):
            folder.settle()
        if folder.unfinished:
            unfinished.append(path.name)
        elif folder.finished:
            # A damaged manifest must not hide the sound runs beside it: it sorts first.
            with suppress(RunError):
                finished.append((str(folder.read_manifest().get("finished", "")), path.name))
    if finished:
        return RunFolder.open_finished(RUNS / max(finished)[1])
    if unfinished:
        path = RUNS / unfinished[-1]
        raise RunError(f"{RUNS}: no finished run here, and {path} is unfinished; {how_to_go_on(path)}")
    raise RunError(f"{RUNS}: no finished run here; name one with --run, or make one with `labelfix train`")


def _new_default() -> Path:
    while True:
        path = default_path()
        with suppress(FileExistsError):
            path.mkdir(parents=True)
            return path
