"""Corrected labels that another program has written again: numbers of other widths are read, the rest is refused."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelfix.errors import InputError
from labelfix.outputs import gate
from labelfix.outputs.column_arrays import codes
from labelfix.outputs.corrected_rows import CorrectedFile, HeldRows, read_corrected
from labelfix.outputs.corrected_schema import METADATA_KEY
from labelfix.outputs.exports import corrected_table


@pytest.fixture
def table(make_labels):
    """Four labelled rows, the second and the third of them issues, the third the worse one."""
    return corrected_table(
        make_labels(["cat", "cat", "cat", "dog"], [[0.9, 0.1], [0.25, 0.75], [0.125, 0.875], [0.1, 0.9]])
    )


def rewritten(path, table, **types):
    for name, type_ in types.items():
        place = table.schema.get_field_index(name)
        table = table.set_column(place, name, table.column(name).cast(type_))
    pq.write_table(table, path)
    return path


@pytest.mark.parametrize("type_", [pa.float64(), pa.float16(), pa.float32()], ids=str)
def test_scores_of_any_width_give_the_same_findings(type_, table, tmp_path):
    path = rewritten(tmp_path / "c.parquet", table, label_score=type_, confidence=type_, source_row=pa.int32())
    judgement = gate.apply_gates(CorrectedFile(path), "file")
    assert [(found.id, found.row, found.label_score) for found in judgement.findings] == [
        ("r3", 3, 0.125),
        ("r2", 2, 0.25),
    ]
    assert gate.apply_gates(CorrectedFile(path), "file", min_confidence=0.8).issues == 1


@pytest.mark.parametrize("type_", [pa.large_string(), pa.dictionary(pa.int8(), pa.string())], ids=str)
def test_labels_of_any_kind_of_string_give_the_same_findings(type_, table, tmp_path):
    path = rewritten(tmp_path / "c.parquet", table, given_label=type_, suggested_label=type_, source_file=type_)
    assert [found.id for found in gate.apply_gates(CorrectedFile(path), "file", min_confidence=0.8).findings] == ["r3"]


@pytest.mark.parametrize("index", [pa.int8(), pa.uint16(), pa.int64()], ids=str)
def test_codes_are_read_by_the_width_they_have(index):
    coded = pa.DictionaryArray.from_arrays(pa.array([2, None, 0, 1], index), pa.array(["a", "b", "c"]))
    assert codes(pa.chunked_array([coded]), {"c": 0, "a": 1}).tolist() == [0, -1, 1, -1]


@pytest.mark.parametrize(
    ("column", "type_"),
    [
        ("label_score", pa.string()),
        ("is_label_issue", pa.int8()),
        ("source_row", pa.float64()),
        ("given_label", pa.binary()),
        ("confidence", pa.decimal128(9, 6)),
    ],
    ids=str,
)
def test_a_column_of_another_type_is_refused_by_its_name(column, type_, table, tmp_path):
    path = rewritten(tmp_path / "c.parquet", table, **{column: type_})
    with pytest.raises(InputError) as caught:
        CorrectedFile(path)
    assert f"c.parquet: is not a file of corrected labels (column '{column}' is " in str(caught.value)


@pytest.mark.parametrize(
    "metadata",
    [
        "{",
        "[]",
        "[" * 100_000,
        json.dumps({"classes": "cat"}),
        json.dumps({"classes": [1], "value_type": "string", "min_confidence": 0.5, "run_id": "x"}),
        json.dumps({"classes": ["a"], "value_type": "string", "min_confidence": "much", "run_id": "x"}),
        json.dumps({"classes": ["a"], "value_type": "string", "min_confidence": 10**400, "run_id": "x"}),
        json.dumps({"classes": ["a"], "value_type": "string", "min_confidence": 1, "run_id": "x", "soft_top_k": "2"}),
    ],
    ids=lambda text: text[:60],
)
def test_metadata_that_make_no_sense_are_refused(metadata, table, tmp_path):
    path = rewritten(tmp_path / "c.parquet", table.replace_schema_metadata({METADATA_KEY: metadata}))
    with pytest.raises(InputError, match=r"c\.parquet: is not a file of corrected labels \(its metadata are damaged, "):
        CorrectedFile(path)


def test_columns_that_repeat_are_refused(table, tmp_path):
    twice = table.append_column("label_score", pa.array(np.zeros(4, np.float32)))
    path = rewritten(tmp_path / "c.parquet", twice)
    with pytest.raises(InputError, match="has 2 columns 'label_score'"):
        CorrectedFile(path)
    assert gate.apply_gates(HeldRows(table), "held").issues == 2


def test_a_finding_without_a_suggested_label_is_refused_with_its_row(table, tmp_path):
    place = table.schema.get_field_index("suggested_label")
    hollow = table.set_column(place, "suggested_label", pa.array(["cat", None, "dog", "dog"]))
    with pytest.raises(InputError, match=r"c\.parquet, row 2: says that a label is wrong, but has no suggested_label"):
        gate.apply_gates(CorrectedFile(rewritten(tmp_path / "c.parquet", hollow)), "file")


@pytest.mark.parametrize("column", ["id", "source_file"])
def test_text_that_is_no_utf8_is_damage(column, table, tmp_path):
    place = table.schema.get_field_index(column)
    broken = pa.array([b"a", b"b", b"\xed\xa0\x80", b"d"], pa.binary()).view(pa.string())
    path = rewritten(tmp_path / "c.parquet", table.set_column(place, column, broken))
    for read in (lambda: CorrectedFile(path).group(0, [column]), lambda: read_corrected(path)):
        with pytest.raises(InputError, match=r"c\.parquet: cannot be read as Parquet"):
            read()
