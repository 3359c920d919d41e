"""What the gate lets through by class, source of labels and file, how bad a finding is, and whom it concerns."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from labelfix.errors import SettingsError
from labelfix.settings.gate import ClassPolicy, FilePolicy, SourcePolicy

MINOR, MAJOR = "minor", "major"

SURE = 0.95
"""A finding of this confidence is major where no policy says otherwise. Calibrated, at most one such suggestion in
twenty is wrong, which is what reviewers of annotations bear before they switch them off."""


@dataclass(frozen=True)
class Policy:
    """The part of `[gate]` that is about classes, files and people.

    Attributes:
        severity: Of every finding; None goes by its confidence.
        classes: Class → what is different for rows of that given label.
        files: Pattern → what is different for rows of files of such names; the first that fits a file counts.
        sources: Source of labels → what is different for labels that it gave.
    """

    severity: str | None = None
    owner: str | None = None
    classes: Mapping[str, ClassPolicy] = field(default_factory=dict)
    files: Mapping[str, FilePolicy] = field(default_factory=dict)
    sources: Mapping[str, SourcePolicy] = field(default_factory=dict)

    def of(self, given: str) -> ClassPolicy:
        """What is said of a class; nothing where it is not named."""
        return self.classes.get(given, ClassPolicy())

    def pattern_of(self, file: str) -> str | None:
        """The pattern that a file's name fits; None where none does."""
        return next((pattern for pattern in self.files if PurePosixPath(file).match(pattern)), None)

    def of_file(self, file: str) -> ClassPolicy:
        """What is said of rows of a file; nothing where no pattern fits."""
        pattern = self.pattern_of(file) if self.files else None
        return ClassPolicy() if pattern is None else self.files[pattern]

    def refuse_unknown(self, classes: Sequence[str], sources: Sequence[str], where: str) -> None:
        """Refuse a class or a source of labels that there is not in what `where` names."""
        for table, named, there in (("classes", self.classes, classes), ("sources", self.sources, sources)):
            for name in named:
                _refuse_unknown(table, name, there, where)

    def owner_of(self, given: str, file: str = "", sources: Sequence[str] = ()) -> str | None:
        """Whom a finding of some given label, by some sources, in some file concerns."""
        return next((each.owner for each in self._of(given, file, sources) if each.owner), self.owner)

    def severity_of(self, given: str, file: str, confidence: float, sources: Sequence[str] = ()) -> str:
        """How bad a finding is."""
        said = next((each.severity for each in self._of(given, file, sources) if each.severity), self.severity)
        return said or (MAJOR if confidence >= SURE else MINOR)

    def _of(self, given: str, file: str, sources: Sequence[str]) -> Sequence[ClassPolicy]:
        """What is said of a finding, what goes before first."""
        return (self.of(given), *(self.sources[name] for name in sources if name in self.sources), self.of_file(file))


def _refuse_unknown(table: str, name: str, there: Sequence[str], where: str) -> None:
    if name in there:
        return
    near = difflib.get_close_matches(name, there, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"they are {', '.join(there[:20])}"
    if not there:
        hint = "train with --label-columns or --sources, which say who gave each label"
    what = {"classes": "class", "sources": "source of labels"}[table]
    raise SettingsError(f"[gate.{table}.{name}]: {where} has no such {what}; {hint}")


NO_POLICY = Policy()
"""All classes alike, and nobody's."""
