"""How a CSV file is written: delimiter, quoting and what stands before its rows, found from its first part."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

from labelfix.data.formats.bounds import check_columns
from labelfix.data.formats.csv.header import lines_above, looks_like_data, odd_quotes
from labelfix.data.formats.csv.no_rows import NOTHING, PassedOver
from labelfix.data.formats.csv.spaced import spaced
from labelfix.data.formats.text_file import UTF8, TextFile, not_text, unpacking
from labelfix.data.formats.titles import unique_names
from labelfix.errors import input_error

SAMPLE_BYTES, LARGEST_SAMPLE = 1 << 17, 1 << 23
SAMPLE_ROWS = 3
"""Rows that a sample holds at least: a file with very many columns has long ones."""

DELIMITERS = (",", "\t", ";", "|", "\x01", "\x1f", "^", "~", " ")
"""In the order in which they are tried; the last only where it parts quoted cells, as R writes them."""

QUOTINGS = (('"', None), ('"', "\\"), (None, None), ("'", None), (None, "\\"))
SWALLOWED_LINES = 50
DELIMITER = "csv_delimiter"
"""Schema metadata: what stands between the cells of the file, so that an export can be written the same way."""
DECIMAL = "csv_decimal"
"""Schema metadata: `,` where columns of numbers have decimal commas."""
ROW_NAMES = "rownames"
"""What a first column of row names is called that the header leaves out."""
KEYS = ("id", "ids", "key", "uid", "uuid", "guid")
"""Titles above names of rows: no others stand before these."""
_COMMENT = re.compile(r"#|(?:%|//|--) ")
"""How a line of comment above the header begins."""
_SEP = re.compile(r'^"?sep=([\x01-\x7e])"?\s*$', re.IGNORECASE)


@dataclass(frozen=True)
class Dialect:
    """How the cells of a file are told apart.

    Attributes:
        delimiter: Stands between cells.
        quote: Encloses a cell; None where quotes have no meaning.
        escape: Stands before a quote inside a cell; None where the quote is doubled instead.
        header: The column names, each once.
        titles: The same as they stand in the file.
        header_only: Whether there is nothing below the header.
        preamble: What stands before the header: blank lines, comments, a line that names the delimiter.
        row_names: Whether rows begin with a name that has no title.
        rows: Some of the first rows.
        passed: What below the header is no row; known once the whole file has been read.
    """

    text: TextFile
    delimiter: str
    quote: str | None
    escape: str | None
    header: tuple[str, ...] = ()
    titles: tuple[str, ...] = ()
    header_only: bool = False
    preamble: str = ""
    header_line: str = ""
    row_names: bool = False
    trailing: bool = False
    rows: tuple[tuple[str, ...], ...] = ()
    passed: PassedOver = NOTHING

    @property
    def start(self) -> int:
        """Bytes of UTF-8 before the first row."""
        return len((self.preamble + self.header_line).encode(UTF8, "surrogateescape"))

    @property
    def reader(self) -> dict[str, Any]:
        """Arguments of `csv.reader`."""
        return {
            "delimiter": self.delimiter,
            "quotechar": self.quote,
            "escapechar": self.escape,
            "doublequote": self.escape is None,
            "quoting": csv.QUOTE_NONE if self.quote is None else csv.QUOTE_MINIMAL,
        }

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a person should know about how the file is read."""
        found = []
        before = [line for line in self.preamble.splitlines() if line.strip() and not _SEP.match(line)]
        comments = [line for line in before if _COMMENT.match(line)]
        if comments:
            count = "1 line" if len(comments) == 1 else f"{len(comments)} lines"
            found.append(f"{count} of comment before the header are passed over")
        elif before:
            shown = before[0].strip(f'{self.delimiter}" ')[:60]
            found.append(f"what stands above the header is passed over ({shown!r})")
        if self.row_names:
            found.append(f"the header names no first column; it is called {ROW_NAMES!r}")
        if self.trailing:
            found.append(f"every row ends with a {self.delimiter!r} that the header has not; it is passed over")
        for column, title in zip(self.header, self.titles, strict=True):
            if title in self.header and column != title:
                found.append(f"another column is called {title!r}, too; it is read as {column!r}")
        return (*self.text.remarks, *found, *self.passed.said)


@contextmanager
def long_cells() -> Iterator[None]:
    """Let the csv module read cells of any length; its limit is a global of the process."""
    limit = csv.field_size_limit(2**31 - 1)
    try:
        yield
    finally:
        csv.field_size_limit(limit)


def sniff(file: TextFile) -> Dialect:
    """Find how a file is written.

    Every combination of delimiter and quoting is tried on the first 128 KiB (more where rows are very long); the one
    under which the most rows have as many cells as the header, and more than one, is taken.
    """
    size = SAMPLE_BYTES
    while True:
        text, complete = _sample(file, size)
        dialect = _sniffed(file, text, complete)
        if complete or len(dialect.rows) >= SAMPLE_ROWS or size >= LARGEST_SAMPLE:
            single = len(dialect.titles) == 1 and any(" " in row[-1] for row in (dialect.titles, *dialect.rows[:1]))
            again = spaced(file) if single else None
            return dialect if again is None else sniffed_as(again, "\t")
        size *= 8


def sniffed_as(file: TextFile, delimiter: str) -> Dialect:
    """The dialect of a text of a known delimiter and `"` for quotes: what is left to find are header and first rows."""
    text, complete = _sample(file, SAMPLE_BYTES)
    lines = list(io.StringIO(text, newline=""))
    above = lines_above(lines, delimiter)
    dialect = Dialect(file, delimiter, '"', None, preamble="".join(lines[:above]))
    rows = _rows(lines[above:], complete, dialect) or [[]]
    return _with_header(dialect, lines[above:], rows, complete)


def _sample(file: TextFile, size: int) -> tuple[str, bool]:
    with unpacking(file.path, file.name, "CSV"), file.open(file.lenient) as stream:
        head = stream.read(size + 1)
    complete = len(head) <= size
    if b"\x00" in head[:SAMPLE_BYTES] and head[:SAMPLE_BYTES].count(b"\x00") * 8 > min(len(head), SAMPLE_BYTES):
        raise not_text(file, ("a zero byte", head.find(b"\x00")), f"at byte {head.find(0) + 1}")
    text = head.decode(UTF8, errors="surrogateescape")
    if not text.strip():
        raise input_error(file.name, "holds nothing but blank lines", "give a file with a header and rows")
    return text, complete


def _sniffed(file: TextFile, text: str, complete: bool) -> Dialect:
    lines = list(io.StringIO(text, newline=""))
    said, first = _before(lines)
    body = lines[first:]
    above = 0 if first else lines_above(lines, DELIMITERS[:-1])
    body = body[above:]
    tab_first = ".tsv" in (suffix.lower() for suffix in file.path.suffixes)
    ways = [said] if said else sorted(DELIMITERS, key=lambda d: d != "\t") if tab_first else DELIMITERS
    dialects = [Dialect(file, delimiter, *quoting) for delimiter in ways for quoting in QUOTINGS]
    scores = [_score(body, complete, each) if _possible(body, each) else -1.0 for each in dialects]
    dialect = dialects[scores.index(max(scores))]
    if first and not said and _is_header(lines[first - 1], _rows(body, complete, dialect), dialect):
        first -= 1
        body = lines[first:]
    rows = _rows(body, complete, dialect) or [[]]
    if (odd := odd_quotes(body, dialect.delimiter)) is not None:
        raise input_error(file.name, *odd)
    return _with_header(replace(dialect, preamble="".join(lines[: first + above])), body, rows, complete)


def _before(lines: list[str]) -> tuple[str | None, int]:
    """The delimiter that a first line names, and how many lines stand before the header."""
    first = 0
    said = _SEP.match(lines[0])
    if said:
        return said[1], 1
    while first < len(lines) - 1 and (_COMMENT.match(lines[first]) or not lines[first].strip("\r\n")):
        first += 1
    # Nothing but such lines is a header that begins so.
    comments = any(map(_COMMENT.match, lines[:first]))
    return None, first if comments and lines[first].strip() and not _COMMENT.match(lines[first]) else 0


def _is_header(comment: str, rows: list[list[str]] | None, dialect: Dialect) -> bool:
    """Whether the last line of comment is itself the header: `#id,text` or, above rows of data, `# id,text`."""
    names = _rows([comment], True, dialect)
    if not names or not rows or len(names[0]) != len(rows[0]) or len(rows[0]) < 2:
        return False
    return not comment.startswith("# ") or looks_like_data(rows[0], rows[1:])


def _possible(body: list[str], dialect: Dialect) -> bool:
    """Whether a dialect differs at all from simpler ones here: most are ruled out by what does not occur."""
    delimiter, quote, escape = dialect.delimiter, dialect.quote, dialect.escape
    if delimiter == " " and (quote != '"' or not body[0].startswith('"')):
        return False
    if not any(delimiter in line for line in body[:2]):
        return False
    if escape is None:
        return True
    escaped = [f"{escape}{quote}"] if quote else [f"{escape}{delimiter}", f"{escape}\n", f"{escape}\r"]
    return any(pair in line for line in body for pair in escaped)


def _rows(lines: list[str], complete: bool, dialect: Dialect) -> list[list[str]] | None:
    # Only at the true end of the file is an open quote a mistake.
    reader = csv.reader(lines, strict=complete, **dialect.reader)
    rows: list[list[str]] = []
    before = 0
    try:
        with long_cells():
            for row in reader:
                before = reader.line_num
                rows += [row] if row else []
    except csv.Error:
        # A file may be cut off within its last line.
        return rows if rows and before == len(lines) - 1 else None
    # The last row of a cut sample is cut itself, and only counts where it holds a great many lines.
    cut = not complete and len(rows) > 1 and "".join(rows[-1]).count("\n") <= SWALLOWED_LINES
    return rows[:-1] if cut else rows


def _score(lines: list[str], complete: bool, dialect: Dialect) -> float:
    rows = _rows(lines, complete, dialect)
    if not rows:
        return -1.0
    width, below = len(rows[0]), rows[1:]
    if width < 2 and not (
        dialect.quote and lines[0].startswith(dialect.quote) and below and {len(row) for row in below} == {2}
    ):
        return -1.0  # one title above two quoted cells is R's, whose first column of row names has none
    even = (1 + sum(len(row) == width for row in below)) / len(rows)
    if below and all(len(row) == width + 1 for row in below):
        # Row names, or a delimiter at the end of every row: as good, unless another way fits outright.
        even = 0.99
    # A stray quote swallows the rest of the sample as one cell, which would look even.
    swallowed = not complete and "".join(rows[-1]).count("\n") > SWALLOWED_LINES
    # Titles that are all enclosed say what encloses cells.
    enclosed = dialect.quote == "'" and lines[0].strip().startswith("'") and lines[0].count("'") == 2 * width
    return even - 0.5 * swallowed + 0.001 * enclosed


def _with_header(dialect: Dialect, body: list[str], rows: list[list[str]], complete: bool) -> Dialect:
    reader = csv.reader(body, **dialect.reader)
    with long_cells(), suppress(csv.Error):
        next((row for row in reader if row), None)
    titles, below = [cell.strip().strip("\ufeff") for cell in rows[0]], rows[1:]
    odd = next((letter for title in titles for letter in title if "\udc80" <= letter <= "\udcff"), None)
    if odd is not None:
        before = (dialect.preamble + "".join(body)).partition(odd)[0].encode(UTF8, "surrogateescape")
        raise not_text(dialect.text, (f"byte 0x{ord(odd) - 0xDC00:02x}", len(before)), "in the header")
    if titles == [""]:
        raise input_error(dialect.text.name, "has no header", "put the column names into the first line")
    row_names = trailing = False
    if below and all(len(row) == len(titles) + 1 for row in below):
        quoted = body[0].startswith(dialect.quote or "\n")
        trailing = len(titles) > 1 and all(row[-1] == "" for row in below)
        named = quoted if len(titles) == 1 else quoted or titles[0].lower() not in KEYS
        firsts = [row[0] for row in below]
        row_names = named and not trailing and "" not in firsts and len(set(firsts)) == len(firsts)
    check_columns(len(titles), dialect.text.name)
    names = unique_names(titles)
    if row_names:
        titles = ["", *titles]
        names = unique_names([ROW_NAMES, *names])
    return replace(
        dialect,
        header=names,
        titles=tuple(titles),
        header_only=complete and not below,
        header_line="".join(body[: reader.line_num]),
        row_names=row_names,
        trailing=trailing,
        rows=tuple(map(tuple, below)),
    )
