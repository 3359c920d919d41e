import json

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from labelfix.errors import InputError
from labelfix.outputs.corrected_rows import corrected_metadata, read_corrected
from labelfix.outputs.corrected_schema import COLUMNS, METADATA_KEY
from labelfix.outputs.exports import corrected_table, with_min_confidence, write_corrected


@pytest.fixture
def labels(make_labels):
    """A row of every action at the threshold 0.6: keep, relabel, review, fill."""
    return make_labels(["cat", "cat", "cat", None], [[0.9, 0.1], [0.2, 0.8], [0.45, 0.55], [0.3, 0.7]])


def test_the_columns_are_those_of_the_documentation_in_their_order_and_types(labels):
    schema = corrected_table(labels).schema
    assert tuple(schema.names) == COLUMNS
    assert {field.name: str(field.type) for field in schema} == {
        "id": "string",
        "given_label": "string",
        "suggested_label": "string",
        "confidence": "float",
        "corrected_label": "string",
        "is_label_issue": "bool",
        "action": "string",
        "label_score": "float",
        "predicted_label": "string",
        "soft_label": "list<item: float>",
        "source_file": "string",
        "source_row": "int64",
    }


def test_every_action_is_written_as_its_row_deserves(labels):
    rows = corrected_table(labels).to_pylist()
    assert [row["action"] for row in rows] == ["keep", "relabel", "review", "fill"]
    assert [row["corrected_label"] for row in rows] == ["cat", "dog", "cat", "dog"]
    assert [row["is_label_issue"] for row in rows] == [False, True, False, False]
    assert [row["given_label"] for row in rows] == ["cat", "cat", "cat", None]
    assert rows[1]["label_score"] == np.float32(0.2)
    assert rows[3]["label_score"] is None
    assert [row["source_row"] for row in rows] == [1, 2, 3, 4]


def test_class_order_threshold_and_run_stand_in_the_metadata(labels):
    told = corrected_metadata(corrected_table(labels))
    assert told.classes == ("cat", "dog")
    assert told.min_confidence == 0.6
    assert told.run_id == "0123456789abcdef"
    assert told.value_type == "string"


def test_the_same_labels_give_the_same_bytes(labels, tmp_path):
    write_corrected(tmp_path / "a.parquet", labels)
    write_corrected(tmp_path / "b" / "other.parquet", labels)
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b" / "other.parquet").read_bytes()


def test_the_bytes_hold_neither_the_time_nor_the_place_they_were_written_at(labels, tmp_path):
    write_corrected(tmp_path / "a.parquet", labels)
    assert str(tmp_path).encode() not in (tmp_path / "a.parquet").read_bytes()


def test_row_groups_have_one_size_however_many_rows_there_are(make_labels, tmp_path):
    rows = 150_000
    write_corrected(tmp_path / "a.parquet", make_labels(["cat"] * rows, np.tile([0.5, 0.5], (rows, 1))))
    metadata = pq.ParquetFile(tmp_path / "a.parquet").metadata
    assert [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)] == [65536, 65536, 18928]


def test_pandas_polars_duckdb_and_datasets_read_it(labels, tmp_path):
    import datasets

    path = str(tmp_path / "a.parquet")
    write_corrected(tmp_path / "a.parquet", labels)
    expected = ["cat", "dog", "cat", "dog"]
    assert pd.read_parquet(path)["corrected_label"].tolist() == expected
    frame = pl.read_parquet(path)
    assert frame["corrected_label"].to_list() == expected
    assert frame["soft_label"].to_list()[0] == pytest.approx([0.9, 0.1])
    asked = duckdb.sql(f"select corrected_label, soft_label[2] from '{path}' order by source_row").fetchall()
    assert [row[0] for row in asked] == expected
    assert asked[1][1] == pytest.approx(0.8)
    loaded = datasets.Dataset.from_parquet(path, cache_dir=str(tmp_path / "cache"))
    assert loaded["corrected_label"][:] == expected
    assert loaded[3]["label_score"] is None


def test_a_csv_file_has_a_column_of_probabilities_for_every_class(labels, tmp_path):
    write_corrected(tmp_path / "a.csv", labels)
    table = pyarrow.csv.read_csv(tmp_path / "a.csv")
    assert table.column_names == [*COLUMNS[:9], "p_cat", "p_dog", *COLUMNS[10:]]
    assert table["p_dog"].to_pylist() == pytest.approx([0.1, 0.8, 0.55, 0.7])


def test_what_was_written_is_read_back(labels, tmp_path):
    write_corrected(tmp_path / "a.parquet", labels)
    assert read_corrected(tmp_path / "a.parquet").equals(corrected_table(labels))


def test_a_file_without_rows_keeps_its_columns(make_labels, tmp_path):
    write_corrected(tmp_path / "a.parquet", make_labels([], np.empty((0, 2)), ids=pa.array([], pa.string())))
    table = read_corrected(tmp_path / "a.parquet")
    assert len(table) == 0
    assert tuple(table.column_names) == COLUMNS


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "does not exist"),
        (b"id,label\n1,cat\n", "cannot be read as Parquet"),
        (pa.table({"id": [1]}), "is not a file of corrected labels (lacks given_label"),
    ],
)
def test_another_file_is_refused_with_what_it_lacks(tmp_path, content, message):
    path = tmp_path / "x.parquet"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        pq.write_table(content, path)
    with pytest.raises(InputError) as caught:
        read_corrected(path)
    assert message in str(caught.value)
    assert "labelfix train" in str(caught.value)


def test_a_table_with_the_columns_but_not_the_metadata_is_refused(labels, tmp_path):
    pq.write_table(corrected_table(labels).replace_schema_metadata(None), tmp_path / "x.parquet")
    with pytest.raises(InputError, match="lacks labelfix's metadata"):
        read_corrected(tmp_path / "x.parquet")


@pytest.mark.parametrize("threshold", [0.0, 0.55, 0.6, 0.75, 1.0])
def test_another_threshold_gives_what_the_run_would_have_given_with_it(make_labels, threshold):
    given = ["cat", "cat", "cat", None, "dog"]
    soft = [[0.9, 0.1], [0.2, 0.8], [0.45, 0.55], [0.3, 0.7], [0.4, 0.6]]
    judged_anew = with_min_confidence(corrected_table(make_labels(given, soft)), threshold)
    made_so = corrected_table(make_labels(given, soft, min_confidence=threshold))
    assert judged_anew.equals(made_so)
    assert json.loads(judged_anew.schema.metadata[METADATA_KEY])["min_confidence"] == threshold
