"""What is read does not depend on the format, on the rows read at once, or on having been written by labelfix."""

import tempfile
from pathlib import Path

import datasets
import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from labelfix.data.formats import FORMATS, open_table, write_batches
from labelfix.data.read import read_training
from labelfix.settings.data import DataSettings

WRITTEN = [suffix for format_ in FORMATS if format_.write is not None for suffix in format_.suffixes]
CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12) | st.sampled_from(
    [
        '"',
        '""',
        'a "b" c',
        "x,y",
        "tab\there",
        "two\nlines",
        "\r\n",
        "'",
        "\\",
        '\\"',
        "NA",
        "007",
        "1",
        "1.0",
        " padded ",
    ]
)
LABELS = st.sampled_from(["cat", "dog", "owl|eagle", 'a "quoted" one', "two, words", "", None, "10", "2"])
SETTINGS = settings(max_examples=40)


@st.composite
def tables(draw):
    """A noisy table with at least two classes, and trusted rows out of it."""
    count = draw(st.integers(4, 12))
    as_numbers = draw(st.booleans())
    numbers = st.lists(st.integers(-5, 10**15), min_size=count, max_size=count, unique=True)
    names = st.lists(CELLS.filter(lambda cell: cell != ""), min_size=count, max_size=count, unique=True)
    ids = draw(numbers if as_numbers else names)
    labels = ["cat", "dog", *draw(st.lists(LABELS, min_size=count - 2, max_size=count - 2))]
    texts = ["some text", *draw(st.lists(CELLS, min_size=count - 1, max_size=count - 1))]
    noisy = pa.table(
        {
            "id": pa.array(ids, pa.int64() if as_numbers else pa.string()),
            "text": pa.array(texts, pa.string()),
            "size": pa.array(
                draw(st.lists(st.floats(-1e6, 1e6) | st.none(), min_size=count, max_size=count)), pa.float64()
            ),
            "label": pa.array(labels, pa.string()),
        }
    )
    clean = pa.table({"id": noisy["id"].take([2, 0]), "label": ["dog", "cat"]})
    return noisy, clean


def read(noisy, clean, rows=8192, column="text"):
    options = {"text_column": "text"} if column == "text" else {"feature_columns": (column,)}
    return read_training(noisy, clean, DataSettings(**options), read_rows=rows)


def facts(reading):
    """Everything a later stage can see, apart from where the rows came from."""
    data = reading.data
    assert data.noisy.inputs is not None
    assert data.clean.inputs is not None
    return {
        "ids": [str(i) for i in data.noisy.ids.to_pylist()],
        "clean ids": [str(i) for i in data.clean.ids.to_pylist()],
        "codes": data.noisy.codes.tolist(),
        "clean codes": data.clean.codes.tolist(),
        "classes": data.classes.names,
        "rows": data.noisy.row_number.tolist(),
        "pairs": data.clean_in_noisy.tolist(),
        "joined": (data.joined_by, data.sampling),
        "inputs": [row for batch in data.noisy.inputs.batches(5) for row in batch.to_pylist()],
        "clean inputs": [row for batch in data.clean.inputs.batches(5) for row in batch.to_pylist()],
    }


@settings(SETTINGS, max_examples=8)
@given(tables(), st.sampled_from(["text", "size"]))
def test_every_format_gives_the_same_rows(pair, column):
    noisy, clean = pair
    if column == "size" and noisy["size"].null_count == len(noisy):
        return
    expected = facts(read(noisy, clean, column=column))
    assert facts(read(noisy.to_pandas(), clean.to_pandas(), column=column)) == expected
    with tempfile.TemporaryDirectory() as folder:
        for suffix in WRITTEN:
            paths = [Path(folder) / f"{name}{suffix}" for name in ("noisy", "clean")]
            for path, table in zip(paths, pair, strict=True):
                write_batches(path, table.schema, table.to_batches(max_chunksize=3))
            assert facts(read(*map(str, paths), column=column)) == expected, suffix


@settings(SETTINGS, max_examples=10)
@given(tables())
def test_a_saved_dataset_gives_the_same_rows(pair):
    datasets.disable_progress_bars()
    with tempfile.TemporaryDirectory() as folder:
        datasets.Dataset(pair[0]).save_to_disk(f"{folder}/noisy")
        assert facts(read(f"{folder}/noisy", pair[1])) == facts(read(*pair))


@settings(SETTINGS, max_examples=20)
@given(tables(), st.integers(1, 13), st.integers(1, 13), st.sampled_from(WRITTEN))
def test_the_rows_read_at_once_change_nothing(pair, rows, other, suffix):
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{name}{suffix}" for name in ("noisy", "clean")]
        for path, table in zip(paths, pair, strict=True):
            write_batches(path, table.schema, table.to_batches())
        one, two = (read(*map(str, paths), rows=n) for n in (rows, other))
        assert facts(one) == facts(two)
        assert (one.notes, one.warnings, one.columns) == (two.notes, two.warnings, two.columns)


@SETTINGS
@given(tables(), st.sampled_from(WRITTEN), st.integers(1, 5))
def test_writing_what_was_read_gives_the_same_file(pair, suffix, rows):
    with tempfile.TemporaryDirectory() as folder:
        first, second = Path(folder) / f"a{suffix}", Path(folder) / f"b{suffix}"
        write_batches(first, pair[0].schema, pair[0].to_batches())
        source = open_table(first)
        chunks = source.scan(rows=rows) if suffix in (".parquet", ".pq") else source.verbatim(rows=rows)
        batches = [chunk.batch for chunk in chunks]
        write_batches(second, batches[0].schema, batches)
        again = [chunk.batch for chunk in open_table(second).scan()]
        assert pa.Table.from_batches(again).to_pylist() == [r for c in source.scan() for r in c.batch.to_pylist()]
        if suffix not in (".parquet", ".pq"):
            assert second.read_bytes() == first.read_bytes()


@SETTINGS
@given(st.integers(1, 9), st.integers(1, 9), st.data())
def test_the_hash_of_a_table_does_not_depend_on_how_it_is_cut(first, second, data):
    table, _ = data.draw(tables())
    cut = [pa.concat_tables([table.slice(0, n), table.slice(n)]) for n in (first, second)]
    assert open_table(cut[0]).content_hash() == open_table(cut[1]).content_hash()


@SETTINGS
@given(st.lists(st.sampled_from(["1", "2", "10", "x2", "x10", "b", "-3", "0.5"]), min_size=4, max_size=20))
def test_codes_and_names_belong_together(labels):
    if len(set(labels)) < 2:
        return
    noisy = pa.table({"x": np.arange(len(labels)) * 0.5, "id": np.arange(len(labels)), "label": labels})
    data = read_training(noisy, noisy.slice(0, 2).select(["id", "label"]), DataSettings()).data
    assert [data.classes.name(code) for code in data.noisy.codes] == labels
    assert len(set(data.classes.names)) == len(data.classes)
