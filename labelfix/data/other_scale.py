"""Trusted rows whose features are of another making than the noisy ones: another unit, scaled, or in other words."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from labelfix.data.arrays import Floats
from labelfix.data.findings import Findings
from labelfix.data.inputs import SelectedInputs, inputs_of
from labelfix.data.spelling import loosened
from labelfix.data.tables import InputSpec, InputTable, LabelTable
from labelfix.errors import listing

LOOKED_AT = 5_000
"""Rows of either table that are looked at."""

FAR, TAIL = 4.0, 0.01
"""Numbers are far that lie so many times half the distance of the quantiles .16 and .84 from the median of the noisy
rows, and beyond so small a tail of these on either side."""

VECTORS, MOSTLY = 1_000, 0.6
"""Embeddings of either table that are compared, and what share of them makes it worth telling: rows drawn per class are
far in part, where the noisy file has hardly any of a class."""

OFTEN, LEAST = 0.2, 3
"""What share of the trusted rows, and how many, make it worth telling."""

SAME = "write them as there, or, where ids say which rows are meant, leave them out here: they are read there then"


def compare_features(noisy: LabelTable, clean: LabelTable, findings: Findings) -> None:
    """Warn of columns in which many trusted rows have numbers, or words, that are far from those of the noisy rows."""
    if noisy.inputs is None or clean.inputs is None or isinstance(clean.inputs, SelectedInputs):
        return
    if (spec := noisy.inputs.spec.part("embedding")) is not None:
        ours, theirs = (_spread_vectors(table, spec) for table in (noisy.inputs, clean.inputs))
        far = far_vectors(np.unique(ours, axis=0), theirs)
        if far >= max(MOSTLY * len(theirs), LEAST):
            what = (
                f"{far:,} of {len(theirs):,} embeddings lie far from all of {noisy.name}, as of another model or scale"
            )
            findings.warning(clean.name, f"column {spec.columns[0]!r}: {what}", SAME)
    spec = noisy.inputs.spec.part("table")
    if spec is None:
        return
    ours, theirs = (
        pa.Table.from_batches(list(_first_rows(inputs_of(table, spec)))) for table in (noisy.inputs, clean.inputs)
    )
    odd: dict[str, str] = {}
    for name in spec.columns if ours.num_rows and theirs.num_rows else ():
        if name in spec.categorical:
            what = _other_words(ours[name], theirs[name], noisy.name)
        else:
            what = "" if name in spec.dates else _other_numbers(ours[name], theirs[name], noisy.name)
        if what:
            odd[name] = what
    if odd:
        name, *others = odd
        more = f"; likewise {listing(others)}" if others else ""
        findings.warning(clean.name, f"column {name!r}: {odd[name]}{more}", SAME)


def _other_numbers(ours: pa.ChunkedArray, theirs: pa.ChunkedArray, name: str) -> str:
    known, asked = _numbers(ours), _numbers(theirs)
    if not len(known) or not len(asked):
        return ""
    low, left, middle, right, high = np.quantile(known, (TAIL, 0.16, 0.5, 0.84, 1 - TAIL))
    scale = (right - left) / 2
    far = asked[(np.abs(asked - middle) > FAR * scale) & ((asked < low) | (asked > high))]
    if not scale or len(far) < max(OFTEN * len(asked), LEAST):
        return ""
    usual = f"where these are {middle:.4g} ± {scale:.3g}"
    return f"{len(far):,} of {len(asked):,} rows have numbers far from those of {name} (such as {far[0]:g}, {usual})"


def _other_words(ours: pa.ChunkedArray, theirs: pa.ChunkedArray, name: str) -> str:
    known = {loosened(word) for word in pc.unique(ours).to_pylist() if word is not None}
    counts = theirs.drop_null().value_counts().to_pylist()
    other = {each["values"]: each["counts"] for each in counts if loosened(each["values"]) not in known}
    count, rows = sum(other.values()), sum(each["counts"] for each in counts)
    if count < max(OFTEN * rows, LEAST):
        return ""
    shown = ", ".join(f'"{word[:40]}"' for word in list(other)[:3])
    return f"{count:,} of {rows:,} rows have words that no row of {name} has ({shown})"


def _numbers(cells: pa.ChunkedArray) -> npt.NDArray[np.float64]:
    values = np.asarray(cells.cast(pa.float64()), np.float64)
    return values[np.isfinite(values)]


def _spread_vectors(table: InputTable, spec: InputSpec) -> Floats:
    """`(n, D)` embeddings of rows from all over a table."""
    rows = np.linspace(0, len(table) - 1, min(len(table), VECTORS)).astype(np.int64)
    cells = pa.Table.from_batches(list(SelectedInputs(inputs_of(table, spec), rows, table.name).batches(VECTORS)))
    flat = cells[spec.columns[0]].combine_chunks().flatten()
    return np.asarray(flat, np.float64).reshape(len(rows), -1)


def far_vectors(ours: Floats, theirs: Floats) -> int:
    """How many of `(M, D)` vectors are farther from the nearest of `(n, D)` others, each there once, than these are."""
    if len(ours) < LEAST:
        return 0
    near = _squares(ours, ours)
    np.fill_diagonal(near, np.inf)
    usual = np.sqrt(near.min(axis=1))
    left, middle, right, high = np.quantile(usual, (0.16, 0.5, 0.84, 1 - TAIL))
    return int((np.sqrt(_squares(theirs, ours).min(axis=1)) > max(high, middle + FAR * (right - left) / 2)).sum())


def _squares(left: Floats, right: Floats) -> Floats:
    """`(n, m)` squared distances."""
    found = (left**2).sum(axis=1)[:, None] + (right**2).sum(axis=1) - 2 * left @ right.T
    return np.asarray(np.maximum(found, 0.0))


def _first_rows(table: InputTable) -> Iterator[pa.RecordBatch]:
    done = 0
    for batch in table.batches(LOOKED_AT):
        yield batch.slice(0, LOOKED_AT - done)
        done += batch.num_rows
        if done >= LOOKED_AT:
            return
