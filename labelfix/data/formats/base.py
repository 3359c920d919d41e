"""What every format gives: a table that can be scanned in batches, with the place every row came from."""

from __future__ import annotations

import os
import re
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from labelfix.errors import Defect
from labelfix.remote import RemotePath

FORMATS_READ = (
    "CSV, TSV and other delimited text, JSON Lines and JSON (also .gz, .bz2, .xz, .zst), Parquet, Arrow and Feather, "
    "Excel (.xlsx), a folder of images by class, a Hugging Face dataset folder"
)
"""The formats as a person would list them, for messages."""

Source = Any
"""Whatever a table can come from: a path, a glob, `hub:NAME`, or a table in memory."""

READ_ROWS = 8192
"""Rows of a batch where the caller does not say."""


@dataclass(frozen=True)
class ReadOptions:
    """What a user says about how files are to be read.

    Attributes:
        encoding: Of text files that are not UTF-8, such as `cp1252`; None: only UTF-8 is read.
        split: The split to read of a folder that holds several, such as `train`.
        read_rows: Rows read at once; what is read does not depend on it.
    """

    encoding: str | None = None
    split: str | None = None
    read_rows: int = READ_ROWS


AS_THEY_ARE = ReadOptions()
"""Nothing said: UTF-8, and a folder is one table."""


@dataclass(frozen=True)
class Chunk:
    """Some consecutive rows of one file.

    Attributes:
        file_index: Position of the file in `TableSource.files`.
        first_row: Number of the first of them within the file, counted from 1.
    """

    batch: pa.RecordBatch
    file_index: int
    first_row: int


@dataclass(frozen=True)
class Edit:
    """What becomes of some consecutive rows of a source when it is written again.

    Attributes:
        old: `(n,)` the labels, as `TableSource.verbatim` gives them.
        changed: `(n,)` the rows whose label is replaced.
        new: `(n,)` their labels, in the type of `old`; only those of changed rows count.
        kept: `(n,)` the rows that are written at all.
        added: Further columns, n rows.
    """

    old: pa.Array
    changed: npt.NDArray[np.bool_]
    new: pa.Array
    kept: npt.NDArray[np.bool_]
    added: pa.RecordBatch


class TableSource(ABC):
    """A table somewhere: known columns, rows read when asked for. Nothing is held in memory.

    Attributes:
        name: The table as the user named it.
        format: `csv`, `json`, `excel`, `parquet`, `arrow`, `image_folder`, `hugging_face` or `memory`.
        untyped: Whether every cell is text that a person or a program wrote, as in CSV: then words such as `NA` stand
            for "nothing here", and `verbatim` differs from `scan`.
        remarks: What a person should know about how the source was read, one sentence each.
        warnings: What may be wrong with it.
        files: The files read, in order; `(name,)` where the rows have no file of their own.
        folder: What relative image paths are relative to.
        schema: Columns and types. The metadata key `huggingface` describes the features where it is known.
        read_rows: Rows that whoever reads it takes at once.
    """

    name: str
    format: str
    files: tuple[str, ...]
    folder: Path
    schema: pa.Schema
    untyped: bool = False
    remarks: tuple[str, ...] = ()
    warnings: tuple[Defect, ...] = ()
    read_rows: int = READ_ROWS

    @cached_property
    def titles(self) -> tuple[str, ...]:
        """What the source calls its columns, where those of the schema have to differ."""
        return tuple(self.schema.names)

    @cached_property
    def written(self) -> pa.Schema:
        """The columns that come back: of a folder of images not the images."""
        return self.schema

    @property
    def parts(self) -> tuple[TableSource, ...]:
        """The tables that are read as one; itself where it is one."""
        return (self,)

    def scan(self, columns: Sequence[str] | None = None, rows: int | None = None) -> Iterator[Chunk]:
        """All rows in order.

        Args:
            columns: The columns wanted, in that order; None for all.
            rows: At most this many rows a chunk; None for `read_rows`.

        Raises:
            InputError: The file turns out to be damaged.
        """
        return self.read(self.schema.names if columns is None else list(columns), rows or self.read_rows, False)

    def verbatim(self, columns: Sequence[str] | None = None, rows: int | None = None) -> Iterator[Chunk]:
        """As `scan`, but text formats give every cell as the string that stands in the file."""
        return self.read(self.schema.names if columns is None else list(columns), rows or self.read_rows, True)

    @abstractmethod
    def read(self, names: list[str], rows: int, verbatim: bool) -> Iterator[Chunk]:
        """What `scan` and `verbatim` give."""

    def content_hash(self) -> str:
        """SHA-256 over the contents, in hexadecimal: the same content has the same hash under any name."""
        return self._hash

    @cached_property
    @abstractmethod
    def _hash(self) -> str:
        """The same, which is computed once."""


@runtime_checkable
class Rewritable(Protocol):
    """A source whose files can be written again with nothing changed but labels: text, a row a line or so."""

    def rewrites(self, target: Path) -> bool:
        """Whether a file of that name would be written as the source's own are."""

    def rewrite(
        self, path: Path, target: Path, label: str, given: str, added: pa.Schema, edits: Iterable[Edit]
    ) -> None:
        """Write the rows again.

        Args:
            target: The name that the file will have in the end.
            given: Name of a new column for the labels as they were.
            added: Further new columns.
            edits: What becomes of the rows, in order.

        Raises:
            InputError: A label cannot be written the way the file is.
        """


@dataclass(frozen=True)
class FileFormat:
    """One row of `FORMATS`.

    Attributes:
        name: As in `TableSource.format`.
        recognises: Whether a source (a path that exists, or an object in memory) is of this format.
        open: Opens a source under a name, as a user says it is to be read.
        suffixes: File names that `write` is meant for.
        write: Writes batches of a schema into a file that may be overwritten; None where labelfix only reads.
    """

    name: str
    recognises: Callable[[Source], bool]
    open: Callable[[Source, str, ReadOptions], TableSource]
    suffixes: tuple[str, ...] = ()
    write: Callable[[Path, Path, pa.Schema, Iterable[pa.RecordBatch]], None] | None = None


def chunks(batches: Iterable[pa.RecordBatch], rows: int, file_index: int = 0) -> Iterator[Chunk]:
    """The rows of a file, counted from 1, in chunks of at most `rows` rows."""
    first = 1
    for batch in batches:
        for start in range(0, batch.num_rows, rows):
            yield Chunk(batch.slice(start, rows), file_index, first + start)
        first += batch.num_rows


def cheapest(schema: pa.Schema) -> str:
    """A column to count rows by: a flat one, without bytes, if there is one."""
    flat = [field.name for field in schema if not pa.types.is_nested(field.type) and not pa.types.is_binary(field.type)]
    return str((flat or schema.names)[0])


def natural_key(text: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key that puts "2" before "10"; texts that differ never compare equal."""
    parts = re.split(r"(\d+)", text)
    numbered = ((0, int(part), part) if part.isdecimal() else (1, 0, part) for part in parts if part)
    return tuple(numbered)


SHEET = "docs.google.com/spreadsheets/"
"""In the address of a page that shows a table."""


def files_below(folder: Path) -> Iterator[Path]:
    """All files in a folder and those below it; folders that go away meanwhile, as of processes, are passed over."""
    if isinstance(folder, RemotePath):
        yield from folder.rglob("*")
        return
    for root, _, names in os.walk(folder):
        yield from (Path(root, name) for name in names)


def missing_remedy(path: Path) -> str:
    """What to do about a missing path: the nearest name beside it, or where relative paths start."""
    import difflib

    if isinstance(path, RemotePath):
        if SHEET in str(path):
            return "the page of a sheet is no file: share it, and give its address with /export?format=csv at the end"
        return "check the name"
    if address := re.match(r"([a-z][a-z0-9+]+):/", str(path)):
        if address[1] == "file":
            return "give its path without file://"
        return "labelfix reads s3://, gs://, az://, hf:// and https://; fetch it, and give the file"
    if "," in str(path) and all(Path(part.strip()).exists() for part in str(path).split(",")):
        return "these are several files: name each by a flag of its own, or put them into one folder and give that"
    beside = path.absolute().parent
    names = sorted(os.listdir(beside)) if beside.is_dir() else []
    if path.name in names:
        return "it is a link that leads nowhere"
    near = difflib.get_close_matches(path.name, names, n=1)
    if near and unicodedata.normalize("NFC", near[0]) == unicodedata.normalize("NFC", path.name):
        return "a file of this name is there, its accents written as letters of their own (NFD): rename it"
    if near:
        return f"did you mean {path.with_name(near[0])}?"
    return f"check the path (relative to {Path.cwd()})" if not path.is_absolute() else "check the path"
