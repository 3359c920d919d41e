"""Arrays that are computed once and kept on disk, memory-mapped.

An entry is a folder named after its key: one raw file an array, and `entry.json` with types, shapes, lengths
and checksums. It is written as everything else (`labelfix.runs.durable`); an entry that does not match its own
description is made again. Where nothing can be kept, the arrays are computed in memory.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
import numpy.typing as npt
from platformdirs import user_cache_path

from labelfix.errors import LabelfixError, RunError
from labelfix.progress import Progress
from labelfix.runs import atomic_path, tidy
from labelfix.settings.model import ComputeSettings

FORMAT = 1
"""Layout of an entry; entries of another layout are made again."""

BLOCK = 1 << 22

Arrays = dict[str, npt.NDArray[Any]]

_told: set[Path] = set()
"""Cache folders of which this process has said that nothing can be kept there."""


def cache_folder(compute: ComputeSettings) -> Path:
    """Where features are kept: the setting, else `LABELFIX_CACHE_DIR`, else the user's cache directory."""
    chosen = compute.cache_dir or os.environ.get("LABELFIX_CACHE_DIR") or user_cache_path("labelfix", appauthor=False)
    return Path(chosen).expanduser() / "features"


class Taker(Protocol):
    """Takes an entry's arrays, a few rows at a time."""

    def append(self, name: str, rows: npt.NDArray[Any]) -> None:
        """Add rows to an array; all parts of one array have the same type and the same trailing shape."""


class EntryInMemory:
    """Takes them where nothing can be kept."""

    def __init__(self) -> None:
        self._parts: dict[str, list[npt.NDArray[Any]]] = {}

    def append(self, name: str, rows: npt.NDArray[Any]) -> None:
        self._parts.setdefault(name, []).append(rows)

    def arrays(self) -> Arrays:
        """What was taken."""
        return {name: np.concatenate(parts) for name, parts in self._parts.items()}


class EntryWriter:
    """Takes them into files of an existing empty folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, BinaryIO] = {}
        self._described: dict[str, dict[str, Any]] = {}

    def append(self, name: str, rows: npt.NDArray[Any]) -> None:
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
        """Describe what was written."""
        for file in self._files.values():
            file.close()
        described = {"format": FORMAT, "arrays": self._described}
        (self._folder / "entry.json").write_text(json.dumps(described), encoding="utf-8")

    def abandon(self) -> None:
        """Close the files without describing them."""
        for file in self._files.values():
            with suppress(OSError):  # what a full disk would not take
                file.close()


def cached(compute: ComputeSettings, key: str, what: str, make: Callable[[Taker], None], progress: Progress) -> Arrays:
    """The arrays under a key, made first where they are missing or damaged.

    Args:
        key: Hex digest of everything that determines the arrays.
        make: Writes them; called again where they can only be held in memory.
        progress: Told when a damaged entry is made again, and once when nothing can be kept.

    Returns:
        Array name → array, memory-mapped copy-on-write: changes stay in this process. In memory where the cache
        folder cannot be written, or its disk is full.
    """
    place = cache_folder(compute) / key
    if os.path.exists(place):
        tidy(place.parent)
        arrays = read_entry(place)
        if arrays is not None:
            return arrays
        # An entry that another process takes away just now is no damaged one.
        if os.path.exists(place):
            progress.warn(f"the cached {what} in {place} are damaged; they are computed again")
    try:
        return write_entry(place, make)
    except RunError as error:
        if place.parent not in _told:
            _told.add(place.parent)
            reason = str(error).removeprefix(f"{place}: ").partition("; ")[0]
            said = f"{place.parent}: the feature cache {reason}"
            progress.headline(f"{said}; the run goes on without it (--cache-dir names another place)")
    held = EntryInMemory()
    make(held)
    return held.arrays()


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


def write_entry(place: Path, make: Callable[[Taker], object]) -> Arrays:
    """Write an entry. Another run may be at the same one: its files hold the same, and either may stand.

    Raises:
        LabelfixError: It cannot be written, or reads back differently.
    """
    with atomic_path(place, replace=True) as beside:
        beside.mkdir()
        writer = EntryWriter(beside)
        try:
            make(writer)
            writer.close()
        except BaseException:
            writer.abandon()
            raise
        # Read back before it is in place, where another process may take it away.
        arrays = read_entry(beside)
    if arrays is None:
        raise LabelfixError(f"{place}: what was just written reads back differently; check the disk")
    return arrays
