"""Parquet: a file, a folder of parts, or the files a glob names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path

import pyarrow as pa

from labelfix.data.formats.base import (
    AS_THEY_ARE,
    READ_ROWS,
    Chunk,
    ReadOptions,
    Source,
    cannot_read,
    check_file,
    hash_files,
    magic,
    natural_key,
    slices,
)
from labelfix.errors import Defect, input_error

SUFFIXES = (".parquet", ".pq")

READ_BYTES = 1 << 20
"""Bytes of a column that are read ahead: without, a whole column of a row group would be held, however large."""

GROUP_ROWS, GROUP_BYTES = 1 << 20, 1 << 26
"""A row group is written once it has so many rows, or takes so many bytes in memory."""


class ParquetSource:
    """One Parquet file, or several parts with the same columns.

    Args:
        paths: The files, in order.
        name: The table as the user named it.

    Raises:
        InputError: A file is missing, damaged, or has other columns than the first.
    """

    format = "parquet"
    untyped = False
    remarks: tuple[str, ...] = ()
    warnings: tuple[Defect, ...] = ()

    def __init__(self, paths: Sequence[Path], name: str) -> None:
        self.name = name
        self.paths = tuple(paths)
        self.files = (name,) if len(paths) == 1 else tuple(str(path) for path in paths)
        self.folder = paths[0].parent
        schemas = [_schema(path, file) for path, file in zip(self.paths, self.files, strict=True)]
        self.schema: pa.Schema = schemas[0]
        for file, schema in zip(self.files, schemas, strict=True):
            self._check(file, schema)

    def scan(self, columns: Sequence[str] | None = None, rows: int = READ_ROWS) -> Iterator[Chunk]:
        """See `TableSource.scan`."""
        import pyarrow.parquet as pq

        names = list(self.schema.names if columns is None else columns)
        wanted = pa.schema([self.schema.field(column) for column in names])
        for index, (path, file) in enumerate(zip(self.paths, self.files, strict=True)):
            first = 1
            try:
                with pq.ParquetFile(path, pre_buffer=False, buffer_size=READ_BYTES) as parquet:
                    for batch in parquet.iter_batches(batch_size=rows, columns=names, use_threads=True):
                        arrays = [batch.column(c).cast(wanted.field(c).type) for c in names]
                        yield from slices(pa.record_batch(arrays, schema=wanted), rows, index, first)
                        first += batch.num_rows
            except (pa.ArrowException, OSError) as error:
                raise cannot_read(file, error, "Parquet", "the file is damaged; write it again") from None

    def verbatim(self, columns: Sequence[str] | None = None, rows: int = READ_ROWS) -> Iterator[Chunk]:
        """See `TableSource.verbatim`: Parquet has its own types, so this is `scan`."""
        return self.scan(columns, rows)

    def content_hash(self) -> str:
        """See `TableSource.content_hash`."""
        return self._hash

    @cached_property
    def _hash(self) -> str:
        return hash_files(self.paths)

    def _check(self, file: str, schema: pa.Schema) -> None:
        if set(schema.names) != set(self.schema.names):
            theirs, ours = ", ".join(schema.names), ", ".join(self.schema.names)
            what = f"has columns {theirs}, but {self.files[0]} has {ours}"
            raise input_error(file, what, "give all parts the same columns")
        for field in self.schema:
            other = schema.field(field.name).type
            if other != field.type and not _castable(other, field.type):
                what = f"column {field.name!r} is {other}, but {self.files[0]} has {field.type}"
                raise input_error(file, what, "give the column one type in all parts")


def recognises(source: Source) -> bool:
    """A file named .parquet or .pq, or a folder that holds such files."""
    if not isinstance(source, Path):
        return False
    return bool(parts(source)) if source.is_dir() else source.suffix.lower() in SUFFIXES


def parts(folder: Path) -> list[Path]:
    """The Parquet files under a folder in natural order; hidden files and names like _SUCCESS are passed over."""
    found = [p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file()]
    plain = [p for p in found if not any(part[0] in "._" for part in p.relative_to(folder).parts)]
    return sorted(plain, key=lambda p: natural_key(p.relative_to(folder).as_posix()))


def open_parquet(source: Source, name: str, options: ReadOptions = AS_THEY_ARE) -> ParquetSource:
    """Open a file or a folder of parts."""
    return ParquetSource(parts(source) if source.is_dir() else [source], name)


def write_parquet(path: Path, target: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
    """Write a table as Parquet.

    Args:
        path: The file to write.
        target: The name that the file will have in the end (not used).
        schema: Columns, types and metadata.
        batches: The rows.
    """
    import pyarrow.parquet as pq

    held: list[pa.RecordBatch] = []
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in filter(len, batches):
            held.append(batch)
            if sum(map(len, held)) >= GROUP_ROWS or sum(b.nbytes for b in held) >= GROUP_BYTES:
                writer.write_table(pa.Table.from_batches(held, schema))
                held = []
        if held:
            writer.write_table(pa.Table.from_batches(held, schema))


def _schema(path: Path, name: str) -> pa.Schema:
    import pyarrow.parquet as pq

    check_file(path, name)
    noun = magic(path)
    if noun != "a Parquet file":
        what = f"is {noun}, not Parquet" if noun else "is not a Parquet file"
        raise input_error(name, what, "give it the ending of its type, or write it as Parquet")
    try:
        return pq.read_schema(path)
    except (pa.ArrowException, OSError) as error:
        raise cannot_read(name, error, "Parquet", "the file is damaged or cut short; write it again") from None


def _castable(theirs: pa.DataType, ours: pa.DataType) -> bool:
    def texts(type_: pa.DataType) -> bool:
        return bool(pa.types.is_string(type_) or pa.types.is_large_string(type_) or pa.types.is_dictionary(type_))

    whole = pa.types.is_integer(theirs) and pa.types.is_integer(ours)
    return bool(whole or pa.types.is_null(theirs) or (texts(theirs) and texts(ours)))
