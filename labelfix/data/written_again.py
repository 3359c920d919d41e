"""Rows without ids that stand again further down, in the same order: another version of the table, or itself again."""

from __future__ import annotations

import numpy as np

from labelfix.data.content import all_keys, same_content
from labelfix.data.findings import Findings
from labelfix.data.inputs import SelectedInputs
from labelfix.data.tables import TrainingData

LOOKED_AT = 400
"""Rows of the second half that are looked for among all of them."""

LEAST, OFTEN, IN_ORDER = 20, 0.4, 0.9
"""How many of these, and what share, stand further up, and how many of them in the same order: rows that are alike by
chance stand in no order."""


def warn_of_rows_written_again(data: TrainingData, findings: Findings) -> None:
    """Warn where many rows do; where there are ids, these say it."""
    noisy = data.noisy
    if noisy.id_column is not None or noisy.inputs is None or noisy.inputs.spec.part("image") is not None:
        return
    rows = np.unique(np.linspace(len(noisy) // 2, len(noisy) - 1, LOOKED_AT).astype(np.int64))
    keys = all_keys(SelectedInputs(noisy.inputs, rows, noisy.name))
    first = same_content(noisy.inputs, keys)
    again = np.flatnonzero((first >= 0) & (first < rows))
    if len(again) < max(LEAST, OFTEN * len(rows)) or (np.diff(first[again]) > 0).mean() < IN_ORDER:
        return
    row, before = int(rows[again[0]]), int(first[again[0]])
    which = f"row {before + 1:,} as row {row + 1:,}, of {len(noisy):,}"
    what = f"rows stand again further down in the same order ({which}), as of a table that is there in two versions"
    findings.warning(noisy.name, what, "keep each row once: they count twice")
