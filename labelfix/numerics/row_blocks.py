"""Rows a block at a time, so that nothing as large as rows × classes is made beside what is kept."""

from __future__ import annotations

from collections.abc import Iterator

CELLS = 2**21
"""Numbers of a block: 16 MB in double precision, some times over."""


def row_blocks(rows: int, width: int) -> Iterator[slice]:
    """Slices of consecutive rows of so many numbers each, together all of them."""
    size = max(CELLS // max(width, 1), 1)
    return (slice(first, min(first + size, rows)) for first in range(0, rows, size))
