"""Does a Parquet or Arrow file whose own account of itself lies end in anything but rows or one clear error?

    OMP_NUM_THREADS=1 python tests/measure/lying_footers.py [--sample 2000] [--seed 0] [--jobs 2]

Every number, text, list and field in the footers and page headers of small Parquet files, and every number in the
metadata of Arrow files, is replaced in turn: counts, sizes, offsets, encodings, types, statistics. Each file is read as
`labelfix check` does and as training would; wrong is what `fuzz.py` calls wrong, and more than 1 GB of memory. Prints
what is wrong and a table; the exit code is 1 where anything was wrong.
"""

import argparse
import struct
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).parent))

import fuzz_pool
from fuzz_pool import run_all
from fuzz_reading import judged, read_all, write
from fuzz_seeds import Seed, arrow_bytes, gold, parquet_bytes, text_table

MOST = 1 << 30
"""Bytes of memory that a file may take."""

BYTES, LISTS, STRUCT = 8, (9, 10), 12
BOOLS, INTS = (1, 2), (3, 4, 5, 6)
"""Types of Thrift's compact protocol."""

NUMBERS = (0, 1, -1, 2, 7, 127, 255, 1 << 16, 10**6, 10**8, (1 << 31) - 1, -(1 << 31), 1 << 32, 1 << 40)
NUMBERS += ((1 << 62), (1 << 63) - 1, -(1 << 63))
TEXTS = (b"", b"\x00", b"\xff" * 8, b"x" * 70_000, b"label", b"\xed\xa0\x80")

Change = Callable[[bytes], bytes]


class Thrift:
    """A structure in Thrift's compact protocol, taken apart so that it can be put together again.

    Attributes:
        fields: `[id, type, value]` of each; a structure is a list of fields, a list `[type, values]`.
        end: Where it ends.
    """

    def __init__(self, data, place=0):
        self._data, self.end = data, place
        self.fields = self._struct()

    def _byte(self):
        self.end += 1
        return self._data[self.end - 1]

    def _varint(self):
        found = shift = 0
        while True:
            byte = self._byte()
            found |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return found

    def _number(self):
        found = self._varint()
        return (found >> 1) ^ -(found & 1)

    def _struct(self):
        fields: list[list[Any]] = []
        number = 0
        while head := self._byte():
            number = number + (head >> 4) if head >> 4 else self._number()
            kind = head & 15
            fields.append([number, kind, kind == 1 if kind in BOOLS else self._value(kind)])
        return fields

    def _value(self, kind):
        if kind in BOOLS:
            return self._byte() == 1
        if kind in INTS:
            return self._byte() if kind == 3 else self._number()
        if kind == BYTES:
            size = self._varint()
            self.end += size
            return self._data[self.end - size : self.end]
        if kind in LISTS:
            head = self._byte()
            count = head >> 4 if head >> 4 < 15 else self._varint()
            return [head & 15, [self._value(head & 15) for _ in range(count)]]
        return self._struct()


def packed(fields):
    """A structure in the compact protocol; ids stand in full."""
    out = bytearray()
    for number, kind, value in fields:
        kind = (1 if value else 2) if kind in BOOLS else kind
        out += bytes([kind]) + _varint(_zigzag(number))
        out += b"" if kind in BOOLS else _value(kind, value)
    return bytes(out + b"\0")


def _value(kind, value):
    if kind in BOOLS:
        return bytes([1 if value else 2])
    if kind in INTS:
        return bytes([value & 255]) if kind == 3 else _varint(_zigzag(value))
    if kind == BYTES:
        return _varint(len(value)) + value
    if kind in LISTS:
        of, values = value
        return bytes([0xF0 | of]) + _varint(len(values)) + b"".join(_value(of, each) for each in values)
    return packed(value)


def _zigzag(number):
    return ((number << 1) ^ (number >> 63)) & ((1 << 64) - 1)


def _varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def lies(fields):
    """Every change of a structure: each is called on another copy of it, of the same form."""
    for way in _places(fields, ()):
        kind, value = _at(fields, way)
        yield lambda tree, way=way: _holder(tree, way)[0].remove(_holder(tree, way)[1])
        others: tuple[Any, ...] = ()
        if kind in BOOLS:
            others = (not value,)
        elif kind in INTS:
            others = tuple(dict.fromkeys(n for n in (*NUMBERS, value + 1, value - 1, -value, value * 2) if n != value))
        elif kind == BYTES:
            others = (*TEXTS, value[::-1])
        elif kind in LISTS:
            of, items = value
            others = ([of, []], [of, items[1:]], [of, items * 2], [of, items * 1000])
        for other in others:
            yield lambda tree, way=way, other=other: _set(tree, way, other)


def _places(fields, way):
    for place, (_, kind, value) in enumerate(fields):
        here = (*way, place)
        yield here
        if kind == STRUCT:
            yield from _places(value, here)
        if kind in LISTS:
            for number, item in enumerate(value[1]):
                if value[0] == STRUCT:
                    yield from _places(item, (*here, number))


def _holder(tree, way):
    """The structure that has the field at a place, and the field."""
    place = 0
    while place < len(way) - 1:
        _, kind, value = tree[way[place]]
        tree = value if kind == STRUCT else value[1][way[place + 1]]
        place += 1 if kind == STRUCT else 2
    return tree, tree[way[-1]]


def _at(tree, way):
    _, kind, value = _holder(tree, way)[1]
    return kind, value


def _set(tree, way, value):
    _holder(tree, way)[1][2] = value


def footer_of(data):
    """What stands before a Parquet file's footer, and the footer."""
    (size,) = struct.unpack("<I", data[-8:-4])
    return data[: -8 - size], Thrift(data, len(data) - 8 - size)


def parquet_lies(data):
    """Every change of a file's footer, then of the header of each of its pages."""
    body, footer = footer_of(data)

    def in_footer(data, lie):
        body, footer = footer_of(data)
        lie(footer.fields)
        return _joined(body, footer.fields)

    for lie in lies(footer.fields):
        yield lambda data, lie=lie: in_footer(data, lie)

    def in_page(data, start, lie):
        body, footer = footer_of(data)
        header = Thrift(data, start)
        lie(header.fields)
        new = packed(header.fields)
        grown = len(new) - (header.end - start)
        _move(footer.fields, start, grown)
        return _joined(body[:start] + new + body[header.end :], footer.fields)

    for start in _pages(data, footer.fields):
        for lie in lies(Thrift(data, start).fields):
            yield lambda data, start=start, lie=lie: in_page(data, start, lie)


def _joined(body, fields):
    footer = packed(fields)
    return body + footer + struct.pack("<I", len(footer)) + b"PAR1"


def _field(fields, number):
    return next((value for found, _, value in fields if found == number), None)


def _chunks(fields):
    """The metadata of each column of each row group."""
    for group in _field(fields, 4)[1]:
        for column in _field(group, 1)[1]:
            yield _field(column, 3)


def _pages(data, fields):
    """Where the page headers are."""
    for chunk in _chunks(fields):
        start = _field(chunk, 11) or _field(chunk, 9)
        stop = start + _field(chunk, 7)
        while start < stop:
            yield start
            header = Thrift(data, start)
            start = header.end + _field(header.fields, 3)


def _move(fields, start, grown):
    """Let the footer know that a page header which begins there has grown."""
    for chunk in _chunks(fields):
        first = _field(chunk, 11) or _field(chunk, 9)
        within = first <= start < first + _field(chunk, 7)
        for field in chunk:
            if field[0] in (9, 11) and field[2] > start:
                field[2] += grown
            if field[0] == 7 and within:
                field[2] += grown


def arrow_lies(data):
    """Every change of a number in what an Arrow file says of itself: schema, messages and footer."""

    def put(data, place, layout, number):
        return data[:place] + struct.pack(layout, number) + data[place + struct.calcsize(layout) :]

    places = sorted(place for part in _metadata(data) for place in part)
    for place in places:
        for number in (0, 1, 255, (1 << 31) - 1, (1 << 31), (1 << 32) - 1):
            yield lambda data, place=place, number=number: put(data, place, "<I", number)
        if place % 8 == 0:
            for number in (1, -1, 1 << 20, 1 << 32, 1 << 40, 1 << 62, (1 << 63) - 1, -(1 << 63)):
                yield lambda data, place=place, number=number: put(data, place, "<q", number)


def _metadata(data):
    """Where the metadata of each message stand, lengths included, four bytes by four; and the footer."""
    place, indexed = 0, data.startswith(b"ARROW1")
    place = 8 if indexed else 0
    stream = pa.ipc.MessageReader.open_stream(pa.BufferReader(data[place:]))
    for message in stream:
        (size,) = struct.unpack("<i", data[place + 4 : place + 8])
        yield range(place, place + 8 + size, 4)
        place += 8 + size + (message.body.size if message.body is not None else 0)
    if indexed:
        yield range(place, len(data) - 8, 4)


@cache
def files():
    """Small sound files, by name."""
    table = text_table()
    count = len(table)
    label = table.column("label").combine_chunks()
    rows = {
        "id": table.column(0),
        "label": label,
        "x": pa.array(np.arange(count) / 7),
        "n": pa.array([None, *range(count - 1)], pa.int32()),
        "yes": pa.array([row % 2 == 0 for row in range(count)]),
        "day": pa.array(range(count), pa.timestamp("us")),
        "words": pa.array([["a", None, "b" * row] for row in range(count)]),
        "both": pa.array([{"a": row, "b": str(row)} for row in range(count)]),
        "vector": pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(3 * count), pa.float32()), 3),
        "kind": label.dictionary_encode(),
        "money": pa.array(range(count), pa.int64()).cast(pa.decimal128(19, 0)),
    }
    wide, narrow = pa.table(rows), pa.table({name: rows[name] for name in ("id", "label", "x", "words")})
    delta = {"id": "DELTA_BYTE_ARRAY", "label": "DELTA_LENGTH_BYTE_ARRAY", "x": "BYTE_STREAM_SPLIT"}
    return {
        "wide.parquet": parquet_bytes(wide, compression="none", store_schema=False),
        "snappy.parquet": parquet_bytes(narrow, compression="snappy", row_group_size=7, write_page_index=True),
        "second.parquet": parquet_bytes(narrow, compression="zstd", data_page_version="2.0", use_dictionary=False),
        "delta.parquet": parquet_bytes(
            narrow.select(["id", "label", "x"]), compression="gzip", use_dictionary=False, column_encoding=delta
        ),
        "file.arrow": arrow_bytes(wide),
        "stream.arrow": arrow_bytes(narrow, True),
        "packed.arrow": arrow_bytes(wide.select(["id", "label", "words", "kind"]), False, "zstd"),
    }


@cache
def changes(name):
    """All changes of a file."""
    return list((parquet_lies if name.endswith(".parquet") else arrow_lies)(files()[name]))


@dataclass(frozen=True)
class Lie:
    """A change of a file, by its number."""

    name: str
    number: int


def read(lie):
    """Read a file that lies."""
    data = changes(lie.name)[lie.number](files()[lie.name])
    seed = Seed({lie.name: data, "gold.csv": gold()}, lie.name)
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        write(seed, Path(folder))
        return judged(lambda: read_all(seed, Path(folder)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sample", type=int, default=0, help="so many changes, drawn; 0 for all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    fuzz_pool.MEMORY, started = MOST, time.monotonic()
    every = [Lie(name, number) for name in files() for number in range(len(changes(name)))]
    lies = Random(asked.seed).sample(every, asked.sample) if asked.sample else every
    counts: Counter[tuple[str, str]] = Counter()
    for lie, (outcome, said) in run_all(lies, read, asked.jobs):
        counts[lie.name, outcome] += 1
        if outcome == "wrong":
            print(f"WRONG {lie}\n{said.strip()}\n", flush=True)
    print(f"{'file':16}{'tried':>8}{'read':>8}{'refused':>9}{'wrong':>7}")
    for name in [*files(), "all"]:
        of = [name] if name != "all" else [*files()]
        found = [sum(counts[each, how] for each in of) for how in ("read", "refused", "wrong")]
        print(f"{name:16}{sum(found):>8}{found[0]:>8}{found[1]:>9}{found[2]:>7}")
    print(f"{len(lies)} lies in {time.monotonic() - started:.0f} s")
    sys.exit(any(counts[name, "wrong"] for name in files()))


if __name__ == "__main__":
    main()
