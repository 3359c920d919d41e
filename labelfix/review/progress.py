"""How far a review has come: decisions, decisions a minute, and how many labels are still wrong.

Of the L labelled rows that were not trusted before the run, C are decided by now, and w of their given labels were
wrong. With p, the share of wrong labels among all L, the share among the L − C that nobody has looked at is

    u = (L p − w) / (L − C).

p and its interval are the run's own; as soon as the beginning of the random queue is answered, they are counted again
on the trusted pairs and those rows together, where that is narrower. Only p is uncertain: w is known.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from labelfix.data.labels.noise_rate import RateInterval, rate_of
from labelfix.outputs.answered import sampled
from labelfix.outputs.queues import RunRows
from labelfix.runs.answers import Answer, Ledger

RECENT = timedelta(minutes=5)
"""Decisions a minute are counted over so long."""

Ends = tuple[float, float, float]
"""Value, lower end, upper end."""


def pace(ledger: Ledger, who: str, at: datetime | None = None) -> float | None:
    """Decisions a minute of a person in the last minutes; None with fewer than two."""
    at = at or datetime.now(UTC)
    times = []
    for answer in reversed(ledger.answers):
        when = _moment(answer.when)
        if when is None or at - when > RECENT:
            break
        if answer.who == who and answer.decision != "undo" and answer.key not in ledger.undone:
            times.append(when)
    if len(times) < 2:
        return None
    span = (max(times) - min(times)).total_seconds()
    return 60 * (len(times) - 1) / span if span > 0 else None


def decides_elsewhere(ledger: Ledger, who: str, own: Collection[str], first: int) -> bool:
    """Whether somebody has decided under this name in the last minutes by another process.

    Args:
        own: Keys of the decisions that came by this one.
        first: Decisions that were there before it.
    """
    at = datetime.now(UTC)
    there = (one for one in ledger.answers[first:] if one.who == who and one.key not in own)
    return any((when := _moment(one.when)) is not None and at - when < RECENT for one in there)


def still_wrong(rows: RunRows, standing: Mapping[str, Answer], evidence: Mapping[str, Any]) -> dict[str, Any] | None:
    """u of the module's docstring, before the first decision and now; None where the run has no interval."""
    rate = (evidence.get("noise") or {}).get("rate") or {}
    start: Ends | None = (rate["value"], rate["low"], rate["high"]) if rate.get("low") is not None else None
    answered = [answer for answer in standing.values() if answer.label is not None]
    places = rows.positions([answer.id for answer in answered])
    names = {name: code for code, name in enumerate(rows.classes)}
    label = np.full(len(rows), -1, dtype=np.int64)
    for place, answer in zip(places.tolist(), answered, strict=True):
        if place >= 0:
            label[place] = names.get(answer.label or "", -1)
    usable = ~rows.trusted & (rows.given >= 0)
    known = (label >= 0) & usable
    now = _narrower(start, _counted(rows, label, evidence))
    if now is None:
        return None
    total, left = int(usable.sum()), int((usable & ~known).sum())
    wrong = int((label != rows.given)[known].sum())
    unseen = [min(max((total * end - wrong) / max(left, 1), 0.0), 1.0) for end in now]
    return {"value": unseen[0], "low": unseen[1], "high": unseen[2], "start": start, "found": wrong, "rows": left}


def _counted(rows: RunRows, label: Any, evidence: Mapping[str, Any]) -> RateInterval | None:  # noqa: ANN401 - an array
    """p counted on trusted pairs and on the rows at the beginning of the random order."""
    size = sampled(rows, label >= 0)
    if not size:
        return None
    truth = np.where(rows.trusted, rows.suggested, label)  # a trusted row's label is its suggested one
    sample = np.zeros(len(rows), dtype=bool)
    sample[rows.random_order[:size]] = True
    judged = evidence.get("judged_on") or {}
    if judged.get("sampling") == "random" and not judged.get("chosen"):
        sample |= rows.trusted & (rows.given >= 0)
    classes = len(rows.classes)
    pairs = np.bincount(truth[sample] * classes + rows.given[sample], minlength=classes**2)
    rest = rows.given[~sample & (rows.given >= 0)]
    of_given = np.bincount(rest, minlength=classes).astype(np.int64)
    return rate_of(pairs.reshape(classes, classes).astype(np.int64), of_given, "random")


def _narrower(start: Ends | None, counted: RateInterval | None) -> Ends | None:
    if counted is None or counted.value is None or counted.low is None or counted.high is None:
        return start
    again = (counted.value, counted.low, counted.high)
    return again if start is None or again[2] - again[1] < start[2] - start[1] else start


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
