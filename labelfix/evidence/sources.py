"""What each source is worth: how often it is right, with an interval, and a description in words.

Accuracy is counted on trusted rows that the source labelled; the interval is meant for all rows that it labelled, as
that of the noise rate is (`data.labels.noise_rate`). What is lost without a source is measured on the same rows out of
fold, by the method that weighs sources; other methods do not say it.

Legend: N noisy rows, P trusted rows with opinions, S sources, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.special import gammaincc

from labelfix.correctors.contract import Problem
from labelfix.data.labels.noise_rate import counted, pair_counts
from labelfix.data.tables import Codes

FEW = 20
"""With fewer trusted rows than this a source is not described in words."""

COPIED = 0.85
"""From this surplus of agreement on, one source is called a copy of the other."""

SAME = 0.999
"""From this share of rows on, too, where a surplus is told of: few trusted rows leave it lower than it is."""

RANDOM = 0.05
"""Labels and truth count as unrelated if chance alone would make them as dependent in this share of cases."""

Figures = dict[str, Any]


def of_sources(problem: Problem, names: Sequence[str], metrics: Mapping[str, Any]) -> Figures | None:
    """Plain values of all sources, with what the method says of them; None with one column of given labels."""
    if problem.opinions is None or problem.paired_opinions is None:
        return None
    told = metrics.get("sources") or {}
    sources = problem.opinions.names
    together = [each | {"sources": [sources[s] for s in each["sources"]]} for each in told.get("together", ())]
    each: list[Figures] = []
    judged = problem.paired_opinions.take(np.flatnonzero(problem.judges).astype(np.int64))
    spoken = zip(sources, problem.opinions.rows_of_each, judged.rows_of_each, problem.opinions.of_each, strict=True)
    for place, (name, noisy, trusted, labels) in enumerate(spoken):
        own = {key: told[key][place] for key in ("weight", "lost", "lost_nll") if told.get(key) is not None}
        here = np.flatnonzero(judged.source == place)
        truth = problem.truth[problem.judges][judged.row[here]]
        counts = pair_counts(truth, judged.label[here].astype(np.int64), len(names))
        each.append({"name": name, "rows": int(noisy + trusted)} | _accuracy(counts, int(labels), names) | own)
    for figures in each:
        figures["words"] = _words(figures, names, together, "weight" in told)
        figures["confusion"] = figures["confusion"].tolist()
    return {"each": each, "together": together, "weighed_again": told.get("weighed_again", True)}


def _accuracy(counts: Codes, others: int, classes: Sequence[str]) -> Figures:
    """How often a source is right, by `(K, K)` counts of its opinions on trusted rows by class."""
    meant, total = max(others, 1), int(counts.sum())
    of_class = []
    for code, row in enumerate(counts):
        share = meant * row.sum() / max(total, 1)
        of_class.append(counted(int(row[code]), int(row.sum()), max(share, 1.0)).to_json() | {"class": classes[code]})
    return {
        "labels": others + total,
        "accuracy": counted(int(np.trace(counts)), total, meant).to_json(),
        "classes": of_class,
        "confusion": counts,
    }


def _words(figures: Figures, classes: Sequence[str], together: Sequence[Figures], weighed: bool) -> list[str]:
    """What a person should know about a source, and its weight where the run weighs sources."""
    counts: Codes = figures["confusion"]
    found = []
    for pair in together:
        copied = pair["surplus"] >= COPIED
        if (copied or pair["same"] >= SAME) and figures["name"] in pair["sources"]:
            other = next(name for name in pair["sources"] if name != figures["name"])
            said = f"says the same as {other} on {pair['same']:.1%} of {pair['rows']:,} rows that both label"
            known = "both together count as one" if copied else "if it is one, leave one of them out"
            found.append(f"{said}, like a copy; {known}")
    if counts.sum() < FEW:
        return [*found, f"only {counts.sum():,} trusted rows tell how good it is; check some more of its rows"]
    said = counts.sum(axis=0)
    if (said > 0).sum() == 1 and (counts.sum(axis=1) > 0).sum() > 1:
        only = classes[int(said.argmax())]
        share = counts[said.argmax(), said.argmax()] / counts.sum()
        against = ": where it speaks, the run believes that class less" if weighed and not share else ""
        return [*found, f'always says "{only}", which is right on {share:.1%} of the trusted rows it labels{against}']
    if _chance(counts) > RANDOM:
        little = ", and counts for little" if weighed else ""
        return [*found, f"as good as random: what it says has nothing to do with the true class{little}"]
    return found + _swapped(counts, classes, weighed)


def _chance(counts: Codes) -> float:
    """How often chance alone makes labels and classes as dependent as these: a chi-squared test."""
    table = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0].astype(np.float64)
    freedom = (table.shape[0] - 1) * (table.shape[1] - 1)
    if freedom < 1:
        return 1.0
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    statistic = float(((table - expected) ** 2 / expected).sum())
    return float(gammaincc(freedom / 2, statistic / 2))


def _swapped(counts: Codes, classes: Sequence[str], weighed: bool) -> list[str]:
    """Pairs of classes of each of which a source says the other, more often than chance alone makes it."""
    found = []
    size = counts.sum(axis=1)
    for a in range(len(classes)):
        for b in range(a + 1, len(classes)):
            if _rather(counts[a], b, a) and _rather(counts[b], a, b):
                share = (counts[a, b] + counts[b, a]) / (size[a] + size[b])
                named = f'"{classes[a]}" and "{classes[b]}"'
                said = f"on {share:.1%} of the trusted rows of these classes it says the one for the other"
                known = "; the run knows, and reads it the other way round" if weighed else ""
                found.append(f"has {named} swapped: {said}{known}")
    return found


def _rather(said: Codes, one: int, other: int) -> bool:
    """Whether a source says one class of some rows rather than another one: by more than two standard errors."""
    return bool(said[one] - said[other] > 2 * np.sqrt(said[one] + said[other]))
