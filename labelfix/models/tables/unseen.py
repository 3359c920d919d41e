"""What new rows hold that a run has never seen: a new branch, another spelling, another unit, another meaning.

Cells of unseen categories are none of the known ones, as if the column did not apply; numbers far from the usual ones
count as far more of the same. A few are of no account, and many are told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from labelfix.data.other_scale import LEAST, OFTEN
from labelfix.data.tables import InputTable
from labelfix.models.representation import Representation
from labelfix.models.tables.features import Categories, TableFeatures
from labelfix.models.tables.kernel import KernelTable
from labelfix.models.tables.statistics import numeric_columns
from labelfix.models.views import Views
from labelfix.progress import Progress

MANY, SHOWN = 0.05, 3
"""Share of a column's rows that is told, and examples of them."""

FAR = 2.5
"""So many standard deviations from the mean of the training rows are far: of rows like these at most .16 are, whatever
their distribution (Chebyshev), and `OFTEN` is more. Thousands in place of units are seldom farther."""

ROWS, HELD = 8192, 1_000
"""Rows looked at together; and different values of a column from which on no more are kept, as they may be many."""


def known_categories(representation: Representation) -> dict[str, Categories]:
    """Column → the categories of training; none of a column that had more than have a feature of their own."""
    return {
        name: known
        for table in _tables(representation)
        for name, known in zip(table.spec.categorical, table.places, strict=True)
        if name not in table.statistics.crowded
    }


def usual_numbers(representation: Representation) -> dict[str, tuple[float, float]]:
    """Column of numbers → mean and standard deviation of the training rows; no dates, which move on by themselves."""
    found: dict[str, tuple[float, float]] = {}
    for table in _tables(representation):
        names, statistics = numeric_columns(table.spec), table.statistics
        usual = zip(names, statistics.mean, statistics.deviation, strict=True)
        found |= {name: (mean, deviation) for name, mean, deviation in usual if name not in table.spec.dates}
    return found


def _tables(representation: Representation) -> Iterator[TableFeatures]:
    """What a representation knows of columns of a table, also as one of several views."""
    if isinstance(representation, Views):
        for view in representation.views:
            yield from _tables(view)
    elif isinstance(representation, KernelTable):
        yield representation.linear
    elif isinstance(representation, TableFeatures):
        yield representation


@dataclass
class UnseenValues:
    """Counts them, block by block.

    Attributes:
        count: Cells of each column.
        values: Some of the categories of each column.
        far: How many numbers of a column are far from the usual ones, and the last of these.
    """

    name: str
    known: dict[str, Categories]
    usual: dict[str, tuple[float, float]]
    progress: Progress
    rows: int = 0
    count: Counter[str] = field(default_factory=Counter)
    values: dict[str, Counter[str]] = field(default_factory=dict)
    far: dict[str, list[float]] = field(default_factory=dict)
    told: bool = False

    def see(self, table: InputTable) -> None:
        """Count those of some rows."""
        if self.told or not (self.known or self.usual):
            return
        self.rows += len(table)
        for batch in table.batches(ROWS):
            for name, known in self.known.items():
                cells = batch.column(name).drop_null().value_counts()
                counts = {each["values"].as_py(): each["counts"].as_py() for each in cells}
                other = {value: count for value, count in counts.items() if known[value] < 0}
                values = self.values.setdefault(name, Counter())
                self.count[name] += sum(other.values())
                if len(values) < HELD:
                    values.update(other)
            self._see_numbers(batch)

    def _see_numbers(self, batch: pa.RecordBatch) -> None:
        for name, (mean, deviation) in self.usual.items():
            cells = batch.column(name)
            far = cells.filter(pc.fill_null(pc.greater(pc.abs(pc.subtract(cells, mean)), FAR * deviation), False))
            if len(far):
                count, _ = self.far.get(name, (0, 0.0))
                self.far[name] = [count + len(far), far[-1].as_py()]

    def tell(self) -> None:
        """Warn of columns where they are many, once."""
        for name, (count, value) in self.far.items() if not self.told else ():
            if count >= max(OFTEN * self.rows, LEAST):
                mean, deviation = self.usual[name]
                self.progress.warn(
                    f"{self.name}: column {name!r}: {count:,.0f} of {self.rows:,} rows have numbers far from those "
                    f"that the run has seen (such as {value:g}, where these are {mean:.4g} ± {deviation:.3g}); "
                    "are they of the same unit?"
                )
        for name, count in self.count.items() if not self.told else ():
            if count >= max(MANY * self.rows, 1):
                values = self.values[name]
                examples = ", ".join(f'"{value[:40]}"' for value, _ in values.most_common(SHOWN))
                self.progress.warn(
                    f"{self.name}: column {name!r}: {count:,} of {self.rows:,} rows have values that the run has never "
                    f"seen ({examples}{', …' if len(values) > SHOWN else ''}); they count as none of those it knows"
                )
        self.told = True
