"""Headers of a remote Parquet file's pages, looked at as they pass by on their way to pyarrow.

Of a file of this machine they are looked at before anything is read (`parquet_footer`); on another machine each would
be a question of its own.
"""

from __future__ import annotations

import io
from bisect import bisect_left, insort
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, cast

import pyarrow as pa

from labelfix.data.formats.parquet_footer import Group, check_pages, is_looked_through, page_of
from labelfix.remote import readable
from labelfix.remote.passed_on import PassedOn


def parquet_stream(path: Path, groups: Sequence[Group]) -> Any:  # noqa: ANN401 - a path or a stream
    """What pyarrow reads a Parquet file from.

    Args:
        groups: Of the file, as `parquet_footer` reads them.
    """
    source = readable(path)
    if isinstance(source, Path):
        return source
    size = source.seek(0, 2)
    source.seek(0)
    return source if is_looked_through(size) else WatchedPages(source, groups, size)


class WatchedPages(PassedOn):
    """A Parquet file whose pages are bounded as they are read.

    Args:
        raw: The file.
        size: Its bytes.
    """

    def __init__(self, raw: IO[bytes], groups: Sequence[Group], size: int) -> None:
        super().__init__(raw)
        self._size = size
        self._largest = [[0] * len(group.columns) for group in groups]
        # Where the next header of each column is, sorted: place, end of the column, row group, column.
        self._next = sorted(
            (chunk.start, chunk.start + chunk.packed, number, place)
            for number, group in enumerate(groups)
            for place, chunk in enumerate(group.columns)
            if chunk.values
        )

    def read(self, size: int | None = -1) -> bytes:
        """So many bytes, or all that are left.

        Raises:
            pa.ArrowInvalid: A page that begins in them makes no sense, or takes too much unpacked.
        """
        first = self._raw.tell()
        block = super().read(size)
        self._look(block, first)
        return block

    def _look(self, block: bytes, first: int) -> None:
        last = first + len(block)
        while (index := bisect_left(self._next, (first,))) < len(self._next) and self._next[index][0] < last:
            here, stop, group, column = self._next.pop(index)
            unpacked, packed, header = self._page(block, here - first, here, last)
            largest = self._largest[group]
            largest[column] = max(largest[column], unpacked)
            check_pages(sum(largest), self._size)
            if here < (after := here + header + packed) < stop:
                insort(self._next, (after, stop, group, column))

    def _page(self, block: bytes, place: int, here: int, last: int) -> tuple[int, int, int]:
        try:
            try:
                return page_of(cast(IO[bytes], io.BytesIO(block)), place)
            except (IndexError, ValueError):  # the rest of the header comes with the next block
                found = page_of(self._raw, here)
                self._raw.seek(last)
                return found
        except (IndexError, ValueError, RecursionError):
            raise pa.ArrowInvalid("what it says of its pages makes no sense") from None
