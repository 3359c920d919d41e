"""Rows go out to annotation tools and spreadsheets, and their answers come back to the same rows."""

import csv
import json
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from review_server import CLASSES, ODD_IDS, make_run

from labelfix.cli import main
from labelfix.data.annotations.opening import open_trusted
from labelfix.data.read import read_training
from labelfix.runs.answers import Answer, AnswersFile, now
from labelfix.settings.data import DataSettings

RECORDED = Path(__file__).parents[1] / "data" / "annotations"
"""Made by `tests/measure/annotation_tools.py`, by the tools' own code, of the sixteen rows of `ODD_IDS`."""


@pytest.fixture
def odd(tmp_path, monkeypatch):
    """The run that the recorded files are about."""
    make_run(tmp_path, rows=len(ODD_IDS), ids=ODD_IDS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def suggested():
    """Row → suggested label, as the recorded tasks have it."""
    tasks = json.loads((RECORDED / "label-studio.json").read_text("utf-8"))
    return {task["data"]["labelfix_id"]: task["data"]["suggested_label"] for task in tasks}


def expected():
    """Row → label that the recorded answers come to."""
    found = {}
    for place, (row, label) in enumerate(suggested().items()):
        other = next(name for name in CLASSES if name != label)
        found[row] = [label, other, None, None, other, None, label, None][place % 8]
    return found


def answered(name):
    """The answers of a file."""
    return open_trusted([name])[0]


def labels(source):
    """Row → label of a source of answers."""
    return {mark.id: mark.label for mark in source.marks}


@pytest.mark.parametrize(
    "name", ["label-studio.json", "label-studio-json_min.json", "label-studio-csv.csv", "label-studio-tsv.tsv"]
)
def test_label_studios_exports_come_back_to_their_rows(name):
    found = labels(answered(RECORDED / name))
    wanted = {row: label for row, label in expected().items() if label is not None}
    assert {row: label for row, label in found.items() if label is not None} == wanted
    assert set(found) <= set(ODD_IDS)


def test_argillas_flat_records_count_what_was_submitted():
    found = labels(answered(RECORDED / "argilla-flat.json"))
    for place, (row, label) in enumerate(suggested().items()):
        other = next(name for name in CLASSES if name != label)
        # Argilla keeps one response of a person: here the first of the one who answered twice.
        assert found.get(row) == [label, other, None, None, other, None, other, None][place % 8]


def test_argillas_nested_records_do_not_say_what_was_discarded_and_that_is_said():
    source = answered(RECORDED / "argilla-nested.json")
    rows = list(suggested())
    assert labels(source)[rows[2]] == suggested()[rows[2]]
    assert any("drafts and discarded ones count as well" in remark for remark in source.remarks)


def test_a_vote_is_said_and_a_tie_is_no_answer():
    source = answered(RECORDED / "label-studio.json")
    assert "answers to 8 of 16 rows" in source.remarks
    said = "4 rows were answered by more than one person: the class that most of them give counts"
    assert any(remark.startswith(said) for remark in source.remarks)
    assert any("as many people give one class as another: 2" in remark for remark in source.remarks)


@pytest.mark.parametrize(
    ("name", "kind"), [("label-studio.json", "Label Studio's JSON"), ("argilla-flat.json", "Argilla's flat records")]
)
def test_people_are_sources_where_the_file_is_given_as_sources(odd, name, kind, capsys):
    """A person's latest answer to a row counts; whoever skipped it says nothing."""
    (odd / "gold.csv").write_text("\n".join([*(odd / "noisy.csv").read_text("utf-8").splitlines()[:5], ""]), "utf-8")
    words = ["check", "--noisy", "noisy.csv", "--sources", str(RECORDED / name), "--clean", "gold.csv", "-v"]
    main(words)
    said = "".join(capsys.readouterr())
    assert f"read as {kind}" in said
    people = {mark.who for mark in answered(RECORDED / name).votes.each}
    assert len(people) > 1
    assert f"each of {len(people)} people is a source" in said
    assert f"{len(people)} sources with" in said


@pytest.mark.parametrize("name", sorted(path.name for path in RECORDED.iterdir()))
def test_recorded_answers_are_trusted_rows_of_the_noisy_file(odd, name, capsys):
    assert main(["check", "--noisy", "noisy.csv", "--clean", str(RECORDED / name)]) == 0
    out = capsys.readouterr().out
    assert "stand in the noisy file (joined by id)" in out
    assert "train and judge nothing" in out


@pytest.mark.parametrize("tool", ["label-studio", "argilla", "csv", "xlsx"])
def test_tasks_go_out_with_id_labels_scores_and_what_the_row_holds(odd, tool, capsys):
    assert main(["export", "--run", "run", "--tasks", tool, "--count", "5"]) == 0
    place = Path(capsys.readouterr().out.strip())
    if tool == "label-studio":
        tasks = json.loads((place / "tasks.json").read_text("utf-8"))
        assert [task["data"]["labelfix_id"] for task in tasks] == list(ODD_IDS[:5])
        assert tasks[0]["data"]["text"] == "text of row 0"
        prediction = tasks[0]["predictions"][0]
        assert prediction["result"][0]["value"] == {"choices": [tasks[0]["data"]["suggested_label"]]}
        assert 0 <= prediction["score"] <= 1
        assert '<Choice value="owl"/>' in (place / "label_config.xml").read_text("utf-8")
    elif tool == "argilla":
        records = json.loads((place / "records.json").read_text("utf-8"))
        assert [record["id"] for record in records] == list(ODD_IDS[:5])
        assert records[0]["suggestions"]["label"]["value"] in CLASSES
    else:
        source = answered(place)
        assert list(labels(source)) == list(ODD_IDS[:5])
    assert main(["export", "--run", "run", "--tasks", tool, "--count", "5"]) == 0
    assert Path(capsys.readouterr().out.strip()).name == f"{place.stem}-2{place.suffix}"
    assert main(["export", "--run", "run", "--tasks", tool, "--count", "5", "--out", str(place)]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert main(["export", "--run", "run", "--tasks", tool, "--count", "4", "--overwrite"]) == 0


def test_rows_that_were_decided_are_not_asked_about_again(odd):
    AnswersFile(Path("run/answers.jsonl")).append(
        Answer(key="k", id=ODD_IDS[0], decision="label", label="cat", who="ann", when=now(), queue="worst")
    )
    assert main(["export", "-q", "--run", "run", "--tasks", "csv", "--count", "3"]) == 0
    assert list(labels(answered("tasks.csv"))) == list(ODD_IDS[1:4])


def test_argilla_asks_as_many_people_as_are_wanted(odd, capsys):
    words = ["export", "--run", "run", "--tasks"]
    assert main([*words, "argilla", "--people", "3", "--out", "three"]) == 0
    settings = json.loads(Path("three/.argilla/settings.json").read_text("utf-8"))
    assert settings["distribution"] == {"strategy": "overlap", "min_submitted": 3}
    assert main([*words, "label-studio", "--people", "3", "--out", "other"]) == 2
    assert "in the settings of its project" in capsys.readouterr().err
    assert not Path("other").exists()


def test_decisions_are_not_written_over(odd, capsys):
    AnswersFile(Path("run/answers.jsonl")).append(
        Answer(key="k", id=ODD_IDS[0], decision="label", label="cat", who="ann", when=now(), queue="worst")
    )
    before = Path("run/answers.jsonl").read_bytes()
    words = ["export", "--run", "run", "--corrected-labels", "run/answers.jsonl", "--overwrite"]
    assert main(words) == 2
    assert "answers.jsonl" in capsys.readouterr().err
    assert Path("run/answers.jsonl").read_bytes() == before


def test_label_studio_gets_parts_where_one_upload_would_be_too_much(odd, monkeypatch):
    monkeypatch.setattr("labelfix.outputs.tasks.label_studio.PART_TASKS", 6)
    assert main(["export", "--run", "run", "--tasks", "label-studio", "--out", "parts", "--count", "16"]) == 0
    sizes = [len(json.loads(path.read_text("utf-8"))) for path in sorted(Path("parts").glob("tasks*.json"))]
    assert sorted(sizes) == [4, 6, 6]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--tasks", "word"], "there are label-studio, argilla, csv, xlsx"),
        (["--tasks", "csv", "--out", "x.txt"], "ends in .csv"),
        (["--tasks", "argilla", "--out", "x.json"], "name a folder"),
        (["--tasks", "csv", "--queue", "best"], "no such queue"),
        (["--tasks", "csv", "--out", "noisy.csv", "--overwrite"], "noisy.csv"),
    ],
)
def test_tasks_that_cannot_be_written_are_refused(odd, words, said, capsys):
    before = Path("noisy.csv").read_bytes()
    assert main(["export", "--run", "run", *words]) == 2
    assert said in capsys.readouterr().err
    assert Path("noisy.csv").read_bytes() == before


ids = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp", "Cn", "Co")), min_size=1, max_size=12)


def filled(tool, place, answers):
    """What comes back from a tool whose people gave these answers, by row."""
    if tool == "label-studio":
        tasks = json.loads((place / "tasks.json").read_text("utf-8"))
        for number, task in enumerate(tasks):
            label = answers[task["data"]["labelfix_id"]]
            region = {"from_name": "label", "to_name": "input", "type": "choices", "value": {"choices": [label]}}
            task |= {
                "id": number,
                "annotations": [{"id": number, "completed_by": 1, "was_cancelled": False, "result": [region]}],
            }
        back = place / "back.json"
        back.write_text(json.dumps(tasks), "utf-8")
        return back
    if tool == "argilla":
        records = json.loads((place / "records.json").read_text("utf-8"))
        for record in records:
            record["responses"] = {"label": [{"value": answers[record["id"]], "user_id": "1"}]}
        back = place / "back.json"
        back.write_text(json.dumps(records), "utf-8")
        return back
    with place.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    back = place.with_name("back.csv")
    with back.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows({**row, "answer": answers[row["labelfix_id"]]} for row in rows)
    return back


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ids.filter(lambda text: text.strip() == text), min_size=3, max_size=8, unique=True))
def test_ids_survive_every_round_trip(tmp_path, names):
    folder = tmp_path / "made"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    run = make_run(folder, rows=len(names), ids=names)
    answers = {name: CLASSES[place % 3] for place, name in enumerate(names)}
    for tool in ("label-studio", "argilla", "csv"):
        place = folder / (tool if tool != "csv" else "tasks.csv")
        assert main(["export", "-q", "--run", str(run), "--tasks", tool, "--out", str(place)]) == 0
        assert labels(answered(filled(tool, place, answers))) == answers
    assert main(["export", "-q", "--run", str(run), "--tasks", "xlsx", "--out", str(folder / "tasks.xlsx")]) == 0
    assert list(labels(answered(folder / "tasks.xlsx"))) == names
    file = AnswersFile(run / "answers.jsonl")
    for name, label in answers.items():
        file.append(Answer(key=name, id=name, decision="label", label=label, who="ann", when=now(), queue="worst"))
    assert labels(answered(run / "answers.jsonl")) == answers


def test_answers_stand_beside_other_trusted_files_whatever_their_columns_are_called(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("noisy.csv").write_text("cell,words,y\n" + "".join(f"c-{i},some words {i},{'ab'[i % 2]}\n" for i in range(30)))
    Path("gold.csv").write_text("cell,truth\n" + "".join(f"c-{i},{'ab'[i % 2]}\n" for i in range(6)))
    rows = [{"labelfix_id": f"c-{i}", "answer": "a", "labelfix_drawn": "worst"} for i in (10, 12)]
    Path("back.json").write_text(json.dumps(rows))
    asked = DataSettings(label_column="y", clean_label_column="truth")
    for clean in (["gold.csv", "back.json"], ["back.json", "gold.csv"]):
        data = read_training("noisy.csv", clean, asked).data
        assert (len(data.clean), sorted(data.clean_in_noisy.tolist())) == (8, [0, 1, 2, 3, 4, 5, 10, 12])
        assert data.clean.chosen is not None
        assert data.clean.chosen.sum() == 2


def test_rows_without_ids_go_by_their_number(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("noisy.csv").write_text("words,label\n" + "".join(f"text number {i},{'ab'[i % 2]}\n" for i in range(30)))
    rows = [{"labelfix_id": str(i), "answer": "ab"[i % 2], "labelfix_drawn": ""} for i in (5, 2, 9, 30)]
    Path("back.json").write_text(json.dumps(rows))
    data = read_training("noisy.csv", "back.json", DataSettings()).data
    assert data.clean_in_noisy.tolist() == [4, 1, 8, 29]
    assert data.clean.chosen is None  # drawn at random: they may judge
    Path("back.json").write_text(json.dumps([{**rows[0], "labelfix_id": "31"}]))
    with pytest.raises(Exception, match=r"answer 1 is about row '31', which noisy.csv does not have"):
        read_training("noisy.csv", "back.json", DataSettings())


def test_filled_workbooks_come_back(odd, capsys):
    xlsxwriter = pytest.importorskip("xlsxwriter")
    with xlsxwriter.Workbook("filled.xlsx") as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["labelfix_id", "text", "answer", "labelfix_drawn"])
        for row, name in enumerate(ODD_IDS[:6], start=1):
            sheet.write_string(row, 0, name)
            sheet.write_string(row, 2, ["cat", "dog", ""][row % 3])
    source = answered("filled.xlsx")
    assert [label for label in labels(source).values() if label] == ["dog", "cat", "dog", "cat"]
    assert main(["check", "--noisy", "noisy.csv", "--clean", "filled.xlsx"]) == 0
    assert "trusted rows: 4 in filled.xlsx; 4 stand in the noisy file" in capsys.readouterr().out
