"""The words of a command line, looked at before and after typer does: options given twice, and other tools' names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from labelfix.errors import SettingsError

ONCE = ("NAME", "TABLE", "FILE", "DIR", "OUT")
"""What options take that name one thing. Of two such names typer takes the last and is silent about the first."""

MEANT: Mapping[str, str] = {
    "--gold": "--clean",
    "--trusted": "--clean",
    "--labels": "--label-column",
    "--label": "--label-column",
    "--target": "--label-column",
}
"""What other tools, and labelfix's own pages, call a thing → the option for it."""


def refuse_repeated(command: Any, words: Sequence[str]) -> None:  # noqa: ANN401 - typer's own type is private
    """Refuse an option that names one thing and is given twice.

    Args:
        command: The whole command line, as typer knows it.
        words: The words after `labelfix`.

    Raises:
        SettingsError: An option is given twice.
    """
    command, words = _command(command, words)
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
    """What to say of an option that does not exist, where another tool's name of it is known; else nothing.

    Args:
        error: What typer raised.
    """
    unknown, context = getattr(error, "option_name", None), getattr(error, "ctx", None)
    option = MEANT.get(str(unknown))
    if option is None or context is None:
        return ""
    there = {name for param in context.command.params for name in param.opts}
    return f"No such option: {unknown}; did you mean {option}?" if option in there else ""


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
