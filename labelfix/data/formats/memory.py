"""Tables that are in memory already: Arrow tables, pandas and other frames, `datasets.Dataset`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

import pyarrow as pa

from labelfix.data.formats.base import AS_THEY_ARE, READ_ROWS, Chunk, ReadOptions, Source, slices
from labelfix.errors import Defect, input_error

HASH_ROWS = 8192


class MemorySource:
    """A table that the caller holds.

    Args:
        table: `pyarrow.Table` or `RecordBatch`, pandas frame, `datasets.Dataset`, or anything with the Arrow
            stream interface (polars, duckdb).
        name: What to call it in messages.
        format_name: Where it came from, where that was not memory.

    Raises:
        InputError: The object is no table, or its columns cannot be Arrow columns.
    """

    untyped = False
    remarks: tuple[str, ...] = ()
    warnings: tuple[Defect, ...] = ()

    def __init__(self, table: Source, name: str, format_name: str = "memory") -> None:
        self.name = name
        self.format = format_name
        self.files = (name,)
        self.folder = Path()
        self._dataset = table if _is_dataset(table) else None
        self._table: pa.Table | None = None if self._dataset is not None else _arrow(table, name)
        self.schema: pa.Schema = table.features.arrow_schema if self._table is None else self._table.schema
        twice = [column for column in self.schema.names if self.schema.names.count(column) > 1]
        if twice:
            raise input_error(name, f"has two columns called {twice[0]!r}", "give every column a name of its own")

    def scan(self, columns: Sequence[str] | None = None, rows: int = READ_ROWS) -> Iterator[Chunk]:
        """See `TableSource.scan`."""
        names = list(self.schema.names if columns is None else columns)
        first = 1
        for batch in self._batches(names, rows):
            yield from slices(batch, rows, 0, first)
            first += batch.num_rows

    def verbatim(self, columns: Sequence[str] | None = None, rows: int = READ_ROWS) -> Iterator[Chunk]:
        """See `TableSource.verbatim`: the same as `scan`."""
        return self.scan(columns, rows)

    def content_hash(self) -> str:
        """SHA-256 over the Arrow IPC stream in batches of a fixed size, so that chunking plays no part."""
        return self._hash

    @cached_property
    def _hash(self) -> str:
        total = hashlib.sha256()
        plain = self.schema.remove_metadata()
        total.update(plain.serialize().to_pybytes())
        pending: list[pa.RecordBatch] = []
        for batch in self._batches(list(self.schema.names), HASH_ROWS):
            pending.append(batch)
            while sum(b.num_rows for b in pending) >= HASH_ROWS:
                table = pa.Table.from_batches(pending)
                _add(total, table.slice(0, HASH_ROWS), plain)
                pending = table.slice(HASH_ROWS).to_batches()
        if pending:
            _add(total, pa.Table.from_batches(pending), plain)
        return total.hexdigest()

    def _batches(self, names: list[str], rows: int) -> Iterator[pa.RecordBatch]:
        if self._table is not None:
            yield from self._table.select(names).to_batches(max_chunksize=rows)
            return
        assert self._dataset is not None
        schema = pa.schema([self.schema.field(name) for name in names])
        for table in self._dataset.select_columns(names).with_format("arrow").iter(rows):
            yield from table.select(names).cast(schema).to_batches()


def recognises(source: Source) -> bool:
    """Any object that is neither a path nor a name."""
    return not isinstance(source, Path | str)


def open_memory(source: Source, name: str, options: ReadOptions = AS_THEY_ARE) -> MemorySource:
    """Open a table in memory."""
    return MemorySource(source, name)


def _is_dataset(table: Source) -> bool:
    # By name, so that the datasets library is only imported by those who use it.
    return any(
        base.__module__ == "datasets.arrow_dataset" and base.__name__ == "Dataset" for base in type(table).__mro__
    )


def _arrow(table: Source, name: str) -> pa.Table:
    kind = f"{type(table).__module__.partition('.')[0]}.{type(table).__name__}"
    if kind.startswith("datasets.") and hasattr(table, "keys"):
        raise input_error(name, f"is a DatasetDict with splits {', '.join(table)}", "give one of its splits")
    try:
        if isinstance(table, pa.Table):
            return table
        if isinstance(table, pa.RecordBatch):
            return pa.Table.from_batches([table])
        if kind == "pandas.DataFrame":
            named = [level for level in table.index.names if level is not None]
            return pa.Table.from_pandas(table, preserve_index=bool(named))
        if hasattr(table, "__arrow_c_stream__"):
            return pa.table(table)
    except (pa.ArrowException, TypeError, ValueError) as error:
        reason = " ".join(str(part) for part in error.args)[:160]
        raise input_error(name, f"cannot become an Arrow table ({reason})", "give every column one type") from None
    wanted = "a path, a pyarrow table, a pandas frame or a datasets.Dataset"
    raise input_error(name, f"is of type {kind.removeprefix('builtins.')}, which is no table", f"give {wanted}")


def _add(total: hashlib._Hash, table: pa.Table, schema: pa.Schema) -> None:
    sink = pa.BufferOutputStream()
    # Taking the rows makes new buffers: what stands beyond a slice in an old one would end up in the stream.
    fresh = table.replace_schema_metadata(None).take(pa.array(range(table.num_rows))).combine_chunks()
    with pa.ipc.new_stream(sink, schema) as writer:
        writer.write_table(fresh)
    total.update(sink.getvalue())
