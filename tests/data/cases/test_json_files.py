"""JSON Lines and JSON arrays: columns by path, types over the whole file, and errors that name the line."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from labelfix.data.formats import open_table, write_batches
from labelfix.data.formats.base import Edit
from labelfix.data.formats.json.lines import JsonSource
from labelfix.errors import InputError

Put = Callable[[str, str], Path]


@pytest.fixture
def put(tmp_path):
    def write(name, content):
        (tmp_path / name).write_bytes(gzip.compress(content.encode()) if name.endswith(".gz") else content.encode())
        return tmp_path / name

    return write


def rows(path, count=8192):
    return [row for chunk in open_table(path).scan(rows=count) for row in chunk.batch.to_pylist()]


def lines(*records):
    return "".join(json.dumps(record) + "\n" for record in records)


@pytest.mark.parametrize("name", ["t.jsonl", "t.ndjson", "t.jsonl.gz", "t.ndjson.gz", "t.json", "t.json.gz"])
def test_one_object_a_line_is_read_under_these_names(put, name):
    assert rows(put(name, lines({"id": 1, "text": "a\u2028b"}, {"id": 2}))) == [
        {"id": 1, "text": "a\u2028b"},
        {"id": 2, "text": None},
    ]


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("name", ["t.json", "t.json.gz", "t.jsonl"])
def test_an_array_of_objects_is_read(put, name, indent):
    records = [{"id": i, "m": {"x": [i, 0.5]}} for i in range(3)]
    assert rows(put(name, json.dumps(records, indent=indent))) == [{"id": i, "m.x": [i, 0.5]} for i in range(3)]


TABLE = [{"id": f"a{i}", "text": "x y", "label": "cat"} for i in range(4)]


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize(
    ("whole", "said"),
    [
        ({"data": TABLE}, "its rows are those of 'data'"),
        ({"version": 2, "meta": {"by": "x"}, "rows": TABLE}, "its rows are those of 'rows'"),
        ({"answer": {"items": TABLE}}, "its rows are those of 'answer.items'"),
        ({"tickets": TABLE}, "its rows are those of 'tickets'"),
        ({"schema": {"fields": [{"name": "id"}]}, "data": TABLE}, "its rows are those of 'data'"),
        ({name: {str(i): row[name] for i, row in enumerate(TABLE)} for name in TABLE[0]}, "a column for each key"),
        ({name: [row[name] for row in TABLE] for name in TABLE[0]}, "a column for each key"),
        ({str(i): row for i, row in enumerate(TABLE)}, "a row for each key"),
        (
            {row["id"]: {"text": row["text"], "label": row["label"]} for row in TABLE},
            "a row for each key, which is its id",
        ),
        (
            {"columns": list(TABLE[0]), "index": [0, 1, 2, 3], "data": [list(row.values()) for row in TABLE]},
            "a row for each list in 'data'",
        ),
    ],
    ids=str,
)
def test_a_table_inside_one_object_is_read_and_said(put, whole, said, indent):
    path = put("t.json", json.dumps(whole, indent=indent))
    assert rows(path) == TABLE
    assert open_table(path).remarks == (f"is one object: {said}",)


@pytest.mark.parametrize(
    "row",
    [
        {"id": 1, "messages": [{"role": "user", "content": "hi"}], "label": "cat"},
        {"id": 1, "embedding": [0.5, 1.5], "label": "cat"},
        {"in": {"text": "a", "lang": "en"}, "out": {"label": "b"}},
        {"text": "x" * 2_000_000, "label": "cat"},
    ],
    ids=lambda row: ",".join(row),
)
def test_one_row_on_a_line_stays_a_row(put, row):
    assert open_table(put("t.jsonl", json.dumps(row) + "\n")).remarks == ()
    assert len(rows(put("t.jsonl", json.dumps(row)))) == 1


@pytest.mark.parametrize(
    ("values", "type_", "read"),
    [
        ([1, None, 2**53 + 1], pa.int64(), [1, None, 2**53 + 1]),
        ([1, 2.5], pa.float64(), [1.0, 2.5]),
        ([1.5, float("nan"), float("inf")], pa.float64(), [1.5, "nan", float("inf")]),
        ([1, float("nan")], pa.int64(), [1, None]),
        ([True, False], pa.bool_(), [True, False]),
        (["None", None, "NA"], pa.string(), ["None", None, "NA"]),
        ([1, "1", True, None, 2.5], pa.string(), ["1", "1", "true", None, "2.5"]),
        ([10**20, 1], pa.string(), [str(10**20), "1"]),
        ([2**53 + 1, 0.5], pa.string(), [str(2**53 + 1), "0.5"]),
        ([[1, 2], [], None], pa.list_(pa.int64()), [[1, 2], [], None]),
        ([[1, 2.5], [None, 1]], pa.list_(pa.float64()), [[1.0, 2.5], [None, 1.0]]),
        ([["a"], ["b", None]], pa.list_(pa.string()), [["a"], ["b", None]]),
        ([[[1], [2]], [[3]]], pa.string(), ["[[1], [2]]", "[[3]]"]),
        ([["a"], "a"], pa.string(), ['["a"]', "a"]),
        ([{"a": 1}, "x"], pa.string(), ['{"a": 1}', "x"]),
        ([None, None], pa.string(), [None, None]),
    ],
)
def test_a_column_has_the_type_that_holds_all_its_values(put, values, type_, read):
    path = put("t.jsonl", lines(*({"k": i, "x": value} for i, value in enumerate(values))))
    assert open_table(path).schema.field("x").type == type_
    assert ["nan" if row["x"] != row["x"] else row["x"] for row in rows(path)] == read


def test_a_value_of_another_kind_in_the_last_row_counts(put):
    path = put("t.jsonl", lines(*({"x": i} for i in range(50_000)), {"x": "word"}))
    assert [row["x"] for row in rows(path)[-2:]] == ["49999", "word"]


def test_objects_become_columns_by_path_in_the_order_in_which_they_are_met(put):
    path = put("t.jsonl", lines({"id": 1, "meta": {"source": "web", "deep": {"n": 1}}}, {"meta": None, "more": 2}))
    assert rows(path) == [
        {"id": 1, "meta.source": "web", "meta.deep.n": 1, "more": None},
        {"id": None, "meta.source": None, "meta.deep.n": None, "more": 2},
    ]


def test_an_object_of_ever_new_keys_stays_one_column(put):
    path = put("t.jsonl", lines(*({"id": i, "scores": {f"u{i}": 1}} for i in range(1500))))
    assert open_table(path).schema.names == ["id", "scores"]
    assert rows(path)[7]["scores"] == '{"u7": 1}'


def test_half_a_character_is_replaced_and_a_key_twice_with_the_same_value_is_one(put):
    assert rows(put("t.jsonl", '{"x": "a", "x": "a"}\n{"x": "\\ud83d"}\n')) == [{"x": "a"}, {"x": "\ufffd"}]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("t.jsonl", '{"a": 1}\n\n{"a": \n', "t.jsonl:3: is not JSON (Expecting value at character"),
        ("t.jsonl", '{"a": 1}\n[1]\n', 't.jsonl:2: holds an array, not an object; write every row as {"column"'),
        (
            "t.jsonl",
            '{"a": 1}\n{"a": 2, "a": 3}\n',
            "t.jsonl:2: has the key 'a' twice, with 2 and then 3; keep the right",
        ),
        ("t.json", '[{"a": 1},\n{"a": {"b": "x", "b": "y"}}]', "t.json:2: has the key 'b' twice"),
        ("t.json", '{\n"r1": "x",\n"r1": "y"\n}', "t.json: has the key 'r1' twice"),
        ("t.jsonl", '{"a": ' + "[" * 1000 + "]" * 1000 + "}\n", "t.jsonl:1: is nested too deeply to be read"),
        ("t.jsonl", '{"a": ' + "1" * 10_000 + "}\n", "t.jsonl:1: holds a number of more than 4,300 digits"),
        ("t.json", '[\n{"a": 1},\n{"a" 2}]', "t.json:3: is not JSON (Expecting ':' delimiter"),
        ("t.json", '[\n{"a": 1}\n{"a": 2}]', "t.json:3: is not JSON (a comma or the closing ] is missing)"),
        ("t.json", '[{"a": 1},\n3]', "t.json:2: holds a number, not an object"),
        ("t.json", '[{"a": 1},\n{"a": 2}', "t.json:2: is not JSON"),
        ("t.json", '[{"a": 1}]\nmore', "is not JSON (something follows the array)"),
        ("t.json", "[]", "t.json: holds no records"),
        (
            "t.json",
            '{\n"a": 1,\n"b": {}\n}',
            "t.json: is one object with the keys 'a', 'b', and none of them holds rows",
        ),
        ("t.json", "hello", "t.json: is not JSON: it begins with 'hello'"),
        ("t.json", " \n", "t.json: holds nothing but blank lines"),
    ],
)
def test_what_is_broken_is_one_line_that_names_the_line(put, name, text, said):
    with pytest.raises(InputError) as caught:
        open_table(put(name, text), name)
    assert said in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_bytes_that_are_no_text_are_named_with_their_line(tmp_path):
    (tmp_path / "t.jsonl").write_bytes('{"a": "x"}\n{"a": "café"}\n'.encode("cp1252"))
    with pytest.raises(InputError, match=r"is not UTF-8 text \(byte 0xe9 in line 2\); it looks like cp1252"):
        open_table(tmp_path / "t.jsonl")


@pytest.mark.parametrize("count", [1, 3, 8192])
def test_rows_and_blocks_play_no_part(put, monkeypatch, count):
    records = [{"id": i, "text": "é猫" * (i % 9), "m": {"x": i / 2}} for i in range(50)]
    expected = [{"id": r["id"], "text": r["text"], "m.x": r["m"]["x"]} for r in records]  # type: ignore[index]
    for block in (1, 7, 1 << 20):
        monkeypatch.setattr("labelfix.data.formats.json.records.BLOCK", block)
        for name, text in (
            ("t.jsonl", lines(*records)),
            ("t.json", json.dumps(records, ensure_ascii=False)),
            ("u.json", json.dumps(records, indent=1)),
        ):
            assert rows(put(name, text), count) == expected


@pytest.mark.parametrize("name", ["t.jsonl", "t.ndjson.gz", "t.json"])
def test_what_is_written_is_read_again(tmp_path, name):
    table = pa.table({"id": [1, 2], "text": ['a "é"\n', None], "e": [[0.5], []], "b": pa.array([b"\xff", None])})
    write_batches(tmp_path / name, table.schema, table.to_batches(max_chunksize=1))
    assert rows(tmp_path / name) == [
        {"id": 1, "text": 'a "é"\n', "e": [0.5], "b": "/w=="},
        {"id": 2, "text": None, "e": [], "b": None},
    ]


def exported(source, out, label, new, **more):
    """The file written with new labels, None where the old one stays."""
    old = pa.concat_arrays([chunk.batch.column(0) for chunk in source.scan([label])])
    changed = np.array([value is not None for value in new])
    added = pa.record_batch(more) if more else pa.record_batch([], names=[])
    edit = Edit(old, changed, pa.array(new, old.type), np.ones(len(old), bool), added)
    source.rewrite(out, out, label, "given_label", added.schema, [edit])
    text = out.read_text(encoding="utf-8")
    return json.loads(text) if text.startswith("[") else [json.loads(line) for line in text.splitlines()]


def test_an_export_changes_labels_in_place_and_nothing_else(put, tmp_path):
    text = '{"id": 1, "x": 1.50, "meta": {"label": "a", "n": 1}, "y": [1, "é"]}\n{"meta":{"label":"b"},"z":null}\n'
    source = open_table(put("t.jsonl", text))
    assert isinstance(source, JsonSource)
    exported(source, tmp_path / "out.jsonl", "meta.label", ["c", None])
    assert (tmp_path / "out.jsonl").read_text(encoding="utf-8") == (
        '{"id": 1, "x": 1.5, "meta": {"label": "c", "n": 1}, "y": [1, "é"], "given_label": "a"}\n'
        '{"meta":{"label":"b"},"z":null,"given_label":"b"}\n'
    )


def test_mixed_labels_keep_their_own_kinds(put, tmp_path):
    source = open_table(put("t.jsonl", lines(*({"label": value} for value in (1, "x", None, True, "2")))))
    assert isinstance(source, JsonSource)
    found = exported(source, tmp_path / "out.jsonl", "label", [None, "1", "true", "x", None], sure=[1, 2, 3, 4, 5])
    assert [(r["label"], r["given_label"], r["sure"]) for r in found] == [
        (1, 1, 1),
        (1, "x", 2),
        (True, None, 3),
        ("x", True, 4),
        ("2", "2", 5),
    ]


@pytest.mark.parametrize(("name", "out"), [("t.json", "o.json"), ("t.json", "o.jsonl"), ("t.jsonl", "o.json")])
def test_arrays_and_lines_become_what_the_name_says(put, tmp_path, name, out):
    records = [{"id": 1, "label": "a"}, {"id": 2, "label": "b"}]
    source = open_table(put(name, json.dumps(records, indent=2) if name == "t.json" else lines(*records)))
    assert isinstance(source, JsonSource)
    assert exported(source, tmp_path / out, "label", ["b", None]) == [
        {"id": 1, "label": "b", "given_label": "a"},
        {"id": 2, "label": "b", "given_label": "b"},
    ]
    assert (tmp_path / out).read_text().startswith("[") == out.endswith(".json")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@example([{"a": [{}, {}], "b": [{}, {}]}], False)  # one record, not two tables
@given(st.lists(st.dictionaries(st.sampled_from(["a", "b", "c"]), VALUES), min_size=1, max_size=6), st.booleans())
def test_any_records_are_read_and_come_back(tmp_path_factory, found, array):
    folder = tmp_path_factory.mktemp("json")
    records = [{"label": "x", **record} for record in found]
    (folder / "t.json").write_text(json.dumps(records) if array else lines(*records))
    source = open_table(folder / "t.json")
    assert isinstance(source, JsonSource)
    assert sum(chunk.batch.num_rows for chunk in source.scan()) == len(records)
    new = ["y" if place % 2 else None for place in range(len(records))]
    expected = [{**record, "label": n or "x", "given_label": "x"} for record, n in zip(records, new, strict=True)]
    assert exported(source, folder / "out.json", "label", new) == expected
