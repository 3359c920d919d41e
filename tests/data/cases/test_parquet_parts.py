"""Parts of one table whose columns differ, titles that repeat, and files that are damaged."""

import os
import random
import shutil
import sys
from functools import partial

import arrow_types
import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelfix.cli import main
from labelfix.data.columns.profile import profile_columns
from labelfix.data.formats import ReadOptions, open_several, open_table
from labelfix.data.formats.merge import TablePart, conform, merge_schemas, merge_types
from labelfix.data.scan import scan
from labelfix.errors import InputError, LabelfixError

COLUMNS = arrow_types.columns()


def put(folder, *parts):
    folder.mkdir(parents=True, exist_ok=True)
    for place, columns in enumerate(parts):
        pq.write_table(pa.table(columns), folder / f"{place}.parquet")
    return folder


def table(source):
    return pa.Table.from_batches([chunk.batch for chunk in source.scan()])


TEXT, WHOLE, FRACTION = pa.string(), pa.int64(), pa.float64()


@pytest.mark.parametrize(
    ("first", "second", "merged"),
    [
        (pa.int32(), pa.int64(), pa.int64()),
        (pa.uint8(), pa.int8(), pa.int16()),
        (pa.uint32(), pa.int32(), pa.int64()),
        (pa.int64(), FRACTION, FRACTION),
        (pa.int8(), pa.float32(), FRACTION),
        (pa.float32(), FRACTION, FRACTION),
        (pa.float16(), pa.float32(), pa.float32()),
        (pa.decimal128(5, 2), pa.decimal128(6, 4), pa.decimal128(7, 4)),
        (pa.decimal128(38, 0), WHOLE, pa.decimal128(38, 0)),
        (pa.decimal128(5, 2), FRACTION, FRACTION),
        (pa.timestamp("us"), pa.timestamp("ns"), pa.timestamp("ns")),
        (pa.timestamp("us", "UTC"), pa.timestamp("ms", "Europe/Berlin"), pa.timestamp("us", "UTC")),
        (pa.date32(), pa.timestamp("us"), pa.timestamp("us")),
        (pa.duration("s"), pa.duration("ms"), pa.duration("ms")),
        (pa.time32("s"), pa.time64("us"), pa.time64("us")),
        (TEXT, pa.large_string(), TEXT),
        (pa.string_view(), pa.dictionary(pa.int32(), TEXT), TEXT),
        (pa.dictionary(pa.int8(), TEXT), pa.dictionary(pa.int32(), TEXT), pa.dictionary(pa.int32(), TEXT)),
        (pa.binary(), pa.binary_view(), pa.binary()),
        (pa.null(), pa.list_(TEXT), pa.list_(TEXT)),
        (pa.list_(pa.float32()), pa.list_(FRACTION), pa.list_(FRACTION)),
        (pa.list_(pa.float32(), 2), pa.list_(FRACTION, 2), pa.list_(FRACTION, 2)),
        (pa.list_(pa.float32(), 2), pa.list_(FRACTION, 3), pa.list_(FRACTION)),
        (pa.list_(pa.int32()), pa.large_list(pa.int64()), pa.large_list(pa.int64())),
        (
            pa.struct([("a", pa.int32())]),
            pa.struct([("a", WHOLE), ("b", TEXT)]),
            pa.struct([("a", WHOLE), ("b", TEXT)]),
        ),
        (pa.uuid(), pa.string(), pa.string()),
        (TEXT, WHOLE, None),
        (pa.bool_(), WHOLE, None),
        (pa.list_(WHOLE), TEXT, None),
        (pa.list_(WHOLE), pa.list_(TEXT), None),
        (pa.timestamp("us"), pa.timestamp("us", "UTC"), None),
        (pa.binary(), TEXT, None),
    ],
)
def test_two_types_become_the_one_that_holds_both(first, second, merged):
    assert merge_types([first, second]) == merged
    if merged is None or (first, second) == (pa.timestamp("us", "UTC"), pa.timestamp("ms", "Europe/Berlin")):
        return
    assert merge_types([second, first]) == merged


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_of_any_type_can_be_merged_with_one_of_any_other(name):
    for other, cells in COLUMNS.items():
        pair = (COLUMNS[name], cells)
        parts = [
            TablePart(f"part {i}", pa.schema([("x", array.type)]), lambda _, array=array: [array])
            for i, array in enumerate(pair)
        ]
        type_ = merge_schemas(parts).schema.field("x").type
        for array in (*pair, *(array.slice(1) for array in pair)):
            found = conform(array, type_)
            found.validate(full=True)
            assert (found.type, len(found)) == (type_, len(array)), other


def test_parts_of_other_widths_are_one_table(tmp_path):
    first = {"id": pa.array([1], pa.int32()), "x": pa.array([0.5], pa.float32()), "v": [[1, 2]], "n": pa.nulls(1)}
    second = {"x": pa.array([0.1]), "id": pa.array([2**40]), "v": [[0.5]], "n": pa.array(["x"], pa.large_string())}
    found = table(open_table(put(tmp_path / "out", first, second)))
    assert found.to_pylist() == [
        {"id": 1, "x": 0.5, "v": [1.0, 2.0], "n": None},
        {"id": 2**40, "x": 0.1, "v": [0.5], "n": "x"},
    ]


def test_a_column_that_some_parts_lack_is_empty_there_and_said(tmp_path):
    source = open_table(put(tmp_path / "out", {"id": [1]}, {"id": [2], "who": ["ann"]}, {"id": [3]}))
    assert table(source).to_pylist() == [{"id": 1, "who": None}, {"id": 2, "who": "ann"}, {"id": 3, "who": None}]
    assert [row for c in source.scan(["who"]) for row in c.batch["who"].to_pylist()] == [None, "ann", None]
    [remark] = source.remarks
    assert remark.startswith("column 'who' is missing in ")
    assert remark.endswith("0.parquet and 1 more, and empty there")


def test_parts_without_a_common_column_are_refused(tmp_path):
    put(tmp_path / "out", {"id": [1]}, {"name": ["x"]})
    with pytest.raises(InputError, match=r"1\.parquet: has columns name, but .*0\.parquet has id"):
        open_table(tmp_path / "out")


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([1, None], ["x", "y"], ["1", None, "x", "y"]),
        ([True], [2], ["true", "2"]),
        ([[1, 2]], ["x"], ["[1, 2]", "x"]),
        ([{"a": 1}], [[0.5]], ['{"a": 1}', "[0.5]"]),
        ([b"\xff"], ["x"], [b"\xff", b"x"]),
        # Not exact as float64, so that no digit is lost.
        ([2**53 + 1], [0.5], ["9007199254740993", "0.5"]),
        ([2**64 - 1], [-1], ["18446744073709551615", "-1"]),
    ],
)
def test_columns_that_do_not_go_together_are_read_as_text(tmp_path, first, second, expected):
    one = pa.array(first, pa.uint64()) if first == [2**64 - 1] else first
    source = open_table(
        put(tmp_path / "out", {"id": range(len(first)), "x": one}, {"id": [8, 9][: len(second)], "x": second})
    )
    assert table(source)["x"].to_pylist() == expected
    [remark] = source.remarks
    assert "column 'x' is " in remark
    assert remark.endswith("it is read as text")


def test_whole_numbers_that_are_exact_as_fractions_become_such(tmp_path):
    source = open_table(put(tmp_path / "out", {"x": [2**53, -3]}, {"x": [0.5, None]}))
    assert table(source)["x"].to_pylist() == [2.0**53, -3.0, 0.5, None]
    assert source.remarks == ()


def test_times_that_a_finer_unit_cannot_hold_are_read_as_text():
    far, near = pa.array([253402300799], pa.int64()).cast(pa.timestamp("s")), pa.array([1], pa.timestamp("ns"))
    parts = [TablePart("a", pa.schema([("t", pa.timestamp("us"))]), lambda _: [far.cast(pa.timestamp("us"))])]
    parts.append(TablePart("b", pa.schema([("t", pa.timestamp("ns"))]), lambda _: [near]))
    assert merge_schemas(parts).schema.field("t").type == pa.string()
    parts[0] = TablePart("a", parts[0].schema, lambda _: [near.cast(pa.timestamp("us"), safe=False)])
    assert merge_schemas(parts).schema.field("t").type == pa.timestamp("ns")


def test_several_trusted_tables_are_merged_in_the_same_way(tmp_path):
    put(tmp_path / "a", {"id": [1], "label": [1], "x": [1]})
    put(tmp_path / "b", {"id": [2], "label": ["one"], "x": [0.5], "extra": [3]})
    source = open_several([tmp_path / "a", tmp_path / "b"])
    assert table(source).to_pylist() == [{"id": 1, "label": "1", "x": 1.0}, {"id": 2, "label": "one", "x": 0.5}]
    with pytest.raises(InputError, match="have no column in common|has columns"):
        open_several([tmp_path / "a", pa.table({"other": [1]})])


def test_titles_that_repeat_get_names_and_each_is_its_own_column(tmp_path):
    cells = [
        pa.array([1]),
        pa.array([{"a": 2, "b": 3}]),
        pa.array([4]),
        pa.array([[("k", 5)]], pa.map_(TEXT, WHOLE)),
        [6],
    ]
    names = ["x", "x", "x.a", "x.a", "y"]
    pq.write_table(
        pa.table([pa.array(c) if isinstance(c, list) else c for c in cells], names=names), tmp_path / "t.parquet"
    )
    source = open_table(tmp_path / "t.parquet")
    assert source.titles == tuple(names)
    assert source.schema.names == ["x", "x (2)", "x.a", "x.a (2)", "y"]
    row = {"x": 1, "x (2)": {"a": 2, "b": 3}, "x.a": 4, "x.a (2)": [("k", 5)], "y": 6}
    assert table(source).to_pylist() == [row]
    for name, value in row.items():
        assert [c.batch.to_pylist() for c in source.scan([name])] == [[{name: value}]]


# Damaged files.


def saved(folder):
    """A saved dataset, and its Arrow file."""
    datasets.Dataset(rich(40)).save_to_disk(folder / "saved")
    return folder / "saved", next((folder / "saved").glob("*.arrow"))


def parquet(folder):
    pq.write_table(rich(40), folder / "t.parquet", row_group_size=15)
    return folder / "t.parquet", folder / "t.parquet"


def rich(count):
    rows = range(count)
    return pa.table(
        {
            "id": [f"id{i}" for i in rows],
            "text": [f"text {i} of some words" if i % 7 else None for i in rows],
            "x": [i * 1.5 for i in rows],
            "tags": [[1, 2, i] for i in rows],
            "label": pa.array(["a", "b"] * (count // 2)).dictionary_encode(),
            "pair": [{"a": i, "b": str(i)} for i in rows],
        }
    )


def read_everything(source):
    opened = open_table(source, options=ReadOptions(read_rows=7))
    for _ in opened.scan():
        pass
    for name in opened.schema.names:
        for chunk in scan(opened, [name]):
            chunk.batch.validate(full=True)
    profile_columns(opened, opened.schema.names)


def ended(*steps):
    """How steps end, one after another in one process of their own: `done`, `refused`, or what went wrong.

    A step that ends the process is the last one.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        for step in steps:
            outcome = "done"
            try:
                step()
            except LabelfixError:
                outcome = "refused"
            except BaseException as error:  # noqa: BLE001
                outcome = f"{type(error).__name__}: {error}".replace("\n", " ")
            os.write(writing, f"{outcome[:4000]}\n".encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        outcomes = stream.read().decode().splitlines()
    _, status = os.waitpid(child, 0)
    return outcomes if len(outcomes) == len(steps) else [*outcomes, f"signal {status}"]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
@pytest.mark.parametrize("make", [parquet, saved])
def test_changed_bytes_end_in_an_error_of_labelfix_and_never_in_the_process(tmp_path, make):
    source, file = make(tmp_path)
    whole = file.read_bytes()
    assert ended(lambda: read_everything(source)) == ["done"]

    def read_damaged(seed):
        chance = random.Random(seed)
        damaged = bytearray(whole)
        for _ in range(chance.choice([1, 2, 5, 20])):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        if chance.random() < 0.2:
            del damaged[chance.randrange(1, len(damaged)) :]
        file.write_bytes(damaged)
        read_everything(source)

    outcomes = ended(*(partial(read_damaged, seed) for seed in range(100)))
    assert {seed: end for seed, end in enumerate(outcomes) if end not in ("done", "refused")} == {}
    assert set(outcomes) == {"done", "refused"}


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
@pytest.mark.parametrize("offset", [2**27, -(2**20)])
def test_an_offset_that_leads_elsewhere_is_one_error_that_names_the_file(tmp_path, capfd, offset):
    source, file = saved(tmp_path)
    whole = file.read_bytes()
    # The offsets of the ids: each is a 32-bit number, 0, 3, 6, ... for id0, id1, id2.
    offsets = b"".join(number.to_bytes(4, "little") for number in (0, 3, 6, 9, 12))
    place = whole.index(offsets)
    file.write_bytes(whole[: place + 8] + offset.to_bytes(4, "little", signed=True) + whole[place + 12 :])
    (tmp_path / "gold.csv").write_text("id,label\nid1,a\nid2,b\n")
    assert ended(lambda: read_everything(source)) == ["refused"]
    assert main(["check", "--noisy", str(source), "--clean", str(tmp_path / "gold.csv")]) == 2
    assert f"{source}: cannot be read as an Arrow file" in capfd.readouterr().err


def test_a_saved_dataset_cut_short_is_refused(tmp_path):
    source, file = saved(tmp_path)
    whole = file.read_bytes()
    for length in (10, len(whole) // 2, len(whole) - 200):
        file.write_bytes(whole[:length])
        with pytest.raises(InputError, match="saved: cannot be read as an Arrow file"):
            read_everything(source)
    shutil.rmtree(source)
