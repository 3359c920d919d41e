"""Tables of thousands of columns: what is done to cells is done to many columns at once.

A call of Arrow's costs as much as some hundred cells; one for each column made 60,000 columns a matter of minutes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
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


def flags_of(cells: pa.Array) -> npt.NDArray[np.bool_]:
    """Truth values without nulls as a NumPy array; Arrow's own way imports pandas."""
    return numbers_of(cells.cast(pa.uint8()), np.uint8).astype(bool)


def numbers_of(cells: pa.Array, kind: type[np.generic]) -> npt.NDArray[Any]:
    """Numbers without nulls likewise."""
    return np.frombuffer(cells.buffers()[1], kind)[cells.offset : cells.offset + len(cells)]
