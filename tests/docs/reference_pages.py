"""Writes docs/reference/ from the docstrings of the settings and the help of the commands.

    python -m tests.docs.reference_pages

Run it after a change to a setting or a flag; a test fails while the pages are stale.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from typer.models import OptionInfo, ParameterInfo

from labelfix.cli.app import EPILOG, app
from labelfix.settings.base import Field, fields_of
from labelfix.settings.methods import METHOD_SETTINGS
from labelfix.settings.resolve import CONFIG, PREFIX
from labelfix.settings.run import SECTIONS, TrainSettings

ROOT = Path(__file__).parents[2]
MADE_BY = "<!-- Made by `python -m tests.docs.reference_pages` from the source; do not edit by hand. -->"


def settings_page() -> str:
    """docs/reference/settings.md."""
    own = [f for f in fields_of(TrainSettings) if f.name not in (*SECTIONS, "method_settings")]
    parts = [
        "# Settings",
        MADE_BY,
        f"""\
A setting can be given, the first that is found counts:

1. as a flag, where there is one (see [the commands](cli.md));
2. by `--set key=value`: settings of the method bare (`--set epochs=30`), others with their table
   (`--set model.max_tokens=128`);
3. as an environment variable `{PREFIX}<NAME>`, for example `{PREFIX}EPOCHS=30`;
4. in a TOML file, in the tables below: `--config FILE`, else `{PREFIX}CONFIG`, else `{CONFIG}` in the working
   directory.

`labelfix info` shows every setting that was given and where it came from. A run keeps all of them in
`settings.toml`, which `--config` reads back. In Python they are options of `labelfix.train`, by their bare names.""",
        "## Top level",
        _table(own),
    ]
    for table, cls in {**SECTIONS, **METHOD_SETTINGS}.items():
        fields = fields_of(cls)
        parts += [f"## [{table}]", _paragraphs(cls), _table(fields) if fields else "It has no settings."]
    return "\n\n".join(parts) + "\n"


def cli_page() -> str:
    """docs/reference/cli.md."""
    parts = [
        "# Commands",
        MADE_BY,
        EPILOG,
        "Results go to stdout, everything else to stderr. `-q` and `-v` can stand before or after the command.",
    ]
    for name, function in commands().items():
        usage = " ".join(["labelfix", name, *(p.metavar for p in parameters(function) if not p.flags), "[OPTIONS]"])
        described = [_one_line(text) for text in (inspect.getdoc(function) or "").split("\n\n")]
        parts += [f"## labelfix {name}", f"    {usage}", *described, *_panels(function)]
    return "\n\n".join(parts) + "\n"


@dataclass(frozen=True)
class Parameter:
    """A flag or an argument of a command.

    Attributes:
        flags: How it is written, `--show`; none for an argument.
        metavar: What it takes; empty for a switch.
        help: What it does.
        panel: The heading it stands under.
    """

    flags: tuple[str, ...]
    metavar: str
    help: str
    panel: str


def commands() -> dict[str, Any]:
    """Command name → the function that runs it, in the order of the help."""
    found = {info.name or info.callback.__name__: info.callback for info in app.registered_commands}
    for group in app.registered_groups:
        for info in group.typer_instance.registered_commands:
            found[f"{group.name} {info.name}"] = info.callback
    return found


def parameters(function: Any) -> Iterator[Parameter]:
    """What a command takes, from its signature."""
    hints = typing.get_type_hints(function, include_extras=True)
    for name, hint in hints.items():
        info = next((m for m in getattr(hint, "__metadata__", ()) if isinstance(m, ParameterInfo)), None)
        if info is None:
            continue
        given = typing.get_args(hint)[0]
        kinds = [kind for kind in (typing.get_args(given) or (given,)) if kind is not type(None)]
        # Within Annotated, typer takes the first spelling of a flag for its default.
        spellings = [s for s in (info.default, *(info.param_decls or ())) if isinstance(s, str) and s.startswith("-")]
        flags = tuple(flag for spelling in spellings for flag in spelling.split("/"))
        if isinstance(info, OptionInfo) and not flags:
            dashed = name.strip("_").replace("_", "-")
            flags = (f"--{dashed}", f"--no-{dashed}") if bool in kinds else (f"--{dashed}",)
        metavar = "" if bool in kinds else info.metavar or _choices(kinds[0])
        yield Parameter(flags, metavar, _one_line(info.help or ""), info.rich_help_panel or "Options")


def pages() -> dict[Path, str]:
    """Path → what stands there when it is fresh."""
    folder = ROOT / "docs" / "reference"
    return {folder / "settings.md": settings_page(), folder / "cli.md": cli_page()}


def _table(fields: Any) -> str:
    rows = [f"| `{f.name}` | {_cell(f.type_name)} | {_default(f)} | {_cell(f.doc)} |" for f in fields]
    return "\n".join(["| name | takes | default | meaning |", "|---|---|---|---|", *rows])


def _default(field: Field) -> str:
    if field.default is None or field.default == ():
        return "automatic"
    return f"`{str(field.default).lower() if isinstance(field.default, bool) else field.default}`"


def _paragraphs(cls: type) -> str:
    return (inspect.getdoc(cls) or "").strip()


def _panels(function: Any) -> Iterator[str]:
    panels: dict[str, list[str]] = {}
    for p in parameters(function):
        names = " ".join([", ".join(f"`{flag}`" for flag in p.flags), p.metavar]).strip()
        row = f"| {_cell(names)} | {_cell(p.help)} |"
        panels.setdefault(p.panel if p.flags else "Arguments", []).append(row)
    for panel, rows in panels.items():
        yield "\n".join([f"| {panel} | |", "|---|---|", *rows])


def _choices(kind: Any) -> str:
    return "|".join(str(choice.value) for choice in kind) if isinstance(kind, type) and issubclass(kind, Enum) else ""


def _one_line(text: str) -> str:
    """A help text without the escapes that keep rich from reading it as markup."""
    return " ".join(text.replace("\\[", "[").split())


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


def main() -> None:
    """Write both pages."""
    for path, text in pages().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
