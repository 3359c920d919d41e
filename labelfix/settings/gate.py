"""The policy of `labelfix flag`: table `[gate]` of a configuration file, so that the command in CI is that alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from labelfix.errors import SettingsError
from labelfix.settings.base import build, require
from labelfix.settings.sources import from_here

Severity = Literal["info", "minor", "major", "critical", "blocker"]

TABLE, CLASSES, FILES, SOURCES = "gate", "classes", "files", "sources"
NAMING = ("run", "corrected", "noisy", "baseline", "against")
"""Settings that name files: they count from the configuration file's folder."""


@dataclass(frozen=True, kw_only=True)
class GateSettings:
    """What `labelfix flag` takes where its flag of the same name is not given.

    Names of files count from the configuration file's folder. What differs by class stands in `[gate.classes.NAME]`,
    by the file that rows came from in `[gate.files."PATTERN"]`, by who gave a label in `[gate.sources.NAME]`.
    """

    run: str | None = None
    """The finished run to judge."""

    corrected: str | None = None
    """A file that `labelfix correct` wrote, to be judged instead of the run's own rows."""

    noisy: str | None = None
    """Where the noisy file lies now, if it was moved."""

    max_issue_rate: float | None = None
    """A gate: at most this share of the labelled rows may look wrong."""

    max_noise_rate: float | None = None
    """A gate: the lower end of the noise rate's 95 % interval may be at most this."""

    min_confidence: float | None = None
    """A row looks wrong only where the confidence reaches this. Default: as in the run."""

    max_false_flags: float | None = None
    """Flag rows so that at most this share of the flagged ones is expected to be right after all."""

    budget: int | None = None
    """Flag this many rows, the worst ones."""

    baseline: tuple[str, ...] = ()
    """Files of rows that were accepted before."""

    against: str | None = None
    """A run, or a file of corrected labels, whose classes must have the same shares."""

    drift_level: float | None = None
    """The level of that test."""

    max_drift: float | None = None
    """The share of rows that may be of another class before drift fails."""

    show: int | None = None
    """How many of the worst rows to show."""

    format: tuple[str, ...] = ()
    """How findings are shown, each `NAME` or `NAME=FILE`."""

    overwrite: bool = False
    """Replace the files of `format` that are there."""

    severity: Severity | None = None
    """How bad every finding is. Default: major from a confidence of 0.95, else minor."""

    owner: str | None = None
    """Whom findings concern."""


@dataclass(frozen=True, kw_only=True)
class ClassPolicy:
    """What is different for rows of one given label. The table bears the class's name, in quotes where TOML asks."""

    max_issue_rate: float | None = None
    """A gate: at most this share of the labelled rows of this class may look wrong."""

    severity: Severity | None = None
    """How bad a finding is."""

    owner: str | None = None
    """Whom it concerns."""

    def __post_init__(self) -> None:
        rate = self.max_issue_rate
        require(rate is None or 0 <= rate <= 1, f"max_issue_rate = {rate} must be in [0, 1]")


@dataclass(frozen=True, kw_only=True)
class FilePolicy(ClassPolicy):
    """What is different for rows of some files, whose names a pattern fits, such as `vendor-*.csv`.

    The first pattern that fits a file counts, and what is said of a class goes before it.
    """


@dataclass(frozen=True, kw_only=True)
class SourcePolicy(ClassPolicy):
    """What is different for labels of one of several sources: an annotator, a rule, a model.

    A label of it looks wrong where the run suggests another one, as surely as it takes to change a label. A finding
    is that of the sources that gave its given label. What is said of a class goes before it, and it before a file.
    """


@dataclass(frozen=True)
class GateTable:
    """All that a configuration file says of the gate.

    Attributes:
        settings: For all rows.
        classes: Class → what is different for it.
        files: Pattern of names of files → what is different for them.
        sources: Name of a source of labels → what is different for it.
    """

    settings: GateSettings = GateSettings()
    classes: Mapping[str, ClassPolicy] = field(default_factory=dict)
    files: Mapping[str, FilePolicy] = field(default_factory=dict)
    sources: Mapping[str, SourcePolicy] = field(default_factory=dict)


def read_gate(document: Mapping[str, Any], config: Path) -> GateTable:
    """Take the gate out of the values of a configuration file.

    Raises:
        SettingsError: An unknown key, or a value that does not fit.
    """
    values = document.get(TABLE, {})
    where = f"{config}, [{TABLE}]"
    if not isinstance(values, Mapping):
        raise SettingsError(f"{config}: {TABLE!r} must be a table, written [{TABLE}]")
    own = {key: value for key, value in values.items() if key not in (CLASSES, FILES, SOURCES)}
    settings = _placed(build(GateSettings, own, where), config)
    classes = {name: build(ClassPolicy, *each) for name, each in _parts(values, CLASSES, "class", config)}
    files = {name: build(FilePolicy, *each) for name, each in _parts(values, FILES, "pattern", config)}
    sources = {name: build(SourcePolicy, *each) for name, each in _parts(values, SOURCES, "source", config)}
    return GateTable(settings, classes, files, sources)


def _parts(
    values: Mapping[str, Any], key: str, each: str, config: Path
) -> Iterator[tuple[str, tuple[Mapping[str, Any], str]]]:
    """The tables of a part of the gate: the name of each, what it holds, and what to call it."""
    tables = values.get(key, {})
    if not isinstance(tables, Mapping) or not all(isinstance(table, Mapping) for table in tables.values()):
        where = f"{config}, [{TABLE}]"
        raise SettingsError(f"{where}: {key!r} must hold a table for each {each}, written [{TABLE}.{key}.NAME]")
    for name, table in tables.items():
        yield name, (table, f"{config}, [{TABLE}.{key}.{name}]")


def _placed(settings: GateSettings, config: Path) -> GateSettings:
    """The settings with their files as seen from the working directory."""
    found: dict[str, Any] = {}
    for name in NAMING:
        value = getattr(settings, name)
        found[name] = tuple(from_here(v, config) for v in value) if isinstance(value, tuple) else value
        if isinstance(value, str):
            found[name] = from_here(value, config)
    shown = [each.partition("=") for each in settings.format]
    formats = (f"{name}={from_here(file, config)}" if file else name for name, _, file in shown)
    return replace(settings, **found, format=tuple(formats))
