"""The order in which rows of a table take part in training, and the one way back to the order of their file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from labelfix.data.arrays import RowNumbers


@dataclass(frozen=True)
class RowOrder:
    """Some rows of a table, in an order of their own.

    Attributes:
        rows: `(n,)` their places in the table, each at most once.
        total: N, how many rows the table has.
    """

    rows: RowNumbers
    total: int

    def to_file(self, values: np.ndarray, missing: Any) -> np.ndarray:  # noqa: ANN401
        """Values of these rows as values of the whole table.

        Args:
            values: `(n, ...)` in this order.
            missing: What stands at the rows that are not among these.

        Returns:
            `(N, ...)` in the order of the file, of the same type.
        """
        everywhere = np.full((self.total, *values.shape[1:]), missing, dtype=values.dtype)
        everywhere[self.rows] = values
        return everywhere
