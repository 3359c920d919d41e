"""What the anchored recipe knows before its meta step.

Legend: N noisy rows, M trusted rows, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from labelfix.data.arrays import Floats
from labelfix.heads import stages
from labelfix.heads.folds import CrossFitted

AS_GIVEN = "as_given."
"""What the arrays of N1 are called by, beside those of the stack."""


@dataclass(frozen=True)
class Prior:
    """What the trusted rows and simple correctors say before the meta step.

    Attributes:
        stack: f_s.
        ridge: r of the classifier, chosen with S1.
        expected: T0, and without each fold.
        fitted: T_m, and without each fold.
        shares: Member → β.
        as_given: N1, which learned the given labels as they are.
        as_given_ridge: r of N1.
    """

    stack: CrossFitted
    ridge: float
    expected: tuple[Floats, tuple[Floats, ...]]
    fitted: tuple[Floats, tuple[Floats, ...]]
    shares: dict[str, float]
    as_given: CrossFitted
    as_given_ridge: float

    def to_arrays(self) -> dict[str, np.ndarray]:
        """As arrays, to be kept."""
        return (
            stages.to_arrays(self.stack)
            | stages.to_arrays(self.as_given, AS_GIVEN)
            | {
                "ridge": np.array(self.ridge),
                "as_given_ridge": np.array(self.as_given_ridge),
                "expected": np.stack([self.expected[0], *self.expected[1]]),
                "fitted": np.stack([self.fitted[0], *self.fitted[1]]),
                **{f"share.{i}.{name}": np.array(share) for i, (name, share) in enumerate(self.shares.items())},
            }
        )

    @classmethod
    def from_arrays(cls, arrays: stages.Arrays) -> Prior:
        """The same back."""
        expected, *expected_without = arrays["expected"]
        fitted, *fitted_without = arrays["fitted"]
        named = sorted(name for name in arrays if name.startswith("share."))
        return cls(
            stack=stages.from_arrays(arrays),
            ridge=float(arrays["ridge"]),
            expected=(expected, tuple(expected_without)),
            fitted=(fitted, tuple(fitted_without)),
            shares={name.split(".", 2)[2]: float(arrays[name]) for name in named},
            as_given=stages.from_arrays(arrays, AS_GIVEN),
            as_given_ridge=float(arrays.get("as_given_ridge", 1.0)),  # what it was before it was chosen
        )


class GivenLabels(Protocol):
    """What the label correction network is given beside the prior: a column of labels, or the opinions of sources."""

    def at(self, part: Tensor, fold: int | None) -> tuple[Tensor, Tensor, Tensor]:
        """What `StructuredCorrection.soft` takes of given labels.

        Args:
            part: `(n,)` noisy rows.
            fold: The fold of trusted rows that had no part in it; None for all of them.

        Returns:
            The given labels, log T0 and log T_m.
        """


@dataclass(frozen=True)
class OneColumn:
    """One given label `(N,)` a row."""

    given: Tensor
    prior: Prior

    def at(self, part: Tensor, fold: int | None) -> tuple[Tensor, Tensor, Tensor]:
        expected, fitted = (of[0] if fold is None else of[1][fold] for of in (self.prior.expected, self.prior.fitted))
        return self.given[part], as_log(expected), as_log(fitted)


def as_log(matrix: Floats) -> Tensor:
    """log T as float32."""
    return torch.from_numpy(matrix).float().log()
