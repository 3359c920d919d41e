"""`--safe-csv`: cells that a spreadsheet would run are shown instead; everything else stays as it is."""

import csv
import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelfix.cli import main
from labelfix.data.formats import open_table, write_batches
from labelfix.data.formats.csv.write import formulas_disarmed

ARMED = ("=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "＝1+1", '=HYPERLINK("x")', "+", "-")
PLAIN = ("-1.5", "+3", "-1e-3", "a=b", "", "'=1", "1-2", "- ".strip() + "1", ".5", "plain", "-.5")


def cells(path):
    with open(path, newline="", encoding="utf-8") as stream:
        return list(csv.reader(stream, delimiter="\t" if path.suffix == ".tsv" else ","))


def write(path, column, wanted, title="a"):
    table = pa.table({title: pa.array(column, pa.string()), "b": ["x"] * len(column)})
    with formulas_disarmed(wanted):
        write_batches(path, table.schema, table.to_batches())
    return cells(path)


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
def test_formulas_get_an_apostrophe_and_numbers_and_texts_none(tmp_path, name):
    found = write(tmp_path / name, [*ARMED, *PLAIN], True, title="=title")
    assert found[0][0] == "'=title"
    assert [row[0] for row in found[1:]] == [*(f"'{cell}" for cell in ARMED), *PLAIN]


def test_without_it_cells_are_what_they_are(tmp_path):
    assert [row[0] for row in write(tmp_path / "a.csv", [*ARMED, *PLAIN], False)[1:]] == [*ARMED, *PLAIN]


def test_numbers_and_other_formats_are_left_alone(tmp_path):
    table = pa.table({"n": [-1.5, 2.0], "t": ["=1", "b"]})
    with formulas_disarmed():
        write_batches(tmp_path / "a.csv", table.schema, table.to_batches())
        write_batches(tmp_path / "a.jsonl", table.schema, table.to_batches())
        write_batches(tmp_path / "a.parquet", table.schema, table.to_batches())
    assert cells(tmp_path / "a.csv")[1] == ["-1.5", "'=1"]
    for name in ("a.jsonl", "a.parquet"):
        (chunk,) = open_table(tmp_path / name).scan(["t"])
        assert chunk.batch.column(0).to_pylist() == ["=1", "b"]


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8))
def test_no_cell_of_any_text_begins_as_a_formula_does(tmp_path_factory, text):
    (_, (cell, _)) = write(tmp_path_factory.mktemp("x") / "a.csv", [text], True)
    assert cell in (text, f"'{text}")
    assert not re.match(r"[=@\t\r\n＝＋－＠]", cell)
    if re.match(r"[+-]", cell):
        float(cell)


def test_commands_write_so_when_asked(at_work, workshop):
    table = pq.read_table("new.parquet")
    ids = [f"=cmd|{row}" for row in range(len(table))]
    pq.write_table(table.set_column(0, "id", pa.array(ids)), at_work / "new.parquet")
    for command, flag in (("correct", "--noisy"), ("predict", "--input")):
        for more, start in (([], "=cmd"), (["--safe-csv"], "'=cmd")):
            words = [command, "--run", "run", flag, str(at_work / "new.parquet"), "--out", str(at_work / "a.csv")]
            assert main([*words, "--overwrite", "-q", *more]) == 0
            assert cells(at_work / "a.csv")[1][0].startswith(start)


def test_export_of_a_csv_file_is_written_so_too(at_work, monkeypatch):
    monkeypatch.chdir(at_work)
    lines = (f"=r{i},{i % 2 * 9 + i / 100},{'ab'[i % 2]}" for i in range(40))
    (at_work / "noisy.csv").write_text("\n".join(["id,x,label", *lines]) + "\n")
    (at_work / "gold.csv").write_text("id,label\n" + "".join(f"=r{i},{'ab'[i % 2]}\n" for i in range(12)))
    words = ["train", "--noisy", "noisy.csv", "--clean", "gold.csv", "--out", "run", "-q"]
    assert main([*words, "--set", "recipe=paper", "--set", "epochs=2"]) == 0
    assert main(["export", "--run", "run", "--corrected-labels", "a.csv", "-q"]) == 0
    assert main(["export", "--run", "run", "--corrected-labels", "b.csv", "--safe-csv", "-q"]) == 0
    assert (cells(at_work / "a.csv")[1][0], cells(at_work / "b.csv")[1][0]) == ("=r0", "'=r0")
    assert main(["next", "--run", "run", "--count", "3", "--out", "c.csv", "--safe-csv", "-q"]) == 0
    assert all(row[0].startswith("'=r") for row in cells(at_work / "c.csv")[1:])
