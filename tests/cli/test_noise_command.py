"""`labelfix noise`: whole commands on small tables."""

import csv

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
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
    assert noise(table, again, "--kind", "flip-u", "--rate", "0.4", "--seed", "8", "--overwrite") == 0
    assert again.read_bytes() != out.read_bytes()


def test_a_matrix_of_ones_own_decides_every_label(table, tmp_path):
    matrix = tmp_path / "t.csv"
    matrix.write_text("a,b,c\n0,1,0\n0,0,1\n0,0,1\n")
    out = tmp_path / "noisy.csv"
    assert noise(table, out, "--kind", "matrix", "--matrix", str(matrix)) == 0
    assert {(row["true_label"], row["label"]) for row in read(out)} == {("a", "b"), ("b", "c"), ("c", "c")}


def test_the_nearest_class_is_the_one_whose_mean_embedding_is_nearest(tmp_path):
    """Means 0, 1 and 3 on a line: a and b are nearest to each other, and b is nearest to c."""
    table, out = tmp_path / "true.parquet", tmp_path / "noisy.parquet"
    labels = [*"abc" * 4, None]
    places = {"a": 0.0, "b": 1.0, "c": 3.0, None: 99.0}
    vectors = pa.array([[places[label], 1.0] for label in labels], pa.list_(pa.float32()))
    pq.write_table(pa.table({"embedding": vectors, "label": labels}), table)
    assert noise(table, out, "--kind", "nearest-class", "--rate", "1", "--embedding-column", "embedding") == 0
    rows = pq.read_table(out).to_pylist()
    assert {(row["true_label"], row["label"]) for row in rows} == {("a", "b"), ("b", "a"), ("c", "b"), (None, None)}


def test_instance_dependent_noise_takes_its_wrong_labels_from_the_embedding(tmp_path):
    """Within a class the rows lie at 1 and at -1, so each half has wrong labels of its own."""
    table, out = tmp_path / "true.parquet", tmp_path / "noisy.parquet"
    labels = ["abc"[i % 3] for i in range(3000)] + [None]
    sides = [(-1.0) ** (i // 3) for i in range(3001)]
    vectors = pa.array([[side] for side in sides], pa.list_(pa.float32()))
    pq.write_table(pa.table({"embedding": vectors, "label": labels}), table)
    words = ["--kind", "instance-dependent", "--rate", "0.6", "--embedding-column", "embedding", "--seed", "3"]
    assert noise(table, out, *words) == 0
    rows = pq.read_table(out).to_pylist()
    assert [row["true_label"] for row in rows] == labels
    assert rows[-1]["label"] is None
    assert 0.55 < np.mean([row["label"] != row["true_label"] for row in rows[:-1]]) < 0.65
    share = {
        side: [r["label"] == "b" for r in rows if r["true_label"] == "a" and r["embedding"] == [side]]
        for side in (1, -1)
    }
    assert abs(np.mean(share[1]) - np.mean(share[-1])) > 0.1
    again = tmp_path / "again.parquet"
    assert noise(table, again, *words) == 0
    assert again.read_bytes() == out.read_bytes()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--kind", "unif"], "--rate is missing: say how often"),
        (["--kind", "matrix"], "--matrix is missing"),
        (["--kind", "matrix", "--matrix", "t.csv", "--rate", "0.1"], "the matrix says how often"),
        (["--kind", "unif", "--rate", "0.1", "--matrix", "t.csv"], "goes with --kind matrix only"),
        (["--rate", "0.1", "--label-column", "class"], "has no column 'class'"),
        (["--kind", "nearest-class", "--rate", "0.1"], "--embedding-column is missing"),
        (["--kind", "instance-dependent", "--rate", "0.1"], "--embedding-column is missing"),
        (["--rate", "0.1", "--embedding-column", "text"], "goes with --kind nearest-class and instance-dependent"),
        (["--kind", "nearest-class", "--rate", "0.1", "--embedding-column", "text"], "text"),
    ],
)
def test_what_does_not_fit_is_said(table, tmp_path, capsys, words, message):
    assert noise(table, tmp_path / "out.csv", *words) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out.csv").exists()


def test_the_input_is_never_written_over(table, capsys):
    assert noise(table, table, "--rate", "0.1") == 2
    assert "never changed" in capsys.readouterr().err
