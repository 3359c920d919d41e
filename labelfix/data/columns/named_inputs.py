"""The input columns that a flag names: whether they can be what they are named as, and what is noted of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa

from labelfix.data.columns.features import ID_OR_TEXT, MOST_LISTED, no_feature
from labelfix.data.columns.profile import Profile, profile_columns
from labelfix.data.columns.roles import require_column
from labelfix.data.findings import Findings
from labelfix.data.formats import TableSource
from labelfix.data.numbers import is_date
from labelfix.data.scan import is_bytes, is_number
from labelfix.data.tables import InputKind, InputSpec
from labelfix.errors import listing
from labelfix.settings.data import DataSettings

FLAGS: dict[InputKind, str] = {
    "text": "--text-column",
    "image": "--image-column",
    "embedding": "--embedding-column",
    "table": "--feature-columns",
}


def asked_inputs(settings: DataSettings, names: Sequence[str]) -> dict[InputKind, tuple[str, ...]]:
    """The columns that are named, by kind; what a row is known by goes first."""
    named: dict[InputKind, tuple[str, ...]] = {
        "image": (settings.image_column,) if settings.image_column else (),
        "text": settings.text_columns(names),
        "embedding": (settings.embedding_column,) if settings.embedding_column else (),
        "table": settings.feature_columns,
    }
    return {kind: columns for kind, columns in named.items() if columns}


def named_inputs(
    source: TableSource, asked: dict[InputKind, tuple[str, ...]], label: str | None, findings: Findings
) -> InputSpec | None:
    """The columns that the user names, of one kind or of several."""
    flags: dict[str, str] = {}
    for kind, columns in asked.items():
        for column in columns:
            if column in flags:
                both = dict.fromkeys((flags[column], FLAGS[kind]))
                what = f"{' and '.join(both)} name{'s' if len(both) == 1 else ''} the column {column!r} twice"
                findings.error(source.name, what, "name every column once")
                return None
            flags[column] = FLAGS[kind]
    if label in flags:
        what = f"{flags[label]} names {label!r}, the column of the given labels"
        findings.error(source.name, what, "leave it out, or name another label column with --label-column")
        return None
    if not all([require_column(source, column, flag, findings) for column, flag in flags.items()]):
        return None
    profiles = profile_columns(source, list(flags))
    kinds = [(kind, column) for kind, columns in asked.items() for column in columns]
    if not all([fits(source, kind, profiles[column], findings) for kind, column in kinds]):
        return None
    for column in asked.get("table", ()):
        if no_feature(profiles[column]) == ID_OR_TEXT:
            what = f"column {column!r} {ID_OR_TEXT}; as a category it teaches next to nothing"
            findings.warning(source.name, what, f"if it is a text, name it with {FLAGS['text']}")
    first, *beside = [
        spec_of(kind, [profiles[column] for column in columns], findings) for kind, columns in asked.items()
    ]
    return replace(first, beside=tuple(beside))


def is_image(p: Profile) -> bool:
    """Whether a column holds images, or paths of them."""
    return p.holds in ("images", "image_paths")


def _is_numeric(p: Profile) -> bool:
    """Whether a feature is a number; whole numbers that are named like ids are categories."""
    return p.numeric or (is_number(p.type) and not (p.name.lower().endswith("_id") and pa.types.is_integer(p.type)))


def fits(source: TableSource, kind: InputKind, p: Profile, findings: Findings) -> bool:
    """Whether a column that was asked for can be that kind of input; an error if not."""
    wanted = {
        # Databases write texts of digits as decimals.
        "text": (p.text or source.untyped or is_bytes(p.type) or pa.types.is_decimal(p.type), "strings"),
        "image": (is_image(p) or p.text or is_bytes(p.type), "images, encoded or as paths"),
        "embedding": (p.holds == "numbers", "one list of numbers a row"),
        "table": (
            is_number(p.type) or p.text or pa.types.is_boolean(p.type) or is_date(p.type),
            "numbers, dates or categories",
        ),
    }[kind]
    if p.given == 0:
        # The pass over all rows says so if the whole column is empty.
        return True
    if not wanted[0]:
        findings.error(
            source.name,
            f"column {p.name!r} is {p.type}, but {FLAGS[kind]} takes {wanted[1]}",
            "name another column or kind",
        )
    return wanted[0]


def spec_of(kind: InputKind, profiles: Sequence[Profile], findings: Findings) -> InputSpec:
    """Some columns as inputs of a kind; what is noted of them, a person should know."""
    names = tuple(p.name for p in profiles)
    if kind == "table":
        dates = tuple(p.name for p in profiles if is_date(p.type) or p.dates)
        categories = tuple(p.name for p in profiles if p.name not in dates and not _is_numeric(p))
        shown = ", ".join(names[:MOST_LISTED]) + (", ..." if len(names) > MOST_LISTED else "")
        kinds = [f"{len(categories)} of them categories ({listing(categories)})"] if categories else []
        kinds += [f"{len(dates)} of them dates ({listing(dates)})"] if dates else []
        findings.note(f"feature columns: {shown} ({len(names)} columns, {', '.join(kinds) or 'all numbers'})")
        units = tuple((p.name, p.unit) for p in profiles if p.unit and p.name not in (*dates, *categories))
        if units:
            behind = [f"{name} ({unit})" for name, unit in units]
            findings.note(f"read as numbers without what stands behind them: {listing(behind)}")
        return InputSpec("table", names, categories, dates=dates, units=units)
    p = profiles[0]
    if kind == "embedding":
        findings.note(f"embedding column: {p.name} ({int(p.length)} dimensions)")
        return InputSpec("embedding", names, width=int(p.length))
    if kind == "text":
        length = round(sum(each.length for each in profiles))
        findings.note(
            f"text column{'s' if len(names) > 1 else ''}: {listing(names)} (string, mean {length} characters)"
        )
    else:
        findings.note(f"image column: {p.name} ({'paths' if p.text else 'encoded images or their paths'})")
    return InputSpec(kind, names)
