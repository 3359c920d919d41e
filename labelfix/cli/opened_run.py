"""Opening a finished run for new rows, on this machine and with their column names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from labelfix.cli import options
from labelfix.settings.resolve import DEFAULT

if TYPE_CHECKING:
    from labelfix.api import Run


def open_run(context: typer.Context, path: Path | None, **data: Any) -> Run:  # noqa: ANN401 - values of DataSettings
    """Open a run; its own settings hold, except for the machine and for the columns of the new file.

    The run may have been trained on another machine: where device, cache and offline are given by flag, variable or
    configuration file, that counts. Of the data settings only the given flags do, for files that are not its own.

    Args:
        context: The command's context.
        path: The run folder; None takes the newest finished one.
        data: Fields of `DataSettings` from the command's flags; None where a flag was not given.

    Raises:
        RunError: There is no such finished run.
        SettingsError: A setting does not fit.
    """
    with options.voice(context).loading():
        from labelfix import api

    run = api.load_run(path)
    resolved = options.settings_of(context)
    machine = {
        key.removeprefix("compute."): resolved.value(key)
        for key, origin in resolved.origins.items()
        if key.startswith("compute.") and origin != DEFAULT
    }
    given = {name: value for name, value in data.items() if value is not None}
    settings = run.settings
    run.settings = replace(settings, compute=replace(settings.compute, **machine))
    run.reading = {**run.reading, **given}
    return run
