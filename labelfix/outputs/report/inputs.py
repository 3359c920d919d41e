"""What the rows of the report look like: a text, a thumbnail, or the columns of a table."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from labelfix.data.image_place import image_place
from labelfix.data.picture import to_rgb
from labelfix.data.scan import numbered_rows
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
    """What a row looks like: its text, and of an image a `data:` address."""

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
    found: dict[tuple[str, int], RowView] = {}
    for (file, row), cells in CellReader(metadata, places, TABLE_COLUMNS).each(wanted):
        place = Path(os.path.expanduser(file if places is None else places[file]))
        with suppress(*UNREADABLE):
            found[file, row] = _look(cells, metadata, place)
    return found


def cells_of(
    wanted: Iterable[tuple[str, int]], metadata: CorrectedMetadata, places: Mapping[str, str] | None = None
) -> dict[tuple[str, int], dict[str, Any]]:
    """The input cells of some rows, as far as their file is still there; of an image its path, and no embeddings."""
    found = CellReader(metadata, places).read(wanted)
    return {
        row: {name: value.get("path") if isinstance(value, dict) else value for name, value in cells.items()}
        for row, cells in found.items()
    }


class CellReader:
    """Reads the input cells of rows, images as they stand in the file itself; files stay open in between."""

    def __init__(self, metadata: CorrectedMetadata, places: Mapping[str, str] | None, most: int | None = None) -> None:
        self._encoding = metadata.encoding
        self._columns = () if metadata.input_kind == "embedding" else metadata.input_columns[:most]
        self._places = places
        self._opened: dict[str, TableSource] = {}

    def each(self, wanted: Iterable[tuple[str, int]]) -> Iterator[tuple[tuple[str, int], dict[str, Any]]]:
        """The cells of some rows, one row after the other, as far as their file is still there."""
        by_file: dict[str, set[int]] = {}
        for file, row in wanted:
            by_file.setdefault(file, set()).add(row)
        for file, rows in by_file.items():
            if self._places is None or file in self._places:
                with suppress(*UNREADABLE):
                    source = self._source(file if self._places is None else self._places[file])
                    columns = [name for name in self._columns if name in source.schema.names]
                    for number, cells in numbered_rows(source, rows, columns) if columns else ():
                        yield (file, number), cells

    def read(self, wanted: Iterable[tuple[str, int]]) -> dict[tuple[str, int], dict[str, Any]]:
        """The same, all of them at once."""
        return dict(self.each(wanted))

    def _source(self, place: str) -> TableSource:
        from labelfix.data.formats import ReadOptions, open_table

        if place not in self._opened:
            self._opened[place] = open_table(place, options=ReadOptions(self._encoding))
        return self._opened[place]


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
    return RowView(name, as_address(value, file, THUMBNAIL, 75))


def as_address(value: Any, file: Path, longest: int, quality: int) -> str:  # noqa: ANN401 - a cell
    """An image of a row as a `data:` address; empty where it cannot be read or decoded. See `as_jpeg`."""
    try:
        content = as_jpeg(value, file, longest, quality)
    except OSError:
        content = None
    return "" if content is None else "data:image/jpeg;base64," + base64.b64encode(content).decode()


def as_jpeg(value: Any, file: Path, longest: int, quality: int) -> bytes | None:  # noqa: ANN401 - a cell
    """An image of a row; None where it cannot be decoded.

    Args:
        value: Its cell: a path, or an object with `path` or `bytes`.
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
