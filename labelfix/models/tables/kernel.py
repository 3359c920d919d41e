"""A table's rows by how near they are to each other, for classes that no line separates: an approximate kernel.

Each number becomes its rank among those of the training rows, from -√3 to √3; categories stay 0 or 1. Cosines and
sines of random projections of these are random Fourier features (Rahimi and Recht 2007) of the Matérn kernel of
smoothness 3/2, (1 + √3 d) exp(−√3 d) at a distance of d widths: projections are Student-t with three degrees of
freedom. Their principal components over the training rows are the features: most of what a head on all projections
would use, in an eighth of the numbers.

Legend: N rows, B rows of a batch, C linear features of which the first are numbers, Q quantiles, F projections,
D features.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from labelfix.data.arrays import Floats, Singles
from labelfix.data.tables import InputSpec
from labelfix.models.cards import FeatureCard
from labelfix.models.encoding import digest
from labelfix.models.frozen import FrozenFeatures
from labelfix.models.tables.features import TableFeatures
from labelfix.runs.tensors import Shape, read_arrays
from labelfix.settings.model import ComputeSettings

ARRAYS = "kernel.safetensors"


@dataclass(frozen=True)
class KernelMap:
    """From linear features to components.

    Attributes:
        quantiles: `(numbers, Q)` of the training rows' numbers, ascending.
        projections: `(C, F)`.
        centre: `(2F,)` mean cosines and sines of the training rows.
        components: `(2F, D)` principal components, divided by the length of a training row on average.
    """

    quantiles: Floats
    projections: Floats
    centre: Floats
    components: Floats

    def __call__(self, linear: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """`(B, D)` features of linear ones."""
        even = ranked(linear.astype(np.float64), self.quantiles)
        return ((waves(even, self.projections) - self.centre) @ self.components).astype(np.float32)


def ranked(linear: Floats, quantiles: Floats) -> Floats:
    """`(B, C)` linear features with ranks in the place of numbers; categories stay as they are."""
    found, places = linear.copy(), np.linspace(-np.sqrt(3), np.sqrt(3), quantiles.shape[1])
    for column, known in enumerate(quantiles):
        x = linear[:, column]  # from both sides, so that equal numbers are in the middle of their ranks
        found[:, column] = (np.interp(x, known, places) - np.interp(-x, -known[::-1], places)) / 2
    return found


def waves(even: Floats, projections: Floats) -> Floats:
    """`(B, 2F)` cosines and sines of `ranked` features `(B, C)`."""
    turned = even @ projections
    return np.asarray(np.hstack([np.cos(turned), np.sin(turned)]) / np.sqrt(projections.shape[1]))


@dataclass(frozen=True)
class KernelTable(FrozenFeatures):
    """Principal components of a table's random Fourier features; the classifier is a linear head."""

    family: ClassVar[str] = "kernel"
    rows_at_once: ClassVar[int] = TableFeatures.rows_at_once
    spec: InputSpec
    linear: TableFeatures
    source: str
    map: KernelMap = field(repr=False, compare=False)

    @property
    def feature_width(self) -> int:
        return int(self.map.components.shape[1])

    @property
    def description(self) -> str:
        return f"nearness of rows in {self.feature_width} dimensions, linear head"

    @property
    def identity(self) -> str:
        return digest(self.family, 1, self.linear.identity, self.source)

    def window(self, batch: pa.RecordBatch, row: int, name: str, compute: ComputeSettings) -> Singles:
        """Features of length 1 on average over the training rows."""
        return self.map(self.linear.window(batch, row, name, compute))

    def to_json(self) -> dict[str, Any]:
        return self.linear.to_json() | {"source": self.source, "width": self.feature_width}

    @classmethod
    def from_json(cls, values: dict[str, Any], spec: InputSpec, folder: Path) -> KernelTable:
        """Read back what `to_json` and `write_parts` gave.

        Raises:
            RunError: A file is missing or damaged.
        """
        linear = TableFeatures.from_json(values, spec, folder)
        numbers = len(linear.statistics.mean)
        shapes: dict[str, Shape] = {
            "quantiles": (numbers, "Q"),
            "projections": (linear.encoded_width, "F"),
            "centre": ("W",),
            "components": ("W", int(values["width"])),
        }
        arrays = read_arrays(folder / ARRAYS, shapes)
        if len(arrays["centre"]) != 2 * arrays["projections"].shape[1]:
            raise ValueError("its projections are not those of its components")
        return cls(spec, linear, str(values["source"]), KernelMap(**arrays))

    def write_parts(self, folder: Path) -> None:
        """The map as safetensors."""
        from safetensors.numpy import save_file

        save_file({name: np.ascontiguousarray(array) for name, array in vars(self.map).items()}, folder / ARRAYS)

    def feature_card(self) -> FeatureCard:
        card = self.linear.feature_card()
        code = card.code.replace("def features(", "def linear_features(") + CARD
        imports = (*card.imports, "from safetensors.numpy import load_file as load_arrays")
        return FeatureCard(card.packages, card.takes, imports, code)


CARD = """

def features(frame, encoding, folder):
    fitted = load_arrays(f"{folder}/kernel.safetensors")
    x = linear_features(frame, encoding, folder).double().numpy()
    ranks = np.linspace(-np.sqrt(3), np.sqrt(3), fitted["quantiles"].shape[1])
    for column, known in enumerate(fitted["quantiles"]):
        number = x[:, column]
        x[:, column] = (np.interp(number, known, ranks) - np.interp(-number, -known[::-1], ranks)) / 2
    turned = x @ fitted["projections"]
    waves = np.hstack([np.cos(turned), np.sin(turned)]) / np.sqrt(turned.shape[1])
    return torch.from_numpy(((waves - fitted["centre"]) @ fitted["components"]).astype(np.float32))
"""
