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


def only_answers(table: LabelTable, findings: Findings) -> LabelTable:
    """The trusted rows that say something: rows without a label and plain copies are left out, and counted.

    Args:
        findings: Told how many there are, and how many rows `next` chose.
    """
    asked = np.zeros(len(table), bool) if table.chosen is None else table.chosen
    for some, of in ((~table.labelled & asked, "labelfix asked about"), (~table.labelled & ~asked, "")):
        if count := int(some.sum()):
            rows = f"{count:,} row{'s' * (count > 1)}" + (f" that {of}" if of else f" of {table.name}")
            yet = " yet" if of else ""
            findings.note(f"{rows} {'has' if count == 1 else 'have'} no label{yet} and {_are(count)} skipped")
    table = without_copies(_part(table, table.labelled), findings)
    count = 0 if table.chosen is None else int(table.chosen.sum())
    if count:
        rows = "1 trusted row was" if count == 1 else f"{count:,} trusted rows were"
        do = "it trains and judges" if count == 1 else "they train and judge"
        findings.note(f"{rows} chosen by labelfix: {do} nothing, as such rows are the hard ones")
    return replace(table, chosen=table.chosen if count else None)


def without_copies(table: LabelTable, findings: Findings) -> LabelTable:
    """The rows without those that say of an id again what an earlier row says, which are counted."""
    if table.id_column is None:
        return table
    pairs = list(zip(table.ids.to_pylist(), table.codes.tolist(), strict=True))
    first = {pair: place for place, pair in reversed(list(enumerate(pairs)))}
    again = np.array([pair[0] is not None and first[pair] != place for place, pair in enumerate(pairs)], bool)
    if count := int(again.sum()):
        rows = "1 row repeats" if count == 1 else f"{count:,} rows repeat"
        findings.note(f"{rows} the id and the label of an earlier row of {table.name}, and {_are(count)} skipped")
    return _part(table, ~again)


def _part(table: LabelTable, keep: npt.NDArray[np.bool_]) -> LabelTable:
    if keep.all():
        return table
    inputs = None if table.inputs is None else SelectedInputs(table.inputs, np.flatnonzero(keep), table.name)
    return table.only(keep, inputs)


def _are(count: int) -> str:
    return "is" if count == 1 else "are"
