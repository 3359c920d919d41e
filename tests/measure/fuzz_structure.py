"""Mutations that know what a file holds: sound files of what nobody expects, and damage beneath a sound shell."""

import bz2
import gzip
import io
import json
import lzma
import struct
import zipfile
import zlib
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from fuzz_bytes import TEXT, Mutation, insert, set_bytes
from fuzz_seeds import arrow_bytes, parquet_bytes, zipped

ODD_CELLS = (
    *(
        "",
        " ",
        "NA",
        "nan",
        "\x00",
        "\ufeff",
        "\u2028",
        "a\nb",
        "x" * 40000,
        "=1+1",
        "1e400",
        "\U0001f600",
        "e\u0301",
        '"',
    ),
    *("../../etc/passwd", "/dev/null", "[1, 2", "{}", "[1,2,3]", "True", "2024-99-99", "label", "-" * 300, "a,b", "'"),
)
ODD_VALUES: tuple[Any, ...] = (
    *(None, True, 0, -1, 2**63, 10**400, 1e308, float("nan"), float("inf"), "", "x" * 40000, "\ud800", "\x00", [], {}),
    *(
        [[]],
        {"": {}},
        [1, "a", None],
        {"bytes": None, "path": None},
        {"bytes": "AA", "path": "/dev/null"},
        [float("nan")],
    ),
)


def mutate_structure(name, data, random):
    """A change that a file's format has a name for; None where the name tells of none, or the data are beyond it."""
    for ending, change in STRUCTURES.items():
        if name.endswith(ending):
            try:
                return change(data, random)
            except Exception:  # what was changed before is no file of its kind any more
                return None
    return None


def change_rows(data, random):
    """Cells, columns and rows of delimited text."""
    comma = max(b",;\t|", key=lambda mark: data[:300].count(bytes([mark])))
    rows = [line.split(bytes([comma])) for line in data.split(b"\n")]
    row = random.choice(rows[: random.choice((1, len(rows)))])
    cell = random.randrange(len(row))
    what = random.randrange(9)
    if what == 0:
        for each in rows:
            del each[cell : cell + 1]
    elif what == 1:
        del row[cell]
    elif what == 2:
        row.insert(cell, random.choice(ODD_CELLS).encode())
    elif what == 3:
        rows[0][cell % len(rows[0])] = random.choice(rows[0])
    elif what == 4:
        rows[0][cell % len(rows[0])] = random.choice(ODD_CELLS).encode()
    elif what == 5:
        for each in rows[1:]:
            each[cell : cell + 1] = [random.choice(ODD_CELLS).encode()]
    elif what == 6:
        for each in rows:
            each[cell : cell + 1] = each[cell : cell + 1] * random.choice((2, 3, 200))
    elif what == 7:
        random.shuffle(rows)
    else:
        row[cell] = random.choice(ODD_CELLS).encode()
    return b"\n".join(bytes([comma]).join(each) for each in rows)


def change_record(value, random):
    """A JSON value with one thing in it that is another."""
    if isinstance(value, dict) and value and random.random() < 0.85:
        key = random.choice([*value])
        what = random.randrange(6)
        if what == 0:
            return {k: v for k, v in value.items() if k != key}
        if what == 1:
            return {**value, random.choice(("", "a.b", "label", "text", "\x00", "k" * 5000, "\ud800")): value[key]}
        return {**value, key: change_record(value[key], random)}
    if isinstance(value, list) and value and random.random() < 0.85:
        place = random.randrange(len(value))
        what = random.randrange(4)
        if what == 0:
            return value[:place] + value[place + 1 :]
        if what == 1:
            return value[:place] + [random.choice(ODD_VALUES)] + value[place:]
        return [*value[:place], change_record(value[place], random), *value[place + 1 :]]
    if random.random() < 0.1:
        return deep(random)
    return random.choice(ODD_VALUES)


def deep(random):
    value: Any = 1
    for _ in range(random.choice((30, 150, 400))):
        value = [value] if random.random() < 0.5 else {"a": value}
    return value


def change_json(data, random):
    value = json.loads(data)
    for _ in range(random.choice((1, 1, 3))):
        value = change_record(value, random)
    return json.dumps(value, ensure_ascii=random.random() < 0.7).encode("utf-8", "surrogatepass")


def change_json_lines(data, random):
    lines = data.decode().splitlines()
    for place in random.sample(range(len(lines)), random.choice((1, 1, len(lines)))):
        lines[place] = change_json(lines[place].encode(), random).decode("utf-8", "surrogatepass")
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def change_table(table, random):
    """Columns and values of an Arrow table."""
    place = random.randrange(table.num_columns)
    name, column = table.column_names[place], table.column(place).combine_chunks()
    column = column.chunk(0) if isinstance(column, pa.ChunkedArray) else column
    what = random.randrange(14)
    if what == 0:
        return table.remove_column(place)
    if what == 1:
        names = [*table.column_names]
        names[place] = random.choice([*table.column_names, "", "a.b", "x" * 3000, "\x00", "label (2)"])
        return table.rename_columns(names)
    if what == 2:
        return table.append_column(random.choice(table.column_names), column)
    if what == 3:
        return table.slice(0, random.choice((0, 1, 2)))
    if what == 4:
        return table.replace_schema_metadata({random.choice(("huggingface", "pandas", "x")): random.choice(METADATA)})
    return table.set_column(place, name, odd_column(name, column, what, random))


METADATA = (
    *("", "{", "null", "[]", '{"info": null}', '{"info": {"features": []}}', '{"info": {"features": {"label": 3}}}'),
    *('{"info": {"features": {"label": {"names": "cat", "_type": "ClassLabel"}}}}', "[" * 5000),
    *(
        '{"info": {"features": {"label": {"names": [1, null], "_type": "ClassLabel"}}}}',
        "\ud800".encode("utf-8", "surrogatepass"),
    ),
    *('{"info": {"features": {"label": {"names": {"a": 1}, "_type": "ClassLabel"}, "text": {"_type": "Image"}}}}',),
)


def odd_column(name, column, what, random):
    count = len(column)
    if what == 5:
        return pa.nulls(count, random.choice((column.type, pa.null(), pa.string(), pa.float32(), pa.list_(pa.int8()))))
    if what == 6:
        return pa.array([random.choice((float("nan"), float("inf"), 1e308, None, 0.0)) for _ in range(count)])
    if what == 7:
        texts = pa.array([random.choice((b"\xff\xfe", b"\xed\xa0\x80", b"ok", b"")) for _ in range(count)], pa.binary())
        return texts.view(pa.string())
    if what == 8:
        return pa.array([random.choice(ODD_CELLS) for _ in range(count)])
    if what == 9:
        return column.cast(
            random.choice((pa.string(), pa.binary(), pa.large_string(), pa.float16(), pa.uint64(), pa.bool_()))
        )
    if what == 10:
        return column.take(pa.array([random.choice((None, 0, row)) for row in range(count)], pa.int64()))
    if what == 11:
        keys = pa.array([random.randrange(2) for _ in range(count)], pa.int8())
        return pa.DictionaryArray.from_arrays(keys, column.slice(0, 2))
    if what == 12:
        return pa.array([[cell] * random.choice((0, 1, 2)) for cell in column.to_pylist()])
    return pa.StructArray.from_arrays([column, column], [name, random.choice((name, "bytes", "path", ""))])


def change_parquet(data, random):
    return parquet_bytes(change_table(pq.read_table(io.BytesIO(data)), random), compression="none")


def change_arrow(data, random):
    stream = not data.startswith(b"ARROW1")
    reader = pa.ipc.open_stream(data) if stream else pa.ipc.open_file(data)
    return arrow_bytes(change_table(reader.read_all(), random), stream, random.choice((None, "lz4", "zstd")))


def change_workbook(data, random):
    """The parts of a workbook, in a sound archive."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    name = random.choice([*parts])
    if random.random() < 0.15:
        del parts[name]
    else:
        parts[name] = text_or_bytes(parts[name], random)
    return zipped(parts)


def change_png(data, random):
    """A chunk of a PNG, with the sum that fits it."""
    chunks, place = [], 8
    while place < len(data):
        (size,) = struct.unpack(">I", data[place : place + 4])
        chunks.append([data[place + 4 : place + 8], data[place + 8 : place + 8 + size]])
        place += 12 + size
    chunk = random.choice(chunks)
    what = random.randrange(4)
    if what == 0:
        chunks.remove(chunk)
    elif what == 1:
        chunks.insert(
            random.randrange(len(chunks)), [random.choice((b"tEXt", b"eXIf", b"tRNS", b"iCCP", b"PLTE")), chunk[1]]
        )
    elif what == 2 and chunks[0][0] == b"IHDR":
        sizes = (0, 1, 65535, 200000, 2**31 - 1)
        chunks[0][1] = struct.pack(">II", random.choice(sizes), random.choice(sizes)) + chunks[0][1][8:]
    elif chunk[1]:
        chunk[1] = set_bytes(chunk[1], random)
    packed = [struct.pack(">I", len(c)) + kind + c + struct.pack(">I", zlib.crc32(kind + c)) for kind, c in chunks]
    return data[:8] + b"".join(packed)


def unpacked(unpack, pack):
    """A change of what is in a compressed file."""

    def change(data, random):
        inside = unpack(data)
        return pack(change_rows(inside, random) if random.random() < 0.3 else text_or_bytes(inside, random))

    return change


def text_or_bytes(data, random):
    return random.choice((*TEXT, set_bytes))(data, random) if data else insert(b" ", random)


def _unzstd(data):
    with pa.CompressedInputStream(pa.BufferReader(data), "zstd") as stream:
        return bytes(stream.read())


STRUCTURES: dict[str, Mutation] = {
    ".csv": change_rows,
    ".tsv": change_rows,
    ".txt": change_rows,
    ".jsonl": change_json_lines,
    ".ndjson": change_json_lines,
    ".json": change_json,
    ".parquet": change_parquet,
    ".arrow": change_arrow,
    ".feather": change_arrow,
    ".xlsx": change_workbook,
    ".png": change_png,
    ".gz": unpacked(gzip.decompress, lambda data: gzip.compress(data, mtime=0)),
    ".bz2": unpacked(bz2.decompress, bz2.compress),
    ".xz": unpacked(lzma.decompress, lzma.compress),
    ".zst": unpacked(_unzstd, lambda data: pa.compress(data, "zstd", asbytes=True)),
}
"""Ending of a file → what can be changed about it."""
