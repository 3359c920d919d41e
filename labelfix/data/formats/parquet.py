"""Parquet: one file, or several parts read as one table."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from labelfix.data.formats.base import AS_THEY_ARE, READ_ROWS, Chunk, ReadOptions, Source, chunks, files_below
from labelfix.data.formats.bounds import Bounds, check_columns
from labelfix.data.formats.file_checks import DAMAGED, cannot_read, check_file, magic
from labelfix.data.formats.hashed_files import HashedFiles, as_opened
from labelfix.data.formats.merge import TablePart, in_types, merge_schemas
from labelfix.data.formats.parquet_footer import Group, read_groups
from labelfix.data.formats.parquet_pages import parquet_stream
from labelfix.data.formats.parquet_sizes import repeated_texts, rows_at_once
from labelfix.data.formats.plain import decode, value_type
from labelfix.data.formats.repeated import told_bytes, unpacked, unpacks
from labelfix.data.formats.titles import check_names, unique_names
from labelfix.data.spelling import names_as_before
from labelfix.errors import input_error
from labelfix.remote import RemotePath, readable, writable

if TYPE_CHECKING:
    import pyarrow.parquet as pq

SUFFIXES = (".parquet", ".pq")

READ_BYTES = 1 << 20
"""Bytes of a column that are read ahead: without, a whole column of a row group would be held, however large."""

REMOTE_BYTES = 1 << 26
"""Bytes that are read ahead of all columns of a remote file together."""

UNPACK = "if you trust it, write it as CSV and give that"

GROUP_ROWS, GROUP_BYTES = 1 << 20, 1 << 26
"""A row group is written once it has this many rows, or takes so many bytes in memory."""


class ParquetSource(HashedFiles):
    """One Parquet file, or several parts that are read as one table.

    Args:
        paths: The files, in order. Their columns may differ in width and order, and a column may be missing in some.
        name: The table as the user named it.

    Raises:
        InputError: A file is missing or damaged, or has no column in common with the first.
    """

    format = "parquet"

    def __init__(self, paths: Sequence[Path], name: str, options: ReadOptions = AS_THEY_ARE) -> None:
        super().__init__(paths, name)
        self._parts = [_File(path, file) for path, file in zip(self.paths, self.files, strict=True)]
        renamed, respelled = names_as_before([part.schema.names for part in self._parts])
        for part, names in zip(self._parts, renamed, strict=True):
            part.call_as(names)
        merged = merge_schemas([TablePart(part.name, part.schema, part.cells) for part in self._parts])
        self.schema: pa.Schema = merged.schema
        self.remarks: tuple[str, ...] = (*respelled, *merged.remarks)
        titles = {name: title for part in reversed(self._parts) for name, title in part.titles.items()}
        self.titles = tuple(titles[name] for name in self.schema.names)

    @as_opened
    def read(self, names: list[str], rows: int, verbatim: bool) -> Iterator[Chunk]:
        wanted = pa.schema([self.schema.field(column) for column in names])
        for index, part in enumerate(self._parts):
            batches = (in_types(batch, wanted, part.name) for batch in part.batches(names, rows))
            yield from chunks(batches, rows, index)


class _File:
    """One Parquet file. Its columns are found by their place: titles may repeat, or hold dots.

    Raises:
        InputError: It is missing or damaged.
    """

    def __init__(self, path: Path, name: str) -> None:
        self.path = path
        self.name = name
        stored = _schema(path, name)
        check_columns(len(stored), name)
        fields = list(stored)
        names = unique_names([field.name for field in fields])
        self.titles = {name: field.name for name, field in zip(names, fields, strict=True)}
        renamed = [field.with_name(name) for name, field in zip(names, fields, strict=True)]
        self.schema: pa.Schema = pa.schema(renamed, metadata=stored.metadata)
        ends = list(itertools.accumulate((_leaves(field.type) for field in fields), initial=0))
        self._leaves = [range(start, end) for start, end in itertools.pairwise(ends)]

    def call_as(self, names: Mapping[str, str]) -> None:
        """Call columns otherwise: own name → new one."""
        fields = [field.with_name(names.get(field.name, field.name)) for field in self.schema]
        self.schema = pa.schema(fields, self.schema.metadata)
        self.titles = {names.get(name, name): title for name, title in self.titles.items()}

    @cached_property
    def _account(self) -> tuple[pq.FileMetaData, tuple[Group, ...]]:
        """What the file says of itself: for pyarrow, which reads by it, and looked at."""
        import pyarrow.parquet as pq

        about = pq.read_metadata(readable(self.path))
        return about, read_groups(self.path, about.num_columns)

    def batches(self, names: Sequence[str], rows: int) -> Iterator[pa.RecordBatch]:
        """The columns of those names that the file has, in its order and types; without any, rows without columns."""
        import pyarrow.parquet as pq

        places = sorted({self.schema.get_field_index(name) for name in names} - {-1})
        # Rows can only be counted by reading a column.
        read = places or [min(range(len(self._leaves)), key=lambda place: len(self._leaves[place]))]
        leaves = [leaf for place in read for leaf in self._leaves[place]]
        called = [self.schema.names[place] for place in read]
        bounds = Bounds(self.path, self.name, UNPACK)
        try:
            about, groups = self._account
            able = [leaf for place in read if unpacks(self.schema.field(place).type) for leaf in self._leaves[place]]
            repeated = repeated_texts(about, groups, able)
            at_once = min(rows, rows_at_once(about, groups, leaves, repeated, Bounds(self.path, self.name, UNPACK)))
            with pq.ParquetFile(
                parquet_stream(self.path, groups),
                metadata=about,
                pre_buffer=False,
                buffer_size=_read_at_once(self.path, len(leaves)),
                read_dictionary=repeated,
            ) as parquet:
                said, found = about.num_rows, 0
                for batch in _read(parquet, at_once, leaves, repeated):
                    bounds.take(told_bytes(batch))
                    for part in unpacked(pa.record_batch(batch.columns, names=called), self.schema, bounds):
                        found += part.num_rows
                        yield part if places else part.select([])
                if found != said:
                    raise pa.ArrowInvalid(f"{found:,} rows of {', '.join(called)} where there are {said:,}")
        except DAMAGED as error:
            raise cannot_read(self.name, error, "Parquet", "the file is damaged; write it again") from None

    def cells(self, name: str) -> Iterator[pa.Array]:
        """One column, batch by batch."""
        return (batch.column(0) for batch in self.batches([name], READ_ROWS))


def recognises(source: Source) -> bool:
    """A file named .parquet or .pq, or a folder with such a file somewhere below it."""
    if not isinstance(source, Path):
        return False
    if source.is_dir():
        return any(path.suffix.lower() in SUFFIXES and path.is_file() for path in files_below(source))
    return source.suffix.lower() in SUFFIXES


def write_parquet(path: Path, target: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
    """Write a table as Parquet.

    Args:
        target: The name that the file will have in the end (not used).
        schema: Columns, types and metadata.
    """
    schema = pa.schema([field.with_type(_stored_type(field.type)) for field in schema], schema.metadata)
    held: list[pa.RecordBatch] = []
    with writable(path) as sink, _writer(sink, schema, str(target)) as writer:
        for batch in filter(len, batches):
            held.append(pa.record_batch(list(map(_stored, batch.columns)), schema=schema))
            if sum(map(len, held)) >= GROUP_ROWS or sum(b.nbytes for b in held) >= GROUP_BYTES:
                writer.write_table(pa.Table.from_batches(held, schema))
                held = []
        if held:
            writer.write_table(pa.Table.from_batches(held, schema))


def _writer(sink: Any, schema: pa.Schema, name: str) -> Any:  # noqa: ANN401 - pyarrow has no types
    import pyarrow.parquet as pq

    try:
        return pq.ParquetWriter(sink, schema, compression="zstd")
    except pa.ArrowNotImplementedError as error:
        raise input_error(name, f"Parquet cannot hold a column ({error})", "write another kind of file") from None


def _stored_type(type_: pa.DataType) -> pa.DataType:
    """The type that Parquet holds a column in: run ends and categories of string views have none of their own."""
    if pa.types.is_dictionary(type_) and type_.value_type in (pa.string_view(), pa.binary_view()):
        return pa.dictionary(type_.index_type, value_type(type_), type_.ordered)
    return value_type(type_) if pa.types.is_run_end_encoded(type_) else type_


def _stored(column: pa.Array) -> pa.Array:
    wanted = _stored_type(column.type)
    if wanted == column.type:
        return column
    if not pa.types.is_dictionary(wanted):
        return decode(column)
    return pa.DictionaryArray.from_arrays(column.indices, decode(column.dictionary), ordered=wanted.ordered)


def _schema(path: Path, name: str) -> pa.Schema:
    import pyarrow.parquet as pq

    check_file(path, name)
    noun = magic(path)
    if noun != "a Parquet file":
        what = f"is {noun}, not Parquet" if noun else "is not a Parquet file"
        raise input_error(name, what, "give it the ending of its type, or write it as Parquet")
    try:
        schema = pq.read_schema(readable(path))
        check_names(schema)
        return schema
    except DAMAGED as error:
        raise cannot_read(name, error, "Parquet", "the file is damaged or cut short; write it again") from None


def _read(parquet: pq.ParquetFile, rows: int, leaves: Sequence[int], packed: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Batches of some columns. A batch with packed texts inside cells cannot go on from one row group to the next.

    Args:
        packed: Paths of the columns that are not unpacked as they are read.
    """
    inside = [path for path in packed if "." in path]
    every = list(range(parquet.num_row_groups))
    for groups in ([group] for group in every) if inside else [every]:
        yield from parquet.reader.iter_batches(rows, groups, column_indices=leaves, use_threads=True)


def _read_at_once(path: Path, columns: int) -> int:
    """Bytes of a column that are read ahead: every read of a remote file is a question to another machine."""
    return max(READ_BYTES, REMOTE_BYTES // columns) if isinstance(path, RemotePath) else READ_BYTES


def _leaves(type_: pa.DataType) -> int:
    """How many columns of a Parquet file hold a column of this type."""
    if isinstance(type_, pa.BaseExtensionType):
        return _leaves(type_.storage_type)
    if pa.types.is_map(type_):
        return _leaves(type_.key_type) + _leaves(type_.item_type)
    if pa.types.is_nested(type_):
        return sum(_leaves(type_.field(place).type) for place in range(type_.num_fields))
    return 1
