import json
import shutil

import pyarrow.parquet as pq
import pytest

from labelfix.cli import main


def test_without_a_gate_the_findings_are_listed_and_the_exit_is_0(at_work, capsys):
    assert main(["flag", "--run", "run"]) == 0
    output = capsys.readouterr()
    lines = output.out.splitlines()
    assert lines[0].split() == ["id", "where", "given", "->", "suggested", "confidence"]
    assert "noisy.parquet, row " in lines[1]
    assert lines[-1].startswith("run: ")
    assert output.err == ""


def test_exit_0_at_the_gate_and_1_above_it(at_work, capsys):
    assert main(["flag", "--run", "run", "--format", "json"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert 0 < value["issue_rate"] < 1
    assert (value["rows"], value["labelled"], value["trusted"]) == (160, 136, 24)
    assert main(["flag", "--run", "run", "--max-issue-rate", repr(value["issue_rate"])]) == 0
    assert main(["flag", "--run", "run", "--max-issue-rate", repr(value["issue_rate"] - 1e-9)]) == 1
    assert main(["flag", "--run", "run", "--max-issue-rate", "0", "--format", "github"]) == 1


def test_show_says_how_many_rows_are_printed(at_work, capsys):
    assert main(["flag", "--run", "run", "--show", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    assert lines[3].startswith("… and ")
    assert main(["flag", "--run", "run", "--show", "2", "--format", "json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["findings"]) == 2


def test_a_baseline_of_what_was_found_leaves_nothing(at_work, capsys):
    assert main(["flag", "--run", "run", "--format", "json"]) == 0
    (at_work / "seen.json").write_text(capsys.readouterr().out)
    words = ["flag", "--run", "run", "--max-issue-rate", "0", "--baseline"]
    assert main([*words, str(at_work / "seen.json")]) == 0
    assert "accepted before" in capsys.readouterr().out
    assert main([*words, "run/corrected.parquet"]) == 0
    assert main([*words, "gold.csv"]) == 1


def test_new_rows_that_were_corrected_can_be_judged(at_work, capsys):
    out = at_work / "new.parquet"
    assert main(["correct", "--run", "run", "--noisy", "new.parquet", "--out", str(out), "-q"]) == 0
    capsys.readouterr()
    assert main(["flag", "--corrected", str(out), "--max-issue-rate", "0", "--format", "json"]) == 1
    value = json.loads(capsys.readouterr().out)
    assert (value["source"], value["rows"]) == (str(out), 20)
    assert {found["file"] for found in value["findings"]} == {"new.parquet"}


def test_min_confidence_judges_anew(at_work, capsys):
    assert main(["flag", "--run", "run", "--min-confidence", "0.5", "--format", "json"]) == 0
    low = json.loads(capsys.readouterr().out)
    table = pq.ParquetFile("run/corrected.parquet").read()
    differs = [
        a != b for a, b in zip(table["given_label"].to_pylist(), table["suggested_label"].to_pylist(), strict=True)
    ]
    assert low["issues"] == sum(differs[24:]) < sum(differs)


def test_trusted_rows_are_left_out_unless_asked_for(at_work, capsys):
    assert main(["flag", "--run", "run"]) == 0
    assert "(24 trusted rows left out)" in capsys.readouterr().out.splitlines()[-1]
    assert main(["flag", "--run", "run", "--format", "json"]) == 0
    without = json.loads(capsys.readouterr().out)
    trusted = {f"item-{row:03d}" for row in range(24)}
    assert not trusted & {found["id"] for found in without["findings"]}
    assert without["issue_rate"] == without["issues"] / 136
    assert main(["flag", "--run", "run", "--include-trusted", "--format", "json"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert (value["labelled"], value["trusted"]) == (160, 0)
    both = {found["id"]: found for found in value["findings"]}
    wrong = {name for name, found in both.items() if found["trusted"]}
    table = pq.ParquetFile("run/corrected.parquet").read(["id", "is_label_issue"]).to_pylist()
    assert wrong == {row["id"] for row in table if row["is_label_issue"]} & trusted
    assert wrong
    assert both.keys() - wrong == {found["id"] for found in without["findings"]}


@pytest.mark.parametrize("words", [["--budget", "3"], ["--max-false-flags", "0.1"], ["--corrected", "a.parquet"]])
def test_trusted_rows_are_asked_for_only_where_they_can_be_listed(at_work, words, capsys):
    run = [] if "--corrected" in words else ["--run", "run"]
    assert main(["flag", *run, *words, "--include-trusted"]) == 2
    assert f"--include-trusted: goes with a run and a confidence only; leave it or {words[0]} out" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--run", "missing"], "labelfix: missing: there is no such run folder"),
        (["--run", "."], "labelfix: .: is not a labelfix run"),
        (["--corrected", "missing.parquet"], "labelfix: missing.parquet: does not exist"),
        (["--corrected", "noisy.parquet"], "labelfix: noisy.parquet: is not a file of corrected labels"),
        (["--run", "run", "--baseline", "missing.csv"], "labelfix: missing.csv: there is no such file"),
        ([], "labelfix: runs: no finished run here"),
    ],
)
def test_whatever_goes_wrong_exits_2_and_never_1(at_work, words, message, capsys):
    assert main(["flag", "--max-issue-rate", "0", *words]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith(message)


def test_a_damaged_file_exits_2(at_work, capsys):
    shutil.copytree("run", at_work / "run")
    (at_work / "run" / "corrected.parquet").write_bytes(b"PAR1")
    assert main(["flag", "--run", str(at_work / "run"), "--max-issue-rate", "0"]) == 2
    assert "cannot be read as Parquet" in capsys.readouterr().err
