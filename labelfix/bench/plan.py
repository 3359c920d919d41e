"""Plans: a grid of data sets, methods, noise, levels, seeds and backbones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from labelfix.data.labels.noise import FEATURE_KINDS, KINDS
from labelfix.settings.base import check_choices, require
from labelfix.settings.methods import METHOD_SETTINGS, MethodSettings

NONE = "none"
REAL = "real"
"""What the noise of a set is called that brings its given labels along."""

MADE = (*KINDS, *FEATURE_KINDS, NONE)
"""Noise that the bench can make."""


@dataclass(frozen=True, kw_only=True)
class Noise:
    """Noise that is made for the bench."""

    kind: str
    """`unif`, `flip`, `flip-u`, `nearest-class`, `instance-dependent`, or `none` at rate 0."""

    rate: float
    """ρ in [0, 1]."""

    def __post_init__(self) -> None:
        _check_kind(self.kind)
        require(0 <= self.rate <= 1, f"rate = {self.rate} must be in [0, 1]")
        require(self.kind != NONE or self.rate == 0, f"kind = 'none' has rate 0, not {self.rate:g}")


@dataclass(frozen=True, kw_only=True)
class NoiseLevels:
    """A kind of noise at several rates, made on every set that has neither given labels nor noise of its own."""

    kind: str
    """As in `Noise`."""

    rates: tuple[float, ...]
    """ρ, each in [0, 1]. Rate 0 is run once for all kinds of the plan."""

    def __post_init__(self) -> None:
        _check_kind(self.kind)
        require(self.kind != NONE, "kind = 'none' is not written in [[noise]]; rate 0 of any kind is it")
        require(bool(self.rates), f"noise {self.kind}: rates must name at least one")
        require(all(0 <= rate <= 1 for rate in self.rates), f"noise {self.kind}: rates must be in [0, 1]")
        require(len(set(self.rates)) == len(self.rates), f"noise {self.kind}: a rate stands there twice")


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
    """Column of the given labels; absent where noise makes them."""

    sources: tuple[str, ...] = ()
    """Columns of labels of several sources, or one column of votes, instead of `given`; see `--label-columns`."""

    vote: Literal["all", "majority", "dawid-skene"] = "all"
    """What methods are given of `sources`: all opinions, with the majority as the given label; or one label a row."""

    given_file: str | None = None
    """The file that has this column, where it is not in `files`; rows find their label by their id."""

    id_column: str = "id"
    """Column of the ids in `files` and `given_file`; read for `given_file` alone."""

    noise: Noise | None = None
    """The noise to make, instead of the plan's [[noise]]."""

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
    """Use only this many rows of the files, drawn once for all seeds."""

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
        said = [self.given is not None, self.noise is not None, bool(self.sources)]
        require(sum(said) < 2, f"{self.name}: give either the column `given`, or `sources`, or a `noise`")
        check_choices(self)
        require(
            self.given_file is None or self.given is not None, f"{self.name}: `given_file` needs the column `given`"
        )
        inputs = (self.text_column, self.embedding_column, self.image_column)
        one = "give one of `text_column`, `embedding_column` and `image_column`"
        require(inputs.count(None) == len(inputs) - 1, f"{self.name}: {one}")
        for path in (*self.files, *self.test_files, *([self.given_file] if self.given_file else [])):
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

    seeds: tuple[int, ...] | None = None
    """Its seeds. Default: the plan's."""

    only: tuple[str, ...] = ()
    """The sets it is run on; all, where neither these nor `groups` are named."""

    groups: tuple[str, ...] = ()
    """Groups of sets it is run on."""

    settings: MethodSettings = field(default_factory=MethodSettings)
    """The method's settings."""

    def __post_init__(self) -> None:
        known = self.method in METHOD_SETTINGS
        require(known, f"{self.name}: method = {self.method!r} is not one of {', '.join(METHOD_SETTINGS)}")
        _check_seeds(self.seeds, f"{self.name}: ")

    def runs_on(self, entry: DataEntry) -> bool:
        """Whether the method is run on a set."""
        everywhere = not self.only and not self.groups
        return everywhere or entry.name in self.only or bool(set(self.groups) & set(entry.groups))


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to measure."""

    data: tuple[DataEntry, ...]
    """The sets."""

    methods: tuple[MethodEntry, ...]
    """The methods."""

    noise: tuple[NoiseLevels, ...] = ()
    """Made on every set without given labels and without noise of its own."""

    seeds: tuple[int, ...] = (0, 1, 2)
    """A run for each."""

    rows: int = 4000
    """A set is cut to this many rows, trusted ones included."""

    trusted_per_class: int = 100
    """Trusted rows: this many times the number of classes, …"""

    trusted_share: float = 0.1
    """… but no more than this share of the rows, where they are drawn at random."""

    trusted_draw: Literal["random", "per-class"] = "random"
    """`random`: uniformly from all rows. `per-class`: `trusted_per_class` rows of every class, uniformly within it."""

    min_confidence: float = 0.6
    """The threshold of the column "corrected at the threshold"."""

    backbones: tuple[str, ...] = ()
    """Backbones to run texts and images with. Default: the model settings' alone."""

    freeze: bool = True
    """Whether backbones are kept fixed and a head is trained on their features; false trains whole networks."""

    def __post_init__(self) -> None:
        check_choices(self)
        for what, entries in (("data", self.data), ("methods", self.methods)):
            names = [entry.name for entry in entries]
            require(bool(names), f"the plan names no {what}")
            twice = next((name for name in names if names.count(name) > 1), None)
            require(twice is None, f"the plan names {twice!r} twice in {what}")
            odd = next((name for name in names if not name or set(name) - _NAME), None)
            require(odd is None, f"the name {odd!r} in {what} goes into file names; use letters, digits, - and _ only")
        self._check_noise()
        require(bool(self.seeds), "seeds must be whole numbers from 0 on")
        _check_seeds(self.seeds, "")
        require(self.rows >= 10, f"rows = {self.rows} must be at least 10")
        require(self.trusted_per_class >= 1, f"trusted_per_class = {self.trusted_per_class} must be at least 1")
        require(0 < self.trusted_share < 1, f"trusted_share = {self.trusted_share} must be between 0 and 1")
        require(0 <= self.min_confidence <= 1, f"min_confidence = {self.min_confidence} must be in [0, 1]")
        slugs = [slug(backbone) for backbone in self.backbones]
        require(len(set(slugs)) == len(slugs), f"backbones: two are called the same in file names, {', '.join(slugs)}")

    def _check_noise(self) -> None:
        kinds = [levels.kind for levels in self.noise]
        twice = next((kind for kind in kinds if kinds.count(kind) > 1), None)
        require(twice is None, f"the plan names {twice!r} twice in noise")
        labelled = [entry.given is not None or entry.noise is not None or bool(entry.sources) for entry in self.data]
        bare = next((entry.name for entry, has in zip(self.data, labelled, strict=True) if not has), None)
        told = f"{bare}: give either the column `given`, or `sources`, or a `noise`, or the plan a [[noise]]"
        require(bare is None or bool(self.noise), told)

    def only(self, methods: Sequence[str] = (), seeds: Sequence[int] = ()) -> Plan:
        """The plan cut to some methods and seeds; nothing named keeps all.

        A method with seeds of its own keeps those of them that are named.
        """
        known = [entry.name for entry in self.methods]
        for name in methods:
            require(name in known, f"{name!r} is not in the plan; it has {', '.join(known)}")
        kept = [entry for entry in self.methods if not methods or entry.name in methods]
        if seeds:
            own = [None if m.seeds is None else tuple(s for s in m.seeds if s in seeds) for m in kept]
            kept = [replace(method, seeds=chosen) for method, chosen in zip(kept, own, strict=True)]
        return replace(self, methods=tuple(kept), seeds=tuple(seeds) or self.seeds)

    def protocol(self) -> dict[str, Any]:
        """What decides how a set is cut, as plain values."""
        names = ("rows", "trusted_per_class", "trusted_share", "trusted_draw", "min_confidence")
        return {name: getattr(self, name) for name in names}


_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")


def slug(backbone: str) -> str:
    """A backbone's name as it can stand in a file name: of a path or a repository the last part."""
    last = Path(backbone.rstrip("/")).name
    return "".join(letter if letter in _NAME else "-" for letter in last)


def _check_kind(kind: str) -> None:
    require(kind in MADE, f"kind = {kind!r} is not one of {', '.join(MADE)}")


def _check_seeds(seeds: tuple[int, ...] | None, where: str) -> None:
    require(min(seeds or (0,)) >= 0, f"{where}seeds must be whole numbers from 0 on")
