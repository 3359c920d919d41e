"""Trusted rows that `labelfix next` chose: they train and judge nothing.

The rows worth asking about are the hard ones. Their answers correct labels and teach the classifier, but as judges they
say how good it is on hard rows, and nobody knows how many others were as hard. So the file that `next` writes says in
a column how each row was drawn, and whoever reads it leaves those rows out of every figure.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from labelfix.data.findings import Findings
from labelfix.data.formats import TableSource, parts_of
from labelfix.data.inputs import SelectedInputs
from labelfix.data.rows import IdsAndLabels
from labelfix.data.scan import scan
from labelfix.data.spelling import spelled
from labelfix.data.tables import LabelTable

DRAWN = "labelfix_drawn"
"""Column of how a row was drawn; whatever stands in it, a row with something there was chosen and judges nothing."""

CHANCE = "labelfix_chance"
"""Column of the probability with which it was drawn, given the run: 1, as nothing about the choice is random."""

WORST_FIRST = "worst first"
"""What `next` writes into `DRAWN`."""


def read_chosen(source: TableSource, rows: IdsAndLabels, read_rows: int) -> npt.NDArray[np.bool_] | None:
    """`(M,)` True for the rows that `next` chose; None where there is none.

    Args:
        source: The trusted file, or several read as one: the column need not be in all of them.

    Raises:
        InputError: The file is damaged.
    """
    found = np.zeros(len(rows), dtype=bool)
    first = 0
    for part in parts_of(source):
        own = np.flatnonzero((rows.places.file_index >= first) & (rows.places.file_index < first + len(part.files)))
        first += len(part.files)
        if DRAWN in part.schema.names:
            cells = [_there(chunk.batch.column(0)) for chunk in scan(part, [DRAWN], read_rows, verbatim=True)]
            found[own] = np.concatenate([np.zeros(0, bool), *cells])
    return found if found.any() else None


def _there(cells: pa.Array) -> npt.NDArray[np.bool_]:
    """`(n,)` whether something stands in a cell."""
    words = pc.fill_null(spelled(cells.cast(pa.string())), "")
    return np.asarray(pc.not_equal(words, "").to_numpy(zero_copy_only=False), dtype=bool)


def without_open(table: LabelTable, findings: Findings) -> LabelTable:
    """The trusted rows without those that `next` asked about and nobody has answered, which are counted.

    Args:
        findings: Told how many there are of either kind.
    """
    if table.chosen is None:
        return table
    still_open = table.chosen & ~table.labelled
    if still_open.any():
        keep = ~still_open
        asked = (
            "1 row that labelfix asked about has"
            if still_open.sum() == 1
            else (f"{int(still_open.sum()):,} rows that labelfix asked about have")
        )
        findings.note(f"{asked} no label yet and {'is' if still_open.sum() == 1 else 'are'} skipped")
        inputs = None if table.inputs is None else SelectedInputs(table.inputs, np.flatnonzero(keep), table.name)
        table = table.only(keep, inputs)
    assert table.chosen is not None
    count = int(table.chosen.sum())
    if count:
        rows = "1 trusted row was" if count == 1 else f"{count:,} trusted rows were"
        do = "it trains and judges" if count == 1 else "they train and judge"
        findings.note(f"{rows} chosen by labelfix: {do} nothing, as such rows are the hard ones")
    return replace(table, chosen=table.chosen if count else None)
