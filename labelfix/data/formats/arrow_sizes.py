"""How much comes out of an Arrow file whose buffers are compressed, told before any of it is unpacked.

Arrow unpacks a whole batch of rows at once: 60 kilobytes may hold two gigabytes of zeros. Messages say where their
buffers lie, and each compressed buffer begins with its length. Messages are FlatBuffers, of which this reads what it
needs: the format is Apache Arrow's `Message.fbs` and `File.fbs`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from labelfix.data.formats.bounds import Bounds
from labelfix.data.formats.file_checks import cannot_read

MAGIC = b"ARROW1"
CONTINUATION, OLD_END = b"\xff" * 4, b"\0" * 4
END = CONTINUATION + OLD_END
"""What messages begin with since Arrow 0.15, and what stands where there are no more."""

DICTIONARY, ROWS = 2, 3
"""Kinds of messages."""


@dataclass(frozen=True)
class Table:
    """A FlatBuffers table.

    Attributes:
        place: Where it begins.
    """

    data: bytes
    place: int

    @classmethod
    def root(cls, data: bytes) -> Table:
        """The table that a buffer is of."""
        return cls(data, _number(data, 0, "I"))

    def field(self, number: int) -> int:
        """Where a field lies; 0 where it is not there."""
        about = self.place - _number(self.data, self.place, "i")
        if 4 + 2 * number >= _number(self.data, about, "H"):
            return 0
        offset = _number(self.data, about + 4 + 2 * number, "H")
        return self.place + offset if offset else 0

    def number(self, number: int, kind: str) -> int:
        """A field that is a number; 0 where it is not there."""
        place = self.field(number)
        return _number(self.data, place, kind) if place else 0

    def table(self, number: int) -> Table | None:
        """A field that is a table."""
        place = self.field(number)
        return Table(self.data, place + _number(self.data, place, "I")) if place else None

    def records(self, number: int, layout: str) -> Iterator[tuple[int, ...]]:
        """A field that is a vector of records of one layout."""
        place = self.field(number)
        if place:
            place += _number(self.data, place, "I")
            size = struct.calcsize(layout)
            count = _number(self.data, place, "I")
            yield from struct.iter_unpack(layout, self.data[place + 4 : place + 4 + count * size])


def check_unpacked(path: Path, name: str, indexed: bool) -> None:
    """Refuse a file that holds far more than its size; see `labelfix.data.formats.bounds`.

    Args:
        indexed: Whether it is in the file format, not in that of a stream.

    Raises:
        InputError: It does, or is damaged.
    """
    bounds = Bounds(path, name, "if you trust it, write it again without compression")
    try:
        with path.open("rb") as stream:
            for kind, size in unpacked_sizes(stream, indexed):
                bounds.take(size)
                # A batch of rows goes before the next one comes, a dictionary stays.
                (bounds.hold if kind == DICTIONARY else bounds.hold_at_once)(size)
    except (struct.error, OSError, ValueError) as error:
        found = error if isinstance(error, OSError) else ValueError("where its parts lie makes no sense")
        raise cannot_read(name, found, "an Arrow file", "the file is damaged; write it again") from None


def unpacked_sizes(stream: IO[bytes], indexed: bool) -> Iterator[tuple[int, int]]:
    """The kind of each message of a file, and the bytes that come out of it; 0 where it is not compressed.

    Args:
        stream: The file, from its first byte.
        indexed: Whether it is in the file format, not in that of a stream.

    Raises:
        struct.error: It is damaged.
    """
    for place in _indexed(stream) if indexed else _in_turn(stream):
        metadata, body = _message(stream, place)
        message = Table.root(metadata)
        rows, kind = message.table(2), message.number(1, "B")
        if rows is not None and kind == DICTIONARY:
            rows = rows.table(1)
        # Before Arrow 1.0 compression stood among words of the message's own.
        packed = rows is not None and (rows.field(3) or b"ARROW:experimental_compression" in metadata)
        yield kind, sum(_lengths(stream, body, rows)) if packed and rows is not None else 0


def _lengths(stream: IO[bytes], body: int, rows: Table) -> Iterator[int]:
    for offset, length in rows.records(2, "<qq"):
        if length > 0:
            stream.seek(body + offset)
            found = _number(stream.read(8), 0, "q")
            yield length if found < 0 else found


def _indexed(stream: IO[bytes]) -> Iterator[int]:
    """Where the messages of a file lie that has an index at its end."""
    end = stream.seek(-len(MAGIC) - 4, 2)
    size = _number(stream.read(4), 0, "i")
    if not 0 < size < end:
        raise struct.error("an index that is larger than the file")
    stream.seek(end - size)
    footer = Table.root(stream.read(size))
    for part in (2, 3):
        yield from (place for place, _, _ in footer.records(part, "<qi4xq"))


def _in_turn(stream: IO[bytes]) -> Iterator[int]:
    """Where the messages of a stream lie that hold rows or dictionaries."""
    place = 0
    while True:
        stream.seek(place)
        head = stream.read(8)
        if len(head) < 4 or head in (END, CONTINUATION) or head.startswith(OLD_END):
            return
        metadata, body = _message(stream, place)
        message = Table.root(metadata)
        if message.number(1, "B") in (DICTIONARY, ROWS):
            yield place
        place = body + max(message.number(3, "q"), 0)


def _message(stream: IO[bytes], place: int) -> tuple[bytes, int]:
    """A message's metadata, and where its body lies."""
    stream.seek(place)
    head = stream.read(8)
    # Before Arrow 0.15 a message began with its length at once.
    new = head.startswith(CONTINUATION)
    size, start = (_number(head, 4, "i"), place + 8) if new else (_number(head, 0, "i"), place + 4)
    stream.seek(start)
    return stream.read(max(size, 0)), start + max(size, 0)


def _number(data: bytes, place: int, kind: str) -> int:
    if place < 0:
        raise struct.error("a place before the beginning")
    return int(struct.unpack_from(f"<{kind}", data, place)[0])
