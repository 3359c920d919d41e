"""What the gate of `labelfix flag` says: findings, and the judgement that they add up to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from labelfix.outputs.chosen import Chosen


@dataclass(frozen=True)
class Finding:
    """A row whose given label looks wrong.

    Attributes:
        id: The row's id.
        file: The source file as the user named it.
        row: Row of that file, counted from 1.
        given: The given label.
        suggested: The label that the soft label favours.
        confidence: Probability of the suggested label, in [0, 1].
        label_score: Probability that the given label is right, in [0, 1]; lower is worse.
        snippet: The beginning of the row's text, or its image's file name; None where the source cannot be read.
        line: Line of a text file that the row begins on; None for other files.
        path: The image's own file, where the source is a folder of images; None elsewhere.
        trusted: Whether the row is a trusted one, whose label a person has given: its suggestion is that label.
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

    @property
    def place(self) -> str:
        """Where an editor jumps to: `file:line` of a text file, the image's own file; elsewhere `file, row N`."""
        return self.path or (f"{self.file}, row {self.row}" if self.line is None else f"{self.file}:{self.line}")


@dataclass(frozen=True, repr=False)
class Judgement:
    """What the gate says.

    Attributes:
        source: The run or file that was judged, as the user named it.
        run_id: Id of the run that scored the rows.
        min_confidence: A row is a finding only where the confidence reaches this.
        rows: Rows in all.
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
    chosen: Chosen | None = None
    noise_rate: Mapping[str, Any] | None = None
    max_noise_rate: float | None = None
    trusted: int = 0
    with_trusted: bool = False
    assumptions: tuple[str, ...] = ()
    new_rows: Mapping[str, Any] | None = None

    def __repr__(self) -> str:
        gate = {None: "no gate", True: "passed", False: "above the gate"}[self.passed]
        return f"<Judgement of {self.source}: {self.issues:,} of {self.labelled:,} labels look wrong; {gate}>"

    @property
    def issue_rate(self) -> float:
        """Findings per labelled row, in [0, 1]; 0 where no row is labelled."""
        return self.issues / self.labelled if self.labelled else 0.0

    @property
    def passed(self) -> bool | None:
        """Whether every rate is at or below its gate; None without a gate."""
        verdicts = []
        if self.max_issue_rate is not None:
            verdicts.append(self.issue_rate <= self.max_issue_rate)
        if self.max_noise_rate is not None and self.noise_rate is not None:
            verdicts.append(self.noise_rate["low"] <= self.max_noise_rate)
        return all(verdicts) if verdicts else None
