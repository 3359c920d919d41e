"""The finished run that a command is about."""

from __future__ import annotations

import os
from pathlib import Path

import typer

from labelfix.runs import RunFolder
from labelfix.settings.config import config_path


def finished_run(run: Path | None, context: typer.Context | None = None, config: Path | None = None) -> RunFolder:
    """Open it: the one that is named; else where the configuration file sends runs; else the newest under `runs/`.

    Args:
        context: Of a command that would not name the run otherwise: the newest one is said.
    """
    path = config_path(config, os.environ) if run is None else None
    if path is not None:
        from labelfix.settings.run import read_toml
        from labelfix.settings.sources import read_sources

        named = read_sources(read_toml(path), path).out
        if named is not None and Path(named).is_dir():
            run = Path(named)
    folder = RunFolder.open_finished(run)
    if run is None and context is not None:
        from labelfix.cli import options

        options.voice(context).note(f"run: {folder.path}, the newest finished one")
    return folder
