"""The policy of the gate: `[gate]` of labelfix.toml, and what flags change of it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

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


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[gate]\nmax_isue_rate = 0.1\n", "'max_isue_rate' is not a setting here; did you mean 'max_issue_rate'?"),
        ("[gate]\nmax_issue_rate = 5\n", "--max-issue-rate 5: is not a share from 0 to 1"),
        ('[gate]\nseverity = "bad"\n', "severity = 'bad' cannot be read; it takes info | minor | major"),
        ("[gate.classes.cow]\nmax_issue_rate = 0\n", "[gate.classes.cow]: run has no such class; they are cat, dog"),
        ("[gate.classes.cats]\nmax_issue_rate = 0\n", "did you mean 'cat'?"),
        ("[gate.classes.cat]\nmax_issue_rate = 2\n", "max_issue_rate = 2.0 must be in [0, 1]"),
        ("[gate]\nclasses = 3\n", "'classes' must hold a table for each class"),
        ("gate = 3\n", "'gate' must be a table, written [gate]"),
        ('[gate]\nformat = "pdf"\n', "--format pdf: there is no such format"),
        ("[gate]\nmin_confidence = 0.5\nbudget = 3\n", "give one of them"),
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
