"""Plans: which data sets, methods and seeds are measured, as a TOML file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Any

from labelfix.data.noise import KINDS
from labelfix.errors import SettingsError
from labelfix.settings.base import build, require
from labelfix.settings.methods import METHOD_SETTINGS, MethodSettings
from labelfix.settings.run import read_toml

NEAREST = "nearest-class"


@dataclass(frozen=True, kw_only=True)
class Noise:
    """Noise that is made for the bench."""

    kind: str
    """`unif`, `flip`, `flip-u` or `nearest-class`."""

    rate: float
    """ρ in [0, 1]."""

    def __post_init__(self) -> None:
        require(self.kind in (*KINDS, NEAREST), f"kind = {self.kind!r} is not one of {', '.join((*KINDS, NEAREST))}")
        require(0 <= self.rate <= 1, f"rate = {self.rate} must be in [0, 1]")


@dataclass(frozen=True, kw_only=True)
class DataEntry:
    """One data set of a plan."""

    name: str
    """What the set is called in results."""

    files: tuple[str, ...]
    """Its files, relative to the data root, read as one table."""

    truth: str
    """Column of the true labels."""

    given: str | None = None
    """Column of the given labels; absent where `noise` makes them."""

    noise: Noise | None = None
    """The noise to make."""

    text_column: str | None = None
    """Column of texts."""

    embedding_column: str | None = None
    """Column of ready embeddings."""

    image_column: str | None = None
    """Column of images; `image` for a folder of images by class, whose column of labels is `label`."""

    test_files: tuple[str, ...] = ()
    """Files of test rows; without them a fifth of the rows is set aside."""

    test_truth: str | None = None
    """Column of the true labels of the test files. Default: as in `files`."""

    sample: int | None = None
    """Use only so many rows of the files, drawn once for all seeds."""

    test_sample: int | None = None
    """The same for the test files."""

    groups: tuple[str, ...] = ()
    """Names of groups of sets over which the table gives means."""

    @property
    def column(self) -> str:
        """The input column."""
        return self.text_column or self.embedding_column or self.image_column or ""

    def __post_init__(self) -> None:
        require(bool(self.files), f"{self.name}: files must name at least one file")
        require(
            (self.given is None) != (self.noise is None), f"{self.name}: give either the column `given` or a `noise`"
        )
        inputs = (self.text_column, self.embedding_column, self.image_column)
        one = "give one of `text_column`, `embedding_column` and `image_column`"
        require(inputs.count(None) == len(inputs) - 1, f"{self.name}: {one}")
        for path in (*self.files, *self.test_files):
            inside = not Path(path).is_absolute() and ".." not in Path(path).parts
            require(inside, f"{self.name}: {path} must lie below the data root")
        for name in ("sample", "test_sample"):
            value = getattr(self, name)
            require(value is None or value >= 2, f"{self.name}: {name} = {value} must be at least 2")


@dataclass(frozen=True, kw_only=True)
class MethodEntry:
    """One row of a plan's table: a method with its settings."""

    name: str
    """What it is called in results."""

    method: str = ""
    """The method. Default: the one called `name`."""

    paired: bool = False
    """Whether the trusted rows keep their given label."""

    settings: MethodSettings = field(default_factory=MethodSettings)
    """The method's settings."""

    def __post_init__(self) -> None:
        known = self.method in METHOD_SETTINGS
        require(known, f"{self.name}: method = {self.method!r} is not one of {', '.join(METHOD_SETTINGS)}")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to measure."""

    data: tuple[DataEntry, ...]
    """The sets."""

    methods: tuple[MethodEntry, ...]
    """The methods."""

    seeds: tuple[int, ...] = (0, 1, 2)
    """A run for each."""

    rows: int = 4000
    """A set is cut to so many rows, trusted ones included."""

    trusted_per_class: int = 100
    """Trusted rows: so many times the number of classes, …"""

    trusted_share: float = 0.1
    """… but no more than this share of the rows."""

    min_confidence: float = 0.6
    """The threshold of the column "corrected at the threshold"."""

    def __post_init__(self) -> None:
        for what, entries in (("data", self.data), ("methods", self.methods)):
            names = [entry.name for entry in entries]
            require(bool(names), f"the plan names no {what}")
            twice = next((name for name in names if names.count(name) > 1), None)
            require(twice is None, f"the plan names {twice!r} twice in {what}")
            odd = next((name for name in names if not name or set(name) - _NAME), None)
            require(odd is None, f"the name {odd!r} in {what} goes into file names; use letters, digits, - and _ only")
        require(bool(self.seeds) and min(self.seeds) >= 0, "seeds must be whole numbers from 0 on")
        require(self.rows >= 10, f"rows = {self.rows} must be at least 10")
        require(self.trusted_per_class >= 1, f"trusted_per_class = {self.trusted_per_class} must be at least 1")
        require(0 < self.trusted_share < 1, f"trusted_share = {self.trusted_share} must be between 0 and 1")
        require(0 <= self.min_confidence <= 1, f"min_confidence = {self.min_confidence} must be in [0, 1]")

    def only(self, data: Sequence[str] = (), methods: Sequence[str] = (), seeds: Sequence[int] = ()) -> Plan:
        """The plan cut to some sets, methods and seeds; nothing named keeps all.

        Raises:
            SettingsError: A name that the plan does not have.
        """
        for names, entries in ((data, self.data), (methods, self.methods)):
            known = [entry.name for entry in entries]
            for name in names:
                require(name in known, f"{name!r} is not in the plan; it has {', '.join(known)}")
        return replace(
            self,
            data=tuple(entry for entry in self.data if not data or entry.name in data),
            methods=tuple(entry for entry in self.methods if not methods or entry.name in methods),
            seeds=tuple(seeds) or self.seeds,
        )

    def protocol(self) -> dict[str, Any]:
        """What decides how a set is cut, as plain values."""
        return {name: getattr(self, name) for name in ("rows", "trusted_per_class", "trusted_share", "min_confidence")}


_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")


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
        raise SettingsError(f"{source}: there is no such file, nor a plan of that name; plans: {', '.join(shipped)}")
    with resources.as_file(shipped[name]) as file:
        return plan_from(read_toml(file), name)


def plan_from(values: Mapping[str, Any], where: str) -> Plan:
    """Make a plan from plain values, as a TOML file holds them.

    Args:
        values: The fields of `Plan`; `data` a list of tables, `methods` a list of names and tables.
        where: What to call the origin in messages.

    Raises:
        SettingsError: An unknown key or a value that does not fit.
    """
    top = dict(values)
    data = [_data(entry, f"{where}, data {number}") for number, entry in enumerate(_tables(top, "data", where), 1)]
    methods = [_method(entry, where) for entry in _tables(top, "methods", where)]
    scalars = build(_Scalars, top, where)
    try:
        return Plan(data=tuple(data), methods=tuple(methods), **asdict(scalars))
    except SettingsError as error:
        raise SettingsError(f"{where}: {error}") from None


@dataclass(frozen=True, kw_only=True)
class _Scalars:
    seeds: tuple[int, ...] = Plan.seeds
    rows: int = Plan.rows
    trusted_per_class: int = Plan.trusted_per_class
    trusted_share: float = Plan.trusted_share
    min_confidence: float = Plan.min_confidence


def _tables(top: dict[str, Any], key: str, where: str) -> list[Any]:
    entries = top.pop(key, [])
    if not isinstance(entries, list) or not all(isinstance(entry, Mapping | str) for entry in entries):
        raise SettingsError(f"{where}: {key} must be a list of tables, written [[{key}]]")
    return entries


def _data(entry: Mapping[str, Any] | str, where: str) -> DataEntry:
    if isinstance(entry, str):
        raise SettingsError(f"{where}: must be a table, written [[data]]")
    values = dict(entry)
    missing = [name for name in ("name", "files", "truth") if name not in values]
    if missing:
        raise SettingsError(f"{where}: {missing[0]} is missing")
    if "noise" in values:
        noise = values["noise"]
        if not isinstance(noise, Mapping) or set(noise) != {"kind", "rate"}:
            raise SettingsError(f'{where}: noise is written {{ kind = "unif", rate = 0.4 }}')
        values["noise"] = build(Noise, noise, f"{where}, noise")
    return build(DataEntry, values, where)


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
