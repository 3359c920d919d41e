"""`labelfix check`: look at the data, touch nothing."""

from __future__ import annotations

import typer

from labelfix.cli import options
from labelfix.cli.commands import requires, with_options
from labelfix.cli.option_groups import READING, SETTINGS, TRAINING_COLUMNS
from labelfix.progress import counted


@requires("noisy", "clean", heading="Required, here or in labelfix.toml")
@with_options(TRAINING_COLUMNS, READING, SETTINGS)
def check(context: typer.Context, noisy: options.Noisy = None, clean: options.Clean = None) -> None:
    """Look at the data before training: every defect in one list, then a summary. Writes nothing."""
    voice = options.voice(context)
    resolved = options.settings_of(context)
    noisy, clean = options.inputs_needed(noisy, clean, resolved.sources, resolved.settings.data.several)

    from labelfix.data import check as data
    from labelfix.data.rows_ahead import rows_ahead

    with counted(voice.progress(brief=True), "read", rows_ahead(noisy)):
        found = data.check(noisy, clean, settings=resolved.settings)
    for line in found.notes:
        voice.note(line)
    found.refuse_errors()
    for defect in found.findings:
        voice.warn(str(defect))
    assert found.summary is not None
    voice.data(*found.summary.lines())
