"""What the gate of `labelfix flag` says: findings, and the judgement that they add up to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from labelfix.outputs.drift import Drift
from labelfix.outputs.flag_rules import ChosenRows
from labelfix.outputs.policy import MINOR, NO_POLICY, Policy
from labelfix.settings.gate import ClassPolicy

ISSUE_RATE = "share of label issues"
"""What the first gate is called."""


@dataclass(frozen=True)
class Finding:
    """A row whose given label looks wrong.

    Attributes:
        row: Row of that file, counted from 1.
        confidence: Probability of the suggested label, in [0, 1].
        label_score: Probability that the given label is right, in [0, 1]; lower is worse.
        snippet: The beginning of the row's text, or its image's file name; None where the source cannot be read.
        line: Line of a text file that the row begins on; None for other files.
        path: The image's own file, where the source is a folder of images; None elsewhere.
        trusted: Whether the row is a trusted one, whose label a person has given: its suggestion is that label.
        severity: How bad it is; one of `settings.gate.Severity`.
        owner: Whom it concerns, as the policy says; None where it names nobody.
        lies: Where the source file lies now; None where it was not looked for or not found.
        content: A hash of the row's inputs, by which an edited row is told; None where nobody asked, or where the
            source cannot be read.
        sources: Of several sources of labels those that gave the given label, where a policy asks.
    """

    id: str | int
    file: str
    row: int
    given: str
    suggested: str
    confidence: float
    label_score: float
    snippet: str | None = None
    line: int | None = None
    path: str | None = None
    trusted: bool = False
    severity: str = MINOR
    owner: str | None = None
    lies: str | None = None
    content: str | None = None
    sources: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """Where an editor jumps to: `file:line` of a text file, the image's own file; elsewhere `file, row N`."""
        return self.path or (f"{self.file}, row {self.row}" if self.line is None else f"{self.file}:{self.line}")


@dataclass(frozen=True)
class Gate:
    """One of the things that the verdict rests on: for all rows, or for those of a class, a source or some files."""

    name: str
    value: float
    limit: float
    passed: bool
    said: str
    class_name: str | None = None
    owner: str | None = None
    files: str | None = None
    by: str | None = None
    empty: bool = False
    """Whether there are no labelled rows that it is for."""

    @property
    def part(self) -> str | None:
        """The class, the source or the files that it is for; None where it is for all rows."""
        return next((each for each in (self.class_name, self.by) if each is not None), self.files)


@dataclass(frozen=True)
class OfPart:
    """The rows of a part that has a gate of its own.

    Attributes:
        name: A class, a pattern of files, or a source of labels.
        labelled: Labelled rows of it that are judged; of a source its labels.
        issues: Findings among them; of a source labels that look wrong.
    """

    name: str
    labelled: int
    issues: int


@dataclass(frozen=True, repr=False)
class Judgement:
    """What the gate says.

    Attributes:
        source: The run or file that was judged, as the user named it.
        min_confidence: A row is a finding only where the confidence reaches this.
        labelled: Rows with a given label that are judged: the denominator.
        accepted: Findings left out because the baseline accepts them.
        issues: How many the rest are.
        findings: The worst of them, or all, worst first: lowest label_score, then highest confidence, then order of
            the rows.
        max_issue_rate: The gate; None where there is none.
        chosen: How the findings were chosen where it was not by the threshold.
        noise_rate: `value`, `low`, `high` and `how` of the estimated noise rate; None where it is not judged.
        max_noise_rate: The gate on its lower end; None where there is none.
        trusted: Trusted rows that are left out of all of this: a person has checked them.
        with_trusted: Whether they were not left out, and findings say which ones they are.
        assumptions: What is assumed of rows that the run was not trained on, and why it does not hold, for people.
        new_rows: The same for programs: `rows`, `labelled`, `assumed`, `not_met`; None for a run's own rows.
        classes: Rows of each class that the policy names.
        files: Rows of the files of each pattern that it names.
        sources: Labels of each source that it names.
        policy: What is let through by class, file and source, and whom findings concern.
        drift: What the rows were compared with, and whether their classes have other shares; empty where nobody asked.
        edited: Rows that the baseline accepted and that have been edited since: they are among `issues` again.
    """

    source: str
    run_id: str
    min_confidence: float
    rows: int
    labelled: int
    accepted: int
    issues: int
    findings: tuple[Finding, ...]
    max_issue_rate: float | None
    chosen: ChosenRows | None = None
    noise_rate: Mapping[str, Any] | None = None
    max_noise_rate: float | None = None
    trusted: int = 0
    with_trusted: bool = False
    assumptions: tuple[str, ...] = ()
    new_rows: Mapping[str, Any] | None = None
    classes: tuple[OfPart, ...] = ()
    files: tuple[OfPart, ...] = ()
    sources: tuple[OfPart, ...] = ()
    policy: Policy = NO_POLICY
    drift: tuple[Drift, ...] = ()
    edited: int = 0

    def __repr__(self) -> str:
        gate = {None: "no gate", True: "passed", False: "above the gate"}[self.passed]
        return f"<Judgement of {self.source}: {self.issues:,} of {self.labelled:,} labels look wrong; {gate}>"

    @property
    def issue_rate(self) -> float:
        """Findings per labelled row, in [0, 1]; 0 where no row is labelled."""
        return self.issues / self.labelled if self.labelled else 0.0

    @property
    def gates(self) -> tuple[Gate, ...]:
        """Everything that the verdict rests on; empty where there is no gate."""
        return tuple(self._gates())

    def _gates(self) -> Iterator[Gate]:
        owner = self.policy.owner
        if self.max_issue_rate is not None:
            said = f"{self.issues:,} of {self.labelled:,} labelled rows look wrong"
            passed = self.issue_rate <= self.max_issue_rate
            yield Gate(ISSUE_RATE, self.issue_rate, self.max_issue_rate, passed, said, owner=owner)
        yield from self._of_parts()
        if self.max_noise_rate is not None and self.noise_rate is not None:
            low = float(self.noise_rate["low"])
            said = "the lower end of the noise rate's 95 % interval"
            yield Gate("noise rate", low, self.max_noise_rate, low <= self.max_noise_rate, said, owner=owner)
        for drift in self.drift:
            yield Gate(
                f"drift of {drift.what}", drift.distance, drift.tolerance, drift.passed, drift.short, owner=owner
            )

    def _of_parts(self) -> Iterator[Gate]:
        kinds: Sequence[tuple[Sequence[OfPart], Mapping[str, ClassPolicy], str, str, str]] = (
            (self.classes, self.policy.classes, "class_name", "in a class", "rows of this given label"),
            (self.files, self.policy.files, "files", "in files", "labelled rows of these files"),
            (self.sources, self.policy.sources, "by", "of a source", "labels that it gave"),
        )
        for parts, policies, field, where, what in kinds:
            for found in parts:
                policy = policies[found.name]
                if (limit := policy.max_issue_rate) is None:
                    continue
                rate = found.issues / found.labelled if found.labelled else 0.0
                said = f"{found.issues:,} of {found.labelled:,} {what} look wrong"
                part: dict[str, Any] = {field: found.name, "owner": policy.owner or self.policy.owner}
                part["empty"] = not found.labelled
                yield Gate(f"{ISSUE_RATE} {where}", rate, limit, rate <= limit, said, **part)

    @property
    def passed(self) -> bool | None:
        """Whether every gate lets the rows through; None without a gate."""
        verdicts = [gate.passed for gate in self.gates]
        return all(verdicts) if verdicts else None
