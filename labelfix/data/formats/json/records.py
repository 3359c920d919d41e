"""Records of a JSON file, one a line or in one array, a block of text at a time."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from labelfix.data.formats.bounds import RECORD_BYTES, too_long
from labelfix.data.formats.json.keys import DECODER, KEEP_ONE, RepeatedKeyError
from labelfix.data.formats.text_file import BLOCK, UTF8, NotTextError, TextFile, not_text, open_unpacked, unpacking
from labelfix.errors import InputError, input_error
from labelfix.runs.json_text import NotPlainJsonError, check_size

_SPACE = re.compile(r"[ \t\r\n]*")
_GAP = re.compile(r"[ \t\r\n]*,?[ \t\r\n]*")


@dataclass(frozen=True)
class Record:
    """One row.

    Attributes:
        line: The line that it begins on, from 1.
        before: The text between the record before, or the beginning, and this one.
        text: The record as it stands in the file.
        value: What it says.
    """

    line: int
    before: str
    text: str
    value: dict[str, Any]


def is_array(file: TextFile) -> bool:
    """Whether the records stand in one array, and not one a line.

    Raises:
        InputError: The file begins with neither an array nor an object.
    """
    with unpacking(file.path, file.name, "JSON"), closing(file.open("replace")) as stream:
        head = b""
        while not head and (block := stream.read(BLOCK)):
            head = block.strip()
    if head[:1] in (b"[", b"{"):
        return head.startswith(b"[")
    if not head:
        raise input_error(file.name, "holds nothing but blank lines", "give a file with records")
    what = f"is not JSON: it begins with {head[:20].decode(UTF8, 'replace')!r}"
    remedy = "write one object a line, or an array of objects; or, if it is CSV, call it .csv"
    if head.startswith(b'"{\\"'):
        what = "holds JSON within JSON: each record is a text in quotes"
        remedy = "write json.loads(line) in place of each line"
    raise input_error(file.name, what, remedy)


def read_values(file: TextFile, array: bool) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """The letters of a block of records, and what they say.

    Args:
        array: See `is_array`.

    Raises:
        InputError: A record is no JSON, no object, or nested beyond what can be read.
    """
    if array:
        for record in read_records(file, array):
            yield len(record.text), [record.value]
        return
    for first, lines in _lines(file):
        values = _decoded(file, first, lines)
        if values:
            yield sum(map(len, lines)), values


def _decoded(file: TextFile, first: int, lines: list[str]) -> list[dict[str, Any]]:
    """What some lines say; the fast way is to decode them as one array, if as many objects come of it."""
    texts = [line for line in lines if line and not line.isspace()]
    try:
        values = DECODER.decode(f"[{','.join(texts)}]")
    except (ValueError, RecursionError):
        values = []
    if len(values) == len(texts) and set(map(type, values)) <= {dict}:
        return list(values)
    values = []
    for offset, line in enumerate(lines):
        if line and not line.isspace():
            try:
                values.append(DECODER.decode(line))
            except (ValueError, RecursionError) as error:
                raise broken(file, first + offset, error, line) from None
            if type(values[-1]) is not dict:
                raise _no_object(file, first + offset, values[-1])
    return values


def read_records(file: TextFile, array: bool) -> Iterator[Record]:
    """The records one by one; what `read_values` says of errors goes for them, too."""
    if array:
        yield from _elements(file)
        return
    for first, lines in _lines(file):
        for offset, line in enumerate(lines):
            text = line.strip()
            if not text:
                continue
            try:
                value = DECODER.decode(text)
            except (ValueError, RecursionError) as error:
                raise broken(file, first + offset, error, line) from None
            if not isinstance(value, dict):
                raise _no_object(file, first + offset, value)
            yield Record(first + offset, "\n", text, value)


def _texts(file: TextFile) -> Iterator[str]:
    """The file's text in blocks."""
    with unpacking(file.path, file.name, "JSON"), closing(file.open()) as stream:
        try:
            while block := stream.read(BLOCK):
                # A block of the stream may end within a character.
                while (more := _missing(block)) and (rest := stream.read(more)):
                    block += rest
                yield block.decode()
        except NotTextError:
            assert stream.failure is not None, "it says why it stopped"
            raise not_text(file, stream.failure, f"in line {_line_of(file, stream.failure[1])}") from None


def _missing(block: bytes) -> int:
    """How many bytes the last character of a block lacks."""
    for back in range(1, min(4, len(block)) + 1):
        letter = block[-back]
        if letter >= 0xC0:
            return max((2 if letter < 0xE0 else 3 if letter < 0xF0 else 4) - back, 0)
        if letter < 0x80:
            return 0
    return 0


def _lines(file: TextFile) -> Iterator[tuple[int, list[str]]]:
    """The lines in blocks, each with the number of its first."""
    parts: list[str] = []
    number = 1
    for text in _texts(file):
        # Files that were put one after the other have their marks between the lines.
        lines = (text.replace("\n\ufeff", "\n") if "\ufeff" in text else text).split("\n")
        if len(lines) == 1:
            parts.append(text)
            if sum(map(len, parts)) > RECORD_BYTES:
                raise too_long(f"{file.name}:{number}", None, "a line")
            continue
        lines[0] = "".join([*parts, lines[0]])
        _check_size(file, number, lines[0])
        parts = [lines.pop()]
        yield number, lines
        number += len(lines)
    last = "".join(parts)
    _check_size(file, number, last)
    yield number, [last]


def _check_size(file: TextFile, line: int, text: str) -> None:
    """Refuse a record that would fill the memory."""
    try:
        check_size(text)
    except NotPlainJsonError as error:
        what = f"holds a record that is too large ({error})"
        raise input_error(f"{file.name}:{line}", what, "leave some of it out") from None


def _elements(file: TextFile) -> Iterator[Record]:
    """The objects of an array."""
    texts = _texts(file)
    buffer, place, line = "", 0, 1
    before, first = "", True
    while True:
        # What stands before the record: the bracket, or a comma.
        match = (_SPACE if first else _GAP).match(buffer, place)
        assert match is not None, "it matches nothing at all, too"
        start = match.end()
        if start >= len(buffer) - 1 and (more := next(texts, None)) is not None:
            buffer, place = buffer[place:] + more, 0
            continue
        if first and buffer[start : start + 1] == "[":
            start = _SPACE.match(buffer, start + 1).end()  # type: ignore[union-attr]
        if start >= len(buffer) and (more := next(texts, None)) is not None:
            buffer, place = buffer[place:] + more, 0
            continue
        if buffer[start : start + 1] == "]":
            _check_end(file, buffer[start + 1 :], texts, line + buffer.count("\n", place, start))
            return
        before = buffer[place:start]
        if not first and "," not in before:
            raise broken(file, line + before.count("\n"), ValueError("a comma or the closing ] is missing"), "")
        value, stop, buffer = _element(file, buffer, start, texts, line + before.count("\n"))
        here = line + before.count("\n")
        text = buffer[start:stop]
        yield Record(here, before, text, value)
        line = here + text.count("\n")
        place, first = stop, False
        if place > BLOCK:
            buffer, place = buffer[place:], 0


def _element(
    file: TextFile, buffer: str, start: int, texts: Iterator[str], line: int
) -> tuple[dict[str, Any], int, str]:
    """The object at a place of the buffer, where it stops, and the buffer with as much more as it took."""
    while True:
        try:
            value, stop = DECODER.raw_decode(buffer, start)
        except (ValueError, RecursionError) as error:
            # An error at the end may only mean that the record goes on in the next block.
            short = isinstance(error, json.JSONDecodeError) and len(buffer) - start < RECORD_BYTES
            more = next(texts, None) if short else None
            if more is None and short is False and isinstance(error, json.JSONDecodeError):
                raise too_long(f"{file.name}:{line}", None, "a record") from None
            if more is None:
                raise broken(file, line, error, buffer[start : start + 80], short and is_cut(error)) from None
            # Twice as much each time, so that a long record is not read again for every block.
            parts = [buffer, more]
            while sum(map(len, parts)) < 2 * len(buffer) and (more := next(texts, None)) is not None:
                parts.append(more)
            buffer = "".join(parts)
            _check_size(file, line, buffer[start:])
            continue
        if type(value) is not dict:
            raise _no_object(file, line, value)
        return value, stop, buffer


def _check_end(file: TextFile, rest: str, texts: Iterator[str], line: int) -> None:
    for text in (rest, *texts):
        if text.strip():
            raise broken(file, line, ValueError("something follows the array"), text.strip())


def _line_of(file: TextFile, offset: int) -> int:
    line = 1
    with open_unpacked(file.path, file.name) as stream:
        while offset > 0 and (block := stream.read(min(offset, BLOCK))):
            line += block.count(b"\n")
            offset -= len(block)
    return line


def is_cut(error: Exception) -> bool:
    """Whether a text ends within what it says, and is sound until there."""
    if not isinstance(error, json.JSONDecodeError):
        return False
    return not error.doc[error.pos :].strip() or "Unterminated string" in error.msg


def broken(file: TextFile, line: int, error: Exception, text: str, end: bool = False) -> InputError:
    """The error for a record that is no JSON.

    Args:
        line: Where it begins, or breaks.
        text: What stands there.
        end: Whether the file ends within it.
    """
    if end:
        what, remedy = (
            f"the file ends within a record: {text.strip()[:60]!r}",
            "it is cut off: write or download it again",
        )
    elif isinstance(error, RecursionError):
        what, remedy = "is nested too deeply to be read", "flatten it, or leave the field out"
    elif isinstance(error, json.JSONDecodeError):
        what = f"is not JSON ({error.msg} at character {error.colno})"
        what += f": {text.strip()[:60]!r}"
        remedy = "write one object a line, or an array of objects"
        if text.lstrip().startswith("{'"):
            remedy = "it is written as Python prints it: write it with json.dumps, one object a line"
    elif isinstance(error, RepeatedKeyError):
        what, remedy = str(error), KEEP_ONE
    elif "digits" in str(error):
        what, remedy = "holds a number of more than 4,300 digits", "write it as text, in quotes"
    else:
        what, remedy = (
            f"is not JSON ({error}): {text.strip()[:60]!r}",
            "write one object a line, or an array of objects",
        )
    return input_error(f"{file.name}:{line}", what, remedy)


def _no_object(file: TextFile, line: int, value: Any) -> InputError:  # noqa: ANN401 - whatever JSON can say
    kind = {list: "an array", str: "text", bool: "true or false", type(None): "null"}.get(type(value), "a number")
    return input_error(f"{file.name}:{line}", f"holds {kind}, not an object", 'write every row as {"column": value}')
