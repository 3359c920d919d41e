"""The finished run that a command is about."""

from __future__ import annotations

import os
from pathlib import Path

from labelfix.runs import RunFolder
from labelfix.settings.config import config_path


def finished_run(run: Path | None, config: Path | None = None) -> RunFolder:
    """Open it: the one that is named; else where the configuration file sends runs; else the newest under `runs/`."""
    path = config_path(config, os.environ) if run is None else None
    if path is not None:
        from labelfix.settings.run import read_toml
        from labelfix.settings.sources import read_sources

        named = read_sources(read_toml(path), path).out
        if named is not None and Path(named).is_dir():
            run = Path(named)
    return RunFolder.open_finished(run)
