"""Excel workbooks: the first sheet with anything in it, read as if it had been saved as CSV."""

from __future__ import annotations

import csv
import datetime
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from labelfix.data.formats.base import AS_THEY_ARE, ReadOptions, Source, check_file
from labelfix.data.formats.csv.dialect import Dialect, sniffed_as
from labelfix.data.formats.csv.source import CsvSource
from labelfix.data.formats.text_file import TextFile
from labelfix.errors import input_error

SUFFIXES = (".xlsx", ".xlsm")
BOOK = "xl/workbook.xml"
"""What a ZIP archive holds if it is a workbook."""


class ExcelSource(CsvSource):
    """One workbook. Its cells are held in memory, as text.

    Args:
        path: The file.
        name: The table as the user named it.

    Raises:
        InputError: The file is missing or damaged, has no rows, or the package that reads it is not installed.
    """

    format = "excel"

    def __init__(self, path: Path, name: str) -> None:
        self._path = path
        super().__init__([path], name)

    def rewrites(self, target: Path) -> bool:
        """Never: workbooks are not written."""
        return False

    def _find_dialects(self, options: ReadOptions) -> list[Dialect]:
        check_file(self._path, self.name)
        sheet, remarks = _first_sheet(self._path, self.name)
        return [sniffed_as(TextFile(self._path, self.name, contents=_as_csv(sheet), remarks=remarks), ",", '"')]


def recognises(source: Source) -> bool:
    """A workbook, whatever it is called, or a file that is called one."""
    if not isinstance(source, Path) or not source.is_file():
        return False
    if source.suffix.lower() in SUFFIXES:
        return True
    try:
        with source.open("rb") as stream, zipfile.ZipFile(stream) as archive:
            return BOOK in archive.namelist()
    except (zipfile.BadZipFile, OSError):
        return False


def open_excel(source: Source, name: str, options: ReadOptions = AS_THEY_ARE) -> ExcelSource:
    """Open one workbook."""
    return ExcelSource(source, name)


def _first_sheet(path: Path, name: str) -> tuple[list[list[Any]], tuple[str, ...]]:
    """The rows of the first sheet that has any, and what to say of the others."""
    try:
        from python_calamine import CalamineError, CalamineWorkbook
    except ImportError:
        remedy = "pip install 'labelfix[excel]', or save the sheet as CSV UTF-8"
        raise input_error(
            name, "is an Excel workbook, and python-calamine, which reads them, is missing", remedy
        ) from None
    try:
        with path.open("rb") as stream, CalamineWorkbook.from_filelike(stream) as book:
            sheets = [(title, book.get_sheet_by_name(title)) for title in book.sheet_names]
            full = [(title, sheet) for title, sheet in sheets if sheet.height and sheet.width]
            rows = full[0][1].to_python(skip_empty_area=True) if full else []
    except (CalamineError, OSError, ValueError) as error:
        remedy = "save it again, or save the sheet as CSV UTF-8"
        raise input_error(name, f"cannot be read as an Excel workbook ({str(error)[:160]})", remedy) from None
    if not full:
        raise input_error(name, "is a workbook without a filled cell", "give a sheet with a header and rows")
    others = ", ".join(repr(title) for title, _ in full[1:])
    return rows, ((f"the sheet {full[0][0]!r} is read, and not {others}",) if others else ())


def _as_csv(rows: list[list[Any]]) -> bytes:
    """The rows as CSV; rows without any value are left out, as blank lines of a CSV file are."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows(list(_cells(row)) for row in rows if any(cell not in ("", None) for cell in row))
    return text.getvalue().encode("utf-8", "replace")


def _cells(row: list[Any]) -> Iterator[str]:
    for cell in row:
        if isinstance(cell, bool):
            yield str(cell).lower()
        elif isinstance(cell, float) and cell.is_integer() and abs(cell) < 1 << 53:
            yield str(int(cell))
        elif isinstance(cell, datetime.datetime) and cell.time() == datetime.time():
            yield cell.date().isoformat()
        elif isinstance(cell, datetime.date | datetime.time):
            yield cell.isoformat()
        else:
            yield "" if cell is None else str(cell).replace("\x00", "")
