"""Columns of a table that are made of the given labels: a queue by label, a mean per label, an older model's answer.

Such a column makes every given label look right, wrong ones too. Pairs tell it: what a row holds follows from its true
class, and so says no more of the given label than the class does (data processing inequality: y' – y – v has
E log P(y' | v) ≤ E log P(y' | y)). A column with

    d = log P(y' | v) − log T[y, y'],   mean d over the pairs above 0 by three standard errors,

was made of the labels, or they of it. P(y' | v) is counted on noisy rows, by category or by quantiles; T on the pairs,
which makes it say a little too much of them, and d too small.

Legend: N noisy rows, P pairs, K classes, V values or quantiles of a column.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from labelfix.data.arrays import Floats
from labelfix.data.findings import Findings
from labelfix.data.inputs import SelectedInputs, inputs_of
from labelfix.data.labels.noise_rate import pair_counts
from labelfix.data.tables import Codes, TrainingData

LEAST_PAIRS, LEAST_WRONG = 20, 5
ERRORS = 3.0
ROWS = 5_000
"""Noisy rows that are read at most, the first ones."""

MOST_COLUMNS = 1_000
A_QUANTILE, MOST_QUANTILES = 50, 64
"""Rows of a quantile at least, and quantiles at most."""

OWN = 1.0
"""Rows that the shares of all labels count as among those of a value."""


def warn_of_columns_made_of_labels(data: TrainingData, findings: Findings) -> None:
    """Warn of each such column."""
    table = data.noisy.inputs.spec.part("table") if data.noisy.inputs is not None else None
    pairs = np.flatnonzero((data.paired_given >= 0) & data.judges & (data.clean.codes >= 0))
    truth, given = data.clean.codes[pairs], data.paired_given[pairs]
    wrong = int((truth != given).sum())
    if table is None or len(table.columns) > MOST_COLUMNS or len(pairs) < LEAST_PAIRS or wrong < LEAST_WRONG:
        return
    assert data.noisy.inputs is not None
    rows = np.concatenate([data.noisy_rows[:ROWS], data.clean_in_noisy[pairs]])
    batches = SelectedInputs(inputs_of(data.noisy.inputs, table), rows, data.noisy.name).batches()
    cells = pa.Table.from_batches(batches)
    labels, classes = data.noisy.codes[rows[: -len(pairs)]], len(data.classes)
    for name in table.columns:
        said = says(values_of(cells[name], len(labels)), labels, truth, given, classes)
        if said is not None:
            what = (
                f"column {name!r} says more of the given labels than the true classes do, also in {said:,} of the "
                f"{wrong:,} trusted rows whose given label is wrong, as if one had been made of the other"
            )
            findings.warning(
                data.noisy.name,
                what,
                "leave it out where it comes of the labels: name the features with --feature-columns",
            )


def values_of(column: pa.ChunkedArray, noisy: int) -> Codes:
    """`(N + P,)` the value, or quantile of the noisy rows, that each cell is of; missing ones are a value.

    Args:
        noisy: N.
    """
    if pa.types.is_string(column.type):
        codes = pc.fill_null(column.combine_chunks().dictionary_encode().indices, -1)
        return np.asarray(codes, dtype=np.int64) + 1
    numbers = np.asarray(column.cast(pa.float64()).fill_null(float("nan")))
    known = numbers[:noisy][np.isfinite(numbers[:noisy])]
    if not len(known):
        return np.zeros(len(numbers), dtype=np.int64)
    count = int(np.clip(len(known) // A_QUANTILE, 2, MOST_QUANTILES))
    edges = np.unique(np.quantile(known, np.arange(1, count) / count))
    return np.where(np.isfinite(numbers), np.searchsorted(edges, numbers) + 1, 0).astype(np.int64)


def says(values: Codes, labels: Codes, truth: Codes, given: Codes, classes: int) -> int | None:
    """In how many wrong pairs a column goes with the given label; None where it follows from the true class.

    Args:
        values: `(N + P,)` of the column, the pairs last.
        labels: `(N,)` given labels of the noisy rows.
        truth: `(P,)` of the pairs.
        given: `(P,)` likewise.
        classes: K.
    """
    shares: Floats = np.asarray((np.bincount(labels, minlength=classes) + OWN) / (len(labels) + OWN * classes))
    counts = np.zeros((int(values.max()) + 1, classes))
    np.add.at(counts, (values[: len(labels)], labels), 1.0)
    made = counts.argmax(axis=0)  # where a label has one value, as in a column for each class
    apart = (made[given] != made[truth]) & (values[len(labels) :] == made[given])
    if ((counts > 0).sum(axis=0) <= 1).all() and apart.sum() >= LEAST_WRONG:
        return int(apart.sum())
    told = ((counts + OWN * shares) / (counts.sum(axis=1, keepdims=True) + OWN))[values[len(labels) :]]
    each = np.arange(len(given))
    wrong = truth != given
    with_given = (told[each, given] > told[each, truth])[wrong]
    pairs = pair_counts(truth, given, classes)
    d = np.log(told[each, given] * pairs.sum(axis=1)[truth] / pairs[truth, given])
    return int(with_given.sum()) if d.mean() > ERRORS * d.std(ddof=1) / np.sqrt(len(d)) else None
