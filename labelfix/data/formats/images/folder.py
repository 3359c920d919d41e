"""A folder of images by class: root/class/file. The folder names are the labels, the relative paths the ids."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from copy import copy
from functools import cached_property
from pathlib import Path

import pyarrow as pa

from labelfix.data.formats.base import AS_THEY_ARE, Chunk, ReadOptions, Source, TableSource
from labelfix.data.formats.images.files import (
    IMAGE_SUFFIXES,
    IMAGE_TYPE,
    LISTED,
    FolderListing,
    digest,
    endings,
    holds_images,
    ids_of,
    listed,
    normal,
    read_suffixes,
    split_names,
    survey,
    unread,
)
from labelfix.data.formats.images.metadata import ImageMetadataSource, metadata_file
from labelfix.errors import Defect, input_error

__all__ = ["IMAGE_SUFFIXES", "IMAGE_TYPE", "ImageFolderSource", "open_image_folder", "recognises"]

SCHEMA = pa.schema([("id", pa.string()), ("image", IMAGE_TYPE), ("label", pa.string())])

CONTAINERS = frozenset(
    {"images", "image", "imgs", "img", "photos", "pictures", "pics", "jpg", "jpeg", "jpegimages", "png", "data", "raw"}
    | {"dataset", "all", "files"}
)
"""Names of folders that hold the folders of classes; no class is called so."""


class ImageFolderSource(TableSource):
    """Images in one folder a class.

    The rows stand in natural order of their relative paths. An image directly in the root has no label. Ids and labels
    are in NFC, whatever the file system hands out.

    Args:
        shown: What to call the folder that the files are in, where that is another one: a split of `name`.

    Raises:
        InputError: The folder holds several splits, a single folder that holds the classes, or no image.
    """

    format = "image_folder"
    schema = SCHEMA
    written = pa.schema([field for field in SCHEMA if field.name != "image"])
    """What an export to a table writes."""

    def __init__(self, root: Path, name: str, shown: str | None = None) -> None:
        self.name = name
        self.files = (shown or name,)
        self.folder = root.absolute()
        found = survey(root, self.files[0])
        _check_images(found, self.files[0])
        _check_splits(found, root, self.files[0])
        deeper = _check_wrapper(found, root, self.files[0])
        by_id = ids_of(found.images)
        self.paths: tuple[str, ...] = tuple(by_id)
        """Relative paths in NFC."""
        self.ids = self.paths
        self.places: tuple[str, ...] = tuple(by_id.values())
        """The relative paths as on the disk, in the same order."""
        remarks, lost = unread(found, self.files[0])
        self.remarks: tuple[str, ...] = (*_nested(found, root), *remarks)
        self.warnings: tuple[Defect, ...] = (*deeper, *lost, *_empty_classes(found, self.files[0]))

    def read(self, names: list[str], rows: int, verbatim: bool) -> Iterator[Chunk]:
        """Images are paths, nothing is opened."""
        for start in range(0, len(self.paths), rows):
            places = self.places[start : start + rows]
            batch = pa.record_batch(
                [
                    pa.array(self.ids[start : start + rows], pa.string()),
                    pa.array([{"bytes": None, "path": f"{self.folder}/{place}"} for place in places], IMAGE_TYPE),
                    pa.array([_label(place) for place in places], pa.string()),
                ],
                schema=SCHEMA,
            )
            yield Chunk(batch.select(names), 0, start + 1)

    def known_by(self, other: ImageFolderSource) -> ImageFolderSource:
        """The same images with the ids that images of the same bytes have in another folder.

        A path of a folder by class holds the label, so that paths which are the same mean agreement and nothing else.
        """
        ids = {digest(other.folder / place): id_ for id_, place in zip(other.ids, other.places, strict=True)}
        found = copy(self)
        found.ids = tuple(
            ids.get(digest(self.folder / place), f"{self.name}/{path}")
            for path, place in zip(self.paths, self.places, strict=True)
        )
        return found

    @cached_property
    def _hash(self) -> str:
        """SHA-256 over relative paths (they hold the labels) and image bytes."""
        total = hashlib.sha256()
        for path, place in zip(self.paths, self.places, strict=True):
            total.update(path.encode("utf-8", "surrogateescape") + b"\0")
            total.update(digest(self.folder / place))
        return total.hexdigest()


def recognises(source: Source) -> bool:
    """A folder with an image somewhere below it, or with a table of images."""
    return isinstance(source, Path) and source.is_dir() and (metadata_file(source) is not None or holds_images(source))


def open_image_folder(
    source: Source, name: str, options: ReadOptions = AS_THEY_ARE
) -> ImageFolderSource | ImageMetadataSource:
    """Open a folder of images: by its `metadata.csv` or `metadata.jsonl` where it has one, else by class.

    Args:
        options: Its split is the folder in it to read, such as `train`; ids are relative to that. A folder without
            splits is read whole.

    Raises:
        InputError: There is no such split, or the folder cannot be read as images.
    """
    root, shown, remarks, split = source, name, tuple[str, ...](), options.split
    if split is not None:
        place = _split_folder(source, split, name)
        whole = metadata_file(source)
        if place is not None and whole is not None:
            what = f"has its rows in {whole}, where splits are not told apart"
            raise input_error(name, what, f"leave out --split, or give {source / place}")
        if place is None:
            remarks = (f"there are no splits in it, so all of it is read, not {split!r} alone",)
        else:
            root, shown = source / place, f"{name.rstrip('/')}/{place}"
    opened: ImageFolderSource | ImageMetadataSource
    table = metadata_file(root)
    opened = (
        ImageFolderSource(root, name, shown)
        if table is None
        else ImageMetadataSource(root, table, name, shown, options)
    )
    opened.remarks = (*remarks, *opened.remarks)
    return opened


def _split_folder(root: Path, split: str, name: str) -> str | None:
    """The folder of a split: of that name, or else of that name in another case; None where there are no splits."""
    folders = sorted(entry.name for entry in root.iterdir() if entry.is_dir())
    same = [folder for folder in folders if folder == split] or [f for f in folders if f.lower() == split.lower()]
    if same:
        return same[0]
    splits = split_names(survey(root, name))
    if splits:
        raise input_error(name, f"has no split {split!r}; it holds {', '.join(splits)}", "give --split one of these")
    return None


def _label(place: str) -> str | None:
    return normal(place.split("/", 1)[0]) if "/" in place else None


def _check_images(found: FolderListing, name: str) -> None:
    if found.images:
        return
    reads = f"labelfix reads {', '.join(read_suffixes())}"
    if found.others:
        raise input_error(name, f"holds no image that is read, but {endings(found.others)}; {reads}", "convert them")
    raise input_error(name, f"holds no images; {reads}", "lay them out as FOLDER/class/file.png")


def _check_splits(found: FolderListing, root: Path, name: str) -> None:
    splits = split_names(found)
    if not splits:
        return
    beside = [folder for folder in found.folders if folder not in splits]
    others = f" beside {listed(beside)}" if beside else ""
    ways = " or ".join(str(root / split) for split in splits)
    what = f"holds splits ({', '.join(splits)}){others}, not classes"
    raise input_error(name, what, f"give one of them: {ways}, or pass --split {splits[0]}")


def _check_wrapper(found: FolderListing, root: Path, name: str) -> tuple[Defect, ...]:
    """A single folder whose folders look like the classes: an error where its name is no class, else a warning."""
    if len(found.filled) != 1 or any("/" not in path for path in found.images):
        return ()
    (only,) = found.filled
    parts = [path.split("/") for path in found.images]
    inner = sorted({part[1] for part in parts if len(part) > 2})
    if len(inner) < 2 or any(len(part) == 2 for part in parts):
        return ()
    what = f"holds one folder of images ({only}), and the classes seem to be the folders in that ({listed(inner)})"
    remedy = f"give {root / only}"
    if only.lower() in CONTAINERS or only in (root.name, root.absolute().name):
        raise input_error(name, what, remedy)
    return (Defect("warning", name, None, what, f"if so, {remedy}"),)


def _nested(found: FolderListing, root: Path) -> tuple[str, ...]:
    """A remark where no class has images of its own, but folders of them."""
    if len(found.filled) < 2 or any(path.count("/") < 2 for path in found.images):
        return ()
    classes = f"the classes are the top folders ({listed(found.filled)}), not the folders in them"
    return (f"{classes}; for those, give one top folder, such as {root / found.filled[0]}",)


def _empty_classes(found: FolderListing, name: str) -> tuple[Defect, ...]:
    empty = [folder for folder in found.folders if folder not in found.filled and folder not in found.again]
    defects = []
    for folder in empty[:LISTED]:
        held = [path for path in found.others if path.startswith(f"{folder}/")]
        holds = f"no image that is read (but {endings(held)})" if held else "no image"
        defects.append(Defect("warning", name, None, f"folder {folder} holds {holds}, so there is no class {folder}"))
    if len(empty) > LISTED:
        defects.append(Defect("warning", name, None, f"{len(empty) - LISTED} more folders hold no image"))
    return tuple(defects)
