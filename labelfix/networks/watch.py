"""Figures watched during training, summed on the device, and the check that stops a run which cannot recover.

Legend: K classes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from labelfix.errors import TrainingError

COLLAPSED, VARIED = 0.98, 0.9
"""Labels count as collapsed where one class has at least this share of the corrected mass, and every class at most
that share of the given labels."""

ENOUGH = 50
"""Rows that must be seen before the labels' class shares are judged."""


@dataclass(frozen=True)
class Seen:
    """What a tally has summed up.

    Attributes:
        means: Figure → mean over the steps in which there was one; NaN where there was none.
    """

    means: dict[str, float]
    corrected_top: float
    given_top: float
    rows: int


class Tally:
    """Sums of figures on the device; it is read once an epoch or so, and nobody waits for it before.

    Args:
        always: Those that every step has; for them a value that is not a number counts as one.
    """

    def __init__(self, names: Sequence[str], always: Sequence[str], num_classes: int, device: torch.device) -> None:
        self.names = tuple(names)
        self._always = torch.tensor([name in always for name in names], device=device)
        self.sums = torch.zeros(len(names), dtype=torch.float64, device=device)
        self.counts = torch.zeros(len(names), dtype=torch.float64, device=device)
        self.mass = torch.zeros(2, num_classes, dtype=torch.float64, device=device)

    @torch.no_grad()
    def add(self, figures: Sequence[Tensor], corrected: Tensor, given: Tensor) -> None:
        """Take in a step.

        Args:
            figures: Scalars, in the order of the names; NaN where a step has none.
            corrected: `(K,)` mass of the corrected labels.
            given: `(K,)` counts of the given ones.
        """
        values = torch.stack([f.to(torch.float64) for f in figures])
        present = self._always | ~torch.isnan(values)
        self.sums.add_(torch.where(present, values, torch.zeros_like(values)))
        self.counts.add_(present)
        self.mass[0].add_(corrected)
        self.mass[1].add_(given)

    def take(self) -> Seen:
        """What has been summed up since the last time; waits for the device."""
        sums, counts, mass = (t.tolist() for t in (self.sums, self.counts, self.mass))
        self.clear()
        means = {n: s / c if c else math.nan for n, s, c in zip(self.names, sums, counts, strict=True)}
        totals = [max(sum(part), 1e-12) for part in mass]
        return Seen(means, max(mass[0]) / totals[0], max(mass[1]) / totals[1], round(sum(mass[1])))

    def clear(self) -> None:
        """Start again."""
        for tensor in (self.sums, self.counts, self.mass):
            tensor.zero_()

    def state(self) -> dict[str, Tensor]:
        """What a checkpoint has to keep."""
        return {"sums": self.sums, "counts": self.counts, "mass": self.mass}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Go on from a checkpoint."""
        for name, tensor in self.state().items():
            tensor.copy_(state[name])


def check(seen: Seen, losses: Sequence[str], epoch: int, learning_rate: float, may_collapse: bool = True) -> None:
    """Stop training that cannot recover.

    Args:
        losses: Figures that have to be numbers.
        may_collapse: Whether the corrected labels are those of a label correction network.

    Raises:
        TrainingError: A loss is no number, or the corrected labels are all of one class while the given are not.
    """
    if not all(math.isfinite(seen.means[name]) for name in losses):
        raise TrainingError(
            f"the loss is no longer a number in epoch {epoch}; try --set learning_rate={learning_rate / 10:.3g}"
        )
    if may_collapse and seen.rows >= ENOUGH and seen.corrected_top >= COLLAPSED and seen.given_top <= VARIED:
        raise TrainingError(
            f"the label correction network has collapsed in epoch {epoch}: {seen.corrected_top:.1%} of its labels are "
            f"one class, while no more than {seen.given_top:.1%} of the given ones are; "
            "try --set lcn_learning_rate=1e-4, --set skip=true, a longer warm-up (--set warmup_epochs=5) or more "
            "trusted rows"
        )
