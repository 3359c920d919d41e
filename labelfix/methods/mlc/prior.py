"""What the anchored recipe knows before its meta step.

Legend: N noisy rows, M trusted rows, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from labelfix.heads import stages
from labelfix.heads.folds import CrossFitted
from labelfix.numerics.transition import Matrix

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
    """

    stack: CrossFitted
    ridge: float
    expected: tuple[Matrix, tuple[Matrix, ...]]
    fitted: tuple[Matrix, tuple[Matrix, ...]]
    shares: dict[str, float]
    as_given: CrossFitted

    def to_arrays(self) -> dict[str, np.ndarray]:
        """As arrays, to be kept."""
        return (
            stages.to_arrays(self.stack)
            | stages.to_arrays(self.as_given, AS_GIVEN)
            | {
                "ridge": np.array(self.ridge),
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
        )
