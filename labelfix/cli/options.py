"""The flags that commands share. Help texts come from the docstrings of the settings."""

from __future__ import annotations

import os
import typing
from pathlib import Path
from typing import Annotated, Any

import typer

from labelfix.cli import common_options
from labelfix.cli.common_options import COMPUTE, OUTPUT, ROWS, option, placed, switch
from labelfix.errors import SettingsError
from labelfix.settings import hub_access
from labelfix.settings.base import fields_of
from labelfix.settings.data import DataSettings
from labelfix.settings.model import ComputeSettings, ModelSettings
from labelfix.settings.resolve import DEFAULT, Resolved, resolve
from labelfix.settings.run import TrainSettings
from labelfix.settings.sources import Sources

Config = common_options.Config
Format = common_options.Format
OutputFormat = common_options.OutputFormat
Corrected = common_options.Corrected
MovedNoisy = common_options.MovedNoisy
Offline = common_options.Offline
OtherMinConfidence = common_options.OtherMinConfidence
Overwrite = common_options.Overwrite
Quiet = common_options.Quiet
Run = common_options.Run
SafeCsv = common_options.SafeCsv
share = common_options.share
Verbose = common_options.Verbose
voice = common_options.voice

ONE_OR_SEVERAL = ("backbone", "text_column")
"""Repeated flags whose values may hold commas of their own."""

_CLASSES = (TrainSettings, DataSettings, ModelSettings, ComputeSettings)
_FIELDS = {field.name: field for cls in _CLASSES for field in fields_of(cls)}

_LIMITS = {"min_confidence": (0.0, 1.0), "cross_fit": (0, None), "soft_top_k": (1, None), "seed": (0, None)}


def setting_flags(panel: str, /, **metavars: str) -> dict[str, Any]:
    """The flags of some settings, of their types and with their docstrings: setting → its type with its option.

    Args:
        metavars: Setting → what stands for its value in help; empty for a switch.
    """
    return {name: _flag(name, panel, metavar) for name, metavar in metavars.items()}


def _flag(name: str, panel: str, metavar: str) -> Any:  # noqa: ANN401 - a type with its option
    field, flag = _FIELDS[name], f"--{name.replace('_', '-')}"
    types = {field.type, *typing.get_args(field.type)}
    several = any(typing.get_origin(each) is tuple for each in types)
    type_ = next((each for each in (bool, int, float) if each in types), list[str] if several else str)
    flag += f"/--no-{flag[2:]}" if field.default is True else ""
    doc = field.doc + " Separated by commas, or repeated." * (name == "feature_columns")
    least, most = _LIMITS.get(name, (None, None))
    return Annotated[type_ | None, option(flag, doc=doc, panel=panel, metavar=metavar, min=least, max=most)]


Noisy = Annotated[
    str | None,
    option(
        "--noisy",
        metavar="TABLE",
        panel=ROWS,
        doc="Rows whose labels may be wrong: a CSV, TSV or Parquet file, a folder of images by class, "
        "a Hugging Face dataset folder, a glob, or hub:NAME.",
    ),
]
Clean = Annotated[
    list[str] | None,
    option(
        "--clean",
        metavar="TABLE",
        panel=ROWS,
        doc="Trusted rows: a table with inputs and labels, or with only id and label of rows of --noisy. "
        "May be repeated.",
    ),
]
MovedClean = Annotated[
    list[str] | None,
    option(
        "--clean",
        metavar="TABLE",
        panel=ROWS,
        doc="Where the trusted file of the run lies now, if it was moved. Repeated for several, in their order.",
    ),
]
Input = Annotated[str | None, option("--input", metavar="TABLE", panel=ROWS, doc="The rows to predict.")]
Truth = Annotated[
    str | None,
    option("--truth", metavar="TABLE", panel=ROWS, doc="True labels, by id, of rows of the run's noisy file."),
]


def _soft_top_k(doc: str) -> Any:  # noqa: ANN401 - typer's own type is private
    return option("--soft-top-k", metavar="K", panel=OUTPUT, min=1, doc=f"{doc} Default: as in the run.")


OtherSoftTopK = Annotated[
    int | None,
    _soft_top_k(
        "Write only the probabilities of a row's K most likely classes, as they are, with the classes in "
        "soft_label_classes."
    ),
]
DetailsSoftTopK = Annotated[
    int | None, _soft_top_k("With --details: of each soft label only the K most likely classes.")
]

Set = Annotated[
    list[str] | None,
    option(
        "--set",
        metavar="KEY=VALUE",
        panel=COMPUTE,
        doc="Any setting: those of the method bare (epochs=30), others as data.x, model.x or compute.x. "
        "May be repeated; `labelfix methods mlc` lists the method's.",
    ),
]


Resume = Annotated[
    Path | None,
    option(
        "--resume",
        metavar="DIR",
        panel=OUTPUT,
        doc="Go on with the unfinished run in this folder; nothing else needs to be given again.",
    ),
]
RunOut = Annotated[
    Path | None, option("--out", metavar="DIR", panel=OUTPUT, doc="Where the run goes. Default: runs/<date and time>.")
]
TableOut = Annotated[
    Path | None,
    option(
        "--out",
        callback=placed,
        metavar="FILE",
        panel=OUTPUT,
        doc="The file to write: .parquet, .csv, .tsv, .jsonl or .json (text also .gz).",
    ),
]
OverwriteRun = Annotated[
    bool, switch("--overwrite", panel=OUTPUT, doc="Replace the run that is there, once the new one has been trained.")
]


def settings_of(context: typer.Context) -> Resolved:
    """All settings, from the command's flags, the environment and the configuration file.

    Every parameter of the command that bears the name of a setting is taken for its flag. What a person should know
    about it (a configuration file found, a variable misspelt) is said.
    """
    given = context.params
    flags = {name: _listed(name, value) for name, value in given.items() if name in _FIELDS}
    resolved = resolve(flags, given.get("set_") or (), given.get("config"))
    if resolved.settings.compute.offline:
        hub_access.forbid()  # as the flag does: a configuration file may say it
    if resolved.config is not None and given.get("config") is None:
        voice(context).note(f"settings from {resolved.config}")
    for warning in resolved.warnings:
        voice(context).warn(warning)
    return resolved


def given_again(context: typer.Context, method: str) -> dict[str, Any]:
    """Settings given to go on with a run, by bare name: of flags and a named file, not of variables or a found file."""
    given = context.params
    flags = {
        "method": method,
        **{
            name: _listed(name, value)
            for name, value in given.items()
            if name in _FIELDS and value not in (None, [], ())
        },
    }
    resolved = resolve(flags, given.get("set_") or (), given.get("config") or os.devnull, environ={})
    asked = {key for key, origin in resolved.origins.items() if origin != DEFAULT}
    return {key.rpartition(".")[2]: resolved.value(key) for key in asked}


def needed(value: Any, flag: str, remedy: str) -> Any:  # noqa: ANN401 - gives back what it was given
    """The value of a flag that a command cannot do without.

    Raises:
        SettingsError: It was not given; the message is the remedy.
    """
    if value is None or value == []:
        raise SettingsError(f"{flag} is missing: {remedy}")
    return value


def inputs_needed(
    noisy: str | None, clean: list[str] | None, named: Sources, several: bool = False
) -> tuple[str, list[str]]:
    """The noisy and the trusted files: those of the flags, or else those that the configuration file names.

    Args:
        several: Whether labels come from several sources.
    """
    noisy = needed(noisy or named.noisy, "--noisy", "name the file of rows whose labels may be wrong")
    remedy = "name a small file of trusted rows, for example of two columns id,label"
    if several:
        remedy += "; 20 rows of the noisy file that you check yourself tell how far to believe each source"
    return str(noisy), list(needed(clean or list(named.clean), "--clean", remedy))


def split_names(named: list[str] | None) -> tuple[str, ...] | None:
    """The names of a repeated flag, whatever mixture of commas was typed; None where it was not given."""
    return tuple(name.strip() for part in named for name in part.split(",")) if named else None


def _listed(name: str, value: object) -> object:
    """A repeated flag as the settings read it: of feature columns one list, whatever mixture of commas was typed."""
    if not isinstance(value, (list, tuple)):
        return value
    if not value:
        return None  # not given: a configuration file may name some
    if name in ONE_OR_SEVERAL:
        return value[0] if len(value) == 1 else value
    return ",".join(map(str, value))
