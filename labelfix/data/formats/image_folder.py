"""A folder of images by class: root/class/file. The folder names are the labels, the relative paths the ids."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

import pyarrow as pa

from labelfix.data.formats.base import AS_THEY_ARE, READ_ROWS, Chunk, ReadOptions, Source, natural_key
from labelfix.errors import Defect, input_error

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
IMAGE_TYPE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
SCHEMA = pa.schema([("id", pa.string()), ("image", IMAGE_TYPE), ("label", pa.string())])
SPLITS = frozenset({"train", "training", "test", "testing", "val", "valid", "validation", "dev"})


class ImageFolderSource:
    """Images in one folder a class.

    The rows stand in natural order of their relative paths. An image directly in the root has no label.

    Args:
        root: The folder.
        name: The folder as the user named it.

    Raises:
        InputError: The folder holds several splits, or no image.
    """

    format = "image_folder"
    untyped = False
    remarks: tuple[str, ...] = ()
    warnings: tuple[Defect, ...] = ()
    schema = SCHEMA

    def __init__(self, root: Path, name: str) -> None:
        self.name = name
        self.files = (name,)
        self.folder = root.absolute()
        _check_splits(root, name)
        self.paths: tuple[str, ...] = tuple(sorted(_images(root), key=natural_key))
        if not self.paths:
            raise input_error(name, "holds no images", "lay them out as FOLDER/class/file.png")

    def scan(self, columns: Sequence[str] | None = None, rows: int = READ_ROWS) -> Iterator[Chunk]:
        """See `TableSource.scan`; images are paths, nothing is opened."""
        names = list(SCHEMA.names if columns is None else columns)
        for start in range(0, len(self.paths), rows):
            paths = self.paths[start : start + rows]
            batch = pa.record_batch(
                [
                    pa.array(paths, pa.string()),
                    pa.array([{"bytes": None, "path": f"{self.folder}/{path}"} for path in paths], IMAGE_TYPE),
                    pa.array([path.split("/", 1)[0] if "/" in path else None for path in paths], pa.string()),
                ],
                schema=SCHEMA,
            )
            yield Chunk(batch.select(names), 0, start + 1)

    def verbatim(self, columns: Sequence[str] | None = None, rows: int = READ_ROWS) -> Iterator[Chunk]:
        """See `TableSource.verbatim`: the same as `scan`."""
        return self.scan(columns, rows)

    def content_hash(self) -> str:
        """SHA-256 over relative paths (they hold the labels) and image bytes, in hexadecimal."""
        return self._hash

    @cached_property
    def _hash(self) -> str:
        total = hashlib.sha256()
        for path in self.paths:
            with open(self.folder / path, "rb") as stream:
                total.update(path.encode("utf-8", "surrogateescape") + b"\0")
                total.update(hashlib.file_digest(stream, "sha256").digest())
        return total.hexdigest()


def recognises(source: Source) -> bool:
    """A folder with an image somewhere below it."""
    return isinstance(source, Path) and source.is_dir() and next(_images(source), None) is not None


def open_image_folder(source: Source, name: str, options: ReadOptions = AS_THEY_ARE) -> ImageFolderSource:
    """Open a folder."""
    return ImageFolderSource(source, name)


def _images(root: Path) -> Iterator[str]:
    """Relative paths, with forward slashes, of the images below a folder; hidden files and folders are passed over."""
    for folder, below, files in os.walk(root, followlinks=True):
        below[:] = [name for name in below if not name.startswith(".")]
        relative = Path(folder).relative_to(root)
        for name in files:
            if name.lower().endswith(IMAGE_SUFFIXES) and not name.startswith("."):
                yield (relative / name).as_posix()


def _check_splits(root: Path, name: str) -> None:
    inside = [entry for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith(".")]
    splits = sorted(entry.name for entry in inside if entry.name.lower() in SPLITS)
    if splits and len(splits) == len(inside) and any(child.is_dir() for s in splits for child in (root / s).iterdir()):
        ways = " or ".join(str(root / split) for split in splits)
        raise input_error(name, f"holds splits ({', '.join(splits)}), not classes", f"give one of them: {ways}")
