"""Rows that come after the run: small batches, new classes, files without labels, and the gate over all formats."""

import csv
import json
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import labelfix
from labelfix.cli import main

HEADER = "id,size,weight,kind,label"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run on a table of two numbers and a category of True, False and Unknown."""
    folder = tmp_path_factory.mktemp("later")
    rows = [
        f"r{i},{i % 17 + 40 * (i % 2)},{(i * 7) % 23},{('True', 'False', 'Unknown')[i % 3]},{('no', 'yes')[i % 2]}"
        for i in range(240)
    ]
    (folder / "noisy.csv").write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    gold = [f"r{i},{('no', 'yes')[i % 2]}" for i in range(60)]
    (folder / "gold.csv").write_text("\n".join(["id,label", *gold]) + "\n", encoding="utf-8")
    words = ["train", "--noisy", str(folder / "noisy.csv"), "--clean", str(folder / "gold.csv"), "--method", "glc"]
    assert main([*words, "--no-side-checks", "--out", str(folder / "run"), "--quiet"]) == 0
    return str(folder / "run")


def correct(run, tmp_path, rows, *flags, out="scored.parquet"):
    (tmp_path / "new.csv").write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    words = ["correct", "--run", run, "--noisy", str(tmp_path / "new.csv"), "--out", str(tmp_path / out)]
    return main([*words, *flags])


RIGHT = [
    f"n{i},{i % 17 + 40 * (i % 2)},{(i * 7) % 23},{('True', 'False')[i % 2]},{('no', 'yes')[i % 2]}" for i in range(40)
]


@pytest.mark.parametrize("more", [[], ["n99,3,4,Unknown,no"]], ids=["only truth values", "with an unknown"])
@pytest.mark.parametrize("suffix", ["parquet", "csv", "tsv", "jsonl"])
def test_a_gate_says_the_same_of_right_rows_whatever_stands_beside_them_and_in_every_format(
    run, tmp_path, capsys, more, suffix
):
    assert correct(run, tmp_path, [*RIGHT, *more], out=f"scored.{suffix}") == 0
    words = ["flag", "--corrected", str(tmp_path / f"scored.{suffix}"), "--max-issue-rate", "0.05", "--format", "json"]
    capsys.readouterr()
    assert main(words) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["rows"], said["issues"]) == (40 + len(more), 0)


def test_wrong_rows_are_flagged_in_a_text_file_too(run, tmp_path, capsys):
    wrong = [f"n{i},{50 + i},3,True,{'no' if i < 8 else 'yes'}" for i in range(10)]
    assert correct(run, tmp_path, wrong, out="scored.csv") == 0
    assert main(["flag", "--corrected", str(tmp_path / "scored.csv"), "--max-issue-rate", "0.5"]) == 1
    assert "8 of 10 labelled rows look wrong" in capsys.readouterr().out


def test_an_empty_batch_is_no_rows(run, tmp_path, capsys):
    for out in ("scored.parquet", "scored.csv"):
        assert correct(run, tmp_path, [], out=out) == 0
    assert "0 rows" in capsys.readouterr().err
    words = ["predict", "--run", run, "--input", str(tmp_path / "new.csv"), "--out"]
    assert main([*words, str(tmp_path / "predicted.csv")]) == 0
    assert main(["flag", "--corrected", str(tmp_path / "scored.parquet"), "--max-issue-rate", "0.1"]) == 2


def test_a_file_without_the_label_column_is_refused_unless_the_user_says_so(run, tmp_path, capsys):
    (tmp_path / "new.csv").write_text("id,size,weight,kind\nn1,3,4,True\n", encoding="utf-8")
    words = ["correct", "--run", run, "--noisy", str(tmp_path / "new.csv"), "--out", str(tmp_path / "scored.csv")]
    assert main(words) == 2
    assert "has no label column 'label'" in capsys.readouterr().err
    assert not (tmp_path / "scored.csv").exists()
    assert main([*words, "--unlabelled"]) == 0
    assert main(["flag", "--corrected", str(tmp_path / "scored.csv"), "--max-issue-rate", "0.1"]) == 2


def test_a_new_class_is_named_with_its_count_and_the_ways_out(run, tmp_path, capsys):
    rows = [*RIGHT[:4], "m1,3,4,True,maybe", "m2,3,4,True,maybe"]
    assert correct(run, tmp_path, rows) == 2
    said = capsys.readouterr().err
    assert 'label "maybe" (2 rows) is not one of the 2 classes' in said
    assert "--new-classes as-unlabelled" in said
    assert correct(run, tmp_path, rows, "--new-classes", "as-unlabelled", out="scored.csv") == 0
    with open(tmp_path / "scored.csv", newline="", encoding="utf-8") as stream:
        assert [row["action"] for row in csv.DictReader(stream)][-2:] == ["fill", "fill"]
    (tmp_path / "map.csv").write_text("maybe,no\n", encoding="utf-8")
    assert correct(run, tmp_path, rows, "--class-map", str(tmp_path / "map.csv"), out="mapped.csv") == 0
    with open(tmp_path / "mapped.csv", newline="", encoding="utf-8") as stream:
        assert [row["given_label"] for row in csv.DictReader(stream)][-2:] == ["no", "no"]


def test_predict_does_not_look_at_labels(run, tmp_path):
    (tmp_path / "new.csv").write_text(f"{HEADER}\nn1,3,4,True,something\n", encoding="utf-8")
    words = ["predict", "--run", run, "--input", str(tmp_path / "new.csv"), "--out", str(tmp_path / "out.csv")]
    assert main(words) == 0


@pytest.mark.parametrize(("rows", "told"), [(1, False), (4, False), (5, True)])
def test_an_optional_column_that_is_empty_in_the_batch_is_filled_in_and_told_of_many_rows(
    run, tmp_path, capsys, rows, told
):
    assert correct(run, tmp_path, [f"n{i},,{i},True,no" for i in range(rows)]) == 0
    assert ("column 'size' holds no value at all" in capsys.readouterr().err) == told


@pytest.mark.parametrize(("many", "told"), [(2, True), (1, False)])
@pytest.mark.parametrize("command", ["correct", "predict"])
def test_a_twentieth_of_the_rows_with_categories_that_the_run_never_saw_is_told(
    run, tmp_path, capsys, command, many, told
):
    """Two of forty are; one is of no account."""
    rows = [
        row.replace(",True,", ",Maybe,").replace(",False,", ",Maybe,") if i < many else row
        for i, row in enumerate(RIGHT)
    ]
    (tmp_path / "new.csv").write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    given = "--noisy" if command == "correct" else "--input"
    words = [command, "--run", run, given, str(tmp_path / "new.csv"), "--out", str(tmp_path / "out.parquet")]
    assert main(words) == 0
    said = " ".join(capsys.readouterr().err.split())
    sentence = "column 'kind': 2 of 40 rows have values that the run has never seen (\"Maybe\"); they count as none"
    assert (sentence in said) == told


@pytest.mark.parametrize(("factor", "count"), [(1, 0), (1.4, 0), (2, 20), (1000, 38)])
def test_numbers_in_another_unit_are_told(run, tmp_path, capsys, factor, count):
    rows = [
        ",".join([cells[0], str(factor * int(cells[1])), *cells[2:]]) for cells in (row.split(",") for row in RIGHT)
    ]
    assert correct(run, tmp_path, rows) == 0
    said = " ".join(capsys.readouterr().err.split())
    sentence = f"column 'size': {count} of 40 rows have numbers far from those that the run has seen"
    assert sentence in said if count else "far from those" not in said


def test_a_column_of_numbers_of_which_no_cell_is_one_is_refused_like_one_that_is_absent(run, tmp_path, capsys):
    """A few cells, and what people write where there is none, are missing values."""
    rows = [row.split(",") for row in RIGHT]
    assert correct(run, tmp_path, [",".join([i, f"about {n}", *rest]) for i, n, *rest in rows]) == 2
    assert "column 'size': 40 cells are no number" in " ".join(capsys.readouterr().err.split())
    assert correct(run, tmp_path, [",".join([i, "?", *rest]) for i, _, *rest in rows]) == 0
    few = [",".join([i, f"about {n}", *rest]) for i, n, *rest in rows[:4]]
    assert correct(run, tmp_path, few, out="few.parquet") == 0


def test_given_labels_may_be_spelled_otherwise_and_those_that_say_nothing_are_none(run, tmp_path, capsys):
    assert correct(run, tmp_path, [f"{row[:-1]}{row[-1].upper()}" for row in RIGHT], out="upper.csv") == 0
    with open(tmp_path / "upper.csv", newline="", encoding="utf-8") as stream:
        assert {row["given_label"] for row in csv.DictReader(stream)} == {"no", "yes"}
    assert correct(run, tmp_path, [*RIGHT, "m1,3,4,True,unclear"]) == 2
    assert 'label "unclear" is not one of' in capsys.readouterr().err


WRONG = [f"n{i},{50 + i},3,True,{('no', 'yes')[i > 1]}" for i in range(6)]


def export(run, tmp_path, *flags, out="fixed.csv"):
    words = ["export", "--run", run, "--corrected", str(tmp_path / "scored.parquet")]
    return main([*words, "--corrected-labels", str(tmp_path / out), *flags])


def test_the_file_of_later_rows_comes_back_with_its_labels_corrected(run, tmp_path, monkeypatch, capsys):
    """The same bytes but for the labels, and columns that it spells otherwise keep their names."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "new.csv").write_text("\ufeffID;Size;Weight;Kind;LABEL\r\n" + "\r\n".join(WRONG).replace(",", ";"))
    assert main(["correct", "--run", run, "--noisy", "new.csv", "--out", "scored.parquet"]) == 0
    assert export(run, tmp_path) == 0
    assert "6 rows: 2 labels changed" in capsys.readouterr().err
    lines = (tmp_path / "fixed.csv").read_bytes().decode().split("\r\n")
    assert lines[:2] == ["\ufeffID;Size;Weight;Kind;LABEL;given_label", "n0;50;3;True;yes;no"]
    assert lines[3] == WRONG[2].replace(",", ";") + ";yes"
    before = (tmp_path / "new.csv").read_bytes()
    assert export(run, tmp_path, "--overwrite", out="new.csv") == 2
    assert "which is never changed" in capsys.readouterr().err
    assert (tmp_path / "new.csv").read_bytes() == before


@pytest.mark.parametrize("column", ["id", "nr"])
def test_a_file_that_holds_other_rows_than_those_corrected_is_refused(run, tmp_path, capsys, column):
    """It has no hash: its ids tell, or its labels and how many rows it has."""
    new = tmp_path / "new.csv"
    scored = ["correct", "--run", run, "--noisy", str(new), "--out", str(tmp_path / "scored.parquet")]
    header = HEADER.replace("id", column)
    new.write_text("\n".join([header, *WRONG]) + "\n")
    assert main(scored) == 0
    for rows in ([WRONG[1], WRONG[0], *WRONG[2:]] if column == "id" else WRONG[::-1], WRONG[:5]):
        new.write_text("\n".join([header, *rows]) + "\n")
        assert export(run, tmp_path, "--noisy", str(new)) == 2
        assert "rows that were corrected" in capsys.readouterr().err.replace("row that was", "rows that were")
    assert export(run, tmp_path, "--answers") == 2
    assert not (tmp_path / "fixed.csv").exists()


def test_later_rows_without_labels_get_a_column_of_them_and_a_frame_comes_back_too(run, tmp_path):
    columns = zip(*(row.split(",") for row in WRONG), strict=True)
    frame = pa.table(dict(zip(HEADER.split(","), map(list, columns), strict=True)))
    opened = labelfix.load_run(run)
    bare = frame.drop_columns(["label"])
    out = tmp_path / "filled.parquet"
    opened.export(out, corrected=opened.correct(bare, unlabelled=True), noisy=bare)
    assert pq.read_table(out).column("label").to_pylist() == ["yes"] * 6
    report = opened.export(tmp_path / "fixed.parquet", corrected=opened.correct(frame), noisy=frame)
    assert report.changed == 2


def test_columns_that_are_absent_are_one_error_and_a_run_that_was_not_named_is_said(run, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(run, "runs/latest")
    (tmp_path / "other.csv").write_text("id,text,label\nn1,a text,no\n")
    assert main(["correct", "--noisy", "other.csv", "--out", "scored.csv"]) == 2
    said = capsys.readouterr().err
    assert "run: runs/latest, the newest finished one" in said
    assert said.count("other.csv: has no columns 'size', 'weight', 'kind'; its columns are id, text, label") == 1
    assert main(["predict", "--run", run, "--input", "other.csv", "--out", "scored.csv"]) == 2
    assert "newest" not in capsys.readouterr().err


def test_rows_that_lack_the_ids_of_the_run_are_told_that_they_are_numbered(run, tmp_path, capsys):
    (tmp_path / "new.csv").write_text("\n".join([HEADER.replace("id,", "nr,"), *RIGHT]) + "\n")
    words = ["correct", "--run", run, "--noisy", str(tmp_path / "new.csv"), "--out", str(tmp_path / "scored.csv")]
    assert main(words) == 0
    assert "has no column 'id': its ids are row numbers" in " ".join(capsys.readouterr().err.split())
    assert main([*words, "--id-column", "nr", "--overwrite"]) == 0
    assert "row numbers" not in capsys.readouterr().err


def test_a_file_that_lies_elsewhere_is_not_called_absent(run, tmp_path, monkeypatch, capsys):
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path / "there")
    assert correct(run, tmp_path, WRONG, out="there/scored.parquet") == 0
    for remedy in ("lies neither here nor beside the corrected labels", "there is no such file"):
        capsys.readouterr()
        assert main(["flag", "--corrected", "scored.parquet"]) == 0
        assert f"{remedy}; name it by --noisy" in " ".join(capsys.readouterr().err.split())
        (tmp_path / "new.csv").unlink(missing_ok=True)
