"""Answers know a row's id and its class, and not what the columns of the user's files are called: this finds it."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from labelfix.data.annotations.source import AnnotatedSource, AnsweredTable
from labelfix.data.columns.ids import id_keys_of
from labelfix.data.columns.label_roles import label_column, trusted_label_column
from labelfix.data.columns.roles import ID_NAMES, id_columns
from labelfix.data.columns.shared_key import columns_with
from labelfix.data.findings import Findings
from labelfix.data.formats import TableSource
from labelfix.data.formats.several import SeveralSources
from labelfix.errors import input_error
from labelfix.settings.data import DataSettings


def named_alike(parts: Sequence[TableSource], noisy: TableSource, settings: DataSettings) -> TableSource:
    """Trusted tables of `open_trusted` as one, the answers among them called as the others are."""
    others = [part for part in parts if not isinstance(part, AnnotatedSource | AnsweredTable)]
    if len(others) < len(parts):
        label = _label_name(others, noisy, settings)
        said: set[tuple[str, str | None]] = set()
        named: list[TableSource] = []
        for part in parts:
            if isinstance(part, AnnotatedSource):
                new = part.without(said)
                said |= {(mark.id, mark.label) for mark in part.marks}
                part = _named(new, noisy, label, settings)
            elif isinstance(part, AnsweredTable):
                part = part.called(label)
            named.append(part)
        parts = named
    return parts[0] if len(parts) == 1 else SeveralSources(parts)


def _named(part: AnnotatedSource, noisy: TableSource, label: str, settings: DataSettings) -> AnnotatedSource:
    asked = settings.clean_id_column or settings.id_column
    own = [name for name in noisy.schema.names if name.lower() in ID_NAMES]
    if asked is not None or own:
        return part.called(asked or own[0], label)
    wanted = id_keys_of(pa.array([mark.id for mark in part.marks], pa.string()))
    keys = columns_with(noisy, wanted, settings)
    if keys:
        return part.called(keys[0], label)
    _check_numbers(part, noisy)
    given = label_column(noisy, settings, Findings())
    return part.beside(noisy, label, [given] if given is not None else [])


def _check_numbers(part: AnnotatedSource, noisy: TableSource) -> None:
    """Refuse ids that are not row numbers of a noisy file without ids."""
    rows = sum(chunk.batch.num_rows for chunk in noisy.scan(noisy.schema.names[:1]))
    for place, mark in enumerate(part.marks, start=1):
        if not (mark.id.isdecimal() and 1 <= int(mark.id) <= rows):
            what = f"answer {place} is about row {mark.id!r}, which {noisy.name} does not have"
            raise input_error(part.name, what, "give the noisy file that the tasks were made of, or --id-column")


def _label_name(others: Sequence[TableSource], noisy: TableSource, settings: DataSettings) -> str:
    """What the labels of the other trusted files are called."""
    scratch = Findings()
    if not others:
        given = None if settings.several else label_column(noisy, settings, scratch)
        return settings.clean_label_column or given or "label"
    merged = others[0] if len(others) == 1 else SeveralSources(others)
    _, ids = id_columns(noisy, merged, settings, scratch)
    given = None if settings.several else label_column(noisy, settings, scratch, merged, ids)
    return trusted_label_column(merged, given, ids, settings, scratch) or "label"
