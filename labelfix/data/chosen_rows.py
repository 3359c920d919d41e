"""Trusted rows that `labelfix next` chose: they train and judge nothing.

The rows worth asking about are the hard ones. Their answers correct labels and teach the classifier, but as judges they
say how good it is on hard rows, and nobody knows how many others were as hard. So the file that `next` writes says in
a column how each row was drawn, and whoever reads it leaves those rows out of every figure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from labelfix.data.findings import Findings
from labelfix.data.inputs import SelectedInputs
from labelfix.data.rows import IdsAndLabels
from labelfix.data.scan import scan
from labelfix.data.spelling import spelled
from labelfix.data.tables import LabelTable

DRAWN = "labelfix_drawn"
"""Column of how a row was drawn; whatever stands in it, a row with something there was chosen and judges nothing."""

CHANCE = "labelfix_chance"
"""Column of the probability with which it was drawn, given the run: 1, as nothing about the choice is random."""

GIVEN = "given_label"
"""The first column of what labelfix says of a row; the answer stands before it."""

WORST_FIRST = "worst first"
"""What `next` writes into `DRAWN`."""

ASK, TRUSTED = "ask", "trusted"
"""Column of whom to ask, where answers have prices: a source of labels, or the person whose answers are trusted."""

CANNOT_TELL = "?"
TOO_HARD = (CANNOT_TELL, "can't tell", "cannot tell", "can not tell", "cannot_tell", "unsure", "skip", "skipped")
"""What a person may write in place of a class into a file that asks."""


def answer_column(names: Sequence[str]) -> str:
    """The column to fill in of a file that `next` has written: it stands before what the row's labels are."""
    told = f"labelfix_{GIVEN}" if f"labelfix_{GIVEN}" in names else GIVEN
    return names[max(names.index(told) - 1, 0)] if told in names else "label"


def read_chosen(rows: IdsAndLabels) -> npt.NDArray[np.bool_] | None:
    """`(M,)` True for the rows that `next` chose, as any of several trusted files says; None where there is none."""
    found = _cells(rows, DRAWN) != ""
    return found if found.any() else None


def _cells(rows: IdsAndLabels, column: str) -> npt.NDArray[np.object_]:
    """`(M,)` what stands in a column; "" in the files that have none."""
    found = np.full(len(rows), "", dtype=object)
    first = 0
    for part in rows.source.parts:
        own = np.flatnonzero((rows.places.file_index >= first) & (rows.places.file_index < first + len(part.files)))
        first += len(part.files)
        if column in part.schema.names:
            cells = [_words(chunk.batch.column(0)) for chunk in scan(part, [column], verbatim=True)]
            found[own] = np.concatenate([np.zeros(0, object), *cells])
    return found


def _words(cells: pa.Array) -> npt.NDArray[np.object_]:
    """`(n,)` cells as texts."""
    return np.asarray(pc.fill_null(spelled(cells.cast(pa.string())), "").to_numpy(zero_copy_only=False))


def without_sources(rows: IdsAndLabels, taken: bool, findings: Findings) -> tuple[IdsAndLabels, int]:
    """The trusted rows, those left open that `next` wanted a source of labels to answer: such an answer is no truth.

    Args:
        taken: Whether a file of opinions is given, which that may be as well.

    Returns:
        The rows, and how many of them such an answer has been left out of.
    """
    if rows.labels is None or not any({ASK, DRAWN} <= {*part.schema.names} for part in rows.source.parts):
        return rows, 0
    whom = _cells(rows, ASK)
    theirs = (whom != "") & (whom != TRUSTED) & (rows.labels.positions >= 0)
    if theirs.any():
        answers = "1 answer is of a source" if theirs.sum() == 1 else f"{int(theirs.sum()):,} answers are of sources"
        what = f"{answers} that the column {ASK!r} names, and no trusted label"
        findings.note(f"{rows.name}: {what}") if taken else findings.warning(
            rows.name, what, "give the file to --sources, too"
        )
    positions = np.where(theirs, -1, rows.labels.positions)
    return replace(rows, labels=replace(rows.labels, positions=positions)), int(theirs.sum())


def only_answers(table: LabelTable, findings: Findings, of_sources: int = 0) -> LabelTable:
    """The trusted rows that say something: rows without a label and plain copies are left out, and counted.

    Args:
        findings: Told how many there are, and how many rows `next` chose.
    """
    asked = np.zeros(len(table), bool) if table.chosen is None else table.chosen
    blank = int((~table.labelled & asked).sum()) - of_sources
    for count, of in ((blank, "labelfix asked about"), (int((~table.labelled & ~asked).sum()), "")):
        if count > 0:
            rows = f"{count:,} row{'s' * (count > 1)}" + (f" that {of}" if of else f" of {table.name}")
            lack = "no answer (blank or ?)" if of else "no label"
            what = f"{rows} {'has' if count == 1 else 'have'} {lack} and {_are(count)} skipped"
            none = of and not (table.labelled & asked).any()
            findings.warning(table.name, what, "write the answers into the column to fill in") if none else (
                findings.note(what)
            )
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
