"""Which column is the id: by name, or by its values; and what the columns of both files mean, as one value."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from labelfix.data.columns.ids import id_type_fits
from labelfix.data.columns.shared_key import column_of_ids, contradicted, shared_key
from labelfix.data.findings import Findings
from labelfix.data.formats import TableSource
from labelfix.data.scan import value_type
from labelfix.data.spelling import loosened, names_meant
from labelfix.data.tables import InputSpec
from labelfix.settings.data import DataSettings

ID_NAMES = ("id", "uid", "uuid", "key", "guid", "row_id", "item_id", "example_id")
GIVEN_NAMES = ("label", "given_label", "noisy_label")
OTHER_LABEL_NAMES = ("labels", "class", "target", "category", "y")
TRUE_NAMES = ("clean_label", "true_label", "gold", "gold_label")
INDEX_NAME = re.compile(r"(?i)^$|^unnamed(: \d+| \(\d+\))?$|^index$|^__index_level_\d+__$|^rownames$|^row_names$")
"""What a table's own count of its rows is called, as pandas and R write it."""
LONGEST_NAME = 60
"""Characters of a column's name that are shown."""


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
    noisy: TableSource, clean: TableSource | None, settings: DataSettings, findings: Findings
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
        chosen = contradicted(noisy, clean, chosen[0], chosen[1], settings, findings)
    if chosen[0] is None and clean is not None and not findings.has_errors:
        chosen = shared_key(noisy, clean, chosen[1], settings, findings)
    if chosen[0] is not None and chosen[1] is None and clean is not None and not findings.has_errors:
        chosen = chosen[0], column_of_ids(noisy, chosen[0], clean, settings, findings)
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
    ours = named_like(noisy, ID_NAMES)
    theirs = named_like(clean, ID_NAMES) if clean is not None else {}
    shared = [name for name in ours if name in theirs] or list(ours)
    name = only_one(noisy, [ours[n] for n in shared], ID_NAMES[0], "ids", "--id-column", findings)
    if clean is not None and not ours:
        # So that it can be said that the trusted file has ids and the noisy one has not.
        return None, only_one(clean, list(theirs.values()), ID_NAMES[0], "ids", "--id-column", findings)
    # By the name that both bear, however each spells it: `Row ID` and `rowid` are row_id.
    return name, next((theirs[n] for n in shared if ours[n] == name and n in theirs), None)


def type_name(source: TableSource, column: str) -> str:
    """The type of a column as a person would say it."""
    return str(value_type(source.schema.field(column).type))


def named_like(source: TableSource | None, names: Sequence[str]) -> dict[str, str]:
    """Columns that bear one of the names in any spelling: name → column, the one in lower case first."""
    if source is None:
        return {}
    columns = {loosened(column).rstrip(":*?"): column for column in reversed(source.schema.names)}
    columns |= {loosened(column): column for column in source.schema.names if column.islower()}
    return {name: columns[loosened(name)] for name in names if loosened(name) in columns}


def only_one(
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
