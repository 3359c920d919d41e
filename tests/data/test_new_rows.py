"""Reading for a finished run: new rows to score, and true labels to compare with."""

import pyarrow as pa
import pytest

from labelfix.data import repeats
from labelfix.data.findings import Findings
from labelfix.data.formats import write_batches
from labelfix.data.read import Columns, open_rows, read_training, read_truth
from labelfix.data.tables import ClassNames, InputSpec
from labelfix.errors import InputError
from labelfix.settings.data import DataSettings

CLASSES = ClassNames(("cat", "dog"), aliases=(("kitty", "cat"), ("unsure", "")))
COLUMNS = Columns("id", "label", "id", "gold", InputSpec("text", ("text",)))
TEXT = ["a text about cats", "a text about dogs", "a text about neither"]


def new(table, **settings):
    settings = {"unlabelled": "label" not in table and "label_column" not in settings, **settings}
    (block,) = open_rows(pa.table(table), CLASSES, COLUMNS, DataSettings(**settings)).blocks(10)
    return block


def test_new_rows_need_neither_labels_nor_ids():
    table = new({"text": TEXT})
    assert table.codes.tolist() == [-1, -1, -1]
    assert table.ids.to_pylist() == [1, 2, 3]
    assert (table.label_column, table.id_column) == (None, None)
    assert next(table.inputs.batches(10)).column("text").to_pylist() == TEXT


def test_labels_of_rows_that_are_called_unlabelled_are_not_read():
    assert new({"text": TEXT, "label": ["cat", "unsorted", "dog"]}, unlabelled=True).codes.tolist() == [-1, -1, -1]


def test_rows_without_a_label_column_are_refused_unless_the_user_says_that_they_have_none():
    with pytest.raises(InputError, match="rows: has no label column 'label'; .*--unlabelled"):
        new({"text": TEXT}, unlabelled=False)


def test_no_rows_are_no_rows():
    table = new({"text": pa.array([], pa.string()), "label": pa.array([], pa.string())})
    assert (len(table), len(table.ids)) == (0, 0)


def test_labels_of_new_rows_are_read_as_those_of_the_run_were():
    table = new({"id": ["x", "y", "z"], "text": TEXT, "label": ["kitty", "unsure", "dog"]})
    assert table.codes.tolist() == [0, -1, 1]
    assert table.ids.to_pylist() == ["x", "y", "z"]


def test_new_rows_may_have_their_labels_in_another_column():
    assert new({"text": TEXT, "mine": ["cat", "dog", ""]}, label_column="mine").codes.tolist() == [0, 1, -1]
    with pytest.raises(InputError, match="rows: has no column 'other'"):
        new({"text": TEXT}, label_column="other")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"txt": TEXT}, "rows: has no column 'text'; its columns are txt"),
        (
            {"text": TEXT, "label": ["cat", "cow", "dog"]},
            'rows, row 2: label "cow" is not one of the 2 classes (cat, dog)',
        ),
        (
            {"text": TEXT, "id": ["a", "b", "a"]},
            'rows, row 3: id "a" stands already in row 1; labelfix wants one row per item',
        ),
        ({"text": [1.5, 2.5, 3.5]}, "rows: column 'text' is double, but --text-column takes strings"),
    ],
)
def test_new_rows_with_defects_are_refused(table, message):
    with pytest.raises(InputError) as caught:
        new(table)
    assert message in str(caught.value)


def test_numbers_stored_for_class_names_are_read_in_new_rows_too():
    classes = ClassNames(("no", "yes"), value_type="integer", stored=("0", "1"))
    findings = Findings()
    rows = open_rows(
        pa.table({"text": TEXT, "label": [1, 0, None]}), classes, COLUMNS, DataSettings(), findings=findings
    )
    (table,) = rows.blocks(10)
    assert table.codes.tolist() == [1, 0, -1]
    assert findings.notes


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize(("block", "read_rows"), [(1, 8192), (4, 3), (7, 1), (100, 5), (10, 10)])
def test_blocks_hold_every_row_once_and_in_order_however_they_are_cut(tmp_path, suffix, block, read_rows):
    names = [None if row % 5 == 0 else ("cat", "dog")[row % 2] for row in range(23)]
    for part, rows in enumerate([range(10), range(10, 11), range(11, 23)]):
        table = {"id": [f"r{r}" for r in rows], "text": [f"text {r}" for r in rows], "label": [names[r] for r in rows]}
        write_batches(tmp_path / f"{part}.{suffix}", pa.table(table).schema, pa.table(table).to_batches())
    rows = open_rows(str(tmp_path), CLASSES, COLUMNS, DataSettings(), read_rows)
    blocks = list(rows.blocks(block))
    assert [len(b) for b in blocks] == [block] * (23 // block) + [23 % block] * (23 % block > 0)
    assert [i for b in blocks for i in b.ids.to_pylist()] == [f"r{row}" for row in range(23)]
    assert [c for b in blocks for c in b.codes.tolist()] == [-1 if n is None else CLASSES.codes[n] for n in names]
    texts = [t for b in blocks for batch in b.inputs.batches(2) for t in batch.column(0).to_pylist()]
    assert texts == [f"text {row}" for row in range(23)]
    places = [(b.file_index[i], b.row_number[i]) for b in blocks for i in range(len(b))]
    assert places == [(0, r + 1) for r in range(10)] + [(1, 1)] + [(2, r + 1) for r in range(12)]
    again = rows.blocks(block, with_inputs=False)
    assert [c for b in again for c in b.codes.tolist()] == [c for b in blocks for c in b.codes.tolist()]


def test_ids_that_are_numbers_in_some_batches_and_text_in_others_are_text_in_all(tmp_path):
    (tmp_path / "rows.csv").write_text("id,text\n1,a text\n2,another text\nNA,a third text\n")
    rows = open_rows(str(tmp_path / "rows.csv"), CLASSES, COLUMNS, DataSettings(unlabelled=True), 1)
    assert [b.ids.to_pylist() for b in rows.blocks(2)] == [["1", "2"], ["NA"]]


def test_ids_that_stand_twice_far_apart_or_nowhere_are_named_with_their_rows(monkeypatch):
    monkeypatch.setattr(repeats, "RUN", 16)
    ids = [f"r{row}" for row in range(100)]
    ids[90], ids[50], ids[7] = "r3", None, None
    with pytest.raises(InputError) as caught:
        new({"id": ids, "text": [f"text {row}" for row in range(100)]})
    said = str(caught.value)
    assert "rows, row 8: column 'id' is empty" in said
    assert "rows, row 51: column 'id' is empty" in said
    assert 'rows, row 91: id "r3" stands already in row 4' in said
    assert said.count("rows, row") == 3


def test_truth_is_ids_and_labels():
    truth = read_truth(pa.table({"id": [1, 2], "clean_label": ["dog", "kitty"]}), CLASSES, DataSettings(), "id")
    assert truth.inputs is None
    assert truth.codes.tolist() == [1, 0]
    assert truth.ids.to_pylist() == [1, 2]


@pytest.mark.parametrize(
    ("table", "settings", "message"),
    [
        ({"label": ["cat"]}, {}, "truth: has no id column"),
        ({"id": [1, 1], "label": ["cat", "dog"]}, {}, 'truth, row 2: id "1" stands already in row 1 with another'),
        ({"id": [1], "label": ["cow"]}, {}, 'truth, row 1: label "cow" is not one of'),
        ({"id": [1], "label": ["cat"]}, {"clean_label_column": "gold"}, "truth: has no column 'gold'"),
        ({"id": [1], "label": ["cat"]}, {"id_column": "uid"}, "truth: has no column 'uid'"),
    ],
)
def test_truth_with_defects_is_refused(table, settings, message):
    with pytest.raises(InputError) as caught:
        read_truth(pa.table(table), CLASSES, DataSettings(**settings), "id")
    assert message in str(caught.value)


def test_a_training_file_read_again_as_new_rows_has_the_same_codes(noisy_csv, put):
    reading = read_training(noisy_csv, put("gold.csv", "id,label\na1,cat\na3,dog\n"), DataSettings())
    (again,) = open_rows(noisy_csv, reading.data.classes, reading.columns, DataSettings()).blocks(1000)
    assert again.codes.tolist() == reading.data.noisy.codes.tolist()
    assert again.ids == reading.data.noisy.ids
    assert again.files == (noisy_csv,)
