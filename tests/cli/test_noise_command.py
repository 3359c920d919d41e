"""`labelfix noise`: whole commands on small tables."""

from __future__ import annotations

import csv

import pytest

from labelfix.cli import main


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "true.csv"
    path.write_text("text,label\n" + "".join(f"t{i},{'abc'[i % 3]}\n" for i in range(600)))
    return path


def read(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def noise(table, out, *words):
    return main(["noise", "--input", str(table), "--out", str(out), *words])


def test_it_writes_noisy_labels_and_the_true_ones_beside_them(table, tmp_path, capsys):
    out = tmp_path / "noisy.csv"
    assert noise(table, out, "--kind", "flip-u", "--rate", "0.4", "--seed", "7") == 0
    said = capsys.readouterr()
    assert said.out == f"{out}\n"
    rows = read(out)
    assert [row["true_label"] for row in rows] == [row["label"] for row in read(table)]
    wrong = sum(row["label"] != row["true_label"] for row in rows)
    assert 180 <= wrong <= 300
    assert f"600 rows, 3 classes: {wrong} labels" in said.err
    again = tmp_path / "again.csv"
    assert noise(table, again, "--kind", "flip-u", "--rate", "0.4", "--seed", "7") == 0
    assert again.read_bytes() == out.read_bytes()
    assert noise(table, again, "--kind", "flip-u", "--rate", "0.4", "--seed", "8") == 0
    assert again.read_bytes() != out.read_bytes()


def test_a_matrix_of_ones_own_decides_every_label(table, tmp_path):
    matrix = tmp_path / "t.csv"
    matrix.write_text("a,b,c\n0,1,0\n0,0,1\n0,0,1\n")
    out = tmp_path / "noisy.csv"
    assert noise(table, out, "--kind", "matrix", "--matrix", str(matrix)) == 0
    assert {(row["true_label"], row["label"]) for row in read(out)} == {("a", "b"), ("b", "c"), ("c", "c")}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--kind", "unif"], "--rate is missing: say how often"),
        (["--kind", "matrix"], "--matrix is missing"),
        (["--kind", "matrix", "--matrix", "t.csv", "--rate", "0.1"], "the matrix says how often"),
        (["--kind", "unif", "--rate", "0.1", "--matrix", "t.csv"], "goes with --kind matrix only"),
        (["--rate", "0.1", "--label-column", "class"], "has no column 'class'"),
    ],
)
def test_what_does_not_fit_is_said(table, tmp_path, capsys, words, message):
    assert noise(table, tmp_path / "out.csv", *words) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out.csv").exists()


def test_the_input_is_never_written_over(table, capsys):
    assert noise(table, table, "--rate", "0.1") == 2
    assert "never changed" in capsys.readouterr().err
