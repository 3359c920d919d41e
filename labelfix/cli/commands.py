"""How a command shows itself in `--help`: what it cannot do without first, what every command has last."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from typer.core import TyperCommand, TyperGroup

from labelfix.cli import common_options

F = TypeVar("F", bound=Callable[..., Any])

REQUIRED = "Required"
MAIN = "Main options"
GENERAL = "General"
COMPLETION = "Shell completion"

Flags = Mapping[str, Any]
"""Parameter → its type with its option, as typer reads it."""

SPEAKING: Flags = {"offline": common_options.Offline, "quiet": common_options.Quiet, "verbose": common_options.Verbose}
"""What every command has; their callbacks do what they say."""

ALWAYS = (*SPEAKING, "version", "help")
"""Parameters that say how a command speaks, or what it is."""


def with_options(*groups: Flags) -> Callable[[F], F]:
    """Give a command the flags of some groups, after its own.

    The settings are taken from the context by their names (`options.settings_of`), so a command declares only what it
    reads itself; what it declares and a group has too is the group's.
    """
    shared = {name: annotation for group in groups for name, annotation in group.items()}

    def decorated(function: F) -> F:
        signature = inspect.signature(function)
        own = typing.get_type_hints(function, include_extras=True)
        hints = {name: own[name] for name in signature.parameters if name not in shared} | shared
        parameters = [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=_default(signature.parameters.get(name), hint),
                annotation=hint,
            )
            for name, hint in hints.items()
        ]

        def command(**given: Any) -> None:  # noqa: ANN401 - whatever typer has read
            function(**{name: given[name] for name in signature.parameters})

        command.__dict__.update(function.__dict__)
        command.__name__, command.__doc__, command.__module__ = function.__name__, function.__doc__, function.__module__
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        command.__annotations__ = hints
        return typing.cast(F, command)

    return decorated


def _default(declared: inspect.Parameter | None, hint: Any) -> Any:  # noqa: ANN401 - a type with its option
    """A command's own default; of a group's flag None, or False of a switch that cannot be None."""
    if declared is not None:
        return declared.default
    return False if typing.get_args(hint)[0] is bool else None


def requires(*names: str, heading: str = REQUIRED) -> Callable[[F], F]:
    """Say which options a command cannot do without; they come first in its help, under a heading of their own.

    They are no required options to typer: a configuration file may name them, and what is missing is said with what
    it is for (`options.needed`).
    """

    def marked(function: F) -> F:
        function.required = dict.fromkeys(names, heading)  # type: ignore[attr-defined]
        return function

    return marked


def panel_of(function: Any, name: str, panel: str | None) -> str:  # noqa: ANN401 - a command, or nothing
    """The heading that a parameter stands under; `panel` is the one that its definition gives."""
    required: dict[str, str] = getattr(function, "required", {})
    return required.get(name) or (GENERAL if name in ALWAYS else panel or MAIN)


def place_of(function: Any, name: str, panel: str | None) -> int:  # noqa: ANN401 - as above
    """Where a parameter stands: first what is required, last what every command has, the rest as it is written."""
    if name in getattr(function, "required", {}):
        return 0
    return {MAIN: 1, GENERAL: 3}.get(panel_of(function, name, panel), 2)


def _arrange(command: Any) -> None:  # noqa: ANN401 - typer's own types are private
    """Put a command's parameters under their headings and its help into paragraphs that a terminal can wrap."""
    function = command.callback
    for param in command.params:
        given = getattr(param, "rich_help_panel", None)
        if param.param_type_name == "option":
            param.rich_help_panel = panel_of(function, param.name, given)
        kind: Any = getattr(param, "type", None)
        if hasattr(kind, "coerce_path_result"):
            kind.type = Path  # in the context too, where settings are taken from: typer has words there
    command.params.sort(key=lambda p: place_of(function, p.name, getattr(p, "rich_help_panel", None)))
    if command.help:
        command.help = "\n\n".join(" ".join(part.split()) for part in command.help.split("\n\n"))


def _help_option(option: Any) -> Any:  # noqa: ANN401 - as above
    if option is not None:
        option.metavar, option.rich_help_panel = "", GENERAL
    return option


class Command(TyperCommand):
    """A command whose help is arranged so."""

    def __init__(self, *args: Any, **rest: Any) -> None:  # noqa: ANN401 - typer's own
        super().__init__(*args, **rest)
        _arrange(self)

    def get_help_option(self, ctx: Any) -> Any:  # noqa: ANN401
        """`--help` among the general options; typer would show that it takes a `<bool>`."""
        return _help_option(super().get_help_option(ctx))


class Group(TyperGroup):
    """A group of commands whose help is arranged so."""

    def __init__(self, *args: Any, **rest: Any) -> None:  # noqa: ANN401 - typer's own
        super().__init__(*args, **rest)
        _arrange(self)

    def get_params(self, ctx: Any) -> Any:  # noqa: ANN401
        """All parameters; those that typer adds for shell completion last, and as switches."""
        found: list[Any] = super().get_params(ctx)
        for param in found:
            if param.name in ("install_completion", "show_completion"):
                param.metavar, param.rich_help_panel = "", COMPLETION
        return sorted(found, key=lambda p: getattr(p, "rich_help_panel", None) == COMPLETION)

    def get_help_option(self, ctx: Any) -> Any:  # noqa: ANN401
        return _help_option(super().get_help_option(ctx))


class AboveTheGate(Exception):
    """The one way to exit code 1: more looks wrong than a gate lets through, or a certificate cannot be given."""
