"""x ↦ W x + b, row by row: all that a finished classifier on fixed features computes.

Legend: N rows, D numbers of a row, K numbers that come of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from labelfix.data.arrays import Floats, Singles


@dataclass(frozen=True)
class Affine:
    """Weights `(K, D)` and biases `(K,)`."""

    weight: Singles
    bias: Singles

    def __call__(self, rows: npt.NDArray[np.floating]) -> Floats:
        """`(N, K)` of rows `(N, D)`, in double precision: so a row's figures do not depend on the rows beside it.

        In single precision they do, in the last digits, by the order in which a matrix product adds.
        """
        found: Floats = rows.astype(np.float64) @ self._columns
        found += self.bias
        return found

    @cached_property
    def _columns(self) -> Floats:
        return self.weight.T.astype(np.float64)
