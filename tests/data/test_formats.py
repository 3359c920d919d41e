"""Parquet, Hugging Face, folders of images and tables in memory all open as the same kind of source."""

import json
import subprocess
import sys
from pathlib import Path

import datasets
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from labelfix.data.formats import FORMATS, open_several, open_table
from labelfix.data.labels.column import class_label_names
from labelfix.errors import InputError

TABLE = pa.table({"id": [1, 2, 3], "text": ["one", "two", None], "label": [0, 1, 1]})


def rows(source, columns=None):
    return [row for chunk in open_table(source).scan(columns) for row in chunk.batch.to_pylist()]


def dataset():
    features = datasets.Features(
        {
            "id": datasets.Value("int64"),
            "text": datasets.Value("string"),
            "label": datasets.ClassLabel(names=["no", "yes"]),
        }
    )
    return datasets.Dataset.from_dict(TABLE.to_pydict(), features=features)


def test_each_format_has_a_name_of_its_own():
    assert [f.name for f in FORMATS] == [
        "hugging_face",
        "parquet",
        "arrow",
        "excel",
        "csv",
        "json",
        "image_folder",
        "memory",
    ]


def test_a_folder_of_parts_is_read_in_natural_order_and_hidden_files_are_not(tmp_path):
    for part in (10, 2):
        pq.write_table(pa.table({"id": [part]}), tmp_path / f"part-{part}.parquet")
    pq.write_table(pa.table({"id": [99]}), tmp_path / "_part-1.parquet")
    source = open_table(tmp_path)
    assert [(c.file_index, c.batch["id"].to_pylist()) for c in source.scan()] == [(0, [2]), (1, [10])]
    assert rows(str(tmp_path / "part-*.parquet")) == [{"id": 2}, {"id": 10}]


def test_parquet_row_numbers_start_anew_in_every_file(tmp_path):
    for part in (1, 2):
        pq.write_table(pa.table({"id": list(range(5))}), tmp_path / f"{part}.parquet", row_group_size=2)
    places = [(c.file_index, c.first_row, c.batch.num_rows) for c in open_table(tmp_path).scan(rows=3)]
    assert [p[0] for p in places] == sorted(p[0] for p in places)
    assert {p[:2] for p in places} >= {(0, 1), (1, 1)}
    assert sum(p[2] for p in places) == 10


def test_columns_come_in_the_order_asked_for(tmp_path):
    pq.write_table(TABLE, tmp_path / "t.parquet")
    for source in (tmp_path / "t.parquet", TABLE, dataset()):
        assert list(rows(source, ["label", "id"])[0]) == ["label", "id"]


def test_a_saved_dataset_is_read_with_its_class_names(tmp_path):
    dataset().save_to_disk(tmp_path / "saved")
    source = open_table(tmp_path / "saved")
    assert source.format == "hugging_face"
    assert rows(tmp_path / "saved") == TABLE.to_pylist()
    assert class_label_names(source, "label") == ("no", "yes")
    assert class_label_names(source, "text") == ()


def test_a_parquet_file_made_from_a_dataset_keeps_the_class_names(tmp_path):
    dataset().to_parquet(str(tmp_path / "t.parquet"))
    assert class_label_names(open_table(tmp_path / "t.parquet"), "label") == ("no", "yes")


def test_a_saved_dataset_of_several_splits_is_refused_with_their_folders(tmp_path):
    datasets.DatasetDict({"train": dataset(), "test": dataset()}).save_to_disk(tmp_path / "saved")
    with pytest.raises(InputError, match=r"2 splits \(train, test\); say which: --split train, or give .*saved/train$"):
        open_table(tmp_path / "saved")
    datasets.DatasetDict({"train": dataset()}).save_to_disk(tmp_path / "one")
    assert rows(tmp_path / "one") == TABLE.to_pylist()


def test_a_saved_dataset_without_its_data_file_is_refused(tmp_path):
    dataset().save_to_disk(tmp_path / "saved")
    next((tmp_path / "saved").glob("*.arrow")).unlink()
    with pytest.raises(InputError, match=r"saved: lacks its data file data-00000"):
        open_table(tmp_path / "saved")


def test_a_shuffled_dataset_in_memory_is_read_in_its_own_order():
    shuffled = dataset().select([2, 0])
    assert [row["id"] for row in rows(shuffled)] == [3, 1]
    assert class_label_names(open_table(shuffled), "label") == ("no", "yes")


@pytest.mark.parametrize("make", [lambda: TABLE, lambda: TABLE.to_pandas(), lambda: pl.from_arrow(TABLE), dataset])
def test_tables_in_memory_hold_the_same_rows(make):
    assert [(r["id"], r["text"] or None, r["label"]) for r in rows(make())] == [
        (1, "one", 0),
        (2, "two", 1),
        (3, None, 1),
    ]


def test_a_named_index_of_a_frame_is_a_column_and_a_nameless_one_is_not():
    frame = pd.DataFrame({"text": ["a", "b"]}, index=pd.Index(["x", "y"], name="id"))
    assert rows(frame)[0] == {"text": "a", "id": "x"}
    assert rows(frame.reset_index(drop=True))[0] == {"text": "a"}


@pytest.mark.parametrize(
    ("thing", "message"),
    [
        (42, "noisy: is of type int, which is no table; give a path, a pyarrow table"),
        (
            datasets.DatasetDict({"train": dataset(), "test": dataset()}),
            "noisy: holds 2 splits (train, test); say which: --split train, or give its split 'train'",
        ),
        (pd.DataFrame({"a": [1, "x", None, object()]}), "noisy, row 4: column 'a' holds a value of type object"),
    ],
)
def test_what_is_no_table_is_refused(thing, message):
    with pytest.raises(InputError) as caught:
        open_table(thing, "noisy")
    assert message in str(caught.value)


def test_the_hash_of_a_table_in_memory_does_not_depend_on_its_chunks():
    big = pa.table({"id": np.arange(20_000), "text": [f"t{i % 97}" for i in range(20_000)]})
    pieces = pa.concat_tables([big.slice(0, 7), big.slice(7, 9_000), big.slice(9_007)])
    assert pieces.column("id").num_chunks == 3
    assert open_table(big).content_hash() == open_table(pieces).content_hash()
    assert open_table(big).content_hash() != open_table(big.slice(1)).content_hash()


def test_the_hash_of_a_file_does_not_depend_on_its_name(tmp_path):
    pq.write_table(TABLE, tmp_path / "a.parquet")
    (tmp_path / "b.parquet").write_bytes((tmp_path / "a.parquet").read_bytes())
    assert open_table(tmp_path / "a.parquet").content_hash() == open_table(tmp_path / "b.parquet").content_hash()
    pq.write_table(TABLE.slice(1), tmp_path / "b.parquet")
    assert open_table(tmp_path / "a.parquet").content_hash() != open_table(tmp_path / "b.parquet").content_hash()


def test_a_folder_of_images_has_relative_paths_as_ids_and_folders_as_labels(tmp_path):
    for path in ("dog/a10.png", "dog/a2.png", "cat/deep/b.PNG", ".hidden/x.png", "loose.png"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4)).save(tmp_path / path)
    (tmp_path / "dog" / "Thumbs.db").write_text("no image")
    source = open_table(tmp_path)
    found = rows(tmp_path)
    assert source.format == "image_folder"
    assert [(row["id"], row["label"]) for row in found] == [
        ("cat/deep/b.PNG", "cat"),
        ("dog/a2.png", "dog"),
        ("dog/a10.png", "dog"),
        ("loose.png", None),
    ]
    assert found[1]["image"] == {"bytes": None, "path": str(tmp_path / "dog/a2.png")}


def test_moving_an_image_to_another_class_changes_the_hash(tmp_path):
    for label in ("cat", "dog"):
        (tmp_path / label).mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "cat/a.png")
    before = open_table(tmp_path).content_hash()
    (tmp_path / "cat/a.png").rename(tmp_path / "dog/a.png")
    assert open_table(tmp_path).content_hash() != before


def test_several_tables_are_one_with_the_columns_they_share(tmp_path):
    pq.write_table(pa.table({"id": [1], "label": ["x"], "who": ["ann"]}), tmp_path / "a.parquet")
    (tmp_path / "b.csv").write_text("label,id\n7,2\n8,3\n")
    source = open_several([tmp_path / "a.parquet", tmp_path / "b.csv"])
    assert source.schema.names == ["id", "label"]
    assert [(c.file_index, c.first_row, c.batch.to_pylist()) for c in source.scan()] == [
        (0, 1, [{"id": 1, "label": "x"}]),
        (1, 1, [{"id": 2, "label": "7"}, {"id": 3, "label": "8"}]),
    ]


def test_every_table_that_cannot_be_opened_is_named(tmp_path):
    with pytest.raises(InputError) as caught:
        open_several([tmp_path / "a.csv", tmp_path / "b.csv"])
    assert [Path(d.file).name for d in caught.value.defects] == ["a.csv", "b.csv"]


def test_a_hub_name_asks_the_datasets_library_and_its_failures_are_worded(monkeypatch):
    asked = []

    def load(name, config, split):
        asked.append((name, config, split))
        if name == "me/broken":
            raise ConnectionError("Couldn't reach the hub")
        return dataset() if split else datasets.DatasetDict({"train": dataset(), "test": dataset()})

    monkeypatch.setattr(datasets, "load_dataset", load)
    assert len(rows("hub:me/pets@small:train")) == 3
    assert asked == [("me/pets", "small", "train")]
    with pytest.raises(InputError, match=r"hub:me/pets: holds 2 splits .* --split train, or give hub:me/pets:train"):
        open_table("hub:me/pets")
    with pytest.raises(InputError, match=r"hub:me/broken: cannot be loaded from the hub \(Couldn't reach"):
        open_table("hub:me/broken")


def test_reading_a_csv_file_imports_no_heavy_library(tmp_path):
    (tmp_path / "t.csv").write_text("id,label\n1,x\n2,y\n")
    code = (
        "import sys, json\nfrom labelfix.data.formats import open_table\nimport labelfix.data.read\n"
        f"list(open_table({str(tmp_path / 't.csv')!r}).scan())\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    loaded = json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
    heavy = {"torch", "transformers", "timm", "sklearn", "scipy", "pandas", "datasets", "pyarrow.dataset", "PIL"}
    assert heavy & set(loaded) == set()
