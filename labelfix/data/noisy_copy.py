"""A copy of a table with noisy labels, for experiments."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from labelfix.data.arrays import Floats
from labelfix.data.assemble import attempt
from labelfix.data.columns.inputs import input_columns
from labelfix.data.findings import Findings
from labelfix.data.formats import TableSource, write_batches
from labelfix.data.formats.base import READ_ROWS
from labelfix.data.input_checks import check_inputs
from labelfix.data.inputs import ColumnInputs
from labelfix.data.labels.classes import natural_order
from labelfix.data.labels.column import LabelReader
from labelfix.data.labels.noise import given_matrix
from labelfix.data.rows import survey_rows
from labelfix.data.tables import UNLABELLED, Codes
from labelfix.errors import SettingsError, input_error
from labelfix.settings.data import DataSettings

TRUE_COLUMN = "true_label"
"""Where the true labels go."""


@dataclass(frozen=True)
class NoisyCopy:
    """What was written.

    Attributes:
        rows: Rows in all.
        labelled: Rows with a label.
        changed: Rows whose label is wrong now.
        classes: K.
    """

    rows: int
    labelled: int
    changed: int
    classes: int


def write_noisy_copy(
    source: TableSource, out: Path, column: str, draw: Callable[[tuple[str, ...], Codes], Codes]
) -> NoisyCopy:
    """Write a table again with noisy labels in its label column and the true ones in `true_label`.

    Rows without a label keep having none. Labels keep their type.

    Args:
        draw: Class names in natural order, and `(N,)` true classes (-1 = none) → `(N,)` given ones, none where there
            is no true one.

    Raises:
        InputError: The column is missing, there are fewer than two classes, or `true_label` is taken.
    """
    if column not in source.schema.names:
        have = ", ".join(source.schema.names)
        raise input_error(source.name, f"has no column {column!r}", f"name another with --label-column; it has {have}")
    if TRUE_COLUMN in source.schema.names:
        raise input_error(source.name, f"has a column {TRUE_COLUMN!r} already", "rename it")
    reader = LabelReader(source, column)
    for chunk in source.scan([column]):
        reader.see(chunk.batch.column(0))
    labels = reader.result()
    classes = natural_order(labels.values)
    if len(classes) < 2:
        raise input_error(source.name, f"column {column!r} has {len(classes)} classes", "noise needs at least two")
    code = {name: code for code, name in enumerate(classes)}
    truth = np.array([*(code[value] for value in labels.values), UNLABELLED], dtype=np.int64)[labels.positions]
    given = draw(classes, truth)
    first = np.empty(len(classes), dtype=np.int64)
    first[[code[value] for value in labels.values]] = labels.first
    place = source.schema.names.index(column)
    schema = source.schema.insert(place + 1, source.schema.field(column).with_name(TRUE_COLUMN))
    write_batches(out, schema, _batches(source, schema, place, given, _cells(source, column, first)))
    labelled = truth != UNLABELLED
    return NoisyCopy(len(truth), int(labelled.sum()), int((given != truth)[labelled].sum()), len(classes))


def read_embeddings(source: TableSource, column: str, label: str) -> npt.NDArray[np.float32]:
    """A column of ready embeddings, whole: `(N, D)`."""
    findings = Findings()
    spec = input_columns(source, (label,), DataSettings(embedding_column=column), findings)
    findings.stop_on_errors()
    assert spec is not None
    places = survey_rows(source, None, None).places
    inputs = ColumnInputs(source, spec, len(places))
    attempt(lambda: check_inputs(inputs, places, findings, DataSettings()), findings)
    findings.stop_on_errors()
    parts = [batch.column(0).flatten().to_numpy() for batch in inputs.batches(READ_ROWS)]
    return np.concatenate(parts).reshape(len(places), -1)


def read_matrix(path: Path, classes: tuple[str, ...]) -> Floats:
    """A transition matrix from a CSV file: the class names, then one row of K probabilities for each of them.

    Args:
        path: The file. Its classes may come in any order; rows are in the order of the header.

    Returns:
        `(K, K)` in the order of `classes`.

    Raises:
        SettingsError: The file cannot be read or does not fit the classes.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            lines = [[cell.strip() for cell in line] for line in csv.reader(file) if line]
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read ({error}); give a CSV file of probabilities") from None
    names = lines[0] if lines else []
    if sorted(names) != sorted(classes):
        raise SettingsError(f"{path}: its first line must name the classes {', '.join(classes)}")
    order = [names.index(name) for name in classes]
    try:
        matrix = given_matrix([[float(cell) for cell in line] for line in lines[1:]], len(classes))
    except ValueError:
        raise SettingsError(f"{path}: below the class names, every cell must be a number") from None
    except SettingsError as error:
        raise SettingsError(f"{path}: {error}") from None
    return np.asarray(matrix[np.ix_(order, order)])


def _cells(source: TableSource, column: str, first: npt.NDArray[np.int64]) -> pa.Array:
    """Each class as the column stores it, taken from the first row that has it."""
    found: dict[int, pa.Scalar] = {}
    done = 0
    for chunk in source.scan([column]):
        for code in np.flatnonzero((first >= done) & (first < done + chunk.batch.num_rows)):
            found[int(code)] = chunk.batch.column(0)[int(first[code]) - done]
        done += chunk.batch.num_rows
    type_ = source.schema.field(column).type
    return pa.array([found[code].as_py() for code in range(len(first))], type_)


def _batches(
    source: TableSource, schema: pa.Schema, place: int, given: Codes, cells: pa.Array
) -> Iterator[pa.RecordBatch]:
    done = 0
    for chunk in source.scan():
        columns = list(chunk.batch.columns)
        codes = given[done : done + chunk.batch.num_rows]
        done += chunk.batch.num_rows
        noisy = cells.take(pa.array(codes, mask=codes == UNLABELLED))
        yield pa.record_batch([*columns[:place], noisy, *columns[place:]], schema=schema)
