"""JSON files, and folders that one process works on at a time."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from labelfix.errors import RunError
from labelfix.runs.checked import parse
from labelfix.runs.durable import atomic_path

_WAIT = 10.0  # seconds; worker processes of a killed run end a moment after it


def write_json(path: Path, value: Any) -> None:  # noqa: ANN401 - whatever JSON can say
    """Write JSON that a person can read; numbers that are not finite become null, since JSON has none."""
    text = json.dumps(jsonable(value), indent=2, ensure_ascii=False, allow_nan=False)
    with atomic_path(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:  # noqa: ANN401 - whatever JSON can say
    """Read a JSON file without a schema; raises OSError or ValueError if it cannot."""
    return parse(path.read_bytes())


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keep other processes out of a folder; the system lets go when the process ends, however it ends.

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
