"""Parts of the rows that have a gate of their own: those of a given label or of some files, and labels of a source."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from labelfix.outputs.column_arrays import codes, validity, values
from labelfix.outputs.corrected_schema import SOURCE_SCORES
from labelfix.outputs.judgement import Finding, OfPart
from labelfix.outputs.policy import Policy


class Parts(ABC):
    """Counts the labels of each of some parts, and those of them that look wrong."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = list(names)
        self._counted = np.zeros((2, len(self.names)), np.int64)

    columns: Sequence[str]
    """What has to be read."""

    @abstractmethod
    def see(self, group: pa.Table, judged: npt.NDArray[np.bool_], flagged: npt.NDArray[np.int64]) -> None:
        """Take the rows of a group that are judged, and its findings; there are parts."""

    @abstractmethod
    def parts_of(self, finding: Finding) -> Iterable[int]:
        """The numbers of the parts in which a finding counts."""

    def come_back(self, findings: Iterable[Finding]) -> None:
        """Take findings whose rows have been seen before."""
        for part in (part for found in findings for part in self.parts_of(found) if part >= 0):
            self._counted[1, part] += 1

    def found(self) -> tuple[OfPart, ...]:
        """The counts."""
        return tuple(map(OfPart, self.names, *self._counted.tolist()))

    def _count(self, *parts: npt.NDArray[np.int64]) -> None:
        """Count labels, and those that look wrong, by the number of their part; -1 for none."""
        for counted, some in zip(self._counted, parts, strict=True):
            counted += np.bincount(some[some >= 0], minlength=len(self.names))


class OfColumn(Parts):
    """Rows that belong to parts by what a column says.

    Args:
        part_of: Value of the column → the name of its part; None where it belongs to none.
    """

    def __init__(
        self, names: Sequence[str], column: str, part_of: Callable[[str], str | None], of: Callable[[Finding], str]
    ) -> None:
        super().__init__(names)
        self.columns = (column, "given_label")
        self._codes = _Codes(names, part_of)
        self._of = of

    @classmethod
    def of_classes(cls, names: Sequence[str]) -> OfColumn:
        """The rows of some given labels."""
        return cls(names, "given_label", lambda name: name if name in names else None, lambda found: found.given)

    @classmethod
    def of_files(cls, policy: Policy) -> OfColumn:
        """The rows of the files that a policy has patterns for."""
        return cls(list(policy.files), "source_file", policy.pattern_of, lambda found: found.file)

    def see(self, group: pa.Table, judged: npt.NDArray[np.bool_], flagged: npt.NDArray[np.int64]) -> None:
        part = codes(group.column(self.columns[0]), self._codes)
        self._count(part[judged & validity(group.column("given_label"))], part[flagged])

    def parts_of(self, finding: Finding) -> Iterable[int]:
        return (self._codes.get(self._of(finding), -1),)


class OfSources(Parts):
    """Labels that some sources gave.

    The given label looks wrong where its row is a finding, another one where the run suggests another as surely as it
    takes to change a label.
    """

    columns = (SOURCE_SCORES, "given_label", "suggested_label", "confidence")

    def __init__(self, names: Sequence[str], min_confidence: float) -> None:
        super().__init__(names)
        self._numbers = {name: number for number, name in enumerate(names)}
        self._sure = np.float32(min_confidence)

    def see(self, group: pa.Table, judged: npt.NDArray[np.bool_], flagged: npt.NDArray[np.int64]) -> None:
        from labelfix.outputs.source_columns import said_by

        row, who, label = said_by(group.column(SOURCE_SCORES))
        given, suggested = (
            np.array(group.column(name).to_pylist(), object) for name in ("given_label", "suggested_label")
        )
        found = np.zeros(len(group), dtype=bool)
        found[flagged] = True
        sure = values(group.column("confidence")) >= self._sure
        wrong = np.where(label == given[row], found[row], (label != suggested[row]) & sure[row])
        source = np.array([self._numbers.get(name, -1) for name in who], np.int64)
        self._count(source[judged[row]], source[judged[row] & wrong])

    def parts_of(self, finding: Finding) -> Iterable[int]:
        return (self._numbers.get(name, -1) for name in finding.sources)


class _Codes(dict[str, int]):
    """Value → the number of its part, found once for each value."""

    def __init__(self, names: Sequence[str], part_of: Callable[[str], str | None]) -> None:
        self._numbers = {name: number for number, name in enumerate(names)}
        self._part_of = part_of

    def get(self, value: str, other: int = -1) -> int:  # type: ignore[override]
        """The number; `other` where the value belongs to no part."""
        if value not in self:
            part = self._part_of(value)
            self[value] = other if part is None else self._numbers[part]
        return self[value]
