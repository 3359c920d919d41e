"""`Run.learn`: train again on what people decided."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from labelfix.outputs.answered import compared, write_decided
from labelfix.outputs.free_names import free
from labelfix.outputs.own_inputs import find_input
from labelfix.outputs.train_again import moved_settings
from labelfix.progress import Progress
from labelfix.settings.run import TrainSettings, read_toml, train_settings

if TYPE_CHECKING:
    from labelfix.api.opened import OpenedRun
    from labelfix.api.run import Run


def learn(
    run: OpenedRun,
    out: str | Path | None,
    noisy: Any,  # noqa: ANN401 - a path, a table, a frame, a dataset
    clean: Any,  # noqa: ANN401
    overwrite: bool,
    progress: Progress,
) -> Run:
    """Train a run again with people's decisions beside its trusted rows; see `Run.learn`."""
    from labelfix.api.entry import train  # it gives runs, which learn

    own = find_input(run.folder, "noisy", run._noisy_file(noisy), images_by_name=True).needed()
    theirs = find_input(run.folder, "clean").needed().names if clean is None else clean
    listed = list(theirs) if isinstance(theirs, list | tuple) else [theirs]
    held = run._held if noisy is None or not isinstance(noisy, str | Path) else None
    path, _, _ = write_decided(run.folder)
    new = train(
        own.names[0] if held is None else held,
        [*listed, path],
        free(run.path) if out is None else out,
        settings=_settings(run),
        overwrite=overwrite,
        progress=progress,
    )
    for line in compared(run.folder, new.folder):
        progress.headline(line)
    return new


def _settings(run: OpenedRun) -> TrainSettings:
    """The run's own, with files that have moved where they lie now."""
    values = read_toml(run.folder.settings)
    for key, names in moved_settings(run.folder).items():
        table, _, name = key.partition(".")
        values[table][name] = names[0] if isinstance(values[table][name], str) else names
    return train_settings(values, str(run.folder.settings))
