"""The files of a folder of images: which are read, which are passed over, and what a person should hear of the rest."""

from __future__ import annotations

import functools
import hashlib
import os
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import pyarrow as pa

from labelfix.data.formats.base import natural_key
from labelfix.errors import Defect, input_error, listing

IMAGE_TYPE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])

IMAGE_SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".webp", ".avif", ".bmp", ".tif", ".tiff", ".jp2"),
    *(".ppm", ".pgm", ".pbm", ".pnm"),
)
"""Endings of images, in any case; `read_suffixes` says which of them Pillow can open here."""

OPTIONAL = {".webp": "webp", ".avif": "avif", ".jp2": "jpg_2000"}
"""Endings that need a part of Pillow which not every build of it has."""

UNREAD_SUFFIXES = frozenset(
    (
        *(".heic", ".heif", ".hif", ".jxl", ".jxr", ".j2k", ".jpx", ".psd", ".xcf", ".ai", ".eps", ".svg", ".pdf"),
        *(".ico", ".icns", ".tga", ".dds", ".exr", ".hdr", ".pfm", ".raw", ".dng", ".cr2", ".cr3", ".nef", ".arw"),
        *(".orf", ".rw2", ".raf", ".srw", ".pef", ".dcm", ".dicom", ".nii", ".mha", ".mhd", ".nrrd", ".czi", ".lif"),
        *(".nd2", ".svs", ".ndpi", ".fits", ".fit", ".npy", ".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v"),
    )
)
"""Endings of pictures and films that are not read: a person who has them misses rows, so this is a warning."""

SPLITS = frozenset({"train", "training", "test", "testing", "val", "valid", "validation", "dev", "eval", "evaluation"})

METADATA_FILES = ("metadata.csv", "metadata.jsonl")
"""What Hugging Face's ImageFolder calls a table of the images of a folder."""

CLUTTER_FOLDERS = frozenset(
    {"__macosx", "__pycache__", "@eadir", "$recycle.bin", "system volume information", "lost+found"}
)
CLUTTER_FILES = frozenset({"thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "icon\r"})
CLUTTER_STEMS = frozenset(
    {"readme", "license", "licence", "copying", "notice", "authors", "changelog", "citation", "credits", "attribution"}
)
CLUTTER_SUFFIXES = frozenset({"", ".txt", ".md", ".rst", ".html", ".cff", ".bib"})

LISTED = 5
"""Names or endings that a sentence lists."""


@dataclass(frozen=True)
class FolderListing:
    """What lies in a folder and below it; paths are relative to it, with forward slashes, spelled as on the disk.

    Attributes:
        others: The files that are not, clutter apart.
        folders: The folders directly in it, in natural order.
        again: Links to folders that are read elsewhere in it, or that hold it; they are not followed.
    """

    images: tuple[str, ...]
    others: tuple[str, ...]
    folders: tuple[str, ...]
    again: tuple[str, ...]

    @functools.cached_property
    def filled(self) -> tuple[str, ...]:
        """Those of `folders` with an image somewhere below them."""
        tops = {path.split("/", 1)[0] for path in self.images if "/" in path}
        return tuple(folder for folder in self.folders if folder in tops)


@dataclass
class _Walk:
    """A walk through folders that enters each one once.

    Attributes:
        root: Where it starts.
        closed: Folders that cannot be read, each with the reason.
    """

    root: Path
    folders: list[str] = field(default_factory=list)
    again: list[str] = field(default_factory=list)
    closed: list[tuple[str, str]] = field(default_factory=list)

    def files(self) -> Iterator[str]:
        """The files, clutter apart."""
        start = Path(os.path.realpath(self.root))
        above = {str(folder) for folder in start.parents}
        seen: set[str] = set()
        folders, links = [""], list[str]()
        while folders or links:
            # Links come last, in a fixed order: what can be reached in two ways is read where it really lies.
            links.sort(key=natural_key)
            place = folders.pop() if folders else links.pop(0)
            real = os.path.realpath(self.root / place)
            if real in seen or real in above:
                self.again.append(place)
                continue
            seen.add(real)
            for entry in self._entries(place):
                inside = f"{place}/{entry.name}" if place else entry.name
                if not _is_folder(entry):
                    # A link without an ending was to a folder of images.
                    if entry.is_symlink() and not _ending(inside) and not os.path.exists(entry.path):
                        self.closed.append((inside, "the link leads nowhere"))
                    elif not _is_clutter(entry.name):
                        yield inside
                elif not entry.name.startswith(".") and entry.name.lower() not in CLUTTER_FOLDERS:
                    self.folders += [] if place else [entry.name]
                    (links if entry.is_symlink() else folders).append(inside)

    def _entries(self, place: str) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(self.root / place) as entries:
                return list(entries)
        except OSError as error:
            self.closed.append((place, error.strerror or str(error)))
            return []


def survey(root: Path, name: str) -> FolderListing:
    """Look at everything in a folder and below it.

    Hidden files and folders and what operating systems leave behind are passed over. Links to folders are followed,
    but no folder is entered twice: not one that holds the root, and not one that is read already. Links to files are
    files of their own.

    Raises:
        InputError: A folder cannot be read, or the name of an image is not UTF-8.
    """
    walk = _Walk(root)
    images: list[str] = []
    others: list[str] = []
    for path in walk.files():
        (images if path.lower().endswith(read_suffixes()) else others).append(path)
    if walk.closed:
        place, reason = walk.closed[0]
        more = f" and {len(walk.closed) - 1} more folders" if len(walk.closed) > 1 else ""
        raise input_error(name, f"folder {place or '.'}{more} cannot be read ({reason})", "check the permissions")
    odd = [path for path in images if not _is_text(path)]
    if odd:
        shown = os.fsencode(odd[0]).decode("utf-8", "backslashreplace")
        count = f"{len(odd):,} {'image' if len(odd) == 1 else 'images'}"
        raise input_error(name, f"holds {count} with a name that is not UTF-8 ({shown})", "rename them")
    return FolderListing(tuple(images), tuple(others), tuple(sorted(walk.folders, key=natural_key)), tuple(walk.again))


def holds_images(root: Path) -> bool:
    """Whether a folder has an image somewhere below it, be it one that labelfix does not read."""
    unread = False
    for path in _Walk(root).files():
        if path.lower().endswith(read_suffixes()):
            return True
        unread = unread or _is_picture(path)
    return unread


@functools.cache
def read_suffixes() -> tuple[str, ...]:
    """Those of `IMAGE_SUFFIXES` that Pillow can open here."""
    from PIL import features

    return tuple(s for s in IMAGE_SUFFIXES if s not in OPTIONAL or _has(features, OPTIONAL[s]))


def _has(features: object, part: str) -> bool:
    try:
        return bool(features.check(part))  # type: ignore[attr-defined]
    except ValueError:  # a Pillow that has never heard of it
        return False


def normal(text: str) -> str:
    """Text as most programs write it (NFC); macOS hands out file names with accents as letters of their own (NFD)."""
    return unicodedata.normalize("NFC", text)


def ids_of(paths: Iterable[str]) -> dict[str, str]:
    """The id of each image, with its path on the disk, in natural order.

    An id is the path in NFC. Of several paths that are one in NFC, the one that is written so has it, else the first;
    the others are called as on the disk.
    """
    found: dict[str, str] = {}
    for path in sorted(paths, key=lambda path: (normal(path) != path, natural_key(path))):
        found[path if normal(path) in found else normal(path)] = path
    return {id_: found[id_] for id_ in sorted(found, key=natural_key)}


def digest(file: Path) -> bytes:
    """SHA-256 of a file's contents; of nothing where it cannot be read, which is said where images are decoded."""
    # A pipe would be waited for.
    if not file.is_file():
        return hashlib.sha256().digest()
    try:
        with open(file, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").digest()
    except OSError:
        return hashlib.sha256().digest()


def split_names(found: FolderListing) -> list[str]:
    """The folders that are splits rather than classes: two with such names, or one that has classes in it.

    The one to train on stands first.
    """
    named = [folder for folder in found.folders if folder.lower() in SPLITS]
    named.sort(key=lambda folder: not folder.lower().startswith("train"))
    splits = [folder for folder in named if folder in found.filled or _has_metadata(found, folder)]
    inner = [
        s
        for s in splits
        if _has_metadata(found, s) or any(p.count("/") > 1 and p.startswith(f"{s}/") for p in found.images)
    ]
    return splits if len(splits) > 1 or inner else []


def unread(found: FolderListing, name: str) -> tuple[tuple[str, ...], tuple[Defect, ...]]:
    """What is said of files that are not read, and of links that are not followed.

    Returns:
        Remarks, and warnings: the latter for pictures.
    """
    pictures = [path for path in found.others if _is_picture(path)]
    rest = [path for path in found.others if not _is_picture(path) and path not in METADATA_FILES]
    remarks = [f"{endings(rest)} {_are(len(rest))} not read"] if rest else []
    if found.again:
        remarks.append(f"links to folders that are read already are not followed ({listed(found.again)})")
    if not pictures:
        return tuple(remarks), ()
    what = f"{endings(pictures)} {_are(len(pictures))} not read; labelfix reads {', '.join(read_suffixes())}"
    return tuple(remarks), (Defect("warning", name, None, what, "convert them if their rows are wanted"),)


def endings(paths: Sequence[str]) -> str:
    """`3 .heic files and 1 .psd file`, the most frequent first."""
    counts = Counter(_ending(path) for path in paths)
    ordered = sorted(counts, key=lambda ending: (-counts[ending], not ending, ending))
    parts = [_counted(counts[ending], ending) for ending in ordered[:LISTED]]
    if len(ordered) > LISTED:
        parts.append(f"{sum(counts[ending] for ending in ordered[LISTED:]):,} others")
    return " and ".join([part for part in (", ".join(parts[:-1]), parts[-1]) if part])


def listed(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    return listing(names, LISTED)


def _counted(count: int, ending: str) -> str:
    noun = "file" if count == 1 else "files"
    return f"{count:,} {ending} {noun}" if ending else f"{count:,} {noun} without an ending"


def _is_clutter(name: str) -> bool:
    low = name.lower()
    stem, suffix = os.path.splitext(low)
    return low.startswith(".") or low in CLUTTER_FILES or (stem in CLUTTER_STEMS and suffix in CLUTTER_SUFFIXES)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # links that lead to each other
        return False


def _is_picture(path: str) -> bool:
    return _ending(path) in UNREAD_SUFFIXES or _ending(path) in IMAGE_SUFFIXES


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _has_metadata(found: FolderListing, folder: str) -> bool:
    return any(f"{folder}/{file}" in found.others for file in METADATA_FILES)


def _ending(path: str) -> str:
    return PurePosixPath(path).suffix.lower()


def _are(count: int) -> str:
    return "is" if count == 1 else "are"
