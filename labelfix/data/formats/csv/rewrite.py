"""Writing a CSV file again as it stands, with other labels in some rows and new cells at the end of all."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from labelfix.data.formats.base import Edit
from labelfix.data.formats.csv.dialect import Dialect
from labelfix.data.formats.csv.records import ENDS, Aligned, Cells, Records, read_records, same_text
from labelfix.data.formats.csv.write import Quoting, open_to_write
from labelfix.data.formats.text_file import UTF8
from labelfix.errors import InputError, input_error

STYLE_ROWS = 200
"""Rows whose quotes tell how the file is quoted."""

_UNQUOTED = re.compile(rb"[+-]?[\d.,]*([eE][+-]?\d+)?|NA|NaN|nan|NULL|null|None|(?i:true|false)|\\N|-?[iI]nf")
"""Cells that stand without quotes in a file whose texts are quoted."""


def keeps_its_way(dialects: Sequence[Dialect], target: Path) -> bool:
    """Whether a file of a name would be written as the source's files are: their delimiter, and one way for all."""
    first = dialects[0]
    ways = {(d.delimiter, d.quote, d.escape, d.titles, d.row_names, d.trailing, d.text.encoding) for d in dialects}
    if len(ways) > 1:
        return False
    wanted = re.sub(r"\.gz$", "", target.name.lower())
    if wanted.endswith(".tsv"):
        return first.delimiter == "\t"
    own = re.sub(r"\.(gz|bz2|xz|zst)$", "", first.text.path.name.lower())
    return wanted.endswith(".csv") and (first.delimiter != "\t" or own.endswith(".csv"))


def rewrite_csv(
    path: Path,
    target: Path,
    dialects: Sequence[Dialect],
    label: str,
    new_titles: Sequence[str],
    edits: Iterable[Edit],
) -> None:
    """Write the rows of files again; see `base.Rewritable`.

    The bytes of a row stay as they are, but for a replaced label and the new cells at its end. The header, what stands
    before it, line ends, the encoding and its mark stay, too; blank lines go.

    Args:
        dialects: How the files are written; all the same way.
        new_titles: Of the new columns, the first of which holds the old labels.
        edits: What becomes of the rows, in order.

    Raises:
        InputError: A label cannot be written this way or in the file's encoding.
    """
    first = dialects[0]
    writer = _Writer(first, first.header.index(label))
    records = Aligned(dialects)
    encoder = codecs.getincrementalencoder(first.text.encoding)()
    with open_to_write(path, target) as stream:

        def put(text: bytes) -> None:
            try:
                stream.write(text if first.text.encoding == UTF8 else encoder.encode(text.decode()))
            except UnicodeEncodeError as error:
                what = f"is {first.text.encoding} text, which cannot hold {error.object[error.start]!r}"
                raise input_error(first.text.name, what, "export to a .parquet file") from None

        stream.write(first.text.mark)
        put(writer.header(new_titles))
        held: Edit | None = None
        for edit in edits:
            # The last rows are written last of all: only they may lack a line end.
            if held is not None:
                put(writer.lines(held, records, last=False))
            held = edit
        if held is not None:
            put(writer.lines(held, records, last=True))
        writer.check_end(records)


class _Writer:
    def __init__(self, dialect: Dialect, label: int) -> None:
        self._dialect = dialect
        self._quoting, self._labels_quoted = _quoting(dialect, label)
        self._quote = (dialect.quote or "").encode()
        self._label = label
        self._cells = Cells(dialect)
        header = dialect.header_line
        self._end = next((end for end in (b"\r\n", b"\n", b"\r") if header.encode().endswith(end)), b"\n")

    def header(self, new_titles: Sequence[str]) -> bytes:
        """What stands before the rows, with the new titles in the header."""
        line = self._dialect.header_line.encode().removesuffix(self._end)
        titles = self._cells.split(line)
        always = self._quote != b"" and all(title.startswith(self._quote) for title in titles)
        written = self._written(pa.array(new_titles, pa.string()), always).to_pylist()
        line = self._dialect.delimiter.encode().join([line, *(title.encode() for title in written)])
        return self._dialect.preamble.encode() + line + self._end

    def lines(self, edit: Edit, records: Aligned, last: bool) -> bytes:
        """The rows of an edit as they are written."""
        rows = records.take(len(edit.old))
        if len(rows) != len(edit.old):
            raise self._not_found()
        rows = Records(self._changed(self._without_end(rows.texts), edit), rows.ends)
        cells = [self._given(edit.old), *map(self._column, edit.added.columns)]
        texts = pc.binary_join_element_wise(rows.texts, *cells, self._dialect.delimiter)
        ends = rows.ends.copy()
        if not last or not edit.kept.all():
            ends[ends == 0] = ENDS.index(self._end)
        if not edit.kept.all():
            texts, ends = texts.filter(pa.array(edit.kept)), ends[edit.kept]
        beyond = self._dialect.delimiter.encode() if self._dialect.trailing else b""
        parts = []
        # Nearly always all lines end alike, and there is one piece.
        cuts = [0, *(np.flatnonzero(np.diff(ends)) + 1).tolist(), len(ends)]
        for start, stop in zip(cuts, cuts[1:], strict=False):
            if stop > start:
                end = (beyond + ENDS[ends[start]]).decode()
                parts.append(_joined(pc.binary_join_element_wise(texts.slice(start, stop - start), "", end)))
        return b"".join(parts)

    def check_end(self, records: Aligned) -> None:
        """Refuse a file that has more records than rows were read from it: then some row is another one's."""
        if len(records.take(1)):
            raise self._not_found()

    def _given(self, old: pa.Array) -> pa.Array:
        written = self._written(old, self._labels_quoted)
        return written if self._quoting.numbers else pc.if_else(pc.equal(old, ""), "", written)

    def _column(self, column: pa.Array) -> pa.Array:
        try:
            return self._quoting.cells(column)
        except ValueError as error:
            raise self._unquotable(str(error)) from None

    def _written(self, texts: pa.Array, always: bool) -> pa.Array:
        try:
            return self._quoting.quoted(texts, always)
        except ValueError as error:
            raise self._unquotable(str(error)) from None

    def _without_end(self, texts: pa.Array) -> pa.Array:
        """The rows without the delimiter that ends every one of them."""
        if not self._dialect.trailing:
            return texts
        if not pc.all(pc.ends_with(texts, self._dialect.delimiter)).as_py():
            raise self._not_found()
        return pc.utf8_slice_codeunits(texts, 0, -1)

    def _changed(self, texts: pa.Array, edit: Edit) -> pa.Array:
        """The rows with their new labels, each in place of the old one and quoted like it."""
        changed = edit.changed & edit.kept
        rows = np.flatnonzero(changed)
        if not len(rows):
            return texts
        which = pa.array(rows)
        old, new = edit.old.take(which).to_pylist(), edit.new.take(which)
        plain = self._written(new, False).to_pylist()
        enclosed = self._written(new, True).to_pylist() if self._quoting.quote else plain
        delimiter, quote = self._dialect.delimiter.encode(), self._quote
        reader = self._dialect.reader
        found = []
        for record, was, as_plain, as_enclosed in zip(texts.take(which).to_pylist(), old, plain, enclosed, strict=True):
            cells = self._cells.split(record.encode())
            if len(cells) <= self._label or not same_text(cells[self._label], was, reader):
                raise self._not_found()
            cell = cells[self._label]
            always = bool(quote) and (cell.startswith(quote) or (not cell and self._labels_quoted))
            cells[self._label] = (as_enclosed if always else as_plain).encode()
            found.append(delimiter.join(cells).decode())
        return pc.replace_with_mask(texts, pa.array(changed), pa.array(found, pa.string()))

    def _unquotable(self, cell: str) -> InputError:
        what = f"is written without quotes and cannot hold {cell[:60]!r}"
        return input_error(self._dialect.text.name, what, "export to a file of another type, such as .parquet")

    def _not_found(self) -> InputError:
        what = "has rows whose cells cannot be told apart one by one"
        return input_error(self._dialect.text.name, what, "export to a file of another type, such as .parquet")


def _joined(texts: pa.Array) -> bytes:
    """All strings of an array one after the other: they lie so in its buffer."""
    offsets = np.frombuffer(texts.buffers()[1], np.int32)[texts.offset : texts.offset + len(texts) + 1]
    return bytes(memoryview(texts.buffers()[2])[offsets[0] : offsets[-1]])


def _quoting(dialect: Dialect, label: int) -> tuple[Quoting, bool]:
    """How new cells are quoted, and whether labels are without need, by how the first rows are."""
    plain = Quoting(dialect.delimiter, dialect.quote, dialect.escape)
    first = next(read_records(dialect), None)
    if dialect.quote is None or first is None:
        return plain, False
    quote, cells = dialect.quote.encode(), Cells(dialect)
    width = len(dialect.header)
    rows = [cells.split(text.encode())[:width] for text in first.texts[:STYLE_ROWS].to_pylist()]
    seen = [cell for row in rows for cell in row]
    bare = [cell for cell in seen if not cell.startswith(quote)]
    if not bare:
        return replace(plain, always=True, numbers=True), True
    # Quotes that a cell needs say nothing about those that others would get.
    needed = re.compile(b"[%s\r\n]" % re.escape(f"{dialect.delimiter}{dialect.quote}".encode()))
    free = [cell for cell in seen if cell.startswith(quote) and not needed.search(cell[1:-1])]
    words = any(not _UNQUOTED.fullmatch(cell[1:-1]) for cell in free)
    labels = [row[label] for row in rows if row[label : label + 1] and row[label]]
    quoted = bool(labels) and all(cell.startswith(quote) for cell in labels) and any(cell in free for cell in labels)
    return replace(plain, always=words and all(map(_UNQUOTED.fullmatch, bare))), quoted
