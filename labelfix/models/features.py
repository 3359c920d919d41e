"""What the classifier reads, row by row: features computed once; `network_inputs` has decoded images and token ids.

Legend: N rows, B rows of a batch, D features.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from labelfix.data.arrays import RowNumbers

if TYPE_CHECKING:
    from torch import Tensor

    from labelfix.models.classifier import Batch
    from labelfix.models.images.augment import Key


class Inputs(Protocol):
    """Encoded rows, usually memory-mapped; the order is that of the table they came from."""

    def __len__(self) -> int: ...

    def batch(self, rows: RowNumbers, augment: Key | None = None) -> Batch:
        """The given rows as the backbone reads them, on the CPU.

        Args:
            rows: `(B,)` row numbers.
            augment: The place in the run, which the augmentation of a training pass depends on; None for evaluation.
        """


@dataclass(frozen=True)
class FeatureInputs:
    """Rows of fixed features; nothing is left to augment.

    Attributes:
        features: `float32 (N, D)`, memory-mapped copy-on-write so that torch may wrap it without a copy.
    """

    features: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.features)

    @cached_property
    def tensor(self) -> Tensor:
        """`float32 (N, D)`, sharing its memory with `features`."""
        import torch  # training alone asks for tensors

        return torch.from_numpy(self.features)

    def batch(self, rows: RowNumbers, augment: Key | None = None) -> Tensor:
        """`float32 (B, D)`."""
        import torch

        return self.tensor.index_select(0, torch.from_numpy(np.ascontiguousarray(rows)))


@dataclass(frozen=True)
class SelectedInputs:
    """Some rows of other inputs, as inputs of their own; nothing is copied.

    Attributes:
        rows: `(N,)` row numbers in `inputs`.
    """

    inputs: Inputs
    rows: RowNumbers

    def __len__(self) -> int:
        return len(self.rows)

    def batch(self, rows: RowNumbers, augment: Key | None = None) -> Batch:
        """The chosen rows as the backbone reads them."""
        return self.inputs.batch(self.rows[rows], augment)


def select(inputs: Inputs, rows: RowNumbers) -> Inputs:
    """The given rows `(N,)` of `inputs`, in that order, as inputs of their own; a row may come more than once."""
    if isinstance(inputs, SelectedInputs):
        return SelectedInputs(inputs.inputs, inputs.rows[rows])
    return SelectedInputs(inputs, rows)


def unwrapped(inputs: Inputs) -> tuple[Inputs, RowNumbers | None]:
    """The inputs behind any selections, and which of their rows are meant; None for all."""
    return (inputs.inputs, inputs.rows) if isinstance(inputs, SelectedInputs) else (inputs, None)


def features_of(inputs: Inputs, rows: RowNumbers) -> npt.NDArray[np.float32]:
    """`float32 (B, D)` some rows `(B,)` of fixed features."""
    inner, chosen = unwrapped(inputs)
    assert isinstance(inner, FeatureInputs)
    return np.asarray(inner.features[rows if chosen is None else chosen[rows]])
