"""Folders and globs of tables: which files, which split, and what the names of folders say."""

import gzip
from collections.abc import Callable
from pathlib import PurePath

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelfix.cli import main
from labelfix.data.formats import ReadOptions, open_table
from labelfix.data.formats.partitions import partition_keys
from labelfix.data.formats.splits import find_splits
from labelfix.data.read import read_training
from labelfix.errors import InputError
from labelfix.settings.data import DataSettings

Put = Callable[[str, str], str]


def put_parquet(path, columns):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)


def ids(source, split=None):
    opened = open_table(source, options=ReadOptions(split=split))
    return [cell for chunk in opened.scan(["id"]) for cell in chunk.batch.column(0).to_pylist()]


def refusal(source, split=None):
    with pytest.raises(InputError) as caught:
        open_table(source, options=ReadOptions(split=split))
    assert len(caught.value.defects) == 1
    return str(caught.value)


SPLIT_LAYOUTS = {
    "a clone of the hub": ("data/train-00000-of-00001.parquet", "data/test-00000-of-00001.parquet"),
    "files": ("train.csv", "test.csv"),
    "packed files": ("train.csv.gz", "test.csv.gz"),
    "folders of tables": ("train/a.csv", "test/a.csv"),
    "folders of Parquet": ("train/part-0.parquet", "Test/part-0.parquet"),
    "other beginnings": ("train_2020.parquet", "test.part1.parquet"),
    "numbers": ("train1.csv", "test1.csv"),
    "ends of names": ("imdb_train.csv", "imdb-test.csv"),
}


def put_splits(folder, names):
    for place, name in enumerate(names):
        path = folder / name
        if name.endswith(".parquet"):
            put_parquet(path, {"id": [place]})
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        content = f"id\n{place}\n".encode()
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)


@pytest.mark.parametrize("names", SPLIT_LAYOUTS.values(), ids=SPLIT_LAYOUTS.keys())
def test_splits_are_named_and_one_is_asked_for(tmp_path, names):
    put_splits(tmp_path, names)
    (tmp_path / "README.md").write_text("# A data set\n")
    message = refusal(tmp_path)
    assert "holds 2 splits (train, test); say which: --split train, or give " in message
    way = message.split("or give ")[1]
    assert ids(way) == [0]  # what the message says can be done
    assert ids(tmp_path, "train") == [0]
    assert ids(tmp_path, "test") == [1]
    assert open_table(tmp_path, options=ReadOptions(split="test")).remarks == ("split test is read, not train",)
    assert refusal(tmp_path, "dev").endswith("has no split 'dev'; it holds train, test; name one of them with --split")


def test_a_split_of_its_own_name_is_told_by_its_shards(tmp_path):
    for place, name in enumerate(("train", "unsupervised")):
        put_parquet(tmp_path / f"{name}-00000-of-00001.parquet", {"id": [place]})
    assert "holds 2 splits (train, unsupervised)" in refusal(tmp_path)
    assert ids(tmp_path, "unsupervised") == [1]


@pytest.mark.parametrize(
    "names",
    [
        ("train-part-0.parquet", "train-part-1.parquet"),
        ("data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet"),
        ("data-00000-of-00002.parquet", "data-00001-of-00002.parquet"),
        ("part-0.parquet", "part-1.parquet"),
        ("trainer.parquet", "testimony.parquet"),
        ("run_test.parquet", "run_test2.parquet"),
    ],
)
def test_files_of_one_split_are_one_table(tmp_path, names):
    for place, name in enumerate(names):
        put_parquet(tmp_path / name, {"id": [place]})
    assert sorted(ids(tmp_path)) == [0, 1]


def test_a_glob_reads_what_it_matches_even_across_splits(tmp_path):
    put_splits(tmp_path, ("test.csv", "train.csv"))
    assert ids(str(tmp_path / "t*.csv")) == [0, 1]
    assert ids(str(tmp_path / "tr*.csv")) == [1]


def test_splits_come_in_the_usual_order_whatever_the_files_do():
    files = [PurePath(f"{name}.csv") for name in ("dev", "holdout", "test", "train", "validation", "extra")]
    assert list(find_splits(files)) == ["train", "test", "validation", "dev", "holdout"]


def test_a_table_beside_the_splits_is_passed_over_and_said(tmp_path):
    for place, name in enumerate(("train.csv", "test.csv", "sample_submission.csv")):
        (tmp_path / name).write_text(f"id\n{place}\n")
    assert "holds 2 splits (train, test)" in refusal(tmp_path)
    assert ids(tmp_path, "train") == [0]


def test_a_saved_dataset_of_several_splits_gives_the_one_asked_for(tmp_path):
    both = {name: datasets.Dataset.from_dict({"id": [place]}) for place, name in enumerate(("train", "test"))}
    datasets.DatasetDict(both).save_to_disk(tmp_path / "saved")
    assert ids(tmp_path / "saved", "test") == [1]
    assert "has no split 'dev'; it holds train, test" in refusal(tmp_path / "saved", "dev")


def test_a_dataset_from_the_hub_is_loaded_in_the_split_asked_for(monkeypatch):
    asked = []

    def load(name, config, split):
        asked.append(split)
        return datasets.Dataset.from_dict({"id": [1]})

    monkeypatch.setattr(datasets, "load_dataset", load)
    ids("hub:me/pets", "test")
    ids("hub:me/pets:train", "test")
    assert asked == ["test", "train"]


def test_one_file_is_read_whatever_split_is_asked_for(tmp_path):
    (tmp_path / "gold.csv").write_text("id\n7\n")
    assert ids(tmp_path / "gold.csv", "train") == [7]


def test_a_folder_without_splits_is_one_table_whatever_split_is_asked_for(tmp_path):
    put_parquet(tmp_path / "part-0.parquet", {"id": [7]})
    assert ids(tmp_path, "train") == [7]


def test_what_stands_beside_tables_is_passed_over(tmp_path):
    put_parquet(tmp_path / "part-0.snappy.parquet", {"id": [1]})
    for name in (
        "README.md",
        "README.txt",
        "LICENSE",
        "LICENSE.txt",
        ".gitattributes",
        "dataset_infos.json",
        "_SUCCESS",
        "_metadata.parquet",
        ".part-0.snappy.parquet.crc",
        "notes.txt",
    ):
        (tmp_path / name).write_text("nothing that is a table, \x00")
    (tmp_path / "_delta_log").mkdir()
    (tmp_path / "_delta_log" / "0.csv").write_text("x\n1\n")
    assert ids(tmp_path) == [1]


def test_text_files_are_tables_where_there_are_no_others(tmp_path):
    (tmp_path / "readme.txt").write_text("hello")
    (tmp_path / "a.txt").write_text("id\tname\n1\tx\n")
    assert ids(tmp_path) == [1]


def test_files_of_two_types_are_both_named(tmp_path):
    put_parquet(tmp_path / "deep" / "a.parquet", {"id": [1]})
    (tmp_path / "b.csv").write_text("id\n2\n")
    assert "holds files of several types: Parquet (deep/a.parquet) and CSV (b.csv)" in refusal(tmp_path)


def test_csv_files_below_a_folder_count_only_where_it_holds_none(tmp_path, put):
    put("old/b.csv", "id\n2\n")
    assert ids(tmp_path) == [2]
    put("a.csv", "id\n1\n")
    assert ids(tmp_path) == [1]


# Partitions: columns in the names of folders.


def test_keys_are_read_from_folders_as_hive_writes_them():
    path = PurePath("country=de/day=2024-01-01%2012%3A00/kind=__HIVE_DEFAULT_PARTITION__/plain/=x/e=/part-0.csv")
    assert partition_keys(path) == {"country": "de", "day": "2024-01-01 12:00", "kind": None, "e": ""}


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_partition_keys_are_the_last_columns(tmp_path, suffix):
    for name, number in (("kind=a%20b/year=9", 1), ("kind=a%20b/year=10", 2), ("kind=c/year=9", 3)):
        path = tmp_path / name / f"part-0{suffix}"
        put_parquet(path, {"id": [number]})
        if suffix == ".csv":
            path.write_text(f"id\n{number}\n")
    source = open_table(tmp_path)
    assert source.schema.names == ["id", "kind", "year"]
    assert source.schema.field("year").type == pa.string()
    rows = [row for chunk in source.scan() for row in chunk.batch.to_pylist()]
    assert rows == [
        {"id": 1, "kind": "a b", "year": "9"},
        {"id": 2, "kind": "a b", "year": "10"},
        {"id": 3, "kind": "c", "year": "9"},
    ]
    only = [(c.file_index, c.first_row, c.batch.to_pylist()) for c in source.scan(["year"])]
    assert only == [(0, 1, [{"year": "9"}]), (1, 1, [{"year": "10"}]), (2, 1, [{"year": "9"}])]
    assert [c.batch.schema.names for c in source.verbatim(["year", "id"])][0] == ["year", "id"]


def test_a_file_without_a_key_has_none(tmp_path):
    put_parquet(tmp_path / "kind=a" / "0.parquet", {"id": [1]})
    put_parquet(tmp_path / "kind=__HIVE_DEFAULT_PARTITION__" / "0.parquet", {"id": [2]})
    put_parquet(tmp_path / "0.parquet", {"id": [3]})
    rows = {row["id"]: row["kind"] for chunk in open_table(tmp_path).scan() for row in chunk.batch.to_pylist()}
    assert rows == {1: "a", 2: None, 3: None}


def test_a_column_of_the_files_goes_before_a_key_of_the_same_name(tmp_path):
    put_parquet(tmp_path / "kind=folder" / "0.parquet", {"id": [1], "kind": ["file"]})
    source = open_table(tmp_path)
    assert source.schema.names == ["id", "kind"]
    assert [c.batch["kind"].to_pylist() for c in source.scan()] == [["file"]]


def test_keys_of_a_glob_are_those_at_and_below_its_first_wildcard(tmp_path):
    put_parquet(tmp_path / "v=1" / "kind=a" / "0.parquet", {"id": [1]})
    assert open_table(str(tmp_path / "v=1" / "kind=*" / "*.parquet")).schema.names == ["id", "kind"]
    assert open_table(str(tmp_path / "v=1" / "kind=*")).schema.names == ["id", "kind"]
    assert open_table(tmp_path / "v=1" / "kind=a" / "0.parquet").schema.names == ["id"]


def test_the_hash_of_a_partitioned_table_covers_its_keys(tmp_path):
    put_parquet(tmp_path / "kind=a" / "0.parquet", {"id": [1]})
    before = open_table(tmp_path).content_hash()
    (tmp_path / "kind=a").rename(tmp_path / "kind=b")
    assert open_table(tmp_path).content_hash() != before
    (tmp_path / "kind=b").rename(tmp_path / "kind=a")
    assert open_table(tmp_path).content_hash() == before


def partitioned(folder, suffix):
    """Thirty texts in one folder a label, and six trusted labels."""
    words = {"cat": "a cat that sleeps on the sofa", "dog": "a dog that barks at the door"}
    for label, text in words.items():
        rows = [(f"{label}{i}", f"{text}, number {i}") for i in range(15)]
        path = folder / "out" / f"label={label}" / f"part-0{suffix}"
        put_parquet(path, {"id": [row[0] for row in rows], "text": [row[1] for row in rows]})
        if suffix == ".csv":
            path.write_text("id,text\n" + "".join(f'{i},"{text}"\n' for i, text in rows))
    gold = folder / "gold.csv"
    gold.write_text("id,label\n" + "".join(f"{label}{i},{label}\n" for label in words for i in range(3)))
    return folder / "out", gold


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_labels_that_stand_in_folder_names_are_labels(tmp_path, suffix):
    noisy, gold = partitioned(tmp_path, suffix)
    reading = read_training(str(noisy), str(gold), DataSettings())
    assert reading.columns.label == "label"
    assert reading.data.classes.names == ("cat", "dog")
    assert reading.data.noisy.codes.tolist() == [0] * 15 + [1] * 15
    assert any("column 'label' is read from the names of folders" in note for note in reading.notes)


def test_the_command_line_asks_for_a_split_and_takes_it(tmp_path, capsys):
    rows = [f"r{i},a text of several words number {i},{'cat' if i % 2 else 'dog'}" for i in range(30)]
    (tmp_path / "set").mkdir()
    for name, part in (("train", rows[:20]), ("test", rows[20:])):
        (tmp_path / "set" / f"{name}.csv").write_text("\n".join(["id,text,label", *part]) + "\n")
    (tmp_path / "gold.csv").write_text("id,label\nr1,cat\nr2,dog\nr3,cat\nr4,dog\n")
    words = ["check", "--noisy", str(tmp_path / "set"), "--clean", str(tmp_path / "gold.csv")]
    assert main(words) == 2
    assert "holds 2 splits (train, test); say which: --split train" in capsys.readouterr().err
    assert main([*words, "--split", "train"]) == 0
    assert "noisy rows: 20 in" in "".join(capsys.readouterr())


def test_a_split_told_by_the_start_of_a_name_and_one_told_by_its_end_are_two_splits(tmp_path):
    for name in ("train-00000-of-00002.csv", "train-00001-of-00002.csv", "data_test.csv"):
        (tmp_path / name).write_text("id,text,label\n1,some words here,a\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"holds 2 splits \(train, test\)"):
        open_table(str(tmp_path))
