"""Small files that hold much: each ends in one error, and the process stays small."""

import gzip
import resource
import struct
import subprocess
import sys
import threading
import time
import zlib

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

from labelfix.data.formats import bounds, open_table, parquet_footer
from labelfix.data.formats.arrow_sizes import unpacked_sizes
from labelfix.data.formats.json import lines as json_lines
from labelfix.data.formats.parquet import ParquetSource
from labelfix.data.formats.titles import unique_names
from labelfix.errors import InputError
from labelfix.runs import json_text

MOST_MB = 1000


def packed(path, head, block, times, tail=b"\n"):
    with gzip.open(path, "wb", 6) as stream:
        stream.write(head)
        for _ in range(times):
            stream.write(block)
        stream.write(tail)


def png(path, side):
    """A black square, packed a thousand to one."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(9)
    row = b"\0" * (side // 8 + 1)
    data = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b""))


def repeated(text, rows):
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array([text]))


def make(kind, folder):
    labels = pa.array(["a", "b"] * 1500)
    if kind == "one cell":
        packed(folder / "rows.csv.gz", b"id,label,text\n1,a,x\n2,b,", b"A" * (1 << 20), 1100)
    elif kind == "many rows":
        packed(folder / "rows.csv.gz", b"id,label,text\n", b"1,a,xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n" * 30000, 1100)
    elif kind == "one line":
        packed(folder / "rows.jsonl.gz", b'{"id":"1","label":"a","text":"', b"A" * (1 << 20), 1100, b'"}\n')
    elif kind == "one record":
        packed(folder / "rows.json.gz", b'[{"id":"1","label":"a","text":"', b"A" * (1 << 20), 1100, b'"}]\n')
    elif kind == "large cells":
        table = pa.table({"id": range(3000), "label": labels, "text": repeated("A" * (1 << 20), 3000)})
        pq.write_table(table, folder / "rows.parquet")
    elif kind == "plain large cells":
        schema = pa.schema([("id", pa.int64()), ("label", pa.string()), ("text", pa.string())])
        with pq.ParquetWriter(folder / "rows.parquet", schema) as writer:
            text = pa.array(["A" * (1 << 20)] * 500)
            for _ in range(6):
                writer.write_table(pa.table({"id": range(500), "label": labels[:500], "text": text}, schema))
    else:
        rows = 150_000_000
        pq.write_table(pa.table({"label": repeated("a", rows), "text": repeated("x", rows)}), folder / "rows.parquet")
    (folder / "gold.csv").write_text("id,label\n1,a\n2,b\n")
    return next(folder.glob("rows.*"))


KINDS = ["one cell", "many rows", "one line", "one record", "large cells", "plain large cells", "rows alone"]

SAID = {
    "one cell": "row 2: holds a row of more than 64 MB",
    "one line": "rows.jsonl.gz:1: holds a line of more than 64 MB",
    "one record": "holds a record of more than 64 MB",
}


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[] if kind == "large cells" else pytest.mark.slow) for kind in KINDS]
)
def test_a_bomb_ends_in_one_error_and_little_memory(kind, tmp_path):
    bomb = make(kind, tmp_path)
    assert bomb.stat().st_size < 8 << 20
    words = ["check", "--noisy", str(bomb), "--clean", str(tmp_path / "gold.csv"), "--label-column", "label"]
    code = (
        "import re, sys; from labelfix.cli import main; code = main(sys.argv[1:]);"
        "print(re.search('VmHWM:\\s*([0-9]+)', open('/proc/self/status').read())[1]); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)

    assert done.returncode == 2, done.stderr
    assert SAID.get(kind, "come out of it, as of files that are made to fill a machine's memory") in done.stderr
    assert int(done.stdout.split()[-1]) < MOST_MB * 1024


def lists(items, width, rows=300):
    ends = pa.array(np.arange(rows + 1, dtype=np.int32) * width)
    return pa.ListArray.from_arrays(ends, items)


def nested_bomb(kind):
    zeros = pa.array(np.zeros(3_000_000, np.float32))
    if kind == "list":
        return lists(zeros, 10_000)
    if kind == "fixed list":
        return pa.FixedSizeListArray.from_arrays(zeros, 10_000)
    if kind == "list of lists":
        return lists(lists(zeros, 10_000), 1)
    if kind == "list of texts":
        return lists(repeated("A" * 10_000, 3000), 10)
    return pa.StructArray.from_arrays([repeated("A" * 100_000, 300), repeated("p", 300)], ["bytes", "path"])


@pytest.mark.parametrize("kind", ["list", "fixed list", "list of lists", "list of texts", "struct of texts"])
def test_lists_and_structures_that_hold_far_more_than_their_file_are_refused(kind, tmp_path, monkeypatch):
    """Lists of 300 times a million numbers in 7 kB were read in 110 s and 4 GB."""
    monkeypatch.setattr(bounds, "MOST_BYTES", 1 << 20)
    table = pa.table({"id": range(300), "label": ["a", "b"] * 150, "x": nested_bomb(kind)})
    pq.write_table(table, tmp_path / "rows.parquet", store_schema=False)
    source = open_table(tmp_path / "rows.parquet")
    before = pa.total_allocated_bytes()
    with pytest.raises(InputError, match="come out of it, as of files that are made to fill"):
        next(source.scan(["x"]))
    assert pa.total_allocated_bytes() - before < 1 << 20


def test_texts_that_repeat_within_lists_and_structures_are_read_as_they_are(tmp_path, monkeypatch):
    from labelfix.data.formats import repeated as module

    monkeypatch.setattr(module, "BATCH_BYTES", 1000)
    words = ["x" * 400, None, "", "y" * 900]
    cells = [None if row % 7 == 3 else [words[(row + place) % 4] for place in range(row % 5)] for row in range(60)]
    images = [{"bytes": words[row % 4], "path": "p", "n": row} if row % 5 else None for row in range(60)]
    pairs = [[("k" * 300, words[row % 4])] * (row % 3) for row in range(60)]
    table = pa.table({"list": cells, "struct": images, "map": pa.array(pairs, pa.map_(pa.string(), pa.string()))})
    pq.write_table(table, tmp_path / "rows.parquet", row_group_size=25)
    source = ParquetSource([tmp_path / "rows.parquet"], "rows.parquet")
    batches = [chunk.batch for chunk in source.scan()]
    assert len(batches) > 5
    assert pa.Table.from_batches(batches).to_pydict() == table.to_pydict()


def test_texts_that_say_how_they_differ_from_the_one_before_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(bounds, "MOST_BYTES", 1 << 20)
    schema = pa.schema([("label", pa.string()), ("text", pa.string())])
    encoding = {"text": "DELTA_BYTE_ARRAY", "label": "PLAIN"}
    with pq.ParquetWriter(tmp_path / "t.parquet", schema, use_dictionary=False, column_encoding=encoding) as writer:
        writer.write_table(pa.table({"label": ["a", "b"] * 1000, "text": ["A" * 10_000] * 2000}, schema))
    with pytest.raises(InputError, match="come out of it"):
        list(open_table(tmp_path / "t.parquet").scan())


@pytest.mark.parametrize("kind", ["rows.parquet", "rows.csv.gz", "rows.arrow"])
def test_rows_that_take_hardly_any_room_in_the_file_are_counted(tmp_path, monkeypatch, kind):
    """A row of a byte takes many in memory: 350 kB held sixty million of them, which took 3.5 GB."""
    rows = pa.table({"label": pa.array(np.arange(20_000) % 2 == 0)})
    write = {"rows.parquet": pq.write_table, "rows.csv.gz": written, "rows.arrow": feather.write_feather}
    write[kind](rows, tmp_path / kind)
    assert sum(len(chunk.batch) for chunk in open_table(tmp_path / kind).scan()) == 20_000
    monkeypatch.setattr(bounds, "MOST_BYTES", 1 << 19)
    monkeypatch.setattr(bounds, "MOST_RATIO", 2)
    with pytest.raises(InputError, match=r"more than 524,288 come out of it"):
        list(open_table(tmp_path / kind).scan())


def written(rows, path):
    with gzip.open(path, "wb") as stream:
        csv.write_csv(rows, stream)


def test_pages_that_are_held_at_once_are_bounded(tmp_path, monkeypatch):
    """Of each column one page is held: 74 kB of thirty columns took 2.4 GB."""
    rows = pa.table({f"x{column}": np.zeros(100_000) for column in range(4)})
    how = {
        "use_dictionary": False,
        "data_page_size": 1 << 30,
        "max_rows_per_page": 100_000,
        "write_batch_size": 100_000,
    }
    pq.write_table(rows, tmp_path / "rows.parquet", **how)
    assert len(list(open_table(tmp_path / "rows.parquet").scan())) > 1
    monkeypatch.setattr(parquet_footer, "MOST_BYTES", 3_000_000)
    monkeypatch.setattr(parquet_footer, "HELD_RATIO", 2)
    with pytest.raises(InputError, match=r"pages of it take 3,[0-9,]+ bytes at once"):
        list(open_table(tmp_path / "rows.parquet").scan())


def test_a_picture_of_too_many_pixels_is_named_and_not_decoded(tmp_path, capsys):
    from PIL import Image

    from labelfix.cli import main

    for label in ("a", "b"):
        (tmp_path / "photos" / label).mkdir(parents=True)
        for number in range(5):
            Image.new("RGB", (8, 8), (40 * number, 0, 90)).save(tmp_path / "photos" / label / f"{number}.png")
    png(tmp_path / "photos" / "a" / "bomb.png", 12_000)
    (tmp_path / "gold.csv").write_text("id,label\na/0.png,a\nb/0.png,b\n")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    words = ["check", "--noisy", str(tmp_path / "photos"), "--clean", str(tmp_path / "gold.csv")]

    assert main(words) == 2
    assert "bomb.png cannot be read (it has 144,000,000 pixels, more than --max-pixels 100000000)" in (
        capsys.readouterr().err
    )
    assert main([*words, "--skip-unreadable"]) == 0
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300 * 1024
    capsys.readouterr()
    assert main([*words, "--max-pixels", "50"]) == 2
    assert "it has 64 pixels" in capsys.readouterr().err


def test_texts_that_repeat_are_unpacked_in_bounded_pieces(tmp_path, monkeypatch):
    from labelfix.data.formats import repeated as module

    monkeypatch.setattr(module, "BATCH_BYTES", 1000)
    texts = ["x" * 400, "y" * 3000, "", None]
    rows = [texts[row % 4] for row in range(50)]
    table = pa.table({"text": pa.array(rows).dictionary_encode(), "number": range(50), "label": ["a", "b"] * 25})
    plain = table.set_column(0, "text", pa.array(rows))
    for name, stored in (("packed.parquet", table), ("plain.parquet", plain)):
        pq.write_table(stored, tmp_path / name)
        source = ParquetSource([tmp_path / name], name)
        batches = [chunk.batch for chunk in source.scan()]
        found = pa.Table.from_batches(batches)
        assert found.column("text").cast(pa.string()).to_pylist() == rows
        assert found.column("number").to_pylist() == list(range(50))


def workbook(path, far=False):
    xlsxwriter = pytest.importorskip("xlsxwriter")
    with xlsxwriter.Workbook(str(path)) as book:
        sheet = book.add_worksheet("rows")
        for row, cells in enumerate([("id", "label", "text"), (1, "a", "x"), (2, "b", "y"), (3, "a", "z")]):
            sheet.write_row(row, 0, cells)
        if far:
            sheet.write(1_048_575, 16_383, "here")


def test_a_workbook_with_a_cell_in_its_last_corner_is_refused(tmp_path):
    """python-calamine asks for 500 GB, and ends its process."""
    pytest.importorskip("python_calamine")
    workbook(tmp_path / "near.xlsx")
    assert [chunk.batch.num_rows for chunk in open_table(tmp_path / "near.xlsx").scan()] == [3]
    workbook(tmp_path / "far.xlsx", far=True)
    with pytest.raises(InputError, match=r"far\.xlsx: cannot be read .* its cells lie too far apart"):
        open_table(tmp_path / "far.xlsx")


def test_a_table_of_a_million_columns_is_refused_before_they_are_looked_at(tmp_path):
    with gzip.open(tmp_path / "t.csv.gz", "wt") as stream:
        stream.write("id,label" + ",c" * 1_000_000 + "\n")
    with gzip.open(tmp_path / "t.jsonl.gz", "wt") as stream:
        stream.writelines(f'{{"id": {row}, "c{row}": 1}}\n' for row in range(bounds.MOST_COLUMNS))
    for name in ("t.csv.gz", "t.jsonl.gz"):
        with pytest.raises(InputError, match=r"has more than 100,000 columns; leave some out"):
            len(open_table(tmp_path / name).schema)


@pytest.mark.parametrize("kind", ["file", "stream"])
@pytest.mark.parametrize("compression", ["zstd", "lz4"])
def test_a_compressed_arrow_file_that_holds_far_more_than_its_size_is_refused(tmp_path, monkeypatch, kind, compression):
    monkeypatch.setattr(bounds, "MOST_BYTES", 1 << 20)
    new = {"file": pa.ipc.new_file, "stream": pa.ipc.new_stream}[kind]
    rows = np.arange(300_000)
    tables = {
        "zeros": pa.table({"label": pa.array(np.zeros(2_000_000))}),
        "words": pa.table({"label": repeated("A" * (1 << 20), 4).dictionary_decode().dictionary_encode()}),
        "plain": pa.table({"label": pa.array(np.random.default_rng(0).random(300_000)), "id": rows}),
    }
    for name, table in tables.items():
        options = pa.ipc.IpcWriteOptions(compression=compression)
        with new(tmp_path / f"{name}.arrow", table.schema, options=options) as writer:
            writer.write_table(table, max_chunksize=100_000)
    assert sum(chunk.batch.num_rows for chunk in open_table(tmp_path / "plain.arrow").scan()) == len(rows)
    for name in ("zeros", "words"):
        with pytest.raises(InputError, match=r"come out of it.*write it again without compression"):
            open_table(tmp_path / f"{name}.arrow")


@pytest.mark.parametrize("kind", ["file", "stream"])
def test_the_sizes_are_those_that_arrow_unpacks(tmp_path, kind):
    table = pa.table({"a": pa.array(np.arange(5000)), "b": pa.array(["x", "yy"] * 2500).dictionary_encode()})
    for compression in (None, "zstd"):
        new = {"file": pa.ipc.new_file, "stream": pa.ipc.new_stream}[kind]
        with new(tmp_path / "t", table.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
            writer.write_table(table, max_chunksize=1000)
        with (tmp_path / "t").open("rb") as stream:
            sizes = sorted(size for _, size in unpacked_sizes(stream, kind == "file"))
        # Five batches of 1,000 numbers of eight bytes and as many codes of four, and two words with three offsets.
        assert sizes == ([0] * 6 if compression is None else [3 + 12, *[1000 * (8 + 4)] * 5])


def many_times(kind, rows=20_000):
    """Cells that are all the same 50 kB, which stand once in the file."""
    if kind == "texts of views":
        view = np.array([50_000, int.from_bytes(b"AAAA", "little"), 0, 0], np.int32)
        buffers = [None, pa.py_buffer(np.tile(view, rows).tobytes()), pa.py_buffer(b"A" * 50_000)]
        return pa.Array.from_buffers(pa.string_view(), rows, buffers)
    if kind == "views of a list":
        places, sizes = pa.array(np.zeros(rows, np.int32)), pa.array(np.full(rows, 12_500, np.int32))
        return pa.ListViewArray.from_arrays(places, sizes, pa.array(np.zeros(12_500, np.float32)))
    if kind == "runs":
        return pa.RunEndEncodedArray.from_arrays(pa.array([rows], pa.int32()), pa.array(["A" * 50_000]))
    words = repeated("A" * 50_000, rows)
    return words if kind == "words" else pa.FixedSizeListArray.from_arrays(words, 1)


@pytest.mark.parametrize("kind", ["texts of views", "views of a list", "runs", "words", "words in lists"])
def test_cells_that_share_what_they_hold_are_counted_each(tmp_path, kind):
    """A plain Arrow file of 2 MB, whose 200,000 lists are views of one, took 7 GB."""
    table = pa.table({"id": range(20_000), "x": many_times(kind)})
    with pa.ipc.new_file(tmp_path / "t.arrow", table.schema) as writer:
        writer.write_table(table)
    with pytest.raises(InputError, match="more than 536,870,912 come out of it"):
        next(open_table(tmp_path / "t.arrow").scan())
    with pa.ipc.new_file(tmp_path / "few.arrow", table.schema) as writer:
        writer.write_table(table.slice(5, 100))
    found = pa.Table.from_batches([chunk.batch for chunk in open_table(tmp_path / "few.arrow").scan()])
    assert found.to_pylist() == table.slice(5, 100).to_pylist()


@pytest.mark.parametrize(
    ("name", "head", "block", "tail"),
    [
        ("one.json.gz", b'{"data":[{"label":"a"}', b",[]", b"]}"),
        ("row.jsonl.gz", b'{"label":"a","x":[1', b",[]", b"]}\n"),
    ],
)
def test_json_that_takes_far_more_memory_than_letters_is_refused(tmp_path, name, head, block, tail):
    """290 kB took 2 GB, and minutes."""
    packed(tmp_path / name, head, block * (1 << 20), 18, tail)
    with pytest.raises(InputError, match="would take more than 768 MB of memory"):
        next(open_table(tmp_path / name).scan())


def test_a_record_of_an_array_is_counted_before_more_of_it_is_decoded(tmp_path, monkeypatch):
    monkeypatch.setattr(json_text, "LEAST", 1 << 20)
    monkeypatch.setattr(json_text, "MOST_BYTES", 3 << 25)
    packed(tmp_path / "row.json.gz", b'[{"label":"a","x":[1', b",[]" * (1 << 20), 3, b"]}]")
    with pytest.raises(InputError, match="would take more than 96 MB of memory"):
        next(open_table(tmp_path / "row.json.gz").scan())


def test_records_of_many_letters_are_read_a_few_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(json_lines, "AT_ONCE", 1 << 21)
    packed(tmp_path / "t.jsonl.gz", b"", b'{"label":"a","x":[' + b"1," * 5000 + b"1]}\n", 1000, b"")
    rows = [chunk.batch.num_rows for chunk in open_table(tmp_path / "t.jsonl.gz").scan()]
    assert sum(rows) == 1000
    assert 200 < max(rows) < 400


def test_columns_of_one_title_are_named_in_one_pass():
    """Each searched for its number from 2 on: 20,000 of them took half a minute."""
    names = unique_names(["c", "c (3)"] + ["c"] * 50_000)
    assert names[:5] == ("c", "c (3)", "c (2)", "c (4)", "c (5)")
    assert len(set(names)) == 50_002


def test_data_that_people_keep_is_read(tmp_path):
    """A log that packs to a hundredth is no bomb, nor is a large cell."""
    line = "2026-01-31 12:00:00 INFO request served in 12 ms,ok\n"
    with gzip.open(tmp_path / "log.csv.gz", "wt") as stream:
        stream.write("message,label\n" + line * 200_000)
    assert (tmp_path / "log.csv.gz").stat().st_size < len(line) * 200_000 / 100
    source = open_table(tmp_path / "log.csv.gz")
    assert sum(len(chunk.batch) for chunk in source.scan(["label"])) == 200_000


def test_the_ratio_counts_from_a_gigabyte_on(tmp_path, monkeypatch):
    packed(tmp_path / "t.csv.gz", b"text,label\n", b"x" * 50 + b",a\n", 100_000)
    list(open_table(tmp_path / "t.csv.gz").scan())
    monkeypatch.setattr(bounds, "MOST_BYTES", 1 << 20)
    with pytest.raises(InputError, match=r"more than [0-9,]+ come out of it"):
        list(open_table(tmp_path / "t.csv.gz").scan())


def test_pictures_that_are_large_together_are_decoded_one_after_the_other(monkeypatch):
    from concurrent.futures import ThreadPoolExecutor

    from PIL import Image

    from labelfix.data import picture

    monkeypatch.setattr(picture, "AT_ONCE", 300)
    inside, most, told = 0, 0, threading.Lock()

    def decode(side):
        nonlocal inside, most
        with picture.room_for(Image.new("L", (side, 10))):
            with told:
                inside += 10 * side
                most = max(most, inside if side < 50 else 0)
                assert side < 50 or inside == 10 * side  # one that is larger than all room is alone
            time.sleep(0.002)
            with told:
                inside -= 10 * side

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(decode, [10, 10, 10, 60, 20, 10, 25, 10] * 8))
    assert 200 <= most <= 300


def test_the_process_that_reads_a_workbook_lets_go_of_each_row_as_it_is_written():
    from labelfix.data.formats import excel_cells

    rows = [["label", "text"], *([["a", "word"]] * 400)]
    left = [sum(map(bool, rows)) for _ in excel_cells._rows(rows)]
    assert left == list(range(401, 0, -1))
