"""What `labelfix flag` does, for the command and for Python: which rows look wrong, and whether they are too many.

Imports nothing heavy: the gate may run on every commit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa

from labelfix.data.labels.same_shares import MAX_DRIFT
from labelfix.errors import SettingsError, input_error
from labelfix.outputs import gate
from labelfix.outputs.baseline import read_baseline
from labelfix.outputs.corrected_rows import (
    REMEDY,
    CorrectedRows,
    HeldRows,
    corrected_metadata,
    evidence_of,
    open_corrected,
)
from labelfix.outputs.corrected_schema import SOURCE_SCORES, CorrectedMetadata, lack
from labelfix.outputs.drift import DRIFT_LEVEL, compare
from labelfix.outputs.flag_rules import by_budget, by_guarantee
from labelfix.outputs.judgement import Finding, Judgement
from labelfix.outputs.own_inputs import find_rows
from labelfix.outputs.policy import Policy
from labelfix.outputs.snippets import look_up, look_ups_tell
from labelfix.outputs.trust import noise_rate, of_new_rows, read_evidence, trusted_mask
from labelfix.remote import as_path
from labelfix.runs import RunFolder

IN_MEMORY = "corrected labels"
"""What a table in memory is called."""


@dataclass(frozen=True)
class FlagOptions:
    """Which rows to flag, and what to hold them against, as `Run.flag` takes it; None and nothing leave an option away.

    Attributes:
        policy: What is let through by class, how bad findings are and whom they concern.
        with_content: Tell the hash of what each finding holds, as a baseline needs it.
    """

    max_issue_rate: float | None = None
    min_confidence: float | None = None
    max_false_flags: float | None = None
    budget: int | None = None
    max_noise_rate: float | None = None
    baseline: Sequence[str | Path] = ()
    include_trusted: bool = False
    show: int | None = None
    noisy: str | None = None
    against: str | Path | None = None
    drift_level: float | None = None
    max_drift: float | None = None
    policy: Policy = field(default_factory=Policy)
    with_content: bool = False

    def refuse_unfit(self, of_run: bool) -> None:
        """Refuse options that do not go together, and values out of range.

        Args:
            of_run: Whether a run is judged, not a file of corrected labels.

        Raises:
            SettingsError: Some do not go together, or a value is out of range.
        """
        share = self.max_false_flags
        for name in ("max_issue_rate", "min_confidence", "max_false_flags", "max_noise_rate", "max_drift"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise SettingsError(f"{_flag(name)} {value:g}: is not a share from 0 to 1")
        for name, least in (("budget", 1), ("show", 0)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise SettingsError(f"{_flag(name)} {value}: give {least} or more")
        level = self.drift_level
        if level is not None and not 0 < level < 1:
            raise SettingsError(f"--drift-level {level:g}: is not between 0 and 1")
        without = next((name for name in ("drift_level", "max_drift") if getattr(self, name) is not None), None)
        if without and self.against is None:
            raise SettingsError(f"{_flag(without)}: goes with --against RUN, which says what to compare with")
        ways = {"--min-confidence": self.min_confidence, "--max-false-flags": share, "--budget": self.budget}
        if sum(value is not None for value in ways.values()) > 1:
            raise SettingsError(f"{', '.join(ways)}: give one of them; each says by itself which rows are flagged")
        if share == 0:
            raise SettingsError("--max-false-flags 0: nothing could be flagged; give a share above 0, such as 0.1")
        alone = {"--budget": self.budget, "--max-false-flags": share, "--corrected": None if of_run else ""}
        against = next((flag for flag, value in alone.items() if value is not None), None)
        if self.include_trusted and against:
            raise SettingsError(f"--include-trusted: goes with a run and a confidence only; leave it or {against} out")


def flag(
    of: RunFolder | Path | pa.Table, asked: FlagOptions, warn: Callable[[str], None] = lambda _: None
) -> Judgement:
    """Find the rows of a finished run, or of a file or a table of corrected labels, that look wrong, worst first."""
    folder = of if isinstance(of, RunFolder) else None
    asked.refuse_unfit(folder is not None)
    path, source, rows = opened_labels(of)
    known = read_evidence(folder) if folder is not None else evidence_of(rows)
    trusted = trusted_mask(folder.read_manifest(), len(rows)) if folder is not None else None
    about = corrected_metadata(rows)
    asked.policy.refuse_unknown(about.classes, about.sources if SOURCE_SCORES in rows.schema.names else (), source)
    sources = _Sources(about, folder, path, asked.noisy, warn)
    chosen = None
    if asked.max_false_flags is not None:
        chosen = by_guarantee(rows, source, known, asked.max_false_flags, folder is not None)
    elif asked.budget is not None:
        chosen = by_budget(rows, asked.budget, trusted)
    judgement = gate.apply_gates(
        rows,
        source,
        asked.max_issue_rate,
        asked.min_confidence,
        read_baseline(*map(as_path, asked.baseline)),
        asked.show,
        chosen,
        trusted,
        asked.include_trusted,
        asked.policy,
        sources.accepted,
    )
    if asked.max_noise_rate is not None:
        rate = noise_rate(known, source, folder is not None)
        judgement = replace(judgement, noise_rate=rate, max_noise_rate=asked.max_noise_rate)
    unlike = (known.get("new_rows") or {}).get("not_met") if folder is None else None
    if folder is None and (unlike or asked.max_noise_rate is not None or asked.max_false_flags is not None):
        judgement = replace(judgement, assumptions=of_new_rows(known), new_rows=known.get("new_rows"))
    if asked.against is not None:
        level = DRIFT_LEVEL if asked.drift_level is None else asked.drift_level
        tolerance = MAX_DRIFT if asked.max_drift is None else asked.max_drift
        judgement = replace(judgement, drift=compare(rows, as_path(asked.against), level, tolerance))
    return gate.with_details(judgement, lambda found: sources.look_up(found, asked.with_content))


@dataclass
class _Sources:
    """The sources of rows, looked for when one is asked for; what was not found is said once.

    Attributes:
        folder: The run; None for a file of its own.
        noisy: The name of the source today; None for its own.
    """

    about: CorrectedMetadata
    folder: RunFolder | None
    corrected: Path
    noisy: str | None
    warn: Callable[[str], None]
    _said: set[str] = field(default_factory=set)

    def accepted(self, found: Sequence[Finding]) -> Sequence[Finding]:
        """Findings that a baseline accepts if they hold what they held then."""
        return self.look_up(found, True, "whether accepted rows were edited since is not seen, and ")

    def look_up(self, found: Sequence[Finding], with_content: bool = False, unseen: str = "") -> Sequence[Finding]:
        """Findings with what their rows hold; `unseen` is what is not known besides where they cannot be read."""
        files = dict.fromkeys(each.file for each in found)
        if not with_content and not look_ups_tell(self.about, files):
            return found
        places, lost = find_rows(files, self.folder, self.corrected, self.noisy)
        if lost and lost not in self._said:
            self._said.add(lost)
            self.warn(f"{unseen}{lost}")
        return look_up(found, self.about, places, with_content)


def opened_labels(of: RunFolder | Path | pa.Table) -> tuple[Path, str, CorrectedRows]:
    """Where corrected labels lie, what they are called, and themselves."""
    if isinstance(of, RunFolder):
        return of.corrected, str(of.path), open_corrected(of.corrected)
    if isinstance(of, pa.Table):
        if what := lack(of.schema):
            raise input_error(IN_MEMORY, f"are no table of corrected labels ({what})", REMEDY)
        return Path(IN_MEMORY), IN_MEMORY, HeldRows(of.combine_chunks())
    return of, str(of), open_corrected(of)


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
