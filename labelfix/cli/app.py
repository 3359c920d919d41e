"""The commands, and how one is run."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Collection, Sequence
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer
from typer.main import get_command

from labelfix.cli import common_options as options
from labelfix.cli.commands import SPEAKING, AboveTheGate, Command, Group, with_options
from labelfix.cli.terminal import Voice
from labelfix.cli.words import meant, plainly, refuse_repeated
from labelfix.extras import need_certify, need_training

EPILOG = (
    "Exit codes: 0 done or clean · 1 a verdict: above the gate (flag), not certified (certify) · 2 anything that went "
    "wrong · 130, 143, 129 ended by Ctrl-C, SIGTERM, SIGHUP."
)

PANELS = {
    "The main job": ("check", "train", "evaluate", "report", "sources", "export", "next", "review", "learn", "certify"),
    "New rows": ("correct", "predict", "flag"),
    "About labelfix": ("methods", "info", "demo", "schema"),
    "Experiments": ("noise", "bench"),
}
"""Heading of the help → commands; each has a module of its name in `labelfix.cli`."""

TRAINING = ("train", "learn", "demo", "bench")
"""Commands that train."""


def _app(names: Collection[str]) -> typer.Typer:
    """The command line with some commands; only their modules are imported."""
    app = _empty()
    for panel, commands in PANELS.items():
        for name in (each for each in commands if each in names):
            module = import_module(f"labelfix.cli.{name}")
            if hasattr(module, "app"):
                app.add_typer(module.app, name=name, rich_help_panel=panel)
            else:
                function = getattr(module, name, None) or getattr(module, f"{name}_")
                app.command(name, cls=Command, rich_help_panel=panel)(with_options(SPEAKING)(function))
    return app


def _empty() -> typer.Typer:
    app = typer.Typer(
        name="labelfix",
        no_args_is_help=True,
        cls=Group,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["--help", "-h"]},
    )
    app.callback(epilog=EPILOG)(root)
    return app


def _listed() -> typer.Typer:
    """The command line as its own help shows it: the commands by name and first paragraph, none of them imported."""
    app = _empty()
    for panel, commands in PANELS.items():
        for name in commands:
            app.command(name, cls=Command, rich_help_panel=panel, help=_told(name))(lambda: None)
    return app


def _told(name: str) -> str:
    """The first paragraph of a command's help, read off its source; what loads is more than the whole help is worth."""
    source = (Path(__file__).parent / f"{name}.py").read_text(encoding="utf-8")
    begin = rf'^def {name}_?\(.*?\) -> None:\n    """|^app = typer\.Typer\(.*?help="'
    found = re.search(rf'(?:{begin})(.*?)(?:\n\n|")', source, re.MULTILINE | re.DOTALL)
    assert found is not None, name
    return found[1]


def application() -> typer.Typer:
    """The whole command line."""
    return _app([name for names in PANELS.values() for name in names])


def _asked(words: Sequence[str]) -> typer.Typer:
    """The command line as far as some words need it: with the command that is called, or to be listed."""
    if any(name.endswith("_COMPLETE") for name in os.environ):
        return application()
    first = next((word for word in words if not word.startswith("-")), "")
    return _app([first]) if any(first in names for names in PANELS.values()) else _listed()


def _refuse_what_is_missing(words: Sequence[str]) -> None:
    """Refuse a command that the core alone cannot do; its help is shown all the same."""
    called = next((word for word in words if not word.startswith("-")), None)
    if {"--help", "-h"} & set(words):
        return
    if called in TRAINING:
        need_training()
    if called == "certify":
        need_certify()


def _version(wanted: bool) -> None:
    if wanted:
        from labelfix import __version__

        typer.echo(f"labelfix {__version__}")
        raise typer.Exit


def root(
    offline: options.Offline = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, metavar="", is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Correct the labels of a dataset on disk with the help of a few trusted rows.

    Start with `labelfix demo`, or on your own files with `labelfix check --noisy FILE --clean FILE`.
    """


def run(argv: Sequence[str] | None, voice: Voice) -> int:
    """Run one command; errors come out as exceptions.

    Returns:
        The exit code.

    Raises:
        SettingsError: Words do not go together.
        MissingPackageError: The command needs more than the core.
        BrokenPipeError: The reader of stdout is gone.
        KeyboardInterrupt: The command was interrupted.
    """
    words = sys.argv[1:] if argv is None else argv
    _refuse_what_is_missing(words)
    command = get_command(_asked(words))
    refuse_repeated(command, words)
    try:
        code = command.main(args=argv, prog_name="labelfix", standalone_mode=False, obj=voice)
    except AboveTheGate:
        return 1
    except SystemExit as stop:
        # Outside its standalone mode typer exits by itself on a broken pipe only, and with 1, which means "findings".
        if stop.code:
            raise BrokenPipeError from None
        return 0
    except Exception as error:
        usage = getattr(error, "format_message", None)
        if usage is None:
            raise
        return _usage(meant(error) or plainly(str(usage())), getattr(error, "ctx", None), voice)
    if code == 130:
        raise KeyboardInterrupt
    return 2 if code else 0  # whatever typer itself has for a code, 1 is the gate's alone


def _usage(message: str, context: typer.Context | None, voice: Voice) -> int:
    path = context.command_path if context is not None else "labelfix"
    if not message:  # a bare `labelfix`: typer has shown the help
        return 2
    said = message.replace("\n\t", " ")  # typer lists what there is to choose from line by line
    voice.error(f"labelfix: {said} (see `{path} --help`)")
    return 2
