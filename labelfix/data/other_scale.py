"""Trusted rows whose features are of another making than the noisy ones: another unit, scaled, or in other words."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from labelfix.data.columns.features import some
from labelfix.data.findings import Findings
from labelfix.data.inputs import SelectedInputs, inputs_of
from labelfix.data.spelling import loosened
from labelfix.data.tables import InputTable, LabelTable

LOOKED_AT = 5_000
"""Rows of either table that are looked at."""

FAR, TAIL = 4.0, 0.01
"""Numbers are far that lie so many times half the distance of the quantiles .16 and .84 from the median of the noisy
rows, and beyond so small a tail of these on either side."""

OFTEN, LEAST = 0.2, 3
"""What share of the trusted rows, and how many, make it worth telling."""

SAME = "write them as there, or, where ids say which rows are meant, leave them out here: they are read there then"


def compare_features(noisy: LabelTable, clean: LabelTable, findings: Findings) -> None:
    """Warn of columns in which many trusted rows have numbers, or words, that are far from those of the noisy rows."""
    if noisy.inputs is None or clean.inputs is None or isinstance(clean.inputs, SelectedInputs):
        return
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
        more = f"; likewise {some(others)}" if others else ""
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


def _first_rows(table: InputTable) -> Iterator[pa.RecordBatch]:
    done = 0
    for batch in table.batches(LOOKED_AT):
        yield batch.slice(0, LOOKED_AT - done)
        done += batch.num_rows
        if done >= LOOKED_AT:
            return
