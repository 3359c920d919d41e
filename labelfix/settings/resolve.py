"""Which value of a setting counts: flag > `LABELFIX_*` > configuration file > default, and where each came from."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labelfix.errors import SettingsError
from labelfix.settings.base import SettingField, fields_of
from labelfix.settings.config import CONFIG, PREFIX, config_path
from labelfix.settings.gate import TABLE
from labelfix.settings.methods import METHOD_SETTINGS
from labelfix.settings.run import SECTIONS, TrainSettings, read_toml, train_settings
from labelfix.settings.sources import KEYS, Sources, read_sources

__all__ = ["CONFIG", "DEFAULT", "PREFIX", "Resolved", "all_fields", "config_path", "resolve"]

DEFAULT = "default"
"""The origin of a setting that nobody gave."""

_TOP = tuple(f.name for f in fields_of(TrainSettings) if f.name not in (*SECTIONS, "method_settings"))


@dataclass(frozen=True)
class Resolved:
    """Settings, and who gave them.

    Attributes:
        settings: The settings.
        origins: Dotted key (`seed`, `data.label_column`, `mlc.epochs`) → `--flag`, `--set`, `LABELFIX_…`, the file's
            name, or `default`.
        config: The configuration file that was read; None where there was none.
        warnings: Sentences a person should read, such as an unknown `LABELFIX_*` variable.
        sources: The files that the configuration file names.
    """

    settings: TrainSettings
    origins: dict[str, str]
    config: str | None = None
    warnings: tuple[str, ...] = ()
    sources: Sources = Sources()

    def value(self, key: str) -> Any:  # noqa: ANN401 - settings are of many types
        """The value of a dotted key; None where it is left to its automatic choice."""
        section, _, name = key.rpartition(".")
        holder = getattr(self.settings, _attribute(section), self.settings) if section else self.settings
        return getattr(holder, name)


def resolve(
    flags: Mapping[str, Any] | None = None,
    sets: Sequence[str] = (),
    config: str | Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> Resolved:
    """Settle every setting.

    Args:
        flags: Field name (`seed`, `label_column`, `backbone`) → value; None and empty lists mean "not given".
        sets: `key=value` as given to `--set`: fields of the method bare, others as `data.x`, `model.x`, `compute.x`.
        config: A TOML file. Default: `LABELFIX_CONFIG`, else `labelfix.toml` in the working directory if it is there.
        environ: The environment; the process's own by default.
    """
    environ = os.environ if environ is None else environ
    path = config_path(config, environ)
    document = read_toml(path) if path else {}
    sources = read_sources(document, path) if path else Sources()
    file_values = values_of(document, str(path))
    method = _method(flags or {}, sets, environ, file_values)
    names = {key.rpartition(".")[2]: key for key in all_fields(method)}
    environment, warnings = _from_environment(environ, names)
    layers = [
        {key: (value, str(path)) for key, value in file_values.items() if _belongs(key, method)},
        environment,
        _from_sets(sets, names),
        {names[name]: (value, _flag(name)) for name, value in (flags or {}).items() if _given(value)},
    ]
    chosen = {key: item for layer in layers for key, item in layer.items()}
    origins = {key: chosen[key][1] if key in chosen else DEFAULT for key in (*names.values(), *chosen)}
    return Resolved(_build(chosen), origins, str(path) if path else None, tuple(warnings), sources)


def all_fields(method: str) -> dict[str, SettingField]:
    """Dotted key → field, of every setting that a run of `method` has."""
    own = {f.name: f for f in fields_of(TrainSettings) if f.name in _TOP}
    tables = {**SECTIONS, method: METHOD_SETTINGS[method]}
    return {**own, **{f"{table}.{f.name}": f for table, cls in tables.items() for f in fields_of(cls)}}


def _attribute(section: str) -> str:
    return section if section in SECTIONS else "method_settings"


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _given(value: object) -> bool:
    return value is not None and value != [] and value != ()


def values_of(document: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The settings of a configuration file as dotted keys; tables of methods that are not used are let through unread.

    Raises:
        SettingsError: It has a key or a table that labelfix does not know.
    """
    flat: dict[str, Any] = {}
    for key, value in document.items():
        if key in (*KEYS, TABLE):
            continue
        if key in SECTIONS or key in METHOD_SETTINGS:
            if not isinstance(value, Mapping):
                raise SettingsError(f"{where}: {key!r} must be a table, written [{key}]")
            flat.update({f"{key}.{name}": item for name, item in value.items()})
        elif key in _TOP:
            flat[key] = value
        else:
            raise SettingsError(f"{where}: {key!r} is not a setting{_place(key, value)}")
    return flat


def _belongs(key: str, method: str) -> bool:
    table = key.partition(".")[0]
    return table not in METHOD_SETTINGS or table == method


def _method(
    flags: Mapping[str, Any], sets: Sequence[str], environ: Mapping[str, str], file_values: Mapping[str, Any]
) -> str:
    """The method decides which settings exist, so it is settled before the others."""
    given = [(file_values.get("method"), "the configuration file"), (environ.get(PREFIX + "METHOD"), PREFIX + "METHOD")]
    given += [(entry.partition("=")[2], "--set") for entry in sets if entry.partition("=")[0].strip() == "method"]
    given += [(flags.get("method"), "--method")]
    method, where = next(((value, origin) for value, origin in reversed(given) if value), ("mlc", DEFAULT))
    if method not in METHOD_SETTINGS:
        raise SettingsError(f"{where}: method = {method!r} is not one of {', '.join(METHOD_SETTINGS)}")
    return str(method)


def _from_environment(
    environ: Mapping[str, str], names: Mapping[str, str]
) -> tuple[dict[str, tuple[Any, str]], list[str]]:
    values: dict[str, tuple[Any, str]] = {}
    warnings: list[str] = []
    for variable in sorted(environ):
        if not variable.startswith(PREFIX) or variable == PREFIX + "CONFIG":
            continue
        name = variable.removeprefix(PREFIX).lower()
        if name in names:
            values[names[name]] = (environ[variable], variable)
        else:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f"; did you mean {PREFIX}{near[0].upper()}?" if near else ""
            warnings.append(f"{variable} is not a setting and is ignored{hint}")
    return values, warnings


def _from_sets(sets: Iterable[str], names: Mapping[str, str]) -> dict[str, tuple[Any, str]]:
    keys = set(names.values())
    values: dict[str, tuple[Any, str]] = {}
    for entry in sets:
        key, equals, value = (part.strip() for part in entry.partition("="))
        if not equals or not key:
            raise SettingsError(f"--set {entry}: is not key=value; write for example --set epochs=30")
        full = names[key] if key in names and not names[key].startswith(tuple(f"{s}." for s in SECTIONS)) else key
        if full not in keys:
            raise SettingsError(f"--set {entry}: {key!r} is not a setting{_meant(key, names)}")
        values[full] = (value, "--set")
    return values


def _meant(key: str, names: Mapping[str, str]) -> str:
    """The right spelling of a key: with its table where only that is missing, by its initials, else the nearest one."""
    short = [name for name in names if "".join(word[0] for word in name.split("_")) == key.lower()]
    close = short if len(short) == 1 else difflib.get_close_matches(key, [*names, *names.values()], n=1)
    near = key if key in names else next(iter(close), None)
    full = names.get(near, near) if near else ""
    table, _, bare = full.rpartition(".")
    if near:
        return f"; did you mean {bare if table in METHOD_SETTINGS else full}?"
    return f"; it is one of {', '.join(sorted(names))}"


def _place(key: str, value: object) -> str:
    """The right spelling of a key that stands outside of the tables, and the table where it belongs into one."""
    inside = {field.name: table for table, cls in SECTIONS.items() for field in fields_of(cls)}
    tops = [*_TOP, *KEYS, TABLE, *SECTIONS, *METHOD_SETTINGS]
    if isinstance(value, Mapping):
        return _nearest(key, [TABLE, *SECTIONS, *METHOD_SETTINGS])
    near = key if key in inside else next(iter(difflib.get_close_matches(key, [*tops, *inside], n=1)), "")
    return f"; write {near!r} below a line [{inside[near]}]" if near in inside else _nearest(key, tops)


def _nearest(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; it is one of {', '.join(known)}"


def _nested(chosen: Mapping[str, tuple[Any, str]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, (value, _) in chosen.items():
        table, _, name = key.rpartition(".")
        (values.setdefault(table, {}) if table else values)[name] = value
    return values


def _build(chosen: Mapping[str, tuple[Any, str]]) -> TrainSettings:
    """Build the settings; where that fails, find the one value at fault so that the message can name its origin."""
    method = {key: item for key, item in chosen.items() if key == "method"}
    try:
        return train_settings(_nested(chosen), "settings")
    except SettingsError as error:
        for key, (value, origin) in chosen.items():
            try:
                train_settings(_nested({**method, key: (value, origin)}), origin)
            except SettingsError as single:
                raise SettingsError(_without_table(str(single), origin)) from None
        raise SettingsError(str(error).removeprefix("settings, ").removeprefix("settings: ")) from None


def _without_table(message: str, origin: str) -> str:
    """`--seed: [data]: …` says too much for a flag; files keep the table, which tells where to look."""
    if not origin.startswith(("--", PREFIX)):
        return message
    return f"{origin}: {message.split(': ', 1)[1]}"
