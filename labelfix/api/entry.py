"""Where Python begins: train a run, go on with one, open one."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

from labelfix.api.run import Run
from labelfix.errors import SettingsError
from labelfix.extras import need_training
from labelfix.outputs.progress_bars import listener
from labelfix.progress import Progress
from labelfix.runs import RunFolder, named, refuse_inputs, refuse_taken
from labelfix.settings.run import TrainSettings, settings_from


def train(
    noisy: Any,  # noqa: ANN401 - a path, a table, a frame, a dataset
    clean: Any,  # noqa: ANN401
    out: str | Path | None = None,
    *,
    settings: TrainSettings | None = None,
    overwrite: bool = False,
    progress: Progress | bool | None = None,
    **options: Any,  # noqa: ANN401
) -> Run:
    """Correct the labels of a noisy table with the help of a trusted one.

    Args:
        noisy: A path (CSV, Parquet, ImageFolder, dataset folder), `hub:name`, an Arrow table, a pandas or polars
            frame or a `datasets.Dataset`.
        clean: The same, with trusted labels; or a list of several.
        out: The run folder. Default: `runs/<UTC time>`.
        settings: All settings; instead of it, single ones can be given by name.
        overwrite: Replace a run that is there.
        progress: True shows bars on a terminal and in notebooks, plain lines elsewhere, and `Run.result` at the end; or
            a listener that is told.
        options: Any setting by its name: `label_column="human1"`, `backbone="…"`, `epochs=20`, `seed=1`.

    Returns:
        The finished run.

    Raises:
        InputError: The inputs have defects; all of them are listed.
        SettingsError: A setting that does not exist or does not fit, or a folder that lies over an input or in one.
        RunError: The folder is taken.
        TrainingError: Training could not go on.
        MissingPackageError: What trains is not installed.
    """
    if settings is not None and options:
        raise SettingsError("give either settings or single options, not both")
    settings = settings or settings_from(options)
    told = listener(progress)
    path = Path(out) if out is not None else None
    if path is not None:
        refuse_inputs(path, named(noisy, clean, *settings.data.files.values()), "out")
        refuse_taken(path, overwrite)
    run = Run(_pipeline().train(noisy, clean, path, overwrite, settings, told), noisy)
    if progress is True:
        told.headline(run.result)
    return run


def resume(
    path: str | Path,
    noisy: Any = None,  # noqa: ANN401
    clean: Any = None,  # noqa: ANN401
    *,
    progress: Progress | bool | None = None,
    **options: Any,  # noqa: ANN401
) -> Run:
    """Go on with a run that was interrupted; a finished one is only opened.

    On a CPU the corrected labels are, byte for byte, those of a run that was never interrupted. Relative names count
    from the working directory in which the run was begun; the process is there while this works.

    Args:
        path: The run folder.
        noisy: The noisy table again where it was in memory; a name may be left out.
        clean: The trusted one, or several, likewise.
        progress: Told what happens; True shows bars.
        options: `checkpoint_every`, `device`, `offline`, `cache_dir` and `read_rows` may be given again; any other
            setting only with the value that it has.

    Returns:
        The finished run.

    Raises:
        RunError: There is no such run, or another process is working on it.
        SettingsError: A setting or the name of a source differs from the run's.
        InputError: The contents of an input have changed since the run was begun.
        TrainingError: Training could not go on.
        MissingPackageError: What trains is not installed.
    """
    return Run(_pipeline().resume(Path(path), noisy, clean, options, listener(progress)), noisy)


def load_run(path: str | Path | None = None) -> Run:
    """Open a finished run.

    Args:
        path: Its folder; None takes the newest finished one under `./runs/`.

    Raises:
        RunError: There is none, or it is unfinished or damaged.
    """
    return Run(RunFolder.open_finished(Path(path) if path is not None else None))


def _pipeline() -> ModuleType:
    """The stages of training, which load torch, where it is installed."""
    need_training()
    from labelfix import pipeline

    return pipeline
