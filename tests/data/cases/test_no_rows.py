"""What stands in a text file and is no row: lines without a value, the header again, dashes, a report's last lines."""

import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from labelfix.cli import main
from labelfix.data.formats import open_table
from labelfix.data.formats.csv.source import CsvSource
from labelfix.errors import InputError

Put = Callable[[str, str], Path]
ROWS = [f"r{i},words of row {i},{'ab'[i % 2]}" for i in range(6)]
HEADER = "id,text,label"


@pytest.fixture
def put(tmp_path):
    def write(name, content):
        (tmp_path / name).write_bytes(content.encode())
        return tmp_path / name

    return write


def rows(source):
    return [row for chunk in source.scan() for row in chunk.batch.to_pylist()]


def lines(*parts):
    return "\n".join(parts) + "\n"


SIX = [{"id": f"r{i}", "text": f"words of row {i}", "label": "ab"[i % 2]} for i in range(6)]

NONE = {
    "empty at the end": (lines(HEADER, *ROWS, ",,", ",,"), "rows without any value, which are passed over: 2"),
    "empty in between": (lines(HEADER, *ROWS[:3], ",,", *ROWS[3:]), "rows without any value, which are passed over: 1"),
    "header again": (
        lines(HEADER, *ROWS[:3], HEADER, *ROWS[3:]),
        "rows that repeat the header, which are passed over: 1",
    ),
    "header again with its mark": (
        "\ufeff" + lines(HEADER, *ROWS[:3], "\ufeff" + HEADER, *ROWS[3:]),
        "rows that repeat the header, which are passed over: 1",
    ),
    "a total": (
        lines(HEADER, *ROWS, "Total,,6"),
        "lines of a report's end below the rows, which are passed over: 1, 'Total,,6'",
    ),
    "a total above rows that a sheet left": (
        lines(HEADER, *ROWS, "Total,,6", *[",,"] * 60),
        "lines of a report's end below the rows, which are passed over: 1, 'Total,,6'",
    ),
    "a total of fewer cells": (
        lines(HEADER, *ROWS, "Total,6"),
        "lines of a report's end below the rows, which are passed over: 1, 'Total,6'",
    ),
    "totals and a report's end": (
        lines(HEADER, *ROWS, ",,", "Average,,", "Grand Total (6 records),,6", ",,", "Confidential,,"),
        "lines of a report's end below the rows, which are passed over: 3, 'Average'",
    ),
    "questions in full": (
        lines(HEADER, "Response ID,What happened?,Topic", *['"{""ImportId"":""QID1""}",' + "x,y", *ROWS]),
        "rows right below the header that explain it, which are passed over: 2",
    ),
    "types": (
        lines(HEADER, "int,string,string", "meta,,class", *ROWS),
        "rows right below the header that explain it, which are passed over: 2",
    ),
    "what SurveyMonkey asks for": (
        lines(HEADER, ",Open-Ended Response,Response", *ROWS),
        "rows right below the header that explain it, which are passed over: 1",
    ),
    "dashes": (lines(HEADER, "---,:---:,---", *ROWS), "the line of dashes below the header is passed over"),
    "a report's end": (
        lines(HEADER, *ROWS, "", "Copyright by nobody", "Confidential"),
        "lines of a report's end below the rows, which are passed over: 2, 'Copyright by nobody'",
    ),
    "a report's end in cells": (
        lines(HEADER, *ROWS, ",,", "Copyright by nobody,,", "Confidential,,"),
        "lines of a report's end below the rows, which are passed over: 2, 'Copyright by nobody'",
    ),
    "groups of columns": (
        lines("Ticket,,Answer", HEADER, *ROWS),
        "what stands above the header is passed over ('Ticket,,Answer')",
    ),
}


def test_groups_that_repeat_their_title_as_pandas_writes_them(put):
    source = open_table(put("t.csv", lines("ticket,ticket,answer", HEADER, *ROWS)), "t.csv")
    assert rows(source) == SIX


@pytest.mark.parametrize("case", NONE)
def test_what_is_no_row_is_passed_over_and_said(put, case):
    content, said = NONE[case]
    source = open_table(put("t.csv", content), "t.csv")
    assert rows(source) == SIX
    assert said in source.remarks


def test_tables_of_a_shell_and_of_markdown(put):
    def drawn(row):
        return "| " + row.replace(",", " | ") + " |"

    ruler = "+----+----+----+"
    box = lines(ruler, drawn(HEADER), ruler, *map(drawn, ROWS), ruler, "6 rows in set (0.00 sec)")
    bare = lines(" id | text | label", "----+----+----", *(row.replace(",", " | ") for row in ROWS), "(6 rows)")
    marked = lines(drawn(HEADER), "|---|:---:|---|", *map(drawn, ROWS))
    for name, content in (("box.txt", box), ("bare.txt", bare), ("table.md", marked)):
        found = [{k: v.strip() for k, v in row.items() if k in SIX[0]} for row in rows(open_table(put(name, content)))]
        assert found == SIX, name


@pytest.mark.parametrize(
    "tail",
    [
        pytest.param(["r6,cut in the mid"], id="a last row cut short"),
        pytest.param(["", "notes", "r6,words,a"], id="rows go on below"),
        pytest.param(["", *["note"] * 40], id="more than a report's end"),
    ],
)
def test_short_rows_that_are_no_end_are_errors(put, tail):
    with pytest.raises(InputError, match="but the header has 3"):
        open_table(put("t.csv", lines(HEADER, *ROWS, *tail)))


def test_an_unlabelled_last_row_is_a_row(put):
    source = open_table(put("t.csv", lines("text,label,rater", "good words,a,x", "bad words,b,x", "no words yet,,")))
    assert [row["label"] for row in rows(source)] == ["a", "b", ""]


def test_types_do_not_see_what_is_no_row(put):
    numbers = [f"{i},{i / 2}" for i in range(5)]
    content = lines("id,size", *numbers, "id,size", *numbers, ",", "total of all,")
    source = open_table(put("t.csv", content))
    assert str(source.schema.field("id").type) == "int64"
    assert len(rows(source)) == 10


def test_numbers_of_rows_and_lines_in_errors_count_rows_alone(put):
    content = lines(HEADER, ROWS[0], ",,", ROWS[1], HEADER, "r9,a,b,c", ROWS[2])
    with pytest.raises(InputError, match=r"t\.csv, row 3: has 4 cells, but the header has 3 \(line 6: "):
        open_table(put("t.csv", content), "t.csv")


def test_blocks_of_any_size_find_the_same(put, monkeypatch):
    spread = [row for place, row in enumerate(ROWS * 300) for row in ([",,", row] if place % 50 == 9 else [row])]
    path = put("t.csv", lines(HEADER, *spread, HEADER, *ROWS, ",,", "the end,,"))
    whole = rows(open_table(path))
    monkeypatch.setattr("labelfix.data.formats.csv.source.FIRST_BLOCK", 500)
    monkeypatch.setattr("labelfix.data.formats.csv.source.COLUMN_BYTES", 100)
    source = open_table(path)
    assert isinstance(source, CsvSource)
    assert rows(source) == whole
    assert len(whole) == 1806
    assert [row["id"] for row in rows(source)] == [f"r{i % 6}" for i in range(1806)]


def test_an_export_and_its_lines_are_those_of_the_rows(put, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    draw = random.Random(1)
    words = (["goal", "match", "coach", "team"], ["soup", "oven", "flour", "salt"])
    kinds = [i % 2 for i in range(80)]
    texts = [" ".join(draw.choices(words[kind], k=6)) for kind in kinds]
    given = [kind if i % 8 != 5 else 1 - kind for i, kind in enumerate(kinds)]
    written = [f'"r{i}","{text}","{"ab"[label]}"' for i, (text, label) in enumerate(zip(texts, given, strict=True))]
    header = '"id","text","label"'
    end = ["", '"Copyright"', '"Generated by nobody"']
    put("noisy.csv", lines(header, *written[:40], '"","",""', header, *written[40:], *end))
    put("gold.csv", lines("id,label", *(f"r{i},{'ab'[kinds[i]]}" for i in range(40))))
    train = ["train", "--noisy", "noisy.csv", "--clean", "gold.csv", "--method", "glc", "--no-side-checks"]
    assert main([*train, "--out", "run"]) == 0
    assert main(["export", "--run", "run", "--corrected-labels", "fixed.csv"]) == 0
    fixed = (tmp_path / "fixed.csv").read_text().splitlines()
    assert len(fixed) == 81
    assert [line.split(",")[:2] for line in fixed[1:]] == [line.split(",")[:2] for line in written]
    capsys.readouterr()
    assert main(["flag", "--run", "run", "--format", "github", "--include-trusted"]) == 0
    notes = [
        re.match(r"::\w+ file=noisy\.csv,line=(\d+)\D.*\bid (\w+)", out) for out in capsys.readouterr().out.splitlines()
    ]
    found = [(int(note[1]), note[2]) for note in notes if note]
    source = (tmp_path / "noisy.csv").read_text().splitlines()
    assert all(source[line - 1].startswith(f'"{row}"') for line, row in found)
    assert max(line for line, _ in found) > 43
