"""How far a review has come: decisions, decisions a minute, and how many labels are still wrong.

With p, the share of wrong labels among L labelled rows, C of which somebody has looked at, w of them labelled wrongly,
the share among the L − C that nobody has looked at is

    u = (L p − w) / (L − C).

p and its interval are the run's own: those of all rows that were not drawn, so that rows that were chosen for the run
are among the L and the C. As soon as the beginning of the random queue is answered, p is counted again on these rows
and, where none were chosen, the trusted pairs; it is then that of the rows open to be decided. The narrower interval
is shown. Only p is uncertain: w is known.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from labelfix.data.labels.noise_rate import rate_of
from labelfix.data.tables import Codes
from labelfix.outputs.answered import sampled
from labelfix.outputs.queues import RunRows
from labelfix.runs.answers import Answer, Ledger

RECENT = timedelta(minutes=5)
"""Decisions a minute are counted over so long."""

Ends = tuple[float, float, float]
"""Value, lower end, upper end."""

Mask = npt.NDArray[np.bool_]


def pace(ledger: Ledger, who: str) -> float | None:
    """Decisions a minute of a person in the last minutes; None with fewer than two."""
    now, times = datetime.now(UTC), []
    for answer in reversed(ledger.answers):
        when = _moment(answer.when)
        if when is None or now - when > RECENT:
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
    own: Ends | None = (rate["value"], rate["low"], rate["high"]) if rate.get("low") is not None else None
    answered = [answer for answer in standing.values() if answer.label is not None]
    places = rows.positions([answer.id for answer in answered])
    names = {name: code for code, name in enumerate(rows.classes)}
    before = np.where(rows.chosen, rows.suggested, -1)  # a trusted row's label is its suggested one
    label = before.copy()
    for place, answer in zip(places.tolist(), answered, strict=True):
        if place >= 0:
            label[place] = names.get(answer.label or "", -1)
    to_decide = ~rows.trusted & (rows.given >= 0)
    every = to_decide | (rows.chosen & (rows.given >= 0))
    start = _unseen(rows, before, every, own)
    now = _narrower(_unseen(rows, label, every, own), _unseen(rows, label, to_decide, _counted(rows, label, evidence)))
    if now is None:
        return None
    left, found = to_decide & (label < 0), to_decide & (label >= 0) & (label != rows.given)
    told = {"start": None if start is None else _possible(start), "found": int(found.sum()), "rows": int(left.sum())}
    return {**dict(zip(("value", "low", "high"), _possible(now), strict=True)), **told}


def _unseen(rows: RunRows, label: Codes, among: Mask, share: Ends | None) -> Ends | None:
    """u of the module's docstring: L rows `among` `(N,)` all, p = `share`; -1 in `label` `(N,)` where nobody looked."""
    if share is None:
        return None
    known = among & (label >= 0)
    wrong, left = int((label != rows.given)[known].sum()), int((among & ~known).sum())
    value, low, high = ((int(among.sum()) * end - wrong) / max(left, 1) for end in share)
    return value, low, high


def _possible(ends: Ends) -> Ends:
    value, low, high = (min(max(end, 0.0), 1.0) for end in ends)
    return value, low, high


def _counted(rows: RunRows, label: Codes, evidence: Mapping[str, Any]) -> Ends | None:
    """p counted on trusted pairs and on the rows at the beginning of the random order."""
    size = sampled(rows, label >= 0)
    if not size:
        return None
    truth = np.where(rows.trusted, rows.suggested, label)
    sample = np.zeros(len(rows), dtype=bool)
    sample[rows.random_order[:size]] = True
    judged = evidence.get("judged_on") or {}
    if judged.get("sampling") == "random" and not judged.get("chosen"):
        sample |= rows.trusted & (rows.given >= 0)
    classes = len(rows.classes)
    pairs = np.bincount(truth[sample] * classes + rows.given[sample], minlength=classes**2)
    rest = rows.given[~sample & ~rows.trusted & (rows.given >= 0)]
    of_given = np.bincount(rest, minlength=classes).astype(np.int64)
    found = rate_of(pairs.reshape(classes, classes).astype(np.int64), of_given, "random")
    ends = found.value, found.low, found.high
    return None if None in ends else cast(Ends, ends)


def _narrower(one: Ends | None, other: Ends | None) -> Ends | None:
    both = [each for each in (one, other) if each is not None]
    return min(both, key=lambda each: each[2] - each[1], default=None)


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
