"""What a person should look at in a column of numbers: cells that are none, values that stand for none, mixed marks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from labelfix.data.findings import LISTED, AnyPlaces
from labelfix.data.formats.csv.types import is_missing
from labelfix.data.numbers import is_placeholder
from labelfix.data.scan import is_text
from labelfix.errors import Defect

STAND_INS = frozenset(sign * float("9" * digits) for digits in range(2, 10) for sign in (1, -1)) | {-9.0, -1.0}
"""What people write for a number that is not there: -999, 9999 and the like."""

WIDE = 5
"""Below numbers of a narrower range than this, -1 is one of them: a level, a trend."""

OUTLIER, OF_ALL, LOOKED_AT = 1_000, 0.95, 20_000
"""So many times as large as this share of the first numbers, a number makes all others look the same."""

FAR, NEAR, SPIKE, FEWEST = 2, 0.5, 0.02, 5
"""So many times the range of the other numbers beyond them is far: a price of 999 may be one. Where so large a share of
all cells, and so many, hold the same value, less is."""

WHOLE, LARGER, LAST_DIGIT = 0.05, 3, 0.5
"""Where so large a share of numbers is whole, below 1,000 and in the middle so many times as large as the others, and
those are 1 or more, with three digits after the point of which the last is not 0 in so large a share, the point parts
thousands: 998 beside 1.234."""

MARKS = r"(?P<mark>%|[€£¥₹₽₩₺$]|\b(?:USD|EUR|GBP|CHF|JPY|CNY|INR|BRL)\b)"
"""Signs that say what a number counts."""


@dataclass
class OddNumbers:
    """What is odd about the cells of one column of numbers or dates.

    Attributes:
        count: Cells that are no number (no date), and count as missing.
        values: The first different ones of these, each with its first row.
        marks: How many numbers have which sign; "" for none.
        stand_ins: How many are which of `STAND_INS`, where these lie beyond all others.
        low: The least of the others.
        high: The greatest of them.
        numbers: How many numbers (dates) there are.
        sizes: Of the first ones, without their signs.
        largest: The largest of all by size, and its row.
    """

    count: int = 0
    values: dict[str, int] = field(default_factory=dict)
    marks: Counter[str] = field(default_factory=Counter)
    stand_ins: Counter[float] = field(default_factory=Counter)
    low: float = np.inf
    high: float = -np.inf
    numbers: int = 0
    sizes: list[npt.NDArray[np.float64]] = field(default_factory=list)
    largest: tuple[float, int] = (0.0, 0)

    def see(self, raw: pa.Array, cells: pa.Array, done: int) -> None:
        """Take into account what is no number in some rows; `done` rows came before.

        Args:
            raw: `(n,)` the cells as they stand in the file.
            cells: `(n,)` what they are read as, null where that is nothing.
        """
        self.numbers += len(cells) - cells.null_count
        if not cells.null_count or not is_text(raw.type):
            return
        given = pc.fill_null(pc.invert(is_missing(pc.utf8_trim_whitespace(raw))), False)
        where = np.flatnonzero(pc.and_(cells.is_null(), given).to_numpy(zero_copy_only=False))
        self.count += len(where)
        for row in where.tolist():
            if len(self.values) == LISTED:
                return
            self.values.setdefault(raw[row].as_py()[:60], done + row)

    def see_numbers(self, raw: pa.Array | None, cells: pa.Array, done: int) -> None:
        """Take the numbers of some rows into account; `done` rows came before.

        Args:
            raw: `(n,)` their cells, if there can be signs beside them.
            cells: `(n,)` the numbers, null where there is none.
        """
        if raw is not None:
            told = pc.struct_field(pc.extract_regex(raw.filter(cells.is_valid()), MARKS), "mark")
            for each in told.value_counts().to_pylist():
                self.marks[each["values"] or ""] += each["counts"]
        ends = pc.min_max(cells).as_py()
        low, high = ends["min"], ends["max"]
        if low is None:
            return
        most = low if -low > high else high
        if abs(most) > abs(self.largest[0]):
            self.largest = most, done + pc.index(cells, most).as_py()
        if len(self.sizes) * len(cells) < LOOKED_AT:
            sizes = np.abs(cells.drop_null().to_numpy())
            self.sizes.append(sizes[np.isfinite(sizes)])
        if low in STAND_INS or high in STAND_INS:
            values = cells.drop_null().to_numpy()
            held = np.isin(values, list(STAND_INS))
            self.stand_ins.update(values[held].tolist())
            others = values[~held]
            low, high = (others.min(), others.max()) if len(others) else (np.inf, -np.inf)
        self.low, self.high = min(self.low, float(low)), max(self.high, float(high))

    def warnings(self, name: str, kind: str, file: str, places: AnyPlaces) -> Iterator[Defect]:
        """What to say of the column."""
        if self.count:
            yield self._of_others(name, kind, places)
        signs = {mark: count for mark, count in self.marks.items() if mark or "%" in self.marks}
        if len(signs) > 1:
            shown = ", ".join(f"{count:,} with{f' {mark}' if mark else 'out'}" for mark, count in sorted(signs.items()))
            what = f"column {name!r} mixes numbers: {shown}; all are read as they stand there, without the sign"
            yield Defect("warning", file, None, what, "write all of them in one way")
        span = self.high - self.low
        for value, count in sorted(self.stand_ins.items()) if span >= 0 else ():
            beyond = max(self.low - value, value - self.high)
            often = count >= max(SPIKE * self.numbers, FEWEST)
            below = value < 0 <= self.low and (value != -1 or (often and span >= WIDE))
            if count > 1 and (beyond > (NEAR if often else FAR) * span or below):
                yield self._of_stand_in(name, file, value, count)
        sizes = np.concatenate(self.sizes) if self.sizes else np.zeros(0)
        if (pair := _as_thousands(sizes)) is not None:
            what = f"column {name!r} holds {pair[0]:.3f} and {pair[1]:g}, as if the point parted thousands"
            remedy = f"it is read as a decimal point; if it parts thousands, write {1000 * pair[0]:.0f}"
            yield Defect("warning", file, None, what, remedy)
        usual = float(np.quantile(sizes, OF_ALL)) if len(sizes) else 0.0
        if (
            usual
            and np.isfinite(self.largest[0])
            and abs(self.largest[0]) > OUTLIER * usual
            and self.largest[0] not in self.stand_ins
        ):
            where, row = places.of(self.largest[1])
            what = f"column {name!r} holds {self.largest[0]:g}, where nearly all others are below {usual:g}"
            remedy = "beside it these look all the same; mend it, or leave the cell empty"
            yield Defect("warning", where, row, what, remedy)

    def _of_others(self, name: str, kind: str, places: AnyPlaces) -> Defect:
        """How many cells are no numbers, which they are and where the first of each stands."""
        file, first = places.of(next(iter(self.values.values())))
        shown = ", ".join(f'"{value}" in row {places.of(row)[1]}' for value, row in self.values.items())
        cells_are = "1 cell is" if self.count == 1 else f"{self.count:,} cells are"
        what = f"column {name!r}: {cells_are} no {kind} and count{'s' if self.count == 1 else ''} as missing ({shown})"
        if self.numbers or self.count < FEWEST or pc.any(is_placeholder(pa.array(self.values))).as_py():
            return Defect("warning", file, first, what)
        return Defect(
            "error", file, first, what, "write them as the noisy rows of training do: no cell of it can be read"
        )

    def _of_stand_in(self, name: str, file: str, value: float, count: int) -> Defect:
        what = (
            f"column {name!r} holds {value:g} in {count:,} of {self.numbers:,} cells ({count / self.numbers:.1%}), far "
            f"from its other numbers ({self.low:g} to {self.high:g}); it is read as a number like them"
        )
        return Defect("warning", file, None, what, "if it stands for a missing value, leave these cells empty")


def _as_thousands(sizes: npt.NDArray[np.float64]) -> tuple[float, float] | None:
    """A number with a point that seems to part thousands and a smaller one without, if there are such; see `WHOLE`."""
    whole, others = sizes[sizes == np.floor(sizes)], sizes[sizes != np.floor(sizes)]
    if len(others) < FEWEST or len(whole) < max(WHOLE * len(sizes), FEWEST) or others.min() < 1 or sizes.max() >= 1_000:
        return None
    thousandths = np.round(others * 1_000)
    if np.abs(others * 1_000 - thousandths).max() > 1e-6 or (thousandths % 10 != 0).mean() < LAST_DIGIT:
        return None
    return (float(others[0]), float(whole.max())) if np.median(whole) > LARGER * np.median(others) else None
