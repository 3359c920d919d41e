"""Soft labels of only the most likely classes: their form, and that everything that reads labels reads both forms."""

import csv
import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelfix.data.formats import open_table
from labelfix.data.tables import ClassNames
from labelfix.outputs import gate
from labelfix.outputs.alignment import AlignedLabels
from labelfix.outputs.corrected_rows import CorrectedFile, HeldRows, corrected_metadata
from labelfix.outputs.exports import corrected_table, write_corrected
from labelfix.outputs.own_file import export_table
from labelfix.outputs.soft_labels import fewer_classes, most_likely
from labelfix.scoring.match_truth import match

CLASSES = ("a", "b", "c", "d")
SOFT = [[0.1, 0.2, 0.3, 0.4], [0.7, 0.1, 0.1, 0.1], [0.25, 0.25, 0.25, 0.25], [0.0, 1.0, 0.0, 0.0]]


@pytest.fixture
def labels(make_labels):
    return make_labels(["a", "a", None, "b"], SOFT, classes=CLASSES)


@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_the_largest_come_first_and_of_equals_the_first_class(k):
    soft = np.random.default_rng(0).integers(0, 4, (3000, 5)).astype(np.float32) / 7
    values, classes = most_likely(soft, k)
    order = np.argsort(-soft, axis=1, kind="stable")[:, :k]
    np.testing.assert_array_equal(classes, order)
    np.testing.assert_array_equal(values, np.take_along_axis(soft, order, axis=1))


def test_probabilities_are_kept_as_they_are_beside_the_names_of_their_classes(labels):
    table = corrected_table(labels, soft_top_k=2)
    place = table.column_names.index("soft_label_classes")
    assert table.column_names[place + 1] == "soft_label"
    assert str(table.schema.field("soft_label_classes").type) == "list<item: string>"
    assert str(table.schema.field("soft_label").type) == "list<item: float>"
    assert table["soft_label_classes"].to_pylist() == [["d", "c"], ["a", "b"], ["a", "b"], ["b", "a"]]
    assert table["soft_label"].to_pylist()[0] == pytest.approx([0.4, 0.3])
    assert corrected_metadata(table).soft_top_k == 2
    others = [name for name in table.column_names if not name.startswith("soft_label")]
    assert table.select(others).equals(corrected_table(labels).select(others))
    assert corrected_metadata(corrected_table(labels)).soft_top_k is None


def test_more_classes_than_there_are_means_all_of_them_largest_first(labels):
    table = corrected_table(labels, soft_top_k=9)
    assert table["soft_label_classes"].to_pylist()[0] == ["d", "c", "b", "a"]
    assert corrected_metadata(table).soft_top_k == 4


@pytest.mark.parametrize("k", [1, 3])
def test_cutting_later_gives_what_cutting_at_once_would_have_given(labels, k):
    columns = ["soft_label_classes", "soft_label"]
    at_once = corrected_table(labels, soft_top_k=k).select(columns).replace_schema_metadata(None)
    for before in (None, 3):
        table = corrected_table(labels, soft_top_k=before)
        table = table.select([name for name in columns if name in table.column_names]).replace_schema_metadata(None)
        assert fewer_classes(table, CLASSES, k).equals(at_once)


def test_text_files_hold_the_lists_as_json(labels, tmp_path):
    write_corrected(tmp_path / "a.csv", labels, soft_top_k=2)
    with open(tmp_path / "a.csv", newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert json.loads(rows[0]["soft_label_classes"]) == ["d", "c"]
    assert json.loads(rows[0]["soft_label"]) == pytest.approx([0.4, 0.3])
    assert "p_a" not in rows[0]


@pytest.mark.parametrize("k", [1, 2])
def test_flag_and_export_read_the_file_of_either_form_alike(labels, tmp_path, k):
    pq.write_table(pa.table({"id": list("wxyz"), "label": ["a", "a", None, "b"]}), tmp_path / "noisy.parquet")
    judged, exported = [], []
    for name, top in (("all", None), ("top", k)):
        file = tmp_path / f"{name}.parquet"
        write_corrected(file, replace(labels, files=(str(tmp_path / "noisy.parquet"),)), soft_top_k=top)
        judged.append(gate.apply_gates(CorrectedFile(file), "run", min_confidence=0.3))
        source = open_table(str(tmp_path / "noisy.parquet"))
        export_table(
            AlignedLabels(CorrectedFile(file), source, "label"), tmp_path / f"{name}-out.parquet", details=True
        )
        exported.append(pq.read_table(tmp_path / f"{name}-out.parquet"))
    assert judged[0].findings == judged[1].findings
    assert len(judged[0].findings) == 1
    assert exported[1]["soft_label_classes"].to_pylist()[0] == ["d", "c"][:k]
    same = [name for name in exported[0].column_names if name != "soft_label"]
    assert exported[0].select(same).equals(exported[1].select(same))


def test_export_cuts_the_soft_labels_of_a_run_that_has_all(labels, tmp_path):
    pq.write_table(pa.table({"id": list("wxyz"), "label": ["a", "a", None, "b"]}), tmp_path / "noisy.parquet")
    source = open_table(str(tmp_path / "noisy.parquet"))
    table = corrected_table(replace(labels, files=(str(tmp_path / "noisy.parquet"),)))
    correction = AlignedLabels(HeldRows(table), source, "label")
    export_table(correction, tmp_path / "out.parquet", details=True, soft_top_k=1)
    assert pq.read_table(tmp_path / "out.parquet")["soft_label_classes"].to_pylist() == [["d"], ["a"], ["a"], ["b"]]
    export_table(correction, tmp_path / "out.csv", details=True, soft_top_k=1)
    with open(tmp_path / "out.csv", newline="", encoding="utf-8") as stream:
        assert next(csv.DictReader(stream))["soft_label_classes"] == '["d"]'


def test_evaluation_shares_what_is_left_among_the_other_classes(labels):
    ids = pa.array(["r4", "unknown", "r1"])
    for top, expected in ((None, SOFT[0]), (2, [0.15, 0.15, 0.3, 0.4]), (4, SOFT[0])):
        found = match(HeldRows(corrected_table(labels, soft_top_k=top)), ids, ClassNames(CLASSES))
        assert found.row.tolist() == [3, -1, 0]
        assert found.labels.soft[found.position[2]].tolist() == pytest.approx(expected)
        assert found.labels.given[found.position[[0, 2]]].tolist() == [1, 0]
        assert found.labels.soft.sum(axis=1) == pytest.approx(1)
