"""Tables in memory as people have them: frames with odd columns, records, columns as lists, datasets."""

import datetime
import decimal
import enum
import pathlib

import datasets
import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from labelfix.data.formats import ReadOptions, open_several, open_table
from labelfix.data.read import read_training
from labelfix.errors import InputError
from labelfix.settings.data import DataSettings

AS_TEXT = "column 'a' is read as text: its values are of no one type"


class Colour(enum.Enum):
    RED = "red"


def rows(source, split=None):
    opened = open_table(source, options=ReadOptions(split=split))
    return [row for chunk in opened.scan() for row in chunk.batch.to_pylist()]


def column(source):
    return [row["a"] for row in rows(source)]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([1, "a", None, True, 2.0, 2.5, pd.NA, float("nan")], ["1", "a", None, "true", "2", "2.5", None, None]),
        ([False, 1], ["false", "1"]),
        ([2**70, 1], ["1180591620717411303424", "1"]),
        ([datetime.date(2024, 1, 1), "x"], ["2024-01-01", "x"]),
        ([decimal.Decimal("1.50"), "x"], ["1.50", "x"]),
        ([pathlib.PurePosixPath("x/y.png"), None], ["x/y.png", None]),
        ([Colour.RED, None], ["red", None]),
        ([np.int8(3), np.float32(0.5), "x"], ["3", "0.5", "x"]),
        ([[1, 2], "x", {"k": np.zeros(2)}], ["[1, 2]", "x", '{"k": [0.0, 0.0]}']),
        ([pd.Period("2024-01"), "x"], ["2024-01", "x"]),
    ],
    ids=str,
)
def test_a_column_of_mixed_values_is_read_as_text_and_said(cells, expected):
    for source in (pd.DataFrame({"a": pd.Series(cells, dtype=object)}), {"a": cells}, [{"a": cell} for cell in cells]):
        assert column(source) == expected
        assert open_table(source).remarks == (AS_TEXT,)


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (pd.arrays.SparseArray([0, 0, 1]), [0, 0, 1]),
        (pd.period_range("2024-01", periods=2, freq="M"), ["2024-01", "2024-02"]),
        (pd.interval_range(0, 2), ["(0, 1]", "(1, 2]"]),
        (pd.cut([1, 2, 3], [0, 2, 3]), ["(0, 2]", "(0, 2]", "(2, 3]"]),
        (pd.PeriodIndex(["2024-01", None], freq="M"), ["2024-01", None]),
        (pd.Categorical(["x", "y"], categories=["x", "y", "z"]), ["x", "y"]),
        (pd.Categorical([1, "y"], categories=[1, "y"]), ["1", "y"]),
        (pd.array([1, pd.NA], dtype="Int64"), [1, None]),
        (pd.array([pd.NA, "x"], dtype="string"), [None, "x"]),
        (pd.Series([1, 2.5, None], dtype=object), [1.0, 2.5, None]),
        (np.array([1, 2], np.float16), [1.0, 2.0]),
        ([np.zeros(2), np.ones(2)], [[0.0, 0.0], [1.0, 1.0]]),
    ],
    ids=lambda cells: type(cells).__name__,
)
def test_a_column_of_an_odd_pandas_type_is_read(cells, expected):
    assert column(pd.DataFrame({"a": cells})) == expected


def test_a_time_with_a_zone_keeps_its_instant():
    frame = pd.DataFrame({"a": pd.to_datetime(["2024-07-01 12:00"]).tz_localize("Europe/Berlin")})
    [moment] = column(frame)
    assert moment == datetime.datetime(2024, 7, 1, 10, tzinfo=datetime.UTC)


def test_columns_of_one_title_and_titles_of_several_parts_are_all_there():
    twice = open_table(pd.DataFrame([[1, "x"], [2, "y"]], columns=["a", "a"]))
    assert (twice.schema.names, twice.titles) == (["a", "a (2)"], ("a", "a"))
    assert [c.batch.to_pylist() for c in twice.scan(["a (2)"])] == [[{"a (2)": "x"}, {"a (2)": "y"}]]
    several = pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", "x"), ("a", "y")]))
    assert rows(several) == [{"('a', 'x')": 1, "('a', 'y')": 2}]
    assert rows(pa.table([pa.array([1]), pa.array([2])], names=["a", "a"])) == [{"a": 1, "a (2)": 2}]
    assert rows(duckdb.sql("select 1 as a, 2 as a")) == [{"a": 1, "a (2)": 2}]


@pytest.mark.parametrize("kind", [object, "category"])
def test_a_trusted_sample_of_a_frame_is_joined_by_the_index_both_share(kind):
    """As from files by `to_parquet`; an index that only counts rows says nothing of who they are."""
    noisy = pd.DataFrame({"x": np.arange(60) * 0.5, "label": pd.Series(list("ab") * 30, dtype=kind)})
    noisy.index = pd.Index([f"w{i}" for i in range(60)])
    clean = noisy[["label"]].sample(30, random_state=0)
    reading = read_training(noisy, clean, DataSettings())
    assert reading.columns.id == "__index_level_0__"
    joined = zip(reading.data.clean.ids.to_pylist(), reading.data.clean.codes.tolist(), strict=True)
    assert sorted(joined) == sorted((name, "ab".index(label)) for name, label in clean["label"].items())
    assert [f.name for f in open_table(noisy.reset_index(drop=True)).schema] == ["x", "label"]


def test_a_named_index_is_a_column_also_beside_columns_of_one_title():
    frame = pd.DataFrame([[1, 2]], columns=["a", "a"], index=pd.Index(["r"], name="id"))
    assert rows(frame) == [{"a": 1, "a (2)": 2, "id": "r"}]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (pd.DataFrame({"a": [1 + 2j, 3]}), "row 1: column 'a' holds a value of type complex"),
        (pd.DataFrame({"a": [None, object()]}), "row 2: column 'a' holds a value of type object"),
        ({"a": ["x", "\ud800"]}, "row 2: column 'a' holds text that is not Unicode"),
        (pl.DataFrame({"a": pl.Series([object()], dtype=pl.Object)}), "row 1: column 'a' holds a value of type object"),
        ({"a": [1], "b": [1, 2]}, "has columns of different lengths: 'a' has 1 and 'b' has 2"),
        ({"a": [1], "b": 3}, "column 'b' is int, which is no column; give every column as a list"),
        (pl.DataFrame({"a": [1]}).lazy(), "is of type polars.LazyFrame, which is no table; call .collect() on it"),
        (
            datasets.Dataset.from_dict({"a": [1]}).to_iterable_dataset(),
            "is of type datasets.IterableDataset, which is no table; give a datasets.Dataset",
        ),
        ([], "holds no rows; give a path"),
        (["a", "b"], 'is of type list, which is no table; give a dict of columns, such as {"text": TEXTS}'),
        (np.zeros((2, 2)), "is of type numpy.ndarray, which is no table"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else type(value).__name__,
)
def test_what_cannot_be_read_is_named(source, message):
    with pytest.raises(InputError) as caught:
        open_table(source, "noisy")
    assert message in str(caught.value)
    assert str(caught.value).startswith("noisy")


def test_polars_columns_of_every_kind_are_read():
    frame = pl.DataFrame(
        {
            "enum": pl.Series(["x", "y"], dtype=pl.Enum(["x", "y", "z"])),
            "category": pl.Series(["x", "y"], dtype=pl.Categorical),
            "array": pl.Series([[1.0, 2.0], [3.0, 4.0]], dtype=pl.Array(pl.Float32, 2)),
            "object": pl.Series([1, "x"], dtype=pl.Object),
            "huge": pl.Series([1, 2]).cast(pl.Int128),
        }
    )
    assert rows(frame) == [
        {"enum": "x", "category": "x", "array": [1.0, 2.0], "object": "1", "huge": 1},
        {"enum": "y", "category": "y", "array": [3.0, 4.0], "object": "x", "huge": 2},
    ]


def test_arrow_batches_and_readers_are_tables():
    assert rows(pa.record_batch({"a": [1]})) == [{"a": 1}]
    assert rows(pa.table({"a": [1]}).to_reader()) == [{"a": 1}]


def test_columns_and_records_are_tables():
    assert rows({"a": [1, 2], "b": np.array([0.5, np.nan]), "c": pa.array(["x", None])}) == [
        {"a": 1, "b": 0.5, "c": "x"},
        {"a": 2, "b": None, "c": None},
    ]
    assert rows([{"a": 1, "v": [0.5]}, {"b": "y"}]) == [
        {"a": 1, "v": [0.5], "b": None},
        {"a": None, "v": None, "b": "y"},
    ]


def test_a_list_of_records_is_one_trusted_table_and_a_list_of_tables_is_several():
    records = open_several([{"id": 1, "label": "x"}, {"id": 2, "label": "y"}], "clean")
    assert (records.files, records.schema.names) == (("clean",), ["id", "label"])
    tables = open_several([{"id": [1], "label": ["x"]}, {"id": [2], "label": ["y"]}])
    assert [c.batch.to_pylist() for c in tables.scan()] == [[{"id": 1, "label": "x"}], [{"id": 2, "label": "y"}]]


def test_records_are_noisy_and_trusted_rows():
    noisy = [{"id": i, "text": f"a few words, number {i}", "label": "cat" if i % 3 else "dog"} for i in range(30)]
    clean = [{"id": 1, "label": "cat"}, {"id": 3, "label": "dog"}, {"id": 6, "label": "dog"}]
    reading = read_training(noisy, clean, DataSettings())
    assert (len(reading.data.noisy), len(reading.data.clean), reading.data.joined_by) == (30, 3, "id")


def test_splits_in_memory_are_asked_for():
    both = {name: datasets.Dataset.from_dict({"a": [place]}) for place, name in enumerate(("train", "test"))}
    assert rows(datasets.DatasetDict(both), "test") == [{"a": 1}]
    assert rows(datasets.DatasetDict({"train": both["train"]})) == [{"a": 0}]
    with pytest.raises(InputError, match=r"holds 2 splits \(train, test\); say which: --split train"):
        open_table(datasets.DatasetDict(both))


def test_half_a_surrogate_pair_in_a_title_is_a_mark_as_in_a_cell():
    opened = open_table([{"id": "r1"} | dict.fromkeys(("\ud800a", "\udc00a"), "x")])
    assert opened.schema.names == ["id", "\ufffda", "\ufffda (2)"]


@pytest.mark.parametrize("written", [False, True])
def test_a_count_of_rows_beside_the_ids_is_no_label(written):
    """As `noisy.sample(40)[["id"]]` has it, with or without `reset_index`: its numbers were taken for labels."""
    noisy = pd.DataFrame({"id": [f"r{i}" for i in range(60)], "a": np.arange(60) % 7, "label": ["x", "y", "y"] * 20})
    clean = noisy.sample(20, random_state=0)[["id"]]
    with pytest.raises(InputError, match="clean: has no column that is named like trusted labels"):
        read_training(noisy, clean.reset_index() if written else clean, DataSettings())
    clean = clean.assign(checked=noisy["label"])
    assert (
        len(
            read_training(
                noisy,
                clean,
                DataSettings(),
            ).data.clean
        )
        == 20
    )
