"""Several views of a row side by side: an encoder and the words of a text, its numbers, its image.

Every view is a frozen representation with rows of length 1 (a table's: on average), or of several such parts, encoded
and cached by itself. Each part is multiplied by its weight; the classifier is one linear head on all of them, so that
nothing else need know of views.

Legend: N rows, B rows of a block, D features of all views together, P of a part, K classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from labelfix.compute.ranks import ranks
from labelfix.data.inputs import HeldInputs, inputs_of
from labelfix.data.tables import InputSpec, InputTable
from labelfix.errors import SettingsError
from labelfix.models.cache import Taker, cached
from labelfix.models.cards import FeatureCard, views_card
from labelfix.models.contents import contents_hash
from labelfix.models.encoding import digest
from labelfix.models.features import FeatureInputs
from labelfix.models.frozen import FrozenFeatures
from labelfix.progress import Progress
from labelfix.runs import remove
from labelfix.settings.model import ComputeSettings

Features = npt.NDArray[np.float32]

BLOCK = 8192
"""Rows joined at once."""

IN_MEMORY = 1 << 28
"""Bytes of joined features up to which they are held in memory; more lie in the cache, beside those of each view."""


@dataclass(frozen=True)
class Views(FrozenFeatures):
    """Frozen representations side by side; the classifier is a linear head.

    Attributes:
        weights: What each part of each view is multiplied by.
        known: A table whose views were encoded before, and their parts; None where there is none.
    """

    family: ClassVar[str] = "views"
    spec: InputSpec
    views: tuple[FrozenFeatures, ...]
    weights: tuple[tuple[float, ...], ...]
    known: tuple[InputTable, list[Features]] | None = field(default=None, compare=False, repr=False)

    @property
    def feature_width(self) -> int:
        return sum(view.feature_width for view in self.views)

    @property
    def description(self) -> str:
        parts = [view.description.removesuffix(", linear head") for view in self.views]
        return f"{'; '.join(parts)}; side by side in {self.feature_width} dimensions, linear head"

    @property
    def identity(self) -> str:
        return digest(self.family, 1, [view.identity for view in self.views], self.part_weights)

    @property
    def of_one_table(self) -> bool:
        """Whether its views are the two of a table: which of them tells more depends on the table."""
        return [view.family for view in self.views] == ["kernel", "table"]

    @property
    def part_weights(self) -> list[float]:
        """The weight of each part, those of all views in one row."""
        return list(chain.from_iterable(self.weights))

    def weighed(self, part_weights: Sequence[float], known: tuple[InputTable, list[Features]] | None = None) -> Views:
        """The same with other weights of each part, those of all views in one row."""
        rest = iter(part_weights)
        weights = tuple(tuple(islice(rest, view.part_count)) for view in self.views)
        return replace(self, weights=weights, known=known)

    def encode(self, table: InputTable, compute: ComputeSettings, progress: Progress) -> FeatureInputs:
        parts = self.parts(table, compute, progress)
        if isinstance(table, HeldInputs) or 4 * len(table) * self.feature_width <= IN_MEMORY:
            return FeatureInputs(np.concatenate([np.empty((0, self.feature_width), np.float32), *self._joined(parts)]))

        def make(writer: Taker) -> None:
            for block in self._joined(parts):
                writer.append("rows", block)

        key = digest(self.identity, contents_hash(table, compute.read_rows, progress))
        here, what = ranks(), f"joined features of {table.name}"
        if not here.first:
            here.wait()
        rows = cached(compute, key, what, make, progress)["rows"]
        if here.first:
            here.wait()
        return FeatureInputs(rows)

    def parts(self, table: InputTable, compute: ComputeSettings, progress: Progress) -> list[Features]:
        """`(N, P)` features of each part of each view, before its weight."""
        if self.known is not None and self.known[0] is table:
            return self.known[1]
        found = [view.encode(inputs_of(table, view.spec), compute, progress).features for view in self.views]
        return [part for view, each in zip(self.views, found, strict=True) for part in parts_of(view, each)]

    def split(self, features: Features) -> list[Features]:
        """`(N, P)` each part of `(N, D)` features side by side."""
        widths = [view.part_width for view in self.views for _ in range(view.part_count)]
        return np.split(features, np.cumsum(widths)[:-1], axis=1)

    def to_json(self) -> dict[str, Any]:
        """Every view with its family, weight or weights, and columns; its files lie in `view-1` and so on."""
        return {
            "views": [
                {
                    "family": view.family,
                    "weight": weights[0] if len(weights) == 1 else list(weights),
                    "description": view.description.removesuffix(", linear head"),
                    "input": view.spec.to_json(),
                    "encoding": view.to_json(),
                }
                for view, weights in zip(self.views, self.weights, strict=True)
            ]
        }

    def write_parts(self, folder: Path) -> None:
        """A folder with what is fitted for every view that needs one."""
        for number, view in enumerate(self.views, start=1):
            place = view_folder(folder, number)
            place.mkdir()
            view.write_parts(place)
            if not any(place.iterdir()):
                remove(place)

    def feature_card(self) -> FeatureCard:
        return views_card([view.spec.kind for view in self.views], [view.feature_card() for view in self.views])

    def _joined(self, parts: Sequence[Features]) -> Iterator[Features]:
        for start in range(0, len(parts[0]), BLOCK):
            yield joined([part[start : start + BLOCK] for part in parts], self.part_weights)


def views_of(representation: FrozenFeatures) -> tuple[tuple[FrozenFeatures, ...], tuple[tuple[float, ...], ...]]:
    """The views of a representation and the weights of their parts; one that is no `Views` is the only one."""
    if isinstance(representation, Views):
        return representation.views, representation.weights
    return (representation,), ((1.0,) * representation.part_count,)


def parts_of(view: FrozenFeatures, features: Features) -> list[Features]:
    """`(N, P)` each part of a view's features."""
    return np.split(features, view.part_count, axis=1)


def joined(parts: Sequence[Features], weights: Sequence[float]) -> Features:
    """`(N, D)` parts side by side, each times its weight; those that weigh nothing are left out."""
    return np.hstack([part * np.float32(weight) for part, weight in zip(parts, weights, strict=True) if weight])


def side_by_side(spec: InputSpec, names: Sequence[str], found: Sequence[Any]) -> Views:
    """Representations as views, each of weight 1; views of views stand in one row.

    Raises:
        SettingsError: One of them is trained as a whole.
    """
    for name, each in zip(names, found, strict=True):
        if not each.frozen:
            raise SettingsError(
                f"backbone = {name!r} is trained as a whole and cannot stand beside others; give one of fixed "
                "features, such as a model's folder without --no-freeze, or this one alone"
            )
    flat = [view for each in found for view in (each.views if isinstance(each, Views) else (each,))]
    return Views(spec, tuple(flat), tuple((1.0,) * view.part_count for view in flat))


def view_folder(folder: Path, number: int) -> Path:
    """Where the files of a view lie, counted from 1, within a classifier folder."""
    return folder / f"view-{number}"
