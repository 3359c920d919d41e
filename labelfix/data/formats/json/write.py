"""Writing JSON: records of a table, or those of a file with other labels."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from labelfix.data.formats.csv.write import bytes_text, holds_bytes, open_to_write
from labelfix.errors import InputError, input_error

LINES = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")
"""Endings of files with one record a line."""

SUFFIXES = (*LINES, ".json", ".json.gz")


def write_json(path: Path, target: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
    """Write a table as JSON Lines, or as one array where the name of `target` says so.

    Args:
        target: The name that the file will have in the end.
    """
    texts = (pa.record_batch([_texts(c) for c in batch.columns], names=batch.schema.names) for batch in batches)
    records = (dumped(record) for batch in texts for record in batch.to_pylist())
    write_texts(path, target, records, is_lines(target))


def is_lines(target: Path) -> bool:
    """Whether a file of that name holds one record a line."""
    return target.name.lower().endswith(LINES)


def write_texts(path: Path, target: Path, records: Iterable[str], lines: bool) -> None:
    """Write records that are JSON already.

    Args:
        target: The name that the file will have in the end; it decides on .gz.
        lines: One a line, and not in an array.
    """
    with open_to_write(path, target) as stream:
        if lines:
            for text in _blocks(records):
                stream.write("".join(f"{record}\n" for record in text).encode("utf-8", "surrogatepass"))
            return
        begin = "[\n"
        for text in _blocks(records):
            stream.write((begin + ",\n".join(text)).encode("utf-8", "surrogatepass"))
            begin = ",\n"
        stream.write(b"[]\n" if begin == "[\n" else b"\n]\n")


def dumped(value: Any) -> str:  # noqa: ANN401 - whatever a table can hold
    """A value as JSON: bytes inside others as base64, dates and the like as text, NaN as null."""
    try:
        return json.dumps(value, ensure_ascii=False, default=_plain, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(value), ensure_ascii=False, default=_plain)


def too_deep(name: str) -> InputError:
    """The error for a record that can be read but is nested too deeply to be written."""
    return input_error(name, "holds a record nested too deeply to be written", "export to a .csv or .parquet file")


def _blocks(records: Iterable[str], size: int = 1024) -> Iterator[list[str]]:
    block: list[str] = []
    for record in records:
        block.append(record)
        if len(block) == size:
            yield block
            block = []
    if block:
        yield block


def _texts(column: pa.Array) -> pa.Array:
    return bytes_text(column) if holds_bytes(column.type) else column


def _plain(value: object) -> str:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)


def _finite(value: Any) -> Any:  # noqa: ANN401 - whatever a table can hold
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list) else value
