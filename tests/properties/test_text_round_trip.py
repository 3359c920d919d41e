"""A text file written again keeps the bytes of its rows, whatever its dialect."""

import csv
import io
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from labelfix.data.formats import ReadOptions, open_table
from labelfix.data.formats.base import Edit
from labelfix.data.formats.csv import records as csv_records
from labelfix.data.formats.csv.dialect import Dialect
from labelfix.data.formats.csv.records import Cells, read_records
from labelfix.data.formats.csv.source import CsvSource
from labelfix.data.formats.text_file import TextFile

SETTINGS = settings(max_examples=150)
QUOTED = st.text(st.sampled_from("ab \",;\t|\n\r\\'#é猫1."), max_size=8)
PLAIN = st.text(st.sampled_from("ab #é猫1."), max_size=8)
LABELS = st.sampled_from(["cat", "dog", "", "two words"])
STYLES = st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL, csv.QUOTE_NONNUMERIC])


@st.composite
def files(draw):
    """The text of a file, how it is written, and its rows."""
    bare = draw(st.booleans())
    way = {
        "delimiter": draw(st.sampled_from(",;\t|")),
        "lineterminator": draw(st.sampled_from(["\n", "\r\n", "\r"])),
        "quotechar": draw(st.sampled_from('"""\'')),
        "quoting": csv.QUOTE_NONE if bare else draw(STYLES),
    }
    cells = PLAIN if bare else QUOTED
    if way["quoting"] != csv.QUOTE_ALL:
        # Python's writer leaves a line break bare that is not its own: nobody could tell it from the end of a row.
        bare_breaks = {ord(mark): None for mark in "\r\n" if mark not in way["lineterminator"]}
        cells = cells.map(lambda cell: cell.translate(bare_breaks))
    count = draw(st.integers(2, 8))
    # A plain first column: what a file of any cells at all is, nobody could tell.
    rows = [[f"r{place}", draw(cells), draw(LABELS), draw(cells)] for place in range(count)]
    if not bare:
        rows[0][1] = f"enclosed {way['delimiter']} here"
    text = io.StringIO(newline="")
    csv.writer(text, **way).writerows([["id", "text", "label", "more"], *rows])
    whole = text.getvalue()
    return (whole.removesuffix(way["lineterminator"]) if draw(st.booleans()) else whole), way, rows


def rewritten(source, out, changed, label, chunk=3):
    def edits():
        done = 0
        for part in source.verbatim(["label"], chunk):
            rows = part.batch.num_rows
            new = pa.array([label] * rows, pa.string())
            which = np.array(changed[done : done + rows], bool)
            yield Edit(part.batch.column(0), which, new, np.ones(rows, bool), pa.record_batch([], names=[]))
            done += rows

    source.rewrite(out, out, "label", "given_label", pa.schema([]), edits())


@SETTINGS
@given(files(), st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "gb18030"]), st.data())
def test_rows_keep_their_bytes_but_for_a_label_and_the_cell_at_the_end(file, encoding, data):
    text, way, rows = file
    with tempfile.TemporaryDirectory() as folder:
        path, out = Path(folder) / "noisy.csv", Path(folder) / "out.csv"
        path.write_bytes(text.encode(encoding))
        source = open_table(path, options=ReadOptions("gb18030" if encoding == "gb18030" else None))
        assert isinstance(source, CsvSource)
        read = [list(row.values()) for chunk in source.verbatim() for row in chunk.batch.to_pylist()]
        assume(source.schema.names == ["id", "text", "label", "more"] and read == rows)
        changed = data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)))
        out = out.with_suffix(".tsv") if way["delimiter"] == "\t" and data.draw(st.booleans()) else out
        rewritten(source, out, changed, "owl")
        after = out.read_bytes().decode(encoding)
    if encoding in ("utf-8", "utf-8-sig"):
        assert after.encode(encoding)[:3] == text.encode(encoding)[:3]
    again = list(csv.reader(io.StringIO(after, newline=""), **{k: v for k, v in way.items() if k != "quoting"}))
    expected = [[*row[:2], "owl" if new else row[2], row[3], row[2]] for row, new in zip(rows, changed, strict=True)]
    if way["quoting"] != csv.QUOTE_NONE:
        assert [row for row in again if row] == [["id", "text", "label", "more", "given_label"], *expected]
    # Cut the new cells off: what is left are the bytes of the file, but for the rows changed.
    kept = io.StringIO(newline="")
    csv.writer(kept, **way).writerows(expected)
    end = way["lineterminator"]
    body = text.split(end, 1)[1]
    for before, line in zip(_records(body, way), _records(after.split(end, 1)[1], way), strict=True):
        if not changed[int(line.split(way["delimiter"])[0].strip("\"'")[1:])]:
            assert line.startswith(before + way["delimiter"])
    assert after.endswith(end) == text.endswith(end)


def _records(text, way):
    """The records of a text without their line ends: quotes stand in pairs, so a line with an odd number goes on."""
    found = []
    held = ""
    for line in io.StringIO(text, newline=""):
        held += line
        if way["quoting"] == csv.QUOTE_NONE or held.count(way["quotechar"]) % 2 == 0:
            found.append(held.rstrip("\r\n"))
            held = ""
    return [record for record in found if record]


@SETTINGS
@given(
    st.lists(st.lists(st.text(st.sampled_from('ab",\n\r\\x'), max_size=6), min_size=2, max_size=3), max_size=8),
    st.sampled_from([('"', None), ('"', "\\"), (None, None), (None, "\\")]),
    st.integers(1, 40),
)
def test_records_are_told_apart_as_the_csv_module_does(rows, way, block):
    """Written as they are, cells hold stray quotes and escapes: what Python's reader makes of them is what counts."""
    text = "\n".join(",".join(row) for row in rows)
    dialect = Dialect(TextFile(Path("t.csv"), "t.csv", contents=text.encode()), ",", *way)
    try:
        expected = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True, **dialect.reader) if row]
    except csv.Error:
        return
    whole = csv_records.BLOCK
    csv_records.BLOCK = block
    try:
        records = [record for part in read_records(dialect) for record in part.texts.to_pylist()]
    finally:
        csv_records.BLOCK = whole
    found = [next(csv.reader(io.StringIO(record, newline=""), **dialect.reader), [""]) for record in records]
    assert found == expected
    cells = [[cell.decode() for cell in Cells(dialect).split(record.encode())] for record in records]
    assert [",".join(row) for row in cells] == records
    assert [len(row) for row in cells] == [len(row) for row in expected]
