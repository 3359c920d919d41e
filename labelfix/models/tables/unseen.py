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

ROWS = 8192
"""Looked at together."""


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
        told: Whether they were told, or nobody wants to know.
    """

    name: str
    known: dict[str, pa.Array]
    rows: int = 0
    found: dict[str, Counter[str]] = field(default_factory=dict)
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
                if len(other):
                    self.found.setdefault(name, Counter()).update(other.to_pylist())

    def tell(self, progress: Progress) -> None:
        """Warn of columns where they are many, once."""
        for name, values in self.found.items() if not self.told else ():
            count = values.total()
            if count >= MANY * self.rows:
                examples = ", ".join(f'"{value[:40]}"' for value, _ in values.most_common(SHOWN))
                progress.warn(
                    f"{self.name}: column {name!r}: {count:,} of {self.rows:,} rows have values that the run has never "
                    f"seen ({examples}{', …' if len(values) > SHOWN else ''}); they count as none of those it knows"
                )
        self.told = True
