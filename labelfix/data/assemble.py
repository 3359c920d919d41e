"""Putting a `LabelTable` together from what the passes over its file found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from labelfix.data.findings import Findings, Places
from labelfix.data.formats import TableSource
from labelfix.data.formats.base import READ_ROWS, ReadOptions, Source
from labelfix.data.input_checks import Role, check_inputs
from labelfix.data.inputs import ColumnInputs
from labelfix.data.rows import IdsAndLabels
from labelfix.data.tables import UNLABELLED, ClassNames, Codes, InputSpec, LabelTable
from labelfix.errors import InputError
from labelfix.settings.data import DataSettings

T = TypeVar("T")


def label_table(rows: IdsAndLabels, codes: Codes, classes: ClassNames, label: str | None) -> LabelTable:
    """Ids and labels as a table without inputs; labels that are none of the classes count as missing."""
    return LabelTable(
        name=rows.name,
        ids=rows.ids,
        codes=np.maximum(codes, UNLABELLED),
        classes=classes,
        inputs=None,
        files=rows.places.files,
        file_index=rows.places.file_index,
        row_number=rows.places.row_number,
        label_column=label,
        id_column=rows.id_column,
    )


def with_inputs(
    table: LabelTable,
    source: TableSource,
    spec: InputSpec,
    settings: DataSettings,
    findings: Findings,
    role: Role = "noisy",
) -> LabelTable:
    """A table with input columns of its own, which are checked."""
    inputs = ColumnInputs(source, spec, len(table))
    places = Places(table.files, table.file_index, table.row_number)
    readable = attempt(lambda: check_inputs(inputs, places, findings, settings, role), findings)
    if readable is None:
        return replace(table, inputs=inputs)
    return replace(table, inputs=inputs.without(~readable), readable=readable)


def read_options(settings: DataSettings, read_rows: int = READ_ROWS) -> ReadOptions:
    """How files are to be read, as given by the user."""
    return ReadOptions(settings.encoding, settings.split, read_rows)


def memory_name(source: Source, name: str) -> str | None:
    """What to call a table in memory; paths are called what the user typed."""
    return None if isinstance(source, str | Path) else name


def attempt(step: Callable[[], T], findings: Findings) -> T | None:
    """Run a step; what it raises joins the list of defects."""
    try:
        return step()
    except InputError as error:
        findings.take(error)
        return None
