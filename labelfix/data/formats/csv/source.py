"""CSV and TSV files, plain or compressed: pyarrow parses, every cell is text first and typed over the whole file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from labelfix.data.formats.base import AS_THEY_ARE, Chunk, Edit, ReadOptions, Source, chunks
from labelfix.data.formats.bounds import RECORD_BYTES, too_long
from labelfix.data.formats.csv.dialect import DECIMAL, DELIMITER, Dialect, sniff
from labelfix.data.formats.csv.find_no_rows import NoRows
from labelfix.data.formats.csv.header import explanations
from labelfix.data.formats.csv.lines import no_text_error, read_text
from labelfix.data.formats.csv.no_rows import NOTHING
from labelfix.data.formats.csv.parts import check_headers
from labelfix.data.formats.csv.ragged import BEYOND, Ragged, first_few
from labelfix.data.formats.csv.rewrite import keeps_its_way, rewrite_csv
from labelfix.data.formats.csv.types import ColumnType, see, typed
from labelfix.data.formats.csv.write import SUFFIXES, are_disarmed, write_csv
from labelfix.data.formats.file_checks import cannot_read, check_file, magic
from labelfix.data.formats.hashed_files import HashedFiles, as_opened
from labelfix.data.formats.many_columns import cell_by_cell
from labelfix.data.formats.plain import no_utf8
from labelfix.data.formats.text_file import UTF8, NotTextError, find_text, packed_as, unpacking
from labelfix.data.spelling import names_as_before
from labelfix.errors import Defect, InputError, input_error
from labelfix.progress import rows_done

__all__ = ["SUFFIXES", "CsvSource", "recognises", "write_csv"]

FIRST_BLOCK = 1 << 20
COLUMN_BYTES = 1 << 14
"""Bytes of a block for each column: a few thousand numbers."""

WIDEST_BLOCK = 1 << 26
_ENDING = re.compile(r"\.(csv|tsv|tab|txt|dat|data)(\.(gz|bz2|xz|zst))?$", re.IGNORECASE)


class CsvSource(HashedFiles):
    """One CSV file, or several with the same header.

    Args:
        name: The table as the user named it.
        options: How the files are to be read, as given by the user.

    Attributes:
        titles: The columns' titles as they stand in the file, in the order of the schema; its names are unique.

    Raises:
        InputError: A file is missing, in another encoding, without a header, or has rows of another width than it.
    """

    format = "csv"
    untyped = True

    def __init__(self, paths: Sequence[Path], name: str, options: ReadOptions = AS_THEY_ARE) -> None:
        super().__init__(paths, name)
        self._dialects = self._find_dialects(options)
        renamed, respelled = names_as_before([dialect.header for dialect in self._dialects])
        for place, names in enumerate(renamed):
            header = tuple(names.get(name, name) for name in self._dialects[place].header)
            self._dialects[place] = replace(self._dialects[place], header=header)
        check_headers(self._dialects, self.files, self.name)
        self.titles = self._dialects[0].titles
        self.schema: pa.Schema = self._type_columns()
        self.remarks: tuple[str, ...] = (*respelled, *dict.fromkeys(r for d in self._dialects for r in d.remarks))

    @as_opened
    def read(self, names: list[str], rows: int, verbatim: bool) -> Iterator[Chunk]:
        schema = pa.schema([self.schema.field(name) for name in names])
        for index, (path, file) in enumerate(zip(self.paths, self.files, strict=True)):
            read = map(_as_texts, _rows(path, file, self._dialects[index], names))
            for chunk in chunks(read, rows, index):
                yield chunk if verbatim else replace(chunk, batch=_in_types(chunk.batch, schema))

    def rewrites(self, target: Path) -> bool:
        return not are_disarmed() and keeps_its_way(self._dialects, target)

    def rewrite(
        self, path: Path, target: Path, label: str, given: str, added: pa.Schema, edits: Iterable[Edit]
    ) -> None:
        """See `Rewritable.rewrite`: the bytes of a row stay as they are but for its label and the new cells."""
        rewrite_csv(path, target, self._dialects, label, [given, *added.names], edits)

    def _find_dialects(self, options: ReadOptions) -> list[Dialect]:
        named = list(zip(self.paths, self.files, strict=True))
        for path, file in named:
            _check(path, file)
        return [sniff(find_text(path, file, options.encoding)) for path, file in named]

    def _type_columns(self) -> pa.Schema:
        header = self._dialects[0].header
        types = {column: ColumnType() for column in header}
        defects: list[Defect] = []
        tails = False
        for place, (path, file) in enumerate(zip(self.paths, self.files, strict=True)):
            dialect = self._dialects[place]
            no_rows = NoRows(dialect.titles, explanations(dialect.rows)) if dialect.passed is NOTHING else None
            first = 1
            last: pa.Array = None
            for batch in _rows(path, file, dialect, list(header), no_rows):
                decoded = zip(header, batch.columns, strict=True)
                texts = {column: _decode(cells, column, file, first, defects) for column, cells in decoded}
                sound = {column: text for column, text in texts.items() if text is not None}
                see([types[column] for column in sound], list(sound.values()), commas=dialect.delimiter != ",")
                first += batch.num_rows
                rows_done(batch.num_rows)
                last = batch if batch.num_rows else last
            defects += _open_quote(path, file, dialect, last, first - 1)
            if no_rows is not None and no_rows.other_header is not None:
                what = "has the titles of the columns again, in another order, as where two files were joined"
                remedy = "give the files as they were, in one folder"
                raise InputError([Defect("error", file, no_rows.other_header, what, remedy)])
            if no_rows is not None:
                self._dialects[place] = replace(dialect, passed=no_rows.found())
                tails = tails or no_rows.retype
        if defects:
            raise InputError(first_few(defects))
        if tails:
            # What stands below the rows, and headings, have been seen as if they were rows, of another type perhaps.
            return self._type_columns()
        written = {DELIMITER: self._dialects[0].delimiter}
        if any(type_.decimal_comma for type_ in types.values()):
            written[DECIMAL] = ","
        marks = {column: {DECIMAL: ","} if types[column].decimal_comma else None for column in header}
        return pa.schema([pa.field(c, types[c].arrow, metadata=marks[c]) for c in header], metadata=written)


def _in_types(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Texts as values of these types; columns of one type together."""
    arrays: dict[str, pa.Array] = {}
    for type_ in dict.fromkeys(schema.types):
        alike = [field.name for field in schema if field.type == type_]
        arrays |= zip(alike, _typed([batch.column(name) for name in alike], type_), strict=True)
    return pa.record_batch([arrays[name] for name in schema.names], schema=schema)


def _typed(columns: Sequence[pa.Array], type_: pa.DataType) -> Sequence[pa.Array]:
    return columns if pa.types.is_string(type_) else cell_by_cell(lambda cells: typed(cells, type_), columns)


def recognises(source: Source) -> bool:
    """A file with an ending of delimited text, also compressed."""
    return isinstance(source, Path) and _ENDING.search(source.name) is not None


def looks_delimited(path: Path, options: ReadOptions = AS_THEY_ARE) -> bool:
    """Whether a file, whatever it is called, is text with a delimiter in its first lines."""
    try:
        dialect = sniff(find_text(path, str(path), options.encoding))
    except InputError:
        return False
    return len(dialect.header) > 1 and all(len(row) == len(dialect.header) for row in dialect.rows)


def _check(path: Path, name: str) -> None:
    check_file(path, name)
    noun = magic(path)
    if noun is not None and packed_as(path) is None:
        remedy = "give it the ending of its type" if "Parquet" in noun else "save the table as CSV UTF-8 or as Parquet"
        raise input_error(name, f"is {noun}, not CSV", remedy)


def _rows(
    path: Path, name: str, dialect: Dialect, columns: list[str], no_rows: NoRows | None = None
) -> Iterator[pa.RecordBatch]:
    """Batches of binary columns, without what is no row.

    Args:
        name: Its name in messages.
        columns: All columns in the order of the schema where it is read for the first time.
        no_rows: Finds what is no row, the first time.
    """
    first = 0
    for batch in _parse(path, name, dialect, columns, no_rows):
        kept = dialect.passed.kept(first, batch.num_rows) if no_rows is None else no_rows.take(batch)
        first += batch.num_rows
        yield batch if kept is None else batch.filter(pa.array(kept))


def _as_texts(batch: pa.RecordBatch) -> pa.RecordBatch:
    return pa.record_batch([column.cast(pa.string()) for column in batch.columns], names=batch.schema.names)


def _parse(
    path: Path, name: str, dialect: Dialect, columns: list[str], no_rows: NoRows | None
) -> Iterator[pa.RecordBatch]:
    """All records; a block too small for one long row is made larger and the file read on from there."""
    if dialect.header_only:
        with unpacking(path, name, "CSV"):
            read_text(dialect)  # a header that is no text: without rows nothing else reads it
        return
    # Every column of a block costs the same few calls, however few its rows: wide files are read in larger blocks.
    block = min(max(FIRST_BLOCK, COLUMN_BYTES * len(dialect.header)), WIDEST_BLOCK)
    done = 0
    while True:
        try:
            seen = 0
            with unpacking(path, name, "CSV"):
                for batch in _parse_blocks(name, dialect, columns, block, no_rows):
                    fresh = max(done - seen, 0)
                    seen += batch.num_rows
                    if fresh < batch.num_rows:
                        done = seen
                        yield batch.slice(fresh)
            return
        except pa.ArrowInvalid as error:
            if "straddl" in str(error):
                if block >= RECORD_BYTES:
                    raise too_long(name, done + 1, "a row") from None
                block = min(16 * block, RECORD_BYTES)
                continue
            raise cannot_read(name, error, "CSV", "check its quoting and write it again") from None


def _parse_blocks(
    name: str, dialect: Dialect, columns: list[str], block: int, no_rows: NoRows | None
) -> Iterator[pa.RecordBatch]:
    import pyarrow.csv as arrow_csv

    ragged = Ragged(name, dialect)
    read = 0
    # A delimiter that ends every row begins one more cell.
    names = [*dialect.header, *([BEYOND] if dialect.trailing else [])]
    with dialect.text.open() as stream:
        try:
            stream.read(dialect.start)
            reader = arrow_csv.open_csv(
                stream,
                read_options=arrow_csv.ReadOptions(column_names=names, use_threads=False, block_size=block),
                parse_options=arrow_csv.ParseOptions(
                    delimiter=dialect.delimiter,
                    quote_char=dialect.quote or False,
                    double_quote=dialect.escape is None,
                    escape_char=dialect.escape or False,
                    newlines_in_values=dialect.quote is not None or dialect.escape is not None,
                    invalid_row_handler=ragged.take,
                ),
                convert_options=arrow_csv.ConvertOptions(
                    column_types={column: pa.binary() for column in names},
                    include_columns=[*columns, *names[len(dialect.header) :]],
                    strings_can_be_null=False,
                ),
            )
            for batch in reader:
                read += batch.num_rows
                yield ragged.without_end(batch)
        except (NotTextError, pa.ArrowException, OSError):
            if stream.failure is not None:
                raise no_text_error(dialect, stream.failure) from None
            raise
    if no_rows is not None:
        if no_rows.begins_so and ragged.comments:
            ragged.comments_are_rows()
        no_rows.ruler, no_rows.comments = ragged.ruler, len(ragged.comments)
        no_rows.end = ragged.end(read)
    if ragged.rows and not (dialect.passed.end is not None if no_rows is None else no_rows.end):
        raise InputError(
            ragged.defects(
                [] if no_rows is None else sorted({*no_rows.rows, *no_rows.headings, *no_rows.wide_comments})
            )
        )


def _decode(cells: pa.Array, column: str, name: str, first: int, defects: list[Defect]) -> pa.Array:
    """The cells as strings; None, and the defects named, where some are not UTF-8."""
    try:
        return cells.cast(pa.string())
    except pa.ArrowInvalid:
        defects += no_utf8(cells, column, name, first, "save the file as UTF-8")
        return None


def _open_quote(path: Path, name: str, dialect: Dialect, last: pa.Array, row: int) -> list[Defect]:
    """A quote that is never closed swallows the rest of the file into the last cell of the last row."""
    if last is None or dialect.quote is None or dialect.text.packed or dialect.text.encoding != UTF8:
        return []
    value = last.column(last.num_columns - 1)[last.num_rows - 1].as_py()
    if b"\n" not in value.rstrip(b"\r\n"):
        return []
    with path.open("rb") as stream:
        stream.seek(max(path.stat().st_size - 16, 0))
        tail = stream.read().rstrip()
    if tail.endswith(dialect.quote.encode()):
        return []
    start = value[:40].decode("utf-8", errors="replace").splitlines()[0]
    return [Defect("error", name, row, f"a quote opens before {start!r} and is never closed", "close or remove it")]
