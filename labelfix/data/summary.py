"""What `check` says about the data: rows, classes, the join, and how many given labels are wrong."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from labelfix.data.labels.noise_rate import (
    COUNTED,
    FEW,
    HOW,
    OPINION_FROM,
    RateInterval,
    rate_in,
    rate_line,
    transition_counts,
)
from labelfix.data.sampling import worded
from labelfix.data.tables import Sampling

if TYPE_CHECKING:
    from labelfix.data.read import Reading

LISTED_CLASSES = 12
LONGEST_CLASS = 60
"""Characters of a class that are shown."""
LISTED_CONFUSIONS = 10


@dataclass(frozen=True)
class Summary:
    """Plain figures about the data; K classes in class order.

    Attributes:
        rows: Noisy rows N.
        unlabelled: Noisy rows without a given label.
        trusted: Trusted rows M.
        unreadable: Noisy rows whose image cannot be decoded.
        training: Noisy rows that train as such: labelled, readable, not trusted.
        given_counts: `(K,)` noisy rows with each given label.
        trusted_counts: `(K,)` trusted rows of each class.
        joined_by: `id`, `content` or `none`.
        paired: Trusted rows that stand in the noisy file.
        sampling: How the trusted rows were drawn.
        chosen: Trusted rows that `labelfix next` chose; they are left out of `noise` and `transitions`.
        noise: The share of given labels that are wrong.
        transitions: `(K, K)` paired rows by trusted class (row) and given label (column).
    """

    noisy: str
    clean: str
    rows: int
    unlabelled: int
    trusted: int
    unreadable: int
    training: int
    classes: tuple[str, ...]
    given_counts: tuple[int, ...]
    trusted_counts: tuple[int, ...]
    joined_by: str
    paired: int
    sampling: Sampling
    chosen: int
    noise: RateInterval
    transitions: tuple[tuple[int, ...], ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values for JSON; without paired rows the rate is null."""
        return asdict(self)

    def lines(self) -> tuple[str, ...]:
        """The summary for a person, one line each."""
        unreadable = f", {self.unreadable} with an image that cannot be read" if self.unreadable else ""
        paired = f"{self.paired} stand in the noisy file (joined by {self.joined_by})"
        if self.joined_by == "none":
            paired = "none of them stands in the noisy file"
        return (
            f"noisy rows: {self.rows:,} in {self.noisy} ({self.unlabelled:,} without a label{unreadable}); "
            f"{self.training:,} train as noisy rows",
            f"trusted rows: {self.trusted:,} in {self.clean}; {paired}; drawn "
            + worded(self.sampling)
            + (f", but for {self.chosen:,} that labelfix chose: these train and judge nothing" if self.chosen else ""),
            f"classes: {len(self.classes)}",
            *self._class_lines(),
            self._noise_line(),
            *self._training_lines(),
            *self._confusion_lines(),
        )

    def _class_lines(self) -> list[str]:
        total = max(sum(self.given_counts), 1)
        order = list(range(len(self.classes)))
        if len(order) > LISTED_CLASSES:
            order.sort(key=lambda code: -self.given_counts[code])
        names = [_short(name) for name in self.classes]
        width = max(map(len, names))
        shown = order[: LISTED_CLASSES - 2] + order[-2:] if len(order) > LISTED_CLASSES else order
        lines = [
            f"  {names[c]:<{width}}  {self.given_counts[c]:>8,} given ({self.given_counts[c] / total:6.1%})"
            f"  {self.trusted_counts[c]:>6,} trusted"
            for c in shown
        ]
        if len(shown) < len(order):
            lines.insert(LISTED_CLASSES - 2, f"  ... {len(order) - len(shown)} more classes between these ...")
        return lines

    @property
    def wrong(self) -> int:
        """Paired rows whose given label is not the trusted one."""
        return sum(sum(row) - row[place] for place, row in enumerate(self.transitions))

    def _noise_line(self) -> str:
        found = self.noise
        if found.value is None and not found.rows:
            return "wrong given labels: not known, as no trusted row has a given label"
        counted = f"{self.wrong:,} of {found.rows:,} trusted rows with a given label"
        if found.value is None:
            seen = sum(any(column) for column in zip(*self.transitions, strict=True))
            known = f"rows with {seen} of {sum(map(bool, self.given_counts))} given labels alone were checked"
            return f"wrong given labels: {counted}; of all rows it is not known, as {known}"
        return f"wrong given labels: {counted}; {rate_line(found.to_json(), HOW[self.sampling])}"

    def _training_lines(self) -> list[str]:
        """What training will add to the noise rate."""
        pairs, wrong = self.noise.rows, self.wrong
        if 0 < pairs < COUNTED:
            return [f"  with fewer than {COUNTED} of these a run goes by what its model says of all rows instead"]
        if self.sampling == "random" and pairs >= OPINION_FROM and min(wrong, pairs - wrong) >= FEW:
            what = "a model's opinion of the other rows, where features are fixed"
            return [f"  training adds {what}, which makes this interval narrower"]
        return []

    def _confusion_lines(self) -> list[str]:
        counts = np.array(self.transitions, dtype=np.int64)
        wrong = counts.copy()
        np.fill_diagonal(wrong, 0)
        order = np.argsort(-wrong, axis=None, kind="stable")[: int((wrong > 0).sum())]
        if not len(order):
            return []
        k = len(self.classes)
        lines = ["most frequent mistakes (trusted -> given):"]
        for flat in order[:LISTED_CONFUSIONS]:
            i, j = divmod(int(flat), k)
            pair = " -> ".join(_short(self.classes[code]) for code in (i, j))
            lines.append(f"  {pair}: {wrong[i, j]:,} of {counts[i].sum():,}")
        if len(order) > LISTED_CONFUSIONS:
            lines.append(f"  ... and {len(order) - LISTED_CONFUSIONS} more pairs of classes")
        return lines


def summarise(reading: Reading) -> Summary:
    """Sum up what `read_training` gave."""
    data = reading.data
    k = len(data.classes)
    transitions = transition_counts(data)
    readable = data.noisy.readable
    return Summary(
        noisy=data.noisy.name,
        clean=data.clean.name,
        rows=len(data.noisy),
        unlabelled=int((~data.noisy.labelled).sum()),
        trusted=len(data.clean),
        unreadable=0 if readable is None else int((~readable).sum()),
        training=len(data.noisy_rows),
        classes=data.classes.names,
        given_counts=_counts(data.noisy.codes, k),
        trusted_counts=_counts(data.clean.codes, k),
        joined_by=data.joined_by,
        paired=int((data.clean_in_noisy >= 0).sum()),
        sampling=data.sampling,
        chosen=int((~data.judges).sum()),
        noise=rate_in(data),
        transitions=tuple(tuple(row) for row in transitions.tolist()),
    )


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_CLASS else f"{name[: LONGEST_CLASS - 3]}..."


def _counts(codes: npt.NDArray[np.int64], k: int) -> tuple[int, ...]:
    return tuple(np.bincount(codes[codes >= 0], minlength=k).tolist())
