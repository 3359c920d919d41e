"""Columns that stand in folder names, as Hive, Spark and pyarrow write them: `out/label=sport/part-0.parquet`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path, PurePath
from urllib.parse import unquote

import pyarrow as pa

from labelfix.data.formats.base import Chunk, TableSource, cheapest
from labelfix.errors import Defect

HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"

Keys = Mapping[str, str | None]
"""Column → value, as the folders of one file say."""


class PartitionedSource(TableSource):
    """A table of several files whose folders are named `key=value`: the keys are its last columns, of type string.

    A key that is also a column of the files is that column.

    Args:
        keys: What the folders of each say, as many as `source.files`.
        remarks: What else to say of how they were chosen.
    """

    def __init__(self, source: TableSource, keys: Sequence[Keys], remarks: Sequence[str] = ()) -> None:
        self._source = source
        own = source.schema.names
        self._keys = {key: [values.get(key) for values in keys] for values in keys for key in values if key not in own}
        self.name: str = source.name
        self.format: str = source.format
        self.files: tuple[str, ...] = source.files
        self.folder: Path = source.folder
        self.read_rows: int = source.read_rows
        self.untyped: bool = source.untyped
        self.warnings: tuple[Defect, ...] = source.warnings
        said = [f"column {key!r} is read from the names of folders" for key in self._keys]
        self.remarks: tuple[str, ...] = (*remarks, *source.remarks, *said)
        fields = [*source.schema, *(pa.field(key, pa.string()) for key in self._keys)]
        self.schema: pa.Schema = pa.schema(fields, metadata=source.schema.metadata)
        self.titles: tuple[str, ...] = (*source.titles, *self._keys)

    @cached_property
    def _hash(self) -> str:
        """SHA-256 over the contents of the files and what their folders say, in hexadecimal."""
        if not self._keys:
            return self._source.content_hash()
        said = json.dumps(self._keys, sort_keys=True)
        return hashlib.sha256(f"{self._source.content_hash()}\n{said}".encode()).hexdigest()

    def read(self, names: list[str], rows: int, verbatim: bool) -> Iterator[Chunk]:
        stored = [name for name in names if name not in self._keys] or [cheapest(self._source.schema)]
        for chunk in self._source.read(stored, rows, verbatim):
            batch = chunk.batch
            arrays = [
                pa.repeat(pa.scalar(self._keys[name][chunk.file_index], pa.string()), batch.num_rows)
                if name in self._keys
                else batch.column(name)
                for name in names
            ]
            yield Chunk(pa.record_batch(arrays, names=names), chunk.file_index, chunk.first_row)


def partition_keys(path: PurePath) -> dict[str, str | None]:
    """What the folders in a relative path say: `country=de/year=2024/part-0.csv` → country and year."""
    pairs = [folder.split("=", 1) for folder in path.parts[:-1] if folder.partition("=")[1] and folder[0] != "="]
    return {unquote(key): None if value == HIVE_NULL else unquote(value) for key, value in pairs}


def with_partitions(source: TableSource, paths: Sequence[PurePath], remarks: Sequence[str] = ()) -> TableSource:
    """A table of several files, with the columns that their folders say.

    Args:
        paths: Their paths, in the same order, relative to the folder that the user named.
        remarks: What to say of how they were chosen.
    """
    keys = [partition_keys(path) for path in paths]
    return PartitionedSource(source, keys, remarks) if any(keys) or remarks else source
