"""Writes docs/reference/ from the docstrings of the settings and of the Python interface, and the help of the
commands.

    python -m tests.docs.reference_pages

Run it after a change to a setting or a flag; a test fails while the pages are stale.
"""

import inspect
import re
import typing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import FunctionType

from typer.models import OptionInfo, ParameterInfo

import labelfix
from labelfix.cli.app import EPILOG, application
from labelfix.cli.commands import panel_of, place_of
from labelfix.settings.base import fields_of
from labelfix.settings.counting import paths
from labelfix.settings.gate import CLASSES, FILES, SOURCES, TABLE, ClassPolicy, FilePolicy, GateSettings, SourcePolicy
from labelfix.settings.methods import METHOD_SETTINGS
from labelfix.settings.resolve import CONFIG, PREFIX
from labelfix.settings.run import SECTIONS, TrainSettings

ROOT = Path(__file__).parents[2]
GATE = {
    TABLE: GateSettings,
    f"{TABLE}.{CLASSES}.NAME": ClassPolicy,
    f"{TABLE}.{FILES}.PATTERN": FilePolicy,
    f"{TABLE}.{SOURCES}.NAME": SourcePolicy,
}
"""Of `flag` alone: it is no setting of a run."""

MADE_BY = "<!-- Made by `python -m tests.docs.reference_pages` from the source; do not edit by hand. -->"


def settings_page():
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

A setting of the method that it does not read on the run's inputs is refused, unless it says the default; each method
below says which count where.

`labelfix info` shows every setting that was given and where it came from. A run keeps all of them in
`settings.toml`, which `--config` reads back. In Python they are options of `labelfix.train`, by their bare names.""",
        "## Top level",
        _table(own),
    ]
    for table, cls in {**SECTIONS, **METHOD_SETTINGS, **GATE}.items():
        fields = fields_of(cls)
        parts += [f"## [{table}]", _paragraphs(cls), _table(fields) if fields else "It has no settings."]
        parts += [_counting(cls)] if table in METHOD_SETTINGS else []
    return "\n\n".join(parts) + "\n"


def _counting(cls):
    """Which settings of a method count where."""
    every, lines = [f.name for f in fields_of(cls)], []
    for words, settings, family in paths(cls()):
        counting = settings.counting(family)
        told = [f"`{name}`" for name in every if name in counting]
        without = [f"`{name}`" for name in every if name not in counting]
        said = ", ".join(told) or "none"
        if len(without) < len(told):
            said = f"all but {', '.join(without)}" if without else "all"
        lines.append(f"- {words}: {said}")
    return "These count; another one that is given there is refused:\n\n" + "\n".join(lines)


def cli_page():
    """docs/reference/cli.md."""
    parts = [
        "# Commands",
        MADE_BY,
        EPILOG,
        "Results go to stdout, everything else to stderr. `-q` and `-v` can stand before or after the command.",
        "Your shell completes commands, options and their choices after `labelfix --install-completion` (bash, zsh, "
        "fish, PowerShell); it adds a line to the shell's start file. `labelfix --show-completion` prints the script.",
    ]
    for name, function in commands().items():
        usage = " ".join(["labelfix", name, *(p.metavar for p in parameters(function) if not p.flags), "[OPTIONS]"])
        described = [_one_line(text) for text in (inspect.getdoc(function) or "").split("\n\n")]
        parts += [f"## labelfix {name}", f"    {usage}", *described, *_panels(function)]
    return "\n\n".join(parts) + "\n"


def python_page():
    """docs/reference/python.md."""
    parts = [
        "# Python",
        MADE_BY,
        "What `import labelfix` gives; [how to use it](../how-to/python.md). Rows and tables are taken as a path, "
        "`hub:NAME`, an Arrow table, a pandas or polars frame, or a `datasets.Dataset`.",
    ]
    for name in ("check", "train", "resume", "load_run"):
        parts += [f"## labelfix.{name}", *_python_function(f"labelfix.{name}", getattr(labelfix, name))]
    for cls in (labelfix.Check, labelfix.Run):
        parts += [f"## {cls.__name__}", *_google(inspect.getdoc(cls) or "")]
        for name, member in _members(cls):
            if callable(member):
                parts += [f"### {cls.__name__}.{name}", *_python_function(name, member)]
            else:
                parts += [f"### {cls.__name__}.{name}", _one_line(inspect.getdoc(member) or "")]
    return "\n\n".join(parts) + "\n"


def _members(cls):
    """The public methods and properties of a class and of those it extends, the latter first."""
    for owner in reversed(cls.__mro__[:-1]):
        for name, member in vars(owner).items():
            if not name.startswith("_") and isinstance(member, FunctionType | property | cached_property):
                yield name, member


def _python_function(name, function):
    taken = [p for p in inspect.signature(function).parameters.values() if p.name != "self"]
    written = [_python_parameter(p) for p in taken]
    star = next((i for i, p in enumerate(taken) if p.kind is p.KEYWORD_ONLY), None)
    if star is not None:
        written.insert(star, "*")
    yield f"    {name}({', '.join(written)})"
    yield from _google(inspect.getdoc(function) or "")


def _python_parameter(parameter):
    stars = {parameter.VAR_KEYWORD: "**", parameter.VAR_POSITIONAL: "*"}.get(parameter.kind, "")
    default = "" if parameter.default is parameter.empty else f"={parameter.default!r}"
    return f"{stars}{parameter.name}{default}"


def _google(doc):
    """A Google docstring as Markdown: its paragraphs, its arguments as a table, what it gives and raises as lines."""
    for part in doc.split("\n\n"):
        head, _, body = part.partition("\n")
        if head not in ("Args:", "Attributes:", "Returns:", "Raises:"):
            yield _one_line(part)
            continue
        items = [_one_line(item) for item in re.split(r"\n(?=    \S)", "\n" + body) if item.strip()]
        if head == "Returns:":
            yield f"Gives: {' '.join(items)}"
            continue
        rows = [item.partition(": ") for item in items]
        title = {"Args:": "takes", "Attributes:": "holds", "Raises:": "raises"}[head]
        yield "\n".join([f"| {title} | |", "|---|---|", *(f"| `{n}` | {_cell(text)} |" for n, _, text in rows)])


@dataclass(frozen=True)
class Parameter:
    """A flag or an argument of a command.

    Attributes:
        flags: How it is written, `--show`; none for an argument.
        metavar: What it takes; empty for a switch.
        help: What it does.
        panel: The heading it stands under.
        place: Where it stands, as in the help.
    """

    flags: tuple[str, ...]
    metavar: str
    help: str
    panel: str
    place: int


def commands():
    """Command name → the function that runs it, in the order of the help."""
    found = {info.name or info.callback.__name__: info.callback for info in application().registered_commands}
    for group in application().registered_groups:
        for info in group.typer_instance.registered_commands:
            found[f"{group.name} {info.name}"] = info.callback
    return found


def parameters(function):
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
        choices = "|".join(kinds) if typing.get_origin(given) is typing.Literal else ""
        metavar = "" if bool in kinds else info.metavar or choices
        panel = panel_of(function, name, info.rich_help_panel)
        yield Parameter(flags, metavar, _one_line(info.help or ""), panel, place_of(function, name, panel))


def pages():
    """Path → what stands there when it is fresh."""
    folder = ROOT / "docs" / "reference"
    return {
        folder / "settings.md": settings_page(),
        folder / "cli.md": cli_page(),
        folder / "python.md": python_page(),
    }


def _table(fields):
    rows = [f"| `{f.name}` | {_cell(f.type_name)} | {_default(f)} | {_cell(f.doc)} |" for f in fields]
    return "\n".join(["| name | takes | default | meaning |", "|---|---|---|---|", *rows])


def _default(field):
    if field.default is None or field.default == ():
        return "automatic"
    return f"`{str(field.default).lower() if isinstance(field.default, bool) else field.default}`"


def _paragraphs(cls):
    return (inspect.getdoc(cls) or "").strip()


def _panels(function):
    panels: dict[str, list[str]] = {}
    for p in sorted(parameters(function), key=lambda each: each.place):
        names = " ".join([", ".join(f"`{flag}`" for flag in p.flags), p.metavar]).strip()
        row = f"| {_cell(names)} | {_cell(p.help)} |"
        panels.setdefault(p.panel if p.flags else "Arguments", []).append(row)
    for panel, rows in panels.items():
        yield "\n".join([f"| {panel} | |", "|---|---|", *rows])


def _one_line(text):
    """A help text without the escapes that keep rich from reading it as markup."""
    return " ".join(text.replace("\\[", "[").split())


def _cell(text):
    return text.replace("|", r"\|")


def main():
    """Write all pages."""
    for path, text in pages().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
