"""The classes of a run: canonical names from the noisy file, and how labels elsewhere are matched to them.

The classes are those of the noisy file and of the class map. A label of another file is one of them when it is
written the same, when it is the same number ("1", 1 and 1.0), the same truth value, or the number by which the
noisy file stores the class.
"""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from labelfix.data.findings import AnyPlaces, Findings
from labelfix.data.formats.base import natural_key
from labelfix.data.formats.csv_types import MISSING
from labelfix.data.labels import LabelColumn, canonical_number
from labelfix.data.tables import UNLABELLED, ClassNames, Codes

UNKNOWN = -2
TRUTH = {"false": "0", "true": "1"}
LISTED_CLASSES = 8


def natural_order(names: Sequence[str]) -> tuple[str, ...]:
    """Names in natural order: "2" before "10", numbers by their value, false before true."""
    try:
        return tuple(sorted(names, key=lambda name: (float(name), name)))
    except ValueError:
        return tuple(sorted(names, key=natural_key))


def kept_missing(noisy: LabelColumn, other: LabelColumn | None, aliases: Mapping[str, str]) -> frozenset[str]:
    """Strings such as "NA" or "None" that are classes here: the class map names them, or both files use them."""
    shared = set(noisy.values) & set(other.values) if other is not None else set()
    return frozenset(word for word in MISSING if word in aliases or word in shared)


def class_names(
    noisy: LabelColumn, other: LabelColumn | None, aliases: Mapping[str, str], name: str, findings: Findings
) -> tuple[ClassNames, Codes]:
    """The classes, and the noisy file's labels as codes.

    Args:
        noisy: The label column of the noisy file.
        other: That of the trusted file, which decides whether "1" and "1.0" are one class.
        aliases: The class map, alias → class.
        name: The noisy file as the user named it.
        findings: Told of the choices made.

    Returns:
        The classes in natural order, and `(N,)` codes, -1 where there is no label.
    """
    kept = kept_missing(noisy, other, aliases)
    folded = _fold(noisy, other, findings, name)
    final = [_class_of(value, aliases, kept, folded) for value in noisy.values]
    _note_missing(noisy, final, kept, name, findings)
    names = natural_order(sorted({v for v in final if v} | {c for c in aliases.values() if c}))
    spellings: dict[str, tuple[int, str]] = {}
    for value, stored, count in zip(final, noisy.stored, noisy.counts, strict=True):
        if value and count > spellings.get(value, (0, ""))[0]:
            spellings[value] = (count, stored)
    for alias, value in aliases.items():
        if value and value not in spellings and alias != value:
            spellings[value] = (0, alias)
    stored_as = tuple(spellings.get(n, (0, n))[1] for n in names)
    classes = ClassNames(
        names=names,
        value_type=noisy.kind,
        stored=() if stored_as == names else stored_as,
        aliases=tuple(sorted((a, c) for a, c in aliases.items() if a != c)),
    )
    lookup = np.array([classes.codes[v] if v else UNLABELLED for v in final] + [UNLABELLED], dtype=np.int64)
    return classes, lookup[noisy.positions]


def match_codes(labels: LabelColumn, classes: ClassNames, file: str, findings: Findings) -> Codes:
    """Labels of another file as codes of the classes.

    Args:
        labels: Its label column.
        classes: The classes of the run.
        file: The file as the user named it.
        findings: Told when labels match in another spelling.

    Returns:
        `(N,)` codes, -1 where there is no label, -2 where the label is none of the classes.
    """
    matcher = _Matcher(classes)
    found = [matcher.find(value, stored) for value, stored in zip(labels.values, labels.stored, strict=True)]
    for how in dict.fromkeys(how for _, how in found if how):
        pairs = [f"{v} as {classes.name(c)}" for v, (c, h) in zip(labels.values, found, strict=True) if h == how]
        findings.note(f"{file}: labels are matched {how} ({', '.join(pairs[:3])}{', ...' if len(pairs) > 3 else ''})")
    return np.array([code for code, _ in found] + [UNLABELLED], dtype=np.int64)[labels.positions]


def report_unknown(
    labels: LabelColumn, codes: Codes, classes: ClassNames, places: AnyPlaces, findings: Findings
) -> None:
    """An error for every distinct label that is none of the classes, with the nearest ones."""
    unknown = np.unique(labels.positions[codes == UNKNOWN])
    in_order = sorted(unknown.tolist(), key=lambda position: labels.first[position])

    at = {labels.first[position]: position for position in in_order}

    def what(row: int) -> str:
        position = at[row]
        times = f" ({labels.counts[position]} rows)" if labels.counts[position] > 1 else ""
        value = labels.values[position]
        shown = value if len(value) <= 60 else value[:57] + "..."
        return f'label "{shown}"{times} is not one of the {len(classes)} classes ({_nearest(value, classes)})'

    findings.rows(places, list(at), what, "fix it or pass --class-map", "{} more labels are none of the classes")


def report_case(classes: ClassNames, name: str, findings: Findings) -> None:
    """A warning for classes that differ only in case or surrounding punctuation."""
    groups: dict[str, list[str]] = defaultdict(list)
    for class_ in classes.names:
        groups[" ".join(class_.casefold().replace("_", " ").replace("-", " ").split())].append(class_)
    for same in groups.values():
        if len(same) > 1:
            shown = " and ".join(f'"{s}"' for s in same)
            findings.warning(name, f"classes {shown} differ only in spelling", "pass --class-map if they are one")


class _Matcher:
    def __init__(self, classes: ClassNames) -> None:
        self._codes = classes.codes
        self._aliases = dict(classes.aliases)
        self._stored = {s: code for code, s in enumerate(classes.stored)}
        self._numbers: dict[str | None, list[int]] = defaultdict(list)
        for name, code in classes.codes.items():
            if _is_number(name):
                self._numbers[canonical_number(name)].append(code)
        self._truth = {name.lower(): code for name, code in classes.codes.items()}
        if set(self._truth) not in ({"false", "true"}, {"0", "1"}):
            self._truth = {}

    def find(self, value: str, stored: str) -> tuple[int, str]:
        """The code of a label, and how it was matched where that was not by its exact name."""
        if value in self._aliases:
            name = self._aliases[value]
            return (self._codes.get(name, UNKNOWN), "") if name else (UNLABELLED, "")
        if value in self._codes:
            return self._codes[value], ""
        if value in MISSING:
            return UNLABELLED, ""
        same = self._numbers.get(canonical_number(value), []) if _is_number(value) else []
        if len(same) == 1:
            return same[0], "by number"
        truth = value.lower() if value.lower() in TRUTH else ""
        for written in (truth, TRUTH.get(truth, ""), *(t for t, n in TRUTH.items() if canonical_number(value) == n)):
            if written in self._truth:
                return self._truth[written], "by truth value"
        for number in (stored, canonical_number(value) if _is_number(value) else None):
            if number is not None and number in self._stored:
                return self._stored[number], "by the number that the noisy file stores"
        if stored != value and stored in self._codes:
            return self._codes[stored], "by the number that stands for the class"
        return UNKNOWN, ""


def _class_of(value: str, aliases: Mapping[str, str], kept: frozenset[str], folded: Mapping[str, str]) -> str | None:
    """The class that a value of the noisy file means; None for no label."""
    if value in aliases:
        return aliases[value] or None
    if value in MISSING and value not in kept:
        return None
    value = folded.get(value, value)
    return aliases.get(value, value) or None


def _fold(noisy: LabelColumn, other: LabelColumn | None, findings: Findings, name: str) -> dict[str, str]:
    """Strings that are one number, such as "1" and "1.0": one class where the other file's labels are numbers."""
    if noisy.kind != "string" or other is None or not other.numeric:
        return {}
    groups: dict[str | None, list[str]] = defaultdict(list)
    for value in noisy.values:
        if _is_number(value):
            groups[canonical_number(value)].append(value)
    folded = {}
    for number, values in groups.items():
        if number is not None and len(values) > 1:
            findings.note(
                f"{name}: labels {', '.join(sorted(values))} are one class, as the trusted labels are numbers"
            )
            folded.update(dict.fromkeys(values, number))
    return folded


def _note_missing(
    noisy: LabelColumn, final: Sequence[str | None], kept: frozenset[str], name: str, findings: Findings
) -> None:
    for value, class_, count in zip(noisy.values, final, noisy.counts, strict=True):
        if value not in MISSING:
            continue
        if class_ is None:
            findings.note(f'{name}: "{value}" is read as "no label" ({count} rows); a class map can make it a class')
        elif value in kept:
            findings.note(f'{name}: "{value}" is a class, as the trusted file or the class map uses it ({count} rows)')


def _nearest(value: str, classes: ClassNames) -> str:
    if len(classes) <= LISTED_CLASSES:
        return ", ".join(classes.names)
    lower = {name.lower(): name for name in classes.names}
    near = difflib.get_close_matches(value.lower(), list(lower), n=3, cutoff=0.5)
    if near:
        return "nearest: " + ", ".join(lower[n] for n in near)
    return ", ".join(classes.names[:3]) + ", ..."


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text.strip().lower() not in ("nan", "inf", "-inf", "infinity")
