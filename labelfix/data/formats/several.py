"""Several tables read as one, such as trusted rows from two files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

import pyarrow as pa

from labelfix.data.formats.base import Chunk, TableSource
from labelfix.data.formats.called import Called
from labelfix.data.formats.merge import TablePart, in_types, merge_schemas
from labelfix.data.spelling import names_as_before
from labelfix.errors import input_error


class SeveralSources(TableSource):
    """Tables one after the other; the columns that all of them have.

    Args:
        sources: At least one table.

    Raises:
        InputError: There is no common column.
    """

    def __init__(self, sources: Sequence[TableSource]) -> None:
        renamed, respelled = names_as_before([source.schema.names for source in sources])
        sources = [Called(source, names) if names else source for source, names in zip(sources, renamed, strict=True)]
        self._parts = tuple(sources)
        self.name = " + ".join(source.name for source in sources)
        self.format = sources[0].format if len({source.format for source in sources}) == 1 else "several"
        self.files = tuple(file for source in sources for file in source.files)
        self.folder: Path = sources[0].folder
        self.read_rows = min(source.read_rows for source in sources)
        self.untyped = any(source.untyped for source in sources)
        self.warnings = tuple(warning for source in sources for warning in source.warnings)
        merged = merge_schemas([_part(source) for source in self._parts], shared=True)
        if not merged.schema.names:
            raise input_error(self.name, "have no column in common", "give them the same column names")
        self.schema: pa.Schema = merged.schema
        self.remarks = (*(remark for source in sources for remark in source.remarks), *respelled, *merged.remarks)

    @property
    def parts(self) -> tuple[TableSource, ...]:
        return self._parts

    @cached_property
    def _hash(self) -> str:
        """SHA-256 over the tables' hashes in order."""
        return hash_of_parts(self._parts)

    def read(self, names: list[str], rows: int, verbatim: bool) -> Iterator[Chunk]:
        """Types that differ are read as the one that holds both; verbatim, they may differ from table to table."""
        wanted = pa.schema([self.schema.field(name) for name in names])
        before = 0
        for source in self._parts:
            for chunk in source.read(names, rows, verbatim):
                batch = chunk.batch
                if not verbatim:
                    batch = in_types(batch, wanted, source.name)
                yield Chunk(batch, before + chunk.file_index, chunk.first_row)
            before += len(source.files)


def hash_of_parts(sources: Sequence[TableSource]) -> str:
    """SHA-256 over the tables' hashes in order; of one table its own."""
    if len(sources) == 1:
        return sources[0].content_hash()
    return hashlib.sha256("".join(source.content_hash() for source in sources).encode()).hexdigest()


def _part(source: TableSource) -> TablePart:
    return TablePart(source.name, source.schema, lambda name: (chunk.batch.column(0) for chunk in source.scan([name])))
