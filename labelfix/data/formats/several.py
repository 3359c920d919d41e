"""Several tables read as one, such as trusted rows from two files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from labelfix.data.formats.base import READ_ROWS, Chunk, TableSource
from labelfix.errors import Defect, InputError


class SeveralSources:
    """Tables one after the other; the columns that all of them have.

    Args:
        sources: At least one table.

    Raises:
        InputError: A column has types that do not go together, or there is no common column.
    """

    def __init__(self, sources: Sequence[TableSource]) -> None:
        self.sources = tuple(sources)
        self.name = " + ".join(source.name for source in sources)
        self.format = sources[0].format if len({source.format for source in sources}) == 1 else "several"
        self.files = tuple(file for source in sources for file in source.files)
        self.folder: Path = sources[0].folder
        self.untyped = any(source.untyped for source in sources)
        self.remarks = tuple(remark for source in sources for remark in source.remarks)
        self.warnings = tuple(warning for source in sources for warning in source.warnings)
        self.schema: pa.Schema = _common(self.sources, self.name)

    def scan(self, columns: Sequence[str] | None = None, rows: int = READ_ROWS) -> Iterator[Chunk]:
        """See `TableSource.scan`; types that differ are read as the one that holds both."""
        return self._chunks(columns, rows, verbatim=False)

    def verbatim(self, columns: Sequence[str] | None = None, rows: int = READ_ROWS) -> Iterator[Chunk]:
        """See `TableSource.verbatim`; the type of a column may differ from table to table."""
        return self._chunks(columns, rows, verbatim=True)

    def content_hash(self) -> str:
        """SHA-256 over the tables' hashes in order."""
        return hashlib.sha256("".join(source.content_hash() for source in self.sources).encode()).hexdigest()

    def _chunks(self, columns: Sequence[str] | None, rows: int, verbatim: bool) -> Iterator[Chunk]:
        names = list(self.schema.names if columns is None else columns)
        wanted = pa.schema([self.schema.field(name) for name in names])
        before = 0
        for source in self.sources:
            for chunk in source.verbatim(names, rows) if verbatim else source.scan(names, rows):
                batch = chunk.batch
                if not verbatim:
                    batch = pa.record_batch([batch.column(n).cast(wanted.field(n).type) for n in names], schema=wanted)
                yield Chunk(batch, before + chunk.file_index, chunk.first_row)
            before += len(source.files)


def _common(sources: Sequence[TableSource], name: str) -> pa.Schema:
    shared = [c for c in sources[0].schema.names if all(c in source.schema.names for source in sources)]
    if not shared:
        raise InputError([Defect("error", name, None, "have no column in common", "give them the same column names")])
    fields = []
    for column in shared:
        types = [source.schema.field(column).type for source in sources]
        merged = _merge(types)
        if merged is None:
            shown = ", ".join(f"{t} in {s.name}" for t, s in zip(types, sources, strict=True))
            what = f"column {column!r} is {shown}"
            raise InputError([Defect("error", name, None, what, "give the column one type")])
        fields.append(sources[0].schema.field(column).with_type(merged))
    return pa.schema(fields, metadata=sources[0].schema.metadata)


def _merge(types: Sequence[pa.DataType]) -> pa.DataType | None:
    first = types[0]
    if all(type_ == first for type_ in types):
        return first
    plain = [t.value_type if pa.types.is_dictionary(t) else t for t in types]
    if all(pa.types.is_integer(t) for t in plain):
        return pa.int64()
    if all(pa.types.is_integer(t) or pa.types.is_floating(t) for t in plain):
        return pa.float64()
    if any(pa.types.is_nested(t) or pa.types.is_binary(t) for t in plain):
        return None
    return pa.string()
