"""The noisy and the trusted file: opened, and refused where they cannot be two."""

from __future__ import annotations

from pathlib import Path

from labelfix.data.annotations.names import named_alike
from labelfix.data.annotations.opening import open_trusted
from labelfix.data.assemble import attempt, memory_name, read_options
from labelfix.data.columns.called import OF_NOISY, OF_TRUSTED, as_asked
from labelfix.data.columns.roles import Columns
from labelfix.data.findings import Findings
from labelfix.data.formats import TableSource, open_table
from labelfix.data.formats.base import Source
from labelfix.data.formats.images.folder import ImageFolderSource
from labelfix.data.labels.class_map import read_class_map
from labelfix.remote import RemotePath, as_path
from labelfix.settings.data import DataSettings


def open_both(
    noisy: Source, clean: Source, settings: DataSettings, findings: Findings, read_rows: int
) -> tuple[TableSource, TableSource, dict[str, str], DataSettings]:
    """The noisy and the trusted table, other names of classes, and the settings in the tables' own names."""
    several = clean if isinstance(clean, list | tuple) else [clean]
    options = read_options(settings, read_rows)
    if settings.split is not None and all(isinstance(one, str) and Path(one).is_file() for one in (noisy, *several)):
        what, remedy = "is a single file, and --split names one of several", "leave it out"
        findings.error(str(noisy), what, f"{remedy}, and write the rows that are meant into a file of their own")
    ours = attempt(lambda: open_table(noisy, memory_name(noisy, "noisy"), options), findings)
    parts = attempt(
        lambda: open_trusted(
            several,
            None if isinstance(clean, str | Path) else memory_name(several[0], "clean") if several else None,
            options,
        ),
        findings,
    )
    aliases: dict[str, str] = {}
    if settings.class_map is not None:
        path = settings.class_map
        aliases = attempt(lambda: read_class_map(path), findings) or {}
    findings.stop_on_errors()
    assert ours is not None
    assert parts is not None
    settings = as_asked(ours, settings, OF_NOISY, findings)
    opened = parts
    if isinstance(ours, ImageFolderSource) and len(opened) > 1:
        opened = [part.known_by(ours) if isinstance(part, ImageFolderSource) else part for part in opened]
    theirs = attempt(lambda: named_alike(opened, ours, settings), findings)
    findings.stop_on_errors()
    assert theirs is not None
    return ours, theirs, aliases, as_asked(theirs, settings, OF_TRUSTED, findings)


def refuse_same(noisy: Source, clean: Source, columns: Columns, name: str, findings: Findings) -> None:
    """Refuse one column of one file as the given and as the trusted labels; two columns of it may well be that."""
    several = clean if isinstance(clean, list | tuple) else [clean]
    if columns.clean_label == columns.label and any(same_file(noisy, one) for one in several):
        what = f"is given as the noisy and as the trusted file, with the labels of column {columns.label!r} as both"
        remedy = "give the trusted rows as a file of their own (ids and labels are enough), or name the column of the"
        findings.error(name, what, f"{remedy} labels that were checked with --clean-label-column")
        findings.stop_on_errors()


def refuse_inside(ours: TableSource, theirs: TableSource, findings: Findings) -> None:
    """Refuse trusted files that lie among those of the noisy table, whose rows would count as noisy ones, too."""
    places, trusted = ({Path(file).resolve(): file for file in source.files} for source in (ours, theirs))
    inside = [file for place, file in trusted.items() if place in places]
    if inside and len(places) > len(inside):
        what = f"holds {inside[0]} of --clean, whose rows would count as noisy ones, too"
        findings.error(ours.name, what, "put it elsewhere, or give the noisy files by a pattern or one path")
        findings.stop_on_errors()


def same_file(noisy: Source, clean: Source) -> bool:
    """Whether two sources are one file, or one table in memory."""
    if not isinstance(noisy, str | Path) or not isinstance(clean, str | Path):
        return noisy is clean
    one, other = as_path(noisy), as_path(clean)
    if isinstance(one, RemotePath) or isinstance(other, RemotePath):
        return one == other
    return one.exists() and other.exists() and one.samefile(other)
