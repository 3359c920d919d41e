"""A table under other names of its columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from labelfix.data.formats.base import READ_ROWS, Chunk, TableSource


class Called:
    """A table with other names for some of its columns.

    Args:
        names: Its own name of each of these → what it is called.
    """

    def __init__(self, source: TableSource, names: dict[str, str]) -> None:
        self._source = source
        self._own = {new: own for own, new in names.items()}
        self.schema = pa.schema(
            [field.with_name(names.get(field.name, field.name)) for field in source.schema], source.schema.metadata
        )
        self.titles = tuple(self.schema.names)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever else a table says of itself
        return getattr(self._source, name)

    def scan(self, columns: Sequence[str] | None = None, rows: int = READ_ROWS) -> Iterator[Chunk]:
        """See `TableSource.scan`."""
        names = list(self.schema.names if columns is None else columns)
        return _renamed(self._source.scan([self._own.get(name, name) for name in names], rows), names)

    def verbatim(self, columns: Sequence[str] | None = None, rows: int = READ_ROWS) -> Iterator[Chunk]:
        """See `TableSource.verbatim`."""
        names = list(self.schema.names if columns is None else columns)
        return _renamed(self._source.verbatim([self._own.get(name, name) for name in names], rows), names)


def _renamed(chunks: Iterator[Chunk], names: list[str]) -> Iterator[Chunk]:
    for chunk in chunks:
        yield Chunk(chunk.batch.rename_columns(names), chunk.file_index, chunk.first_row)
