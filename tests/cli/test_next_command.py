"""`next`: the rows to ask about, and the way back of the answers."""

import csv
import json
import shlex
from pathlib import Path

import numpy as np
import pytest

from labelfix.cli import main
from labelfix.data.chosen_rows import CHANCE, DRAWN


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """300 rows of a table in three classes that overlap, a quarter of them wrong; 60 trusted ones, and a run."""
    made = tmp_path_factory.mktemp("next")
    generator = np.random.default_rng(0)
    truth = np.arange(300) % 3
    x = np.eye(3)[truth][:, :2] * 2 + generator.normal(0, 0.8, (300, 2))
    given = np.where(generator.random(300) < 0.25, (truth + 1) % 3, truth)
    rows = enumerate(zip(x, given, strict=True))
    lines = ["id,a,b,label", *(f"k{i},{a:.4f},{b:.4f},{'xyz'[c]}" for i, ((a, b), c) in rows)]
    (made / "noisy.csv").write_text("\n".join(lines) + "\n")
    (made / "gold.csv").write_text("\n".join(["id,label", *(f"k{i},{'xyz'[i % 3]}" for i in range(0, 300, 5))]) + "\n")
    files = ["--noisy", str(made / "noisy.csv"), "--clean", str(made / "gold.csv")]
    assert main(["train", *files, "--id-column", "id", "--out", str(made / "run"), "--quiet"]) == 0
    return made


def asked(folder, out, count):
    assert main(["next", "--run", str(folder / "run"), "--count", str(count), "--out", str(out), "--quiet"]) == 0
    return list(csv.DictReader(out.open()))


def test_the_rows_come_with_inputs_both_likely_labels_and_room_for_the_answer(folder, tmp_path):
    rows = asked(folder, tmp_path / "ask.csv", 15)
    assert len(rows) == 15
    assert list(rows[0])[:4] == ["id", "a", "b", "label"]
    noisy = {row["id"]: row for row in csv.DictReader((folder / "noisy.csv").open())}
    for row in rows:
        assert row["label"] == ""
        assert float(row["a"]) == float(noisy[row["id"]]["a"])
        assert row["given_label"] == noisy[row["id"]]["label"]
        assert float(row["likeliest_probability"]) >= float(row["second_probability"])
        assert row["likeliest_label"] != row["second_label"]
    trusted = {row["id"] for row in csv.DictReader((folder / "gold.csv").open())}
    assert not trusted & {row["id"] for row in rows}
    assert len({row["id"] for row in rows}) == 15


def fill(path, count, column="label"):
    """Answer the first so many rows of a file that `next` wrote with the truth; the others stay blank."""
    rows = list(csv.DictReader(path.open()))
    for row in rows[:count]:
        row[column] = "xyz"[int(row["id" if "id" in row else "Nr"][1:]) % 3]
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return [row["id" if "id" in row else "Nr"] for row in rows[:count]]


def printed_command(said):
    """The words after `labelfix` of the line that begins with it."""
    line = next(line for line in said.splitlines() if line.startswith("labelfix train"))
    return shlex.split(line)[1:]


def evidence(run):
    return json.loads((run / "metrics.json").read_text())["evidence"]


def test_the_filled_file_goes_back_as_it_is_by_the_command_that_is_printed(folder, tmp_path, capsys, monkeypatch):
    """Run from another folder, under a name with a space."""
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "to label.csv"
    assert main(["next", "--run", str(folder / "run"), "--count", "30", "--out", str(out)]) == 0
    command = printed_command(capsys.readouterr().err)
    answered = fill(out, 12)
    blank = sum(row["label"] == "" for row in csv.DictReader(out.open()))
    assert blank > 1
    assert main([*command, "-v"]) == 0
    said = capsys.readouterr().err
    assert f"{blank} rows that labelfix asked about have no answer (blank or ?) and are skipped" in said
    assert "12 trusted rows were chosen by labelfix: they train and judge nothing" in said
    run = Path(command[command.index("--out") + 1])
    assert run == folder / "run-2"
    judged = evidence(run)["judged_on"]
    assert isinstance(judged, dict)
    assert (judged["rows"], judged["trained"], judged["chosen"]) == (60, 72, 12)
    verdict = json.loads((run / "run.json").read_text())["verdict"]["sentence"]
    assert "(60 of the 72 rows you checked" in verdict
    assert "12 more, which were not drawn at random, train and judge nothing" in verdict
    again = {row["id"] for row in asked_of(run, tmp_path / "more.csv")}
    assert not again & set(answered)


def test_every_row_says_how_and_with_which_chance_it_was_drawn(folder, tmp_path):
    rows = asked(folder, tmp_path / "ask.csv", 5)
    assert {(row[DRAWN], float(row[CHANCE])) for row in rows} == {("worst first", 1.0)}


def test_answers_do_not_move_what_is_said_of_the_given_labels(folder, tmp_path, capsys, monkeypatch):
    """`next` asks where labels are likely to be wrong: counted, its answers would raise the noise rate."""
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "ask.csv"
    assert main(["next", "--run", str(folder / "run"), "--count", "60", "--out", str(out)]) == 0
    command = printed_command(capsys.readouterr().err)
    fill(out, 60)
    assert main([*command[:-1], str(tmp_path / "after"), "-q"]) == 0
    pairs = [json.loads((run / "metrics.json").read_text()) for run in (folder / "run", tmp_path / "after")]
    before, after = (each["counts"]["paired_given_wrong"] for each in pairs)
    assert before == after
    rates = [each["evidence"]["noise"]["rate"] for each in pairs]
    assert rates[0]["rows"] == rates[1]["rows"] == 60
    assert abs(rates[0]["value"] - rates[1]["value"]) < 0.02


def test_columns_are_called_as_in_the_own_files(tmp_path, folder, capsys):
    """The noisy labels stand in `given_label`, the trusted ones in `checked`, and ids are called differently."""
    noisy = (folder / "noisy.csv").read_text().replace("id,a,b,label", "Nr,a,b,given_label", 1)
    gold = (folder / "gold.csv").read_text().replace("id,label", "Key,checked", 1)
    (tmp_path / "noisy.csv").write_text(noisy)
    (tmp_path / "gold.csv").write_text(gold)
    words = ["--id-column", "Nr", "--clean-id-column", "Key", "--clean-label-column", "checked"]
    files = ["--noisy", str(tmp_path / "noisy.csv"), "--clean", str(tmp_path / "gold.csv")]
    assert main(["train", *files, *words, "--out", str(tmp_path / "run"), "-q"]) == 0
    capsys.readouterr()
    out = tmp_path / "ask.csv"
    assert main(["next", "--run", str(tmp_path / "run"), "--count", "8", "--out", str(out)]) == 0
    said = capsys.readouterr().err
    assert "fill in the column `checked`" in said
    rows = list(csv.DictReader(out.open()))
    assert list(rows[0])[:5] == ["Key", "a", "b", "checked", "labelfix_given_label"]
    out.write_text(out.read_text().replace("Key,", "id,", 1))
    fill(out, 8, "checked")
    out.write_text(out.read_text().replace("id,", "Key,", 1))
    assert main([*printed_command(said), "-q"]) == 0
    judged = evidence(tmp_path / "run-2")["judged_on"]
    assert isinstance(judged, dict)
    assert (judged["rows"], judged["chosen"]) == (60, 8)


def test_answers_without_any_row_that_a_person_drew_judge_nothing(folder, tmp_path, capsys):
    asked(folder, tmp_path / "ask.csv", 60)
    fill(tmp_path / "ask.csv", 60)
    files = ["--noisy", str(folder / "noisy.csv"), "--clean", str(tmp_path / "ask.csv"), "--id-column", "id"]
    capsys.readouterr()
    assert main(["train", *files, "--out", str(tmp_path / "run"), "-v"]) == 0
    assert "nothing judges this run: `next` chose all trusted rows; draw some yourself" in capsys.readouterr().err
    assert evidence(tmp_path / "run") == {} or "ledger" not in evidence(tmp_path / "run")


def asked_of(run, out):
    assert main(["next", "--run", str(run), "--count", "10", "--out", str(out), "--quiet"]) == 0
    return list(csv.DictReader(out.open()))


def test_an_input_is_never_written_over(folder, capsys):
    before = (folder / "noisy.csv").read_bytes()
    assert main(["next", "--run", str(folder / "run"), "--out", str(folder / "noisy.csv")]) == 2
    assert (folder / "noisy.csv").read_bytes() == before


def test_a_network_is_judged_by_held_out_rows_that_a_person_drew(folder, tmp_path):
    """A part of the answers is held out too: it says what the others took away, and judges nothing itself."""
    rows = asked(folder, tmp_path / "ask.csv", 60)
    fill(tmp_path / "ask.csv", len(rows))
    files = ["--noisy", str(folder / "noisy.csv"), "--clean", str(folder / "gold.csv")]
    settings = ("recipe=paper", "epochs=2", "warmup_epochs=1", "held_out=0.5")
    network = ["--backbone", "mlp", *(word for each in settings for word in ("--set", each))]
    words = [*files, "--clean", str(tmp_path / "ask.csv"), "--id-column", "id", *network]
    assert main(["train", *words, "--out", str(tmp_path / "run"), "-q"]) == 0
    found = json.loads((tmp_path / "run" / "metrics.json").read_text())
    judged = found["evidence"]["judged_on"]
    assert judged["chosen"] == len(rows)
    assert judged["trained"] == 60 + len(rows)
    assert 20 <= judged["rows"] <= 60
    assert found["classifier_right"]["rows"] == judged["rows"]
    assert found["evidence"]["ledger"]["corrected_labels"]["rows"] == judged["rows"]
