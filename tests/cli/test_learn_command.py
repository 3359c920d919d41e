"""`labelfix export --answers` and `labelfix learn`: what people decided reaches the labels, and the next run."""

import csv
import json
import re
import shutil

import pyarrow.parquet as pq
import pytest

import labelfix
from labelfix.cli import main
from labelfix.outputs.queues import RunRows
from labelfix.progress import Silent
from labelfix.runs import RunFolder
from labelfix.runs.answers import NAME, Answer, AnswersFile, now


@pytest.fixture
def run(at_work):
    """A copy of the finished run, and the true label of each row of its noisy file."""
    shutil.copytree("run", at_work / "run")
    with open("truth.csv", newline="") as file:
        truth = {row["id"]: row["label"] for row in csv.DictReader(file)}
    return at_work / "run", truth


def decide(run, row, label, decision="label", queue="worst"):
    more = {"label": label} if label is not None else {}
    answer = Answer(key=f"{row}-{decision}", id=row, decision=decision, who="ann", when=now(), queue=queue, **more)
    AnswersFile(run / NAME).append(answer)


def other(label):
    return "dog" if label == "cat" else "cat"


def test_the_persons_label_stands_over_the_runs_and_over_the_threshold(run, at_work, capsys):
    folder, truth = run
    wanted = {f"item-{number:03d}": other(truth[f"item-{number:03d}"]) for number in (40, 41, 90)}
    for row, label in wanted.items():
        decide(folder, row, label)
    decide(folder, "item-042", None, "cannot_tell")
    decide(folder, "item-043", None, "skip")
    out = at_work / "fixed.csv"
    words = ["export", "--run", str(folder), "--corrected-labels", str(out)]
    assert main(words) == 0
    with out.open(newline="") as file:
        before = {row["id"]: row["label"] for row in csv.DictReader(file)}
    for more in ([], ["--min-confidence", "0.99"], ["--drop-issues"]):
        assert main([*words, "--overwrite", "--answers", *more]) == 0
        with out.open(newline="") as file:
            rows = {row["id"]: row["label"] for row in csv.DictReader(file)}
        assert {row: rows[row] for row in wanted} == wanted
        if not more:
            assert {row for row in rows if rows[row] != before[row]} <= set(wanted)
    err = capsys.readouterr().err
    assert "rows with the label that a person gave: 3" in err
    assert "rows that nobody could tell, which keep what the run says: 1" in err


@pytest.mark.parametrize(
    ("decided", "said"),
    [
        ([], "holds no decisions"),
        ([("item-040", "horse")], "names 'horse', which is no class of the run"),
    ],
)
def test_decisions_that_do_not_fit_the_run_are_refused(run, at_work, capsys, decided, said):
    folder, _ = run
    for row, label in decided:
        decide(folder, row, label)
    for words in (["export", "--answers", "--corrected-labels", str(at_work / "x.csv")], ["learn"]):
        assert main([*words, "--run", str(folder)]) == 2
        assert said in capsys.readouterr().err
    assert not (at_work / "x.csv").exists()


def test_learning_keeps_the_old_run_shows_both_ledgers_and_lets_random_rows_judge(run, at_work, capsys):
    folder, truth = run
    rows = RunRows(RunFolder(folder))
    first = [rows.ids[place].as_py() for place in rows.random_order[:8].tolist()]
    worst = [row for row in truth if rows.position(row) not in set(rows.random_order[:9].tolist())][30:40]
    decide(folder, first[0], truth[first[0]])  # it came up in another queue first, and is in the sample all the same
    for row in first[1:]:
        decide(folder, row, truth[row], queue="random")
    for row in worst:
        decide(folder, row, truth[row])
    new = at_work / "new"
    assert main(["learn", "--run", str(folder), "--out", str(new)]) == 0
    captured = capsys.readouterr()
    assert captured.out.strip() == str(new)
    assert "18 rows that people decided; all train, 8 of the random queue also judge" in captured.err
    assert re.search("rows that a person checked +24 +42", captured.err)
    assert "right, after: of the rows that nobody has checked; wrong: of the whole file" in captured.err
    (kept,) = folder.glob("decided-*.jsonl")
    drawn = {line["labelfix_id"]: line["labelfix_drawn"] for line in map(json.loads, kept.read_text().splitlines())}
    assert {row for row, how in drawn.items() if not how} == set(first)
    counts = json.loads((new / "run.json").read_text())["counts"]
    assert counts["clean"] == 24 + 18
    learnt = RunRows(RunFolder(new))
    assert {learnt.ids[row].as_py() for row in learnt.chosen.nonzero()[0].tolist()} == set(worst)
    assert json.loads((new / "metrics.json").read_text())["evidence"]["judged_on"]["chosen"] == 10
    assert (folder / "run.json").is_file()
    assert main(["learn", "--run", str(folder), "--out", str(new)]) == 2
    assert "--overwrite" in capsys.readouterr().err


def test_answers_of_two_files_that_agree_count_once_and_others_are_said(run, at_work, capsys):
    folder, truth = run
    decide(folder, "item-050", truth["item-050"])
    again = at_work / "back.json"
    again.write_text(json.dumps([{"labelfix_id": "item-050", "answer": truth["item-050"]}]))
    words = ["check", "--noisy", "noisy.parquet", "--clean", "gold.csv", "--clean", str(folder / NAME)]
    assert main([*words, "--clean", str(again)]) == 0
    assert "trusted rows: 25" in capsys.readouterr().out
    again.write_text(json.dumps([{"labelfix_id": "item-050", "answer": other(truth["item-050"])}]))
    assert main([*words, "--clean", str(again)]) == 2
    assert "with another trusted label" in capsys.readouterr().err


@pytest.mark.parametrize("in_memory", [False, True])
def test_python_learns_as_the_command_does(run, at_work, in_memory):
    folder, truth = run
    opened = labelfix.load_run(folder)
    if in_memory:
        tables = pq.read_table("noisy.parquet"), pq.read_table("noisy.parquet").slice(0, 24)
        opened = labelfix.train(*tables, at_work / "held", settings=opened.settings)
        folder = opened.path
        with pytest.raises(labelfix.InputError, match="clean"):
            opened.learn()
    with pytest.raises(labelfix.RunError, match="holds no decisions"):
        opened.learn(clean=tables[1] if in_memory else None)
    for row in ("item-040", "item-041"):
        decide(folder, row, other(truth[row]))
    told = []
    new = opened.learn(clean=tables[1] if in_memory else None, progress=Told(told))
    assert new.path == folder.with_name(f"{folder.name}-2")
    assert new.manifest["counts"]["clean"] == 26
    labels = dict(zip(*(new.corrected[name].to_pylist() for name in ("id", "corrected_label")), strict=True))
    assert labels["item-040"] == other(truth["item-040"])
    assert any(re.match("rows that a person checked +24 +26", line) for line in told)


class Told(Silent):
    """Keeps the headlines."""

    def __init__(self, lines):
        self.headline = lines.append
