"""What a Parquet file says of itself: row groups, their columns and the sizes of their pages, held against the file.

pyarrow ends the process on some footers that lie, and takes as much memory for a page as its header says. So what is
decided by a footer is read here, in the compact protocol of Thrift that the format prescribes, without any of it being
believed: sizes and places are looked at before pyarrow reads by them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pyarrow as pa

from labelfix.data.formats.bounds import HELD_RATIO, MOST_BYTES
from labelfix.remote import readable

MAGIC = b"PAR1"

BOOLEANS, I32, I64, TEXT, LISTS, STRUCT = (1, 2), 5, 6, 8, (9, 10), 12
"""Types of the compact protocol that Parquet's metadata are made of."""

DELTA_BYTE_ARRAY = 7
"""Parquet's number of the encoding in which texts say how they differ from the one before."""

FETCHED = 1 << 23
"""Page headers of a larger remote file are looked at as they are read (`parquet_pages`)."""

HEADERS = (1 << 8, 1 << 20)
"""Bytes in which a page's header is looked for: most are short, and its statistics may hold long texts."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A column of a row group.

    Attributes:
        path: Its name, and those of the columns around it, joined by dots.
        values: How many it has, those that are null included.
        unpacked, packed: Bytes of its pages, headers included.
        first: Where its first page of values is.
        dictionary: Where its dictionary is; 0 where it has none.
        nulls: How many of its values are null; None where that is not said.
    """

    path: str
    encodings: tuple[int, ...]
    values: int
    unpacked: int
    packed: int
    first: int
    dictionary: int
    nulls: int | None

    @property
    def start(self) -> int:
        """Where its first page is, of whatever kind."""
        return min(self.first, self.dictionary or self.first)

    @property
    def texts(self) -> int:
        """Bytes of the dictionary; 0 where there is none."""
        return self.first - self.dictionary if 0 < self.dictionary < self.first else 0


@dataclass(frozen=True, slots=True)
class Group:
    """A row group."""

    rows: int
    columns: tuple[Chunk, ...]


def read_groups(path: Path, columns: int) -> tuple[Group, ...]:
    """The row groups of a file.

    Args:
        path: A Parquet file that pyarrow has opened.
        columns: The columns that it found, those inside others each for itself.

    Raises:
        pa.ArrowInvalid: The footer makes no sense, or leads out of the file.
    """
    source = readable(path)
    with open(source, "rb") if isinstance(source, Path) else source as stream:
        size = stream.seek(0, 2)
        stream.seek(max(size - 8, 0))
        tail = stream.read(8)
        length = struct.unpack("<I", tail[:4])[0] if tail[4:] == MAGIC else size
        if length > size - 8:
            raise pa.ArrowInvalid("the footer is longer than the file")
        stream.seek(size - 8 - length)
        footer = stream.read(length)
        try:
            groups = tuple(_groups(_Compact(footer)))
            if isinstance(source, Path) or is_looked_through(size):
                # Of a column without values no page is read, and where they are need not be said.
                read = ([chunk for chunk in group.columns if chunk.values] for group in groups)
                held = max((sum(_largest_page(stream, size, chunk) for chunk in chunks) for chunks in read), default=0)
            else:
                held = 0
        except (IndexError, ValueError, RecursionError):
            raise pa.ArrowInvalid("what it says of its row groups makes no sense") from None
    check_pages(held, size)
    if any(len(group.columns) != columns for group in groups):
        raise pa.ArrowInvalid(f"a row group has other columns than the {columns:,} of the file")
    return groups


def is_looked_through(size: int) -> bool:
    """Whether the pages of a remote file of so many bytes are looked at before it is read."""
    return size <= FETCHED


def check_pages(held: int, size: int) -> None:
    """Refuse pages that take far more than their file: of each column that is read, one is held unpacked.

    Args:
        held: Bytes that they take together.
        size: Of the file.

    Raises:
        pa.ArrowInvalid: They do.
    """
    if held > max(MOST_BYTES, HELD_RATIO * size):
        raise pa.ArrowInvalid(f"pages of it take {held:,} bytes at once, as in files made to fill a machine's memory")


class _Compact:
    """Reads the compact protocol; IndexError or ValueError where it cannot be."""

    def __init__(self, data: bytes, place: int = 0) -> None:
        self.data, self.place = data, place

    def varint(self) -> int:
        found = shift = 0
        while shift < 70:
            byte = self.data[self.place]
            self.place += 1
            found |= (byte & 127) << shift
            if byte < 128:
                return found
            shift += 7
        raise ValueError("a number without an end")

    def number(self) -> int:
        found = self.varint()
        return (found >> 1) ^ -(found & 1)

    def text(self) -> bytes:
        size = self.varint()
        self.place += size
        if self.place > len(self.data):
            raise ValueError("a text beyond the end")
        return self.data[self.place - size : self.place]

    def fields(self) -> Iterator[tuple[int, int]]:
        """Number and type of each field of a structure; its value has to be read or skipped before the next."""
        number = 0
        while head := self.data[self.place]:
            self.place += 1
            number = number + (head >> 4) if head >> 4 else self.number()
            yield number, head & 15
        self.place += 1

    def items(self) -> tuple[int, int]:
        """Type and count of the items of a list that begins here."""
        head = self.data[self.place]
        self.place += 1
        return head & 15, head >> 4 if head >> 4 < 15 else self.varint()

    def skip(self, kind: int) -> None:
        if kind == STRUCT:
            for _, inside in self.fields():
                self.skip(inside)
        elif kind in LISTS:
            of, count = self.items()
            for _ in range(count):
                if of in BOOLEANS:
                    self.place += 1
                self.skip(of)
        elif kind == TEXT:
            self.text()
        elif kind == 3:
            self.place += 1
        elif kind == 7:
            self.place += 8
        elif kind not in BOOLEANS:
            if not 4 <= kind <= I64:
                raise ValueError("a type that Parquet does not know")
            self.varint()


def _groups(footer: _Compact) -> list[Group]:
    groups: list[Group] = []
    for number, kind in footer.fields():
        if (number, kind) == (4, LISTS[0]):
            groups = [_group(footer) for _ in range(_structures(footer))]
        else:
            footer.skip(kind)
    return groups


def _group(footer: _Compact) -> Group:
    columns: tuple[Chunk, ...] = ()
    rows = 0
    for number, kind in footer.fields():
        if (number, kind) == (1, LISTS[0]):
            columns = tuple(_column(footer) for _ in range(_structures(footer)))
        elif (number, kind) == (3, I64):
            rows = _count(footer)
        else:
            footer.skip(kind)
    return Group(rows, columns)


def _column(footer: _Compact) -> Chunk:
    chunk = None
    for number, kind in footer.fields():
        if (number, kind) == (3, STRUCT):
            chunk = _chunk(footer)
        else:
            footer.skip(kind)
    if chunk is None:
        raise ValueError("a column that says nothing of itself")
    return chunk


def _chunk(footer: _Compact) -> Chunk:
    path, nulls = "", None
    encodings: tuple[int, ...] = ()
    found = {5: 0, 6: 0, 7: 0, 9: 0, 11: 0}
    for number, kind in footer.fields():
        if kind == I64 and number in found:
            found[number] = _count(footer)
        elif kind == LISTS[0] and number == 2:
            encodings = tuple(footer.number() for _ in range(_items(footer, I32)))
        elif kind == LISTS[0] and number == 3:
            path = ".".join(footer.text().decode(errors="replace") for _ in range(_items(footer, TEXT)))
        elif kind == STRUCT and number == 12:
            nulls = _nulls(footer)
        else:
            footer.skip(kind)
    values, unpacked, packed, first, dictionary = found.values()
    return Chunk(path, encodings, values, unpacked, packed, first, dictionary, nulls)


def _nulls(footer: _Compact) -> int | None:
    nulls = None
    for number, kind in footer.fields():
        if (number, kind) == (3, I64):
            nulls = footer.number()
        else:
            footer.skip(kind)
    return nulls


def _largest_page(stream: IO[bytes], size: int, chunk: Chunk) -> int:
    """Bytes that the largest page of a column takes unpacked; ValueError where its pages lead out of the file."""
    place = chunk.start
    stop, largest = place + chunk.packed, 0
    if stop > size:
        raise ValueError("a column beyond the end of the file")
    while place < stop:
        unpacked, packed, header = page_of(stream, place)
        place += header + packed
        largest = max(largest, unpacked)
        if place > size:
            raise ValueError("a page beyond the end of the file")
    return largest


def page_of(stream: IO[bytes], place: int) -> tuple[int, int, int]:
    """What a page takes unpacked and in the file, and its header; IndexError or ValueError where it is none."""
    for most in HEADERS:
        stream.seek(place)
        header = _Compact(stream.read(most))
        sizes = {2: 0, 3: 0}
        try:
            for number, kind in header.fields():
                if kind == I32 and number in sizes:
                    sizes[number] = _count(header)
                else:
                    header.skip(kind)
            return sizes[2], sizes[3], header.place
        except (IndexError, ValueError):
            if most == HEADERS[-1]:
                raise
    raise AssertionError("unreachable: the last one returns or raises")


def _count(of: _Compact) -> int:
    found = of.number()
    if not 0 <= found < 1 << 62:
        raise ValueError("a count below zero")
    return found


def _structures(of: _Compact) -> int:
    return _items(of, STRUCT)


def _items(of: _Compact, kind: int) -> int:
    found, count = of.items()
    if count and found != kind:
        raise ValueError("a list of something else")
    return count
