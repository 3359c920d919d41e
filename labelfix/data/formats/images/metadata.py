"""A folder of images with a table of them: `metadata.csv` or `metadata.jsonl`, as in Hugging Face's ImageFolder."""

from __future__ import annotations

import hashlib
import os
import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pyarrow as pa

from labelfix.data.formats.base import AS_THEY_ARE, Chunk, ReadOptions, TableSource
from labelfix.data.formats.csv.source import CsvSource
from labelfix.data.formats.images.files import (
    IMAGE_TYPE,
    METADATA_FILES,
    FolderListing,
    digest,
    listed,
    normal,
    survey,
    unread,
)
from labelfix.data.formats.json.lines import JsonSource
from labelfix.errors import Defect, InputError, input_error
from labelfix.runs.json_text import decode_json

FILE_NAME = "file_name"
"""The column that names the images."""

LABEL_NAMES = frozenset({"label", "given_label", "noisy_label", "class", "target", "category", "y"})
"""Where the metadata has one of these columns, the folders of the images are no labels."""


@dataclass(frozen=True)
class _Row:
    """One row: its path in NFC, the label its folder gives, and its path as on the disk; both from the folder."""

    id: str
    label: str | None
    place: str


class ImageMetadataSource(TableSource):
    """The rows of the metadata, in their order.

    Their columns are those of the metadata but `file_name`, and `image`. Where the metadata has no `id`, the ids are
    the paths relative to the folder; where no column is named like labels and the images lie in folders, those are the
    labels. `file_name` can be scanned like any column, and an export to a table writes the metadata's own columns.

    Args:
        file: Name of the metadata file in it.
        name: The folder as the user named it.
        shown: What to call the folder that the metadata is in: `name`, or a split of it.
        options: How the metadata file is to be read.

    Raises:
        InputError: The metadata cannot be read, or names images that are not there.
    """

    format = "image_metadata"

    def __init__(self, root: Path, file: str, name: str, shown: str, options: ReadOptions = AS_THEY_ARE) -> None:
        self.name = name
        self.folder = root.absolute()
        kind = CsvSource if file.endswith(".csv") else JsonSource
        self.table: TableSource = kind([root / file], f"{shown.rstrip('/')}/{file}", options)
        # Whoever looks a row up opens this again, and finds its image.
        self.files = (shown,)
        self.untyped: bool = self.table.format == "csv"
        found = survey(root, shown)
        self._rows = _match(self.table, root, found)
        self.places: tuple[str, ...] = tuple(row.place for row in self._rows)
        """The images' paths as on the disk, relative to the folder; one a row."""
        own = {column.lower() for column in self.table.schema.names}
        inside = any(row.label is not None for row in self._rows) and not own & LABEL_NAMES
        self._image = "image" if "image" not in own else "image_2"
        self._added = pa.schema(
            [
                *([] if "id" in own else [("id", pa.string())]),
                (self._image, IMAGE_TYPE),
                *([("label", pa.string())] if inside else []),
            ]
        )
        self.paths: tuple[str, ...] | None = None if "id" in own else tuple(row.id for row in self._rows)
        """The ids, where the metadata has none of its own."""
        given = [field for field in self.table.schema if field.name != FILE_NAME]
        self.schema: pa.Schema = pa.schema([*self._added, *given], metadata=self.table.schema.metadata)
        labels = [self._added.field("label")] if inside else []
        self.written: pa.Schema = pa.schema([*self.table.schema, *labels], metadata=self.table.schema.metadata)
        """What an export to a table writes."""
        remarks, lost = unread(found, shown)
        said = f"rows come from {file}, labels from the folders" if inside else f"rows and labels come from {file}"
        self.remarks: tuple[str, ...] = (said, *remarks)
        self.warnings: tuple[Defect, ...] = (*self._unnamed(found), *lost)

    @cached_property
    def _hash(self) -> str:
        """SHA-256 over the metadata and the bytes of its images."""
        total = hashlib.sha256(self.table.content_hash().encode())
        for row in self._rows:
            total.update(digest(self.folder / row.place))
        return total.hexdigest()

    def read(self, names: list[str], rows: int, verbatim: bool) -> Iterator[Chunk]:
        """Images are paths, nothing is opened."""
        given = [name for name in names if name not in self._added.names] or [FILE_NAME]
        for chunk in self.table.read(given, rows, verbatim):
            start = chunk.first_row - 1
            here = self._rows[start : start + chunk.batch.num_rows]
            arrays = [
                self._made(name, here) if name in self._added.names else chunk.batch.column(name) for name in names
            ]
            yield Chunk(pa.record_batch(arrays, names=names), chunk.file_index, chunk.first_row)

    def _made(self, name: str, rows: Sequence[_Row]) -> pa.Array:
        """A column that the metadata does not have."""
        if name == self._image:
            paths = [os.path.join(self.folder, row.place) for row in rows]
            return pa.array([{"bytes": None, "path": path} for path in paths], IMAGE_TYPE)
        return pa.array([row.label if name == "label" else row.id for row in rows], pa.string())

    def _unnamed(self, found: FolderListing) -> list[Defect]:
        named = set(self.places)
        left = [path for path in found.images if path not in named]
        if not left:
            return []
        what = f"does not name {len(left):,} of the {len(found.images):,} images beside it, which are left out"
        return [Defect("warning", self.table.name, None, f"{what} ({listed(left)})")]


def metadata_file(root: Path) -> str | None:
    """The table of a folder's images; None where there is none, or one without a column `file_name`."""
    return next((file for file in METADATA_FILES if (root / file).is_file() and _names_files(root / file)), None)


def _names_files(path: Path) -> bool:
    """Whether the first line of a table has a column `file_name`."""
    with open(path, encoding="utf-8-sig", errors="replace") as stream:
        line = stream.readline()
    if path.suffix == ".csv":
        return FILE_NAME in [cell.strip().strip("\"'") for cell in line.replace(";", ",").replace("\t", ",").split(",")]
    try:
        first = decode_json(line)
    except ValueError:
        return f'"{FILE_NAME}"' in line
    return isinstance(first, dict) and FILE_NAME in first


def _match(table: TableSource, root: Path, found: FolderListing) -> list[_Row]:
    """The image of every row.

    Raises:
        InputError: Rows that name no image, or one that is not there.
    """
    there = {path: path for path in found.images}
    spelled = {normal(path): path for path in found.images}
    rows: list[_Row] = []
    lost: list[tuple[int, str]] = []
    for chunk in table.verbatim([FILE_NAME]):
        for offset, cell in enumerate(chunk.batch.column(0).to_pylist()):
            said = str(cell or "").strip()
            path = posixpath.normpath(said.replace("\\", "/"))
            place = there.get(path) or spelled.get(normal(path))
            if place is None and said and os.path.isfile(root / path):
                place = path
            if place is None:
                lost.append((chunk.first_row + offset, said))
                place = path
            inside = "/" in path and not path.startswith(("/", "../"))
            label = normal(path.split("/", 1)[0]) if inside else None
            rows.append(_Row(normal(path), label, place))
    if lost:
        raise _lost(lost, table.name)
    return rows


def _lost(lost: Sequence[tuple[int, str]], name: str) -> InputError:
    shown = listed([f"{said or 'nothing'} in row {row}" for row, said in lost])
    count = "an image that is" if len(lost) == 1 else f"{len(lost):,} images that are"
    return input_error(name, f"names {count} not there: {shown}", "put them back, or take their rows out")
