"""Trusted rows that `next` chose: known by their column, skipped while they are blank, and no evidence of anything."""

import numpy as np
import pytest

from labelfix.data.chosen_rows import CHANCE, DRAWN, WORST_FIRST
from labelfix.data.labels.noise_rate import rate_in
from labelfix.data.read import read_training
from labelfix.data.summary import summarise
from labelfix.errors import InputError
from labelfix.settings.data import DataSettings

ROWS = 60
TRUTH = ["x" if i % 2 else "y" for i in range(ROWS)]


@pytest.fixture
def folder(tmp_path):
    """60 texts of two classes; the labels of rows 40 to 59 are all wrong. 20 trusted rows, all rightly labelled."""
    given = [TRUTH[i] if i < 40 else TRUTH[i - 1] for i in range(ROWS)]
    lines = ["id,text,label", *(f"k{i},words of the sentence number {i},{given[i]}" for i in range(ROWS))]
    (tmp_path / "noisy.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "gold.csv").write_text("\n".join(["id,label", *(f"k{i},{TRUTH[i]}" for i in range(20))]) + "\n")
    return tmp_path


def answers(folder, labels, name="answers.csv"):
    lines = [f"id,label,{DRAWN},{CHANCE}", *(f"k{i},{label},{WORST_FIRST},1" for i, label in labels.items())]
    (folder / name).write_text("\n".join(lines) + "\n")
    return folder / name


def read(folder, *clean):
    return read_training(folder / "noisy.csv", [folder / "gold.csv", *clean], DataSettings())


def test_rows_of_the_column_are_chosen_and_those_of_a_file_without_it_judge(folder):
    data = read(folder, answers(folder, {50: "y", 51: "x"})).data
    assert len(data.clean) == 22
    assert data.judges.tolist() == [True] * 20 + [False] * 2
    assert data.clean.codes[20:].tolist() == [data.classes.codes["y"], data.classes.codes["x"]]


def test_the_column_may_stand_in_the_only_trusted_file(folder):
    lines = [f"id,label,{DRAWN}", *(f"k{i},{TRUTH[i]}," for i in range(20)), f"k50,y,{WORST_FIRST}"]
    (folder / "both.csv").write_text("\n".join(lines) + "\n")
    data = read_training(folder / "noisy.csv", folder / "both.csv", DataSettings()).data
    assert data.judges.tolist() == [True] * 20 + [False]


def test_blank_answers_are_skipped_and_counted(folder):
    reading = read(folder, answers(folder, {50: "y", 51: "", 52: " ", 53: "N/A"}))
    assert len(reading.data.clean) == 21
    assert [reading.data.clean.ids[i].as_py() for i in (19, 20)] == ["k19", "k50"]
    assert "3 rows that labelfix asked about have no answer (blank or ?) and are skipped" in reading.notes
    said = "1 trusted row was chosen by labelfix: it trains and judges nothing, as such rows are the hard ones"
    assert said in reading.notes


def test_a_row_that_nobody_can_tell_is_no_error_in_a_file_that_asks(folder):
    """`certify` offers `?`, and its file may be learnt from."""
    reading = read(folder, answers(folder, {50: "y", 51: "?", 52: "Can't tell"}))
    assert len(reading.data.clean) == 21
    assert not [warning for warning in reading.warnings if "?" in str(warning)]


def test_answers_of_a_source_of_labels_are_not_trusted(folder):
    file = folder / "asked.csv"
    file.write_text(f"id,label,given_label,ask,{DRAWN}\nk50,y,x,anna,{WORST_FIRST}\nk51,x,x,trusted,{WORST_FIRST}\n")
    reading = read(folder, file)
    assert [reading.data.clean.ids[i].as_py() for i in (19, 20)] == ["k19", "k51"]
    assert any("1 answer is of a source" in str(warning) for warning in reading.warnings)


def test_a_file_of_blank_answers_alone_changes_nothing_and_is_warned_of(folder):
    """The answers may stand in another column."""
    reading = read(folder, answers(folder, {50: "", 51: ""}))
    assert len(reading.data.clean) == 20
    assert reading.data.clean.chosen is None
    assert any("2 rows that labelfix asked about have no answer" in str(warning) for warning in reading.warnings)


def test_a_blank_label_of_a_row_that_nobody_chose_is_one_that_nobody_has_looked_at(folder):
    (folder / "more.csv").write_text("id,label\nk30,\n,\nk31,?\nk32,x\nk32,x\n")
    reading = read(folder, folder / "more.csv")
    assert len(reading.data.clean) == 21
    said = "\n".join((*reading.notes, *map(str, reading.warnings)))
    assert "2 rows of" in said
    assert "have no label and are skipped" in said
    assert "1 row repeats the id and the label of an earlier row" in said
    assert '"?" counts as "no label" (1 rows, which are left out)' in said


def test_rows_of_nothing_that_a_spreadsheet_left_are_passed_over(folder):
    file = answers(folder, {50: "Y", 51: "x"})
    file.write_text(
        file.read_text().replace(",", ";").replace("\n", ";extra\n", 1).replace("1\n", "1;\n") + ";;;;\n" * 3
    )
    reading = read(folder, file)
    assert len(reading.data.clean) == 22
    assert any("rows without any value, which are passed over: 3" in note for note in reading.notes)


def test_an_answer_that_is_no_class_is_an_error(folder):
    with pytest.raises(InputError, match='label "z"'):
        read(folder, answers(folder, {50: "z"}))


def test_the_noise_rate_rests_on_the_rows_that_a_person_drew(folder):
    """All 20 rows drawn are right; the 10 chosen ones are all wrong and would make a third of it."""
    reading = read(folder, answers(folder, {i: TRUTH[i] for i in range(40, 50)}))
    assert rate_in(reading.data).rows == 20
    assert rate_in(reading.data).value == 0
    summary = summarise(reading)
    assert summary.trusted == 30
    assert summary.chosen == 10
    assert np.trace(summary.transitions) == np.sum(summary.transitions) == 20
    assert any(
        "drawn at random, but for 10 that labelfix chose: these train and judge nothing" in line
        for line in summary.lines()
    )


def test_how_rows_were_drawn_is_tested_on_those_that_a_person_drew(folder):
    """Random rows of both classes; 39 answers of one class would say "per class"."""
    only_x = {i: "x" for i in range(20, ROWS) if TRUTH[i] == "x"}
    notes = " ".join(read(folder, answers(folder, only_x)).notes)
    assert "taken as drawn at random" in notes


def test_answers_of_two_rounds_come_back_together(folder):
    one, two = answers(folder, {50: "y"}, "one.csv"), answers(folder, {51: "x", 52: "y"}, "two.csv")
    data = read(folder, one, two).data
    assert data.judges.tolist() == [True] * 20 + [False] * 3
