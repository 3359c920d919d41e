"""Writing CSV and TSV: cells quoted only where they must be, so that a difference to the user's file stays small."""

from __future__ import annotations

import base64
import csv
import gzip
import io
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.compute as pc

from labelfix.data.formats.csv_dialect import DELIMITER

SUFFIXES = (".csv", ".tsv", ".csv.gz", ".tsv.gz")


def write_csv(path: Path, target: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
    """Write a table as CSV, or as TSV where the name of `target` says so; with semicolons where its source had them.

    Cells are quoted only where they must be; nested columns become JSON text; null is an empty cell.

    Args:
        path: The file to write.
        target: The name that the file will have in the end; it decides on TSV and .gz.
        schema: The columns; its metadata may name the delimiter of the file that they come from.
        batches: The rows.
    """
    own = (schema.metadata or {}).get(DELIMITER.encode(), b",").decode()
    delimiter = "\t" if ".tsv" in target.name.lower() else "," if own == "\t" else own
    with _open_text(path, target.name.lower().endswith(".gz")) as stream:
        csv.writer(stream, delimiter=delimiter, lineterminator="\n").writerow(schema.names)
        for batch in batches:
            if batch.num_rows:
                lines = _lines(batch, delimiter)
                stream.write("\n".join(lines.to_pylist()))
                stream.write("\n")


@contextmanager
def _open_text(path: Path, compressed: bool) -> Iterator[IO[str]]:
    if not compressed:
        with open(path, "w", encoding="utf-8", newline="") as plain:
            yield plain
        return
    # Neither time nor name in the header, so that the same rows give the same bytes.
    with (
        open(path, "wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=6, mtime=0) as packed,
        io.TextIOWrapper(packed, encoding="utf-8", newline="") as text,
    ):
        yield text


def _lines(batch: pa.RecordBatch, delimiter: str) -> pa.Array:
    cells = [_quoted(_text(column), delimiter) for column in batch.columns]
    if len(cells) == 1:
        # An empty cell alone on its line would be a blank line, which readers skip.
        return pc.if_else(pc.equal(cells[0], ""), '""', cells[0])
    return pc.binary_join_element_wise(*cells, delimiter)


def _text(column: pa.Array) -> pa.Array:
    """A column as strings, null as the empty one."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_nested(column.type):
        return pa.array(
            ["" if v is None else json.dumps(v, ensure_ascii=False, default=_plain) for v in column.to_pylist()]
        )
    if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        return pa.array(["" if v is None else base64.b64encode(v).decode() for v in column.to_pylist()])
    text = column.cast(pa.string())
    if pa.types.is_floating(column.type):
        whole = pc.match_substring_regex(text, r"^-?\d+$")
        text = pc.if_else(whole, pc.binary_join_element_wise(text, ".0", ""), text)
        text = pc.if_else(pc.is_nan(column), "", text)
    return text.fill_null("")


def _quoted(text: pa.Array, delimiter: str) -> pa.Array:
    special = pc.match_substring_regex(text, f'["\r\n{delimiter}]')
    if not pc.any(special).as_py():
        return text
    doubled = pc.replace_substring(text, '"', '""')
    return pc.if_else(special, pc.binary_join_element_wise('"', doubled, '"', ""), text)


def _plain(value: object) -> str:
    """What JSON does not know: bytes as base64, the rest as text."""
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)
