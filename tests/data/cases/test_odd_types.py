"""Columns of every Arrow type: made plain in one place, profiled, never in the way of a run."""

import arrow_types
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelfix.data.columns import profile
from labelfix.data.columns.profile import profile_columns
from labelfix.data.formats import ReadOptions, open_table
from labelfix.data.read import read_training
from labelfix.data.scan import as_text, decode, scan, value_type
from labelfix.errors import InputError
from labelfix.settings.data import DataSettings

COLUMNS = arrow_types.columns()


def texts():
    count = 30
    return {
        "id": [f"r{i}" for i in range(count)],
        "text": [f"some words of an example, number {i}" for i in range(count)],
        "label": ["cat" if i % 3 else "dog" for i in range(count)],
    }


def repeated(array):
    return pa.chunked_array([array] * 10)


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_is_made_plain_whole_sliced_and_empty(name):
    array = COLUMNS[name]
    for part in (array, array.slice(1), array.slice(0, 0), pa.concat_arrays([array, array.slice(1)]).slice(2)):
        plain = decode(part)
        plain.validate(full=True)
        assert plain.type == value_type(array.type)
        assert value_type(plain.type) == plain.type
        assert len(plain) == len(part)
        if name != "uuid":
            assert plain.to_pylist() == part.to_pylist()


@pytest.mark.parametrize(
    ("name", "type_", "values"),
    [
        ("uuid", pa.string(), [f"{'0' * 8}-0000-0000-0000-{'0' * 11}1", "ffffffff-ffff-ffff-ffff-ffffffffffff", None]),
        ("json", pa.string(), ['{"a":1}', "[]", None]),
        ("bool8", pa.bool_(), [True, False, None]),
        ("tensor", pa.list_(pa.float32(), 2), [[1.0, 2.0], [3.0, 4.0], None]),
        ("opaque", pa.int64(), [1, 1, None]),
        ("run ends", pa.string(), ["a", "a", None]),
        ("string_view", pa.string(), ["ab", "cd", None]),
        ("binary_view", pa.binary(), [b"ab", b"\xff\xfe", None]),
        ("list_view<item: int32>", pa.list_(pa.int32()), [[1, 2], [3, 4], None]),
        ("list<item: string_view>", pa.list_(pa.string()), [["a", None], ["b", "c"], None]),
    ],
)
def test_what_a_consumer_sees(name, type_, values):
    plain = decode(COLUMNS[name])
    assert plain.type == type_
    assert plain.to_pylist() == values


@pytest.mark.parametrize("name", COLUMNS)
def test_every_column_can_be_profiled_scanned_and_hashed(name):
    table = pa.table({"x": repeated(COLUMNS[name])})
    source = open_table(table, options=ReadOptions(read_rows=7))
    looks = profile_columns(source, ["x"])["x"]
    plain = value_type(COLUMNS[name].type)
    # Bytes are looked at as the text, or the key, that they may be.
    assert (looks.rows, looks.type) == (30, pa.string() if pa.types.is_binary(plain) else plain)
    assert sum(chunk.batch.num_rows for chunk in scan(source, ["x"])) == 30
    assert source.content_hash() == open_table(table.combine_chunks()).content_hash()
    assert source.content_hash() != open_table(table.slice(1)).content_hash()


def test_a_table_is_read_once_for_the_profiles_of_its_columns(monkeypatch):
    source = open_table(pa.table({"x": [1, 2, 3], "word": ["a", "b", "c"], "list": [[1], [2], [3]]}))
    names, read = source.schema.names, []
    pass_over = source.read
    monkeypatch.setattr(source, "read", lambda names, *how: read.append(names) or pass_over(names, *how))
    first = profile_columns(source, names)
    assert read == [["x", "word"], ["list"]]
    assert [profile_columns(source, some) for some in (names, ["word"], ["list", "x"])] == [
        {name: first[name] for name in some} for some in (names, ["word"], ["list", "x"])
    ]
    assert len(read) == 2


def test_what_a_column_looks_like_does_not_depend_on_what_was_asked_before(monkeypatch):
    monkeypatch.setattr(profile, "HEAD_BYTES", 10_000)
    table = pa.table({"word": ["a", "b"] * 50, "long": ["text " * 100] * 100})
    asked = open_table(table)
    beside = profile_columns(asked, ["word", "long"])["word"]
    assert 0 < beside.rows < profile_columns(asked, ["word"])["word"].rows == 100
    assert profile_columns(asked, ["word", "long"])["word"] == beside


def test_values_that_cannot_be_counted_count_as_none():
    source = open_table(pa.table({name: COLUMNS[name] for name in ("null", "map", "sparse union", "struct")}))
    for looks in profile_columns(source, source.schema.names).values():
        assert (looks.distinct, looks.holds) == (0, "")


def test_a_table_of_every_type_is_checked_beside_its_text():
    odd = {f"a {name}": repeated(array) for name, array in COLUMNS.items()}
    noisy = pa.table({**texts(), **odd})
    clean = pa.table({"id": ["r1", "r2", "r3", "r4"], "label": ["cat", "cat", "dog", "cat"]})
    reading = read_training(noisy, clean, DataSettings(text_column="text"))
    assert len(reading.data.noisy) == 30
    assert reading.data.joined_by == "id"


def test_a_parquet_file_of_every_type_is_read_as_it_is(tmp_path):
    table = pa.table({name: repeated(array) for name, array in arrow_types.in_parquet().items()})
    pq.write_table(table, tmp_path / "all.parquet")
    stored = pq.read_table(tmp_path / "all.parquet")
    source = open_table(tmp_path / "all.parquet")
    assert source.schema.equals(stored.schema)
    read = pa.Table.from_batches([chunk.batch for chunk in source.scan(rows=7)])
    for name in stored.column_names:
        assert read[name].to_pylist() == stored[name].to_pylist(), name
        [alone] = {chunk.batch.schema.names[0] for chunk in source.scan([name])}
        assert alone == name


def test_binary_that_is_text_reads_as_text():
    for type_ in (pa.binary(), pa.large_binary(), pa.binary_view(), pa.binary(2)):
        assert as_text(pa.array([b"ab", None, "é".encode()], type_)).to_pylist() == ["ab", None, "é"]
    assert as_text(pa.array(["x"], pa.large_string())).to_pylist() == ["x"]
    assert as_text(pa.array([1])).to_pylist() == [1]
    assert as_text(pa.array([b"ab", b"\xff\x00"])).to_pylist() == ["ab", "ff00"]


def test_a_scan_for_text_names_the_row_of_binary_that_is_none():
    source = open_table(pa.table({"text": pa.array([b"one", b"two", b"\xffthree"])}), "noisy")
    with pytest.raises(InputError, match=r"noisy, row 3: column 'text' is not UTF-8 text: byte 0xff in '.three'"):
        list(scan(source, ["text"], 2, texts=["text"]))
    [whole] = scan(source, ["text"], 8)
    assert whole.batch.schema.field("text").type == pa.binary()


def test_text_inside_lists_that_is_not_utf8_names_its_column():
    cells = pa.array([[b"\xff"]]).view(pa.list_(pa.string()))
    with pytest.raises(InputError, match="column 'tags' holds text that is not UTF-8"):
        list(scan(open_table(pa.table({"tags": cells})), ["tags"], 8))


def test_ids_that_are_structures_are_one_error_also_beside_a_key_that_both_files_have():
    columns = texts()
    keys = columns["id"]
    rows = pa.table({**columns, "id": [{"of": key} for key in keys], "key": [f"k-{key}" for key in keys]})
    with pytest.raises(InputError, match=r"column 'id' is struct<of: string>, which cannot be an id"):
        read_training(rows, rows.slice(0, 12), DataSettings())
