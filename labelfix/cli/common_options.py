"""The flags that do not come from the settings, for commands that must start at once; `options` has all."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from labelfix.cli.terminal import Voice
from labelfix.remote import as_path
from labelfix.settings import hub_access

ROWS, COLUMNS, MODEL, COMPUTE, OUTPUT = "Rows", "Columns", "Method and model", "Settings and compute", "Output"


def plain(text: str) -> str:
    """A help text safe from rich markup, which would swallow `[data]`."""
    return text.replace("[", r"\[")


def option(*names: str, doc: str, panel: str | None = None, **rest: Any) -> Any:  # noqa: ANN401 - typer's is private
    """An option whose help is written out, under a heading; by default under that of the command's own."""
    return typer.Option(*names, help=plain(doc), rich_help_panel=panel, show_default=False, **rest)


def switch(*names: str, doc: str, panel: str | None = None, **rest: Any) -> Any:  # noqa: ANN401 - as above
    """An option without a value."""
    return typer.Option(*names, metavar="", help=plain(doc), rich_help_panel=panel, **rest)


def share(*names: str, doc: str, panel: str | None = None) -> Any:  # noqa: ANN401 - as above
    """An option that takes a share, from 0 to 1."""
    return option(*names, doc=doc, panel=panel, metavar="SHARE", min=0.0, max=1.0)


Format = Literal["text", "json"]
"""How figures are shown."""

OutputFormat = Annotated[Format, typer.Option("--format", help="Lines for people, or JSON.")]


def placed(value: Any) -> Any:  # noqa: ANN401 - a path, several or none
    """A path that a flag names, or several, as what they are: on this machine or on another one."""
    if value is None or isinstance(value, list):
        return value and [as_path(each) for each in value]
    return as_path(value)


def _quiet(context: typer.Context, wanted: bool) -> None:
    if wanted:
        voice(context).quiet = True


def _verbose(context: typer.Context, wanted: bool) -> None:
    if wanted:
        voice(context).log_everything()


Quiet = Annotated[bool, switch("--quiet", "-q", callback=_quiet, doc="Say only warnings and errors on stderr.")]
Verbose = Annotated[
    bool,
    switch(
        "--verbose",
        "-v",
        callback=_verbose,
        doc="Show every choice and stage, the library's log, and tracebacks of errors.",
    ),
]


def _offline(wanted: bool | None) -> None:
    if wanted:
        hub_access.forbid()


Offline = Annotated[
    bool | None,
    switch("--offline", callback=_offline, doc="Never ask a hub or another machine; LABELFIX_OFFLINE=1 does the same."),
]


MovedNoisy = Annotated[
    str | None,
    option(
        "--noisy",
        metavar="TABLE",
        panel=ROWS,
        doc="Where the noisy file of the run lies now, if it was moved; its contents must be the same.",
    ),
]


Run = Annotated[
    Path | None,
    option(
        "--run",
        metavar="DIR",
        panel=ROWS,
        doc="A finished run. Default: `out` of labelfix.toml, else the newest finished one under ./runs/.",
    ),
]
Corrected = Annotated[
    Path | None,
    option(
        "--corrected",
        callback=placed,
        metavar="FILE",
        panel=ROWS,
        doc="Go by this file of later rows, written by `labelfix correct`, and not by the run's own.",
    ),
]


OtherMinConfidence = Annotated[
    float | None,
    share(
        "--min-confidence",
        panel=OUTPUT,
        doc="Take a label for wrong only where the confidence reaches this. Default: as in the run.",
    ),
]


Config = Annotated[
    Path | None,
    option(
        "--config",
        metavar="FILE",
        panel=COMPUTE,
        doc="TOML file of settings, such as the settings.toml of a run. Default: LABELFIX_CONFIG, else labelfix.toml "
        "in the working directory. Any setting can also be given as LABELFIX_<NAME>.",
    ),
]


Overwrite = Annotated[
    bool, switch("--overwrite", panel=OUTPUT, doc="Replace what is there; an input is never replaced.")
]


SafeCsv = Annotated[
    bool,
    switch(
        "--safe-csv",
        panel=OUTPUT,
        doc="In CSV and TSV write an apostrophe before each cell that a spreadsheet would run as a formula. For people "
        "who open the file; a program reads such cells back changed.",
    ),
]


def voice(context: typer.Context) -> Voice:
    """The voice that the command speaks with."""
    found = context.find_root().obj
    assert isinstance(found, Voice)
    return found
