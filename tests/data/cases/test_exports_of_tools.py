"""Files as forms, trackers and other programs export them, and as people put them together."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from labelfix.data.formats import open_table
from labelfix.data.read import Reading, read_training
from labelfix.data.tables import ClassNames
from labelfix.data.truth import read_truth
from labelfix.errors import InputError
from labelfix.settings.data import DataSettings

N = 60
TOPICS = ("sport", "food", "travel")
LABELS = [TOPICS[i % 3] for i in range(N)]
TEXTS = [f"some words of text number {i} on {LABELS[i]}" for i in range(N)]
NOISY: dict[str, Any] = {"id": [f"r{i}" for i in range(N)], "text": TEXTS, "label": LABELS}
GOLD: dict[str, Any] = {"id": NOISY["id"][:24], "label": LABELS[:24]}


def read(noisy: Any = NOISY, clean: Any = GOLD, **settings: Any) -> Reading:  # noqa: ANN401 - a table, or where it is
    one, other = (pa.table(each) if isinstance(each, dict) else str(each) for each in (noisy, clean))
    return read_training(one, other, DataSettings(**settings))


def refused(noisy: Any = NOISY, clean: Any = GOLD, **settings: Any) -> str:  # noqa: ANN401 - see `read`
    with pytest.raises(InputError) as caught:
        read(noisy, clean, **settings)
    return str(caught.value)


def lines(*rows: tuple[str, ...]) -> str:
    return "".join(",".join(row) + "\n" for row in rows)


ROWS = list(zip(*NOISY.values(), strict=True))


def test_titles_that_qualtrics_repeats_as_questions_are_no_data(tmp_path: Path) -> None:
    ids = ['"{""ImportId"":""' + name + '""}"' for name in ("progress", "finished", "QID1")]
    (tmp_path / "q.csv").write_text(
        lines(("Progress", "Finished", "Q1"), ("Progress", "Finished", "How was it?"), tuple(ids))
        + "100,True,well enough it was\n" * 9
    )
    assert sum(chunk.batch.num_rows for chunk in open_table(tmp_path / "q.csv").scan()) == 9


def test_arff_under_another_name_is_told(tmp_path: Path) -> None:
    (tmp_path / "n.txt").write_text(
        "% made\n@RELATION x\n\n@ATTRIBUTE a NUMERIC\n@attribute c {x,y}\n@DATA\n1.5,x\n2,y\n"
    )
    with pytest.raises(InputError, match="is written as WEKA reads it"):
        open_table(tmp_path / "n.txt")


def test_spaces_beside_marks_make_no_other_class() -> None:
    classes = {"sport": "Leisure > Sport", "food": "Home / Food", "travel": "Travel (all)"}
    noisy = {**NOISY, "label": [classes[label] for label in LABELS]}
    clean = {**GOLD, "label": [noisy["label"][i].replace(" ", "") for i in range(24)]}
    assert (read(noisy, clean).data.clean.codes == read(noisy, clean).data.noisy.codes[:24]).all()


@pytest.mark.parametrize("header", ["ID,TEXT,LABEL", "id,Text , label"])
def test_a_header_in_another_case_between_the_rows_is_none(tmp_path: Path, header: str) -> None:
    (tmp_path / "n.csv").write_text(f"id,text,label\n{lines(*ROWS[:30])}{header}\n{lines(*ROWS[30:])}")
    reading = read(tmp_path / "n.csv")
    assert (len(reading.data.noisy), len(reading.data.classes)) == (N, 3)
    assert any("rows that repeat the header, which are passed over: 1" in note for note in reading.notes)


def test_a_header_in_another_order_between_the_rows_is_an_error(tmp_path: Path) -> None:
    turned = lines(*(row[::-1] for row in ROWS[30:]))
    (tmp_path / "n.csv").write_text(f"id,text,label\n,,\n{lines(*ROWS[:30])}LABEL,text,id\n{turned}")
    assert "n.csv, row 31: has the titles of the columns again, in another order" in refused(tmp_path / "n.csv")


@pytest.mark.parametrize("between", ["\n", "\r"])
def test_a_row_that_a_line_break_cuts_in_two_is_told(tmp_path: Path, between: str) -> None:
    cut = lines(*ROWS[30:]).replace("some words", f"some{between}words")
    (tmp_path / "n.csv").write_bytes(f"id,text,label\n{lines(*ROWS[:30])}{cut}".encode())
    assert "a line break within a cell seems to have cut a row in two: quote" in refused(tmp_path / "n.csv")


def test_labels_that_stand_once_above_empty_cells_are_those_of_groups() -> None:
    grouped = [None if i % 20 else TOPICS[i // 20] for i in range(N)]
    said = refused({**NOISY, "label": grouped})
    assert "column 'label' is empty in 57 rows and has each label once, as tables of groups do; fill each down" in said
    for other in ([None, *grouped[:-1]], [*grouped[:-1], "food"], [*grouped[:9], *map(str, range(11)), *grouped[20:]]):
        assert "has each label once" not in str(read({**NOISY, "label": other}).warnings)


def test_a_file_for_each_class_is_told(tmp_path: Path) -> None:
    for topic in TOPICS:
        (tmp_path / f"{topic}.csv").write_text("id,text\n" + lines(*(row[:2] for row in ROWS if row[2] == topic)))
    assert "if each file holds the rows of one class, write its name beside each row" in refused(tmp_path)
    assert "if each file" not in refused(tmp_path / "food.csv")


def test_a_folder_of_texts_is_told(tmp_path: Path) -> None:
    for i, text in enumerate(TEXTS):
        (tmp_path / f"{i}.txt").write_text(text + ", and more")
        (tmp_path / f"{i}.cls").write_text(LABELS[i])
    assert f"holds {N} texts, each a file; write them into one table" in refused(tmp_path)


def test_names_of_rows_above_one_quoted_title_are_those_of_r(tmp_path: Path) -> None:
    for name, between in (("s.txt", " "), ("c.csv", ",")):
        (tmp_path / name).write_text('"label"\n' + "".join(f'"{i}"{between}"{LABELS[i]}"\n' for i in range(9)))
        table = [chunk.batch.to_pydict() for chunk in open_table(tmp_path / name).scan()]
        assert table == [{"rownames": list(range(9)), "label": LABELS[:9]}]
    (tmp_path / "t.csv").write_text("text\n" + "one, two\n" * 9)
    with pytest.raises(InputError, match="has 2 cells, but the header has 1"):
        open_table(tmp_path / "t.csv")


def test_marks_between_the_lines_of_joined_json_are_none(tmp_path: Path) -> None:
    line = '{"text": "a \ufeffb", "label": "x"}\n'
    (tmp_path / "n.jsonl").write_text(f"\ufeff{line}\ufeff{line}")
    assert [chunk.batch.to_pydict() for chunk in open_table(tmp_path / "n.jsonl").scan()] == [
        {"text": ["a \ufeffb"] * 2, "label": ["x"] * 2}
    ]


def test_columns_of_different_lengths_are_told(tmp_path: Path) -> None:
    (tmp_path / "n.json").write_text(json.dumps({"id": NOISY["id"], "label": LABELS[1:]}))
    with pytest.raises(InputError, match=r"holds columns of different lengths: 'id' \(60\), 'label' \(59\)"):
        open_table(tmp_path / "n.json")


@pytest.mark.parametrize("between", [" and ", " + ", "&"])
def test_labels_with_words_between_them_are_several(between: str) -> None:
    several = [f"food{between}sport" if i % 9 == 0 else LABELS[i] for i in range(N)]
    assert "which look like several labels a row" in refused({**NOISY, "label": several})
    of_one = [label.replace("sport", "drink") if between in label else label for label in several]
    assert len(read({**NOISY, "label": of_one}).data.classes) == 4


def test_marks_in_several_columns_of_a_row_are_told() -> None:
    marks = {topic: [int(label == topic or i % 9 == 0) for i, label in enumerate(LABELS)] for topic in TOPICS}
    said = refused({"id": NOISY["id"], "text": TEXTS, **marks})
    assert "sport, food, travel hold 0 and 1, and 53 of 60 rows have a single 1 among them" in said


def test_words_for_no_label_are_one_warning(tmp_path: Path) -> None:
    words = ("NULL", "n/a", "NULL")
    rows = [(*row[:2], words[i] if i < 3 else row[2]) for i, row in enumerate(ROWS)]
    (tmp_path / "n.csv").write_text("id,text,label\n" + lines(*rows))
    (said,) = [w for w in read(tmp_path / "n.csv").warnings if "no label" in str(w)]
    assert '"NULL", "n/a" count as "no label" (3 rows, which get one)' in str(said)


def test_a_class_map_of_names_alone_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("sport\nfood\ntravel\n")
    said = refused(class_map=str(tmp_path / "classes.txt"))
    assert "has one cell in each row (the first: 'sport'); write two columns, alias and class, such as 0,sport" in said
    assert said.count("classes.txt") == 1


@pytest.mark.parametrize("trusted", [(1, 2, 3), ("Sport", "food", "travel")])
def test_a_number_behind_each_class_or_its_name_is_the_class(trusted: tuple[Any, ...]) -> None:
    of = dict(zip(TOPICS, trusted, strict=True))
    noisy = {**NOISY, "label": [f"{label} ({TOPICS.index(label) + 1})" for label in LABELS]}
    data = read(noisy, {**GOLD, "label": [of[label] for label in GOLD["label"]]}).data
    assert (data.clean.codes == data.noisy.codes[:24]).all()


def test_addresses_meet_without_what_counts_clicks() -> None:
    ours = [f"https://www.x.org/a/{i}/?utm_source=mail#top" for i in range(N)]
    data = read({**NOISY, "id": ours}, {**GOLD, "id": [f"http://x.org/a/{i}" for i in range(24)]}).data
    assert data.clean_in_noisy.tolist() == list(range(24))
    told = {**NOISY, "id": [f"https://x.org/?id={i}" for i in range(N)]}
    assert "none of its ids" in refused(told, {**GOLD, "id": [f"http://x.org/?item={i}" for i in range(24)]})


@pytest.mark.parametrize("again", ["n.csv.gz", "n (1).csv", "n - Copy.csv", "Copy of n.csv"])
def test_a_table_that_lies_in_a_folder_twice_is_an_error(tmp_path: Path, again: str) -> None:
    content = "text,label\n" + lines(*(row[1:] for row in ROWS))
    (tmp_path / "n.csv").write_text(content)
    packed = gzip.compress(content.encode()) if again.endswith("gz") else content.encode()
    (tmp_path / again).write_bytes(packed)
    with pytest.raises(InputError, match="which are the same table twice; move one of them away"):
        open_table(tmp_path)
    if not again.endswith("gz"):
        (tmp_path / again).write_text(content.replace("number", "no"))
        assert sum(chunk.batch.num_rows for chunk in open_table(tmp_path).scan()) == 2 * N


def test_trusted_rows_among_the_noisy_files_are_an_error(tmp_path: Path) -> None:
    for name, rows in (("noisy.csv", ROWS), ("gold.csv", ROWS[:24])):
        (tmp_path / name).write_text("text,label\n" + lines(*(row[1:] for row in rows)))
    assert f"holds {tmp_path}/gold.csv of --clean, whose rows would count as" in refused(
        tmp_path, tmp_path / "gold.csv"
    )
    assert len(read(tmp_path / "noisy.csv", tmp_path / "gold.csv").data.noisy) == N


@pytest.mark.parametrize("titles", [("id\u200b", "text", "\u00a0label\u200b"), ("ID:", "Text*", "Label?")])
def test_columns_are_known_by_their_titles_without_marks(tmp_path: Path, titles: tuple[str, str, str]) -> None:
    (tmp_path / "n.csv").write_text(lines((*titles, "other"), *((*row, LABELS[i // 2]) for i, row in enumerate(ROWS))))
    reading = read(tmp_path / "n.csv")
    assert (reading.data.clean.codes == reading.data.noisy.codes[:24]).all()
    assert reading.columns.label == titles[2].strip()


def test_a_truth_with_a_column_of_checked_labels_beside_the_given_ones_is_asked_about() -> None:
    truth = pa.table({"id": NOISY["id"], "label": LABELS, "true": LABELS[::-1]})
    classes = ClassNames(tuple(sorted(TOPICS)))
    with pytest.raises(InputError, match="columns 'label' and 'true' could both be the trusted labels"):
        read_truth(truth, classes, DataSettings(), "id")
    assert read_truth(truth.drop_columns("label"), classes, DataSettings(), "id").label_column == "true"


def test_a_decimal_comma_between_commas_moves_no_cells(tmp_path: Path) -> None:
    (tmp_path / "n.csv").write_text("id,height,label\n" + "".join(f"p{i},1,{i},x\n" for i in range(9)))
    with pytest.raises(InputError, match="has 4 cells, but the header has 3"):
        open_table(tmp_path / "n.csv")
    (tmp_path / "n.csv").write_text("height,label\n" + "".join(f"p{i},{i},x\n" for i in range(9)))
    assert open_table(tmp_path / "n.csv").schema.names == ["rownames", "height", "label"]


def test_of_many_inputs_that_are_missing_some_are_named() -> None:
    wide = {f"pixel{i}": [(7 * i * j) % 40 / 8 for j in range(N)] for i in range(1, 40)}
    assert "pixel30" not in refused({**wide, "label": LABELS}, {"place": list(range(3, 27)), "label": LABELS[:24]})


@pytest.mark.parametrize("mark", ["% ", "// ", "-- ", "# "])
def test_comments_above_the_header_begin_as_programs_write_them(tmp_path: Path, mark: str) -> None:
    (tmp_path / "n.csv").write_text(f"{mark}made by a tool, v1\n{mark}2024-01-01\nid,text,label\n{lines(*ROWS)}")
    assert len(read(tmp_path / "n.csv").data.noisy) == N


def test_a_file_that_is_cut_off_within_a_quote_is_told(tmp_path: Path) -> None:
    rows = "".join(f'"{id_}","{text}, and more","{label}"\n' for id_, text, label in ROWS)
    (tmp_path / "n.csv").write_text(f"id,text,label\n{rows}"[:-30])
    said = refused(tmp_path / "n.csv")
    assert "n.csv, row 60: has 2 cells" in said
    assert "row 1" not in said


def test_rows_that_other_signs_part_than_the_header_are_told(tmp_path: Path) -> None:
    (tmp_path / "n.csv").write_text("id;text;label\n" + lines(*ROWS))
    assert "cells of the header are parted by ';': part those of the rows by it, too" in refused(tmp_path / "n.csv")


def test_files_with_numbers_for_names_are_an_error(tmp_path: Path) -> None:
    coded = [(*row[:2], str(TOPICS.index(row[2]))) for row in ROWS[30:]]
    for name, rows in (("a.csv", ROWS[:30]), ("b.csv", coded)):
        (tmp_path / name).write_text("id,text,label\n" + lines(*rows))
    assert "b.csv: its labels are numbers (0, 1, 2), and those of other files are names" in refused(tmp_path)
    (tmp_path / "map.csv").write_text("alias,class\n" + "".join(f"{i},{topic}\n" for i, topic in enumerate(TOPICS)))
    (tmp_path / "map.csv").rename(tmp_path.parent / "map.csv")
    assert len(read(tmp_path, class_map=str(tmp_path.parent / "map.csv")).data.classes) == 3


def test_ids_of_files_that_overlap_are_told(tmp_path: Path) -> None:
    for name, rows in (("a.csv", ROWS[:40]), ("b.csv", ROWS[30:])):
        (tmp_path / name).write_text("id,text,label\n" + lines(*rows))
    assert "10 ids stand in an earlier file too, the first is r30; if the files overlap, keep" in refused(tmp_path)


def test_a_label_that_trusted_rows_leave_while_they_change_another_column_is_an_error() -> None:
    noisy = {**NOISY, "category": ["web", "mail"] * (N // 2), "mood": LABELS}
    del noisy["label"]
    clean = {name: cells[:24] for name, cells in noisy.items()}
    changed = {**clean, "mood": ["food", "food", "food", *clean["mood"][3:]]}
    said = refused(noisy, changed)
    assert "leaves column 'category', taken as the label, as it is in noisy, and changes 'mood' in 2 of 24 rows" in said
    assert "pass --label-column mood if that is the label, else --label-column category" in said
    for other, settings in ((clean, {}), (changed, {"label_column": "category"}), (changed, {"label_column": "mood"})):
        read(noisy, other, **settings)
