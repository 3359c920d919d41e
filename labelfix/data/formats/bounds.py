"""How much may come out of a compressed file: a few kilobytes must not fill the memory of this machine.

A file that holds more than `MOST_BYTES` and more than `MOST_RATIO` times its own size is refused: data that people keep
is packed to a tenth or a fiftieth. One record of a text file is bounded by itself, as it has to be held whole.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import IO

from labelfix.errors import InputError, input_error

MOST_BYTES = 1 << 29
"""So much may come out of any file; it may have to be held twice."""

MOST_RATIO = 200
"""And this many times its size out of a larger one. Deflate packs at most 1,032 to 1."""

HELD_RATIO = 32
"""What has to be held, rows and what is unpacked as a whole, may take so many times the size of a larger file."""

ROW_BYTES = 48
"""What a row takes in memory beside its cells: its place, its id and its label."""

RECORD_BYTES = 1 << 26
"""Bytes of one record of a text file, 64 MB."""

MOST_COLUMNS = 100_000
"""Columns of a table: each takes ten kilobytes before a row is read."""

BATCH_BYTES = 1 << 26
"""Bytes of texts that are unpacked at a time."""


class Bounds:
    """Counts what comes out of a file.

    Args:
        remedy: What to do about one that holds too much.
    """

    def __init__(
        self, path: Path, name: str, remedy: str = "if you trust it, unpack it and give the larger file"
    ) -> None:
        self.name, self.remedy = name, remedy
        self.size = path.stat().st_size
        self.most, self.taken = max(MOST_BYTES, MOST_RATIO * self.size), 0
        self.most_held, self.held = max(MOST_BYTES, HELD_RATIO * self.size), 0

    def take(self, amount: int) -> None:
        """So many bytes more came out.

        Raises:
            InputError: That is more than may come out of the file.
        """
        self.taken += amount
        if self.taken > self.most:
            raise self._error(self.most)

    def hold(self, amount: int) -> None:
        """So many bytes more have to be held until all of the file is read.

        Raises:
            InputError: That is more than a file of its size explains.
        """
        self.held += amount
        self.hold_at_once(self.held)

    def hold_at_once(self, amount: int) -> None:
        """So many bytes have to be held for a while.

        Raises:
            InputError: As for `hold`.
        """
        if amount > self.most_held:
            raise self._error(self.most_held)

    def _error(self, most: int) -> InputError:
        what = (
            f"has {self.size:,} bytes, and more than {most:,} come out of it, as of files that are made to fill "
            "a machine's memory"
        )
        return input_error(self.name, what, self.remedy)


class BoundedStream(io.RawIOBase):
    """The bytes that come out of a compressed file, as long as they are not too many.

    Args:
        bounds: Counts them, and what their lines or objects take as rows.
    """

    def __init__(self, raw: IO[bytes], bounds: Bounds) -> None:
        self._raw = raw
        self._bounds = bounds

    def readable(self) -> bool:
        """Always."""
        return True

    def read(self, size: int = -1) -> bytes:
        """The next bytes.

        Raises:
            InputError: Too many have come out.
        """
        block = self._raw.read(size)
        self._bounds.take(len(block))
        self._bounds.hold(ROW_BYTES * (block.count(b"\n") + block.count(b"{")))
        return block

    def close(self) -> None:
        """Close the file beneath."""
        if not self.closed:
            self._raw.close()
        super().close()


def check_columns(count: int, name: str) -> None:
    """Refuse a table of more than `MOST_COLUMNS` columns.

    Raises:
        InputError: It has more.
    """
    if count > MOST_COLUMNS:
        what = f"has more than {MOST_COLUMNS:,} columns"
        raise input_error(name, what, "leave some out, or put numbers that belong together into one column of lists")


def too_long(name: str, row: int | None, what: str) -> InputError:
    """The error for a record that is longer than `RECORD_BYTES`.

    Args:
        row: The row that it is, from 1, where that is known.
    """
    remedy = "close a quote that was left open, or leave the cell out"
    return input_error(name, f"holds {what} of more than {RECORD_BYTES >> 20} MB", remedy, row)
