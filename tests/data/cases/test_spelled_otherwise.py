"""Files whose columns, ids, labels and numbers are spelled or counted otherwise than those of the other file."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelfix.data.columns.called import called_as
from labelfix.data.columns.found_ids import find_respelled
from labelfix.data.findings import Findings
from labelfix.data.formats import open_table
from labelfix.data.formats.memory import MemorySource
from labelfix.data.formats.several import SeveralSources
from labelfix.data.new_rows import open_rows
from labelfix.data.read import Columns, Reading, read_training
from labelfix.data.tables import ClassNames, InputSpec
from labelfix.errors import InputError
from labelfix.models.tables.features import Categories
from labelfix.settings.data import DataSettings

N = 60
DRAW = np.random.default_rng(5)
LABELS = [("sport", "food", "tech")[i] for i in DRAW.integers(0, 3, N).tolist()]
AGES = DRAW.normal(40, 9, N).round(3).tolist()
PAY = DRAW.normal(3000, 400, N).round(2).tolist()
TEXTS = [f"some words of text number {i}" for i in range(N)]
TABLE = {"age": AGES, "pay": PAY, "plan": ["a", "b"] * (N // 2), "label": LABELS}


def read(noisy: dict[str, Any], clean: dict[str, Any], **settings: Any) -> Reading:
    return read_training(pa.table(noisy), pa.table(clean), DataSettings(**settings))


def refused(noisy: dict[str, Any], clean: dict[str, Any]) -> str:
    with pytest.raises(InputError) as caught:
        read(noisy, clean)
    return str(caught.value)


def first(table: dict[str, list[Any]], rows: int = 30) -> dict[str, list[Any]]:
    return {name: cells[:rows] for name, cells in table.items()}


# Columns


def test_later_rows_may_call_their_columns_in_another_spelling() -> None:
    spec = InputSpec("table", ("age", "pay_in_euro"))
    columns = Columns("id", "label", "id", "label", spec)
    table = {"ID": ["x", "y"], "AGE ": [30.5, 40.5], "Pay in Euro": [1.5, 2.5], "Label": ["b", "a"]}
    findings = Findings()
    opened = open_rows(pa.table(table), ClassNames(("a", "b")), columns, DataSettings(), findings=findings)
    (block,) = opened.blocks(9)
    assert block.codes.tolist() == [1, 0]
    assert block.ids.to_pylist() == ["x", "y"]
    assert next(block.inputs.batches(9)).to_pydict() == {"age": [30.5, 40.5], "pay_in_euro": [1.5, 2.5]}
    assert any("column 'AGE ' is 'age'" in note for note in findings.notes)


@pytest.mark.parametrize(
    ("names", "kept", "called"),
    [
        (["AGE", "x"], [], ["age", "x"]),
        (["age", "AGE"], [], ["age", "AGE"]),
        (["Age", "AGE"], [], ["Age", "AGE"]),
        (["AGE"], ["AGE"], ["AGE"]),
        (["page"], [], ["page"]),
    ],
)
def test_a_column_is_called_otherwise_only_where_one_alone_is_meant(
    names: list[str], kept: list[str], called: list[str]
) -> None:
    source = MemorySource(pa.table({name: [1] for name in names}), "t")
    assert called_as(source, ["age"], kept, Findings()).schema.names == called


def test_trusted_inputs_meet_whatever_the_case_of_their_columns() -> None:
    reading = read(TABLE, {name.upper(): cells for name, cells in first(TABLE).items()})
    assert (reading.data.clean_in_noisy == np.arange(30)).all()


def test_parts_that_call_a_column_in_another_case_have_one_of_it(tmp_path: Path) -> None:
    for place, name in enumerate(("Age", "age")):
        table = pa.table({"id": [2 * place, 2 * place + 1], name: [1.5, 2.5]})
        pq.write_table(table, tmp_path / f"{place}.parquet")
    source = open_table(tmp_path)
    assert [chunk.batch.to_pydict() for chunk in source.scan()] == [
        {"id": [0, 1], "Age": [1.5, 2.5]},
        {"id": [2, 3], "Age": [1.5, 2.5]},
    ]
    assert "column 'age' of some files is read as 'Age'" in source.remarks


def test_text_parts_and_trusted_files_too_may_differ_in_the_case_of_their_columns(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,text,label\n1,a b,x\n2,c d,y\n")
    (tmp_path / "b.csv").write_text("Label ,ID,Text\ny,3,e f\n")
    source = open_table(tmp_path)
    assert [chunk.batch.to_pydict() for chunk in source.scan()][1] == {"id": [3], "text": ["e f"], "label": ["y"]}
    assert source.remarks == tuple(
        f"column {own!r} of some files is read as {new!r}"
        for own, new in (("ID", "id"), ("Text", "text"), ("Label", "label"))
    )
    both = SeveralSources([open_table(tmp_path / name) for name in ("a.csv", "b.csv")])
    assert [chunk.batch.column(2).to_pylist() for chunk in both.scan(["id", "text", "label"])] == [["x", "y"], ["y"]]


def test_flags_may_name_columns_in_another_case() -> None:
    noisy = {"Ticket No": [f"t{i}" for i in range(N)], "Words": TEXTS, "Label A": LABELS, "Label B": LABELS[::-1]}
    clean = {"ticket_no": noisy["Ticket No"][:30], "Gold Class": LABELS[:30], "class": LABELS[30:]}
    asked = {"id_column": "TICKET_NO", "text_column": "words", "label_column": "label_a"}
    reading = read(noisy, clean, **asked, clean_label_column="gold class")
    assert (reading.data.clean.codes == reading.data.noisy.codes[:30]).all()
    assert reading.columns.spec.columns == ("Words",)
    assert any("'label_a' means column 'Label A'" in note for note in reading.notes)


def test_a_flag_that_may_mean_two_columns_means_none() -> None:
    with pytest.raises(InputError, match="has no column 'label_a'"):
        read({"t": TEXTS, "Label A": LABELS, "Label-A": LABELS}, {"t": TEXTS, "label": LABELS}, label_column="label_a")


def test_a_part_without_labels_is_named(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": TEXTS, "label": LABELS}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"text": [f"other {text}" for text in TEXTS]}), tmp_path / "b.parquet")
    clean = pa.table({"text": TEXTS[:30], "label": LABELS[:30]})
    (said,) = [str(w) for w in read_training(str(tmp_path), clean, DataSettings()).warnings if "b.parquet" in str(w)]
    assert "b.parquet: none of its 60 rows has a label in column 'label': each gets one" in said
    assert not any("none of its" in str(w) for w in read(TABLE, first(TABLE)).warnings)


def test_labels_that_some_rows_have_under_another_name_are_told() -> None:
    halves = {"label": [*LABELS[:40], *[None] * 20], "category": [*[None] * 40, *LABELS[40:]]}
    said = refused({"text": TEXTS, **halves}, {"text": TEXTS[:30], "label": LABELS[:30]})
    assert "column 'label' is empty in 20 rows, and 'category' has labels in 20 of them and in no others" in said
    halves["category"][0] = LABELS[0]
    read({"text": TEXTS, **halves}, {"text": TEXTS[:30], "label": LABELS[:30]})


@pytest.mark.parametrize("header", ["", "token\ttag\n"])
def test_words_with_tags_are_told(tmp_path: Path, header: str) -> None:
    sentence = "Ann\tB-PER\nlives\tO\nin\tO\nNew\tB-LOC\nYork\tI-LOC\n\n"
    for name, text in (("a.tsv", sentence), ("b.txt", sentence.replace("\t", " NN "))):
        (tmp_path / name).write_text(header + 9 * text)
        with pytest.raises(InputError, match="labelfix corrects one label a row"):
            open_table(tmp_path / name)
    said = refused({"label": ["B-PER", "O", "O", "I-PER"] * 15, "w": TEXTS}, {"label": ["O", "O"], "w": TEXTS[:2]})
    assert 'holds tags such as "B-PER", which look like those of a text\'s words' in said


def test_keys_of_records_that_differ_in_spelling_are_told(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "a b", "label": "x"}\n{"text": "c d", "Label": "y"}\n')
    (warning,) = open_table(path).warnings
    assert "has keys that differ in spelling alone, 'label' and 'Label'" in str(warning)
    path.write_text('{"text": "a b", "label": "x"}\n')
    assert open_table(path).warnings == ()


def test_parts_that_have_both_names_keep_both(tmp_path: Path) -> None:
    for place, names in enumerate((["Age", "age"], ["age", "AGE"])):
        pq.write_table(pa.table({name: [place] for name in names}), tmp_path / f"{place}.parquet")
    assert open_table(tmp_path).schema.names == ["Age", "age", "AGE"]


def test_categories_of_later_rows_are_those_that_they_are_spelled_as() -> None:
    places = Categories(("Red", "blue", "BLUE", ""))
    assert [places[cell] for cell in ("Red", "red", " RED", "blue", "Blue", "green", "")] == [0, 0, 0, 1, -1, -1, 3]


def test_words_of_later_rows_for_yes_and_no_are_the_two_categories_that_say_so() -> None:
    places = Categories(("", "false", "true"))
    assert [places[cell] for cell in ("yes", "0", "F", "true", "perhaps")] == [2, 1, 1, 2, -1]
    assert Categories(("false", "true", "unknown"))["yes"] == -1


# Numbers


@pytest.mark.parametrize("decimals", [0, 1])
def test_trusted_rows_with_rounded_numbers_meet_their_rows(decimals: int) -> None:
    order = np.random.default_rng(1).permutation(N)[:30].tolist()
    gold = {name: [cells[i] for i in order] for name, cells in TABLE.items()}
    gold["pay"] = [round(each, decimals) + 0.0 for each in gold["pay"]]
    reading = read(TABLE, gold)
    assert reading.data.clean_in_noisy.tolist() == order
    assert any("rows are rows of noisy with rounded numbers" in note for note in reading.notes)


def test_rounded_embeddings_meet_theirs() -> None:
    vectors = np.random.default_rng(2).normal(size=(N, 12)).astype(np.float32)
    noisy = {"e": vectors.tolist(), "label": LABELS}
    gold = {"e": vectors[10:40].round(2).tolist(), "label": LABELS[10:40]}
    assert (read(noisy, gold).data.clean_in_noisy == np.arange(10, 40)).all()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"pay": [(each - 3000) / 400 for each in PAY]}, "column 'pay': 30 of 30 rows have numbers far from those of"),
        ({"pay": [each * 100 for each in PAY]}, "column 'pay': 30 of 30 rows have numbers far from those of"),
        ({"plan": ["Basic", "b"] * (N // 2)}, "column 'plan': 15 of 30 rows have words that no row of noisy has"),
        ({"plan": ["A", "b"] * (N // 2)}, ""),
        ({"pay": [each * 1.1 for each in PAY]}, ""),
        ({"pay": [each * 100 if i % 6 == 0 else each for i, each in enumerate(PAY)]}, ""),
    ],
)
def test_trusted_features_of_another_scale_or_in_other_words_are_told(change: dict[str, Any], said: str) -> None:
    ids = {"id": list(range(N))}
    reading = read({**ids, **TABLE}, first({**ids, **TABLE, **change}))
    told = [str(warning) for warning in reading.warnings if "far from" in str(warning) or "no row of" in str(warning)]
    assert len(told) == bool(said)
    assert said in "".join(told)


def test_features_of_several_columns_are_one_warning() -> None:
    change = {"age": [each / 100 for each in AGES], "pay": [each * 100 for each in PAY]}
    (told,) = [
        str(warning) for warning in read(TABLE, first({**TABLE, **change})).warnings if "far from" in str(warning)
    ]
    assert "column 'age': 30 of 30 rows" in told
    assert "; likewise pay" in told


@pytest.mark.parametrize(
    ("other", "told"), [("scaled", True), ("of another model", True), ("half", False), ("new", False), ("same", False)]
)
@pytest.mark.parametrize("ids", [True, False])
def test_trusted_embeddings_far_from_all_noisy_ones_are_told(other: str, told: bool, ids: bool) -> None:
    draw = np.random.default_rng(3)
    means, others = draw.normal(size=(2, 3, 16)) * 4
    codes = np.arange(N) % 3
    noisy = np.repeat(means[codes] + draw.normal(size=(N, 16)), 2, axis=0)  # each of them twice
    trusted = {
        "scaled": noisy[::2] / np.linalg.norm(noisy[::2], axis=1, keepdims=True),
        "of another model": others[codes] + draw.normal(size=(N, 16)),
        "half": np.where(np.arange(N)[:, None] < N // 2, others[codes], means[codes]) + draw.normal(size=(N, 16)),
        "new": means[codes] + draw.normal(size=(N, 16)),
        "same": noisy[::2],
    }[other]
    names = [("sport", "food", "tech")[code] for code in codes]
    given = {"id": list(range(2 * N)), "e": noisy.tolist(), "label": np.repeat(names, 2).tolist()}
    gold = {"id": list(range(0, 2 * N, 2)), "e": trusted.tolist(), "label": names}
    if not ids:
        given, gold = ({name: cells for name, cells in each.items() if name != "id"} for each in (given, gold))
    warnings = "".join(map(str, read(given, gold).warnings))
    assert ("embeddings lie far from all of noisy, as of another model or scale" in warnings) == told


def test_trusted_embeddings_of_another_encoder_are_one_error() -> None:
    noisy = {"id": list(range(N)), "e": [[0.5, 0.25, float(i)] for i in range(N)], "label": LABELS}
    said = refused(noisy, {"id": [1, 2, 3], "e": [[0.5, 1.0]] * 3, "label": LABELS[1:4]})
    assert "column 'e' has 2 numbers in each row, and not 3 as in the noisy rows" in said
    assert "or leave the column out where ids say which noisy rows are meant" in said
    assert said.count("numbers") == 1


def test_rows_that_are_only_near_meet_none() -> None:
    gold = first(TABLE)
    gold["pay"] = [each + 3 for each in gold["pay"]]
    assert (read(TABLE, gold).data.clean_in_noisy < 0).all()
    other = first(TABLE)
    other["pay"] = [float(round(each)) for each in other["pay"]]
    other["plan"] = ["b", "a"] * 15
    assert (read(TABLE, other).data.clean_in_noisy < 0).all()


@pytest.mark.parametrize(("strayed", "met"), [(2, 28), (4, 0)])
def test_rounded_rows_meet_theirs_where_nearly_all_do(strayed: int, met: int) -> None:
    gold = {
        "age": [a + 50 * (i < strayed) for i, a in enumerate(AGES[:30])],
        "pay": [float(round(p)) for p in PAY[:30]],
    }
    reading = read(TABLE, {**gold, "plan": TABLE["plan"][:30], "label": LABELS[:30]})
    assert (reading.data.clean_in_noisy >= 0).sum() == met


def test_rounded_rows_that_may_be_several_meet_none() -> None:
    noisy = {"age": [30.1, 30.2, *AGES[2:]], "pay": [10.0, 10.0, *PAY[2:]], "label": LABELS}
    gold = {"age": [30.0, *(float(round(a)) for a in AGES[2:30])], "pay": [10.0, *PAY[2:30]], "label": LABELS[:29]}
    assert read(noisy, gold).data.clean_in_noisy.tolist() == [-1, *range(2, 30)]


# Ids


@pytest.mark.parametrize("step", [1, -1])
def test_ids_that_one_file_counts_from_nought_are_one_error(step: int) -> None:
    noisy = {"id": list(range(5, 5 + N)), "text": TEXTS, "label": LABELS}
    gold = {"id": [5 + i + step for i in range(2, 50)], "label": LABELS[2:50]}
    said = refused(noisy, gold)
    assert f"with 1 {'added to' if step < 0 else 'taken from'} each id they are in 48 of 48 rows" in said
    assert said.count("\n") == 0


def test_where_classes_may_also_have_other_names_both_are_said() -> None:
    labels = [("sport", "food", "tech")[i % 3] for i in range(N + 1)]
    noisy = {"id": list(range(N)), "text": TEXTS, "label": labels[:N]}
    said = refused(noisy, {"id": list(range(40)), "label": labels[1:41]})
    assert "as if the classes had other names: food is given as sport" in said
    assert "with 1 added to each id they are in 40 of 40 rows, as if one file counted from 0" in said
    assert "count alike in both files; else, if one file numbers its classes in another order" in said


def test_ids_that_are_right_are_not_counted_anew_however_wrong_the_labels() -> None:
    noisy = {"id": list(range(N)), "text": TEXTS, "label": LABELS}
    wrong = ["food" if label != "food" else "tech" for label in LABELS]
    assert read(noisy, {"id": list(range(N - 10)), "label": wrong[:-10]}).data.joined_by == "id"


@pytest.mark.parametrize(
    ("written", "met"),
    [("{},0", True), ("{},00", True), ("{:,}", True), ("{0}-2", False), ("{0} 2", False), ("{0}_2", False)],
)
def test_marks_between_digits_part_them(written: str, met: bool) -> None:
    """Of 12,0 the comma is a decimal one: not 120."""
    every = list(range(1, 1200))
    meant = [*range(11, 40), 1150] if "," in written else list(range(11, 40))
    found = find_respelled(pa.array([written.format(each) for each in meant]), pa.array(every))
    assert found.positions.tolist() == [each - 1 if met else -1 for each in meant]


def test_numbers_side_by_side_meet_whatever_parts_them() -> None:
    found = find_respelled(pa.array(["1_2", "2 11"]), pa.array(["2-11", "1-2", "12"]))
    assert found.positions.tolist() == [1, 0]


def test_lost_ids_that_count_from_nought_are_not_to_be_removed() -> None:
    noisy = {"id": list(range(1, N + 1)), "text": TEXTS, "label": LABELS}
    said = refused(noisy, {"id": list(range(30)), "label": LABELS[:30]})
    assert "with 1 added to each id all of them do" in said
    assert "remove" not in said


def test_moments_of_any_type_are_ids() -> None:
    moments = [datetime(2024, 1, 1, 0, i) for i in range(N)]
    for noisy, clean in ((moments, [str(each) for each in moments]), ([each.isoformat() for each in moments], moments)):
        table = {"at": noisy, "text": TEXTS, "label": LABELS}
        reading = read(table, first({"at": clean, "label": LABELS}), id_column="at")
        assert (reading.data.clean_in_noisy == np.arange(30)).all()


@pytest.mark.parametrize("between", [";", ", ", "|", " "])
def test_several_ids_in_one_cell_are_told(between: str) -> None:
    noisy = {"id": [f"r{i}" for i in range(N)], "text": TEXTS, "label": LABELS}
    gold = {"id": ["r0", f"r1{between}r4", f"r2{between}r5{between}r8"], "label": ["food", "tech", "sport"]}
    assert "2 of these are several ids in one cell, which need a row each" in refused(noisy, gold)


# Texts

WORDY = [f"{word} of the text number {i} and what it goes on to say" for i, word in enumerate(["some"] * N)]


@pytest.mark.parametrize("end", ["...", "…", ""])
def test_texts_that_were_cut_off_meet_those_that_begin_with_them(end: str) -> None:
    noisy = {"text": WORDY, "label": LABELS}
    reading = read(noisy, {"text": [text[:31] + end for text in WORDY[:30]], "label": LABELS[:30]})
    assert (reading.data.clean_in_noisy == np.arange(30)).all()
    assert any("30 texts are cut off: texts of noisy begin with them" in note for note in reading.notes)


@pytest.mark.parametrize(("letters", "met"), [(12, 30), (11, 0)])
def test_few_letters_are_no_beginning(letters: int, met: int) -> None:
    texts = [f"{i:02d}abcdefghij and so on" for i in range(N)]
    gold = {"text": [text[:letters] for text in texts[:30]], "label": LABELS[:30]}
    assert (read({"text": texts, "label": LABELS}, gold).data.clean_in_noisy >= 0).sum() == met


def test_beginnings_of_several_texts_meet_none() -> None:
    noisy = {"text": WORDY, "label": LABELS}
    reading = read(noisy, {"text": ["some of the text number"] * 2, "label": ["food", "food"]})
    assert (reading.data.clean_in_noisy < 0).all()


def test_ids_hold_beside_texts_that_were_cut_off_and_not_beside_others() -> None:
    noisy = {"id": list(range(N)), "text": WORDY, "label": LABELS}
    gold = {"id": list(range(30)), "text": [text[:31] for text in WORDY[:30]], "label": LABELS[:30]}
    reading = read(noisy, gold)
    assert (reading.data.clean_in_noisy == np.arange(30)).all()
    assert not any("another text" in str(warning) for warning in reading.warnings)
    assert "do not name the same items" in refused(noisy, {**gold, "text": gold["text"][::-1]})


# Labels


def test_yes_and_one_are_one_class_where_trusted_rows_say_yes() -> None:
    given = [("yes", "no", "1", "0")[i % 2 + 2 * (i % 5 == 0)] for i in range(N)]
    reading = read({"text": TEXTS, "label": given}, {"text": TEXTS[:30], "label": ["yes", "no"] * 15})
    assert reading.data.classes.names == ("no", "yes")
    assert any('"1" (6 rows) as "yes"' in str(warning) for warning in reading.warnings)


def test_a_number_is_the_class_that_has_it_before_its_name() -> None:
    noisy = {"text": TEXTS, "label": [{"food": "1: food", "sport": "02: sport", "tech": "3: tech"}[x] for x in LABELS]}
    gold = {"text": TEXTS[:30], "label": [{"food": 1, "sport": 2, "tech": 3}[x] for x in LABELS[:30]]}
    reading = read(noisy, gold)
    assert (reading.data.paired_given == reading.data.clean.codes).all()


def test_empty_cells_beside_a_single_class_are_told() -> None:
    noisy = {"text": TEXTS, "label": ["Y" if label == "food" else None for label in LABELS]}
    said = refused(noisy, {"text": TEXTS[:5], "label": ["Y"] * 5})
    assert f'a single class ("Y"), and no label in {sum(label != "food" for label in LABELS)} rows' in said
    assert "if an empty cell means a class of its own, write the name of that there" in said


@pytest.mark.parametrize("way", ["**{}**", "Label: {}", "**Category:** {}", "__{}__", "Answer: **{}**.", "`{}`"])
def test_labels_of_a_language_model_are_the_classes_in_them(way: str) -> None:
    given = [way.format(label) if i % 3 == 0 else label for i, label in enumerate(LABELS)]
    reading = read({"text": TEXTS, "label": given}, {"text": TEXTS[:40], "label": LABELS[:40]})
    assert reading.data.classes.names == ("food", "sport", "tech")


@pytest.mark.parametrize(("here", "there"), [("5-9", "9-May"), ("10-14", "Oct-14"), ("1/2", "01.02.2024")])
def test_labels_that_a_spreadsheet_took_for_dates_are_told(here: str, there: str) -> None:
    ours, theirs = (
        {"text": TEXTS, "label": [word if label == "tech" else label for label in LABELS]} for word in (here, there)
    )
    assert "a spreadsheet seems to have made dates of labels" in refused(ours, first(theirs))
    assert f"below it {there},{here}" in refused(theirs, first(ours))


def test_answers_to_a_batch_of_requests_are_told_with_where_the_label_is(tmp_path: Path) -> None:
    row = '{"custom_id":"r0","response":{"body":{"choices":[{"message":{"content":"food"}}]}}}\n'
    (tmp_path / "out.jsonl").write_text(row * 3)
    with pytest.raises(InputError, match=r"holds the answers of a language model to a batch, each in response\.body"):
        read_training(str(tmp_path / "out.jsonl"), pa.table({"id": ["r0"], "label": ["food"]}), DataSettings())


@pytest.mark.parametrize("marks", [("yes", ""), ("x", ""), (True, False), (1, 0), ("2024-01-05", ""), ("yes", "todo")])
def test_rows_that_nobody_has_marked_as_checked_are_not_trusted(marks: tuple[Any, Any]) -> None:
    noisy = {"id": list(range(N)), "text": TEXTS, "label": LABELS}
    gold = {"id": list(range(40)), "label": LABELS[:40], "Checked": [marks[i % 4 == 0] for i in range(40)]}
    assert len(read(noisy, gold).data.clean) == 30
    assert len(read({**noisy, "Checked": ["yes", ""] * (N // 2)}, gold).data.clean) == 40


def test_codes_in_lists_have_the_names_that_a_dataset_gives_them(tmp_path: Path) -> None:
    names = ["food", "sport", "tech"]
    feature = {"feature": {"names": names, "_type": "ClassLabel"}, "_type": "List"}
    codes = [[names.index(label)] for label in LABELS[:-1]] + [[-1]]
    table = pa.table({"text": TEXTS, "label": codes}).replace_schema_metadata(
        {"huggingface": json.dumps({"info": {"features": {"label": feature}}})}
    )
    pq.write_table(table, tmp_path / "noisy.parquet")
    noisy = str(tmp_path / "noisy.parquet")
    reading = read_training(noisy, pa.table({"text": TEXTS[:30], "label": LABELS[:30]}), DataSettings())
    assert reading.data.classes.names == ("food", "sport", "tech")
    assert (reading.data.paired_given == reading.data.clean.codes).all()
    assert reading.data.noisy.codes[-1] == -1


@pytest.mark.parametrize("header", [("alias", "class"), ("class", "alias")])
def test_a_class_map_may_be_a_table_of_another_kind(tmp_path: Path, header: tuple[str, str]) -> None:
    columns = {"alias": ["1", "2", "3"], "class": ["food", "sport", "tech"]}
    pq.write_table(pa.table({name: columns[name] for name in header}), tmp_path / "map.parquet")
    noisy = {"text": TEXTS, "label": [1 + ["food", "sport", "tech"].index(label) for label in LABELS]}
    gold = {"text": TEXTS[:30], "label": LABELS[:30]}
    assert read(noisy, gold, class_map=str(tmp_path / "map.parquet")).data.classes.names == ("food", "sport", "tech")


def test_a_class_that_is_nearly_another_is_to_be_that() -> None:
    noisy = {"text": TEXTS, "label": ["sprot" if i == 59 else label for i, label in enumerate(LABELS)]}
    told = [str(warning) for warning in read(noisy, {"text": TEXTS[:30], "label": LABELS[:30]}).warnings]
    assert any("below it sprot,sport if that is meant" in warning for warning in told)


def test_a_class_map_holds_for_labels_in_another_spelling_unless_both_are_there(tmp_path: Path) -> None:
    (tmp_path / "map.csv").write_text("alias,class\nsp,sport\nfo,food\nte,tech\n")
    gold = {"text": TEXTS[:30], "label": LABELS[:30]}
    noisy = {"text": TEXTS, "label": [label[:2].upper() for label in LABELS]}
    reading = read(noisy, gold, class_map=str(tmp_path / "map.csv"))
    assert reading.data.classes.names == ("food", "sport", "tech")
    assert any('"SP" as "sp"' in note for note in reading.notes)
    noisy["label"][-1] = "sp"
    names = read(noisy, gold, class_map=str(tmp_path / "map.csv")).data.classes.names
    assert names == ("SP", "food", "sport", "tech")


@pytest.mark.parametrize("numbers", [("0,0", "1,0"), ("\u22121", "+1"), ("0,50", "2,5")])
def test_labels_are_numbers_however_a_locale_writes_them(numbers: tuple[str, str]) -> None:
    values = {"0,0": 0, "1,0": 1, "\u22121": -1, "+1": 1, "0,50": 0.5, "2,5": 2.5}
    given = [numbers[label == "food"] for label in LABELS]
    table = {"id": [f"r{i}" for i in range(N)], "text": TEXTS, "label": given}
    reading = read(table, first({"id": table["id"], "label": [float(values[each]) for each in given]}))
    assert len(reading.data.clean) == 30
    assert (reading.data.clean.codes == reading.data.paired_given).all()


def test_thousands_and_decimals_are_not_taken_for_each_other() -> None:
    table = {"id": [f"r{i}" for i in range(N)], "text": TEXTS, "label": ["1,000", "2,000"] * (N // 2)}
    assert '"1" (15 rows' in refused(table, first({"id": table["id"], "label": [1, 2] * (N // 2)}))


def test_days_with_points_have_the_day_first() -> None:
    moments = [datetime(2024, 1 + i % 12, 1 + i // 12, 9, 30) for i in range(N)]
    table = {"at": [f"{each:%d.%m.%Y %H:%M}" for each in moments], "text": TEXTS, "label": LABELS}
    clean = first({"at": [each.isoformat() for each in moments], "label": LABELS})
    assert (read(table, clean, id_column="at").data.clean_in_noisy == np.arange(30)).all()


@pytest.mark.parametrize(
    ("word", "told"), [("-- Select --", True), ("Please choose", True), ("Bitte w\u00e4hlen", True), ("select", False)]
)
def test_what_a_form_shows_before_a_choice_is_told(word: str, told: bool) -> None:
    labels = [word if i % 6 == 0 else label for i, label in enumerate(LABELS)]
    table = {"id": [f"r{i}" for i in range(N)], "text": TEXTS, "label": labels}
    warnings = " ".join(map(str, read(table, first({"id": table["id"], "label": labels})).warnings))
    assert (f'class "{word}" (10 rows) is what a form shows before a choice is made' in warnings) == told
