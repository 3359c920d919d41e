"""The words of a command line, looked at before and after typer does: options given twice, and other tools' names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from labelfix.errors import SettingsError

ONCE = ("NAME", "TABLE", "FILE", "DIR", "OUT")
"""What options take that name one thing. Of two such names typer takes the last and is silent about the first."""

ROWS, LABEL = ("--noisy", "--input"), ("--label-column",)
MEANT: Mapping[str, tuple[str, ...]] = {
    "--gold": ("--clean", "--truth"),
    "--trusted": ("--clean",),
    "--clean": ("--truth",),
    "--labels": LABEL,
    "--label": LABEL,
    "--target": LABEL,
    "--input": ROWS,
    "--noisy": ROWS,
    "--data": ROWS,
    "--file": ROWS,
    "--train": ROWS,
    "--output": ("--corrected-labels", "--out"),
    "-o": ("--corrected-labels", "--out", "--format NAME=FILE"),
    "--out": ("--format NAME=FILE",),
    "--top": ("--budget", "--count"),
    "--force": ("--overwrite",),
    "--yes": ("--overwrite",),
    "--model": ("--backbone",),
    "--features": ("--feature-columns",),
    "--threshold": ("--min-confidence",),
    "--budget": ("--count",),
    "--count": ("--budget", "--show"),
}
"""What other tools, other commands and people call a thing → options for it, of which the first that is there."""


NEEDLESS: Mapping[str, str] = {
    **dict.fromkeys(("--sep", "--delimiter", "--separator"), "what parts the cells of a file is found by itself"),
    **dict.fromkeys(("--header", "--no-header"), "the header is found by itself, and has to be there"),
    "--dry-run": "`labelfix check` looks at the files and writes nothing",
}
"""Options that other tools have and labelfix does without, and why."""

SHORT: Mapping[str, str] = {"lr": "learning_rate", "n_epochs": "epochs"}
"""What people call settings."""

DASHES = "-\u2013\u2014"
"""What a hand or a word processor writes before an option."""

UNNAMED = "Got unexpected extra argument"
"""How typer begins what it says of a word that no option takes."""


def refuse_repeated(command: Any, words: Sequence[str]) -> None:  # noqa: ANN401 - typer's own type is private
    """Refuse an option that names one thing and is given twice.

    Args:
        command: The whole command line, as typer knows it.

    Raises:
        SettingsError: An option is given twice, or with one dash instead of two.
    """
    command, words = _command(command, words)
    there = {name for param in command.params for name in param.opts}
    for word in words:
        if (name := "--" + word.lstrip(DASHES)) in there and word[:1] in DASHES and not word.startswith("--"):
            raise SettingsError(f"No such option: {word}; did you mean {name}?")
    given: dict[str, list[str]] = {}
    once = {name: param.opts[0] for param in command.params if _names_one(param) for name in param.opts}
    for place, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name in once:
            given.setdefault(once[name], []).append(value if equals else " ".join(words[place + 1 : place + 2]))
    for name, values in given.items():
        if len(values) > 1:
            said = " and as ".join(values)
            raise SettingsError(f"{name} is given {len(values)} times, as {said}, and takes one; leave the others out")


def meant(error: Exception) -> str:
    """What to say, if anything, in typer's place: of other tools' names of options, and files that no option names."""
    context = getattr(error, "ctx", None)
    if context is None:
        return ""
    there = {name for param in context.command.params for name in param.opts}
    unknown = getattr(error, "option_name", None)
    names = (*MEANT.get(str(unknown), ()), f"{unknown}-column")
    option = next((name for name in names if name.split()[0] in there), None)
    if option is None and (why := _elsewhere(str(unknown), context.command)):
        return f"No such option: {unknown}; {why}"
    if option is not None:
        return f"No such option: {unknown}; did you mean {option}?"
    param: Any = getattr(error, "param", None)
    if getattr(param, "metavar", None) == "SHARE" and unknown is None:
        return f"Invalid value for '{param.opts[0]}': it takes a share from 0 to 1, such as 0.05 for 5 %"
    rows = next((name for name in (*ROWS, "--truth") if name in there), None)
    said = str(getattr(error, "message", ""))
    if not rows or not said.startswith(UNNAMED):
        return ""
    if context.params.get("answers") is True:
        return (
            f"{said}; --answers takes no file but what `labelfix review` kept: give yours to `labelfix train --clean`"
        )
    runs = any((Path(word) / "run.json").is_file() for word in said[said.rfind("(") + 1 : -1].split())
    files = next(name for name in ("--run" if runs else "", "--corrected-labels", rows) if name in there)
    named = f"{files} {'DIR' if runs else 'FILE'}"
    return f"{said}; an option names each: {named}; several values of one, and patterns, need quotes: 'a,b', '*.csv'"


BY_TYPER = {
    "is not a valid int range": "is not a whole number",
    "is not a valid float range": "is not a number",
    "is not in the range x>=": "is less than ",
}
"""Phrases in what typer says of a value."""


def plainly(message: str) -> str:
    """What typer says of a value, without its names of types and ranges."""
    for phrase, plain in BY_TYPER.items():
        message = message.replace(phrase, plain)
    return message


def _elsewhere(unknown: str, command: Any) -> str:  # noqa: ANN401 - as above
    """What there is in place of an option that the command has not; empty where nothing is known."""
    if unknown in NEEDLESS:
        return NEEDLESS[unknown]
    name = unknown.lstrip("-").replace("-", "_")
    name = SHORT.get(name, name)
    if any("--set" in param.opts for param in command.params) and name in _settings():
        return f"it is a setting: --set {name}=VALUE (`labelfix methods NAME` lists those of a method)"
    return ""


def _settings() -> set[str]:
    from labelfix.settings.base import fields_of
    from labelfix.settings.methods import METHOD_SETTINGS

    return {field.name for cls in METHOD_SETTINGS.values() for field in fields_of(cls)}


def _command(command: Any, words: Sequence[str]) -> tuple[Any, Sequence[str]]:  # noqa: ANN401 - as above
    """The command that some words call, and the words after it."""
    for place, word in enumerate(words):
        below = getattr(command, "commands", None)
        if not below:
            return command, words[place:]
        command = below.get(word, command)
    return command, ()


def _names_one(param: Any) -> bool:  # noqa: ANN401 - as above
    return (
        getattr(param, "metavar", None) in ONCE and not getattr(param, "multiple", False) and param.opts[0][:1] == "-"
    )
