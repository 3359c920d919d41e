"""Reading the input columns for encoding: fixed windows of rows, and a hash of what the rows hold.

Neither depends on how many rows are read at once, nor on the files' format or layout.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from labelfix.data.formats.hashed_files import stamp
from labelfix.data.inputs import inputs_of
from labelfix.data.scan import regroup
from labelfix.data.tables import InputTable
from labelfix.errors import input_error
from labelfix.progress import Progress

FORMAT = b"labelfix contents 1"

IMAGES_AT_ONCE = 256
"""Images read at once at most: they are large."""


def windows(table: InputTable, rows: int, read_rows: int) -> Iterator[pa.RecordBatch]:
    """The input columns in windows of exactly `rows` rows (the last one may be shorter)."""
    for batches in regroup(table.batches(_rows_at_once(table, read_rows)), rows):
        yield _joined(batches)


def _rows_at_once(table: InputTable, read_rows: int) -> int:
    return min(read_rows, IMAGES_AT_ONCE) if table.spec.part("image") else read_rows


def _joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    if len(batches) == 1:
        return batches[0]
    return pa.Table.from_batches(batches).combine_chunks().to_batches()[0]


def texts(batch: pa.RecordBatch) -> list[str]:
    """Columns of text as one Python string a row, a line for each column; a missing text is an empty one."""
    lines = [[text or "" for text in column.to_pylist()] for column in batch.columns]
    return lines[0] if len(lines) == 1 else ["\n".join(row) for row in zip(*lines, strict=True)]


def image_bytes(column: pa.Array, name: str, first_row: int) -> Iterator[bytes]:
    """The encoded bytes of an image column, read from the file where it holds a path.

    Args:
        column: `struct<bytes, path>`.

    Raises:
        InputError: A file that cannot be read, or a row with neither bytes nor a path.
    """
    for row, image in enumerate(column.to_pylist(), start=first_row):
        if image is not None and image["bytes"] is not None:
            yield image["bytes"]
        elif image is not None and image["path"]:
            yield _file_bytes(image["path"], name, row)
        else:
            raise input_error(name, "there is no image", "add it, remove the row, or pass --skip-unreadable", row)


def _file_bytes(path: str, name: str, row: int) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        what = f"the image {path} cannot be read ({error.strerror})"
        raise input_error(name, what, "restore the file, remove the row, or pass --skip-unreadable", row) from None


class ImageFiles:
    """The files that a table's images lie in, as they are before its contents are told: they may be exchanged later."""

    def __init__(self, table: InputTable, read_rows: int) -> None:
        self._table, self._read_rows = table, read_rows
        self._before = self._stamps()

    def refuse_changed(self) -> None:
        """Refuse images of which some are others by now: what was made of them would be kept under the wrong name.

        Raises:
            InputError: They are.
        """
        now = self._stamps()
        if (path := next((path for path, stamp in self._before.items() if now.get(path) != stamp), None)) is not None:
            what = f"the image {path} was changed while the images were being read"
            raise input_error(self._table.name, what, "give the command again once nothing writes to them")

    def _stamps(self) -> dict[str, tuple[int, int, int] | None]:
        part = self._table.spec.part("image")
        if part is None:
            return {}
        found: dict[str, tuple[int, int, int] | None] = {}
        for batch in inputs_of(self._table, part).batches(_rows_at_once(self._table, self._read_rows)):
            paths = pc.struct_field(batch.column(0), "path").drop_null().to_pylist()
            if not paths and not found:
                break  # they lie in the table itself, which is watched
            found |= {path: stamp(Path(path)) for path in paths}
        return found


def contents_hash(table: InputTable, read_rows: int, progress: Progress) -> str:
    """SHA-256 (hex) of the input columns' values, in order.

    Equal values give an equal hash, whatever the file format, its layout and `read_rows`. Every column has
    three streams (values, lengths, which are missing), so that where a batch ends cannot show.
    """
    kinds = [part.kind for part in table.spec.parts for _ in part.columns]
    columns = [_ColumnHash() for _ in kinds]
    if "image" in kinds:
        progress.start(f"read {table.name}", len(table))
    row = 1
    for batch in table.batches(_rows_at_once(table, read_rows)):
        for kind, hashed, column in zip(kinds, columns, batch.columns, strict=True):
            if kind == "image":
                hashed.add_images(image_bytes(column, table.name, row), progress.advance)
            else:
                hashed.add(column)
        row += batch.num_rows
    if "image" in kinds:
        progress.finish()
    said = " ".join(part.kind for part in table.spec.parts)
    total = hashlib.sha256(FORMAT + said.encode() + len(table).to_bytes(8, "little"))
    for hashed in columns:
        total.update(hashed.digest())
    return total.hexdigest()


class _ColumnHash:
    def __init__(self) -> None:
        self.values, self.lengths, self.missing = hashlib.sha256(), hashlib.sha256(), hashlib.sha256()

    def digest(self) -> bytes:
        return self.values.digest() + self.lengths.digest() + self.missing.digest()

    def add(self, column: pa.Array) -> None:
        self.missing.update(np.asarray(column.is_null()).tobytes())
        if pa.types.is_fixed_size_list(column.type):
            self.values.update(np.ascontiguousarray(column.flatten(), dtype="<f4").tobytes())
        elif pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            self._add_text(column)
        else:
            self.values.update(np.asarray(column.cast(pa.float64()).fill_null(0.0), dtype="<f8").tobytes())

    def add_images(self, images: Iterator[bytes], advance: Callable[[int], None]) -> None:
        for image in images:
            self.values.update(image)
            self.lengths.update(len(image).to_bytes(8, "little"))
            advance(1)

    def _add_text(self, column: pa.Array) -> None:
        filled = column.fill_null("").cast(pa.large_string())
        self.lengths.update(np.asarray(pc.binary_length(filled), dtype="<i8").tobytes())
        if len(filled):
            _, offsets, data = filled.buffers()
            bounds = np.frombuffer(offsets, dtype=np.int64)
            start, end = int(bounds[filled.offset]), int(bounds[filled.offset + len(filled)])
            if data is not None:
                self.values.update(memoryview(data)[start:end])
