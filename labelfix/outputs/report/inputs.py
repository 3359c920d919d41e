"""What the rows of the report look like: a text, a thumbnail, or the columns of a table."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from labelfix.data.image_place import image_place
from labelfix.data.picture import to_rgb
from labelfix.errors import LabelfixError
from labelfix.outputs.corrected_schema import CorrectedMetadata
from labelfix.outputs.report.plain import plain, shortened

if TYPE_CHECKING:
    from labelfix.data.formats import TableSource

UNREADABLE = (LabelfixError, OSError, EOFError, ValueError, KeyError, pa.ArrowException)
"""What comes of a file that is gone, or is not what it was: its rows are not shown."""

TEXT = 280
"""Characters of a text that are shown."""

THUMBNAIL = 96
"""Pixels of a thumbnail's longer side."""

TABLE_COLUMNS = 6
"""Columns of a table that are shown."""


@dataclass(frozen=True)
class RowView:
    """What a row looks like.

    Attributes:
        image: A `data:` address; empty where the row is no image.
    """

    text: str
    image: str = ""


def look_at(
    wanted: Iterable[tuple[str, int]], metadata: CorrectedMetadata, places: Mapping[str, str] | None = None
) -> dict[tuple[str, int], RowView]:
    """Some rows of the noisy file, as far as it is still there.

    Args:
        wanted: Source file and row within it.
        places: Source file → where it lies now; one that is not in it is not read. None reads them as they are named.
    """
    by_file = _by_file(wanted, places)
    found: dict[tuple[str, int], RowView] = {}
    for (file, place), rows in by_file.items():
        try:
            for number, cells in _rows_of(_open(place, metadata), rows, metadata, TABLE_COLUMNS):
                found[file, number] = _look(cells, metadata, Path(os.path.expanduser(place)))
        except UNREADABLE:
            continue
    return found


def cells_of(
    wanted: Iterable[tuple[str, int]], metadata: CorrectedMetadata, places: Mapping[str, str] | None = None
) -> dict[tuple[str, int], dict[str, Any]]:
    """The input cells of some rows, as far as their file is still there; of an image its path, and no embeddings."""
    found = CellReader(metadata, places).read(wanted)
    return {row: {name: _path_of(value) for name, value in cells.items()} for row, cells in found.items()}


class CellReader:
    """Reads the input cells of rows, images as they stand in the file itself; files stay open in between."""

    def __init__(self, metadata: CorrectedMetadata, places: Mapping[str, str] | None) -> None:
        self._metadata = metadata
        self._places = places
        self._opened: dict[str, TableSource] = {}

    def read(self, wanted: Iterable[tuple[str, int]]) -> dict[tuple[str, int], dict[str, Any]]:
        """The cells of some rows, as far as their file is still there."""
        found: dict[tuple[str, int], dict[str, Any]] = {}
        for (file, place), rows in _by_file(wanted, self._places).items():
            try:
                if place not in self._opened:
                    self._opened[place] = _open(place, self._metadata)
                every = len(self._metadata.input_columns)
                for number, cells in _rows_of(self._opened[place], rows, self._metadata, every):
                    found[file, number] = dict(cells)
            except UNREADABLE:
                continue
        return found


def _by_file(wanted: Iterable[tuple[str, int]], places: Mapping[str, str] | None) -> dict[tuple[str, str], set[int]]:
    """File and where it lies → the rows wanted of it."""
    found: dict[tuple[str, str], set[int]] = {}
    for file, row in wanted:
        if places is None or file in places:
            found.setdefault((file, file if places is None else places[file]), set()).add(row)
    return found


def _path_of(value: Any) -> Any:  # noqa: ANN401 - a cell
    return value.get("path") if isinstance(value, dict) else value


def _open(file: str, metadata: CorrectedMetadata) -> TableSource:
    from labelfix.data.formats import ReadOptions, open_table

    return open_table(file, options=ReadOptions(metadata.encoding))


def _rows_of(
    source: TableSource, rows: set[int], metadata: CorrectedMetadata, most: int
) -> Iterable[tuple[int, Mapping[str, Any]]]:
    columns = [name for name in metadata.input_columns[:most] if name in source.schema.names]
    if metadata.input_kind == "embedding" or not columns:
        return
    left = set(rows)
    for chunk in source.scan(columns):
        here = [row for row in left if chunk.first_row <= row < chunk.first_row + chunk.batch.num_rows]
        for row in here:
            yield row, chunk.batch.slice(row - chunk.first_row, 1).to_pylist()[0]
        left -= set(here)
        if not left:
            return


def _look(cells: Mapping[str, Any], metadata: CorrectedMetadata, file: Path) -> RowView:
    if metadata.input_kind == "image":
        return _image(cells[metadata.input_columns[0]], file)
    if metadata.input_kind == "text":
        text = " · ".join(" ".join(_text(cell)[: 4 * TEXT].split()) for cell in cells.values())
        return RowView(text if len(text) <= TEXT else text[: TEXT - 1] + "…")
    shown = [f"{name} = {shortened(plain(value))}" for name, value in cells.items()]
    more = len(metadata.input_columns) - TABLE_COLUMNS
    return RowView(", ".join([*shown, f"{more:,} more"] if more > 0 else shown))


def _text(value: Any) -> str:  # noqa: ANN401 - a cell
    return "" if value is None else plain(value)


def _image(value: Any, file: Path) -> RowView:  # noqa: ANN401 - a cell
    path = value.get("path") if isinstance(value, dict) else value
    name = Path(path).name if isinstance(path, str) else ""
    content = as_jpeg(value, file, THUMBNAIL, 75)
    return RowView(name, "" if content is None else "data:image/jpeg;base64," + base64.b64encode(content).decode())


def as_jpeg(value: Any, file: Path, longest: int, quality: int) -> bytes | None:  # noqa: ANN401 - a cell
    """An image of a row; None where it cannot be decoded.

    Args:
        value: Its cell: a path, or an object with `path` or `bytes`.
        longest: Pixels of its longer side at most.
    """
    from PIL import Image

    path = value.get("path") if isinstance(value, dict) else value
    content = value.get("bytes") if isinstance(value, dict) else None
    if content is None and isinstance(path, str):
        folder = os.path.abspath(file if file.is_dir() else file.parent)
        content = Path(image_place(path, folder)).read_bytes()
    if not isinstance(content, bytes):
        return None
    try:
        with Image.open(io.BytesIO(content)) as image:
            picture = to_rgb(image)
            picture.thumbnail((longest, longest))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()
