"""Methods against each other: paired differences of two, and the ranks and shortfalls of all.

A setting is a set, or a set under one level of noise, with one backbone; runs of one setting and seed were given the
same rows and labels, whatever the method.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

import numpy as np
from scipy.special import stdtrit
from scipy.stats import rankdata

from labelfix.bench.results import ACCURACY, CALIBRATION, FigureColumn, Row, distinct
from labelfix.errors import RunError

RANKED = tuple(
    column for column in ACCURACY if column.name in ("test_right", "corrected_right", "auroc", "average_precision")
)
"""The figures whose mean ranks are averaged."""

COMPARED = (*RANKED, *CALIBRATION)

RESAMPLES = 10_000
"""Draws of settings, for the interval over them."""

FEWEST = 3
"""Settings that are worth drawing from."""

SAME = 1e-12
"""Differences up to here are rounding."""

Values = dict[tuple[str, int], float]
"""Setting and seed → figure."""


@dataclass(frozen=True)
class ConfidenceInterval:
    """A 95 % confidence interval."""

    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """One figure of two methods, A − B.

    Attributes:
        over_seeds: t interval over the seeds' means; None where fewer than two seeds have every setting.
        over_settings: Percentiles of the mean when settings are drawn with replacement; None with fewer than `FEWEST`.
        seeds: Those that the means are over; empty where no seed has every setting, and every pair counts.
        regret: How far A is behind B where it is furthest behind; 0 where it never is.
    """

    figure: str
    first: float
    second: float
    mean: float
    over_seeds: ConfidenceInterval | None
    over_settings: ConfidenceInterval | None
    seeds: tuple[int, ...]
    settings: dict[str, float]
    wins: int
    ties: int
    losses: int
    regret: float
    worst: str


@dataclass(frozen=True)
class Comparison:
    """Two methods."""

    first: str
    second: str
    differences: tuple[Difference, ...]


@dataclass(frozen=True)
class Shortfall:
    """How far a method is behind the best one where it is furthest behind."""

    behind: float
    setting: str


@dataclass(frozen=True)
class Standing:
    """A method among the others.

    Attributes:
        ranks: Column → mean rank over settings, 1 the best; equal figures share the mean of their ranks.
        average: Mean of the mean ranks in `RANKED`; None where one is missing.
    """

    method: str
    ranks: dict[str, float]
    average: float | None
    shortfalls: dict[str, Shortfall]


@dataclass(frozen=True)
class Ranking:
    """All methods that were run everywhere.

    Attributes:
        settings: Column → how many settings its ranks are over.
        seeds: Setting → the seeds that all methods have there.
        left_out: Method → how many settings it lacks.
    """

    standings: tuple[Standing, ...]
    settings: dict[str, int]
    seeds: dict[str, tuple[int, ...]]
    left_out: dict[str, int]


def compared(rows: Sequence[Row], first: str, second: str) -> Comparison:
    """The paired differences of two methods.

    Raises:
        RunError: One of them has no run, or they share no setting and seed.
    """
    there = distinct(row["method"] for row in rows)
    for name in (first, second):
        if name not in there:
            raise RunError(f"no run of {name!r} is there; methods that are: {', '.join(there) or 'none'}")
    found = [difference for column in COMPARED if (difference := _difference(rows, first, second, column))]
    if not found:
        raise RunError(f"{first} and {second} share no setting and seed, so nothing can be compared in pairs")
    return Comparison(first, second, tuple(found))


def ranking(rows: Sequence[Row]) -> Ranking:
    """The ranks and shortfalls of all methods that were run on every setting.

    In each setting only the seeds count that all of them have; figures are averaged over these before they are ranked.

    Raises:
        RunError: Fewer than two methods were run on every setting.
    """
    settings = distinct(row["setting"] for row in rows)
    runs: dict[str, dict[str, set[int]]] = {}
    for row in rows:
        runs.setdefault(row["method"], {}).setdefault(row["setting"], set()).add(row["seed"])
    left_out = {method: len(settings) - len(own) for method, own in runs.items() if len(own) < len(settings)}
    methods = [method for method in runs if method not in left_out]
    if len(methods) < 2:
        lacking = ", ".join(f"{name} ({count} missing)" for name, count in left_out.items())
        raise RunError(f"ranks need two methods that were run on all {len(settings)} settings; incomplete: {lacking}")
    shared = {s: tuple(sorted(set.intersection(*(runs[method][s] for method in methods)))) for s in settings}
    ranks: dict[str, dict[str, float]] = {method: {} for method in methods}
    shortfalls: dict[str, dict[str, Shortfall]] = {method: {} for method in methods}
    counts: dict[str, int] = {}
    for column in COMPARED:
        table = _table(rows, methods, shared, column)
        if table:
            counts[column.name] = len(table)
            _judge(column, table, methods, ranks, shortfalls)
    standings = [Standing(method, ranks[method], _average(ranks[method]), shortfalls[method]) for method in methods]
    standings.sort(key=lambda one: (one.average is None, one.average or sum(one.ranks.values()), one.method))
    return Ranking(tuple(standings), counts, shared, left_out)


def values_of(rows: Sequence[Row], method: str, column: FigureColumn) -> Values:
    """A figure of a method by setting and seed, where it is there."""
    own = [row for row in rows if row["method"] == method and row.get(column.name) is not None]
    return {(row["setting"], row["seed"]): row[column.name] for row in own}


def _difference(rows: Sequence[Row], first: str, second: str, column: FigureColumn) -> Difference | None:
    a, b = values_of(rows, first, column), values_of(rows, second, column)
    pairs = [key for key in a if key in b]
    if not pairs:
        return None
    settings = distinct(setting for setting, _ in pairs)
    seeds = tuple(s for s in sorted({seed for _, seed in pairs}) if all((name, s) in pairs for name in settings))
    if seeds:
        pairs = [key for key in pairs if key[1] in seeds]
    by_setting = {s: fmean([a[key] - b[key] for key in pairs if key[0] == s]) for s in settings}
    sign = -1 if column.less_is_better else 1
    better = [sign * value for value in by_setting.values()]
    worst = min(by_setting, key=lambda name: sign * by_setting[name])
    regret = -sign * by_setting[worst]
    behind = regret > SAME
    return Difference(
        figure=column.name,
        first=fmean([fmean([a[key] for key in pairs if key[0] == s]) for s in settings]),
        second=fmean([fmean([b[key] for key in pairs if key[0] == s]) for s in settings]),
        mean=fmean(list(by_setting.values())),
        over_seeds=_t_interval([fmean([a[s, seed] - b[s, seed] for s in settings]) for seed in seeds]),
        over_settings=_bootstrap(list(by_setting.values())),
        seeds=seeds,
        settings=by_setting,
        wins=sum(value > SAME for value in better),
        ties=sum(abs(value) <= SAME for value in better),
        losses=sum(value < -SAME for value in better),
        regret=regret if behind else 0.0,
        worst=worst if behind else "",
    )


def _t_interval(values: Sequence[float]) -> ConfidenceInterval | None:
    if len(values) < 2:
        return None
    half = float(stdtrit(len(values) - 1, 0.975)) * stdev(values) / len(values) ** 0.5
    return ConfidenceInterval(fmean(values) - half, fmean(values) + half)


def _bootstrap(values: Sequence[float]) -> ConfidenceInterval | None:
    if len(values) < FEWEST:
        return None
    drawn = np.random.default_rng(0).choice(np.array(values), size=(RESAMPLES, len(values)))
    low, high = np.quantile(drawn.mean(axis=1), (0.025, 0.975))
    return ConfidenceInterval(float(low), float(high))


def _table(
    rows: Sequence[Row], methods: Sequence[str], shared: dict[str, tuple[int, ...]], column: FigureColumn
) -> dict[str, list[float]]:
    """Setting → the methods' means over the shared seeds, where every method has the figure."""
    values = {method: values_of(rows, method, column) for method in methods}
    found: dict[str, list[float]] = {}
    for setting, seeds in shared.items():
        complete = seeds and all((setting, seed) in values[method] for method in methods for seed in seeds)
        if complete:
            found[setting] = [fmean([values[method][setting, seed] for seed in seeds]) for method in methods]
    return found


def _judge(
    column: FigureColumn,
    table: dict[str, list[float]],
    methods: Sequence[str],
    ranks: dict[str, dict[str, float]],
    shortfalls: dict[str, dict[str, Shortfall]],
) -> None:
    # S settings × methods, larger is better
    goodness = np.array(list(table.values())) * (-1 if column.less_is_better else 1)
    mean_ranks = rankdata(-goodness.round(12), method="average", axis=1).mean(axis=0)
    behind = goodness.max(axis=1, keepdims=True) - goodness
    names = list(table)
    for number, method in enumerate(methods):
        ranks[method][column.name] = float(mean_ranks[number])
        at = int(behind[:, number].argmax())
        most = float(behind[at, number])
        shortfalls[method][column.name] = Shortfall(most, names[at]) if most > SAME else Shortfall(0.0, "")


def _average(ranks: dict[str, float]) -> float | None:
    there = [ranks.get(column.name) for column in RANKED]
    complete = [rank for rank in there if rank is not None]
    return fmean(complete) if len(complete) == len(there) else None
