"""Text files as a stream of UTF-8, however they are compressed and encoded."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, cast

from labelfix.data.formats.bounds import BoundedStream, Bounds
from labelfix.data.formats.file_checks import cannot_read, check_file
from labelfix.data.formats.text_guess import MIXED, guess, wide_order
from labelfix.errors import InputError, input_error
from labelfix.remote import readable

UTF8 = "utf-8"
BLOCK = 1 << 20
PACKED = {
    b"\x1f\x8b": ("gzip", "a gzip file"),
    b"BZh": ("bz2", "a bzip2 file"),
    b"\xfd7zXZ\x00": ("xz", "an xz file"),
    b"\x28\xb5\x2f\xfd": ("zstd", "a Zstandard file"),
}
"""First bytes of compressed files that are read through."""

# UTF-32 before UTF-16: the little-endian mark of the one begins with that of the other.
MARKS = {
    codecs.BOM_UTF8: UTF8,
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
UNPACKING_ERRORS = (OSError, EOFError, zlib.error, lzma.LZMAError)


@dataclass(frozen=True)
class TextFile:
    """A file of text.

    Attributes:
        path: The file; for contents in memory, the file they come from.
        name: What to call it in messages.
        encoding: A Python codec.
        mark: The byte-order mark it begins with; empty where there is none.
        packed: How it is compressed: `gzip`, `bz2`, `xz`, `zstd` or None.
        remarks: What a person should know about how it is read.
        contents: The text as UTF-8 where it lies in memory, no longer in the file.
    """

    path: Path
    name: str
    encoding: str = UTF8
    mark: bytes = b""
    packed: str | None = None
    remarks: tuple[str, ...] = ()
    contents: bytes | None = None

    @property
    def lenient(self) -> str:
        """How to decode what may be no text so that it can be told from what is."""
        return "surrogateescape" if self.encoding == UTF8 else "replace"

    def open(self, errors: str = "strict") -> Utf8Stream:
        """The text as UTF-8 without a byte-order mark.

        Args:
            errors: How to decode what is no text: `strict` stops there, see `Utf8Stream.failure`.
        """
        raw = io.BytesIO(self.contents) if self.contents is not None else open_unpacked(self.path, self.name)
        raw.read(len(self.mark))
        return Utf8Stream(raw, self.encoding, errors)


class Utf8Stream(io.RawIOBase):
    """Bytes in some encoding, read as UTF-8.

    Attributes:
        failure: What was found that is not text, once reading has stopped there: `(what, offset)` with the offending
            byte as `byte 0xe9`, or `a zero byte`, and how many bytes of the source lay before it.
    """

    def __init__(self, raw: IO[bytes], encoding: str, errors: str) -> None:
        self._raw = raw
        self._errors = errors
        self._decoder = codecs.getincrementaldecoder(encoding)(errors)
        self._plain = encoding == UTF8 and errors == "strict"
        self._ready = b""
        self._taken = 0
        self._ended = False
        self.failure: tuple[str, int] | None = None

    def readable(self) -> bool:
        """Always."""
        return True

    def read(self, size: int = -1) -> bytes:
        """The next bytes; fewer than asked for only at the end."""
        parts, here = [self._ready], len(self._ready)
        while not self._ended and (size < 0 or here < size):
            parts.append(self._next(BLOCK if size < 0 else max(size - here, 1)))
            here += len(parts[-1])
        # Joined only where there is something to join: blocks of plain text pass through as they are.
        whole = parts[-1] if here == len(parts[-1]) else b"".join(parts)
        if size < 0 or here <= size:
            self._ready = b""
            return whole
        self._ready = whole[size:]
        return whole[:size]

    def close(self) -> None:
        """Close the file beneath."""
        if not self.closed:
            self._raw.close()
        super().close()

    def _next(self, size: int) -> bytes:
        block = self._raw.read(size)
        self._ended = not block
        try:
            if self._plain and block.isascii() and not self._decoder.getstate()[0]:
                text = block
            else:
                kept = self._decoder.getstate()[0]
                decoded = self._decoder.decode(block, final=self._ended)
                if self._plain:
                    text = (kept + block)[: len(kept) + len(block) - len(self._decoder.getstate()[0])]
                else:
                    text = decoded.encode(UTF8, "surrogateescape" if self._errors == "surrogateescape" else "replace")
        except UnicodeDecodeError as error:
            # What the decoder had kept from before stands at the front of what it could not decode.
            before = self._taken - (len(error.object) - len(block))
            self.failure = (f"byte 0x{error.object[error.start]:02x}", before + error.start)
            raise NotTextError from None
        if b"\x00" in text and self._errors == "strict":
            self.failure = ("a zero byte", self._taken + block.find(b"\x00"))
            raise NotTextError
        self._taken += len(block)
        return text


class NotTextError(ValueError):
    """A stream has come upon bytes that are not text; its `failure` says which."""


def open_unpacked(path: Path, name: str) -> IO[bytes]:
    """The file's bytes, decompressed where its first bytes say that they are compressed; bounded, see `bounds`."""
    packed = packed_as(path)
    if packed is None:
        return cast(IO[bytes], path.open("rb"))
    if packed == "zstd":
        import pyarrow as pa

        raw = cast(IO[bytes], pa.input_stream(readable(path, ahead=True), compression="zstd"))
    else:
        module: Any = {"gzip": gzip, "bz2": bz2, "xz": lzma}[packed]
        raw = cast(IO[bytes], module.open(readable(path, ahead=True), "rb"))
    return cast(IO[bytes], BoundedStream(raw, Bounds(path, name)))


def packed_as(path: Path) -> str | None:
    """How a file is compressed, by its first bytes; None where it is not."""
    with path.open("rb", buffering=0) as stream:
        head = stream.read(6)
    return next((how for start, (how, _) in PACKED.items() if head.startswith(start)), None)


@contextmanager
def unpacking(path: Path, name: str, kind: str) -> Iterator[None]:
    """Word the errors of reading a file that may be compressed.

    Args:
        kind: What it holds, such as `CSV`.

    Raises:
        InputError: The compressed file is damaged or cut short.
    """
    try:
        yield
    except UNPACKING_ERRORS as error:
        how = packed_as(path)
        noun = next((noun for key, noun in PACKED.values() if key == how), kind)
        raise cannot_read(name, error, noun, "write the file again") from None


def find_text(path: Path, name: str, encoding: str | None) -> TextFile:
    """How a text file is compressed and encoded.

    A byte-order mark settles the encoding; so does the whole file being UTF-8 with letters beyond ASCII in it. Only
    then the encoding that the user names counts, and without one the file has to be UTF-8.

    Args:
        name: What to call it in messages.

    Raises:
        InputError: The file is missing, empty, damaged, or in no encoding that can be told.
    """
    check_file(path, name)
    with unpacking(path, name, "text"):
        with open_unpacked(path, name) as stream:
            head = stream.read(1 << 12)
        packed = packed_as(path)
        if packed is not None and (inside := _packed_inside(head)):
            what = f"is {next(noun for how, noun in PACKED.values() if how == packed)} with {inside} in it"
            raise input_error(name, what, "unpack it, and give the file of the table")
        mark = next((mark for mark in MARKS if head.startswith(mark)), b"")
        found = TextFile(path, name, MARKS.get(mark, UTF8), mark, packed)
        if mark and found.encoding != UTF8:
            told = f"is read as {found.encoding[:6].upper()}, as its byte-order mark says"
            return replace(found, remarks=(told,))
        if encoding is None or mark or codecs.lookup(encoding).name == UTF8:
            return found
        if _is_utf8(found):
            remark = f"is UTF-8 and read as such, not as {encoding}"
            return replace(found, remarks=(remark,))
    codec = codecs.lookup(encoding).name
    if codec in ("utf-16", "utf-32"):
        codec = f"{codec}-{'be' if wide_order(head) == 'big' else 'le'}"
    return replace(found, encoding=codec)


def _packed_inside(head: bytes) -> str:
    """What a compressed file begins with, if that is a file in which others lie; empty where it is not."""
    if head[257:262] == b"ustar":
        return "an archive"
    return next((noun for start, (_, noun) in PACKED.items() if head.startswith(start)), "")


def not_text(file: TextFile, failure: tuple[str, int], where: str) -> InputError:
    """The error for a file that holds bytes which are no text.

    Args:
        where: Where they stand, such as `in row 4, column 'text'`; may be empty.
    """
    what, offset = failure
    at = f"{what} {where}".strip()
    if what == "a zero byte":
        with unpacking(file.path, file.name, "text"), open_unpacked(file.path, file.name) as stream:
            order = wide_order(stream.read(1 << 12)) if file.encoding == UTF8 else None
        if order is not None:
            remedy = f"pass --encoding utf-16-{order[0]}e"
            return input_error(file.name, "looks like UTF-16 text without a byte-order mark", remedy)
        return input_error(file.name, f"holds {at}, so it is not all text", "remove it, or save the file again")
    if file.encoding != UTF8:
        return input_error(file.name, f"is not {file.encoding} text ({at})", "pass the encoding it has as --encoding")
    with unpacking(file.path, file.name, "text"), open_unpacked(file.path, file.name) as stream:
        likely, word = guess(stream, offset)
    remedy = "pass its encoding as --encoding"
    if likely == MIXED:
        remedy = "other rows are UTF-8: rows of different encodings were put together; write those that are not anew"
    elif likely:
        remedy = f"it looks like {likely}: pass --encoding {likely}" + (
            f", or another if {word!r} reads wrong" if word else ""
        )
    return input_error(file.name, f"is not UTF-8 text ({at})", remedy)


def _is_utf8(file: TextFile) -> bool:
    """Whether the whole file is UTF-8, and some of it beyond ASCII."""
    beyond = False
    with file.open() as stream:
        try:
            while block := stream.read(BLOCK):
                beyond = beyond or not block.isascii()
        except NotTextError:
            return False
    return beyond
