"""Files as forms, trackers and other programs export them, and as people put them together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from labelfix.data.formats import open_table
from labelfix.data.read import Reading, read_training
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
