"""Reading for a finished run: new rows to score, and true labels to compare with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from labelfix.data.assemble import label_table, memory_name, with_inputs
from labelfix.data.classes import match_codes, report_unknown
from labelfix.data.columns import Columns, id_columns, require_column, trusted_label_column
from labelfix.data.findings import Findings
from labelfix.data.formats import TableSource, open_table
from labelfix.data.formats.base import READ_ROWS, Source
from labelfix.data.ids import check_ids
from labelfix.data.input_columns import inputs_fit
from labelfix.data.labels import refuse_type
from labelfix.data.rows import read_id_and_label
from labelfix.data.tables import UNLABELLED, ClassNames, LabelTable
from labelfix.settings.data import DataSettings


def read_rows(
    source: Source,
    classes: ClassNames,
    columns: Columns,
    settings: DataSettings,
    read_rows: int = READ_ROWS,
    findings: Findings | None = None,
) -> LabelTable:
    """Read new rows for a finished run: the same input columns, labels and ids where there are some.

    Args:
        source: Path, folder, glob, `hub:NAME` or a table in memory.
        classes: The run's classes.
        columns: The run's columns.
        settings: May name another label or id column.
        read_rows: Rows read at once.
        findings: Takes notes and warnings; None if nobody reads them.

    Raises:
        InputError: Anything is wrong; all defects that can be found are listed.
    """
    findings = findings or Findings()
    table = open_table(source, memory_name(source, "rows"))
    label = _optional(table, settings.label_column, columns.label, "--label-column", findings)
    id_column = _optional(table, settings.id_column, columns.id, "--id-column", findings)
    if label is not None and refuse_type(table, label, findings):
        label = None
    absent = [c for c in columns.spec.columns if not require_column(table, c, "the file, or use another run", findings)]
    if not absent:
        inputs_fit(table, columns.spec, findings, read_rows)
    findings.stop_on_errors()
    rows = read_id_and_label(table, id_column, label, read_rows)
    if not len(rows):
        findings.error(table.name, "holds no rows", "give a file with rows")
    codes = np.full(len(rows), UNLABELLED, np.int64)
    if rows.labels is not None:
        codes = match_codes(rows.labels, classes, table.name, findings)
        report_unknown(rows.labels, codes, classes, rows.places, findings)
    if id_column is not None:
        check_ids(rows.ids, id_column, rows.places, findings)
    read = label_table(table, rows, codes, classes, id_column, label)
    read = with_inputs(read, table, columns.spec, settings, findings, read_rows, training=False)
    findings.stop_on_errors()
    return read


def read_truth(
    source: Source,
    classes: ClassNames,
    settings: DataSettings,
    id_column: str | None,
    findings: Findings | None = None,
) -> LabelTable:
    """Read true labels to evaluate against: ids and labels, no inputs.

    Args:
        source: Path, folder, glob, `hub:NAME` or a table in memory.
        classes: The run's classes.
        settings: May name the columns (`clean_label_column`, `label_column`, `id_column`).
        id_column: Id column of the run's noisy file; None where it had none.
        findings: Takes notes and warnings; None if nobody reads them.

    Raises:
        InputError: Anything is wrong; all defects that can be found are listed.
    """
    findings = findings or Findings()
    table = open_table(source, memory_name(source, "truth"))
    named = settings.id_column or (id_column if id_column in table.schema.names else None)
    ids, _ = id_columns(table, None, replace(settings, id_column=named), findings)
    if ids is None and not findings.has_errors:
        findings.error(
            table.name, "has no id column, so its rows cannot be found in the run", "name it with --id-column"
        )
    label = trusted_label_column(table, settings.label_column, ids, settings, findings, "--label-column")
    if label is not None:
        refuse_type(table, label, findings)
    findings.stop_on_errors()
    rows = read_id_and_label(table, ids, label, READ_ROWS)
    assert rows.labels is not None
    assert ids is not None
    codes = match_codes(rows.labels, classes, table.name, findings)
    report_unknown(rows.labels, codes, classes, rows.places, findings)
    check_ids(rows.ids, ids, rows.places, findings, codes)
    if not len(rows):
        findings.error(table.name, "holds no rows", "give a file with rows")
    findings.stop_on_errors()
    return label_table(table, rows, codes, classes, ids, label)


def _optional(source: TableSource, asked: str | None, usual: str | None, flag: str, findings: Findings) -> str | None:
    """A column of new rows: the one asked for must be there, the training rows' own need not."""
    if asked is not None and asked != usual:
        return asked if require_column(source, asked, flag, findings) else None
    return usual if usual in source.schema.names else None
