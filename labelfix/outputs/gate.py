"""The gate of `labelfix flag`: findings from corrected labels, and the judgement that they add up to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from labelfix.errors import LabelfixError, input_error
from labelfix.outputs.baseline import NOTHING, Accepted, Baseline, not_accepted, since_edited
from labelfix.outputs.column_arrays import codes, validity, values
from labelfix.outputs.corrected_rows import REMEDY, CorrectedRows, corrected_metadata, groups, rows_at
from labelfix.outputs.corrected_schema import SOURCE_SCORES
from labelfix.outputs.flag_rules import ChosenRows
from labelfix.outputs.gate_parts import OfColumn, OfSources, Parts
from labelfix.outputs.judgement import Finding, Judgement
from labelfix.outputs.policy import NO_POLICY, Policy
from labelfix.outputs.worst import WorstRows

FEW = 10
"""With fewer rows than this, a baseline may well hold every one."""

LookUp = Callable[[Sequence[Finding]], Sequence[Finding]]


def apply_gates(
    rows: CorrectedRows,
    source: str,
    max_issue_rate: float | None = None,
    min_confidence: float | None = None,
    accepted: Baseline = NOTHING,
    show: int | None = None,
    chosen: ChosenRows | None = None,
    trusted: npt.NDArray[np.bool_] | None = None,
    with_trusted: bool = False,
    policy: Policy = NO_POLICY,
    details: LookUp = lambda findings: findings,
) -> Judgement:
    """Judge corrected labels, group by group; memory grows with the findings that are shown and with nothing else.

    Args:
        max_issue_rate: The gate, in [0, 1]; None only lists.
        min_confidence: Take the issues at this threshold instead of the one they were made with.
        accepted: Rows that are no findings any more, as long as they are what they were.
        show: How many findings to give, the worst ones; None gives all.
        chosen: The rows that are findings; None for those that the threshold makes issues.
        trusted: `(N,)` True for rows that a person has checked: they are left out. None where nothing is known.
        with_trusted: Do not leave them out.
        policy: What is let through by class and by file, how bad findings are and whom they concern.
        details: Looks rows of the baseline up in their sources, by `content`.

    Raises:
        InputError: There is a gate and no row with a label to judge, or the baseline accepts whatever is found.
    """
    metadata = corrected_metadata(rows)
    known = np.zeros(len(rows), dtype=bool) if trusted is None else trusted
    apart = np.zeros_like(known) if with_trusted else known
    labelled = len(rows) - rows.unlabelled - _labelled_among(rows, apart)
    if max_issue_rate is not None and not labelled:
        but, remedy = "", "skip `labelfix flag` where a file may well hold none; else find out where its labels are"
        if apart.any():
            but, remedy = " that is not trusted", "leave out --max-issue-rate"
        what = f"has no row with a given label{but}, so there is no rate to judge"
        raise input_error(source, what, remedy)
    threshold = metadata.min_confidence if min_confidence is None else min_confidence
    of_classes = OfColumn.of_classes([name for name in metadata.classes if name in policy.classes])
    parts = (of_classes, OfColumn.of_files(policy), OfSources(list(policy.sources), threshold))
    counting = [part for part in parts if part.names]
    worst = WorstRows(show)
    issues, doubtful = _look_through(rows, min_confidence, accepted, chosen, apart, counting, worst)
    _refuse_all(rows, source, accepted)
    back = since_edited(_findings(rows, np.array(list(doubtful), np.int64), known, policy), doubtful, details)
    if back:
        scores, confidence = np.array([(f.label_score, f.confidence) for f in back.values()], np.float32).T
        worst.add(np.array(list(back), np.int64), scores, confidence)
        for part in counting:
            part.come_back(back.values())
    return Judgement(
        source=source,
        run_id=metadata.run_id,
        min_confidence=threshold,
        rows=len(rows),
        labelled=labelled,
        accepted=issues - worst.seen,
        issues=worst.seen,
        findings=_findings(rows, worst.rows(), known, policy),
        max_issue_rate=max_issue_rate,
        chosen=chosen,
        trusted=int(apart.sum()),
        with_trusted=with_trusted,
        classes=parts[0].found(),
        files=parts[1].found(),
        sources=parts[2].found(),
        policy=policy,
        edited=len(back),
    )


def _look_through(
    rows: CorrectedRows,
    min_confidence: float | None,
    accepted: Baseline,
    chosen: ChosenRows | None,
    apart: npt.NDArray[np.bool_],
    counting: Sequence[Parts],
    worst: WorstRows,
) -> tuple[int, dict[int, tuple[Accepted, ...]]]:
    """Take the findings of each group into account; arguments as for `apply_gates`.

    Args:
        apart: `(N,)` True for rows that are left out.
        counting: The parts that have gates of their own; told what they have to count.
        worst: Told all findings that the baseline does not know.

    Returns:
        How many findings there are, and row → entries of those that the baseline knows by their contents alone.
    """
    classes, issues = corrected_metadata(rows).classes, 0
    doubtful: dict[int, tuple[Accepted, ...]] = {}
    for first, group in groups(rows, _judged_columns(min_confidence, accepted, counting)):
        here = _issues(group, classes, min_confidence) if chosen is None else chosen.rows[first:][: len(group)]
        judged = ~apart[first:][: len(group)]
        flagged = np.flatnonzero(here & judged)
        issues += len(flagged)
        if accepted:
            flagged, asked = not_accepted(group, flagged, accepted)
            doubtful |= {first + row: entries for row, entries in asked.items()}
        for part in counting:
            part.see(group, judged, flagged)
        scores, confidence = (_numbers(rows, group, name, flagged, first) for name in ("label_score", "confidence"))
        worst.add(first + flagged, scores, confidence)
    return issues, doubtful


def _refuse_all(rows: CorrectedRows, source: str, accepted: Baseline) -> None:
    """Refuse a baseline of every row; it may well hold all of fewer than `FEW`."""
    if accepted and len(rows) >= FEW:
        ids = (str(name) for _, group in groups(rows, ["id"]) for name in group["id"].to_pylist())
        if all(name in accepted.rows for name in ids):
            what = f"has {len(rows):,} rows, and the baseline accepts every one of them, so nothing can be found"
            remedy = "give --baseline only rows that somebody has looked at, not the whole table"
            raise input_error(source, what, remedy)


def with_details(judgement: Judgement, details: LookUp) -> Judgement:
    """The judgement with its findings looked up in their sources, which fills `snippet` or `line`."""
    return replace(judgement, findings=tuple(details(judgement.findings)))


def _judged_columns(min_confidence: float | None, accepted: Baseline, parts: Iterable[Parts]) -> list[str]:
    verdict = ["is_label_issue"] if min_confidence is None else ["given_label", "suggested_label"]
    given = ["given_label"] if accepted else []
    watched = [column for part in parts for column in part.columns]
    return list(dict.fromkeys([*verdict, *given, *watched, "label_score", "confidence", *(["id"] if accepted else [])]))


def _issues(group: pa.Table, classes: Sequence[str], min_confidence: float | None) -> npt.NDArray[np.bool_]:
    """The verdict on every row.

    By NumPy on the columns' buffers: pyarrow.compute alone would take a third of the time that `flag` needs to start.
    """
    if min_confidence is None:
        verdict: npt.NDArray[np.bool_] = values(group.column("is_label_issue"))
        return verdict
    names = {name: code for code, name in enumerate(classes)}
    given, suggested = (codes(group.column(name), names) for name in ("given_label", "suggested_label"))
    sure = values(group.column("confidence")) >= np.float32(min_confidence)
    return np.asarray((given >= 0) & (given != suggested) & sure)


def _numbers(
    rows: CorrectedRows, group: pa.Table, name: str, flagged: npt.NDArray[np.int64], first: int
) -> npt.NDArray[np.float32]:
    numbers = values(group.column(name))[flagged]
    bad = np.isnan(numbers)
    if bad.any():
        raise _lacking(rows, name, first + int(flagged[bad.argmax()]))
    return numbers


def _lacking(rows: CorrectedRows, name: str, row: int) -> LabelfixError:
    what = f"says that a label is wrong, but has no {name}"
    return input_error(str(getattr(rows, "path", "corrected labels")), what, REMEDY, row + 1)


def _labelled_among(rows: CorrectedRows, some: npt.NDArray[np.bool_]) -> int:
    """How many of some rows have a given label; labels are read only where any row has none."""
    if not rows.unlabelled:
        return int(some.sum())
    if not some.any():
        return 0
    labels = groups(rows, ["given_label"])
    return sum(int((validity(group.column(0)) & some[first:][: len(group)]).sum()) for first, group in labels)


def _findings(
    rows: CorrectedRows, worst: npt.NDArray[np.int64], trusted: npt.NDArray[np.bool_], policy: Policy
) -> tuple[Finding, ...]:
    """The rows at some positions as findings, in that order."""
    names = ("id", "source_file", "source_row", "given_label", "suggested_label", "confidence", "label_score")
    asked = (SOURCE_SCORES,) if policy.sources else ()
    found: dict[int, Finding] = {}
    for row, cells in rows_at(rows, worst, (*names, *asked)).items():
        said = cells.pop(SOURCE_SCORES, None) or ()
        if (lacking := next((name for name, cell in cells.items() if cell is None), None)) is not None:
            raise _lacking(rows, lacking, row)
        each = Finding(*cells.values())
        by = tuple(one["source"] for one in said if one["label"] == each.given)
        severity = policy.severity_of(each.given, each.file, each.confidence, by)
        owner = policy.owner_of(each.given, each.file, by)
        found[row] = replace(each, trusted=bool(trusted[row]), severity=severity, owner=owner, sources=by)
    return tuple(found[row] for row in worst.tolist())
