"""How a CSV file is written: delimiter, quoting and header, found from its first part."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from labelfix.data.formats.base import cannot_read
from labelfix.errors import input_error

SAMPLE_BYTES = 1 << 17
DELIMITERS = (",", "\t", ";", "|")
SWALLOWED_LINES = 50
DELIMITER = "csv_delimiter"
"""Schema metadata: what stands between the cells of the file, so that an export can be written the same way."""
DECIMAL = "csv_decimal"
"""Schema metadata: `,` where columns of numbers have decimal commas."""


@dataclass(frozen=True)
class Dialect:
    """How the cells of a file are told apart.

    Attributes:
        delimiter: Stands between cells.
        quote: Encloses a cell; None where quotes have no meaning.
        escape: Stands before a quote inside a cell; None where the quote is doubled instead.
        header: The column names.
        header_only: Whether there is nothing below the header.
    """

    delimiter: str
    quote: str | None
    escape: str | None
    header: tuple[str, ...]
    header_only: bool


def is_gzip(path: Path) -> bool:
    """Whether the name promises a gzip file."""
    return path.suffix.lower() == ".gz"


def open_bytes(path: Path) -> IO[bytes]:
    """The file's bytes, decompressed where its name says .gz."""
    # A GzipFile does all that is asked of it here, though it is no IO[bytes] to the type checker.
    return cast(IO[bytes], gzip.open(path, "rb")) if is_gzip(path) else open(path, "rb")


def sniff(path: Path, name: str) -> Dialect:
    """Find how a file is written.

    Every combination of delimiter and quoting is tried on the first 128 KiB; the one under which the most
    rows have as many cells as the header, and more than one, is taken.

    Args:
        path: The file.
        name: What to call it in messages.

    Raises:
        InputError: The file is empty, is not text in UTF-8, or its header is unusable.
    """
    text, complete = _sample(path, name)
    tab_first = ".tsv" in (suffix.lower() for suffix in path.suffixes)
    delimiters = sorted(DELIMITERS, key=lambda d: d != "\t") if tab_first else DELIMITERS
    best = -1.0
    choice: tuple[str, str | None, str | None] = (delimiters[0], '"', None)
    for delimiter in delimiters:
        for quote, escape in (('"', None), ('"', "\\"), (None, None), ("'", None)):
            if quote is not None and escape is not None and f"\\{quote}" not in text:
                continue
            score = _score(text, complete, delimiter, quote, escape)
            if score > best:
                best, choice = score, (delimiter, quote, escape)
    rows = _rows(text, complete, *choice) or [[]]
    return Dialect(*choice, header=_header(rows[0], name), header_only=complete and len(rows) == 1)


def _sample(path: Path, name: str) -> tuple[str, bool]:
    try:
        with open_bytes(path) as stream:
            head = stream.read(SAMPLE_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise cannot_read(name, error, "a gzip file" if is_gzip(path) else "CSV", "write the file again") from None
    complete = len(head) <= SAMPLE_BYTES
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise input_error(name, "is UTF-16 text, not UTF-8", "save it as CSV UTF-8")
    if b"\x00" in head:
        raise input_error(name, "holds zero bytes, so it is not a text file", "give a CSV file in UTF-8")
    text = head.removeprefix(b"\xef\xbb\xbf").decode("utf-8", errors="replace")
    if not text.strip():
        raise input_error(name, "holds nothing but blank lines", "give a file with a header and rows")
    return text, complete


def _rows(text: str, complete: bool, delimiter: str, quote: str | None, escape: str | None) -> list[list[str]] | None:
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=delimiter,
        quotechar=quote,
        escapechar=escape,
        doublequote=escape is None,
        quoting=csv.QUOTE_NONE if quote is None else csv.QUOTE_MINIMAL,
        # Only at the true end of the file is an open quote a mistake.
        strict=complete,
    )
    limit = csv.field_size_limit(SAMPLE_BYTES * 2)
    try:
        rows = [row for row in reader if row]
    except csv.Error:
        return None
    finally:
        csv.field_size_limit(limit)
    # The last row of a cut sample is cut itself, and only counts where it holds a great many lines.
    cut = not complete and len(rows) > 1 and "".join(rows[-1]).count("\n") <= SWALLOWED_LINES
    return rows[:-1] if cut else rows


def _score(text: str, complete: bool, delimiter: str, quote: str | None, escape: str | None) -> float:
    rows = _rows(text, complete, delimiter, quote, escape)
    if not rows or len(rows[0]) < 2:
        return -1.0
    even = sum(len(row) == len(rows[0]) for row in rows) / len(rows)
    # A stray quote swallows the rest of the sample as one cell, which would look even.
    swallowed = not complete and "".join(rows[-1]).count("\n") > SWALLOWED_LINES
    return even - 0.5 * swallowed


def _header(cells: list[str], name: str) -> tuple[str, ...]:
    names = tuple(cell.strip() for cell in cells)
    twice = sorted({column for column in names if names.count(column) > 1})
    if twice:
        raise input_error(name, f"has two columns called {twice[0]!r}", "give every column a name of its own")
    if len(names) == 1 and not names[0]:
        raise input_error(name, "has no header", "put the column names into the first line")
    return names
