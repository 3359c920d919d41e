"""Comments, headings and spaces in tables of text, objects one after the other, and numbers that stand for none."""

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from labelfix.data.columns.cut_ids import cut_ids
from labelfix.data.formats import open_table
from labelfix.data.formats.csv.dialect import sniff
from labelfix.data.formats.csv.lines import numbered_rows
from labelfix.data.formats.text_file import TextFile
from labelfix.data.image_place import image_place
from labelfix.data.odd_numbers import OddNumbers
from labelfix.errors import InputError

Put = Callable[[str, str | bytes], Path]
ROWS = [(f"r{i}", f"word{i} and more", "xy"[i % 2]) for i in range(12)]
HEAD = "id,text,label"


@pytest.fixture
def put(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def lines(*between, head=HEAD):
    """The rows with further lines above the first, the third, the fifth … of them."""
    body = [",".join(row) for row in ROWS]
    for place, line in reversed(list(enumerate(between))):
        body.insert(2 * place, line)
    return "\n".join([head, *body]) + "\n"


def rows_of(source):
    return [tuple(row.values()) for chunk in source.scan() for row in chunk.batch.to_pylist()]


@pytest.mark.parametrize("between", [("# one", "# two, three", "#a,b,c,d"), ("# one",)])
def test_comments_between_rows_are_passed_over_and_counted(put, between):
    source = open_table(put("t.csv", lines(*between)))
    assert rows_of(source) == ROWS
    assert f"lines of comment between the rows, which are passed over: {len(between)}" in source.remarks


def test_rows_keep_their_lines_beside_comments(put):
    path = put("t.csv", lines("# one", "# two, three"))
    found = {number: line for number, line, _ in numbered_rows(sniff(TextFile(path, "t.csv")))}
    assert [found[number] for number in (1, 2, 3, 12)] == [3, 4, 6, 15]


def test_rows_keep_their_lines_beside_headings_and_totals(put):
    path = put("t.csv", lines("Region East,,", "Subtotal,,", "Region West,,"))
    found = {number: line for number, line, _ in numbered_rows(sniff(TextFile(path, "t.csv")))}
    assert [found[number] for number in (1, 2, 3, 12)] == [3, 4, 6, 16]


def test_rows_keep_their_lines_below_rows_that_explain_the_header(put):
    path = put("t.csv", lines("string,string,string"))
    found = {number: line for number, line, _ in numbered_rows(sniff(TextFile(path, "t.csv")))}
    assert (found[1], found[12], len(found)) == (3, 14, 13)


def test_rows_that_begin_as_comments_do_are_rows_and_those_too_long_among_them_are_named(put):
    text = "text,label,id\n" + "".join(f"#{text},{label},{id_}\n" for id_, text, label in ROWS) + "#so, what,x,r99\n"
    with pytest.raises(InputError, match=r"row 13: has 4 cells, but the header has 3 \(line 14: '#so, what,x,r99'\)"):
        open_table(put("t.csv", text), "t.csv")


@pytest.mark.parametrize("heading", ["Region East,,", "# of the East,,", "East:,,"])
def test_headings_between_rows_are_passed_over(put, heading):
    source = open_table(put("t.csv", lines(heading, heading)))
    assert rows_of(source) == ROWS
    said = f"headings between the rows, which are passed over: 2, {heading.rstrip(',')!r}"
    assert said in source.remarks


def test_numbers_beside_headings_are_numbers(put):
    source = open_table(put("t.csv", "id,age,label\nAll of them,,\n" + "".join(f"{i},{i + 0.5},x\n" for i in range(9))))
    assert source.schema.field("id").type == pa.int64()


@pytest.mark.parametrize("row", ["r99,,", "two words,,"])
def test_a_row_of_an_id_alone_stays_where_ids_look_so(put, row):
    text = lines(row).replace("r1,", "r 1,")
    assert len(rows_of(open_table(put("t.csv", text)))) == len(ROWS) + 1


def test_titles_that_are_plain_names_part_words(put):
    assert rows_of(open_table(put("t.txt", "id label\nr1 sport\nr2 food\n"))) == [("r1", "sport"), ("r2", "food")]


def test_cells_parted_by_any_number_of_spaces(put):
    source = open_table(put("t.txt", "# made by hand\nid   age label\n1  2.5   x\n2 3.5 y\n"))
    assert rows_of(source) == [(1, 2.5, "x"), (2, 3.5, "y")]
    assert "its cells are parted by spaces" in source.remarks


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1 1:0.5 7:2\n-1 2:3.25\n1 1:2 2:3\n", "is written as LIBSVM reads it"),
        ("img/a.png 3\nimg/b.png 3\nimg/c.png 1\n", "the names of its 2 columns above it, such as 'c1 label'"),
    ],
)
def test_lists_without_header_are_told(put, text, said):
    with pytest.raises(InputError, match=said):
        open_table(put("t.txt", text))


OBJECTS = [{"id": i, "text": f"t{i}"} for i in range(3)]


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(json.dumps(each, indent=2) for each in OBJECTS),
        "".join(json.dumps(each) + ",\n" for each in OBJECTS),
        "".join(map(json.dumps, OBJECTS)),
    ],
)
def test_objects_one_after_the_other_are_rows(put, text):
    source = open_table(put("t.json", text))
    assert [row for chunk in source.scan() for row in chunk.batch.to_pylist()] == OBJECTS
    assert source.remarks == ("objects stand one after the other",)


def test_several_tables_in_one_object_are_named(put):
    with pytest.raises(InputError, match=r"several tables: 'train' \(3 rows\), 'test' \(2 rows\)"):
        open_table(put("t.json", json.dumps({"train": OBJECTS, "test": OBJECTS[:2]})))


def odd(cells, raw=None):
    column, numbers = OddNumbers(), pa.array(cells, pa.float64())
    column.see(numbers if raw is None else pa.array(raw), numbers, 0)
    column.see_numbers(None if raw is None else pa.array(raw), numbers, 0)
    return [str(warning) for warning in column.warnings("age", "number", "t.csv", None)]  # type: ignore[arg-type]


def test_values_that_stand_for_none_are_told_with_their_share():
    (said,) = odd([*map(float, range(20, 60)), *[-999.0] * 10])
    assert "'age' holds -999 in 10 of 50 cells (20.0%), far from its other numbers (20 to 59)" in said
    (said,) = odd([9999.0, 9999.0, 1.0, 5.0, None])
    assert "9999 in 2 of 4 cells" in said


@pytest.mark.parametrize(
    "cells",
    [
        [97.0, 98.0, 99.0, 99.0, 60.0],
        [-99.0, -98.0, -99.0, 5.0],
        [999.0, 1.0, 2.0],
        [999.0, 999.0, 499.0, 9.99],
        [999.0, -999.0, 999.0, -999.0],
    ],
)
def test_numbers_that_are_like_the_others_stand_for_themselves(cells):
    assert odd(cells) == []


def test_mixed_signs_are_told_and_one_sign_is_not():
    (said,) = odd([12.0, 0.12, 3.0], ["12%", "0.12", "3 %"])
    assert "mixes numbers: 1 without, 2 with %" in said
    (said,) = odd([12.0, 13.0], ["$12", "\u20ac13"])
    assert "1 with $, 1 with \u20ac" in said
    assert odd([12.0, 13.0], ["$12", "13"]) == []


LONG = pa.array([f"{123456789012345678 + i}" for i in range(6)])


@pytest.mark.parametrize(
    "cut",
    [
        ["1.23457E+17"] * 6,
        ["1.234567890123456e+17"] * 6,
        [f"1.2345{i}E+17" for i in range(6)],
        ["123456789012345000"] * 5 + ["7"],
    ],
)
def test_ids_that_a_spreadsheet_cut_are_told(cut):
    error = cut_ids("gold.csv", pa.array(cut), "noisy.csv", LONG)
    assert "gold.csv: has ids that a spreadsheet or a float has cut, such as 1" in str(error)
    assert "ids of noisy.csv look like 123456789012345678" in str(error)


@pytest.mark.parametrize("ids", [["1.5E+12", "a", "b"], ["1.5E+12", "1.6E+12"], ["123450", "123460"]])
def test_ids_that_still_name_rows_are_not(ids):
    others = pa.array(["1.5E+12", "1.6E+12", "a", "b"])
    assert cut_ids("gold.csv", pa.array(ids), "noisy.csv", others) is None


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/home/x/photos/a b/1.png", "a b/1.png"),
        ("C:\\work\\a b\\1.png", "a b/1.png"),
        ("a%20b/1.png", "a b/1.png"),
        ("/elsewhere/1.png", None),
    ],
)
def test_images_of_another_computer_are_found_by_their_folder(tmp_path, path, found):
    (tmp_path / "a b").mkdir()
    for place in ("1.png", "a b/1.png"):
        (tmp_path / place).write_bytes(b"")
    place = image_place(path, str(tmp_path))
    assert place == (str(tmp_path / found) if found else path)
