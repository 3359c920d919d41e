"""Opening a finished run for new rows, on this machine and with their column names."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import typer

from labelfix.cli import options
from labelfix.cli.commands import Flags
from labelfix.cli.option_groups import values_of
from labelfix.extras import need
from labelfix.runs import RunFolder
from labelfix.settings.resolve import DEFAULT

if TYPE_CHECKING:
    from labelfix.api import Run


def open_run(context: typer.Context, folder: RunFolder, *data: Flags) -> Run:
    """A finished run for new rows; its own settings hold, except for the machine and for the columns of the new file.

    The run may have been trained on another machine: where device, cache and offline are given by flag, variable or
    configuration file, that counts. Of the data settings only the given flags do, for files that are not its own.

    Args:
        data: The groups of flags that say how to read its rows.
    """
    with options.voice(context).loading():
        from labelfix import api

    if context.params.get("device") == "cuda":
        # A head on fixed features computes without a GPU; whoever asks for one by name is told that it is not there.
        need("--device cuda", "torch")
        from labelfix.compute.devices import pick_device

        pick_device("cuda")
    run = api.Run(folder)
    resolved = options.settings_of(context)
    machine = {
        key.removeprefix("compute."): resolved.value(key)
        for key, origin in resolved.origins.items()
        if key.startswith("compute.") and origin != DEFAULT
    }
    settings = run.settings
    run.settings = replace(settings, compute=replace(settings.compute, **machine))
    given = values_of(context.params, *data)
    if named := options.split_names(given.pop("label_columns", None)):
        given["label_columns"] = named
    run.reading = {**run.reading, **given}
    return run
