"""Where a command may write."""

from __future__ import annotations

import os
from pathlib import Path

import typer

from labelfix.runs import RunFolder, inputs_of, named, refuse_no_table, refuse_target
from labelfix.settings.config import config_path

READ = ("noisy", "clean", "input", "input_", "truth", "corrected", "baseline", "against", "matrix")
"""Parameters of commands that name a file to read; so do `config`, `results` and the files beside the rows."""

BESIDE = ("class_map", "class_descriptions")
"""Those that name files beside the rows."""


def check_table(context: typer.Context, path: Path, run: RunFolder | None = None) -> None:
    """Refuse a table's file, of --out, before the work that fills it."""
    refuse_no_table(path, "--out")
    check_target(context, path, run)


def check_target(
    context: typer.Context, path: Path, run: RunFolder | None = None, what: str = "--out", folder: bool = False
) -> None:
    """Refuse a target before the work that fills it, by the one rule of `labelfix.runs.targets`.

    Args:
        context: The command's context: its flags name what is read, and say whether `--overwrite` was given.
    """
    inputs = [*given_inputs(context), *(inputs_of(run) if run is not None else ())]
    refuse_target(path, inputs, bool(context.params.get("overwrite")), what, folder)


def check_folder(path: Path, overwrite: bool, what: str = "--out") -> None:
    """Refuse a folder that files are written into, where it holds any; with `--overwrite` those of other names stay."""
    refuse_target(path, (), overwrite, what, folder=True)


def given_inputs(context: typer.Context) -> list[tuple[str, Path]]:
    """Every input that the command's flags, the environment or the configuration file in use name."""
    given = context.params
    config = config_path(given.get("config"), os.environ)
    results = [str(folder / "*.parquet") for folder in given.get("results") or ()]
    beside = [given.get(name) for name in BESIDE]
    return named(*(given.get(name) for name in READ), *beside, config, results)
