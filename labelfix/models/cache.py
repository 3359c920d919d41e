"""Arrays that are computed once and kept on disk, memory-mapped.

An entry is a folder named after its key: one raw file an array, and `entry.json` with types, shapes, lengths
and checksums. It is written beside its place and renamed into it; an entry that does not match its own
description is made again.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import sys
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from labelfix.errors import LabelfixError, SettingsError
from labelfix.progress import Progress
from labelfix.settings.model import ComputeSettings

FORMAT = 1
"""Layout of an entry; entries of another layout are made again."""

ABANDONED_AFTER = 24 * 3600
"""Seconds after which a half-written entry of an interrupted run is removed."""

BLOCK = 1 << 22

Arrays = dict[str, npt.NDArray[Any]]


def cache_folder(compute: ComputeSettings) -> Path:
    """Where features are kept: the setting, else `LABELFIX_CACHE_DIR`, else the user's cache directory."""
    chosen = compute.cache_dir or os.environ.get("LABELFIX_CACHE_DIR") or _user_cache()
    return Path(chosen).expanduser() / "features"


def _user_cache() -> Path:
    """The user's cache directory of labelfix, where the operating system wants it."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "labelfix" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "labelfix"
    named = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(named) if os.path.isabs(named) else Path.home() / ".cache") / "labelfix"


class EntryWriter:
    """Takes an entry's arrays, a few rows at a time.

    Args:
        folder: An existing empty folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, BinaryIO] = {}
        self._described: dict[str, dict[str, Any]] = {}

    def append(self, name: str, rows: npt.NDArray[Any]) -> None:
        """Add rows to an array; all parts of one array have the same type and the same trailing shape."""
        if name not in self._files:
            self._files[name] = (self._folder / f"{name}.bin").open("wb")
            shape = [0, *rows.shape[1:]]
            self._described[name] = {"dtype": rows.dtype.str, "shape": shape, "bytes": 0, "crc32": 0}
        about = self._described[name]
        data = np.ascontiguousarray(rows).reshape(-1).view(np.uint8)
        self._files[name].write(data.data)
        about["shape"][0] += len(rows)
        about["bytes"] += len(data)
        about["crc32"] = zlib.crc32(data.data, about["crc32"])

    def close(self) -> None:
        """Flush everything to the disk and describe it."""
        for file in self._files.values():
            file.flush()
            os.fsync(file.fileno())
            file.close()
        described = {"format": FORMAT, "arrays": self._described}
        (self._folder / "entry.json").write_text(json.dumps(described), encoding="utf-8")

    def abandon(self) -> None:
        """Close the files without describing them."""
        for file in self._files.values():
            file.close()


def cached(
    compute: ComputeSettings, key: str, what: str, make: Callable[[EntryWriter], None], progress: Progress
) -> Arrays:
    """The arrays under a key, made first where they are missing or damaged.

    Args:
        compute: Says where the cache lies.
        key: Hex digest of everything that determines the arrays.
        what: What the arrays are, for messages.
        make: Writes them.
        progress: Told when a damaged entry is made again.

    Returns:
        Array name → array, memory-mapped copy-on-write: changes stay in this process.

    Raises:
        SettingsError: The cache folder cannot be written.
        LabelfixError: The disk is full.
    """
    place = cache_folder(compute) / key
    if place.exists():
        arrays = read_entry(place)
        if arrays is not None:
            return arrays
        progress.warn(f"the cached {what} in {place} are damaged; they are computed again")
    try:
        return _make(place, make)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise LabelfixError(
                f"{place.parent}: the disk is full; free some space or choose another place with --cache-dir"
            ) from None
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
            raise SettingsError(
                f"{place.parent}: the feature cache cannot be written ({error.strerror}); choose another place "
                "with --cache-dir"
            ) from None
        raise


def read_entry(place: Path) -> Arrays | None:
    """The arrays of an entry, or None where a file is missing, has the wrong length or the wrong checksum."""
    try:
        described = json.loads((place / "entry.json").read_text(encoding="utf-8"))
        if described["format"] != FORMAT:
            return None
        return {name: _read_array(place / f"{name}.bin", about) for name, about in described["arrays"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _read_array(path: Path, about: dict[str, Any]) -> npt.NDArray[Any]:
    dtype, shape = np.dtype(about["dtype"]), tuple(about["shape"])
    length = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    if path.stat().st_size != about["bytes"] or length != about["bytes"] or _crc32(path) != about["crc32"]:
        raise ValueError(path)
    if length == 0:
        return np.empty(shape, dtype)
    return np.memmap(path, dtype=dtype, mode="c", shape=shape)


def _crc32(path: Path) -> int:
    checksum = 0
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            checksum = zlib.crc32(block, checksum)
    return checksum


def _make(place: Path, make: Callable[[EntryWriter], None]) -> Arrays:
    place.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(place.parent)
    beside = Path(tempfile.mkdtemp(prefix=f".{place.name[:16]}-", dir=place.parent))
    writer = EntryWriter(beside)
    try:
        make(writer)
        writer.close()
        if place.exists():
            shutil.rmtree(place)
        try:
            beside.rename(place)
        except OSError as error:
            # Another run was faster with the same entry; its files hold the same.
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            shutil.rmtree(beside)
    except BaseException:
        writer.abandon()
        shutil.rmtree(beside, ignore_errors=True)
        raise
    arrays = read_entry(place)
    if arrays is None:
        raise LabelfixError(f"{place}: what was just written reads back differently; check the disk")
    return arrays


def _remove_abandoned(folder: Path) -> None:
    for path in folder.glob(".*"):
        try:
            old = time.time() - path.stat().st_mtime > ABANDONED_AFTER
        except FileNotFoundError:
            continue
        if old and path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
