"""Whether classes have other shares among some rows than among those of a run: a test of two samples, and its effect.

The test is `labels.same_shares`. Two questions are asked, of given labels and of predicted classes, so each is tested
at half the level (Bonferroni): then at most one pair in 1 / level of like samples is called different, whatever the two
have to do with each other.

Many rows make any difference more than chance, so a test alone would fail every week: drift fails a gate only where it
is also larger than a tolerance. The effect is the total variation distance ½ Σ |a − b| of the shares, the part of the
rows that would have to be of another class.

Legend: K classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from labelfix.data.arrays import Counts
from labelfix.data.labels.same_shares import MAX_DRIFT, distance_of, same_shares
from labelfix.errors import input_error
from labelfix.outputs.column_arrays import codes
from labelfix.outputs.corrected_rows import CorrectedRows, corrected_metadata, groups, open_corrected
from labelfix.outputs.plain_text import shorten, visible
from labelfix.runs import RunFolder

DRIFT_LEVEL = 0.001
"""A weekly job that compares like with like then fails once in twenty years."""

ASKED = (("given_label", "given labels"), ("predicted_label", "predicted classes"))


@dataclass(frozen=True)
class Drift:
    """One comparison.

    Attributes:
        what: `given labels` or `predicted classes`.
        against: What the rows were compared with, as the user named it.
        rows_against: How many they were compared with.
        level: Below this the shares differ by more than chance makes; half the level of both questions together.
        distance: Share of the rows that would have to be of another class, in [0, 1].
        class_name: The class whose share differs most.
    """

    what: str
    against: str
    rows: int
    rows_against: int
    p: float | None
    level: float
    distance: float
    tolerance: float
    class_name: str = ""
    share: float = 0.0
    share_against: float = 0.0

    @property
    def differs(self) -> bool:
        """Whether the shares differ by more than chance makes."""
        return self.p is not None and self.p < self.level

    @property
    def passed(self) -> bool:
        """Whether the gate lets it through."""
        return not self.differs or self.distance <= self.tolerance

    @property
    def short(self) -> str:
        """How it stands, without what is in the data."""
        if self.p is None:
            return "there are no rows to compare"
        chance = "by more than" if self.differs else "by no more than"
        tail = ""
        if self.differs:
            tail = ", as far as is let through" if self.passed else ", farther than is let through"
        return f"the shares differ {chance} chance makes (p = {self.p:.1g}, level {self.level:g}){tail}"

    @property
    def lines(self) -> tuple[str, ...]:
        """How it stands, in lines for people."""
        if self.p is None:
            return (f"{self.what}: there are no rows to compare with {shorten(visible(self.against), 30)}",)
        if not self.differs:
            return (f"{self.what}: no drift from {shorten(visible(self.against), 30, head=True)} (p = {self.p:.1g})",)
        verdict = "within the tolerance" if self.passed else "drifted"
        most = shorten(f'"{visible(self.class_name)}"', 20)
        here, there = (f"{100 * share:.3g} %" for share in (self.share, self.share_against))
        return (
            f"{self.what}: {verdict}; {100 * self.distance:.2g} % of the rows are of another class",
            f"  most: {most} {here} here, {there} in {shorten(visible(self.against), 24, head=True)}",
            f"  chance: p = {self.p:.1g}, below {self.level:g} is drift; {100 * self.tolerance:.3g} % let through",
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        names = ("what", "against", "rows", "rows_against", "p", "level", "distance", "tolerance", "class_name")
        values = {name: getattr(self, name) for name in (*names, "share", "share_against", "passed")}
        return {("class" if name == "class_name" else name): value for name, value in values.items()}


def compare(
    rows: CorrectedRows, against: Path, level: float = DRIFT_LEVEL, tolerance: float = MAX_DRIFT
) -> tuple[Drift, ...]:
    """Compare the shares of classes among some rows with those of a run or of a file of corrected labels.

    Args:
        level: Of both questions together, in (0, 1).
        tolerance: Share of the rows that may be of another class, in [0, 1].

    Raises:
        InputError: There is nothing of the kind there, or its classes are wholly others.
        RunError: The run is not finished.
    """
    others = _opened(against)
    ours, theirs = (corrected_metadata(each).classes for each in (rows, others))
    if not set(ours) & set(theirs):
        raise input_error(str(against), "has none of the classes of the rows", "name a run of the same classes")
    classes = list(dict.fromkeys([*theirs, *ours]))
    counted = zip(_counts(rows, classes), _counts(others, classes), strict=True)
    pairs = zip(ASKED, counted, strict=True)
    return tuple(
        _compared(what, str(against), classes, here, there, level / len(ASKED), tolerance)
        for (_, what), (here, there) in pairs
    )


def _opened(against: Path) -> CorrectedRows:
    if not against.is_dir():
        return open_corrected(against)
    return open_corrected(RunFolder.open_finished(against).corrected)


def _counts(rows: CorrectedRows, classes: Sequence[str]) -> Iterator[Counts]:
    """`(K,)` rows of each class, by given label and by prediction; rows without one are not counted."""
    names = {name: code for code, name in enumerate(classes)}
    found = np.zeros((len(ASKED), len(classes)), dtype=np.int64)
    for _, group in groups(rows, [column for column, _ in ASKED]):
        for place, (column, _) in enumerate(ASKED):
            said = codes(group.column(column), names)
            found[place] += np.bincount(said[said >= 0], minlength=len(classes))
    return iter(found)


def _compared(
    what: str, against: str, classes: Sequence[str], here: Counts, there: Counts, level: float, tolerance: float
) -> Drift:
    rows, others, p = int(here.sum()), int(there.sum()), same_shares(here, there)
    if p is None:
        return Drift(what, against, rows, others, None, level, 0.0, tolerance)
    ours, theirs = here / rows, there / others
    most = int(np.abs(ours - theirs).argmax())
    distance = distance_of(here, there)
    shares = float(ours[most]), float(theirs[most])
    return Drift(what, against, rows, others, p, level, distance, tolerance, classes[most], *shares)
