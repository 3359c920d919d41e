"""The policy of the gate: `[gate]` of labelfix.toml, and what flags change of it."""

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelfix.cli import main


@pytest.fixture
def place(workshop, tmp_path, monkeypatch):
    """The run and its files in a folder of their own, as the working directory."""
    for name in ("noisy.parquet", "gold.csv", "new.parquet"):
        shutil.copyfile(workshop / name, tmp_path / name)
    shutil.copytree(workshop / "run", tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def policy(text):
    Path("labelfix.toml").write_text(text)


def said(capsys, code, *words):
    capsys.readouterr()
    assert main(["flag", "--format", "json", *words]) == code
    return json.loads(capsys.readouterr().out)


def test_the_command_of_a_job_is_flag_alone(place, capsys):
    policy('[gate]\nrun = "run"\nmax_issue_rate = 0\nformat = ["text", "sarif=a.sarif"]\noverwrite = true\n')
    for _ in range(2):
        assert main(["flag"]) == 1
        assert "above the gate of 0 %" in capsys.readouterr().out
    assert json.loads(Path("a.sarif").read_text())["runs"]


def test_a_flag_comes_before_the_file(place, capsys):
    policy('[gate]\nrun = "run"\nmax_issue_rate = 0\nmin_confidence = 0.5\n')
    assert said(capsys, 0, "--max-issue-rate", "1")["max_issue_rate"] == 1
    assert said(capsys, 1)["min_confidence"] == 0.5
    assert said(capsys, 1, "--budget", "3")["issues"] == 3


def test_a_file_to_judge_puts_the_run_of_the_policy_away(place, capsys):
    policy('[gate]\nrun = "run"\n')
    assert main(["correct", "--run", "run", "--noisy", "new.parquet", "--out", "a.parquet", "-q"]) == 0
    assert said(capsys, 0, "--corrected", "a.parquet")["rows"] == 20
    policy('[gate]\nrun = "run"\ncorrected = "a.parquet"\n')
    assert main(["flag"]) == 2
    assert "give one of them" in capsys.readouterr().err


def test_names_of_files_count_from_the_policys_folder(place, capsys, monkeypatch):
    policy('[gate]\nrun = "run"\nbaseline = ["run/corrected.parquet"]\nformat = "json=out.json"\n')
    Path("below").mkdir()
    monkeypatch.chdir("below")
    assert main(["flag", "--config", "../labelfix.toml"]) == 0
    assert json.loads(Path("../out.json").read_text())["issues"] == 0
    monkeypatch.setenv("LABELFIX_CONFIG", "../labelfix.toml")
    assert main(["flag"]) == 2
    assert "exists already" in capsys.readouterr().err


def test_classes_have_gates_severities_and_owners_of_their_own(place, capsys):
    policy(
        '[gate]\nrun = "run"\nmax_issue_rate = 1\nowner = "everybody"\n'
        '[gate.classes.cat]\nmax_issue_rate = 0\nseverity = "critical"\nowner = "cats"\n'
    )
    value = said(capsys, 1)
    gates = {(each["name"], each["class"]): each for each in value["gates"]}
    assert gates["share of label issues", None]["passed"] is True
    of_cats = gates["share of label issues in a class", "cat"]
    assert (of_cats["passed"], of_cats["owner"]) == (False, "cats")
    cats = [found for found in value["findings"] if found["given_label"] == "cat"]
    dogs = [found for found in value["findings"] if found["given_label"] == "dog"]
    assert {(found["severity"], found["owner"]) for found in cats} == {("critical", "cats")}
    assert {found["owner"] for found in dogs} == {"everybody"}
    assert "critical" not in {found["severity"] for found in dogs}
    assert len(cats) / of_cats["value"] == pytest.approx(round(len(cats) / of_cats["value"]))
    assert main(["flag"]) == 1
    assert '"cat": ' in capsys.readouterr().out


@pytest.fixture
def parts(place):
    """The new rows in two files of a folder, corrected together: 12 from `vendor-a.parquet`, 8 from `own.parquet`."""
    Path("new").mkdir()
    table = pq.read_table("new.parquet")
    pq.write_table(table.slice(0, 12), "new/vendor-a.parquet")
    pq.write_table(table.slice(12), "new/own.parquet")
    assert main(["correct", "--run", "run", "--noisy", "new", "--out", "scored.parquet", "-q"]) == 0
    return pq.read_table("scored.parquet").to_pylist()


def test_files_have_gates_severities_and_owners_of_their_own(parts, capsys):
    policy(
        '[gate]\ncorrected = "scored.parquet"\nmax_issue_rate = 1\nowner = "everybody"\n'
        '[gate.files."vendor-*"]\nmax_issue_rate = 0\nseverity = "blocker"\nowner = "vendor desk"\n'
        '[gate.files."*.parquet"]\nmax_issue_rate = 1\n[gate.files."nobody/*"]\nmax_issue_rate = 0\n'
        '[gate.classes.cat]\nowner = "cats"\n'
    )
    value = said(capsys, 1)
    gates = {each["files"]: each for each in value["gates"]}
    theirs = [row for row in parts if "vendor-a" in row["source_file"]]
    wrong = [row for row in theirs if row["is_label_issue"]]
    assert gates["vendor-*"]["value"] == pytest.approx(len(wrong) / len(theirs))
    assert (gates["vendor-*"]["passed"], gates["vendor-*"]["owner"]) == (False, "vendor desk")
    others = [row for row in parts if row not in theirs]
    assert gates["*.parquet"]["value"] == pytest.approx(sum(r["is_label_issue"] for r in others) / len(others))
    assert (gates["nobody/*"]["value"], gates["nobody/*"]["passed"]) == (0, True)
    main(["flag", "--format", "text", "--format", "markdown=said.md"])
    assert '"nobody/*": no labelled rows, so its gate of 0 % judges nothing' in capsys.readouterr().out
    assert "`nobody/*` |  | 0 % | no rows |" in Path("said.md").read_text(encoding="utf-8")
    for found in value["findings"]:
        vendor, cat = "vendor-a" in found["file"], found["given_label"] == "cat"
        assert found["owner"] == ("cats" if cat else "vendor desk" if vendor else "everybody")
        assert (found["severity"] == "blocker") == vendor
    assert main(["flag"]) == 1
    assert '"vendor-*": ' in capsys.readouterr().out
    assert main(["flag", "--format", "junit"]) == 1
    assert 'name="share of label issues in files vendor-*"' in capsys.readouterr().out


def test_a_row_that_comes_back_counts_for_its_file(parts, capsys):
    policy('[gate]\ncorrected = "scored.parquet"\n[gate.files."vendor-*"]\nmax_issue_rate = 0\n')
    wrong = [row["id"] for row in parts if row["is_label_issue"] and "vendor-a" in row["source_file"]]
    assert main(["flag", "--format", "json=accepted.json"]) == 1
    assert said(capsys, 0, "--baseline", "accepted.json")["gates"][0]["value"] == 0
    table = pq.read_table("new/vendor-a.parquet").to_pylist()
    for row in table:
        row["x"] += row["id"] == wrong[0]
    pq.write_table(pa.Table.from_pylist(table), "new/vendor-a.parquet")
    back = said(capsys, 1, "--baseline", "accepted.json")
    assert (back["edited"], back["gates"][0]["value"]) == (1, pytest.approx(1 / 12))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[gate]\nmax_isue_rate = 0.1\n", "'max_isue_rate' is not a setting here; did you mean 'max_issue_rate'?"),
        ("[gate]\nmax_issue_rate = 5\n", "--max-issue-rate 5: is not a share from 0 to 1"),
        ('[gate]\nseverity = "bad"\n', "severity = 'bad' cannot be read; it takes info | minor | major"),
        ("[gate.classes.cow]\nmax_issue_rate = 0\n", "[gate.classes.cow]: run has no such class; they are cat, dog"),
        ("[gate.classes.cats]\nmax_issue_rate = 0\n", "did you mean 'cat'?"),
        ("[gate.sources.ann]\nmax_issue_rate = 0\n", "no such source of labels; train with --label-columns or"),
        ("[gate.classes.cat]\nmax_issue_rate = 2\n", "max_issue_rate = 2.0 must be in [0, 1]"),
        ("[gate]\nclasses = 3\n", "'classes' must hold a table for each class"),
        ("[gate]\nfiles = 3\n", "'files' must hold a table for each pattern"),
        ("[gate.files.a]\nmax_isue_rate = 2\n", "[gate.files.a]: 'max_isue_rate' is not a setting here"),
        ("gate = 3\n", "'gate' must be a table, written [gate]"),
        ('[gate]\nformat = "pdf"\n', "--format pdf: there is no such format"),
        ("[gate]\nmin_confidence = 0.5\nbudget = 3\n", "give one of them"),
        ("[gaet]\nmax_issue_rate = 0\n", "labelfix.toml: 'gaet' is not a setting; did you mean 'gate'?"),
        ("[tool.ruff]\nline-length = 120\n", "labelfix.toml: 'tool' is not a setting; it is one of gate"),
    ],
)
def test_a_policy_that_does_not_fit_exits_2_and_says_why(place, text, message, capsys):
    policy(text)
    assert main(["flag", "--run", "run"]) == 2
    assert message in capsys.readouterr().err


def test_other_commands_pass_the_policy_over(place, capsys):
    policy('[gate]\nrun = "elsewhere"\nmax_issue_rate = 0\n')
    assert main(["check", "--noisy", "noisy.parquet", "--clean", "gold.csv", "-q"]) == 0
    assert main(["info"]) == 0


def test_the_policy_is_no_target(place, capsys):
    policy('[gate]\nrun = "run"\n')
    assert main(["flag", "--format", "json=labelfix.toml", "--overwrite"]) == 2
    assert "is the input labelfix.toml" in capsys.readouterr().err


def test_rows_that_drifted_fail_and_like_ones_pass(place, capsys):
    assert main(["correct", "--run", "run", "--noisy", "new.parquet", "--out", "a.parquet", "-q"]) == 0
    value = said(capsys, 0, "--corrected", "a.parquet", "--against", "run")
    assert [each["passed"] for each in value["drift"]] == [True, True]
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table("new.parquet")
    cats = table.filter(pa.array([label == "cat" for label in table["label"].to_pylist()]))
    pq.write_table(pa.concat_tables([cats] * 8).drop_columns(["id"]), "cats.parquet")
    assert main(["correct", "--run", "run", "--noisy", "cats.parquet", "--out", "b.parquet", "-q"]) == 0
    value = said(capsys, 1, "--corrected", "b.parquet", "--against", "run")
    assert value["drift"][0]["passed"] is False
    assert value["drift"][0]["share"] == 1.0
    policy('[gate]\ncorrected = "b.parquet"\nagainst = "a.parquet"\nmax_drift = 1\n')
    assert said(capsys, 0)["drift"][0]["against"] == "a.parquet"
    assert main(["flag", "--corrected", "b.parquet", "--against", "missing"]) == 2


def test_offline_in_the_file_keeps_the_gate_off_hubs_too(place, asked, capsys):
    policy('[compute]\noffline = true\n[gate]\nrun = "run"\n')
    assert main(["flag", "--noisy", "hub:some/data"]) == 0
    assert asked == []
