"""Files of other programs, records that break, trusted rows that are half done, labels written by another hand."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelfix.data.formats import open_table
from labelfix.data.read import read_training
from labelfix.errors import InputError
from labelfix.settings.data import DataSettings

N = 60
TOPICS = ("sport", "food")
LABELS = [TOPICS[i % 2] for i in range(N)]
IDS = [f"r{i}" for i in range(N)]
NOISY = {"id": IDS, "text": [f"some words of text number {i} on {TOPICS[i % 2]}" for i in range(N)], "label": LABELS}
GOLD = {"id": IDS[:20], "label": LABELS[:20]}


def read(noisy=NOISY, clean=GOLD, **settings):
    tables = [pa.table(given) if isinstance(given, dict) and "label" in given else given for given in (noisy, clean)]
    return read_training(*tables, DataSettings(**settings))


def refused(noisy=NOISY, clean=GOLD, **settings):
    with pytest.raises(InputError) as caught:
        read(noisy, clean, **settings)
    return str(caught.value)


@pytest.mark.parametrize(
    ("comment", "rows"),
    [
        ("# made by Ann, in May, 2024", N),
        ("#r99,a row that somebody took out,sport", N),
        ("#!,an id of no letters,sport", N + 1),
    ],
)
def test_a_comment_as_wide_as_the_header_is_no_row_where_no_row_begins_in_words(tmp_path, comment, rows):
    body = [",".join(row) for row in zip(*NOISY.values(), strict=True)]
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["id,text,label", *body[:9], comment, *body[9:]]) + "\n")
    source = open_table(path)
    assert sum(chunk.batch.num_rows for chunk in source.scan()) == rows
    assert any("lines of comment between the rows" in said for said in source.remarks) is (rows == N)


def test_texts_that_begin_as_comments_are_rows(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("text,label\n# one of many words,a\nmore words in it,b\nand more of these,a\n")
    assert sum(chunk.batch.num_rows for chunk in open_table(path).scan()) == 3


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda text: text[:-9], r"t\.json:11: the file ends within a record.*it is cut off"),
        (lambda text: text.replace('"b":', '"b"', 1), r"t\.json:3: is not JSON \(Expecting ':' delimiter"),
    ],
)
def test_a_break_in_objects_over_several_lines_is_named_where_it_is(tmp_path, change, says):
    text = "\n".join(json.dumps({"a": i, "b": "words"}, indent=1) for i in range(3))
    path = tmp_path / "t.json"
    path.write_text(change(text))
    with pytest.raises(InputError, match=says):
        open_table(path)


def test_texts_in_list_views_are_read_however_often_they_repeat(tmp_path):
    lists = pa.array([["a", "b"]] * 500, pa.list_view(pa.string()))
    pq.write_table(pa.table({"x": lists, "y": ["the same"] * 500}), tmp_path / "t.parquet")
    (chunk,) = open_table(tmp_path / "t.parquet").scan()
    assert chunk.batch.column("x").to_pylist() == [["a", "b"]] * 500


def test_trusted_rows_that_nobody_has_finished_have_no_label():
    status = ["done", "To do", "approved", "in_progress"] * 5
    assert len(read(clean={**GOLD, "status": status}).data.clean) == 10
    assert "5 of 20 rows are not accepted (the first: status 'rejected')" in refused(
        clean={**GOLD, "status": ["done", "done", "rejected", "todo"] * 5}
    )
    assert len(read(clean={**GOLD, "status": ["done", "abroad"] * 10}).data.clean) == 20, "words that say nothing of it"
    assert len(read({**NOISY, "state": ["open"] * N}, {**GOLD, "state": ["open"] * 20}).data.clean) == 20, "a feature"


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("e\u2011mail", "e-mail"),
        ("Caf\u00c3\u00a9", "Caf\u00e9"),
        ("<=50K", "<=50K."),
        ("b'sport'", "sport"),
        ("np.str_('sport')", "sport"),
        ("tensor(1)", "1"),
        ("y\u0131ld\u0131z", "YILDIZ"),
        ("\u0631\u064a\u0627\u0636\u0629", "\u0631\u064a\u0640\u0627\u0636\u0629"),
    ],
)
def test_labels_of_another_hand_meet(ours, theirs):
    noisy = {**NOISY, "label": [ours if label == "sport" else label for label in LABELS]}
    clean = {**GOLD, "label": [theirs if label == "sport" else label for label in LABELS[:20]]}
    assert set(read(noisy, clean).data.classes.names) == {ours, "food"}


@pytest.mark.parametrize("start", ["__label__", "Iris-", "Topic.", "data/train/"])
@pytest.mark.parametrize("in_noisy", [True, False])
def test_words_that_a_program_sets_before_each_label_count_for_nothing(start, in_noisy):
    noisy = {**NOISY, "label": [f"{start * in_noisy}{label}" for label in LABELS]}
    clean = {**GOLD, "label": [f"{start * (not in_noisy)}{label}" for label in LABELS[:20]]}
    assert len(read(noisy, clean).data.classes) == 2


def test_a_negation_before_each_label_is_no_such_word():
    assert 'label "not sport" (10 rows; nearest: sport) is not one of the 2 classes' in refused(
        clean={**GOLD, "label": [f"not {label}" for label in LABELS[:20]]}
    )


def test_ids_that_mostly_repeat_are_one_error():
    message = refused({**NOISY, "id": [f"r{i // 3}" for i in range(N)]})
    assert len(message.splitlines()) == 1
    assert "column 'id' names 20 items in 60 rows" in message


def test_the_one_class_that_an_unknown_label_can_be_is_in_the_remedy():
    message = refused(clean={**GOLD, "label": [label.replace("sport", "football") for label in LABELS[:20]]})
    assert message.endswith("a CSV file of the line alias,class and below it football,sport")


def test_labels_by_id_may_be_a_dict():
    assert len(read(clean=dict(zip(IDS[:20], LABELS, strict=False))).data.clean) == 20


def test_trusted_texts_are_no_labels():
    assert "has no column that is named like trusted labels" in refused(
        clean=pa.table({"id": IDS[:20], "text": NOISY["text"][:20]})
    )
