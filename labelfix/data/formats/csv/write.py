"""Writing CSV and TSV: cells quoted only where they must be, so that a difference to the user's file stays small."""

from __future__ import annotations

import base64
import csv
import gzip
import io
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import pyarrow as pa
import pyarrow.compute as pc

from labelfix.data.formats.csv.dialect import DELIMITER

SUFFIXES = (".csv", ".tsv", ".csv.gz", ".tsv.gz")

FORMULA = r"^([=+\-@\t\r\n＝＋－＠])"
"""How a cell begins that a spreadsheet may run, of which a number is none (OWASP, "CSV injection")."""

NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"

NO_TEXT = r"[\x00-\x08\x0e-\x1f]"
"""What bytes hold that are no text."""

_DISARMED: ContextVar[bool] = ContextVar("disarmed", default=False)


@contextmanager
def formulas_disarmed(wanted: bool = True) -> Iterator[None]:
    """Write cells that a spreadsheet would run as a formula with an apostrophe before them, so that it shows them.

    Args:
        wanted: Whether to; otherwise cells are written as they are, which is what a program wants to read back.
    """
    before = _DISARMED.set(wanted)
    try:
        yield
    finally:
        _DISARMED.reset(before)


def are_disarmed() -> bool:
    """Whether formulas are written so now."""
    return _DISARMED.get()


@dataclass(frozen=True)
class Quoting:
    """How cells are written.

    Attributes:
        delimiter: Stands between them.
        quote: Encloses those that need it; None where nothing does.
        escape: Stands before what needs it inside a cell; None where quotes are doubled instead.
        always: Whether cells of text are enclosed without need.
        numbers: Whether all others are, too.
    """

    delimiter: str
    quote: str | None = '"'
    escape: str | None = None
    always: bool = False
    numbers: bool = False

    def cells(self, column: pa.Array) -> pa.Array:
        """A column as the strings to write; null is an empty cell."""
        text = _disarmed(column_text(column)) if _DISARMED.get() else column_text(column)
        always = self.always if pa.types.is_string(column.type) else self.numbers
        return self.quoted(text, always)

    def quoted(self, text: pa.Array, always: bool = False) -> pa.Array:
        """Strings as cells, see `cells`."""
        letters = re.escape("".join(filter(None, ("\r\n", self.delimiter, self.quote, self.escape))))
        special = pc.match_substring_regex(text, f"[{letters}]")
        if not always and not pc.any(special).as_py():
            return text
        if self.escape is not None:
            # Without quotes, line ends and delimiters are escaped like the rest.
            inside = pc.replace_substring_regex(text, f"([{re.escape(self.escape + (self.quote or ''))}])", r"\\\1")
            if self.quote is None:
                return pc.replace_substring_regex(inside, f"([\r\n{re.escape(self.delimiter)}])", r"\\\1")
        elif self.quote is None:
            raise ValueError(text.filter(special)[0].as_py())
        else:
            inside = pc.replace_substring(text, self.quote, 2 * self.quote)
        enclosed = pc.binary_join_element_wise(self.quote, inside, self.quote, "")
        return enclosed if always else pc.if_else(special, enclosed, text)


def write_csv(path: Path, target: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
    """Write a table as CSV, or as TSV where the name of `target` says so; with semicolons where its source had them.

    Cells are quoted only where they must be; nested columns become JSON text, bytes as in
    `bytes_text`; null is an empty cell.

    Args:
        target: The name that the file will have in the end; it decides on TSV and .gz.
        schema: The columns; its metadata may name the delimiter of the file that they come from.
    """
    own = (schema.metadata or {}).get(DELIMITER.encode(), b",").decode()
    delimiter = "\t" if ".tsv" in target.name.lower() else "," if own == "\t" else own
    header = io.StringIO()
    titles = _disarmed(pa.array(schema.names, pa.string())).to_pylist() if _DISARMED.get() else schema.names
    csv.writer(header, delimiter=delimiter, lineterminator="\n").writerow(titles)
    with open_to_write(path, target) as stream:
        stream.write(header.getvalue().encode())
        for batch in batches:
            if batch.num_rows:
                lines = _lines(batch, Quoting(delimiter))
                stream.write("\n".join(lines.to_pylist()).encode())
                stream.write(b"\n")


@contextmanager
def open_to_write(path: Path, target: Path) -> Iterator[IO[bytes]]:
    """A file to write, compressed where the name that it will have in the end says so."""
    if not target.name.lower().endswith(".gz"):
        with path.open("wb") as plain:
            yield plain
        return
    # Neither time nor name in the header, so that the same rows give the same bytes.
    with (
        path.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=6, mtime=0) as packed,
    ):
        yield cast(IO[bytes], packed)


def _lines(batch: pa.RecordBatch, quoting: Quoting) -> pa.Array:
    cells = [quoting.cells(column) for column in batch.columns]
    if len(cells) == 1:
        # An empty cell alone on its line would be a blank line, which readers skip.
        return pc.if_else(pc.equal(cells[0], ""), '""', cells[0])
    return pc.binary_join_element_wise(*cells, quoting.delimiter)


def column_text(column: pa.Array) -> pa.Array:
    """A column as strings, null as the empty one."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if isinstance(column, pa.ExtensionArray):
        texts = [None if v is None else _plain(v) for v in column.to_pylist()]
        return pa.array(texts, pa.string()).fill_null("")
    if pa.types.is_nested(column.type):
        return pa.array(
            ["" if v is None else json.dumps(v, ensure_ascii=False, default=_plain) for v in column.to_pylist()],
            pa.string(),
        )
    if holds_bytes(column.type):
        return bytes_text(column).fill_null("")
    text = column.cast(pa.string())
    if pa.types.is_floating(column.type):
        whole = pc.match_substring_regex(text, r"^-?\d+$")
        text = pc.if_else(whole, pc.binary_join_element_wise(text, ".0", ""), text)
        text = pc.if_else(pc.is_nan(column), "", text)
    return text.fill_null("")


def bytes_text(column: pa.Array) -> pa.Array:
    """Bytes as strings: the text that they are, as Impala, Hive and old Spark write it, where all are; else base64."""
    if not pa.types.is_fixed_size_binary(column.type):
        try:
            text = column.cast(pa.binary()).cast(pa.string())
        except pa.ArrowInvalid:
            pass
        else:
            if not pc.any(pc.match_substring_regex(text, NO_TEXT)).as_py():
                return text
    return pa.array([None if v is None else base64.b64encode(v).decode() for v in column.to_pylist()], pa.string())


def _disarmed(text: pa.Array) -> pa.Array:
    """Strings that no spreadsheet takes for a formula."""
    armed = pc.and_not(pc.match_substring_regex(text, FORMULA), pc.match_substring_regex(text, NUMBER))
    return pc.if_else(armed, pc.binary_join_element_wise("'", text, ""), text)


def holds_bytes(type_: pa.DataType) -> bool:
    """Whether cells are bytes, of whatever kind."""
    kinds = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary, pa.types.is_binary_view)
    return any(is_kind(type_) for is_kind in kinds)


def _plain(value: object) -> str:
    """What JSON does not know: bytes as base64, the rest as text."""
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)
