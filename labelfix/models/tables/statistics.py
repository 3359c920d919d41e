"""What the training rows of a table are like: means, deviations, categories.

Legend: N rows, B rows of a batch.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from labelfix.data.tables import InputSpec, InputTable
from labelfix.errors import input_error
from labelfix.models.contents import windows

WINDOW = 8192
"""Rows whose statistics are added at once."""

MOST_CATEGORIES = 100
"""Categories of a column that get a feature of their own, the most frequent first."""

LOOKED_AT = 3
"""Windows by whose rows it is told which numbers are far from all others."""

TAIL, FAR, STRAYED = 0.01, 10.0, 0.005
"""What of a column is far out: beyond two quantiles by so many times their distance, and at most such a share of it."""


@dataclass(frozen=True)
class Statistics:
    """Statistics of the noisy training rows.

    Attributes:
        mean: Mean of each numeric column, missing values left out.
        deviation: Its standard deviation; 1 for a constant column.
        categories: For each categorical column its categories, sorted; "" is a missing one.
        length: Root mean square length of an encoded training row, before it is divided by this.
        missing: Missing values of each column that has any.
        crowded: Number of categories of each column that has more than a hundred.
    """

    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    categories: tuple[tuple[str, ...], ...]
    length: float
    missing: dict[str, int]
    crowded: dict[str, int]


def numeric_columns(spec: InputSpec) -> tuple[str, ...]:
    """The columns of a table that hold numbers."""
    return tuple(column for column in spec.columns if column not in spec.categorical)


def numbers(batch: pa.RecordBatch, columns: tuple[str, ...]) -> npt.NDArray[np.float64]:
    """`(B, columns)`, NaN where a number is missing."""
    arrays = [np.asarray(batch.column(name).cast(pa.float64()).fill_null(math.nan)) for name in columns]
    return np.stack(arrays, axis=1)


def strings(column: pa.Array) -> list[str]:
    """A categorical column, "" where a category is missing."""
    return ["" if value is None else str(value) for value in column.to_pylist()]


def fit_statistics(table: InputTable, read_rows: int) -> Statistics:
    """Statistics of a table, in windows that do not depend on `read_rows`."""
    from sklearn.preprocessing import StandardScaler

    spec, numeric = table.spec, numeric_columns(table.spec)
    scaler = StandardScaler()
    counts: dict[str, Counter[str]] = {name: Counter() for name in spec.categorical}
    missing: Counter[str] = Counter()
    fences = _fences(table, numeric, read_rows)
    for batch in windows(table, WINDOW, read_rows):
        for name in spec.columns:
            missing[name] += _missing(batch.column(name))
        if numeric:
            values = numbers(batch, numeric)
            _refuse_unbounded(table, numeric, values)
            with np.errstate(all="ignore"):  # a column without any number, or with huge ones: looked at below
                scaler.partial_fit(np.clip(values, *fences))
        for name in spec.categorical:
            counts[name].update(strings(batch.column(name)))
    fitted = numeric and len(table) > 0
    mean = np.asarray(scaler.mean_ if fitted else np.zeros(len(numeric)))
    variance = np.asarray(scaler.var_ if fitted else np.zeros(len(numeric)))
    _refuse_unbounded(table, numeric, np.stack([mean, variance]))
    # The scaler's own scale is 1 where a column is constant but for rounding.
    deviation = np.nan_to_num(np.asarray(scaler.scale_ if fitted else np.ones(len(numeric))), nan=1.0)
    kept = tuple(tuple(sorted(_most_frequent(counts[name]))) for name in spec.categorical)
    return Statistics(
        tuple(map(float, np.nan_to_num(mean))),
        tuple(map(float, deviation)),
        kept,
        _length(
            max(len(table), 1), np.nan_to_num(variance / deviation**2), [missing[n] for n in numeric], kept, counts
        ),
        {name: count for name, count in missing.items() if count},
        {name: len(seen) for name, seen in counts.items() if len(seen) > MOST_CATEGORIES},
    )


def _fences(table: InputTable, numeric: tuple[str, ...], read_rows: int) -> npt.NDArray[np.float64]:
    """`(2, columns)` the least and the largest number that mean and deviation are made of; infinite where all are.

    One number a thousand times as large as the others would otherwise make these all alike.
    """
    fences = np.repeat([[-math.inf], [math.inf]], len(numeric), axis=1)
    if not numeric:
        return fences
    first = itertools.islice(windows(table, WINDOW, read_rows), LOOKED_AT)
    held = np.concatenate([np.zeros((0, len(numeric))), *(numbers(batch, numeric) for batch in first)])
    for place, column in enumerate(held.T):
        known = column[np.isfinite(column)]
        if not len(known):
            continue
        tail = min(max(TAIL, 2 / len(known)), 0.5)  # of few rows, not between the two outermost
        low, high = np.quantile(known, (tail, 1 - tail))
        far = FAR * (high - low)
        beyond = int(((known < low - far) | (known > high + far)).sum())
        if far and beyond <= max(STRAYED * len(known), 1):
            fences[:, place] = low - far, high + far
    return fences


def _missing(column: pa.Array) -> int:
    if pa.types.is_floating(column.type):
        return int(np.isnan(column.to_numpy(zero_copy_only=False)).sum())
    return int(column.null_count)


def _length(
    rows: int,
    spread: npt.NDArray[np.float64],
    missing: list[int],
    kept: tuple[tuple[str, ...], ...],
    counts: dict[str, Counter[str]],
) -> float:
    # The mean square of a standardised column is its spread (1, or 0 for a constant), of a one-hot column its share.
    squares = float((spread * (1 - np.array(missing, dtype=np.float64) / rows)).sum())
    squares += sum(seen[name] / rows for names, seen in zip(kept, counts.values(), strict=True) for name in names)
    return math.sqrt(squares) or 1.0


def _most_frequent(counts: Counter[str]) -> list[str]:
    return sorted(counts, key=lambda name: (-counts[name], name))[:MOST_CATEGORIES]


def _refuse_unbounded(table: InputTable, columns: tuple[str, ...], values: npt.NDArray[np.float64]) -> None:
    for name, column in zip(columns, values.T, strict=True):
        if np.isinf(column).any():
            raise input_error(
                table.name, f"column {name!r} holds infinity or numbers too large to standardise", "rescale or fix it"
            )
