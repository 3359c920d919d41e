"""A table under other names of its columns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property

import pyarrow as pa

from labelfix.data.formats.base import Chunk, TableSource


class Called(TableSource):
    """A table with other names for some of its columns.

    Args:
        names: Its own name of each of these → what it is called.
    """

    def __init__(self, source: TableSource, names: dict[str, str]) -> None:
        self._source = source
        self._own = {new: own for own, new in names.items()}
        self.name, self.format, self.files, self.folder = source.name, source.format, source.files, source.folder
        self.untyped, self.remarks, self.warnings = source.untyped, source.remarks, source.warnings
        self.read_rows = source.read_rows
        self.schema = pa.schema(
            [field.with_name(names.get(field.name, field.name)) for field in source.schema], source.schema.metadata
        )

    @property
    def parts(self) -> tuple[TableSource, ...]:
        """Those of the table, under their own names of columns; itself where it is one."""
        return self._source.parts if len(self._source.parts) > 1 else (self,)

    @cached_property
    def _hash(self) -> str:
        return self._source.content_hash()

    def read(self, names: list[str], rows: int, verbatim: bool) -> Iterator[Chunk]:
        for chunk in self._source.read([self._own.get(name, name) for name in names], rows, verbatim):
            yield replace(chunk, batch=chunk.batch.rename_columns(names))
