"""One pass over the input columns before training: everything that would break or poison it later."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from labelfix.data.findings import LISTED, AnyPlaces, Findings
from labelfix.data.image_place import ADDRESS, begins_in, image_place, why_lost
from labelfix.data.images import NO_FILE, unreadable
from labelfix.data.inputs import ColumnInputs
from labelfix.data.number_lists import number_lists
from labelfix.data.odd_numbers import OddNumbers
from labelfix.data.scan import is_text, value_type
from labelfix.errors import listing
from labelfix.progress import rows_done
from labelfix.settings.data import DataSettings

Flags = npt.NDArray[np.bool_]
Role = Literal["noisy", "trusted", "new"]
"""Whose rows they are: those that statistics are made from, trusted ones, or later ones for a finished run."""

HUGE = 1e150
"""The square of a number of this size is none that a computer holds."""

MANY_EMPTY = 5
"""Later rows from which on a column without any value is worth telling; of fewer an optional one may be empty."""

WARNED_COLUMNS = 8
"""How many columns with odd numbers are warned of one by one."""


def check_inputs(
    inputs: ColumnInputs, places: AnyPlaces, findings: Findings, settings: DataSettings, role: Role = "noisy"
) -> Flags | None:
    """Check every input.

    Args:
        places: Where the rows came from.
        settings: Whether images that cannot be decoded are warnings, and how large they may be.
        role: Whose rows they are; a constant or an empty column of a few rows is no cause for alarm.

    Returns:
        `(N,)` False where an image cannot be decoded; None where all can.
    """
    readable: Flags | None = None
    for spec in inputs.spec.parts:
        part = replace(inputs, spec=spec)
        if spec.kind == "image":
            readable = _check_images(part, places, findings, settings, role)
        elif spec.kind == "embedding":
            _check_embeddings(part, places, findings, role)
        elif spec.kind == "text":
            _check_text(part, places, findings, role)
        else:
            _check_table(part, places, findings, role)
    return readable


def _check_text(inputs: ColumnInputs, places: AnyPlaces, findings: Findings, role: Role) -> None:
    empty = 0
    first = -1
    done = 0
    for batch in inputs.batches():
        lengths = [pc.utf8_length(pc.utf8_trim_whitespace(column)) for column in batch.columns]
        blank = functools.reduce(pc.and_, [pc.equal(each, 0) for each in lengths])
        count = pc.sum(blank).as_py() or 0
        if count and first < 0:
            first = done + int(pc.index(blank, True).as_py())
        empty += count
        done += batch.num_rows
        rows_done(batch.num_rows)
    names = " and ".join(map(repr, inputs.spec.columns))
    what = f"column {names} is" if len(inputs.spec.columns) == 1 else f"columns {names} are"
    if done and empty == done and role != "new":
        findings.error(inputs.name, f"{what} empty in all rows", "name another with --text-column")
    elif empty:
        file, row = places.of(first)
        findings.warning(file, f"{what} empty ({empty} such rows)", row=row)


def _check_embeddings(inputs: ColumnInputs, places: AnyPlaces, findings: Findings, role: Role) -> None:
    (column,) = inputs.spec.columns
    width = inputs.spec.width
    wrong: dict[str, list[tuple[int, str]]] = {"missing": [], "ragged": [], "nan": [], "inf": []}
    done = 0
    for chunk in inputs.chunks():
        raw = chunk.batch.column(0)
        lists = number_lists(raw)
        lengths = pc.fill_null(pc.list_value_length(lists), -1).to_numpy(zero_copy_only=False)
        for i in np.flatnonzero(lengths < 0):
            shown = raw[int(i)].as_py()
            wrong["missing"].append((done + int(i), "" if shown is None else str(shown)[:60]))
        for i in np.flatnonzero((lengths >= 0) & (lengths != width)):
            wrong["ragged"].append((done + int(i), str(lengths[i])))
        _check_values(lists, lengths, done, wrong)
        done += len(raw)
        rows_done(len(raw))

    def report(kind: str, what: Callable[[str], str], remedy: str) -> None:
        values = dict(wrong[kind])
        findings.rows(places, list(values), lambda row: what(values[row]), remedy)

    report(
        "missing",
        lambda v: f"column {column!r} {_no_list(v)}" if v else f"column {column!r} is empty",
        "give every row an embedding or leave the row out",
    )
    others = {length for _, length in wrong["ragged"]}
    if len(others) == 1 and len(wrong["ragged"]) == done:
        what = f"column {column!r} has {others.pop()} numbers in each row, and not {width} as in the noisy rows"
        remedy = "make all embeddings with the same encoder"
        remedy += ", or leave the column out where ids say which noisy rows are meant" if role == "trusted" else ""
        findings.error(inputs.name, what, remedy)
        wrong["ragged"] = []
    report(
        "ragged",
        lambda v: f"column {column!r} has {v} numbers where most rows have {width}",
        "make all embeddings with the same encoder",
    )
    report("nan", lambda v: f"column {column!r} holds NaN at position {v}", "compute it again or leave the row out")
    report(
        "inf",
        lambda v: f"column {column!r} holds an infinite number at position {v}",
        "compute it again or leave the row out",
    )


def _check_values(
    lists: pa.Array, lengths: npt.NDArray[np.int32], done: int, wrong: Mapping[str, list[tuple[int, str]]]
) -> None:
    flat = lists.flatten()
    values = flat.cast(pa.float32(), safe=False).fill_null(float("nan")).to_numpy(zero_copy_only=False)
    if np.isfinite(values).all():
        return
    sizes = np.maximum(lengths, 0)
    rows = np.repeat(np.arange(len(sizes)), sizes)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    for kind, bad in (("nan", np.isnan(values)), ("inf", np.isinf(values))):
        where = np.flatnonzero(bad)
        _, first = np.unique(rows[where], return_index=True)
        for position in where[first]:
            row = int(rows[position])
            wrong[kind].append((done + row, str(int(position - starts[row]) + 1)))


def _check_table(inputs: ColumnInputs, places: AnyPlaces, findings: Findings, role: Role) -> None:
    spec = inputs.spec
    infinite: dict[str, dict[int, float]] = {c: {} for c in spec.columns}
    odd = {c: OddNumbers() for c in spec.columns}
    # Where all cells of a column are plain numbers, nothing stands beside them.
    written = {c for c in spec.columns if is_text(value_type(inputs.source.schema.field(c).type))}
    missing = dict.fromkeys(spec.columns, 0)
    categorical, dates = frozenset(spec.categorical), frozenset(spec.dates)
    seen: dict[str, set[Any]] = {c: set() for c in spec.columns}
    done = 0
    for chunk in inputs.chunks():
        batch = inputs.convert(chunk.batch)
        for name, raw, cells in zip(spec.columns, chunk.batch.columns, batch.columns, strict=True):
            missing[name] += cells.null_count
            if len(seen[name]) < 2:
                seen[name].update(cells.drop_null().unique().slice(0, 2).to_pylist())
            if name in categorical:
                continue
            bad = pc.fill_null(pc.greater(pc.abs(cells), HUGE), False).to_numpy(zero_copy_only=False)
            infinite[name] |= {done + row: cells[row].as_py() for row in np.flatnonzero(bad).tolist()}
            odd[name].see(raw, cells, done)
            if role == "noisy" and name not in dates:
                odd[name].see_numbers(raw if name in written else None, cells, done)
        done += batch.num_rows
        rows_done(batch.num_rows)
    for name in spec.columns:
        findings.rows(
            places,
            list(infinite[name]),
            lambda row, n=name: f"column {n!r} holds {_endless(infinite[n][row])}",  # type: ignore[misc]
            "fix the value or leave it empty; missing values are filled in",
        )
        if done and missing[name] == done and role == "noisy":
            findings.error(inputs.name, f"column {name!r} holds no value at all", "leave it out with --feature-columns")
        elif missing[name] == done >= MANY_EMPTY and role == "new" and not odd[name].count:
            findings.warning(inputs.name, f"column {name!r} holds no value at all, and says nothing of these rows")
    _warn_of_odd_cells(inputs, odd, places, findings)
    constant = [name for name in spec.columns if len(seen[name]) == 1 and not missing[name]]
    if role == "noisy" and constant and done > 1:
        what = f"column{'s' if len(constant) > 1 else ''} {_some(constant)} hold{'s' if len(constant) == 1 else ''}"
        findings.warning(inputs.name, f"{what} one value only, so nothing can be learnt from that")
    _note_missing(inputs, missing, done, findings)


def _warn_of_odd_cells(
    inputs: ColumnInputs, odd: Mapping[str, OddNumbers], places: AnyPlaces, findings: Findings
) -> None:
    """What is odd about the numbers of the first few columns; of more, which they are."""
    dates = frozenset(inputs.spec.dates)
    told = {
        name: list(cells.warnings(name, "date" if name in dates else "number", inputs.name, places))
        for name, cells in odd.items()
    }
    some = [name for name, warnings in told.items() if warnings]
    for warning in (each for name in some[:WARNED_COLUMNS] for each in told[name]):
        tell = findings.error if warning.severity == "error" else findings.warning
        tell(warning.file, warning.what, warning.remedy, warning.row)
    if len(some) > WARNED_COLUMNS:
        rest = some[WARNED_COLUMNS:]
        what = f"{len(rest)} more columns have cells that count as missing, or odd numbers: {_some(rest)}"
        findings.warning(inputs.name, what)


def _endless(value: float) -> str:
    return "an infinite number" if np.isinf(value) else f"{value:g}, too large a number to compute with"


def _some(names: Sequence[str]) -> str:
    return listing(list(map(repr, names)), LISTED)


def _note_missing(inputs: ColumnInputs, missing: Mapping[str, int], count: int, findings: Findings) -> None:
    some = {name: count for name, count in missing.items() if count}
    if some:
        shown = listing([f"{name} {count}" for name, count in some.items()], 8)
        columns = " columns" * (len(some) > 8)
        findings.note(f"{inputs.name}: missing values: {shown}{columns} (of {count:,} rows)")


def _note_start(inputs: ColumnInputs, folder: str, findings: Findings) -> None:
    """Say where the paths begin, where that is not the table's folder, and what they lack."""
    (column,) = inputs.spec.columns
    first = next((chunk.batch.column(column)[0].as_py() for chunk in inputs.chunks(1)), None)
    if not isinstance(first, str):
        return
    if (start := begins_in(first.replace("\\", "/"), folder)) != folder:
        findings.note(
            f"{inputs.name}: the paths of images count from {os.path.relpath(start)}, not from its own folder"
        )
    elif not ADDRESS.match(first) and (place := image_place(first, folder)) not in _as_written(first, folder):
        findings.note(f"{inputs.name}: image {first!r} is {os.path.relpath(place, folder)}, and others likewise")


def _as_written(path: str, folder: str) -> tuple[str, ...]:
    """Where a path leads by itself, as one system or the other writes it."""
    return tuple(os.path.join(folder, written) for written in (path, path.replace("\\", "/")))


def _told(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        yield batch
        rows_done(batch.num_rows)


def _check_images(
    inputs: ColumnInputs, places: AnyPlaces, findings: Findings, settings: DataSettings, role: Role
) -> Flags | None:
    skip, most = settings.skip_unreadable, settings.max_pixels
    folder = os.path.abspath(inputs.source.folder)
    _note_start(inputs, folder, findings)
    found = {row: (path, reason) for row, path, reason in unreadable(_told(inputs.batches()), most)}
    if not found:
        return None
    (column,) = inputs.spec.columns
    bad = np.array(sorted(found), dtype=np.int64)
    if len(bad) == len(places) and all(reason == NO_FILE for _, reason in found.values()):
        what_they_do, remedy = why_lost([found[row][0] for row in bad.tolist()], folder)
        if len(inputs.source.schema.names) > 2:
            remedy += "; if they are but names of the rows, name the inputs, such as --feature-columns"
        findings.error(inputs.name, f"the {len(bad):,} paths in column {column!r} {what_they_do}", remedy)
        return np.zeros(len(places), bool)

    def what(row: int) -> str:
        path, reason = found[row]
        within = Path(path).is_relative_to(folder)
        shown = f"image {Path(path).relative_to(folder) if within else path}"
        return f"{shown if path else f'the image in column {column!r}'} cannot be read ({reason})"

    passed = "left out of training, its given label is kept" if role != "new" else "scored blank; a given label is kept"
    remedy = passed if skip else "fix or remove it, or pass --skip-unreadable"
    findings.rows(places, bad, what, remedy, "{} more images cannot be read", warn=skip)
    if len(bad) == len(places):
        findings.error(inputs.name, "none of the images can be read", "check the column and the paths")
    readable = np.ones(len(places), bool)
    readable[bad] = False
    return readable


def _no_list(value: object) -> str:
    cut = ", some of whose numbers were left out where it was written" if "..." in str(value) else ""
    return f"holds {value!r}, no list of numbers{cut}"
