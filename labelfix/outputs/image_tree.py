"""A tree of images by corrected class: root/class/file."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pyarrow as pa

from labelfix.data.formats import write_batches
from labelfix.data.formats.images.files import IMAGE_SUFFIXES, normal
from labelfix.data.image_place import image_place
from labelfix.errors import input_error
from labelfix.outputs.alignment import AlignedLabels
from labelfix.outputs.exports import flat_probabilities
from labelfix.outputs.own_file import ExportReport, report
from labelfix.runs import atomic_path

DETAILS_FILE = "labelfix-details.csv"
"""Written into the root of the tree by `--details`."""

_MAGIC = {
    b"\x89PNG": ".png",
    b"\xff\xd8\xff": ".jpg",
    b"GIF8": ".gif",
    b"BM": ".bmp",
    b"RIFF": ".webp",
    b"II*\0": ".tif",
    b"MM\0*": ".tif",
}


@dataclass(frozen=True)
class _Image:
    """One image of the source, and the class it goes to."""

    name: PurePosixPath
    label: str | None
    moved: bool
    issue: bool
    file: Path | None
    content: bytes | None
    position: int


def export_tree(
    correction: AlignedLabels,
    image_column: str,
    out: Path,
    *,
    id_column: str | None = None,
    drop_issues: bool = False,
    details: bool = False,
    hard_link: bool = False,
    overwrite: bool = False,
) -> ExportReport:
    """Write every image into the folder of its corrected class.

    Images of a folder tree keep their file names; those of a table are named by their path or else their id. Where two
    would meet, the one whose label did not change keeps its name and the other gets `-2`. An image without a label
    that was left out of the run goes to the root.

    Args:
        out: The folder to make; it may exist if it is empty.
        id_column: Column that names images which have no path.
        details: Write the scores into `labelfix-details.csv` in the root.
        overwrite: Replace an earlier export: a folder with nothing in it but images in folders of these classes.
    """
    check_tree(out, correction.classes, overwrite)
    survey = correction.survey(False, drop_issues)  # refuses a source that is not the one corrected
    with atomic_path(out, replace=overwrite) as root:
        root.mkdir()
        folders = _class_folders(correction, out)
        for label in folders.values():
            (root / label).mkdir()
        dead: list[str] = []
        places = _write_images(correction, image_column, id_column, root, folders, drop_issues, hard_link, dead)
        if details:
            _write_details(correction, root / DETAILS_FILE, places)
    named = "1 image is" if len(dead) == 1 else f"{len(dead):,} images are"
    notes = (f"{named} left out: a link that leads nowhere, such as {dead[0]}",) if dead else ()
    return report(survey, None, notes)


def check_tree(out: Path, classes: Sequence[str], overwrite: bool) -> None:
    """Refuse a folder that is taken; of others only one that an export wrote is replaced, for all in it would go.

    Raises:
        InputError: It is a file, or is not empty and not to be replaced, or holds what no export writes.
    """
    if out.is_file() or (out.is_dir() and any(out.iterdir()) and not overwrite):
        raise input_error(str(out), "exists already", "choose another folder, or delete it")
    ours = {normal(_safe(name)) for name in classes}
    for entry in sorted(out.iterdir()) if out.is_dir() else ():
        folder = entry.is_dir() and not entry.is_symlink() and normal(entry.name) in ours
        if not folder and entry.name != DETAILS_FILE and entry.suffix.lower() not in IMAGE_SUFFIXES:
            what = f"holds {entry.name}, which is no part of an exported tree of images"
            raise input_error(str(out), what, "choose another folder, or delete it")


def _write_images(
    correction: AlignedLabels,
    image_column: str,
    id_column: str | None,
    root: Path,
    folders: dict[str, str],
    drop_issues: bool,
    hard_link: bool,
    dead: list[str],
) -> dict[int, str]:
    """Write the images; position in the corrected table → place in the tree. Links to nowhere are told to `dead`."""
    taken: set[str] = set()
    places: dict[int, str] = {}
    # In a folder tree, images that stay go first: they keep their names, and whatever moves makes room.
    rounds = (False, True) if correction.source.format == "image_folder" else (None,)
    for moved in rounds:
        for image in _images(correction, image_column, id_column):
            if (drop_issues and image.issue) or (moved is not None and image.moved != moved):
                continue
            if moved is not None and image.file is not None and image.file.is_symlink() and not image.file.exists():
                dead.append(str(image.file))
                continue
            folder = PurePosixPath(folders[image.label]) if image.label is not None else PurePosixPath()
            place = _claim(folder / image.name, taken)
            _put(image, root / place, hard_link)
            if image.position >= 0:
                places[image.position] = str(place)
    return places


def _images(correction: AlignedLabels, image_column: str, id_column: str | None) -> Iterator[_Image]:
    tree = correction.source.format == "image_folder"
    folder = os.path.abspath(correction.source.folder)
    columns = [image_column, correction.label_column, *([id_column] if id_column and id_column != image_column else [])]
    for chunk, said in correction.beside(columns):
        ids = chunk.batch.column(id_column).to_pylist() if id_column else [None] * chunk.batch.num_rows
        values, labels = (chunk.batch.column(index).to_pylist() for index in range(2))
        for offset, (value, own, id_) in enumerate(zip(values, labels, ids, strict=True)):
            content, path = (value.get("bytes"), value.get("path")) if isinstance(value, dict) else _parts(value)
            if content is None and path is None:
                continue
            code, position = int(said.corrected[offset]), int(said.position[offset])
            label = correction.classes[code] if code >= 0 else _own_class(correction, own)
            name = _tree_name(str(id_)) if tree else _file_name(path, id_, content, chunk.first_row + offset)
            file = None if content is not None else Path(image_place(str(path), folder))
            moved = code != int(said.given[offset])
            issue = bool(said.issue[offset])
            # The path in a folder source already starts with its folder.
            yield _Image(name, label, moved, issue, Path(str(path)) if tree else file, content, position)


def _parts(value: object) -> tuple[bytes | None, str | None]:
    return (value, None) if isinstance(value, bytes) else (None, None if value is None else str(value))


def _own_class(correction: AlignedLabels, value: object) -> str | None:
    return str(value) if value is not None and str(value) in correction.classes else None


def _tree_name(relative: str) -> PurePosixPath:
    """`class/sub/file.png` → `sub/file.png`; an image in the root keeps its name."""
    path = PurePosixPath(relative)
    return PurePosixPath(*path.parts[1:]) if len(path.parts) > 1 else path


def _file_name(path: str | None, id_: object, content: bytes | None, row: int) -> PurePosixPath:
    own = PurePosixPath((path or "").replace("\\", "/")).name
    if own:
        return PurePosixPath(_safe(own))
    suffix = next((end for start, end in _MAGIC.items() if content and content.startswith(start)), "")
    return PurePosixPath(_safe(str(row if id_ is None else id_)) + suffix)


def _safe(name: str) -> str:
    """A name that stays within its folder and is not hidden."""
    flat = "".join("_" if c in '/\\:*?"<>|' or not c.isprintable() else c for c in name).strip()
    return f"_{flat}" if not flat or flat.startswith(".") else flat


def _class_folders(correction: AlignedLabels, out: Path) -> dict[str, str]:
    folders = {name: _safe(name) for name in correction.classes}
    if len({folder.casefold() for folder in folders.values()}) < len(folders):
        what = "cannot hold the classes: two of them would share a folder"
        raise input_error(str(out), what, "export to a .parquet or .csv file")
    return folders


def _claim(place: PurePosixPath, taken: set[str]) -> PurePosixPath:
    number, free = 1, place
    while _same(free) in taken:
        number += 1
        free = place.with_name(f"{place.stem}-{number}{place.suffix}")
    taken.add(_same(free))
    return free


def _same(place: PurePosixPath) -> str:
    """What two places share that are one on some file systems: A.png and a.png, é in one letter or in two."""
    return normal(str(place)).casefold()


def _put(image: _Image, place: Path, hard_link: bool) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    if image.content is not None:
        place.write_bytes(image.content)
        return
    assert image.file is not None
    try:
        if hard_link:
            os.link(image.file.resolve(), place)
        else:
            shutil.copyfile(image.file, place)
    except OSError as error:
        remedy = "leave out --hard-link" if hard_link else "check that the file is there and that the disk has room"
        verb = "linked" if hard_link else "copied"
        raise input_error(str(image.file), f"cannot be {verb} ({error.strerror})", remedy) from None


def _write_details(correction: AlignedLabels, path: Path, places: dict[int, str]) -> None:
    table = flat_probabilities(correction.table.replace_schema_metadata(None), correction.classes)
    files = pa.array([places.get(position) for position in range(len(table))], pa.string())
    table = table.drop_columns(["source_file", "source_row"]).add_column(0, "file", files)
    kept = table.filter(table["file"].is_valid())
    write_batches(path, kept.schema, kept.to_batches())
