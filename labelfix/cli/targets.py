"""Where a command may write."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from labelfix.errors import SettingsError

TABLE_SUFFIXES = (
    ".parquet",
    ".csv",
    ".tsv",
    ".csv.gz",
    ".tsv.gz",
    ".jsonl",
    ".ndjson",
    ".jsonl.gz",
    ".ndjson.gz",
    ".json",
)


def is_table(path: Path) -> bool:
    """Whether a path is named like a table that labelfix writes."""
    return path.name.lower().endswith(TABLE_SUFFIXES)


def check_table(path: Path, flag: str, inputs: Iterable[str]) -> None:
    """Refuse a target before the work that fills it: a name that is no table's, a folder, or one of the inputs.

    Raises:
        SettingsError: The target cannot be written.
    """
    if not is_table(path):
        raise SettingsError(f"{flag} {path}: ends in none of {', '.join(TABLE_SUFFIXES)}; name the file that way")
    if path.is_dir():
        raise SettingsError(f"{flag} {path}: is a folder; name a file in it")
    refuse_inputs(path, flag, inputs)


def refuse_inputs(path: Path, flag: str, inputs: Iterable[str]) -> None:
    """Refuse to write over what was read, or into it.

    Raises:
        SettingsError: The target is an input or lies in an input's folder.
    """
    target = path.resolve()
    for name in inputs:
        source = Path(name).expanduser().resolve()
        if target == source or (source.is_dir() and target.is_relative_to(source)):
            raise SettingsError(
                f"{flag} {path}: is the input {name} or lies in it, which is never changed; choose another place"
            )
