"""Cells of an Excel workbook as CSV, in a process of its own: python-calamine ends its process where memory runs out.

A workbook of five kilobytes with a cell in its last corner asks for 500 GB. Run as a script, with the bytes of memory
that it may take: reads a workbook from stdin, and writes to stdout a line of JSON, `titles` of the sheets that hold
anything, those with several rows and columns first and hidden ones last, or `error`, and then the first of them as CSV.
Of that sheet `merged` says how many cells have their value from one that is merged with them, and `formulas` how many
have none, as nothing has computed it. It imports nothing of labelfix: that takes memory and time.
"""

from __future__ import annotations

import csv
import ctypes
import datetime
import io
import json
import re
import sys
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from typing import IO, Any

LET_GO = 1 << 25
"""Characters that are written before the memory of their cells is given back."""

UNCOMPUTED = re.compile(rb"(?:</f>|<f[^<>]*/>)(?:<v ?/>)?</c>")
"""A formula without a value, as programs write it."""


def write_cells(workbook: IO[bytes], out: IO[str]) -> None:
    """See the module's docstring."""
    from python_calamine import CalamineError, CalamineWorkbook, SheetVisibleEnum

    try:
        with CalamineWorkbook.from_filelike(workbook) as book:
            sheets = ((title, book.get_sheet_by_name(title)) for title in book.sheet_names)
            full = [(title, sheet) for title, sheet in sheets if sheet.height and sheet.width]
            # Notes and hidden lists may stand before the table: it has columns, and rows below its header.
            seen = {each.name for each in book.sheets_metadata if each.visible == SheetVisibleEnum.Visible}
            full.sort(key=lambda sheet: (min(sheet[1].height, sheet[1].width) < 2, sheet[0] not in seen))
            rows = full[0][1].to_python(skip_empty_area=True) if full else []
            merged = _fill_merged(rows, full[0][1]) if full else 0
            formulas = _uncomputed(workbook, book.sheet_names.index(full[0][0])) if full else 0
    except (CalamineError, OSError, ValueError) as error:
        out.write(json.dumps({"error": str(error)}) + "\n")
        return
    said = {"titles": [title for title, _ in full], "merged": merged, "formulas": formulas}
    del full
    out.write(json.dumps(said) + "\n")
    writer, written = csv.writer(out, lineterminator="\n"), LET_GO
    for row in _rows(rows):
        if written >= LET_GO:
            _give_back()
            written = 0
        writer.writerow(row)
        written += sum(map(len, row))


def _give_back() -> None:
    """Give freed memory back to the system: whoever reads holds the cells meanwhile."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def _fill_merged(rows: list[list[Any]], sheet: Any) -> int:  # noqa: ANN401 - python-calamine has no types
    """Give each row of cells merged over several rows their value, but in the first row; how many cells get one."""
    above, left = sheet.start
    filled = 0
    for (first, column), (last, _) in sheet.merged_cell_ranges or ():
        for row in range(first - above + 1, min(last - above + 1, len(rows))) if first > above else ():
            if 0 <= column - left < len(rows[row]) and rows[row][column - left] in ("", None):
                rows[row][column - left] = rows[first - above][column - left]
                filled += 1
    return filled


def _uncomputed(workbook: IO[bytes], sheet: int) -> int:
    """How many formulas of a sheet have no value."""
    workbook.seek(0)
    with suppress(KeyError, zipfile.BadZipFile), zipfile.ZipFile(workbook) as archive:
        return len(UNCOMPUTED.findall(archive.read(f"xl/worksheets/sheet{sheet + 1}.xml")))
    return 0


def _rows(rows: list[list[Any]]) -> Iterator[list[str]]:
    """The rows but for those without any value, as blank lines of a CSV file are left out.

    One stays: above last rows of which only the first cell is filled, which it sets apart as a report's end.
    """
    filled = [[cell not in ("", None) for cell in row] for row in rows]
    last = end = 1 + max((place for place, cells in enumerate(filled) if any(cells)), default=-1)
    while end and filled[end - 1][0] and not any(filled[end - 1][1:]):
        end -= 1
    for place, row in enumerate(rows):
        if any(filled[place]) or end - 1 == place < last - 1:
            yield list(_cells(row))
        rows[place] = []


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


def take_no_more(memory: int) -> None:
    """Bound the memory of this process, where the system can, and leave no image of it behind."""
    with suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


if __name__ == "__main__":
    take_no_more(int(sys.argv[1]))
    with io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", errors="replace", newline="") as text:
        write_cells(io.BytesIO(sys.stdin.buffer.read()), text)
