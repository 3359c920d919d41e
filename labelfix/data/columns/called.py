"""A table whose columns are called as they are wanted, where the names differ in nothing but their spelling."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from labelfix.data.findings import Findings
from labelfix.data.formats import TableSource
from labelfix.data.formats.called import Called
from labelfix.data.spelling import names_meant
from labelfix.data.tables import InputSpec
from labelfix.settings.data import DataSettings

OF_ROWS = ("id_column", "label_column")
OF_NOISY = (
    *OF_ROWS,
    "label_columns",
    "main_source",
    "text_column",
    "image_column",
    "embedding_column",
    "feature_columns",
)
OF_TRUSTED = ("clean_id_column", "clean_label_column")
"""The settings that name columns of later rows, of the noisy table and of the trusted one."""


def as_asked(source: TableSource, settings: DataSettings, fields: Sequence[str], findings: Findings) -> DataSettings:
    """The settings with the table's own names of columns in the place of others that differ in spelling alone.

    Args:
        fields: The settings that are looked at.
        findings: Told which.
    """
    own = source.schema.names
    asked = {field: getattr(settings, field) for field in fields}
    if "text_column" in asked:
        asked["text_column"] = settings.text_columns(own)
    names = [name for value in asked.values() for name in (value if isinstance(value, tuple) else (value,))]
    meant = {wanted: name for name, wanted in names_meant(own, names).items()}
    if not meant:
        return settings
    findings.note(f"{source.name}: {', '.join(f'{new!r} means column {own!r}' for new, own in meant.items())}")
    named: dict[str, Any] = {
        field: tuple(meant.get(name, name) for name in value) if isinstance(value, tuple) else meant.get(value, value)
        for field, value in asked.items()
    }
    return replace(settings, **named)


def called_as(
    source: TableSource, wanted: Collection[str | None], kept: Collection[str | None], findings: Findings
) -> TableSource:
    """The table with columns that are `Age`, `AGE ` or `age` called as they are wanted; a note says which.

    Args:
        wanted: Names of columns. One that the table lacks is its only column of that name in another spelling.
        kept: Columns that keep their names, as the user has named them.
    """
    names = names_meant(source.schema.names, wanted, kept)
    if not names:
        return source
    findings.note(f"{source.name}: {', '.join(f'column {own!r} is {new!r}' for own, new in names.items())}")
    return Called(source, names)


def folder_called_as(source: TableSource, images: InputSpec | None, findings: Findings) -> TableSource:
    """A folder of images with its images called as the other file's column of images; another table as it is."""
    if source.format != "image_folder" or images is None or images.columns[0] in source.schema.names:
        return source
    findings.note(f"{source.name}: its images are the {images.columns[0]!r} of the other file")
    return Called(source, {"image": images.columns[0]})
