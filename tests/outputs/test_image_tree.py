import csv
import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelfix.data.formats import open_table
from labelfix.errors import InputError
from labelfix.outputs.alignment import AlignedLabels
from labelfix.outputs.corrected_rows import HeldRows
from labelfix.outputs.exports import corrected_table
from labelfix.outputs.image_tree import export_tree

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def tree(tmp_path):
    """cat/1.png, cat/deep/2.png, dog/1.png and loose.png, each with its own bytes."""
    for place in ("cat/1.png", "cat/deep/2.png", "dog/1.png", "loose.png"):
        path = tmp_path / "images" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(PNG + place.encode())
    return tmp_path / "images"


@pytest.fixture
def correction(tree, make_labels):
    """cat/1.png and cat/deep/2.png are dogs, dog/1.png stays, loose.png is filled in as a cat."""
    labels = make_labels(
        ["cat", "cat", "dog", None],
        [[0.1, 0.9], [0.2, 0.8], [0.1, 0.9], [0.9, 0.1]],
        ids=["cat/1.png", "cat/deep/2.png", "dog/1.png", "loose.png"],
        file=str(tree),
    )
    return AlignedLabels(HeldRows(corrected_table(labels)), open_table(str(tree)), "label")


def contents(root):
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_images_are_copied_into_their_corrected_classes(correction, tree, tmp_path):
    before = contents(tree)
    report = export_tree(correction, "image", tmp_path / "out", id_column="id")
    assert contents(tmp_path / "out") == {
        "dog/1.png": PNG + b"dog/1.png",
        "dog/1-2.png": PNG + b"cat/1.png",
        "dog/deep/2.png": PNG + b"cat/deep/2.png",
        "cat/loose.png": PNG + b"loose.png",
    }
    assert contents(tree) == before
    assert (report.rows, report.changed, report.filled) == (4, 2, 1)


def test_hard_links_share_the_bytes(correction, tree, tmp_path):
    export_tree(correction, "image", tmp_path / "out", id_column="id", hard_link=True)
    assert os.path.samefile(tree / "cat" / "deep" / "2.png", tmp_path / "out" / "dog" / "deep" / "2.png")


def test_flagged_images_can_be_left_out(correction, tmp_path):
    report = export_tree(correction, "image", tmp_path / "out", id_column="id", drop_issues=True)
    assert sorted(contents(tmp_path / "out")) == ["cat/loose.png", "dog/1.png"]
    assert report.dropped == 2


def test_details_go_into_a_table_beside_the_classes(correction, tmp_path):
    export_tree(correction, "image", tmp_path / "out", id_column="id", details=True)
    with open(tmp_path / "out" / "labelfix-details.csv", newline="", encoding="utf-8") as stream:
        rows = {row["id"]: row for row in csv.DictReader(stream)}
    assert rows["cat/1.png"]["file"] == "dog/1-2.png"
    assert rows["cat/1.png"]["given_label"] == "cat"
    assert float(rows["cat/1.png"]["p_dog"]) == pytest.approx(0.9)


def test_a_folder_that_is_taken_is_left_alone(correction, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("x")
    with pytest.raises(InputError, match="exists already"):
        export_tree(correction, "image", tmp_path / "out", id_column="id")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]


def test_a_failure_half_way_leaves_nothing_behind(correction, tree, tmp_path):
    (tree / "dog" / "1.png").unlink()
    with pytest.raises(InputError, match=r"dog/1\.png: cannot be copied"):
        export_tree(correction, "image", tmp_path / "out", id_column="id")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["images"]


def test_images_of_a_table_are_named_by_their_path_or_else_by_their_id(make_labels, tmp_path):
    images = pa.array(
        [
            {"bytes": PNG + b"1", "path": "x/../../one.png"},
            {"bytes": PNG + b"2", "path": None},
            {"bytes": PNG + b"3", "path": "one.png"},
        ]
    )
    table = pa.table({"id": ["a", "../b", "c"], "image": images, "label": ["cat", "cat", "cat"]})
    pq.write_table(table, tmp_path / "noisy.parquet")
    soft = [[0.9, 0.1], [0.1, 0.9], [0.9, 0.1]]
    labels = make_labels(["cat"] * 3, soft, ids=["a", "../b", "c"], file=str(tmp_path / "noisy.parquet"))
    source = open_table(str(tmp_path / "noisy.parquet"))
    export_tree(
        AlignedLabels(HeldRows(corrected_table(labels)), source, "label"), "image", tmp_path / "out", id_column="id"
    )
    assert contents(tmp_path / "out") == {
        "cat/one.png": PNG + b"1",
        "cat/one-2.png": PNG + b"3",
        "dog/_.._b.png": PNG + b"2",
    }


def test_images_named_by_paths_relative_to_the_table_are_found(make_labels, tmp_path):
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "a.png").write_bytes(PNG + b"a")
    (tmp_path / "noisy.csv").write_text("id,file,label\n1,files/a.png,cat\n")
    labels = make_labels(["cat"], [[0.1, 0.9]], ids=[1], file=str(tmp_path / "noisy.csv"))
    source = open_table(str(tmp_path / "noisy.csv"))
    export_tree(
        AlignedLabels(HeldRows(corrected_table(labels)), source, "label"), "file", tmp_path / "out", id_column="id"
    )
    assert contents(tmp_path / "out") == {"dog/a.png": PNG + b"a"}


def test_class_names_never_leave_the_folder(make_labels, tmp_path):
    table = pa.table({"image": [PNG + b"1"], "label": ["../up"]})
    pq.write_table(table, tmp_path / "noisy.parquet")
    classes = ("../up", "a/b")
    labels = make_labels(["../up"], [[0.1, 0.9]], classes=classes, file=str(tmp_path / "noisy.parquet"))
    source = open_table(str(tmp_path / "noisy.parquet"))
    export_tree(AlignedLabels(HeldRows(corrected_table(labels)), source, "label"), "image", tmp_path / "out")
    assert sorted(contents(tmp_path / "out")) == ["a_b/1.png"]


def test_names_that_are_one_on_some_file_systems_do_not_meet(make_labels, tmp_path):
    """é in one letter and in two; both stay in their class."""
    composed, split = "cat/\u00e9.png", "cat/e\u0301.png"
    for place in (composed, split):
        path = tmp_path / "images" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(PNG + place.encode())
    if len(contents(tmp_path / "images")) < 2:
        pytest.skip("this file system holds one of them")
    source = open_table(str(tmp_path / "images"))
    labels = make_labels(["cat"] * 2, [[0.9, 0.1]] * 2, ids=list(source.paths), file=str(tmp_path / "images"))
    export_tree(
        AlignedLabels(HeldRows(corrected_table(labels)), source, "label"), "image", tmp_path / "out", id_column="id"
    )
    assert sorted(contents(tmp_path / "out").values()) == sorted(PNG + place.encode() for place in (composed, split))
    assert sum(name.endswith("-2.png") for name in contents(tmp_path / "out")) == 1
