"""Excel workbooks: the first sheet that holds something, as if it had been saved as CSV."""

import sys
import zipfile
from xml.sax.saxutils import escape

import pytest

from labelfix.data.formats import open_table
from labelfix.errors import InputError

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
DATES = f'<styleSheet xmlns="{MAIN}"><cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>'


def workbook(path, hidden=(), **sheets):
    """A workbook with some sheets; `@45000` is a day, by its number."""
    with zipfile.ZipFile(path, "w") as book:
        types = "".join(
            f'<Override PartName="/xl/{part}.xml" ContentType="application/vnd.openxmlformats-officedocument.'
            f'spreadsheetml.{kind}+xml"/>'
            for part, kind in [
                ("workbook", "sheet.main"),
                ("styles", "styles"),
                *((f"worksheets/sheet{n}", "worksheet") for n in range(1, len(sheets) + 1)),
            ]
        )
        book.writestr("[Content_Types].xml", f'<Types xmlns="{PACKAGE}/content-types">{types}</Types>')
        first = f'<Relationship Id="rId1" Type="{RELATIONS}/officeDocument" Target="xl/workbook.xml"/>'
        book.writestr("_rels/.rels", f'<Relationships xmlns="{PACKAGE}/relationships">{first}</Relationships>')
        states = {name: ' state="hidden"' for name in hidden}
        listed = "".join(
            f'<sheet name="{name}" sheetId="{n}"{states.get(name, "")} r:id="rId{n}"/>'
            for n, name in enumerate(sheets, 1)
        )
        book.writestr(
            "xl/workbook.xml", f'<workbook xmlns="{MAIN}" xmlns:r="{RELATIONS}"><sheets>{listed}</sheets></workbook>'
        )
        parts = "".join(
            f'<Relationship Id="rId{n}" Type="{RELATIONS}/worksheet" Target="worksheets/sheet{n}.xml"/>'
            for n in range(1, len(sheets) + 1)
        )
        parts += f'<Relationship Id="rId99" Type="{RELATIONS}/styles" Target="styles.xml"/>'
        book.writestr(
            "xl/_rels/workbook.xml.rels", f'<Relationships xmlns="{PACKAGE}/relationships">{parts}</Relationships>'
        )
        book.writestr("xl/styles.xml", DATES)
        for n, rows in enumerate(sheets.values(), 1):
            data = "".join(_row(number, row) for number, row in enumerate(rows, 1))
            book.writestr(
                f"xl/worksheets/sheet{n}.xml", f'<worksheet xmlns="{MAIN}"><sheetData>{data}</sheetData></worksheet>'
            )
    return path


def _row(number, cells):
    found = ""
    for place, cell in enumerate(cells):
        at = f'r="{"ABCDEFGH"[place]}{number}"'
        if isinstance(cell, bool):
            found += f'<c {at} t="b"><v>{int(cell)}</v></c>'
        elif isinstance(cell, int | float):
            found += f"<c {at}><v>{cell}</v></c>"
        elif isinstance(cell, str) and cell.startswith("@"):
            found += f'<c {at} s="1"><v>{cell[1:]}</v></c>'
        elif cell is not None:
            found += f'<c {at} t="inlineStr"><is><t xml:space="preserve">{escape(str(cell))}</t></is></c>'
    return f'<row r="{number}">{found}</row>'


TABLE = [
    ["id", "text", "size", "day", "sure", "label"],
    [1, 'a, "b"\nc', 2.5, "@45000", True, "x"],
    [],
    [2, "007", 3, None, False, "y"],
]


@pytest.mark.parametrize("name", ["t.xlsx", "t.xlsm", "t.csv", "t"])
def test_a_workbook_is_read_whatever_it_is_called(tmp_path, name):
    source = open_table(workbook(tmp_path / name, first=TABLE))
    assert (source.format, source.untyped, source.remarks) == ("excel", True, ())
    assert [row for chunk in source.verbatim() for row in chunk.batch.to_pylist()] == [
        {"id": "1", "text": 'a, "b"\nc', "size": "2.5", "day": "2023-03-15", "sure": "true", "label": "x"},
        {"id": "2", "text": "007", "size": "3", "day": "", "sure": "false", "label": "y"},
    ]
    assert [str(source.schema.field(column).type) for column in ("id", "text", "size", "sure")] == [
        "int64",
        "string",
        "double",
        "bool",
    ]


def test_a_title_above_the_header_is_passed_over(tmp_path):
    cells = [["Tickets of November"], [], ["id", "text", "label"], [1, "a", "x"], [2, "b", "y"], [3, "c", "x"]]
    source = open_table(workbook(tmp_path / "t.xlsx", One=cells))
    assert source.schema.names == ["id", "text", "label"]
    assert source.remarks == ("what stands above the header is passed over ('Tickets of November')",)


def test_the_sheet_that_is_read_is_named_where_there_are_several(tmp_path):
    source = open_table(workbook(tmp_path / "t.xlsx", empty=[], data=TABLE, notes=[["some"], ["more"]]))
    assert source.schema.names == TABLE[0]
    assert source.remarks == ("the sheet 'data' is read, and not 'notes'",)


def test_hidden_sheets_are_read_last(tmp_path):
    lists = [["code", "name"], [1, "x"], [2, "y"]]
    source = open_table(workbook(tmp_path / "t.xlsx", hidden=["lists"], lists=lists, rows=TABLE))
    assert source.schema.names[:2] == ["id", "text"]
    assert source.remarks == ("the sheet 'rows' is read, and not 'lists'",)
    only = open_table(workbook(tmp_path / "u.xlsx", hidden=["lists"], lists=lists))
    assert only.schema.names == ["code", "name"]


def test_an_empty_and_a_damaged_workbook_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"t\.xlsx: is a workbook without a filled cell"):
        open_table(workbook(tmp_path / "t.xlsx", empty=[]))
    (tmp_path / "u.xlsx").write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(InputError, match=r"u\.xlsx: cannot be read as an Excel workbook"):
        open_table(tmp_path / "u.xlsx")


def test_without_the_package_the_message_says_how_to_get_it(tmp_path, monkeypatch):
    path = workbook(tmp_path / "t.xlsx", first=TABLE)
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    with pytest.raises(InputError, match=r"python-calamine.* is missing; pip install 'labelfix\[excel\]'"):
        open_table(path)
