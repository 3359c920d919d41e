"""Tasks for spreadsheets: CSV, and Excel workbooks whose column of answers offers the classes.

The column `answer` is left empty for the person. Cells are texts, so that no program takes an id for a number or a
date; of CSV that depends on how it is opened.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from labelfix.data.annotations.marks import ANSWER, CHANCE, DRAWN, GIVEN, ID, SUGGESTED
from labelfix.data.formats import write_batches
from labelfix.errors import SettingsError
from labelfix.outputs.tasks.rows import Task, TaskRows

CELL = 32_767
"""Characters of a cell of Excel's at most."""

EXCEL_ROWS = 1_048_575
"""Rows of a sheet of Excel's at most, below its header."""

LISTED = 255
"""Characters of a list of classes that a cell can offer."""

BATCH = 1000

OWN = (ANSWER, GIVEN, SUGGESTED, "confidence", "label_score", "source_file", "source_row", DRAWN, CHANCE)


def header(rows: TaskRows) -> list[str]:
    """The columns: id, what the row holds, then the empty one and what labelfix says."""
    inputs = [name for part in rows.parts.values() if part.kind != "image" for name in part.columns]
    taken = {ID, *OWN}
    return [ID, *(f"input_{name}" if name in taken else name for name in inputs), *OWN]


def write_csv(rows: TaskRows, path: Path) -> int:
    """Write a CSV file, and say how many rows."""
    names = header(rows)
    schema = pa.schema([(name, pa.string()) for name in names])
    count = 0

    def batches() -> Iterator[pa.RecordBatch]:
        nonlocal count
        held: list[dict[str, str]] = []
        for task in rows:
            held.append(dict(zip(names, _cells(task, rows), strict=True)))
            count += 1
            if len(held) == BATCH:
                yield pa.RecordBatch.from_pylist(held, schema=schema)
                held = []
        yield pa.RecordBatch.from_pylist(held, schema=schema)

    write_batches(path, schema, batches())
    return count


def write_excel(rows: TaskRows, path: Path) -> int:
    """Write a workbook of one sheet, and say how many rows.

    Raises:
        SettingsError: What writes workbooks is not installed, or there are more rows than a sheet holds.
    """
    try:
        import xlsxwriter
    except ImportError:
        raise SettingsError("--tasks xlsx needs XlsxWriter; pip install 'labelfix[excel]'") from None
    if min(rows.count, len(rows.queue.order)) > EXCEL_ROWS:
        raise SettingsError(f"--count {rows.count:,}: a sheet holds {EXCEL_ROWS:,} rows; ask for fewer, or for csv")
    names, count = header(rows), 0
    options = {"strings_to_numbers": False, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(str(path), {**options, "constant_memory": True}) as book:
        sheet, bold, text = (
            book.add_worksheet("rows"),
            book.add_format({"bold": True}),
            book.add_format({"num_format": "@"}),
        )
        sheet.freeze_panes(1, 1)
        sheet.set_column(0, len(names) - 1, 18, text)
        for place, name in enumerate(names):
            sheet.write_string(0, place, name, bold)
        for count, task in enumerate(rows, start=1):
            for place, cell in enumerate(_cells(task, rows)):
                if cell:
                    sheet.write_string(count, place, cell if len(cell) <= CELL else cell[: CELL - 1] + "…", text)
        if sum(len(name) + 1 for name in rows.classes) <= LISTED and not any("," in name for name in rows.classes):
            offered = {"validate": "list", "source": list(rows.classes), "error_type": "warning"}
            sheet.data_validation(1, names.index(ANSWER), max(count, 1), names.index(ANSWER), offered)
    return count


def _cells(task: Task, rows: TaskRows) -> list[str]:
    holds: list[str] = []
    for name, part in rows.parts.items():
        held: Any = task.holds[name]
        if part.kind == "table":
            holds += held.values()
        elif part.kind == "text":
            holds += [held] if len(part.columns) == 1 else held.split("\n", len(part.columns) - 1)
    figures = (task.confidence, task.label_score)
    told = (task.given, task.suggested, *figures, task.file, task.row, task.drawn, task.chance)
    return [task.id, *holds, "", *("" if each is None else str(each) for each in told)]
