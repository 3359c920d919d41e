"""Parts of the rows that have a gate of their own: those of a given label or of some files, and labels of a source."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from labelfix.outputs.column_arrays import codes, validity, values
from labelfix.outputs.corrected_schema import SOURCE_SCORES
from labelfix.outputs.judgement import Finding, OfPart
from labelfix.outputs.policy import Policy


class Part:
    """Counts the labelled rows and the findings of each of some parts.

    Args:
        column: The column by which rows belong to them.
        part_of: Value of that column → the name of its part; None where it belongs to none.
    """

    def __init__(
        self, names: Sequence[str], column: str, part_of: Callable[[str], str | None], of: Callable[[Finding], str]
    ) -> None:
        self._names = names
        self._column = column
        self._codes = _Codes(names, part_of)
        self._of = of
        self._counted = np.zeros((2, len(names)), np.int64)

    @classmethod
    def of_classes(cls, names: Sequence[str]) -> Part:
        """The rows of some given labels."""
        return cls(names, "given_label", lambda name: name if name in names else None, lambda found: found.given)

    @classmethod
    def of_files(cls, policy: Policy) -> Part:
        """The rows of the files that a policy has patterns for."""
        return cls(list(policy.files), "source_file", policy.pattern_of, lambda found: found.file)

    @property
    def columns(self) -> Sequence[str]:
        """What has to be read."""
        return (self._column, "given_label") if self._names else ()

    def see(self, group: pa.Table, judged: npt.NDArray[np.bool_], flagged: npt.NDArray[np.int64]) -> None:
        """Take the rows of a group that are judged, and its findings."""
        if not self._names:
            return
        part = codes(group.column(self._column), self._codes)
        labelled = judged & validity(group.column("given_label"))
        for counted, some in zip(self._counted, (part[labelled], part[flagged]), strict=True):
            counted += np.bincount(some[some >= 0], minlength=len(self._names))

    def come_back(self, findings: Iterable[Finding]) -> None:
        """Take findings whose rows have been seen before."""
        for found in findings:
            code = self._codes.get(self._of(found), -1)
            if code >= 0:
                self._counted[1, code] += 1

    def found(self) -> tuple[OfPart, ...]:
        """The counts."""
        return tuple(map(OfPart, self._names, *self._counted.tolist()))


class OfSources:
    """Counts the labels that some sources gave, and those of them that look wrong.

    The given label looks wrong where its row is a finding, another one where the run suggests another as surely as it
    takes to change a label.
    """

    def __init__(self, names: Sequence[str], min_confidence: float) -> None:
        self._names = {name: number for number, name in enumerate(names)}
        self._sure = np.float32(min_confidence)
        self._counted = np.zeros((2, len(names)), np.int64)

    @property
    def columns(self) -> Sequence[str]:
        """What has to be read."""
        return (SOURCE_SCORES, "given_label", "suggested_label", "confidence") if self._names else ()

    def see(self, group: pa.Table, judged: npt.NDArray[np.bool_], flagged: npt.NDArray[np.int64]) -> None:
        """Take the rows of a group that are judged, and its findings."""
        if not self._names:
            return
        from labelfix.outputs.source_columns import said_by

        row, who, label = said_by(group.column(SOURCE_SCORES))
        given, suggested = (
            np.array(group.column(name).to_pylist(), object) for name in ("given_label", "suggested_label")
        )
        found = np.zeros(len(group), dtype=bool)
        found[flagged] = True
        sure = values(group.column("confidence")) >= self._sure
        wrong = np.where(label == given[row], found[row], (label != suggested[row]) & sure[row])
        source = np.array([self._names.get(name, -1) for name in who], np.int64)
        for counted, some in zip(self._counted, (judged[row], judged[row] & wrong), strict=True):
            counted += np.bincount(source[some & (source >= 0)], minlength=len(self._names))

    def come_back(self, findings: Iterable[Finding]) -> None:
        """Take findings whose rows have been seen before."""
        for name in (name for found in findings for name in found.sources if name in self._names):
            self._counted[1, self._names[name]] += 1

    def found(self) -> tuple[OfPart, ...]:
        """The counts."""
        return tuple(map(OfPart, self._names, *self._counted.tolist()))


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
