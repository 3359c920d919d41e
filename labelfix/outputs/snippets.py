"""Looking findings up in their sources: what the row says, and which line of a text file it is."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from labelfix.data.image_place import image_place
from labelfix.errors import LabelfixError
from labelfix.outputs.corrected_schema import CorrectedMetadata
from labelfix.outputs.judgement import Finding
from labelfix.outputs.plain_text import snippet, visible
from labelfix.remote import as_path, readable

Row = dict[Any, Any]
FOLDER = object()
"""The key in a looked-up row of the image's own file, where its source is a folder of images."""

CONTENT = object()
"""The key of the hash of its inputs."""

PACKED = (".gz", ".bz2", ".xz", ".zst")
DELIMITED = ("", ".csv", ".tsv", ".tab", ".txt", ".dat", ".data")
JSON = (".jsonl", ".ndjson", ".json")


DIGITS = 32
"""Hex digits of a hash, 128 bits: no two rows share one by chance, nor on purpose in a baseline that others read."""

ABSENT = "\x1e"
BETWEEN = "\x1f"


def look_up(
    findings: Sequence[Finding],
    metadata: CorrectedMetadata,
    places: Mapping[str, str] | None = None,
    with_content: bool = False,
) -> list[Finding]:
    """The findings with a snippet of their row, where its source is still there and still has that row.

    A source that is gone, changed or unreadable is no error: the finding then stands without a snippet.

    Args:
        places: Source file → where it lies now; one that is not in it is not read. None reads them as they are named.
        with_content: Also tell the hash of their inputs.
    """
    columns, shown = _columns(metadata, with_content), _columns(metadata, False)
    wanted: dict[str, list[int]] = {}
    for found in findings:
        wanted.setdefault(found.file, []).append(found.row)
    rows: dict[tuple[str, int], Row] = {}
    for file, numbers in wanted.items():
        if places is not None and file not in places:
            continue
        place = file if places is None else places[file]
        try:
            for number, row in _read(place, sorted(numbers), metadata, file, columns, with_content):
                said = {key: row[key] for key in (*shown, "", FOLDER) if key in row}
                if with_content:
                    said[CONTENT] = _content(row, metadata, Path(place).parent)
                rows[file, number] = said  # and not all cells of it: findings may be many
        except (LabelfixError, OSError, EOFError, ValueError, KeyError, csv.Error, pa.ArrowException):
            continue
    lie = {found.file: found.file if places is None else places.get(found.file) for found in findings}
    told = (_told(found, rows.get((found.file, found.row)), metadata) for found in findings)
    return [replace(found, lies=lie[found.file]) for found in told]


def look_ups_tell(metadata: CorrectedMetadata, files: Iterable[str]) -> bool:
    """Whether looking rows up would show anything: a text, the name of an image, or a line of a text file."""
    return metadata.input_kind in ("text", "image") or any(_ending(Path(f)) in (*DELIMITED, *JSON) for f in files)


def _columns(metadata: CorrectedMetadata, with_content: bool) -> list[str]:
    """What to read of a row: its id, and what it shows or all that it holds."""
    ids = [metadata.id_column] if metadata.id_column else []
    if with_content:
        return [*ids, *metadata.input_columns]
    return [*ids, *(metadata.input_columns[:1] if metadata.input_kind in ("text", "image") else ())]


def _content(row: Row, metadata: CorrectedMetadata, folder: Path) -> str | None:
    inputs = {name: row[name] for name in metadata.input_columns if name in row}
    if metadata.input_kind == "image" and inputs:
        name, value = next(iter(inputs.items()))
        inputs[name] = row.get(FOLDER, {"path": value} if isinstance(value, str) else value)
    return content_hash(inputs, metadata.input_columns, folder)


def _read(
    file: str, numbers: list[int], metadata: CorrectedMetadata, called: str, columns: list[str], whole: bool
) -> Iterator[tuple[int, Row]]:
    """The wanted rows of a file; of images their own files, in the folder as the run calls it, or all of them."""
    path = as_path(os.path.expanduser(file))
    if not path.is_file():
        return _scan(file, numbers, columns, metadata.encoding, called) if columns else iter(())
    with path.open("rb", buffering=0) as stream:
        parquet = stream.read(4) == b"PAR1"
    ending = _ending(path)
    if not parquet and ending in JSON:
        return _read_json(path, numbers, columns, metadata.encoding)
    if not parquet and ending in DELIMITED:
        return _read_csv(path, numbers, metadata.encoding)
    if not columns:
        return iter(())
    return (
        _read_parquet(path, numbers, columns, whole)
        if parquet
        else _scan(file, numbers, columns, metadata.encoding, called)
    )


def _ending(path: Path) -> str:
    """The ending of a file's name, below that of a compression."""
    return Path(path.stem if path.suffix.lower() in PACKED else path.name).suffix.lower()


def _told(found: Finding, row: Row | None, metadata: CorrectedMetadata) -> Finding:
    if row is None or (metadata.id_column in row and str(row[metadata.id_column]) != str(found.id)):
        return found
    found = replace(found, line=row.get("", None), content=row.get(CONTENT))
    if metadata.input_kind not in ("text", "image"):
        return found
    value = row.get(metadata.input_columns[0])
    if metadata.input_kind == "text":
        return replace(found, snippet=snippet(value)) if isinstance(value, str) else found
    place = value.get("path") if isinstance(value, dict) else value
    if not isinstance(place, str):
        return found
    if FOLDER in row:
        # A row number within a folder of images helps nobody; the image is a file of its own.
        return replace(found, path=place, snippet=visible(Path(place).name))
    return replace(found, snippet=visible(Path(place).name))


def _read_parquet(path: Path, numbers: list[int], columns: list[str], whole: bool) -> Iterator[tuple[int, Row]]:
    """The wanted rows, reading only the row groups that hold them; of images only their paths, unless all is asked."""
    with pq.ParquetFile(readable(path)) as parquet:
        schema = parquet.schema_arrow
        here = [column for column in columns if column in schema.names]
        structs = {c for c in here if pa.types.is_struct(schema.field(c).type) and not whole}
        names = [f"{c}.path" if c in structs else c for c in here]
        first = 1
        for group in range(parquet.num_row_groups):
            after = first + parquet.metadata.row_group(group).num_rows
            inside = [number for number in numbers if first <= number < after]
            if inside:
                table = parquet.read_row_group(group, columns=names, use_threads=False)
                for number in inside:
                    yield number, table.slice(number - first, 1).to_pylist()[0]
            first = after


def _scan(
    file: str, numbers: list[int], columns: list[str], encoding: str | None, called: str
) -> Iterator[tuple[int, Row]]:
    from labelfix.data.formats import ReadOptions, open_table
    from labelfix.data.formats.images.folder import ImageFolderSource
    from labelfix.data.formats.images.metadata import ImageMetadataSource
    from labelfix.data.scan import numbered_rows

    source = open_table(file, options=ReadOptions(encoding))
    if isinstance(source, ImageFolderSource | ImageMetadataSource):
        # The paths, relative as the user gave the folder; scanning would build Arrow values, which imports pandas.
        for number in (n for n in numbers if n <= len(source.places)):
            ids = {} if source.paths is None else {"id": source.paths[number - 1]}
            place = source.places[number - 1]
            yield number, {**ids, columns[-1]: f"{called}/{place}", FOLDER: Path(file, place)}
        return
    yield from numbered_rows(source, numbers, [column for column in columns if column in source.schema.names])


def _read_csv(path: Path, numbers: list[int], encoding: str | None) -> Iterator[tuple[int, Row]]:
    """The wanted rows; the key "" holds the line they begin on, which quoted line breaks part from the row number."""
    from labelfix.data.formats.csv.dialect import sniff
    from labelfix.data.formats.csv.lines import numbered_rows
    from labelfix.data.formats.text_file import find_text

    dialect = sniff(find_text(path, str(path), encoding))
    left = set(numbers)
    for number, line, cells in numbered_rows(dialect):
        if number in left:
            yield number, {"": line, **dict(zip(dialect.header, cells, strict=False))}
            left.discard(number)
        if not left:
            return


def _read_json(path: Path, numbers: list[int], columns: list[str], encoding: str | None) -> Iterator[tuple[int, Row]]:
    """The wanted records' columns; the key "" holds the line that a record begins on."""
    from labelfix.data.formats.json.records import is_array, read_records
    from labelfix.data.formats.text_file import find_text

    text = find_text(path, str(path), encoding)
    left = set(numbers)
    for number, record in enumerate(read_records(text, is_array(text)), start=1):
        if number in left:
            # Where an array stands on one line, that line is the whole file.
            line = record.line if "\n" in record.before else None
            yield number, {"": line, **{column: _under(record.value, column) for column in columns}}
            left.discard(number)
        if not left:
            return


def _under(record: Any, column: str) -> Any:  # noqa: ANN401 - whatever JSON can say
    """The value of a column that may be a path of keys, such as `meta.source`."""
    if not isinstance(record, dict) or column in record:
        return record.get(column) if isinstance(record, dict) else None
    key, _, rest = column.partition(".")
    return _under(record.get(key), rest) if rest else None


def content_hash(row: Mapping[Any, Any], columns: Sequence[str], folder: Path) -> str | None:
    """The hash of a row's inputs, by which an edited row is told from the one that was accepted; None without a column.

    Not of the label: a changed one is seen without the source. Numbers count in single precision and texts without
    spaces around, so that a CSV file and the Parquet file made from it give one hash. By Python alone: it is asked of
    findings, which are few, and `flag` imports nothing heavy.

    Args:
        row: Column → value, as a source gives it.
        folder: Where images that are named are looked for.
    """
    if not columns or any(name not in row for name in columns):
        return None
    told = (f"{name}{BETWEEN}{_plain(row[name], folder)}" for name in columns)
    return hashlib.sha256(f"{BETWEEN}{BETWEEN}".join(told).encode("utf-8", "surrogatepass")).hexdigest()[:DIGITS]


def _plain(value: Any, folder: Path) -> str:  # noqa: ANN401 - whatever a source holds
    if value is None or value == "":
        return ABSENT
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return _number(float(value))
    if isinstance(value, bytes):
        return hashlib.sha256(value).hexdigest()
    if isinstance(value, Path):
        return _file(value)
    if isinstance(value, dict) and ("bytes" in value or "path" in value):
        data, path = value.get("bytes"), value.get("path")
        return (
            _plain(data, folder) if data is not None else _file(Path(image_place(str(path), os.path.abspath(folder))))
        )
    if isinstance(value, list | tuple | dict):
        return json.dumps(value, sort_keys=True, default=str)
    text = str(value).strip()
    try:
        return _number(float(text))
    except ValueError:
        return text.lower() if text.lower() in ("true", "false") else text


def _number(value: float) -> str:
    try:
        return repr(struct.unpack("f", struct.pack("f", value))[0] + 0.0)
    except OverflowError:
        return repr(value)


def _file(path: Path) -> str:
    """An image's bytes; its name where it cannot be read."""
    try:
        with open(path, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return path.name
