"""What each source of a run is worth, for people: as lines of a table, and in words."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from labelfix.errors import SettingsError, input_error
from labelfix.outputs.corrected_rows import CorrectedFile, corrected_metadata, groups
from labelfix.outputs.corrected_schema import SOURCE_SCORES
from labelfix.outputs.plain_text import visible
from labelfix.outputs.trust import read_evidence, trusted_mask
from labelfix.runs import RunFolder

HEADINGS = ("source", "rows", "right", "95 % interval", "trusted", "weight", "lost without")

LEGEND = (
    "right: of the trusted rows that it labels; weight: 1 counts in full, copies share it; "
    "lost without: of 100 labels so many fewer are right, or more where it is below 0"
)
KEPT_WEIGHTS = "lost without: a rough figure, as the sources are very many; copies of what is left out would count more"


@dataclass(frozen=True)
class WorstOpinion:
    """A row that a source seems to have wrong."""

    id: str
    file: str
    row: int
    label: str
    suggested: str
    score: float


def read_sources(folder: RunFolder) -> dict[str, Any]:
    """What `metrics.json` says of a run's sources.

    Raises:
        InputError: The run has one column of labels, or nothing judges it.
    """
    found = read_evidence(folder).get("sources")
    if not found:
        remedy = "train with --label-columns or --sources, and with trusted rows that stand in the noisy file"
        raise input_error(str(folder.path), "does not say what several sources are worth", remedy)
    return dict(found)


def with_costs(found: Mapping[str, Any], costs: Mapping[str, float], rows: int) -> dict[str, Any]:
    """The same with what each source costs: all its labels, and for each label that is right thanks to it."""
    for name in costs:
        figures_of(found, name, f"--cost {name}=...")
    each = []
    for figures in found["each"]:
        price = costs.get(figures["name"])
        more: dict[str, Any] = {}
        if price is not None:
            gained = (figures.get("lost") or 0.0) * rows
            total = price * figures["labels"]
            more = {"cost": total, "cost_per_corrected": total / gained if gained > 0 else None}
        each.append({**figures, **more})
    return {**found, "each": each}


def figures_of(found: Mapping[str, Any], name: str, asked: str) -> dict[str, Any]:
    """What is said of one source.

    Raises:
        SettingsError: There is no such source.
    """
    each: dict[str, dict[str, Any]] = {figures["name"]: figures for figures in found["each"]}
    if name not in each:
        shown = ", ".join(map(visible, list(each)[:8])) + (", ..." if len(each) > 8 else "")
        raise SettingsError(f"{asked}: there is no such source; there are {shown}")
    return each[name]


def with_worst(folder: RunFolder, figures: Mapping[str, Any], most: int) -> dict[str, Any]:
    """What is said of a source, and `worst`: the rows that it most likely has wrong, as plain values."""
    return {**figures, "worst": [vars(each) for each in worst_opinions(folder, figures["name"], most)]}


def as_lines(found: Mapping[str, Any]) -> list[str]:
    """The table, then a line for each thing that should be known of a source."""
    priced = any("cost" in each for each in found["each"])
    table = [[*HEADINGS, *(("cost", "per label right thanks to it") if priced else ())]]
    table += [_cells(each, priced) for each in found["each"]]
    widths = [max(len(row[place]) for row in table) for place in range(len(table[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]
    words = [f"{visible(each['name'])}: {visible(word)}" for each in found["each"] for word in each.get("words", ())]
    pairs = [
        f"{' and '.join(map(visible, each['sources']))} err together: they agree on {each['same']:.1%} of "
        f"{each['rows']:,} rows, {each['surplus']:.0%} of the way from strangers to copies"
        for each in found.get("together", ())[:10]
    ]
    weighed = any(each.get("weight") is not None for each in found["each"])
    about = [LEGEND] if weighed else []
    about += [] if found.get("weighed_again", True) else [KEPT_WEIGHTS]
    return [*lines, *about, *words, *pairs, *_ways(found.get("ways", ()))]


def _ways(ways: Sequence[Mapping[str, Any]]) -> list[str]:
    """Labels made of all opinions in simpler ways, on the trusted rows that have some."""
    if not ways:
        return []
    width = max(len(each["name"]) for each in ways)
    rows = f"{ways[0]['accuracy']['rows']:,} trusted rows that were kept apart for it"
    lines = [f"one label made of what all sources say, checked on {rows} (log loss: lower is better):"]
    for each in ways:
        right = each["accuracy"]
        share = f"{right['value']:6.1%} right  {right['low']:.1%} to {right['high']:.1%}"
        lines.append(f"  {each['name']:<{width}}  {share}  log loss {each['nll']['value']:.3f}")
    return lines


def _cells(each: Mapping[str, Any], priced: bool) -> list[str]:
    accuracy = each["accuracy"]
    known = accuracy["rows"] > 0 and accuracy["low"] is not None
    weight, lost = each.get("weight"), each.get("lost")
    cells = [
        visible(each["name"]),
        f"{each['rows']:,}",
        f"{accuracy['value']:.1%}" if known else "?",
        f"{accuracy['low']:.1%} to {accuracy['high']:.1%}" if known else "",
        f"{accuracy['rows']:,}",
        "" if weight is None else f"{weight:.2f}",
        "" if lost is None else f"{100 * lost:+.1f} points",
    ]
    if priced:
        cost, per = each.get("cost"), each.get("cost_per_corrected")
        cells += [
            "" if cost is None else f"{cost:,.2f}",
            "" if cost is None else "no such label" if per is None else f"{per:,.2f}",
        ]
    return cells


def of_classes(each: Mapping[str, Any], classes: Sequence[str]) -> list[str]:
    """How often one source is right on rows of each class, and what it says instead."""
    width = max(map(len, classes), default=0)
    lines = []
    for code, of_class in enumerate(each["classes"]):
        if not of_class["rows"]:
            lines.append(f"  {visible(classes[code]):<{width}}  no trusted row of it has a label by this source")
            continue
        row = each["confusion"][code]
        wrong = sorted(((n, classes[j]) for j, n in enumerate(row) if n and j != code), reverse=True)[:3]
        instead = "; else " + ", ".join(f"{visible(name)} {n}" for n, name in wrong) if wrong else ""
        share = f"{of_class['value']:6.1%}  {of_class['low']:.1%} to {of_class['high']:.1%}"
        lines.append(f"  {visible(classes[code]):<{width}}  {share} of {of_class['rows']:,} rows{instead}")
    return lines


def worst_opinions(folder: RunFolder, source: str, most: int) -> list[WorstOpinion]:
    """The rows of which a source is the least likely to be right, worst first; trusted rows are left out."""
    rows = CorrectedFile(folder.corrected)
    if SOURCE_SCORES not in rows.schema.names:
        return []
    trusted = trusted_mask(folder.read_manifest(), len(rows))
    found: list[tuple[float, int, WorstOpinion]] = []
    columns = ["id", "source_file", "source_row", "suggested_label", SOURCE_SCORES]
    for first, group in groups(rows, columns):
        cells = [group.column(name).to_pylist() for name in columns]
        for place, (id_, file, row, suggested, said) in enumerate(zip(*cells, strict=True)):
            if trusted[first + place]:
                continue
            for one in said or ():
                if one["source"] == source and one["label"] != suggested:
                    worst = WorstOpinion(str(id_), file, row, one["label"], suggested, one["score"])
                    found.append((one["score"], first + place, worst))
        found = heapq.nsmallest(most, found, key=lambda each: each[:2])
    return [each for _, _, each in found]


def classes_of(folder: RunFolder) -> tuple[str, ...]:
    """The classes of a run."""
    return corrected_metadata(CorrectedFile(folder.corrected)).classes
