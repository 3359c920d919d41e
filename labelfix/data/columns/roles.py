"""Which column is the id and which the label: by name, and only where one choice is plausible."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from labelfix.data.columns.ids import id_type_fits
from labelfix.data.columns.look_alikes import columns_of_few, columns_of_labels, labels_in, look_alikes, spread
from labelfix.data.columns.profile import LEAST_KEYS, profile_columns
from labelfix.data.columns.shared_key import column_of_ids, contradicted, shared_key
from labelfix.data.findings import Findings
from labelfix.data.formats import TableSource
from labelfix.data.formats.base import READ_ROWS, parts_of, titles_of
from labelfix.data.labels.column import label_kind
from labelfix.data.scan import value_type
from labelfix.data.spelling import loosened, names_meant
from labelfix.data.tables import InputSpec
from labelfix.settings.data import DataSettings

ID_NAMES = ("id", "uid", "uuid", "key", "guid", "row_id", "item_id", "example_id")
GIVEN_NAMES = ("label", "given_label", "noisy_label")
OTHER_LABEL_NAMES = ("labels", "class", "target", "category", "y")
TRUE_NAMES = ("clean_label", "true_label", "gold", "gold_label")
NOISY_NAMES = ("given_label", "noisy_label")
LONGEST_NAME = 60
"""Characters of a column's name that are shown."""
_CHECKED = re.compile(
    r"(?i)correct|true|truth|gold|final|verif|review|fix|clean|adjudicat|expert|human|manual|check|actual|new|revis"
)
"""In the name of a column beside `label`: it may be what a person made of that."""


@dataclass(frozen=True)
class Columns:
    """What the columns of both files mean, as inferred or given.

    Attributes:
        id: Id column of the noisy file; None where it has none.
        label: Column of the given labels; None where these are what most sources say.
        clean_id: Id column of the trusted file; None where it has none.
        clean_label: Column of the trusted labels.
        sources: The columns of labels where several sources have one; empty where there is one column of given labels.
        names: The sources; empty likewise.
        main: The source whose opinion is the given label; None where most of them count.
    """

    id: str | None
    label: str | None
    clean_id: str | None
    clean_label: str | None
    spec: InputSpec
    sources: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    main: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values that `from_json` reads back."""
        return {
            "id": self.id,
            "label": self.label,
            "clean_id": self.clean_id,
            "clean_label": self.clean_label,
            "inputs": self.spec.to_json(),
            **({"sources": list(self.sources), "names": list(self.names), "main": self.main} if self.names else {}),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Columns:
        """The columns that `to_json` described."""
        spec = InputSpec.from_json(values["inputs"])
        return cls(
            id=values["id"],
            label=values["label"],
            clean_id=values["clean_id"],
            clean_label=values["clean_label"],
            spec=spec,
            sources=tuple(values.get("sources", ())),
            names=tuple(values.get("names", ())),
            main=values.get("main"),
        )


def require_column(source: TableSource, column: str, flag: str, findings: Findings) -> bool:
    """Whether the table has a column that was asked for by name; an error that lists the nearest ones if not."""
    if column in source.schema.names:
        return True
    remedy = f"name one of them with {flag}"
    findings.error(source.name, f"has no column {column!r}; its columns are {listed(source, column)}", remedy)
    return False


def listed(source: TableSource, near: str = "") -> str:
    """The column names of a table, the nearest to a name first, as a phrase."""
    names = [name for name in source.schema.names if name]
    similar = difflib.get_close_matches(near, names, n=3, cutoff=0.5) if near else []
    ordered = [*similar, *(name for name in names if name not in similar)]
    shown = [name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 3]}..." for name in ordered[:20]]
    more = f" and {len(ordered) - 20} more" if len(ordered) > 20 else ""
    # Which sheet, which rows: what is read may be the reason why a column is not there.
    read = f" ({'; '.join(source.remarks)})" if source.remarks and not near else ""
    return ", ".join(shown) + more + read


def id_columns(
    noisy: TableSource, clean: TableSource | None, settings: DataSettings, findings: Findings, read_rows: int
) -> tuple[str | None, str | None]:
    """The id columns of both files.

    What a flag names; else the column that is named like ids, a name that both files have before one that only the
    noisy file has; else the one column whose values are each there once in both files and are found again.

    Args:
        clean: The trusted file; None where there is only one file.

    Returns:
        The column in the noisy file and in the trusted one; None where a file has none.
    """
    chosen = _asked_ids(noisy, clean, settings, findings) or _named_ids(noisy, clean, settings, findings)
    for source, column in ((noisy, chosen[0]), (clean, chosen[1])):
        if source is not None and column is not None and not id_type_fits(source.schema.field(column).type):
            what = f"column {column!r} is {source.schema.field(column).type}, which cannot be an id"
            findings.error(source.name, what, "ids are texts, whole numbers or moments; name another with --id-column")
    named_alike = settings.id_column is None and settings.clean_id_column is None and not findings.has_errors
    if named_alike and chosen[0] is not None and chosen[1] is not None and clean is not None:
        chosen = contradicted(noisy, clean, chosen[0], chosen[1], settings, findings, read_rows)
    if chosen[0] is None and clean is not None and not findings.has_errors:
        chosen = shared_key(noisy, clean, chosen[1], settings, findings, read_rows)
    if chosen[0] is not None and chosen[1] is None and clean is not None and not findings.has_errors:
        chosen = chosen[0], column_of_ids(noisy, chosen[0], clean, settings, findings, read_rows)
    if chosen[0] is not None:
        findings.note(f"id column: {chosen[0]} ({type_name(noisy, chosen[0])})")
    if chosen[1] is not None and chosen[1] != chosen[0] and chosen[0] is not None:
        findings.note(f"id column of the trusted file: {chosen[1]}")
    return chosen


Pair = tuple[str | None, str | None]


def _asked_ids(
    noisy: TableSource, clean: TableSource | None, settings: DataSettings, findings: Findings
) -> Pair | None:
    """The columns that flags name; None where none does."""
    asked, asked_clean = settings.id_column, settings.clean_id_column
    if asked is None and asked_clean is None:
        return None
    in_noisy: str | None = asked
    if asked is not None and not require_column(noisy, asked, "--id-column", findings):
        in_noisy = None
    if asked is None:
        in_noisy = _named_ids(noisy, None, settings, findings)[0]
    if clean is None:
        return in_noisy, None
    name = asked_clean or next(iter(names_meant(clean.schema.names, [asked])), asked)
    assert name is not None
    return in_noisy, name if require_column(clean, name, "--clean-id-column", findings) else None


def _named_ids(noisy: TableSource, clean: TableSource | None, settings: DataSettings, findings: Findings) -> Pair:
    """The columns that are named like ids."""
    ours = _named(noisy, ID_NAMES)
    theirs = _named(clean, ID_NAMES) if clean is not None else {}
    shared = [name for name in ours if name in theirs] or list(ours)
    name = _one_of(noisy, [ours[n] for n in shared], ID_NAMES[0], "ids", "--id-column", findings)
    if clean is not None and not ours:
        # So that it can be said that the trusted file has ids and the noisy one has not.
        return None, _one_of(clean, list(theirs.values()), ID_NAMES[0], "ids", "--id-column", findings)
    # By the name that both bear, however each spells it: `Row ID` and `rowid` are row_id.
    return name, next((theirs[n] for n in shared if ours[n] == name and n in theirs), None)


def label_column(
    source: TableSource,
    settings: DataSettings,
    findings: Findings,
    read_rows: int,
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
    given, others = (_but(_named(source, names), ids) for names in (GIVEN_NAMES, OTHER_LABEL_NAMES))
    named = given or others
    beside = _beside_ids(source, clean, clean_ids) if clean is not None and clean_ids is not None else None
    apart = named and beside is not None and not given
    if apart:  # several names that fit, or none that is the trusted file's
        apart = len(named) > 1 if beside in named.values() else beside in columns_of_few(source, TRUE_NAMES, read_rows)
    if clean is not None and beside is not None and (not named or apart):
        named = {beside: beside}
        findings.note(
            f"{beside!r} is the label, as {clean.name} has nothing else beside its ids; --label-column says otherwise"
        )
    if clean is not None and not named:
        shared = [name for name in columns_of_few(source, TRUE_NAMES, read_rows) if name in clean.schema.names]
        if len(shared) == 1 and columns_of_labels(clean, shared, labels_in(source, shared[0], read_rows), read_rows):
            named = {shared[0]: shared[0]}
            why = "the one column of few different values that both files have"
            findings.note(f"{shared[0]!r} is the label, {why}; --label-column says otherwise")
    candidates = _with_repeats(source, list(named.values()))
    chosen = _one_of(source, candidates, None, "the given labels", "--label-column", findings)
    if chosen is None and not named:
        names = ", ".join((*GIVEN_NAMES, *OTHER_LABEL_NAMES))
        what, remedy = look_alikes(source, TRUE_NAMES, read_rows)
        what = what or f"its columns are {listed(source)}"
        if len(source.files) > 1:
            remedy += "; if each file holds the rows of one class, write its name beside each row"
        findings.error(source.name, f"has no column that is named like labels ({names}); {what}", remedy)
    if chosen is not None:
        findings.note(f"label column: {chosen} ({type_name(source, chosen)})")
    return chosen


def _beside_ids(noisy: TableSource, clean: TableSource, ids: str) -> str | None:
    """The column of labels where a trusted file holds ids and one column of the noisy file, and nothing else."""
    for part in parts_of(clean):
        others: list[str] = [name for name in part.schema.names if name and name != ids]
        if len(others) == 1 and others[0] in noisy.schema.names and label_kind(noisy.schema.field(others[0]).type):
            p = profile_columns(noisy, others, READ_ROWS)[others[0]]
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
    read_rows: int = READ_ROWS,
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
    true = list(_named(source, TRUE_NAMES).values())
    same = [given] if given is not None and given in source.schema.names else []
    if true:
        candidates = [*true, *(name for name in same if name.lower() not in (*NOISY_NAMES, *TRUE_NAMES))]
    else:
        candidates = same or list((_named(source, GIVEN_NAMES) or _named(source, OTHER_LABEL_NAMES)).values())
    others = [name for name in source.schema.names if name and name != id_column]
    if (
        not candidates
        and len(others) == 1
        and label_kind(source.schema.field(others[0]).type)
        and (others[0] not in inputs or columns_of_few(source, (), read_rows) == others)
    ):
        candidates = others
    candidates = _with_repeats(source, candidates)
    if known or (given is not None and beside is not None):
        there = beside.schema.names if beside is not None else ()
        if given is not None and beside is not None:
            known = labels_in(beside, given, read_rows)
        others = [name for name in others if name not in candidates and name.lower() not in NOISY_NAMES]
        new = [name for name in others if not candidates or (name not in there and _CHECKED.search(name))]
        found = columns_of_labels(source, new, known, read_rows) if new else []
        if found and not candidates:
            whose = beside.name if beside is not None else "the run"
            findings.note(f"{source.name}: labels of {whose} stand in {' and '.join(map(repr, found))}")
        candidates += found
    chosen = _one_of(source, candidates, None, "the trusted labels", flag, findings)
    if chosen is None and not candidates:
        names = ", ".join(dict.fromkeys([*([given] if given else []), *GIVEN_NAMES, *OTHER_LABEL_NAMES, *TRUE_NAMES]))
        what, remedy = spread(source, read_rows) or (
            f"its columns are {listed(source, 'label')}",
            f"name one with {flag}",
        )
        what = f"has no column that is named like trusted labels ({names}); {what}"
        if len(parts_of(source)) > 1:
            remedy += ", after giving the columns of labels the same name in all of them"
        findings.error(source.name, what, remedy)
    if chosen is not None:
        findings.note(f"trusted label column: {chosen} ({type_name(source, chosen)})")
    return chosen


def type_name(source: TableSource, column: str) -> str:
    """The type of a column as a person would say it."""
    return str(value_type(source.schema.field(column).type))


def _named(source: TableSource | None, names: Sequence[str]) -> dict[str, str]:
    """Columns that bear one of the names in any spelling: name → column, the one in lower case first."""
    if source is None:
        return {}
    columns = {loosened(column).rstrip(":*?"): column for column in reversed(source.schema.names)}
    columns |= {loosened(column): column for column in source.schema.names if column.islower()}
    return {name: columns[loosened(name)] for name in names if loosened(name) in columns}


def _but(columns: Mapping[str, str], other: str | None) -> dict[str, str]:
    return {name: column for name, column in columns.items() if column != other}


def _with_repeats(source: TableSource, columns: Sequence[str]) -> list[str]:
    """Columns, and those of the same title: which of them is meant only the user knows."""
    titles = dict(zip(source.schema.names, titles_of(source), strict=True))
    shouted = {column.lower() for column in columns if not column.islower()}  # Label and LABEL; `label` goes before
    again = [name for name, title in titles.items() if title in columns and name != title or name.lower() in shouted]
    return [*columns, *(name for name in again if name not in columns)]


def _one_of(
    source: TableSource, columns: Sequence[str], first: str | None, what: str, flag: str, findings: Findings
) -> str | None:
    """The only one of the candidates, or the one of the name that goes before all others."""
    best = [column for column in columns if first is not None and column.lower() == first]
    if len(columns) > 1 and not best:
        shown = " and ".join(repr(column) for column in columns)
        findings.error(
            source.name,
            f"columns {shown} could both be {what}" if len(columns) == 2 else f"columns {shown} could all be {what}",
            f"name one with {flag}",
        )
        return None
    return best[0] if best else columns[0] if columns else None
