"""Whole commands: what they write, what they say on which stream, and how they end."""

import csv
import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelfix import runs
from labelfix.cli import main


def columns(path, *names):
    return [pq.read_table(path)[name].to_pylist() for name in names]


def test_check_prints_a_summary_and_writes_nothing(workshop, at_work, capsys):
    before = sorted(path.as_posix() for path in workshop.rglob("*"))
    assert main(["check", "--noisy", "noisy.parquet", "--clean", "gold.csv"]) == 0
    output = capsys.readouterr()
    assert "noisy rows: 160" in output.out
    assert "wrong given labels:" in output.out
    assert "label column: label" in output.err
    assert sorted(path.as_posix() for path in workshop.rglob("*")) == before


def test_check_lists_every_defect_and_exits_2(at_work, capsys):
    noisy = at_work / "noisy.csv"
    noisy.write_text("id,x,label\n1,0.5,cat\n1,0.25,dog\n2,inf,cat\n3,0.125,dog\n")
    gold = at_work / "gold.csv"
    gold.write_text("id,label\n1,catt\n3,dog\n")
    assert main(["check", "--noisy", str(noisy), "--clean", str(gold)]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    lines = output.err.splitlines()
    assert any("one row per item: where several people labelled it, give the items once" in line for line in lines)
    assert any(line.startswith(f"labelfix: {gold}, row 1: ") and "catt" in line and "cat" in line for line in lines)
    assert any(line.startswith(f"labelfix: {noisy}, row 3: ") and "inf" in line for line in lines)


def test_train_puts_the_run_on_stdout_and_the_rest_on_stderr(at_work, capsys):
    out = str(at_work / "run")
    words = [
        "train",
        "--noisy",
        "noisy.parquet",
        "--clean",
        "gold.csv",
        "--out",
        out,
        "--set",
        "recipe=paper",
        "--set",
        "epochs=3",
        "--seed",
        "7",
    ]
    assert main(words) == 0
    output = capsys.readouterr()
    assert output.out == f"{out}\n"
    assert " of 160 labels changed" in output.err
    assert "corrected labels: " in output.err
    assert len(output.err.splitlines()) < 8
    assert runs.RunFolder.open_finished(at_work / "run").read_manifest()["seed"] == 7
    assert main(words) == 2
    assert "pass --overwrite to replace it" in capsys.readouterr().err
    assert main([*words, "--overwrite", "--quiet"]) == 0
    (warning,) = capsys.readouterr().err.splitlines()
    assert warning.startswith("warning: gold.csv: all its 24 rows stand between rows 1 and 24")


def test_a_taken_folder_is_refused_before_the_inputs_are_read(at_work, capsys):
    (at_work / "mine.txt").write_text("x")
    assert main(["train", "--noisy", "missing", "--clean", "missing", "--out", str(at_work), "--overwrite"]) == 2
    assert "holds files that are not a labelfix run" in capsys.readouterr().err


def test_bad_inputs_leave_no_run_folder(at_work, capsys):
    (at_work / "bad.csv").write_text("id,label\n1,wolf\n")
    out = at_work / "run"
    assert main(["train", "--noisy", "noisy.parquet", "--clean", str(at_work / "bad.csv"), "--out", str(out)]) == 2
    assert "wolf" in capsys.readouterr().err
    assert not out.exists()


def test_train_then_export_without_naming_the_run_works_word_for_word(at_work, monkeypatch, capsys):
    for name in ("noisy.parquet", "gold.csv"):
        shutil.copy(name, at_work)
    monkeypatch.chdir(at_work)
    assert (
        main(
            [
                "train",
                "--noisy",
                "noisy.parquet",
                "--clean",
                "gold.csv",
                "--set",
                "recipe=paper",
                "--set",
                "epochs=3",
                "-q",
            ]
        )
        == 0
    )
    assert capsys.readouterr().out.startswith("runs/")
    assert main(["export", "--corrected-labels", "out.parquet"]) == 0
    assert pq.read_table("out.parquet").column_names == ["id", "x", "y", "label", "given_label"]


def test_settings_reach_the_run_from_a_file_and_the_environment(at_work, monkeypatch, capsys):
    (at_work / "my.toml").write_text('min_confidence = 0.9\n[mlc]\nrecipe = "paper"\nepochs = 3\n')
    monkeypatch.setenv("LABELFIX_SEED", "11")
    out = at_work / "run"
    words = ["train", "--noisy", "noisy.parquet", "--clean", "gold.csv", "--config", str(at_work / "my.toml")]
    assert main([*words, "--out", str(out), "--backbone", "mlp", "-q"]) == 0
    settings = (out / "settings.toml").read_text()
    assert "seed = 11" in settings
    assert "min_confidence = 0.9" in settings
    assert "epochs = 3" in settings
    assert 'backbone = "mlp"' in settings


def test_correct_writes_a_corrected_file_of_new_rows(at_work, capsys):
    out = at_work / "deep" / "new.parquet"
    assert main(["correct", "--run", "run", "--noisy", "new.parquet", "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"{out}\n"
    ids, given, corrected, source = columns(out, "id", "given_label", "corrected_label", "source_file")
    (expected,) = columns("new.parquet", "label")
    assert given == expected
    assert len(set(ids)) == 20
    assert sum(a != b for a, b in zip(given, corrected, strict=True)) > 0
    assert set(source) == {"new.parquet"}


def test_correct_gives_the_rows_of_the_run_the_labels_of_the_run(at_work, capsys):
    out = at_work / "same.parquet"
    assert main(["correct", "--run", "run", "--noisy", "noisy.parquet", "--out", str(out), "-q"]) == 0
    trusted = 24
    again, before = columns(out, "suggested_label")[0], columns("run/corrected.parquet", "suggested_label")[0]
    assert again[trusted:] == before[trusted:]


def test_correct_takes_rows_without_labels_and_another_threshold(at_work, capsys):
    unlabelled = pq.read_table("new.parquet").drop_columns(["label"])
    pq.write_table(unlabelled, at_work / "unlabelled.parquet")
    words = ["correct", "--run", "run", "--noisy", str(at_work / "unlabelled.parquet"), "--out"]
    assert main([*words, str(at_work / "a.csv")]) == 2
    assert "--unlabelled" in capsys.readouterr().err
    assert main([*words, str(at_work / "a.csv"), "--min-confidence", "0.99", "--unlabelled"]) == 0
    with open(at_work / "a.csv", newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert (
        main(["correct", "--run", "run", "--noisy", "new.parquet", "--out", str(at_work / "b.csv"), "--unlabelled"])
        == 0
    )
    with open(at_work / "b.csv", newline="", encoding="utf-8") as stream:
        assert [row["given_label"] for row in csv.DictReader(stream)] == [""] * len(rows)
    capsys.readouterr()
    assert main(["flag", "run"]) == 2
    assert "an option names each: --run DIR" in capsys.readouterr().err
    assert {row["action"] for row in rows} == {"fill"}
    assert all(row["given_label"] == "" and row["corrected_label"] for row in rows)
    assert sum(float(rows[0][f"p_{name}"]) for name in ("cat", "dog")) == pytest.approx(1)


def test_correct_takes_a_label_column_of_another_name(at_work):
    renamed = pq.read_table("new.parquet").rename_columns(["id", "x", "y", "votes"])
    pq.write_table(renamed, at_work / "renamed.parquet")
    out = at_work / "a.parquet"
    words = ["correct", "--run", "run", "--noisy", str(at_work / "renamed.parquet"), "--out", str(out), "-q"]
    assert main([*words, "--label-column", "votes"]) == 0
    assert columns(out, "given_label") == columns("new.parquet", "label")


def test_correct_and_predict_give_the_same_block_by_block(at_work, monkeypatch):
    written = []
    for block in (16384, 7):
        monkeypatch.setattr("labelfix.scoring.blocks.BLOCK", block)
        for command, flag in (("correct", "--noisy"), ("predict", "--input")):
            out = at_work / f"{command}-{block}.parquet"
            assert main([command, "--run", "run", flag, "noisy.parquet", "--out", str(out), "-q"]) == 0
            written.append(pq.read_table(out))
    for whole, blocks in (written[::2], written[1::2]):
        soft = "soft_label" if "soft_label" in whole.column_names else "probabilities"
        exact = [name for name in whole.column_names if name not in (soft, "confidence", "label_score")]
        assert whole.select(exact).equals(blocks.select(exact))
        assert whole[soft].to_pylist() == [pytest.approx(row, abs=1e-6) for row in blocks[soft].to_pylist()]


def test_new_rows_leave_nothing_in_the_feature_cache(at_work, workshop):
    before = sorted(workshop.rglob("*"))
    assert main(["correct", "--run", "run", "--noisy", "new.parquet", "--out", str(at_work / "a.parquet"), "-q"]) == 0
    assert main(["predict", "--run", "run", "--input", "new.parquet", "--out", str(at_work / "b.parquet"), "-q"]) == 0
    assert sorted(workshop.rglob("*")) == before


def test_soft_labels_of_the_most_likely_class_alone_can_be_asked_for(at_work, capsys):
    out = at_work / "new.parquet"
    words = ["correct", "--run", "run", "--noisy", "new.parquet", "--out", str(out), "--soft-top-k", "1", "-q"]
    assert main(words) == 0
    suggested, classes, soft, confidence = columns(
        out, "suggested_label", "soft_label_classes", "soft_label", "confidence"
    )
    assert classes == [[name] for name in suggested]
    assert soft == [[share] for share in confidence]
    words = ["export", "--run", "run", "--corrected-labels", str(at_work / "fixed.parquet"), "--details"]
    assert main([*words, "--soft-top-k", "1"]) == 0
    assert {len(row) for row in columns(at_work / "fixed.parquet", "soft_label")[0]} == {1}


def test_predict_writes_one_row_for_each(at_work, capsys):
    for name in ("a.parquet", "a.tsv"):
        assert main(["predict", "--run", "run", "--input", "new.parquet", "--out", str(at_work / name)]) == 0
    table = pq.read_table(at_work / "a.parquet")
    assert table.column_names == ["id", "predicted_label", "confidence", "probabilities", "source_file", "source_row"]
    with open(at_work / "a.tsv", newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    assert [row["predicted_label"] for row in rows] == table["predicted_label"].to_pylist()
    assert list(rows[0])[3:5] == ["p_cat", "p_dog"]


def test_rows_without_the_columns_of_the_run_are_refused(at_work, capsys):
    pq.write_table(pa.table({"id": [1], "x": [0.5]}), at_work / "short.parquet")
    out = at_work / "a.parquet"
    assert main(["predict", "--run", "run", "--input", str(at_work / "short.parquet"), "--out", str(out)]) == 2
    assert "has no column 'y'" in capsys.readouterr().err
    assert not out.exists()


def test_a_device_that_is_not_there_is_refused_although_the_run_says_otherwise(at_work, capsys):
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    words = ["predict", "--run", "run", "--input", "new.parquet", "--out", str(at_work / "a.parquet")]
    assert main([*words, "--device", "cuda"]) == 2
    assert "use --device cpu" in capsys.readouterr().err


def test_a_run_from_another_machine_predicts_on_this_one(at_work):
    shutil.copytree("run", at_work / "run")
    settings = at_work / "run" / "settings.toml"
    settings.write_text(settings.read_text().replace('device = "auto"', 'device = "cuda"'))
    words = ["predict", "--run", str(at_work / "run"), "--input", "new.parquet", "--out", str(at_work / "a.parquet")]
    assert main([*words, "--device", "cpu", "-q"]) == 0


def test_evaluate_shows_given_and_corrected_labels_with_their_intervals(at_work, capsys):
    assert main(["evaluate", "--run", "run", "--truth", "truth.csv"]) == 0
    output = capsys.readouterr()
    first = output.out.splitlines()[0]
    assert first.startswith("given labels right")
    assert first.endswith("136 rows)")
    assert "wrong labels scored below right ones  1.000" in output.out
    assert "24 trusted rows are left out" in output.err
    assert main(["evaluate", "--run", "run", "--truth", "truth.csv", "--format", "json"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert value["given_right"]["rows"] == 136
    assert value["given_right"]["low"] < value["given_right"]["value"] < value["given_right"]["high"]
    assert value["corrected_right"]["value"] > value["given_right"]["value"]


def test_evaluate_finds_a_truth_column_by_flag(workshop, at_work, capsys):
    truth = (workshop / "truth.csv").read_text()
    (at_work / "t.csv").write_text(truth.replace("id,label", "key,expert", 1))
    words = ["evaluate", "--run", "run", "--truth", str(at_work / "t.csv"), "--format", "json"]
    assert main([*words, "--id-column", "key", "--label-column", "expert"]) == 0
    assert json.loads(capsys.readouterr().out)["matched"] == 160


def test_a_truth_without_ids_is_compared_by_its_inputs(workshop, at_work, capsys):
    assert main(["evaluate", "--run", "run", "--truth", "truth.csv", "--format", "json"]) == 0
    by_id = json.loads(capsys.readouterr().out)
    truth = dict(line.split(",") for line in (workshop / "truth.csv").read_text().splitlines()[1:])
    noisy = pq.read_table("noisy.parquet")
    label = pa.array([truth[str(row)] for row in noisy["id"].to_pylist()])
    there = noisy.set_column(noisy.schema.get_field_index("label"), "label", label).drop_columns("id")
    pq.write_table(there, at_work / "t.parquet")
    words = ["evaluate", "--run", "run", "--truth", str(at_work / "t.parquet"), "--format", "json"]
    assert main(words) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["matched"], found["matched_by"], by_id["matched_by"]) == (160, "content", "id")
    assert found["corrected_right"] == by_id["corrected_right"]
    pq.write_table(there.select(["label"]), at_work / "t.parquet")
    assert main(words) == 2
    assert "or add the input column" in capsys.readouterr().err


def test_a_truth_whose_ids_a_spreadsheet_has_cut_is_told(at_work, capsys):
    rows = "".join(f"1.23457E+12,{label}\n" for label in ["x", "y"] * 9)
    (at_work / "t.csv").write_text("id,label\n" + rows)
    assert main(["evaluate", "--run", "run", "--truth", str(at_work / "t.csv")]) == 2
    assert "has ids that a spreadsheet or a float has cut, such as 1.23457E+12 (18 of 18)" in capsys.readouterr().err


def test_the_noisy_file_as_truth_or_baseline_is_told(at_work, capsys):
    assert main(["evaluate", "--run", "run", "--truth", "noisy.parquet"]) == 0
    assert "every true label is the given one" in capsys.readouterr().err
    assert main(["flag", "--run", "run", "--baseline", "noisy.parquet"]) == 2
    assert "the baseline accepts every one of them" in capsys.readouterr().err


def test_rows_of_a_truth_without_a_label_are_not_counted(workshop, at_work, capsys):
    head, *rows = (workshop / "truth.csv").read_text().splitlines()
    half = [row if place % 2 else row.partition(",")[0] + "," for place, row in enumerate(rows)]
    (at_work / "half.csv").write_text("\n".join([head, *half]) + "\n")
    assert main(["evaluate", "--run", "run", "--truth", str(at_work / "half.csv")]) == 0
    assert "80 rows matched by id, 0 rows of the truth are not in the run" in capsys.readouterr().err


def test_export_gives_the_own_file_back(at_work, capsys):
    out = at_work / "fixed.parquet"
    assert main(["export", "--run", "run", "--corrected-labels", str(out)]) == 0
    output = capsys.readouterr()
    assert output.out == f"{out}\n"
    fixed, noisy = pq.read_table(out), pq.read_table("noisy.parquet")
    assert fixed.column_names == [*noisy.column_names, "given_label"]
    assert fixed.select(["id", "x", "y"]).equals(noisy.select(["id", "x", "y"]))
    assert fixed["given_label"].to_pylist() == noisy["label"].to_pylist()
    assert fixed["label"].to_pylist() == columns("run/corrected.parquet", "corrected_label")[0]
    changed = sum(a != b for a, b in zip(fixed["label"].to_pylist(), fixed["given_label"].to_pylist(), strict=True))
    assert output.err == f"160 rows: {changed} labels changed; the old labels are in 'given_label'\n"


def test_export_can_drop_add_and_judge_anew(at_work, capsys):
    out = at_work / "fixed.csv"
    words = ["export", "--run", "run", "--corrected-labels", str(out), "--details", "--min-confidence", "0.5"]
    assert main([*words, "--drop-issues"]) == 0
    with open(out, newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert {row["action"] for row in rows} == {"keep"}
    given, suggested = columns("run/corrected.parquet", "given_label", "suggested_label")
    assert len(rows) == sum(a == b for a, b in zip(given, suggested, strict=True))


def test_export_refuses_a_file_that_changed_since_training(at_work, monkeypatch, capsys):
    for name in ("run", "noisy.parquet"):
        (shutil.copytree if name == "run" else shutil.copy)(name, at_work / name)
    monkeypatch.chdir(at_work)
    table = pq.read_table("noisy.parquet")
    pq.write_table(table.slice(1), "noisy.parquet")
    assert main(["export", "--run", "run", "--corrected-labels", "out.parquet"]) == 2
    assert capsys.readouterr().err.startswith("labelfix: noisy.parquet: is not what the run in run was trained on")
    assert not (at_work / "out.parquet").exists()


def test_export_takes_a_file_that_was_moved(at_work, monkeypatch, capsys):
    shutil.copytree("run", at_work / "run")
    shutil.copy("noisy.parquet", at_work / "elsewhere.parquet")
    monkeypatch.chdir(at_work)
    assert main(["export", "--run", "run", "--corrected-labels", "out.parquet"]) == 2
    assert "noisy.parquet: there is no such file" in capsys.readouterr().err
    words = ["export", "--run", "run", "--corrected-labels", "out.parquet", "--noisy", "elsewhere.parquet"]
    assert main(words) == 0
    assert columns("out.parquet", "label") == columns("run/corrected.parquet", "corrected_label")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--corrected-labels", "noisy.parquet"], "--corrected-labels noisy.parquet: is the input noisy.parquet"),
        (["--corrected-labels", "out.xlsx"], "--corrected-labels out.xlsx: ends in none of .parquet, .csv"),
        (["--corrected-labels", "out.csv", "--hard-link"], "--hard-link: is for folders of images"),
        (["--classifier", "run"], "--classifier run: holds the input run/"),
    ],
)
def test_export_refuses_targets_before_it_works(at_work, words, message, capsys):
    assert main(["export", "--run", "run", *words]) == 2
    assert capsys.readouterr().err.startswith(f"labelfix: {message}")


def test_export_copies_the_classifier(at_work, capsys):
    out = at_work / "model"
    assert main(["export", "--run", "run", "--classifier", str(out)]) == 0
    assert capsys.readouterr().out == f"{out}\n"
    copied = {path.name: path.read_bytes() for path in out.iterdir()}
    assert copied == {path.name: path.read_bytes() for path in (Path("run") / "classifier").iterdir()}
    assert main(["export", "--run", "run", "--classifier", str(out)]) == 2


def test_methods_are_listed_and_described(capsys):
    from labelfix.settings.base import fields_of
    from labelfix.settings.methods import METHOD_SETTINGS

    assert main(["methods"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in listed] == list(METHOD_SETTINGS)
    assert main(["methods", "mlc"]) == 0
    text = capsys.readouterr().out
    assert "meta-gradient" in text
    assert "AAAI 2021" in text
    for field in fields_of(METHOD_SETTINGS["mlc"]):
        assert f"  {field.name} = " in text
        assert field.doc.split()[0] in text


def test_info_shows_versions_places_and_where_settings_came_from(at_work, monkeypatch, capsys):
    monkeypatch.setenv("LABELFIX_SEED", "5")
    assert main(["info", "--set", "epochs=4", "--device", "cpu"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("labelfix ")
    assert "torch " in lines[1]
    shown = {" ".join(line.split()) for line in lines}
    assert "seed 5 (LABELFIX_SEED)" in shown
    assert "mlc.epochs 4 (--set)" in shown
    assert "compute.device cpu (--device)" in shown
    assert "min_confidence automatic (default)" in shown
    assert any(line.startswith("feature cache: ") and line.endswith("from LABELFIX_CACHE_DIR") for line in lines)
    assert "newest run: none" in "\n".join(lines)


def test_a_configuration_file_in_the_working_directory_is_said(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "labelfix.toml").write_text("seed = 9\n")
    assert main(["info"]) == 0
    output = capsys.readouterr()
    assert output.err == "settings from labelfix.toml\n"
    assert "(labelfix.toml)" in output.out
