"""`certify`: from the rows to check over the answers to a certificate that can be computed again."""

import csv
import json
import re
import shutil

import jsonschema
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import labelfix
from labelfix.certificates import campaign
from labelfix.cli import main
from labelfix.data.chosen_rows import CHANCE, DRAWN
from labelfix.errors import RunError
from labelfix.outputs.queues import RunRows, make_queue
from labelfix.runs import RunFolder
from labelfix.runs.answers import Answer, AnswersFile, now

BOUND = ["--max-noise-rate", "0.15"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """400 rows of a table in three classes, a fifth of them wrong; 80 trusted ones, and a run."""
    folder = tmp_path_factory.mktemp("certify")
    generator = np.random.default_rng(0)
    truth = np.arange(400) % 3
    x = np.eye(3)[truth][:, :2] * 3 + generator.normal(0, 0.75, (400, 2))
    given = np.where(generator.random(400) < 0.2, (truth + 1) % 3, truth)
    rows = enumerate(zip(x, given, strict=True))
    lines = ["id,a,b,label", *(f"k{i},{a:.4f},{b:.4f},{'xyz'[c]}" for i, ((a, b), c) in rows)]
    (folder / "noisy.csv").write_text("\n".join(lines) + "\n")
    (folder / "gold.csv").write_text("\n".join(["id,label", *(f"k{i},{right(i)}" for i in range(0, 400, 5))]) + "\n")
    files = ["--noisy", str(folder / "noisy.csv"), "--clean", str(folder / "gold.csv")]
    assert main(["train", *files, "--id-column", "id", "--out", str(folder / "run"), "--quiet"]) == 0
    return folder


def right(row):
    """The true label of a row, by its number or its id."""
    return "xyz"[int(str(row).lstrip("k")) % 3]


@pytest.fixture
def run(made, tmp_path, monkeypatch):
    """A copy of the run, nobody has read a row of; the working directory is its parent."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(made / "run", tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def noisy(made):
    return ["--noisy", str(made / "noisy.csv")]


def certify(run, *words):
    return main(["certify", "--run", str(run), *words])


def kept(run):
    return json.loads((run / "certificate" / "certificate.json").read_text())


def plan(run):
    return json.loads((run / "certificate" / "plan.json").read_text())


def rows_of(path):
    with path.open() as stream:
        return list(csv.DictReader(stream))


def fill(path, said=right, count=None):
    """Answer the first so many rows of a file."""
    rows = rows_of(path)
    for row in rows[:count]:
        row["label"] = said(row["id"])
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def exported(run):
    table = pq.read_table(run / "corrected.parquet")
    return dict(zip(table["id"].to_pylist(), table["corrected_label"].to_pylist(), strict=True))


def unchecked(run):
    trusted = set(json.loads((run / "run.json").read_text())["trusted_rows"])
    return {name for place, name in enumerate(exported(run)) if place not in trusted}


def test_from_the_first_row_to_a_certificate(run, noisy, tmp_path, capsys):
    assert certify(run, *BOUND, *noisy) == 1
    said = capsys.readouterr()
    assert said.out.startswith("not yet: it takes about ")
    assert "rows to prove that no more than 15 % of the labels are wrong; " in said.out
    assert "labelfix certify --run" in said.err
    assert certify(run, *noisy) == 1
    assert "they stand in the newest to_check file, or where --out put them" in capsys.readouterr().err
    rows = rows_of(tmp_path / "to_check.csv")
    assert list(rows[0])[:4] == ["id", "a", "b", "label"]
    assert {row["label"] for row in rows} == {""}
    assert {row[DRAWN] for row in rows} == {"certify"}
    handed_out = plan(run)["handed_out"]
    assert [row["id"] for row in rows] == [each["id"] for each in handed_out]
    assert [float(row[CHANCE]) for row in rows] == pytest.approx([each["chance"] for each in handed_out])
    assert {row["id"] for row in rows} <= unchecked(run)

    table, code = tmp_path / "to_check.csv", 1
    for number in range(2, 12):
        fill(table)
        code = certify(run, "--answers", str(table), *noisy)
        if code == 0:
            break
        table = tmp_path / f"to_check-{number}.csv"
    assert code == 0
    captured = capsys.readouterr()
    assert f"a paragraph for a data card: {run / 'certificate'}" in captured.err
    said = captured.out.splitlines()
    assert any(line.startswith("certified: At most 15 % of the 320 labels") for line in said)
    found = kept(run)
    labels = exported(run)
    assert np.mean([labels[name] != right(name) for name in unchecked(run)]) <= 0.15
    assert found["status"] == "certified"
    assert found["proven_at_most"] <= 0.15
    assert found["read"] == len(plan(run)["handed_out"])
    assert found["wrong"] == sum(labels[each["id"]] != right(each["id"]) for each in plan(run)["handed_out"])
    assert found["left_at_most"] == pytest.approx(found["proven_at_most"] - found["wrong"] / 320)
    assert (found["rows"], found["trusted"]) == (320, 80)
    assert "At most 15 % of the 320 labels" in (run / "certificate" / "data-card.md").read_text()
    assert certify(run, "--check", *noisy) == 0


def test_labels_that_are_too_noisy_are_said_to_be(run, noisy, tmp_path, capsys):
    assert certify(run, "--max-noise-rate", "0.02", "--count", "100", *noisy) == 1
    fill(tmp_path / "to_check.csv", lambda name: "xyz"[(int(name[1:]) + int(name[1:]) // 3 % 2) % 3])
    capsys.readouterr()
    assert certify(run, "--answers", "to_check.csv", *noisy, "-q") == 1
    said = capsys.readouterr().out
    assert said.startswith("cannot be reached: more than 2 % of the labels are wrong; --max-noise-rate 0.")
    assert kept(run)["proven_at_least"] > 0.02
    assert not (tmp_path / "to_check-2.csv").exists()


def test_answers_count_once_in_any_order_and_with_any_rest(run, noisy, tmp_path):
    certify(run, *BOUND, "--count", "60", *noisy)
    fill(tmp_path / "to_check.csv", count=30)
    certify(run, "--answers", "to_check.csv", *noisy)
    first = kept(run)
    assert (first["read"], first["blank"]) == (30, 0)
    lines = (tmp_path / "to_check.csv").read_text().splitlines()
    (tmp_path / "shuffled.csv").write_text("\n".join([lines[0], *reversed(lines[1:])]) + "\n")
    before = (run / "answers.jsonl").read_bytes()
    certify(run, "--answers", "shuffled.csv", *noisy)
    assert kept(run) == first
    assert (run / "answers.jsonl").read_bytes() == before
    assert not (tmp_path / "to_check-2.csv").exists()


def test_what_nobody_can_tell_or_has_read_counts_as_wrong_and_proves_nothing_wrong(run, noisy, tmp_path, capsys):
    certify(run, *BOUND, "--count", "50", *noisy)
    whole = (tmp_path / "to_check.csv").read_text()
    ids = [row["id"] for row in rows_of(tmp_path / "to_check.csv")]
    seen = {}
    for name, odd in (
        ("told", right),
        ("unsure", lambda _: "can't tell"),
        ("blank", lambda _: ""),
        ("wrong", wrong(run)),
    ):
        (tmp_path / f"{name}.csv").write_text(whole)
        fill(tmp_path / f"{name}.csv", lambda row, odd=odd: odd(row) if row in ids[5:9] else exported(run)[row])
        fresh = tmp_path / f"run-{name}"
        shutil.copytree(run, fresh)
        capsys.readouterr()
        certify(fresh, "--answers", f"{name}.csv", *noisy, "-q")
        seen[name] = kept(fresh), capsys.readouterr().out
    assert seen["told"][0]["proven_at_most"] < seen["unsure"][0]["proven_at_most"]
    assert seen["unsure"][0]["proven_at_most"] == seen["blank"][0]["proven_at_most"]
    assert seen["unsure"][0]["proven_at_most"] == pytest.approx(seen["wrong"][0]["proven_at_most"])
    assert seen["unsure"][0]["proven_at_least"] <= seen["wrong"][0]["proven_at_least"]
    assert (seen["unsure"][0]["not_told"], seen["blank"][0]["blank"]) == (4, 4)
    assert "4 rows that the reader could not tell count as wrong" in seen["unsure"][1]
    assert "4 rows before the last answered one are blank and count as wrong until answered" in seen["blank"][1]
    cards = {name: (tmp_path / f"run-{name}" / "certificate" / "data-card.md").read_text() for name in seen}
    assert "4 rows that the reader could not tell count as wrong" in cards["unsure"]
    assert "4 rows that nobody has read yet count as wrong" in cards["blank"]
    assert "could not tell" not in cards["blank"]


def wrong(run):
    """Says of a row what is not its exported label."""
    labels = exported(run)
    return lambda row: "xyz"["xyz".index(labels[row]) - 1]


def test_answers_of_other_people_are_in_the_run_already(run, noisy):
    certify(run, *BOUND, "--count", "40", *noisy)
    file = AnswersFile(run / "answers.jsonl")
    for number, each in enumerate(plan(run)["handed_out"][:25]):
        said = {"decision": "cannot_tell"} if number == 3 else {"decision": "label", "label": right(each["id"])}
        file.append(Answer(key=str(number), id=each["id"], who="ana", when=now(), queue="random", **said))
    assert certify(run, *noisy) == 1
    assert (kept(run)["read"], kept(run)["not_told"]) == (25, 1)


def test_rows_answered_before_their_turn_make_the_rest_of_the_way_shorter(run, noisy, capsys):
    def about():
        return int(re.search(r"it takes about (\d+) ", capsys.readouterr().out)[1])

    certify(run, "--max-noise-rate", "0.1", "--count", "60", *noisy)
    needed = about()
    assert 20 < needed <= 60
    file, rows = AnswersFile(run / "answers.jsonl"), plan(run)["handed_out"]
    for number in range(needed - 10, 60):
        said = {"decision": "label", "label": exported(run)[rows[number]["id"]]}
        file.append(Answer(key=str(number), id=rows[number]["id"], who="ana", when=now(), queue="worst", **said))
    certify(run, *noisy)
    assert about() == needed - 10


def test_answers_come_back_from_the_tools_that_tasks_go_to(run, noisy, tmp_path):
    """Tasks of the plan as `export --tasks` writes them; one was skipped there, and is still open."""
    certify(run, *BOUND, "--count", "30", *noisy)
    words = ["--run", str(run), "--tasks", "label-studio", "--queue", "certify", "--out", "studio", *noisy]
    assert main(["export", *words, "-q"]) == 0
    tasks = json.loads((tmp_path / "studio" / "tasks.json").read_text())
    assert [task["data"]["labelfix_id"] for task in tasks] == [row["id"] for row in plan(run)["handed_out"]]
    for number, task in enumerate(tasks):
        chosen = {"choices": [right(task["data"]["labelfix_id"])]}
        region = {"from_name": "label", "to_name": "input", "type": "choices", "value": chosen}
        task["annotations"] = [{"id": number, "was_cancelled": number == 12, "result": [region]}]
    (tmp_path / "project.json").write_text(json.dumps(tasks))
    assert certify(run, "--answers", "project.json", *noisy) == 1
    assert (kept(run)["read"], kept(run)["blank"]) == (29, 1)
    tasks[12]["annotations"][0] |= {"was_cancelled": False}
    tasks[12]["annotations"][0]["result"][0]["value"]["choices"] = ["w"]
    (tmp_path / "project.json").write_text(json.dumps(tasks))
    assert certify(run, "--answers", "project.json", *noisy) == 2


def test_the_review_page_shows_the_rows_of_the_plan_in_its_order(run, noisy):
    rows = RunRows(RunFolder(run))
    with pytest.raises(RunError, match="there is no plan of rows to read; make one with `labelfix certify"):
        make_queue("certify", rows, 100, list)
    certify(run, *BOUND, "--count", "25", *noisy)
    queue = make_queue("certify", rows, 100, list)
    assert [str(rows.ids[place]) for place in queue.order.tolist()] == [row["id"] for row in plan(run)["handed_out"]]
    assert queue.inclusion is not None
    assert queue.inclusion.tolist() == [row["chance"] for row in plan(run)["handed_out"]]


def test_two_people_who_disagree_are_told_so_and_nothing_is_taken(run, noisy, tmp_path, capsys):
    certify(run, *BOUND, "--count", "30", *noisy)
    name = plan(run)["handed_out"][4]["id"]
    other = next(label for label in "xyz" if label != right(name))
    AnswersFile(run / "answers.jsonl").append(
        Answer(key="1", id=name, decision="label", label=other, who="ana", when=now(), queue="worst")
    )
    fill(tmp_path / "to_check.csv")
    before = (run / "answers.jsonl").read_bytes()
    capsys.readouterr()
    assert certify(run, "--answers", "to_check.csv", *noisy) == 2
    said = capsys.readouterr().err
    assert f'to_check.csv: row {name}: says "{right(name)}", where ana said "{other}" before' in said
    assert (run / "answers.jsonl").read_bytes() == before


def test_two_people_whose_files_have_one_name_do_not_write_over_each_other(run, noisy, tmp_path, capsys):
    certify(run, *BOUND, "--count", "30", *noisy)
    other = {right: left for left, right in zip("xyz", "yzx", strict=True)}
    for folder, said in (("ann", right), ("bob", lambda name: other[right(name)])):
        (tmp_path / folder).mkdir()
        shutil.copy("to_check.csv", folder)
        fill(tmp_path / folder / "to_check.csv", said)
    certify(run, "--answers", "ann/to_check.csv", *noisy)
    before = (run / "answers.jsonl").read_bytes()
    assert certify(run, "--answers", "bob/to_check.csv", *noisy) == 2
    assert "where ann/to_check.csv said" in capsys.readouterr().err
    tables = [pa.Table.from_pylist(rows_of(tmp_path / name / "to_check.csv")) for name in ("ann", "bob")]
    with pytest.raises(labelfix.LabelfixError, match="a table 2: row k"):
        labelfix.load_run(run).certify(answers=tables)
    assert (run / "answers.jsonl").read_bytes() == before


def test_a_changed_answer_of_the_same_file_counts_as_it_is_now(run, noisy, tmp_path):
    certify(run, *BOUND, "--count", "30", *noisy)
    fill(tmp_path / "to_check.csv", exported(run).get)
    certify(run, "--answers", "to_check.csv", *noisy)
    assert kept(run)["wrong"] == 0
    for said, expected in ((wrong(run), 30), (exported(run).get, 0)):
        fill(tmp_path / "to_check.csv", said)
        certify(run, "--answers", "to_check.csv", *noisy)
        assert kept(run)["wrong"] == expected


@pytest.mark.parametrize(
    "what", ["answers", "corrected", "plan", "draws", "bound", "certificate", "statement", "card", "gone", "noisy"]
)
def test_check_finds_whatever_was_changed(what, run, made, noisy, tmp_path, capsys):
    certify(run, "--max-noise-rate", "0.3", "--count", "60", *noisy)
    fill(tmp_path / "to_check.csv")
    assert certify(run, "--answers", "to_check.csv", *noisy) == 0
    assert certify(run, "--check", *noisy) == 0
    place = run / "certificate"
    expected = "does not follow from the files"
    if what == "answers":
        name = plan(run)["handed_out"][2]["id"]
        standing = AnswersFile(run / "answers.jsonl")
        known = standing.ledger.standing_of(name)
        assert known is not None
        standing.append(
            Answer(key="x", id=name, decision="cannot_tell", who="eve", when=now(), queue="worst"), known.key
        )
        expected = "answers has changed since"
    elif what == "corrected":
        table = pq.read_table(run / "corrected.parquet")
        pq.write_table(table, run / "corrected.parquet", compression="none")
        expected = "was made for other labels than the run has now"
    elif what == "plan":
        (place / "plan.json").write_text((place / "plan.json").read_text().replace('"seed": 0', '"seed": 1'))
        expected = "its seed gives"
    elif what == "draws":
        changed = plan(run)
        changed["handed_out"][3], changed["handed_out"][4] = changed["handed_out"][4], changed["handed_out"][3]
        (place / "plan.json").write_text(json.dumps(changed))
        expected = "row 4 of the plan is"
    elif what == "bound":
        (place / "plan.json").write_text(json.dumps({**plan(run), "bound": 0.01}))
        expected = "row 1 of the plan has the chance"
    elif what in ("statement", "card"):
        file = place / {"statement": "certificate.json", "card": "data-card.md"}[what]
        file.write_text(file.read_text().replace("At most 30 % of the 320 labels", "At most 3 % of the 320 labels"))
        expected = {"statement": "statement: is not what its", "card": "data-card.md: is not the paragraph"}[what]
    elif what == "certificate":
        changed = kept(run)
        (place / "certificate.json").write_text(json.dumps({**changed, "proven_at_most": 0.001}))
        expected = "proven_at_most: says 0.001, the files say 0."
    elif what == "gone":
        (place / "certificate.json").unlink()
        expected = "make it with `labelfix certify"
    else:
        (tmp_path / "other.csv").write_text((made / "noisy.csv").read_text().replace("k1,", "k1000,"))
        noisy = ["--noisy", str(tmp_path / "other.csv")]
        expected = "other.csv"
    capsys.readouterr()
    assert certify(run, "--check", *noisy) == 2
    assert expected in capsys.readouterr().err
    if what in ("plan", "draws", "bound", "corrected"):
        assert certify(run, *noisy) == 2
        assert "begin another plan with --new-plan" in capsys.readouterr().err


def test_what_was_fixed_before_the_first_answer_stays_so(run, noisy, capsys):
    certify(run, *BOUND, "--count", "30", *noisy)
    before = plan(run)
    for words in (["--confidence", "0.9"], ["--seed", "4"], ["--min-confidence", "0.9"], ["--drop-issues"]):
        assert certify(run, *words, *noisy) == 2
        assert f"{words[0]} " in capsys.readouterr().err
        assert plan(run) == before
    assert certify(run, "--max-noise-rate", "0.3", *noisy) == 1
    assert plan(run) == before
    assert kept(run)["max_noise_rate"] == 0.3
    assert certify(run, *BOUND, "--seed", "4", "--new-plan", "--count", "30", *noisy) == 1
    assert plan(run)["begun"] == 1
    assert [row["id"] for row in plan(run)["handed_out"]] != [row["id"] for row in before["handed_out"]]


def test_the_seed_decides_which_rows_are_read(run, noisy, tmp_path):
    drawn = []
    for number, seed in enumerate(("5", "5", "6")):
        fresh = tmp_path / f"run-{number}"
        shutil.copytree(run, fresh)
        certify(fresh, *BOUND, "--seed", seed, "--count", "20", "--out", f"{number}.csv", *noisy)
        drawn.append([row["id"] for row in plan(fresh)["handed_out"]])
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.parametrize("words", [["--drop-issues"], ["--min-confidence", "0"], []])
def test_the_labels_are_those_that_export_writes(words, run, noisy, tmp_path):
    """All rows are read: then as many are wrong as in the exported file."""
    assert main(["export", "--run", str(run), "--corrected-labels", "out.csv", *words, *noisy, "-q"]) == 0
    free = unchecked(run)
    rows = [row for row in rows_of(tmp_path / "out.csv") if row["id"] in free]
    certify(run, "--max-noise-rate", "0.001", *words, "--count", "400", *noisy)
    assert {row["id"] for row in plan(run)["handed_out"]} == {row["id"] for row in rows}
    fill(tmp_path / "to_check.csv")
    assert certify(run, "--answers", "to_check.csv", *noisy) == 1
    share = np.mean([row["label"] != right(row["id"]) for row in rows])
    found = kept(run)
    assert (found["rows"], found["dropped"]) == (len(rows), 320 - len(rows))
    assert found["proven_at_most"] == found["proven_at_least"] == pytest.approx(share)
    assert found["status"] == "cannot be reached"
    assert f"wrong as exported{' with ' if words else ''}{' '.join(words)} (95 % sure" in found["statement"]


def test_with_answers_the_corrections_of_the_reader_count(run, noisy, tmp_path, capsys):
    certify(run, "--max-noise-rate", "0.5", "--count", "150", *noisy)
    fill(tmp_path / "to_check.csv")
    certify(run, "--answers", "to_check.csv", *noisy)
    found = kept(run)
    assert found["wrong"] > 0
    between = (found["left_at_most"] + found["proven_at_most"]) / 2
    capsys.readouterr()
    assert certify(run, "--max-noise-rate", f"{between:.6f}", *noisy) == 1
    assert "--with-answers certifies that" in capsys.readouterr().out
    assert certify(run, "--max-noise-rate", f"{between:.6f}", "--with-answers", *noisy) == 0
    assert "with the reader's corrections written in" in capsys.readouterr().out
    assert certify(run, "--check", *noisy) == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "--max-noise-rate is missing"),
        (["--max-noise-rate", "0"], "give a share above 0 and below 1"),
        (["--max-noise-rate", "2"], "Invalid value for '--max-noise-rate'"),
        ([*BOUND, "--confidence", "1"], "--confidence 1: give a share from 0.5 to below 1"),
        ([*BOUND, "--out", "rows.txt"], "ends in none of"),
        (["--check"], "certificate.json: cannot be read"),
    ],
)
def test_what_cannot_be_certified_is_an_error_and_no_verdict(words, said, run, noisy, tmp_path, capsys):
    assert certify(run, *words, *noisy) == 2
    assert said in capsys.readouterr().err
    assert not (run / "certificate").exists()
    assert not list(tmp_path.glob("*.csv"))


def test_labels_that_are_no_class_are_named_and_nothing_is_taken(run, noisy, tmp_path, capsys):
    certify(run, *BOUND, "--count", "20", *noisy)
    fill(tmp_path / "to_check.csv", lambda _: "w")
    assert certify(run, "--answers", "to_check.csv", *noisy) == 2
    assert '"w"' in capsys.readouterr().err
    assert not (run / "answers.jsonl").exists()


def test_files_that_may_hold_answers_are_not_written_over(run, noisy, tmp_path):
    (tmp_path / "to_check.csv").write_text("mine")
    certify(run, *BOUND, "--count", "20", *noisy)
    assert (tmp_path / "to_check.csv").read_text() == "mine"
    assert len(rows_of(tmp_path / "to_check-2.csv")) == 20
    assert certify(run, "--out", "to_check-2.csv", *noisy) == 2
    before = plan(run)
    assert certify(run, "--out", "to_check-2.csv", "--overwrite", "--count", "5", *noisy) == 1
    assert len(rows_of(tmp_path / "to_check-2.csv")) == 25
    assert plan(run)["handed_out"][:20] == before["handed_out"]


@pytest.mark.parametrize("target", ["answers.jsonl", "certificate/plan.json", "corrected.parquet"])
def test_what_people_have_answered_is_never_written_over(target, run, noisy, tmp_path, capsys):
    certify(run, *BOUND, "--count", "20", *noisy)
    fill(tmp_path / "to_check.csv", count=3)
    certify(run, "--answers", "to_check.csv", *noisy)
    before = (run / target).read_bytes()
    capsys.readouterr()
    assert certify(run, "--out", str(run / target), "--overwrite", "--count", "5", *noisy) == 2
    assert "is never changed" in capsys.readouterr().err
    assert (run / target).read_bytes() == before


def test_rows_nobody_asked_about_prove_nothing(run, noisy, tmp_path, capsys):
    certify(run, *BOUND, "--count", "20", *noisy)
    planned = {row["id"] for row in plan(run)["handed_out"]}
    own = [f"{name},{right(name)}" for name in sorted(unchecked(run) - planned)]
    (tmp_path / "own.csv").write_text("\n".join(["id,label", *own]) + "\n")
    capsys.readouterr()
    certify(run, "--answers", "own.csv", *noisy)
    assert (
        f"0 new answers, {len(own)} answers are left out, as the plan did not ask for them" in capsys.readouterr().err
    )
    assert kept(run)["read"] == 0


def test_a_run_without_ids_is_certified_by_the_numbers_of_its_rows(made, tmp_path):
    noisy = [line.split(",", 1)[1] for line in (made / "noisy.csv").read_text().splitlines()]
    (tmp_path / "noisy.csv").write_text("\n".join(noisy) + "\n")
    trusted = [noisy[0], *(f"{noisy[i + 1].rsplit(',', 1)[0]},{right(i)}" for i in range(0, 400, 5))]
    (tmp_path / "gold.csv").write_text("\n".join(trusted) + "\n")
    files = ["--noisy", str(tmp_path / "noisy.csv"), "--clean", str(tmp_path / "gold.csv")]
    run, tasks = tmp_path / "run", tmp_path / "rows.csv"
    assert main(["train", *files, "--join", "content", "--out", str(run), "-q"]) == 0
    assert certify(run, "--max-noise-rate", "0.3", "--count", "60", "--out", str(tasks)) == 1
    rows = rows_of(tasks)
    for row in rows:
        row["label"] = right(int(row["labelfix_id"]) - 1)
    with tasks.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    assert certify(run, "--answers", str(tasks)) == 0
    assert kept(run)["read"] == 60


def test_python_goes_the_same_way_and_reads_what_the_command_began(run, noisy, tmp_path):
    opened = labelfix.load_run(run)
    found = opened.certify(0.15, noisy=noisy[1])
    assert (found.status, found.certificate["read"]) == ("not yet", 0)
    assert found.lines[0].startswith("not yet: it takes about ")
    for _ in range(12):
        names = found.to_check["id"].to_pylist()
        filled = pa.table({"id": names, "label": [right(name) for name in names]})
        found = opened.certify(answers=[filled], noisy=noisy[1])
        if found.status == "certified":
            break
    assert found.status == "certified"
    assert found.to_check.num_rows == 0
    assert found.certificate == kept(run)
    assert certify(run, "--check", *noisy) == 0
    with pytest.raises(
        labelfix.InputError, match=r"^a table, row 1: label .other. is not one of .* \? where you cannot tell"
    ):
        opened.certify(answers=[pa.table({"id": names[:1], "label": ["other"]})], noisy=noisy[1])
    with pytest.raises(labelfix.SettingsError, match="give a share above 0"):
        opened.certify(1.5, noisy=noisy[1])


def test_what_is_written_is_as_its_published_schema_says(run, noisy, tmp_path, capsys):
    assert main(["schema", "certificate"]) == 0
    schema = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    assert certify(run, *BOUND, *noisy, "--format", "json") == 1
    validator.validate(json.loads(capsys.readouterr().out))
    fill(tmp_path / "to_check.csv", count=12)
    certify(run, "--answers", "to_check.csv", "--min-confidence", "0.5", *noisy)
    validator.validate(kept(run))
    with pytest.raises(jsonschema.ValidationError):
        validator.validate({**kept(run), "status": "perhaps"})


def test_tasks_of_a_plan_are_the_rows_that_wait_and_come_back_to_certify(run, noisy, tmp_path, capsys):
    certify(run, *BOUND, "--count", "20", *noisy)
    fill(tmp_path / "to_check.csv", count=8)
    certify(run, "--answers", "to_check.csv", *noisy)
    capsys.readouterr()
    tasks = ["export", "--run", str(run), "--tasks", "csv", "--queue", "certify", *noisy]
    assert main(tasks) == 0
    said = capsys.readouterr().err
    assert "12 rows of the queue certify" in said
    assert "--answers tasks.csv" in said
    handed_out = plan(run)["handed_out"]
    asked = rows_of(tmp_path / "tasks.csv")
    assert [row["labelfix_id"] for row in asked] == [each["id"] for each in handed_out[8:]]
    assert [float(row[CHANCE]) for row in asked] == pytest.approx([each["chance"] for each in handed_out[8:]])
    fill(tmp_path / "to_check.csv")
    certify(run, "--answers", "to_check.csv", *noisy)
    capsys.readouterr()
    assert main([*tasks, "--overwrite"]) == 2
    assert "--queue certify: every row of it is decided" in capsys.readouterr().err


def test_a_bound_that_takes_all_rows_comes_with_one_that_does_not(run, noisy, capsys):
    assert certify(run, "--max-noise-rate", f"{1.01 * plan_of(run, noisy)['expected']:.5f}", *noisy) == 1
    said = capsys.readouterr().out.splitlines()[-1]
    assert said.startswith("not yet: it takes all 320 rows to prove that no more than ")
    assert "; --max-noise-rate 0." in said
    assert "could be proven with about " in said


def plan_of(run, noisy):
    """The plan of a run, made where there is none; nobody has read a row of it."""
    certify(run, *BOUND, *noisy)
    found = plan(run)
    shutil.rmtree(run / "certificate")
    return found


def test_what_another_process_does_meanwhile_is_told_and_not_undone(run, noisy, tmp_path, monkeypatch, capsys):
    assert certify(run, *BOUND, *noisy, "--out", "a.csv") == 1
    folder = RunFolder.open_finished(run)
    ours = campaign.open_campaign(folder, campaign.Wish(0.15), again=False)
    theirs = campaign.hand_out(folder, ours, 5)
    with pytest.raises(
        RunError, match=r"plan.json: another process has drawn rows to read meanwhile; give the command"
    ):
        campaign.hand_out(folder, ours, 7)
    assert len(plan(run)["handed_out"]) == len(theirs.plan.handed_out)

    first = plan(run)["handed_out"][0]["id"]
    append = AnswersFile.append

    def late(file, answer, knowing=None):
        monkeypatch.setattr(AnswersFile, "append", append)
        file.append(Answer(key="k", id=first, decision="cannot_tell", who="eve", when=now(), queue="certify"))
        return file.append(answer, knowing)

    monkeypatch.setattr(AnswersFile, "append", late)
    fill(tmp_path / "a.csv", count=3)
    assert certify(run, *noisy, "--answers", "a.csv") == 2
    assert f"a.csv: row {first}: eve has decided about it while the answers were being taken" in capsys.readouterr().err
