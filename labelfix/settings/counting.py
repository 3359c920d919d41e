"""Which settings of a method count where: on fixed features, whose heads are mostly solved for, and for whole networks.

A method reads some of its settings on one path only. Each settings class says which by `on_heads` and `on_networks`;
a setting that is given and would not be read is refused by name, before anything is trained. A test fits every method
on every path and records what is read, so that this cannot drift.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import get_args

from labelfix.errors import SettingsError
from labelfix.settings.base import fields_of
from labelfix.settings.mlc import MlcSettings, Recipe
from labelfix.settings.networks import Family, MethodSettings
from labelfix.settings.run import TrainSettings

HEADS, NETWORKS = "on fixed features", "for networks that are trained as a whole"
ROUNDS = "where an encoder learns its features (--no-freeze)"


def paths(settings: MethodSettings) -> Iterator[tuple[str, MethodSettings, Family]]:
    """The paths that a method has, in words, with settings and a family that take each."""
    families: tuple[tuple[str, Family], ...] = ((HEADS, "head"), (NETWORKS, "network"))
    for words, family in families:
        if isinstance(settings, MlcSettings):
            for recipe in get_args(Recipe):
                if recipe != "anchored" or family == "head":
                    yield f"{words}, recipe = {recipe}", replace(settings, recipe=recipe), family
        else:
            yield words, settings, family


def counting(settings: MethodSettings) -> dict[str, Collection[str]]:
    """Where settings count, in words → the names of those that do; an encoder that learns features has a place too."""
    found: dict[str, Collection[str]] = {words: own.counting(family) for words, own, family in paths(settings)}
    return found | ({ROUNDS: settings.counting_in_rounds} if isinstance(settings, MlcSettings) else {})


def unread(settings: MethodSettings, counting: Collection[str]) -> dict[str, object]:
    """Settings with another value than their default that the method does not read."""
    given = {f.name: getattr(settings, f.name) for f in fields_of(type(settings))}
    default = {f.name: f.default for f in fields_of(type(settings))}
    return {name: value for name, value in given.items() if name not in counting and value != default[name]}


def refuse_unread(settings: TrainSettings, family: Family) -> None:
    """Refuse settings of the method that would change nothing. Those that say the default are let through.

    Raises:
        SettingsError: There are any; the message names all of them, and the settings that do count.
    """
    own = settings.method_settings
    rounds = family == "head" and settings.learns_features
    read = own.counting_in_rounds if rounds and isinstance(own, MlcSettings) else own.counting(family)
    useless = unread(own, read)
    if not useless:
        return
    where = HEADS if family == "head" else NETWORKS
    if isinstance(own, MlcSettings):
        where += f", recipe = {own.recipe_for(family)}"
    where += ", --no-freeze" if rounds else ""
    named = ", ".join(f"{name} = {_told(value)}" for name, value in useless.items())
    counting = [f.name for f in fields_of(type(own)) if f.name in read]
    counts = f"what counts is {', '.join(counting)}" if counting else "nothing is left to set"
    raise SettingsError(
        f"{settings.method} {where} does not read {named}: {counts} (`labelfix methods {settings.method}`)"
        f"{_read_elsewhere(own, family, set(useless))}"
    )


def _read_elsewhere(own: MethodSettings, family: Family, useless: set[str]) -> str:
    """What to give so that the settings are read, where something is."""
    if family != "head":
        return ""
    if not isinstance(own, MlcSettings):
        networks = "--backbone mlp (tables, embeddings), --backbone resnet32 (images) or --no-freeze"
        read = useless <= own.counting("network")
        return f"; for a network that is trained as a whole give {networks}" if read else ""
    remedies = {
        "--no-freeze": own.counting_in_rounds,
        "--set recipe=paper": replace(own, recipe="paper").counting("head"),
    }
    reading = [remedy for remedy, names in remedies.items() if useless <= names]
    return f"; with {' or '.join(reading)} it does" if reading else ""


def _told(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
