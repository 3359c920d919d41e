"""The types of arrays that modules pass to each other."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
"""Numbers: probabilities, logarithms, matrices."""

Singles = npt.NDArray[np.float32]
"""Numbers in single precision: features and weights as they are kept."""

Counts = npt.NDArray[np.int64]
"""How many of each."""

Codes = npt.NDArray[np.int64]
"""Labels as numbers of classes, or places of rows."""

RowNumbers = npt.NDArray[np.int64]
"""Places in a table, from 0."""
