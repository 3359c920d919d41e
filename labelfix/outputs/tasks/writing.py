"""Writing tasks in the form that a tool takes: a folder or a file, beside its place and then renamed into it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from labelfix.data.annotations.marks import ANSWER
from labelfix.errors import SettingsError
from labelfix.outputs.free_names import free
from labelfix.outputs.tasks import argilla, label_studio, sheets
from labelfix.outputs.tasks.rows import TaskRows
from labelfix.runs import atomic_path

FOLDERS: dict[str, Callable[[TaskRows, Path], tuple[int, list[str]]]] = {
    "label-studio": label_studio.write,
    "argilla": argilla.write,
}
FILES: dict[str, Callable[[TaskRows, Path], int]] = {"csv": sheets.write_csv, "xlsx": sheets.write_excel}

TOOLS = (*FOLDERS, *FILES)
"""What `--tasks` takes."""

HOW = {
    "label-studio": "make a project, paste label_config.xml under Settings > Labeling Interface > Code, import "
    "tasks.json; export as JSON, JSON_MIN or CSV",
    "argilla": "argilla.Dataset.from_disk makes the dataset; bring records.to_list(flatten=True) back as JSON",
    **dict.fromkeys(FILES, f"fill in the column `{ANSWER}`, from the top, as many rows as you like"),
}
"""What to do with them."""


@dataclass(frozen=True)
class Written:
    """How many tasks were written, and the names of the files in a folder."""

    tasks: int
    files: tuple[str, ...] = ()


def place_of(tool: str, out: Path | None, overwrite: bool = False) -> Path:
    """Where tasks go.

    Args:
        tool: One of `TOOLS`.
        out: The place that was asked for; None for one that is called after the tool.
        overwrite: Take the name after the tool also where something is there.

    Raises:
        SettingsError: There is no such tool, or the name's ending is not one of its own.
    """
    if tool not in TOOLS:
        raise SettingsError(f"--tasks {tool}: there is no such form; there are {', '.join(TOOLS)}")
    if out is None:
        place = Path(f"{tool}-tasks" if tool in FOLDERS else f"tasks.{tool}")
        return place if overwrite else free(place)
    if tool in FOLDERS and out.suffix in (".json", ".csv", ".xlsx"):
        raise SettingsError(f"--out {out}: tasks for {tool} are several files; name a folder")
    if tool in FILES and out.suffix.lower() != f".{tool}":
        raise SettingsError(f"--out {out}: tasks as {tool} go into a file that ends in .{tool}")
    return out


def write_tasks(tool: str, rows: TaskRows, out: Path, overwrite: bool = False) -> Written:
    """Write tasks; the caller has checked that they may be written."""
    if tool in FILES:
        with atomic_path(out) as beside:
            return Written(FILES[tool](rows, beside))
    with atomic_path(out, replace=overwrite) as beside:
        beside.mkdir()
        count, names = FOLDERS[tool](rows, beside)
    return Written(count, tuple(names))
