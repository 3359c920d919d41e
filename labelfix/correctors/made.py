"""Soft labels that are made of a few rows at a time, whenever somebody asks: of very many classes they fill memory.

Legend: N rows, n of them, K classes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from labelfix.data.tables import Codes, Probabilities
from labelfix.numerics.row_blocks import row_blocks


@dataclass(frozen=True)
class MadeSoft:
    """Soft labels that are not there.

    Attributes:
        make: `(n,)` some rows → `(n, K)` their soft labels.
    """

    rows: int
    classes: int
    make: Callable[[Codes], Probabilities]

    def __len__(self) -> int:
        return self.rows

    def then(self, change: Callable[[Probabilities], Probabilities]) -> MadeSoft:
        """The same soft labels, changed row by row."""
        return replace(self, make=lambda rows: change(self.make(rows)))

    def __getitem__(self, rows: Codes | slice) -> Probabilities:
        """`(n, K)` those of some rows."""
        asked = np.arange(self.rows)[rows]
        found = np.empty((len(asked), self.classes), dtype=np.float32)
        for part in row_blocks(*found.shape):
            found[part] = self.make(asked[part])
        return found
