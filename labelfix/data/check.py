"""What `labelfix check` does, for the command and for Python: look at the data before training, and touch nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from labelfix.data.formats.base import Source
from labelfix.data.read import read_training
from labelfix.data.summary import Summary, summarise
from labelfix.data.tables import InputSpec
from labelfix.errors import Defect, InputError, SettingsError, listing
from labelfix.settings.model import ModelSettings
from labelfix.settings.run import TrainSettings, settings_from


@dataclass(frozen=True, repr=False)
class Check:
    """What there is to say of a noisy and a trusted table before training.

    Attributes:
        findings: What is wrong, errors first, then warnings.
        notes: The choices that were made, one sentence each: which columns are what, how the files were joined.
        summary: Rows, classes, and how many given labels are wrong; None where there are errors.
    """

    findings: tuple[Defect, ...]
    notes: tuple[str, ...] = ()
    summary: Summary | None = None

    def __repr__(self) -> str:
        lines = [f"{found.severity}: {found}" for found in self.findings]
        return "\n".join([*lines, *(self.summary.lines() if self.summary else ())])

    @property
    def sound(self) -> bool:
        """Whether `train` would take these tables."""
        return self.summary is not None

    def refuse_errors(self) -> None:
        """Raise what is wrong, as `train` would.

        Raises:
            InputError: There are errors.
        """
        if not self.sound:
            raise InputError(self.findings)


def check(
    noisy: Source,
    clean: Source,
    *,
    settings: TrainSettings | None = None,
    **options: Any,  # noqa: ANN401
) -> Check:
    """Look at both tables before training: every defect in one list, and a summary. Writes nothing.

    Args:
        noisy: A path (CSV, Parquet, ImageFolder, dataset folder), `hub:name`, an Arrow table, a pandas or polars frame
            or a `datasets.Dataset`.
        clean: The same, with trusted labels; or a list of several.
        settings: All settings; instead of it, single ones can be given by name.
        options: Any setting by its name, as for `labelfix.train`: `label_column="human1"`.

    Raises:
        SettingsError: A setting that does not exist or does not fit.
    """
    if settings is not None and options:
        raise SettingsError("give either settings or single options, not both")
    settings = settings or settings_from(options)
    try:
        reading = read_training(noisy, clean, settings.data, settings.compute.read_rows)
    except InputError as error:
        return Check(error.defects)
    return Check(reading.warnings, (*reading.notes, *_views(reading.columns.spec, settings.model)), summarise(reading))


def _views(spec: InputSpec, model: ModelSettings) -> tuple[str, ...]:
    """What `train` will make features of, where that is more than the columns say."""
    if spec.beside:
        named = f" by {' and '.join(model.backbones)}" if model.backbones != ("auto",) else ""
        kinds = [f"{part.kind} in {listing([repr(name) for name in part.columns])}" for part in spec.parts]
        return (f"views of a row, side by side{named}: {'; '.join(kinds)}",)
    if spec.kind == "text":
        views = model.text_views
        said = "a text is read by" if len(views) == 1 else "views of a text, side by side"
        return (f"{said}: {' and '.join(views)}",)
    return ()
