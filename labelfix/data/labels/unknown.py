"""Labels that are none of the classes, named with their rows, the nearest class, and what to do about them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

import numpy as np

from labelfix.data.findings import LISTED, AnyPlaces, Findings
from labelfix.data.labels.classes import UNKNOWN
from labelfix.data.labels.column import LabelColumn
from labelfix.data.spelling import difference
from labelfix.data.tables import ClassNames, Codes

LISTED_CLASSES = 8

BY_CLASS_MAP = "fix it or pass --class-map"

MONTH = "(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"

A_DATE = re.compile(
    rf"(?i)\d{{1,2}}[- ]{MONTH}\b|{MONTH}[- ]\d{{2,4}}$"
    r"|\d{1,2}[./]\d{1,2}[./]\d{2,4}$|\d{4}-\d\d-\d\d\b"
)
"""What spreadsheets make of `5-9` and `1/2`."""

AS_GIVEN = re.compile(
    r"(?i)ok(ay)?|correct|right|same|as[ -]is|(no|not) chang(e|ed)|unchanged|keep|agree[ds]?|richtig|[✓✔☑]"
)
"""What a person writes instead of a label that is right."""

A_CLASS = 3
"""Rows from which on an unknown label may well be a class, and no slip."""


def _by_class_map(labels: LabelColumn, unknown: Sequence[int], classes: ClassNames, without: Sequence[str]) -> str:
    """What to do about unknown labels, with the class map for it where that can be told; arguments see below."""
    numbers = _whole(labels.values), _whole(classes.names)
    if all(numbers) and len(numbers[0]) == len(numbers[1]) and min(numbers[0]) + min(numbers[1]) == 1:
        return "one file seems to number the classes from 0 and the other from 1: number them in one way"
    as_given = (labels.values[each] for each in unknown if AS_GIVEN.fullmatch(labels.values[each]))
    if (word := next(as_given, None)) is not None:
        return f'where "{word}" says that the given label is right, write that label in its place'
    lines = "FILE, a CSV file of the line alias,class and below it"
    first = labels.values[unknown[0]][:60]
    if without and all(map(A_DATE.match, without)):
        dates = f"{', '.join(without[:3])} of the noisy file: a spreadsheet seems to have made dates of labels"
        line = f"{without[0]},{first}" if len(unknown) == len(without) == 1 else f"{without[0]},..."
        return f"see {dates}; take them from their source as text, or pass --class-map {lines} {line}"
    if all(A_DATE.match(labels.values[each]) for each in unknown):
        dates = "a spreadsheet seems to have made dates of labels: take them from their source as text"
        return f"{dates}, or pass --class-map {lines} each of them and its class: {first},..."
    if len(unknown) == len(without) == 1:
        return f"{BY_CLASS_MAP} {lines} {first},{without[0]}"
    if len(unknown) == len(labels.values) > 1:
        return f"{BY_CLASS_MAP} {lines} each of them and its class: {first},..."
    if labels.counts[unknown[0]] >= A_CLASS and not difflib.get_close_matches(first, classes.names):
        return (
            f"{BY_CLASS_MAP} {lines} {first},{first} if it is a class that the noisy file lacks, {first}, for no label"
        )
    return BY_CLASS_MAP


def _whole(names: Sequence[str]) -> frozenset[int]:
    """Names as whole numbers without a gap; none where they are anything else."""
    found = frozenset(int(name) for name in names if name.isdecimal())
    return found if len(found) == len(names) == max(found, default=-1) - min(found, default=0) + 1 else frozenset()


def report_unknown(
    labels: LabelColumn,
    codes: Codes,
    classes: ClassNames,
    places: AnyPlaces,
    findings: Findings,
    remedy: str = BY_CLASS_MAP,
    without: Sequence[str] = (),
) -> None:
    """One error that names the labels that are none of the classes, with their rows and the nearest ones.

    Args:
        remedy: What to do about one.
        without: Classes that no label is of: a single one is what a single unknown label may mean.
    """
    unknown = np.unique(labels.positions[codes == UNKNOWN])
    in_order = sorted(unknown.tolist(), key=lambda position: labels.first[position])
    if not in_order:
        return
    if remedy == BY_CLASS_MAP:
        remedy = _by_class_map(labels, in_order, classes, without)
    named = [_with_rows(labels, position, classes, len(in_order) > 1) for position in in_order[:LISTED]]
    if more := in_order[LISTED:]:
        named.append(f"{len(more):,} more ({sum(labels.counts[position] for position in more):,} rows)")
    first = _nearest(labels.values[in_order[0]], classes) if len(named) == 1 else _listed(classes)
    what = f"label {named[0]} is not one of the {len(classes)} classes ({first})"
    if others := named[1:]:
        among = f"{', '.join(others[:-1])} and {others[-1]}" if len(others) > 1 else others[0]
        what += f", nor {'is' if len(in_order) == 2 else 'are'} {among}"
    file, row = places.of(labels.first[in_order[0]])
    findings.error(file, what, remedy, row)


def _with_rows(labels: LabelColumn, position: int, classes: ClassNames, nearest: bool) -> str:
    """A label as it is shown, with the count of its rows where it has several, and perhaps the nearest class."""
    value, count = labels.values[position], labels.counts[position]
    said = [f"{count:,} rows"] if count > 1 else []
    said += [f"nearest: {name}" for name in _close(value, classes, 1)] if nearest else []
    shown = value if len(value) <= 60 else value[:57] + "..."
    return f'"{shown}" ({"; ".join(said)})' if said else f'"{shown}"'


def _nearest(value: str, classes: ClassNames) -> str:
    alike = next(((name, how) for name in classes.names if (how := difference(value, name)) is not None), None)
    if alike is not None:
        return f'it differs from "{alike[0]}" only in {alike[1]}'
    near = _close(value, classes, 3) if len(classes) > LISTED_CLASSES else []
    return f"nearest: {', '.join(near)}" if near else _listed(classes)


def _close(value: str, classes: ClassNames, most: int) -> list[str]:
    """The classes that are spelled much like a label."""
    lower = {name.lower(): name for name in classes.names}
    return [lower[name] for name in difflib.get_close_matches(value.lower(), list(lower), n=most, cutoff=0.5)]


def _listed(classes: ClassNames) -> str:
    if len(classes) > LISTED_CLASSES:
        return ", ".join(classes.names[:3]) + ", ..."
    return ", ".join(f'"{name}"' if "," in name else name for name in classes.names)
