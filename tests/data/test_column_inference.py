"""Columns are inferred from names and contents; flags win; two plausible choices stop."""

import numpy as np
import pyarrow as pa
import pytest

from labelfix.data.read import Columns, read_training
from labelfix.errors import InputError
from labelfix.settings.data import DataSettings

N = 40
TEXT = [f"words that make up the sentence of row {i}" for i in range(N)]
LABEL = ["x" if i % 2 else "y" for i in range(N)]
IDS = [f"k{i}" for i in range(N)]


def read(noisy, clean=None, **settings):
    clean = clean or {"id": IDS[:4], "label": LABEL[:4]}
    return read_training(pa.table(noisy), pa.table(clean), DataSettings(**settings))


def error(noisy, clean=None, **settings):
    with pytest.raises(InputError) as caught:
        read(noisy, clean, **settings)
    return str(caught.value)


def test_the_choices_made_are_noted():
    reading = read({"id": IDS, "text": TEXT, "label": LABEL})
    assert reading.columns.spec.columns == ("text",)
    assert "id column: id (string)" in reading.notes
    assert "label column: label (string)" in reading.notes
    assert "trusted label column: label (string)" in reading.notes
    mean = round(sum(map(len, TEXT)) / N)
    assert f"text column: text (string, mean {mean} characters)" in reading.notes


def test_columns_that_real_tables_carry_beside_a_text_are_not_inputs():
    reading = read(
        {
            "id": IDS,
            "text": TEXT,
            "noisy_label": LABEL,
            "clean_label": LABEL,
            "human2": LABEL,
            "source_repo": ["someone/some_dataset"] * N,
            "url": [f"https://example.org/{i}" for i in range(N)],
            "weak_labels": ['["", "x", "y", "", "", ""]'] * N,
            "n_votes": list(range(N)),
            "vote_tie": [False] * N,
            "score": np.linspace(0, 1, N),
        },
        {"id": IDS[:4], "clean_label": LABEL[:4]},
    )
    assert reading.columns == Columns("id", "noisy_label", "id", "clean_label", reading.columns.spec)
    assert (reading.columns.spec.kind, reading.columns.spec.columns) == ("text", ("text",))


def test_a_table_without_text_is_read_by_its_features_and_never_by_keys_or_other_labels():
    noisy = {
        "id": IDS,
        "row": list(range(N)),
        "age": [20 + i % 7 for i in range(N)],
        "height": np.linspace(1, 2, N),
        "colour": [("red", "green", "blue")[i % 3] for i in range(N)],
        "smoker": [i % 5 == 0 for i in range(N)],
        "session": [f"s-{i:04d}" for i in range(N)],
        "country": ["CH"] * N,
        "annotator2": LABEL,
        "second_opinion": list(reversed(LABEL)),
        "label": LABEL,
        "user_id": [(7 * i) % 1009 for i in range(N)],
        "store_id": [i % 4 for i in range(N)],
    }
    reading = read(noisy)
    assert reading.columns.spec.kind == "table"
    assert reading.columns.spec.columns == ("age", "height", "colour", "smoker", "store_id")
    assert reading.columns.spec.categorical == ("colour", "smoker", "store_id")
    (left,) = [note for note in reading.notes if note.startswith("not used as features")]
    assert "session (looks like an id or a text: hardly any value repeats)" in left
    assert "annotator2, second_opinion (looks like the label: it holds the same words)" in left
    assert "country (constant)" in left
    assert "row, user_id (looks like an id)" in left


def test_a_flag_wins_over_what_would_be_inferred():
    noisy = {
        "id": IDS,
        "title": TEXT,
        "body": [t.upper() for t in TEXT],
        "age": list(np.arange(N) * 1.5),
        "label": LABEL,
    }
    assert read(noisy, text_column="body").columns.spec.columns == ("body",)
    spec = read(noisy, feature_columns=("age", "title")).columns.spec
    assert (spec.kind, spec.columns, spec.categorical) == ("table", ("age", "title"), ("title",))


def test_short_texts_count_as_text_under_a_telling_name():
    words = [("good", "bad", "fine")[i % 3] for i in range(N)]
    assert read({"id": IDS, "review": words, "label": LABEL}).columns.spec.kind == "text"


def test_text_in_a_script_without_spaces_is_text():
    sentences = [f"这部电影非常好看{chr(0x4E00 + i)}我很喜欢" for i in range(N)]
    assert read({"id": IDS, "x": sentences, "label": LABEL}).columns.spec.kind == "text"


def test_dates_are_features_and_count_the_days():
    when = [f"2024-01-{1 + i % 28:02d} 12:00:00" for i in range(N)]
    stamp = pa.array(np.arange(N) * 43_200, pa.timestamp("s"))
    reading = read({"id": IDS, "when": when, "stamp": stamp, "label": LABEL})
    assert reading.columns.spec.dates == ("when", "stamp")
    assert reading.data.noisy.inputs is not None
    first = next(iter(reading.data.noisy.inputs.batches(3)))
    assert first.column("when").to_pylist() == [19723.5, 19724.5, 19725.5]
    assert first.column("stamp").to_pylist() == [0.0, 0.5, 1.0]


def test_an_embedding_column_is_recognised_with_its_width_in_any_list_type():
    rows = [[0.1 * i, 1.0, 2.0] for i in range(N)]
    for type_ in (pa.list_(pa.float64()), pa.large_list(pa.float32()), pa.list_(pa.float32(), 3)):
        spec = read({"id": IDS, "vector": pa.array(rows, type_), "label": LABEL}).columns.spec
        assert (spec.kind, spec.width) == ("embedding", 3)


def test_ids_go_by_the_name_that_both_files_have():
    noisy = {"uid": IDS, "id": list(range(N)), "text": TEXT, "label": LABEL}
    assert read(noisy, {"uid": IDS[:4], "label": LABEL[:4]}).columns.id == "uid"
    assert read(noisy, {"uid": IDS[:4], "id": [0, 1, 2, 3], "label": LABEL[:4]}).columns.id == "id"
    twice = {"uid": IDS, "key": IDS, "text": TEXT, "label": LABEL}
    assert "columns 'uid' and 'key' could both be ids; name one with --id-column" in error(
        twice, {"uid": IDS[:4], "key": IDS[:4], "label": LABEL[:4]}
    )


def test_a_trusted_file_of_two_columns_has_its_labels_in_the_other_one():
    reading = read({"id": IDS, "text": TEXT, "label": LABEL}, {"id": IDS[:4], "checked_by_ann": LABEL[:4]})
    assert reading.columns.clean_label == "checked_by_ann"


def test_a_noisy_looking_label_column_in_the_trusted_file_gives_way_to_the_clean_one():
    clean = {"id": IDS[:4], "noisy_label": LABEL[4:8], "clean_label": LABEL[:4]}
    assert read({"id": IDS, "text": TEXT, "noisy_label": LABEL}, clean).columns.clean_label == "clean_label"


def test_a_trusted_file_without_all_inputs_takes_them_from_the_noisy_file():
    noisy = {"id": IDS, "age": [i % 7 for i in range(N)], "size": np.linspace(0, 1, N), "label": LABEL}
    reading = read(noisy, {"id": IDS[:4], "age": [1, 2, 3, 4], "label": LABEL[:4]})
    assert "clean lacks input column 'size', so its inputs are those of the noisy rows of the same id" in reading.notes
    assert reading.data.clean.inputs is not None
    batch = next(iter(reading.data.clean.inputs.batches(10)))
    assert batch.column("age").to_pylist() == [0.0, 1.0, 2.0, 3.0]


def test_inference_looks_at_the_same_rows_whatever_the_batch_size():
    noisy = {"id": IDS, "text": TEXT, "label": LABEL}
    tables = pa.table(noisy), pa.table({"id": IDS[:4], "label": LABEL[:4]})
    first, *others = [read_training(*tables, DataSettings(), read_rows=rows) for rows in (8192, 1, 7)]
    assert all((o.columns, o.notes) == (first.columns, first.notes) for o in others)


def test_columns_come_back_from_json():
    columns = read({"id": IDS, "vector": [[0.5, 1.5]] * N, "label": LABEL}).columns
    assert Columns.from_json(columns.to_json()) == columns
    assert columns.to_json()["inputs"]["width"] == 2


def test_two_defects_in_two_files_are_reported_together():
    noisy = {"id": [*IDS[:-1], "k0"], "text": TEXT, "label": LABEL}
    lines = error(noisy, {"id": ["k1", "k2", "k3"], "label": ["x", "z", None]}).splitlines()
    assert len(lines) == 2
    assert lines[0].startswith('noisy, row 40: id "k0" stands already in row 1; labelfix wants one row per item')
    assert lines[1].startswith('clean, row 2: label "z" is not one of the 2 classes (x, y)')
    assert lines[1].endswith("below it z,y"), "the one class that it can mean"


def test_only_five_defects_of_a_kind_are_listed():
    lines = error(
        {"id": ["same"] * 20 + IDS[20:], "text": TEXT, "label": LABEL}, {"id": ["same"] * 2, "label": ["x", "x"]}
    ).splitlines()
    assert sum("stands already in row 1" in line and line.startswith("noisy, row") for line in lines) == 5
    assert "noisy: 14 more ids are duplicates" in lines


def test_the_label_is_what_the_trusted_file_has_beside_its_ids():
    noisy = {"machine": IDS, "site": ["north", "south"] * 20, "x": [i / 7 for i in range(N)], "state": LABEL}
    reading = read(noisy, {"machine": IDS[5:9], "state": LABEL[5:9]})
    assert (reading.columns.label, reading.columns.clean_label) == ("state", "state")
    assert any("'state' is the label, as clean has nothing else beside its ids" in note for note in reading.notes)


def test_ids_that_stand_twice_or_nowhere_are_named_whatever_their_column_is_called():
    noisy = {"Ticket": IDS, "text": TEXT, "label": LABEL}
    said = error(noisy, {"Ticket": [*IDS[5:9], IDS[6], "k99", None], "label": [*LABEL[5:9], "x", "x", "x"]})
    assert 'row 5: id "k6" stands already in row 2' in said
    assert 'row 6: id "k99" does not stand in noisy' in said
    assert "row 7: column 'Ticket' is empty" in said
    assert '"None"' not in said
