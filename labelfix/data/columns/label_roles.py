"""Which column is the label, of the noisy and of the trusted file: by name, else by what stands beside the ids."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from labelfix.data.columns.look_alikes import columns_of_few, columns_of_labels, labels_in, look_alikes, spread
from labelfix.data.columns.profile import LEAST_KEYS, profile_columns
from labelfix.data.columns.roles import (
    GIVEN_NAMES,
    INDEX_NAME,
    OTHER_LABEL_NAMES,
    TRUE_NAMES,
    listed,
    named_like,
    only_one,
    require_column,
    type_name,
)
from labelfix.data.findings import Findings
from labelfix.data.formats import TableSource
from labelfix.data.labels.column import label_kind
from labelfix.settings.data import DataSettings

NOISY_NAMES = ("given_label", "noisy_label")

_CHECKED = re.compile(
    r"(?i)correct|true|truth|gold|final|verif|review|fix|clean|adjudicat|expert|human|manual|check|actual|new|revis"
)
"""In the name of a column beside `label`: it may be what a person made of that."""


def label_column(
    source: TableSource,
    settings: DataSettings,
    findings: Findings,
    clean: TableSource | None = None,
    clean_ids: str | None = None,
    ids: str | None = None,
) -> str | None:
    """The column of the given labels.

    What a flag names; else the column that is named like labels; else the one that the trusted file has beside its ids.

    Args:
        settings: May name the column.
        clean: The trusted file.
        clean_ids: Its id column.
        ids: That of the source, which is no label whatever it is called.
    """
    asked = settings.label_column
    if asked is not None:
        return asked if require_column(source, asked, "--label-column", findings) else None
    given, others = (_but(named_like(source, names), ids) for names in (GIVEN_NAMES, OTHER_LABEL_NAMES))
    named = given or others
    beside = _beside_ids(source, clean, clean_ids) if clean is not None and clean_ids is not None else None
    apart = named and beside is not None and not given
    if apart:  # several names that fit, or none that is the trusted file's
        apart = len(named) > 1 if beside in named.values() else beside in columns_of_few(source, TRUE_NAMES)
    if clean is not None and beside is not None and (not named or apart):
        named = {beside: beside}
        findings.note(
            f"{beside!r} is the label, as {clean.name} has nothing else beside its ids; --label-column says otherwise"
        )
    if clean is not None and not named:
        shared = [name for name in columns_of_few(source, TRUE_NAMES) if name in clean.schema.names]
        if len(shared) == 1 and columns_of_labels(clean, shared, labels_in(source, shared[0])):
            named = {shared[0]: shared[0]}
            why = "the one column of few different values that both files have"
            findings.note(f"{shared[0]!r} is the label, {why}; --label-column says otherwise")
    candidates = _with_repeats(source, list(named.values()))
    chosen = only_one(source, candidates, None, "the given labels", "--label-column", findings)
    if chosen is None and not named:
        names = ", ".join((*GIVEN_NAMES, *OTHER_LABEL_NAMES))
        what, remedy = look_alikes(source, TRUE_NAMES)
        what = what or f"its columns are {listed(source)}"
        if len(source.files) > 1:
            remedy += "; if each file holds the rows of one class, write its name beside each row"
        findings.error(source.name, f"has no column that is named like labels ({names}); {what}", remedy)
    if chosen is not None:
        findings.note(f"label column: {chosen} ({type_name(source, chosen)})")
    return chosen


def _others(source: TableSource, ids: str | None) -> list[str]:
    """The columns beside the ids, but for a count of the rows."""
    return [name for name in source.schema.names if name != ids and not INDEX_NAME.search(name)]


def _beside_ids(noisy: TableSource, clean: TableSource, ids: str) -> str | None:
    """The column of labels where a trusted file holds ids and one column of the noisy file, and nothing else."""
    for part in clean.parts:
        others = _others(part, ids)
        if len(others) == 1 and others[0] in noisy.schema.names and label_kind(noisy.schema.field(others[0]).type):
            p = profile_columns(noisy, others)[others[0]]
            return None if p.distinct == p.given > LEAST_KEYS else others[0]
    return None


def trusted_label_column(
    source: TableSource,
    given: str | None,
    id_column: str | None,
    settings: DataSettings,
    findings: Findings,
    flag: str = "--clean-label-column",
    beside: TableSource | None = None,
    inputs: Collection[str] = (),
    known: Collection[str] = (),
) -> str | None:
    """The column of the trusted labels.

    A column named like trusted labels goes before one named like noisy ones; where both a column with the name of
    the given labels and one named like trusted labels stand there, the user has to choose. Where none is named so, the
    only one that holds the given labels' classes is taken.

    Args:
        given: The label column of the noisy file.
        id_column: Id column of the trusted file.
        settings: May name the column.
        beside: The noisy file, where it is at hand.
        inputs: Columns of inputs, where they are known.
        known: The classes, where there is no noisy file at hand.
    """
    asked = settings.clean_label_column
    if asked is not None:
        return asked if require_column(source, asked, flag, findings) else None
    true = list(named_like(source, TRUE_NAMES).values())
    same = [given] if given is not None and given in source.schema.names else []
    if true:
        candidates = [*true, *(name for name in same if name.lower() not in (*NOISY_NAMES, *TRUE_NAMES))]
    else:
        candidates = same or list((named_like(source, GIVEN_NAMES) or named_like(source, OTHER_LABEL_NAMES)).values())
    others = _others(source, id_column)
    if (
        not candidates
        and len(others) == 1
        and label_kind(source.schema.field(others[0]).type)
        and (others[0] not in inputs or columns_of_few(source, ()) == others)
    ):
        candidates = others
    candidates = _with_repeats(source, candidates)
    if known or (given is not None and beside is not None):
        there = beside.schema.names if beside is not None else ()
        if given is not None and beside is not None:
            known = labels_in(beside, given)
        others = [name for name in others if name not in candidates and name.lower() not in NOISY_NAMES]
        new = [name for name in others if not candidates or (name not in there and _CHECKED.search(name))]
        found = columns_of_labels(source, new, known) if new else []
        if found and not candidates:
            whose = beside.name if beside is not None else "the run"
            findings.note(f"{source.name}: labels of {whose} stand in {' and '.join(map(repr, found))}")
        candidates += found
    chosen = only_one(source, candidates, None, "the trusted labels", flag, findings)
    if chosen is None and not candidates:
        names = ", ".join(dict.fromkeys([*([given] if given else []), *GIVEN_NAMES, *OTHER_LABEL_NAMES, *TRUE_NAMES]))
        what, remedy = spread(source) or (
            f"its columns are {listed(source, 'label')}",
            f"name one with {flag}",
        )
        what = f"has no column that is named like trusted labels ({names}); {what}"
        if len(source.parts) > 1:
            remedy += ", after giving the columns of labels the same name in all of them"
        findings.error(source.name, what, remedy)
    if chosen is not None:
        findings.note(f"trusted label column: {chosen} ({type_name(source, chosen)})")
    return chosen


def _but(columns: Mapping[str, str], other: str | None) -> dict[str, str]:
    return {name: column for name, column in columns.items() if column != other}


def _with_repeats(source: TableSource, columns: Sequence[str]) -> list[str]:
    """Columns, and those of the same title: which of them is meant only the user knows."""
    titles = dict(zip(source.schema.names, source.titles, strict=True))
    shouted = {column.lower() for column in columns if not column.islower()}  # Label and LABEL; `label` goes before
    again = [name for name, title in titles.items() if title in columns and name != title or name.lower() in shouted]
    return [*columns, *(name for name in again if name not in columns)]
