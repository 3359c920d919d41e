"""Excel workbooks: the first sheet with anything in it, read as if it had been saved as CSV."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
import zipfile
from contextlib import suppress
from pathlib import Path
from subprocess import DEVNULL, PIPE
from typing import Any

from labelfix.data.formats import excel_cells
from labelfix.data.formats.base import ReadOptions, Source
from labelfix.data.formats.bounds import Bounds
from labelfix.data.formats.csv.dialect import Dialect, sniffed_as
from labelfix.data.formats.csv.source import CsvSource
from labelfix.data.formats.file_checks import OLE, check_file, magic
from labelfix.data.formats.text_file import TextFile
from labelfix.errors import input_error
from labelfix.extras import is_there

SUFFIXES = (".xlsx", ".xlsm")
BOOK = "xl/workbook.xml"
"""What a ZIP archive holds if it is a workbook."""

LEAST_MEMORY = 7 << 27
"""Bytes that reading a workbook may take, with what waits for it 1 GB; of a larger one what may be held of its size."""

SAVE_AGAIN = "save it again, or save the sheet as CSV UTF-8"


class ExcelSource(CsvSource):
    """One workbook. Its cells are held in memory, as text.

    Args:
        name: The table as the user named it.

    Raises:
        InputError: The file is missing or damaged, has no rows, or the package that reads it is not installed.
    """

    format = "excel"

    def rewrites(self, target: Path) -> bool:
        """Never: workbooks are not written."""
        return False

    def _find_dialects(self, options: ReadOptions) -> list[Dialect]:
        (path,) = self.paths
        check_file(path, self.name)
        sheet, remarks = _first_sheet(path, self.name)
        return [sniffed_as(TextFile(path, self.name, contents=sheet, remarks=remarks), ",")]


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


def _first_sheet(path: Path, name: str) -> tuple[bytes, tuple[str, ...]]:
    """The first sheet that has any rows, as CSV, and what to say of the others."""
    if not is_there("python_calamine"):
        remedy = "pip install 'labelfix[excel]', or save the sheet as CSV UTF-8"
        raise input_error(name, "is an Excel workbook, and python-calamine, which reads them, is missing", remedy)
    found, rows = _said(path, name)
    if "error" in found and magic(path) == OLE:
        remedy = "save it without a password, or as CSV UTF-8"
        raise input_error(name, "is a workbook protected by a password, or a damaged one", remedy)
    if "error" in found:
        raise input_error(name, f"cannot be read as an Excel workbook ({found['error'][:160]})", SAVE_AGAIN)
    if not found["titles"]:
        raise input_error(name, "is a workbook without a filled cell", "give a sheet with a header and rows")
    first, *more = map(repr, found["titles"])
    if found["formulas"]:
        what = f"holds {found['formulas']:,} formulas without their values in the sheet {first}"
        raise input_error(name, what, "open it in a spreadsheet and save it there, which computes them")
    remarks: tuple[str, ...] = (f"the sheet {first} is read, and not {', '.join(more)}",) if more else ()
    if found["merged"]:
        remarks += (f"cells merged over several rows count for each of these ({found['merged']:,} cells filled)",)
    return rows, remarks


def _said(path: Path, name: str) -> tuple[dict[str, Any], bytes]:
    """What `excel_cells` says of a workbook, in a process of its own, and the rows as CSV.

    Raises:
        InputError: The file cannot be opened, or reading it takes more memory than its size explains.
    """
    bounds = Bounds(path, name, "if you trust it, save the sheet as CSV UTF-8")
    command = [sys.executable, "-P", excel_cells.__file__, str(max(LEAST_MEMORY, bounds.most_held))]
    head, rows = b"", io.BytesIO()
    with subprocess.Popen(command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL) as reader:
        assert reader.stdin is not None
        assert reader.stdout is not None
        try:
            with suppress(BrokenPipeError), path.open("rb") as workbook, reader.stdin as stdin:
                shutil.copyfileobj(workbook, stdin)
            head = reader.stdout.readline()
            while block := reader.stdout.read(1 << 20):
                bounds.hold(len(block))
                rows.write(block)
        except OSError as error:
            raise input_error(name, f"cannot be read as an Excel workbook ({error.strerror})", SAVE_AGAIN) from None
        finally:
            reader.kill()
    if reader.returncode:
        what = "cannot be read as an Excel workbook: its cells lie too far apart, or are too many for its size"
        raise input_error(name, what, SAVE_AGAIN)
    return json.loads(head), rows.getvalue()
