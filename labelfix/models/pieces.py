"""Windows of rows that a killed command does not compute again: while a whole is made, pieces of it lie in the cache.

    features/<key>.pieces/0   an entry of the cache: windows 0 to 11      features/<key>.pieces/12   the ones after it

Each is named after its first window, and so leads to the next. They go once the whole is where it belongs; the key
holds everything that determines them, so that no other input, model or run finds them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from labelfix.errors import LabelfixError
from labelfix.models.cache import Arrays, Taker, cache_folder, read_entry, write_entry
from labelfix.progress import Progress
from labelfix.runs import remove
from labelfix.settings.model import ComputeSettings

KEPT_EVERY = 30.0
"""Seconds of work that a kill costs at most."""

LARGEST = 1 << 27
"""Bytes that are held until they are kept."""

LENGTHS, FLAT = "lengths", "flat"
"""Names of how much each row has, and of all that they have, one row after the other."""


@dataclass(frozen=True)
class Pieces:
    """The pieces of one whole."""

    folder: Path
    window: int
    progress: Progress

    @classmethod
    def of(cls, compute: ComputeSettings, key: str, window: int, progress: Progress) -> Pieces:
        """Those under a key, the hex digest of everything that determines them."""
        return cls(cache_folder(compute) / f"{key}.pieces", window, progress)

    def through(self, wanted: range, make: Callable[[range], Iterator[Arrays]]) -> Iterator[Arrays]:
        """Some windows in order: what an ended command had of them, then the others as they are made, and kept.

        Args:
            wanted: Their numbers.
            make: Makes those of some numbers; every array of a window has a row for each of its rows, but for `flat`.
        """
        at = wanted.start
        while at < wanted.stop and (found := read_entry(self._place(at))):
            rows = max(len(array) for name, array in found.items() if name != FLAT)
            for start in range(0, rows, self.window):
                yield _window(found, slice(start, start + self.window))
            at += max(-(-rows // self.window), 1)
        if at > wanted.start:
            self.progress.say(
                f"{at - wanted.start} of {len(wanted)} blocks of rows: taken from before the interruption"
            )
        yield from self._keeping(at, wanted.stop, make(range(at, wanted.stop)))

    def forget(self) -> None:
        """Take them away: the whole is where it belongs."""
        with suppress(OSError):
            if self.folder.is_dir():
                remove(self.folder)

    def _keeping(self, first: int, stop: int, made: Iterator[Arrays]) -> Iterator[Arrays]:
        held: list[Arrays] = []
        size, since, able = 0, time.monotonic(), True
        for number, arrays in enumerate(made, first):
            if able and number + 1 < stop:
                held.append({name: array.copy() for name, array in arrays.items()})
                size += sum(array.nbytes for array in arrays.values())
            if held and (size >= LARGEST or time.monotonic() - since >= KEPT_EVERY):
                able = self._keep(first, held)
                held, size, since, first = [], 0, time.monotonic(), number + 1
            yield arrays

    def _keep(self, first: int, held: list[Arrays]) -> bool:
        """Whether there was room for a piece."""
        try:
            whole = {name: np.concatenate([arrays[name] for arrays in held]) for name in held[0]}
            write_entry(self._place(first), partial(_hand_over, whole))
        except (LabelfixError, OSError):
            return False
        return True

    def _place(self, number: int) -> Path:
        return self.folder / str(number)


def _window(found: Arrays, rows: slice) -> Arrays:
    cut = {name: np.array(array[rows]) for name, array in found.items() if name != FLAT}
    if FLAT in found:
        ends = np.append(0, np.cumsum(found[LENGTHS]))[rows.start : rows.stop + 1]
        cut[FLAT] = np.array(found[FLAT][ends[0] : ends[-1]])
    return cut


def _hand_over(arrays: Arrays, taker: Taker) -> None:
    for name, array in arrays.items():
        taker.append(name, array)
