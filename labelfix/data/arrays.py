"""The types of arrays that modules pass to each other."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
"""Numbers: probabilities, logarithms, matrices."""

Counts = npt.NDArray[np.int64]
"""How many of each."""

RowNumbers = npt.NDArray[np.int64]
"""Places in a table, from 0."""
