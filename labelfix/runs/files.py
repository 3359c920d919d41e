"""Writing so that nothing half-done is ever taken for done: beside the place, then renamed into it."""

from __future__ import annotations

import errno
import json
import math
import os
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from labelfix.errors import RunError

_WAIT = 10.0  # seconds; worker processes of a killed run end a moment after it


@contextmanager
def atomic_path(path: Path, replace: bool = False) -> Iterator[Path]:
    """Write a file or a folder beside its place and rename it into place at the end.

    Args:
        path: Where it shall stand. A file there is replaced; a folder there must be empty.
        replace: Replace a folder there with all that it holds.

    Yields:
        A path that does not exist yet, on the same disk and with the same suffix, to write to.

    Raises:
        RunError: There is no writing there.
    """
    temporary = path.with_name(f".{secrets.token_hex(4)}.{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        _put(temporary, path, replace)
    except BaseException as error:
        with suppress(OSError):
            remove(temporary)
        if isinstance(error, OSError) and _concerns(error, temporary):
            raise RunError(f"{path}: cannot be written ({error.strerror}); choose another place") from None
        raise


def _put(temporary: Path, path: Path, replace: bool) -> None:
    """Rename into place; a folder that is replaced is taken away last, and put back where the renaming fails."""
    old = None
    if temporary.is_dir() and path.is_dir():
        if replace:
            old = temporary.with_name(f"{temporary.name}.old")
            os.replace(path, old)
        else:
            path.rmdir()
    try:
        os.replace(temporary, path)
    except OSError:
        if old is not None:
            os.replace(old, path)
        raise
    if old is not None:
        remove(old)


def write_json(path: Path, value: Any) -> None:  # noqa: ANN401 - whatever JSON can say
    """Write JSON that a person can read; numbers that are not finite become null, as JSON has no word for them."""
    text = json.dumps(jsonable(value), indent=2, ensure_ascii=False, allow_nan=False)
    with atomic_path(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:  # noqa: ANN401 - whatever JSON can say
    """Read a JSON file; raises OSError or ValueError where it cannot."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except RecursionError:
        raise ValueError("nested too deeply") from None


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keep other processes out of a folder; the system lets go when the process ends, however it ends.

    Args:
        folder: An existing folder.

    Raises:
        RunError: Another process holds it.
    """
    try:
        import fcntl
    except ImportError:  # not a POSIX system: nobody is kept out
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        end = time.monotonic() + _WAIT
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    raise RunError(f"{folder}: another process is working on this run; let it finish") from None
                time.sleep(0.1)
            except OSError:  # a file system without locks
                break
        yield
    finally:
        os.close(handle)


def remove(path: Path) -> None:
    """Remove a file, a link or a whole folder; what is not there is fine."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _concerns(error: OSError, temporary: Path) -> bool:
    """Whether an error is about the file being written, not about one that is read meanwhile."""
    places = (temporary, *temporary.parents)
    return error.errno == errno.ENOSPC or any(str(error.filename) == str(place) for place in places)


def jsonable(value: Any) -> Any:  # noqa: ANN401 - whatever JSON can say
    """A value as JSON can hold it."""
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [jsonable(item) for item in value]
    if hasattr(value, "tolist"):  # NumPy scalars and arrays, without importing NumPy
        return jsonable(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value
