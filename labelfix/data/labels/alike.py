"""Several spellings of what may be one class: one where the trusted file writes it in one way, else warned of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping

from labelfix.data.findings import Findings
from labelfix.data.labels.column import LabelColumn
from labelfix.data.spelling import loosened, number_key, truth_of
from labelfix.data.tables import ClassNames, Codes
from labelfix.errors import listing

BY_CHANCE = 0.05
"""How often trusted rows may have one spelling alone by chance, for the others to count as that."""

ENOUGH = 5
"""Trusted rows of a spelling that the noisy file has not, from which on all its own spellings count as one."""

LEAST_WORD = 3
"""Letters of a class that may be spelled in several ways; "a" and "A" may well be two."""

MOST_ALIKE = 4
"""Classes that may be one, so many of them are shown."""


def as_trusted(
    noisy: LabelColumn,
    other: LabelColumn | None,
    aliases: Mapping[str, str],
    nothing: Collection[str],
    name: str,
    findings: Findings,
) -> dict[str, str]:
    """Other spellings of classes that the trusted file writes in one way only: spelling → class, with a warning.

    Where that way is none of the noisy file's, the class is what most of its rows have.

    Not where so few trusted rows may have missed them by chance.
    """
    trusted = {} if other is None else dict(zip(other.values, other.counts, strict=True))
    counts = dict(zip(noisy.values, noisy.counts, strict=True))
    groups: dict[str, list[str]] = defaultdict(list)
    values = [value for value in dict.fromkeys([*noisy.values, *trusted]) if value not in {*nothing, *aliases}]
    truths = [truth_of(value) for value in values]
    for value, truth in zip(values, truths, strict=True):
        if None not in truths:
            groups[str(truth)].append(value)
        elif len(value) >= LEAST_WORD and number_key(value) is None:
            groups[loosened(value)].append(value)
    found: dict[str, str] = {}
    for same in groups.values():
        known = [value for value in same if value in trusted]
        others = [value for value in same if value in counts and value not in known]
        rare = sum(counts[value] for value in others)
        if len(known) == 1 and known[0] not in counts and len(others) > 1 and trusted[known[0]] >= ENOUGH:
            most = max(others, key=counts.__getitem__)
            found |= dict.fromkeys((value for value in others if value != most), most)
        elif len(known) == 1 and known[0] in counts and rare:
            missed = (counts[known[0]] / (counts[known[0]] + rare)) ** trusted[known[0]]
            found |= dict.fromkeys(others, known[0]) if missed < BY_CHANCE else {}
    if found:
        shown = [f'"{other}" ({counts[other]:,} rows) as "{class_}"' for other, class_ in found.items()]
        what = f"labels that differ only in spelling from a trusted one count as that: {listing(shown, MOST_ALIKE)}"
        line = ",".join([next(iter(found))] * 2)
        remedy = f"a class of its own needs --class-map FILE, a CSV file of the line alias,class and below it {line}"
        findings.warning(name, what, remedy)
    return found


def as_mapped(noisy: LabelColumn, aliases: Mapping[str, str], name: str, findings: Findings) -> dict[str, str]:
    """Labels that a class map has in another spelling alone (`SP` where it says `sp`): label → class, with a note."""
    alike: dict[str, list[str]] = defaultdict(list)
    for alias in aliases:
        alike[loosened(alias)].append(alias)
    found: dict[str, str] = {}
    for value in noisy.values:
        meant = {aliases[alias] for alias in alike[loosened(value)]}
        if value not in aliases and len(meant) == 1 and not set(alike[loosened(value)]) & set(noisy.values):
            found[value] = meant.pop()
    if found:
        shown = ", ".join(f'"{value}" as "{alike[loosened(value)][0]}"' for value in list(found)[:MOST_ALIKE])
        findings.note(f"{name}: labels go by what the class map spells otherwise: {shown}")
    return found


def report_alike(classes: ClassNames, counts: Codes, name: str, findings: Findings) -> None:
    """A warning for classes that a person may take for one.

    They differ in case, spaces, hyphens, or as numbers; where all classes say yes or no, those that say the same.

    Args:
        counts: `(K,)` how many rows have each: the one that most have is what the others are to become.
    """
    groups: dict[str, list[str]] = defaultdict(list)
    truths = [truth_of(name) for name in classes.names]
    for class_ in sorted(classes.names, key=lambda each: -counts[classes.codes[each]]):
        groups[str(truth_of(class_)) if None not in truths else number_key(class_) or loosened(class_)].append(class_)
    alike = [same for same in groups.values() if len(same) > 1]
    if not alike:
        return
    shown = ", ".join(" and ".join(f'"{each}"' for each in same) for same in alike[:MOST_ALIKE])
    lines = [f"{other},{same[0]}" for same in alike for other in same[1:]]
    needed = " and ".join(lines[:MOST_ALIKE]) + (" and so on" if len(lines) > MOST_ALIKE else "")
    remedy = f"if they are one, pass --class-map FILE, a CSV file of the line alias,class and below it {needed}"
    findings.warning(name, f"classes {shown} differ only in spelling", remedy)
