"""Comparisons and ranks, as text, Markdown and JSON."""

from __future__ import annotations

import json
from dataclasses import asdict

from labelfix.bench.compare import COMPARED, RANKED, Comparison, ConfidenceInterval, Difference, Ranking, Shortfall
from labelfix.bench.layout import NOTHING, Grid, laid_out

_COLUMNS = {column.name: column for column in COMPARED}


def comparison_text(found: Comparison, markdown: bool = False) -> str:
    """Two methods for people: a line for each figure, then the differences by setting."""
    a, b = found.first, found.second
    intervals = ["95 % over seeds", "95 % over settings"]
    head = ["figure", a, b, "difference", *intervals, "settings", "won–tied–lost", "regret"]
    body = [
        [
            _heading(one.figure),
            f"{one.first:.3f}",
            f"{one.second:.3f}",
            f"{one.mean:+.3f}",
            _interval(one.over_seeds),
            _interval(one.over_settings),
            str(len(one.settings)),
            f"{one.wins}–{one.ties}–{one.losses}",
            f"{one.regret:.3f} {one.worst}".rstrip(),
        ]
        for one in found.differences
    ]
    summary = Grid(f"{a} against {b}, in pairs of the same setting and seed", head, body, 1, _notes(found))
    settings = list(dict.fromkeys(name for one in found.differences for name in one.settings))
    lines = [
        [name, *(f"{one.settings[name]:+.3f}" if name in one.settings else NOTHING for one in found.differences)]
        for name in settings
    ]
    headings = ["setting", *(_heading(one.figure) for one in found.differences)]
    return laid_out([summary, Grid(f"{a} − {b} by setting", headings, lines, 1)], markdown)


def ranking_text(found: Ranking, markdown: bool = False) -> str:
    """All methods for people: mean ranks, then worst shortfalls."""
    shown = [column for column in COMPARED if column.name in found.settings]
    averaged = ", ".join(column.heading for column in RANKED)
    used = sorted({seeds for seeds in found.seeds.values()})
    notes = [
        "1 is the best; equal figures share the mean of their ranks. Settings: "
        + ", ".join(f"{column.heading} {found.settings[column.name]}" for column in shown)
        + f". average: of the mean ranks in {averaged}.",
        "In each setting only seeds count that all methods have: " + "; ".join(map(_seeds, used)) + ".",
        *(
            f"{method} is left out: it lacks {count} of {len(found.seeds)} settings."
            for method, count in found.left_out.items()
        ),
    ]
    ranks = [
        [
            one.method,
            *(f"{one.ranks[column.name]:.2f}" for column in shown),
            NOTHING if one.average is None else f"{one.average:.2f}",
        ]
        for one in found.standings
    ]
    behind = [[one.method, *(_behind(one.shortfalls[column.name]) for column in shown)] for one in found.standings]
    headings = [column.heading for column in shown]
    return laid_out(
        [
            Grid("Mean ranks over settings", ["method", *headings, "average"], ranks, 1, notes),
            Grid("Worst shortfall against the best method of a setting", ["method", *headings], behind, 1),
        ],
        markdown,
    )


def as_json(found: Comparison | Ranking) -> str:
    """Either for programs."""
    return json.dumps(asdict(found), indent=2, allow_nan=False)


def _notes(found: Comparison) -> list[str]:
    notes = [
        f"difference: {found.first} − {found.second}, the mean over settings; of ECE and NLL less is better. 95 % over "
        "seeds: t interval of the seeds' means; over settings: settings drawn with replacement. regret: how far "
        f"{found.first} is behind where it is furthest behind."
    ]
    for seeds, names in _by_seeds(found.differences).items():
        what = ", ".join(names)
        if not seeds:
            notes.append(f"{what}: no seed has every setting, so all pairs count and there is no interval over seeds.")
        elif len(seeds) == 1:
            notes.append(f"{what}: {_seeds(seeds)} alone has every setting, so there is no interval over seeds.")
        else:
            notes.append(f"{what}: {_seeds(seeds)}.")
    return notes


def _by_seeds(differences: tuple[Difference, ...]) -> dict[tuple[int, ...], list[str]]:
    found: dict[tuple[int, ...], list[str]] = {}
    for one in differences:
        found.setdefault(one.seeds, []).append(_heading(one.figure))
    return found


def _heading(figure: str) -> str:
    return _COLUMNS[figure].heading


def _seeds(seeds: tuple[int, ...]) -> str:
    if not seeds:
        return "none (those settings are left out)"
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"


def _interval(found: ConfidenceInterval | None) -> str:
    return NOTHING if found is None else f"{found.low:+.3f} to {found.high:+.3f}"


def _behind(found: Shortfall) -> str:
    return f"{found.behind:.3f} {found.setting}" if found.setting else "0"
