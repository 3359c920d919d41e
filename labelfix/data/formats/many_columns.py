"""Tables of thousands of columns: what is done to cells is done to many columns at once.

A call of Arrow's costs as much as some hundred cells; one for each column made 60,000 columns a matter of minutes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pyarrow as pa

CELLS = 1 << 16
"""Cells that are put together; longer columns stay by themselves."""


def cell_by_cell(function: Callable[[pa.Array], pa.Array], columns: Sequence[pa.Array]) -> list[pa.Array]:
    """A function of cells, of every column.

    Args:
        function: Array to array of as many cells, each of which follows from the one cell.
        columns: K columns of as many rows (N), of one type.
    """
    found: list[pa.Array] = []
    for block in blocks(columns):
        if len(block) == 1:
            found.append(function(block[0]))
            continue
        rows, whole = len(block[0]), function(pa.concat_arrays(block))
        found += [whole.slice(place * rows, rows) for place in range(len(block))]
    return found


def blocks(columns: Sequence[pa.Array]) -> Iterator[Sequence[pa.Array]]:
    """Columns in groups of about `CELLS` cells."""
    step = max(CELLS // max(len(columns[0]), 1), 1) if columns else 1
    for first in range(0, len(columns), step):
        yield columns[first : first + step]
