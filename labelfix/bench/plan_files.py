"""Reading plans: TOML files, one's own and those that come with labelfix."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from labelfix.bench.plan import DataEntry, MethodEntry, Noise, NoiseLevels, Plan
from labelfix.errors import SettingsError
from labelfix.settings.base import build, require
from labelfix.settings.methods import METHOD_SETTINGS
from labelfix.settings.run import read_toml


def read_plan(source: str | Path) -> Plan:
    """Read a plan.

    Args:
        source: A TOML file, or the name of a plan that comes with labelfix (`real-noise`, also with `.toml`).

    Raises:
        SettingsError: There is no such plan, or something in it is wrong.
    """
    path = Path(source)
    if path.is_file():
        return plan_from(read_toml(path), str(path))
    shipped = {Path(item.name).stem: item for item in (resources.files("labelfix.bench") / "plans").iterdir()}
    name = path.stem if path.suffix == ".toml" else str(source)
    if path.parent != Path() or name not in shipped:
        known = ", ".join(sorted(shipped))
        raise SettingsError(f"{source}: there is no such file, nor a plan of that name; plans: {known}")
    with resources.as_file(shipped[name]) as file:
        return plan_from(read_toml(file), name)


def plan_from(values: Mapping[str, Any], where: str) -> Plan:
    """Make a plan from plain values, as a TOML file holds them.

    Args:
        values: The fields of `Plan`; `data` and `noise` lists of tables, `methods` a list of names and tables.

    Raises:
        SettingsError: An unknown key or a value that does not fit.
    """
    top = dict(values)
    data = [_data(entry, f"{where}, data {number}") for number, entry in enumerate(_tables(top, "data", where), 1)]
    methods = [_method(entry, where) for entry in _tables(top, "methods", where)]
    noise = [_levels(entry, f"{where}, noise {n}") for n, entry in enumerate(_tables(top, "noise", where), 1)]
    scalars = build(_Scalars, top, where)
    try:
        plan = Plan(data=tuple(data), methods=tuple(methods), noise=tuple(noise), **asdict(scalars))
        _check_names(plan)
        return plan
    except SettingsError as error:
        raise SettingsError(f"{where}: {error}") from None


@dataclass(frozen=True, kw_only=True)
class _Scalars:
    seeds: tuple[int, ...] = Plan.seeds
    rows: int = Plan.rows
    trusted_per_class: int = Plan.trusted_per_class
    trusted_share: float = Plan.trusted_share
    trusted_draw: Literal["random", "per-class"] = Plan.trusted_draw
    min_confidence: float = Plan.min_confidence
    backbones: tuple[str, ...] = Plan.backbones
    freeze: bool = Plan.freeze


def _check_names(plan: Plan) -> None:
    """Methods may only be kept to sets and groups that the plan has."""
    sets = [entry.name for entry in plan.data]
    groups = sorted({group for entry in plan.data for group in entry.groups})
    for method in plan.methods:
        for what, names, known in (("only", method.only, sets), ("groups", method.groups, groups)):
            odd = next((name for name in names if name not in known), None)
            require(odd is None, f"{method.name}: {what} names {odd!r}; the plan has {', '.join(known) or 'none'}")


def _tables(top: dict[str, Any], key: str, where: str) -> list[Any]:
    entries = top.pop(key, [])
    if not isinstance(entries, list) or not all(isinstance(entry, Mapping | str) for entry in entries):
        raise SettingsError(f"{where}: {key} must be a list of tables, written [[{key}]]")
    return entries


def _table(entry: Mapping[str, Any] | str, where: str, key: str, needed: tuple[str, ...]) -> dict[str, Any]:
    if isinstance(entry, str):
        raise SettingsError(f"{where}: must be a table, written [[{key}]]")
    missing = [name for name in needed if name not in entry]
    if missing:
        raise SettingsError(f"{where}: {missing[0]} is missing")
    return dict(entry)


def _data(entry: Mapping[str, Any] | str, where: str) -> DataEntry:
    values = _table(entry, where, "data", ("name", "files", "truth"))
    if "noise" in values:
        noise = values["noise"]
        if not isinstance(noise, Mapping) or set(noise) != {"kind", "rate"}:
            raise SettingsError(f'{where}: noise is written {{ kind = "unif", rate = 0.4 }}')
        values["noise"] = build(Noise, noise, f"{where}, noise")
    return build(DataEntry, values, where)


def _levels(entry: Mapping[str, Any] | str, where: str) -> NoiseLevels:
    return build(NoiseLevels, _table(entry, where, "noise", ("kind", "rates")), where)


def _method(entry: Mapping[str, Any] | str, where: str) -> MethodEntry:
    values: dict[str, Any] = {"name": entry} if isinstance(entry, str) else dict(entry)
    name = values.get("name")
    if not isinstance(name, str):
        raise SettingsError(f"{where}: an entry of methods has no name")
    where = f"{where}, method {name}"
    values.setdefault("method", name)
    settings = values.pop("settings", {})
    if values["method"] in METHOD_SETTINGS:
        values["settings"] = build(METHOD_SETTINGS[values["method"]], settings, f"{where}, settings")
    return build(MethodEntry, values, where)
