"""The run folder: its files, its manifest, and writing so that nothing half-done is ever taken for done.

A run is written in place and `run.json` last: a folder with `run.json` is finished, one with only the mark
`unfinished` is not. Single files are written beside their place and renamed into it.
"""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from labelfix.errors import RunError

FORMAT_VERSION = 1
"""Version of the run folder's layout; a folder of a newer one is refused."""

RUNS = Path("runs")
"""Where runs go, and are looked for, when no folder is named."""

_UNFINISHED = "unfinished"
_REQUIRED = ("corrected.parquet", "classifier", "corrector", "settings.toml")
# run.json goes first when a folder is emptied, so that a crash half-way leaves an unfinished run, never a broken one.
_ENTRIES = ("run.json", *_REQUIRED, "metrics.json", "history.parquet")


@dataclass(frozen=True)
class RunFolder:
    """The paths of one run.

    Attributes:
        path: The folder.
    """

    path: Path

    @property
    def corrected(self) -> Path:
        """Corrected labels of the noisy rows."""
        return self.path / "corrected.parquet"

    @property
    def classifier(self) -> Path:
        """Folder of the classifier, loadable without labelfix."""
        return self.path / "classifier"

    @property
    def corrector(self) -> Path:
        """Folder of the label correction network."""
        return self.path / "corrector"

    @property
    def settings(self) -> Path:
        """The settings the run was made with; can be given back to `--config`."""
        return self.path / "settings.toml"

    @property
    def metrics(self) -> Path:
        """Counts, held-out accuracy, seconds per stage."""
        return self.path / "metrics.json"

    @property
    def history(self) -> Path:
        """One row per epoch."""
        return self.path / "history.parquet"

    @property
    def manifest(self) -> Path:
        """`run.json`, written last: the mark of a finished run."""
        return self.path / "run.json"

    @property
    def finished(self) -> bool:
        """Whether the run was written to its end."""
        return self.manifest.is_file()

    @property
    def unfinished(self) -> bool:
        """Whether a run was begun here and not finished."""
        return not self.finished and (self.path / _UNFINISHED).is_file()

    @classmethod
    def create(cls, path: Path | None, overwrite: bool) -> RunFolder:
        """Make the folder of a new run and mark it unfinished.

        Args:
            path: The folder; None makes `runs/<UTC time>`.
            overwrite: Replace the run that is there. Files that labelfix did not write stay.

        Raises:
            RunError: The folder is in the way, or cannot be made.
        """
        if path is not None:
            refuse_taken(path, overwrite)
        try:
            folder = cls(_new_default() if path is None else path)
            folder.path.mkdir(parents=True, exist_ok=True)
            # The mark comes before the old run goes: at no moment is there an unmarked folder with half a run in it.
            (folder.path / _UNFINISHED).write_text("labelfix has not finished this run.\n", encoding="utf-8")
            for name in _ENTRIES:
                _remove(folder.path / name)
        except OSError as error:
            raise RunError(f"{path or RUNS}: cannot be made ({error.strerror}); choose another --out") from None
        return folder

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
        if not path.is_dir():
            raise RunError(f"{path}: there is no such run folder; `labelfix train --out {path}` makes one")
        if folder.unfinished:
            raise RunError(f"{path}: the run is unfinished; {how_to_go_on(path)}")
        if not folder.finished:
            raise RunError(f"{path}: is not a labelfix run (no run.json in it); give a folder of `labelfix train`")
        folder.read_manifest()
        missing = [name for name in _REQUIRED if not (path / name).exists()]
        if missing:
            raise RunError(f"{path}: is damaged, {', '.join(missing)} is missing; train it again with --overwrite")
        return folder

    def finish(self, manifest: Mapping[str, Any]) -> None:
        """Write `run.json` and take the mark of an unfinished run away.

        Args:
            manifest: Its contents; `format_version` is added.
        """
        write_json(self.manifest, {"format_version": FORMAT_VERSION, **manifest})
        (self.path / _UNFINISHED).unlink(missing_ok=True)

    def discard(self) -> None:
        """Take away the folder of a run that could not be begun, unless something was put into it."""
        if [entry.name for entry in self.path.iterdir()] == [_UNFINISHED]:
            _remove(self.path)

    def read_manifest(self) -> dict[str, Any]:
        """The contents of `run.json`.

        Raises:
            RunError: It is missing, damaged, or of a newer labelfix.
        """
        try:
            manifest = read_json(self.manifest)
        except (OSError, ValueError) as error:
            raise RunError(f"{self.manifest}: cannot be read ({error}); train it again with --overwrite") from None
        version = manifest.get("format_version") if isinstance(manifest, dict) else None
        if not isinstance(version, int):
            raise RunError(f"{self.manifest}: is not the manifest of a labelfix run; train it again with --overwrite")
        if version > FORMAT_VERSION:
            raise RunError(f"{self.manifest}: was written by a newer labelfix (format {version}); upgrade labelfix")
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

    Args:
        path: The folder a run would be written to. An empty folder is free.
        overwrite: Whether a labelfix run there may be replaced.

    Raises:
        RunError: The folder is taken.
    """
    if not os.path.lexists(path):
        return
    if not path.is_dir():
        raise RunError(f"{path}: is a file, not a folder; choose another --out")
    folder = RunFolder(path)
    if not (folder.finished or folder.unfinished):
        if any(path.iterdir()):
            raise RunError(f"{path}: holds files that are not a labelfix run; choose another --out")
        return
    if not overwrite:
        state = "a finished run" if folder.finished else "an unfinished run"
        raise RunError(f"{path}: there is {state} already; pass --overwrite to replace it, or choose another --out")


def how_to_go_on(path: Path) -> str:
    """What to do about an unfinished run, as the rest of a sentence."""
    again = f"run `labelfix train` again with --out {path} --overwrite (computed features are reused)"
    return f"{again}, or delete the folder"


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Write a file or a folder beside its place and rename it into place at the end.

    Args:
        path: Where it shall stand. A file there is replaced; a folder there must be empty.

    Yields:
        A path that does not exist yet, on the same disk and with the same suffix, to write to.

    Raises:
        RunError: There is no writing there.
    """
    temporary = path.with_name(f".{secrets.token_hex(4)}.{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        if temporary.is_dir() and path.is_dir():
            path.rmdir()
        os.replace(temporary, path)
    except BaseException as error:
        with suppress(OSError):
            _remove(temporary)
        if isinstance(error, OSError) and _concerns(error, temporary):
            raise RunError(f"{path}: cannot be written ({error.strerror}); choose another place") from None
        raise


def write_json(path: Path, value: Any) -> None:  # noqa: ANN401 - whatever JSON can say
    """Write JSON that a person can read; numbers that are not finite become null, as JSON has no word for them."""
    text = json.dumps(_jsonable(value), indent=2, ensure_ascii=False, allow_nan=False)
    with atomic_path(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:  # noqa: ANN401 - whatever JSON can say
    """Read a JSON file; raises OSError or ValueError where it cannot."""
    return json.loads(path.read_text(encoding="utf-8"))


def run_id(settings: Mapping[str, Any], contents: Sequence[str], seed: int) -> str:
    """The id of a run: the same settings, inputs and seed always give the same one.

    Args:
        settings: Plain values of every setting that can change the result.
        contents: Content hashes of the inputs, in a fixed order.
        seed: The run's seed.

    Returns:
        16 hexadecimal digits of a SHA-256.
    """
    text = json.dumps([_jsonable(settings), list(contents), seed], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _newest() -> RunFolder:
    finished: list[tuple[str, str]] = []
    unfinished: list[str] = []
    for path in sorted(RUNS.iterdir()) if RUNS.is_dir() else []:
        folder = RunFolder(path)
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


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _concerns(error: OSError, temporary: Path) -> bool:
    """Whether an error is about the file being written, not about one that is read meanwhile."""
    places = (temporary, *temporary.parents)
    return error.errno == errno.ENOSPC or any(str(error.filename) == str(place) for place in places)


def _jsonable(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, Mapping):
        return {str(key): _jsonable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_jsonable(item) for item in value]
    if hasattr(value, "tolist"):  # NumPy scalars and arrays, without importing NumPy
        return _jsonable(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value
