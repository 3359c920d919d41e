"""What the gate lets through by class and by file, how bad a finding is, and whom it concerns."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from labelfix.errors import SettingsError
from labelfix.settings.gate import ClassPolicy, FilePolicy

MINOR, MAJOR = "minor", "major"

SURE = 0.95
"""A finding of this confidence is major where no policy says otherwise. Calibrated, at most one such suggestion in
twenty is wrong, which is what reviewers of annotations bear before they switch them off."""


@dataclass(frozen=True)
class Policy:
    """The part of `[gate]` that is about classes, files and people.

    Attributes:
        severity: Of every finding; None goes by its confidence.
        owner: Whom findings concern; None names nobody.
        classes: Class → what is different for rows of that given label.
        files: Pattern → what is different for rows of files of such names; the first that fits a file counts.
    """

    severity: str | None = None
    owner: str | None = None
    classes: Mapping[str, ClassPolicy] = field(default_factory=dict)
    files: Mapping[str, FilePolicy] = field(default_factory=dict)

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

    def refuse_unknown(self, classes: Sequence[str], source: str) -> None:
        """Refuse a class that there is not.

        Raises:
            SettingsError: There is one.
        """
        for name in self.classes:
            if name not in classes:
                near = difflib.get_close_matches(name, classes, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"they are {', '.join(classes[:20])}"
                raise SettingsError(f"[gate.classes.{name}]: {source} has no such class; {hint}")

    def owner_of(self, given: str, file: str = "") -> str | None:
        """Whom a finding of some given label in some file concerns."""
        return self.of(given).owner or self.of_file(file).owner or self.owner

    def severity_of(self, given: str, file: str, confidence: float) -> str:
        """How bad a finding is."""
        said = self.of(given).severity or self.of_file(file).severity or self.severity
        return said or (MAJOR if confidence >= SURE else MINOR)


NO_POLICY = Policy()
"""All classes alike, and nobody's."""
