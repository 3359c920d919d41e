"""How often the 95 % intervals of the noise rate hold the truth, by simulation.

    OMP_NUM_THREADS=1 python tests/measure/noise_coverage.py [--quick] [--draws 400] [--first 0]

4,000 noisy rows; trusted rows drawn from them at random or per class; labels go wrong evenly to all other classes
(unif), to the next class (flip), or evenly with a rate that rises from half the rate to one and a half, from the most
frequent class to the rarest (rising) or the other way (falling). What is meant are the rows that are not trusted. A
line for each draw and kind of noise: coverage over all cells and in the lowest, cells below .9, the widest interval
beside that of a random draw of as many rows where classes are equally frequent; of single classes the coverage over all
cells and in the lowest. Then the lowest cells.
"""

import argparse
from dataclasses import dataclass
from functools import cache

import numpy as np

from labelfix.data.labels.noise_rate import counted_rate
from labelfix.data.tables import Sampling

ROWS = 4_000
"""Noisy rows with the trusted ones."""

CLASSES, TRUSTED, IMBALANCE = (2, 4, 10, 30), (10, 25, 100, 400), (1, 10, 100)
RATES = (0.0, 0.02, 0.1, 0.2, 0.4, 0.6)
KINDS = ("unif", "flip", "rising", "falling")
HIGHEST = 0.6
"""Of a single class: kinds with unequal rates are left out where one would be above."""

LEFT = 20
"""Rows of a class that are no pairs, from which on its rate is asked for: of three rows it is a third or nothing."""


@dataclass(frozen=True)
class Cell:
    """One setting.

    Attributes:
        sampling: How trusted rows are drawn.
        classes: K.
        trusted: How many are asked for; per class K times as many as fit.
        rate: Share of wrong labels in the mean of the classes.
        imbalance: The most frequent class has so many times the rows of the rarest.
        kind: Of `KINDS`.
    """

    sampling: Sampling
    classes: int
    trusted: int
    rate: float
    imbalance: int
    kind: str

    @property
    def transition(self):
        """`(K, K)` T."""
        wrong = np.full(self.classes, self.rate)
        if self.kind in ("rising", "falling"):
            wrong = self.rate * np.linspace(0.5, 1.5, self.classes)
        if self.kind == "falling":
            wrong = wrong[::-1]
        go_to = (1 - np.eye(self.classes)) / (self.classes - 1)
        if self.kind == "flip":
            go_to = np.roll(np.eye(self.classes), 1, axis=1)
        return np.asarray(np.diag(1 - wrong) + wrong[:, None] * go_to)

    def draw(self, number):
        """`(K, K)` pairs, and `(K, K)` rows that are none, by true class and given label."""
        generator = np.random.default_rng([number, self.classes, self.trusted, int(1000 * self.rate), self.imbalance])
        shares = np.geomspace(1, 1 / self.imbalance, self.classes)
        sizes = generator.multinomial(ROWS, shares / shares.sum())
        rows = np.stack([generator.multinomial(n, t) for n, t in zip(sizes, self.transition, strict=True)])
        each = self.trusted // self.classes
        if self.sampling == "random":
            drawn = generator.multivariate_hypergeometric(rows.ravel(), max(each, 1) * self.classes)
            pairs = drawn.reshape(rows.shape)
        else:
            pairs = np.stack([generator.multivariate_hypergeometric(row, min(each, int(row.sum()))) for row in rows])
        return pairs, rows - pairs


@dataclass(frozen=True)
class Found:
    """Of the draws of a cell.

    Attributes:
        held: Share of the intervals of the rate that hold it.
        width: Of these, in the mean.
        bias: Estimate minus truth, in the mean.
        classes_held: The same of single classes.
    """

    held: float
    width: float
    bias: float
    classes_held: float


def cells(quick):
    """The grid; with `quick` its corners."""
    trusted, rates = (TRUSTED[1::2], (0.0, 0.1, 0.6)) if quick else (TRUSTED, RATES)
    imbalances = (1, 100) if quick else IMBALANCE
    for sampling in ("random", "per-class"):
        for classes in CLASSES:
            for rows in trusted:
                for rate in rates:
                    for imbalance in imbalances:
                        for kind in KINDS:
                            cell = Cell(sampling, classes, rows, rate, imbalance, kind)  # type: ignore[arg-type]
                            if rows >= classes and _counts(cell):
                                yield cell


def _counts(cell):
    same = (cell.kind == "flip" and cell.classes == 2) or (cell.rate == 0 and cell.kind != "unif")
    return not same and (1 - np.diag(cell.transition)).max() <= HIGHEST + 1e-9


@cache
def simulate(cell, draws, first=0):
    """Draw, estimate, and compare with the truth."""
    held, widths, errors, classes = [], [], [], []
    for number in range(first, first + draws):
        pairs, rest = cell.draw(number)
        found = counted_rate(pairs, rest.sum(axis=0), cell.sampling)
        truth = 1 - np.trace(rest) / rest.sum()
        assert found.rate.value is not None
        assert found.rate.low is not None
        assert found.rate.high is not None
        held.append(found.rate.low - 1e-9 <= truth <= found.rate.high + 1e-9)
        widths.append(found.rate.high - found.rate.low)
        errors.append(found.rate.value - truth)
        classes += classes_held(found, rest)
    return Found(*(float(np.mean(each)) for each in (held, widths, errors, classes)))


def classes_held(found, rest):
    """Whether each class's interval holds its rate, of classes that have pairs and enough rows."""
    return [
        own.low - 1e-9 <= 1 - row[c] / row.sum() <= own.high + 1e-9
        for c, (own, row) in enumerate(zip(found.classes, rest, strict=True))
        if own.low is not None and own.high is not None and row.sum() >= LEFT
    ]


def beside_random(cell, draws, first):
    """How wide the interval is beside that of a random draw of as many rows."""
    other = Cell("random", cell.classes, cell.trusted, cell.rate, cell.imbalance, cell.kind)
    return simulate(cell, draws, first).width / simulate(other, draws, first).width


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=400)
    parser.add_argument("--first", type=int, default=0, help="seed of a cell's first draw")
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    every = {cell: simulate(cell, asked.draws, asked.first) for cell in cells(asked.quick)}
    for sampling in ("random", "per-class"):
        for kind in KINDS:
            own = {cell: found for cell, found in every.items() if (cell.sampling, cell.kind) == (sampling, kind)}
            held = np.array([found.held for found in own.values()])
            single = np.array([found.classes_held for found in own.values()])
            equal = [cell for cell in own if cell.imbalance == 1]
            widest = max(beside_random(cell, asked.draws, asked.first) for cell in equal)
            print(
                f"{sampling}, {kind}: {len(own)} cells, held {held.mean():.3f}, lowest {held.min():.3f}, below .9:"
                f" {(held < 0.9).sum()}; width {widest:.2f}; single classes {single.mean():.3f},"
                f" lowest {single.min():.3f}, below .9: {(single < 0.9).sum()}",
                flush=True,
            )
    print(f"pooled: {np.mean([found.held for found in every.values()]):.4f} over {len(every)} cells")
    for cell, found in sorted(every.items(), key=lambda item: item[1].held)[:12]:
        print(f"  {cell}: {found}")
    print("of single classes")
    for cell, found in sorted(every.items(), key=lambda item: item[1].classes_held)[:8]:
        print(f"  {cell}: {found}")


if __name__ == "__main__":
    main()
