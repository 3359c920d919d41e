"""Which of many ids come more than once, found in bounded memory.

A number of 64 bits stands for an id. Numbers are sorted a million at a time and put aside on the disk; then equal
ones are looked for in one part of their range after the other. What is found may, very rarely, be two ids that share
a number: the caller compares the few ids themselves.
"""

from __future__ import annotations

import tempfile
from typing import IO

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Keys = npt.NDArray[np.uint64]

RUN = 1 << 20
"""Numbers that are sorted together."""

HASH_PARTS = 256
"""Parts of the range of numbers that are looked through one by one."""


def id_keys(ids: pa.Array) -> Keys:
    """`(N,)` a number for each id, the same for equal ones, also for 7 and "7".

    Args:
        ids: `(N,)` int64 or string, without nulls.
    """
    text = ids.cast(pa.string())
    if not len(text):
        return np.zeros(0, np.uint64)
    _, offsets, data = text.buffers()
    bounds = np.frombuffer(offsets, np.int32)[text.offset : text.offset + len(text) + 1].astype(np.int64)
    letters = np.frombuffer(data, np.uint8)[bounds[0] : bounds[-1]] if data is not None else np.zeros(0, np.uint8)
    bounds = bounds - bounds[0]
    lengths = np.diff(bounds)
    # A multilinear hash: every place within an id has an odd factor of its own.
    drawn = np.random.default_rng(0).integers(0, 2**63, int(lengths.max()) + 1, dtype=np.uint64)
    factors = drawn * np.uint64(2) + np.uint64(1)
    place = np.arange(len(letters)) - np.repeat(bounds[:-1], lengths)
    terms = (letters.astype(np.uint64) + np.uint64(1)) * factors[place]
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(terms, dtype=np.uint64)])
    keys: Keys = sums[bounds[1:]] - sums[bounds[:-1]]
    return keys


class Repeats:
    """Takes numbers, some at a time, and finds those that came more than once."""

    def __init__(self) -> None:
        self._held: list[Keys] = []
        self._count = 0
        self._file: IO[bytes] | None = None
        self._runs: list[npt.NDArray[np.int64]] = []

    def see(self, keys: Keys) -> None:
        """Take the next numbers."""
        self._held.append(keys)
        self._count += len(keys)
        if self._count >= RUN:
            self._put_aside()

    def found(self) -> Keys:
        """The numbers that came more than once, sorted; to be asked for once, at the end."""
        if self._file is None:
            return _doubled(self._held)
        self._put_aside()
        parts = [_doubled([self._read(run, part) for run in self._runs]) for part in range(HASH_PARTS)]
        self._file.close()
        return np.concatenate(parts)

    def _put_aside(self) -> None:
        keys = np.sort(np.concatenate(self._held)) if self._held else np.zeros(0, np.uint64)
        self._held, self._count = [], 0
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="labelfix-ids-")  # noqa: SIM115 - closed by `found`
        start = self._file.tell() // 8
        edges = np.arange(HASH_PARTS, dtype=np.uint64) << np.uint64(56)
        self._runs.append(np.append(np.searchsorted(keys, edges), len(keys)).astype(np.int64) + start)
        self._file.write(keys.tobytes())

    def _read(self, run: npt.NDArray[np.int64], part: int) -> Keys:
        assert self._file is not None
        self._file.seek(8 * int(run[part]))
        return np.frombuffer(self._file.read(8 * int(run[part + 1] - run[part])), np.uint64)


def _doubled(parts: list[Keys]) -> Keys:
    keys = np.sort(np.concatenate(parts)) if parts else np.zeros(0, np.uint64)
    return np.unique(keys[1:][keys[1:] == keys[:-1]])
