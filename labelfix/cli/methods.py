"""`labelfix methods`: what can correct labels, and how each is set. Told without importing any of them."""

from __future__ import annotations

import inspect
import textwrap
from typing import Annotated

import typer

from labelfix.cli import options
from labelfix.errors import SettingsError

WIDTH = 100

Name = Annotated[str | None, typer.Argument(metavar="[METHOD]", show_default=False, help="Describe this method.")]


def methods(context: typer.Context, name: Name = None) -> None:
    """List the methods; with a name: its idea, its settings with their defaults, and its source."""
    from labelfix.settings.methods import METHOD_SETTINGS

    if name is not None and name not in METHOD_SETTINGS:
        raise SettingsError(f"{name!r} is not a method; it is one of {', '.join(METHOD_SETTINGS)}")
    voice = options.voice(context)
    if name is not None:
        voice.data(*_described(name).splitlines())
        return
    width = max(map(len, METHOD_SETTINGS))
    for method, settings in METHOD_SETTINGS.items():
        voice.data(f"{method:<{width}}  {_paragraphs(settings)[0]}")


def _described(method: str) -> str:
    from labelfix.settings.base import fields_of
    from labelfix.settings.counting import HEADS, counting
    from labelfix.settings.methods import METHOD_SETTINGS

    settings = METHOD_SETTINGS[method]
    title, *idea = _paragraphs(settings)
    parts = [f"{method}: {title}", *(textwrap.fill(text, WIDTH) for text in idea)]
    known = counting(settings())
    groups: dict[tuple[str, ...], list[str]] = {}
    for field in fields_of(settings):
        head = f"  {field.name} = {_default(field.default)}  ({field.type_name})"
        told = f"{head}\n{textwrap.fill(field.doc, WIDTH, initial_indent='      ', subsequent_indent='      ')}"
        groups.setdefault(tuple(words for words, read in known.items() if field.name in read), []).append(told)
    for words, read in known.items():
        if not read:
            parts.append(f"It has no settings {words}.")
    for where, listed in sorted(groups.items(), key=lambda group: (-len(group[0]), HEADS not in group[0][0])):
        counting_there = "" if len(where) == len(known) else f" that count {'; '.join(where)}"
        parts += [textwrap.fill(f"Settings (--set NAME=VALUE){counting_there}:", WIDTH), *listed]
    return "\n\n".join(parts)


def _paragraphs(settings: type) -> list[str]:
    return [" ".join(text.split()) for text in (inspect.getdoc(settings) or "").split("\n\n")]


def _default(value: object) -> str:
    if value is None:
        return "automatic"
    return str(value).lower() if isinstance(value, bool) else str(value)
