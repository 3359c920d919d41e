"""Categories of new rows that a run has never seen: a new branch, another spelling, a column that means something else.

Their cells are none of the known ones, as if the column did not apply: a few are of no account, and many are told.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from labelfix.data.tables import InputTable
from labelfix.models.representation import Representation
from labelfix.models.tables.features import TableFeatures
from labelfix.models.tables.kernel import KernelTable
from labelfix.models.views import Views
from labelfix.progress import Progress

MANY, SHOWN = 0.05, 3
"""Share of a column's rows that is told, and examples of them."""

ROWS, HELD = 8192, 1_000
"""Rows looked at together; and different values of a column from which on no more are kept, as they may be many."""


def known_categories(representation: Representation) -> dict[str, pa.Array]:
    """Column → the categories of training; none of a column that had more than have a feature of their own."""
    if isinstance(representation, Views):
        each = (known_categories(view) for view in representation.views)
        return {name: known for found in each for name, known in found.items()}
    table = representation.linear if isinstance(representation, KernelTable) else representation
    if not isinstance(table, TableFeatures):
        return {}
    pairs = zip(table.spec.categorical, table.statistics.categories, strict=True)
    crowded = table.statistics.crowded
    return {name: pa.array([*known], pa.string()) for name, known in pairs if name not in crowded}


@dataclass
class UnseenCategories:
    """Counts them, block by block.

    Attributes:
        name: The rows, as the user named them.
        known: See `known_categories`.
        progress: Told of many.
        count: Cells of each column.
        values: Some of the categories of each column.
        told: Whether they were told.
    """

    name: str
    known: dict[str, pa.Array]
    progress: Progress
    rows: int = 0
    count: Counter[str] = field(default_factory=Counter)
    values: dict[str, Counter[str]] = field(default_factory=dict)
    told: bool = False

    def see(self, table: InputTable) -> None:
        """Count those of some rows."""
        if self.told or not self.known:
            return
        self.rows += len(table)
        for batch in table.batches(ROWS):
            for name, known in self.known.items():
                cells = batch.column(name).drop_null()
                other = cells.filter(pc.invert(pc.is_in(cells, known)))
                values = self.values.setdefault(name, Counter())
                self.count[name] += len(other)
                if len(values) < HELD:
                    values.update(other.to_pylist())

    def tell(self) -> None:
        """Warn of columns where they are many, once."""
        for name, count in self.count.items() if not self.told else ():
            if count >= max(MANY * self.rows, 1):
                values = self.values[name]
                examples = ", ".join(f'"{value[:40]}"' for value, _ in values.most_common(SHOWN))
                self.progress.warn(
                    f"{self.name}: column {name!r}: {count:,} of {self.rows:,} rows have values that the run has never "
                    f"seen ({examples}{', …' if len(values) > SHOWN else ''}); they count as none of those it knows"
                )
        self.told = True
