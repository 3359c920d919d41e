"""Files whose bytes, names or types are odd are read as far as they make sense, and refused in one error otherwise."""

import io
import json
import os
import struct

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from PIL import Image

from labelfix.data.formats import ReadOptions, open_table
from labelfix.data.images import unreadable
from labelfix.data.labels.column import class_label_names
from labelfix.data.read import read_training
from labelfix.data.scan import scan
from labelfix.errors import InputError
from labelfix.settings.data import DataSettings

ROWS = 24


def saved(folder, *parts, **state):
    """A folder as `datasets` saves it."""
    folder.mkdir()
    names = [f"data-{place}.arrow" for place in range(len(parts))]
    for name, part in zip(names, parts, strict=True):
        with pa.ipc.new_stream(folder / name, part.schema) as writer:
            writer.write_table(part)
    files = [{"filename": name} for name in names]
    (folder / "state.json").write_text(json.dumps({"_data_files": files, **state}))
    return folder


def arrow_file(path, table):
    with pa.ipc.new_file(path, table.schema) as writer:
        writer.write_table(table)
    return path


def read_all(path, options):
    source = open_table(path, options=options)
    list(scan(source, source.schema.names, 10))


def refusal(path, **options):
    """The one error of reading every column of a table."""
    with pytest.raises(InputError) as caught:
        read_all(path, ReadOptions(**options))
    (line,) = str(caught.value).splitlines()
    return line.replace(str(path), "FILE")


REPEATED = pa.table([["a", "b"], ["cat", "dog"], ["x", "y"]], names=["id", "label", "label"])


@pytest.mark.parametrize("make", [lambda f: arrow_file(f / "t.arrow", REPEATED), lambda f: saved(f / "t", REPEATED)])
def test_columns_of_arrow_files_whose_titles_repeat_are_told_apart(make, tmp_path):
    source = open_table(make(tmp_path))
    assert source.schema.names == ["id", "label", "label (2)"]
    (chunk,) = source.scan(["label (2)", "id"])
    assert chunk.batch.to_pydict() == {"label (2)": ["x", "y"], "id": ["a", "b"]}


@pytest.mark.parametrize(
    "state",
    [
        "{}",
        "[]",
        '{"_data_files": null}',
        '{"_data_files": [{"file": "data-0.arrow"}]}',
        '{"_data_files": [{"filename": {"a": 1}}]}',
        '{"_data_files": ["data-0.arrow"]}',
        '{"_data_files": ' + "[" * 100_000,
    ],
    ids=lambda state: state[:45],
)
def test_a_dataset_folder_whose_state_names_no_files_is_refused(state, tmp_path):
    folder = saved(tmp_path / "t", REPEATED)
    (folder / "state.json").write_text(state)
    said = refusal(folder)
    assert said.startswith("FILE: cannot be read as a dataset folder: state.json ")
    assert said.endswith("; save the dataset again")


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b", "\ud800"], ids=["long", "zero", "surrogate"])
def test_a_data_file_of_an_impossible_name_is_missing(name, tmp_path):
    folder = saved(tmp_path / "t", REPEATED, _data_files=[{"filename": name}])
    assert refusal(folder) == f"FILE: lacks its data file {name}; save it again"


def test_the_second_data_file_of_a_dataset_is_refused_where_its_columns_differ(tmp_path):
    folder = saved(tmp_path / "t", pa.table({"id": ["a"], "n": [1]}), pa.table({"id": ["b"], "n": ["1"]}))
    said = refusal(folder)
    assert said.startswith("FILE/data-1.arrow: has other columns than FILE/data-0.arrow: id (string), n (string), and")


@pytest.mark.parametrize("make", [arrow_file, lambda path, table: saved(path, table)])
def test_a_name_inside_a_column_that_is_not_utf8_is_damage(make, tmp_path):
    path = make(tmp_path / "t.arrow", pa.table({"s": [{"zzzz": 1}]}))
    file = path / "data-0.arrow" if path.is_dir() else path
    file.write_bytes(file.read_bytes().replace(b"zzzz", b"zz\xff\xfe"))
    assert "cannot be read as an Arrow file" in refusal(path)


def test_a_feature_description_that_makes_no_sense_gives_no_class_names(tmp_path):
    def told(names):
        feature = {"label": {"names": names, "_type": "ClassLabel"}}
        return described(json.dumps({"info": {"features": feature}}))

    def described(by):
        table = pa.table({"label": [0, 1]}).replace_schema_metadata({"huggingface": by})
        return class_label_names(open_table(arrow_file(tmp_path / "t.arrow", table)), "label")

    assert told(["cat", "dog"]) == ("cat", "dog")
    assert [told(names) for names in ("cat", [1, None], {"a": 1}, None)] == [()] * 4
    assert described("[" * 100_000) == ()


def test_categories_that_are_stored_as_views_are_read(tmp_path):
    coded = pa.DictionaryArray.from_arrays(
        pa.array([1, 0, None, 1], pa.int8()), pa.array(["red", "blue"], pa.string_view())
    )
    source = open_table(arrow_file(tmp_path / "t.arrow", pa.table({"colour": coded})))
    (chunk,) = scan(source, ["colour"], 10)
    assert chunk.batch.column(0).to_pylist() == ["blue", "red", None, "blue"]


def test_a_struct_whose_fields_share_a_name_is_read_as_text_where_parts_differ(tmp_path):
    twins = pa.StructArray.from_arrays([pa.array([1, 2]), pa.array(["x", "y"])], ["a", "a"])
    (tmp_path / "parts").mkdir()
    pq.write_table(pa.table({"id": ["p", "q"], "s": twins}), tmp_path / "parts" / "0.parquet")
    pq.write_table(pa.table({"id": ["r"], "s": ["plain"]}), tmp_path / "parts" / "1.parquet")
    cells = [c for chunk in open_table(tmp_path / "parts").scan(["s"]) for c in chunk.batch.column(0).to_pylist()]
    assert cells == ['{"a": 1, "a (2)": "x"}', '{"a": 2, "a (2)": "y"}', "plain"]


def test_a_parquet_column_with_fewer_rows_than_the_file_says_is_damage(tmp_path):
    whole = tmp_path / "t.parquet"
    pq.write_table(pa.table({"id": range(ROWS), "text": ["a"] * ROWS}), whole, compression="none")
    data = whole.read_bytes()
    footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    refusals = []
    # The number of rows stands in the footer several times, doubled as Thrift does.
    for place in (place for place in range(footer, len(data)) if data[place] == 2 * ROWS):
        whole.write_bytes(data[:place] + b"\0" + data[place + 1 :])
        try:
            source = open_table(whole)
            counts = {name: sum(c.batch.num_rows for c in source.scan([name])) for name in ("id", "text")}
            assert len(set(counts.values())) == 1, counts
        except InputError as error:
            refusals.append(str(error))
    assert any(f"0 rows of text where there are {ROWS}" in said for said in refusals)


def test_a_header_without_rows_that_is_no_utf8_is_refused_as_such(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes("id,naïve,label".encode("latin-1"))
    assert refusal(path).startswith("FILE: is not UTF-8 text (byte 0xef in the header)")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "shift_jis"])
def test_a_file_that_is_not_in_the_encoding_named_is_refused_as_such(encoding, tmp_path):
    path = tmp_path / "t.csv"
    broken = b"id,text,label\na1,caf\xe9,cat\n\x85\n"
    if encoding == "utf-16":
        broken = "id,text,label\n".encode("utf-16-le") + b"\x00\xdca\x00"
    path.write_bytes(broken)
    assert f"FILE: is not {encoding[:6]}" in refusal(path, encoding=encoding)


def test_half_of_a_surrogate_pair_in_a_key_is_a_replacement_mark(tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_text('{"id": 1, "\\ud800": "x"}\n')
    source = open_table(path)
    assert source.schema.names == ["id", "\ufffd"]
    assert next(iter(source.scan())).batch.to_pydict() == {"id": [1], "\ufffd": ["x"]}


def test_a_palette_image_without_its_palette_is_found_before_training():
    levels = Image.fromarray(np.arange(36, dtype=np.uint8).reshape(6, 6)).convert("P")
    whole = io.BytesIO()
    levels.save(whole, "PNG")
    data = whole.getvalue()
    start = data.index(b"PLTE") - 4
    size = int.from_bytes(data[start : start + 4], "big")
    cut = data[:start] + data[start + 12 + size :]
    cells = pa.array([{"bytes": d, "path": None} for d in (data, cut)])
    found = list(unreadable(iter([pa.record_batch([cells], names=["image"])]), 1000))
    assert [place for place, _, _ in found] == [1]


@pytest.mark.parametrize("make", [arrow_file, lambda path, table: saved(path, table)])
def test_an_offset_that_leads_out_of_a_file_is_one_error_that_names_the_file(make, tmp_path):
    columns = {"id": ["a", "b", "c", "d"], "text": ["some words here"] * 4, "label": ["x", "y", "x", "y"]}
    path = make(tmp_path / "noisy.arrow", pa.table(columns))
    file = path / "data-0.arrow" if path.is_dir() else path
    offsets = struct.pack("<3i", 15, 30, 45)
    assert file.read_bytes().count(offsets) == 1
    file.write_bytes(file.read_bytes().replace(offsets, struct.pack("<3i", 15, 1 << 30, 45)))
    (tmp_path / "gold.csv").write_text("id,label\na,x\nb,y\n")
    with pytest.raises(InputError, match=r"^[^\n]*noisy\.arrow: cannot be read as an Arrow file[^\n]*$"):
        read_training(str(path), str(tmp_path / "gold.csv"), DataSettings(text_column="text"))


def test_a_packed_file_that_breaks_off_behind_bytes_that_are_no_text_is_named(tmp_path):
    """What encoding it has is guessed from the rest of it, which cannot be unpacked."""
    import bz2

    lines = b"id,x\xffy,label\n" + b"".join(b"%d,caf\xe9 %d,a\n" % (row, row * 7919) for row in range(400_000))
    packed = bytearray(bz2.compress(lines, 1))
    packed[len(packed) // 16] ^= 0xFF  # behind the sample, within what is guessed from
    (tmp_path / "t.csv.bz2").write_bytes(packed)
    with pytest.raises(InputError, match=r"t\.csv\.bz2: cannot be read as a bzip2 file"):
        open_table(tmp_path / "t.csv.bz2")


def test_a_text_that_is_no_utf8_inside_a_cell_of_one_of_several_files_is_damage(tmp_path):
    broken = pa.array([b"\xed\xa0\x80", b"b"]).view(pa.string())
    inside = pa.StructArray.from_arrays([broken], ["name"])
    pq.write_table(pa.table({"id": ["1", "2"], "about": inside}), tmp_path / "0.parquet")
    pq.write_table(pa.table({"id": ["3"], "about": ["text"]}), tmp_path / "1.parquet")
    assert "cannot be read as one table with other files" in refusal(tmp_path)


@pytest.mark.parametrize("name", ["t.csv", "t.parquet", "t.jsonl", "t.arrow"])
def test_a_file_that_changes_between_two_passes_is_told(tmp_path, name):
    rows = pa.table({"id": range(20), "label": ["a", "b"] * 10})
    write = {
        "t.csv": pyarrow.csv.write_csv,
        "t.parquet": pq.write_table,
        "t.arrow": pyarrow.feather.write_feather,
        "t.jsonl": lambda table, path: path.write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist())),
    }[name]
    write(rows, tmp_path / name)
    source = open_table(tmp_path / name)
    assert sum(len(chunk.batch) for chunk in source.scan()) == 20
    os.utime(tmp_path / name, (1, 1))
    with pytest.raises(InputError, match=f"{name}: was changed while it was being read; give the command again"):
        list(source.scan())

    source = open_table(tmp_path / name)
    source.content_hash()
    os.utime(tmp_path / name, (2, 2))  # the bytes are known to be the same
    chunks = source.scan()
    next(chunks)
    write(rows.slice(3, 7), tmp_path / name)
    with pytest.raises(InputError, match="was changed while it was being read"):
        list(chunks)
    (tmp_path / name).unlink()
    with pytest.raises(InputError, match="was changed while it was being read"):
        list(source.scan())


def test_votes_and_class_maps_that_python_or_a_text_cannot_hold_are_told(tmp_path):
    twice = pa.StructArray.from_arrays([pa.array(["a"] * 4), pa.array(["b"] * 4)], ["ann", "ann"])
    pq.write_table(pa.table({"id": range(4), "votes": twice, "x": range(4)}), tmp_path / "t.parquet")
    (tmp_path / "gold.csv").write_text("id,label\n0,a\n1,b\n")
    (tmp_path / "map.json").write_text('{"\\ud800": "a"}')
    for settings, said in (
        (DataSettings(label_columns=("votes",)), "column 'votes' cannot be read as votes"),
        (DataSettings(class_map=str(tmp_path / "map.json")), "holds half of a surrogate pair, which is no text"),
    ):
        with pytest.raises(InputError, match=said):
            read_training(str(tmp_path / "t.parquet"), str(tmp_path / "gold.csv"), settings)
