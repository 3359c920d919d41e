"""Which noisy row a trusted one is where no id says so: several columns together may, or a column of another name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from labelfix.data.columns.found_ids import find_ids, find_respelled
from labelfix.data.columns.ids import id_keys_of
from labelfix.data.columns.roles import Columns
from labelfix.data.columns.shared_key import columns_with
from labelfix.data.content import SEPARATOR
from labelfix.data.findings import Findings
from labelfix.data.formats import TableSource
from labelfix.data.rows import IdsAndLabels
from labelfix.data.scan import is_number, is_text, scan, value_type
from labelfix.data.spelling import normal_text
from labelfix.data.tables import Codes
from labelfix.settings.data import DataSettings


def named_by_columns(
    noisy_rows: IdsAndLabels, clean_rows: IdsAndLabels, columns: Columns, settings: DataSettings, findings: Findings
) -> IdsAndLabels | None:
    """The trusted rows with the ids of the noisy rows that they are (row numbers, where these have no ids).

    Asked where the trusted file has not all inputs, and no id that the noisy file has: the columns of both files, all
    together; else the one column that holds values, texts or names of images of one column of the noisy file.

    Returns:
        The rows, whose `id_column` names these columns; None where not each trusted row is one noisy row by these.
    """
    noisy, clean = noisy_rows.source, clean_rows.source
    if set(columns.spec.every_column) <= set(clean.schema.names):
        return None
    if columns.id is not None and columns.clean_id is not None:
        if settings.clean_id_column:
            return None
        by_id = find_ids(clean_rows.ids, noisy_rows.ids)
        if (by_id >= 0).any() or (find_respelled(clean_rows.ids, noisy_rows.ids, by_id).positions >= 0).any():
            return None
    labels = {columns.label, columns.clean_label, *columns.sources}
    theirs = [name for name in _flat(clean) if name not in labels]
    shared = [name for name in theirs if name in _flat(noisy) and name != columns.id]
    pairs = [(shared, shared)] if shared else []
    found = _all_found(noisy, clean, pairs)
    if shared and not found and columns.clean_id is None:
        _warn_of_several(noisy, clean, shared, findings)
    if not found:
        others = [(ours, [name]) for name in theirs for ours in _alike(noisy, clean, name, columns, settings)]
        found = _all_found(noisy, clean, [pair for pair in others if pair not in pairs])
    if len(found) != 1:
        return None
    ours, names, places = found[0]
    said = " and ".join(map(repr, names)) + (f" ({ours[0]!r} in {noisy.name})" if ours != names else "")
    findings.note(
        f"{clean.name}: {said} say{'s' * (len(names) == 1)} which row of {noisy.name} is meant, as no id does"
    )
    ids = noisy_rows.ids.take(pa.array(places, mask=places < 0))
    return replace(clean_rows, ids=ids, id_column=" and ".join(names))


def _flat(source: TableSource) -> list[str]:
    types = {field.name: value_type(field.type) for field in source.schema}
    return [name for name, type_ in types.items() if name and (is_text(type_) or is_number(type_))]


def _alike(
    noisy: TableSource, clean: TableSource, name: str, columns: Columns, settings: DataSettings
) -> list[list[str]]:
    """The columns of the noisy file, each alone, that a trusted one of another name may be."""
    wanted = pa.chunked_array(_keys(clean, [name]), pa.string()).combine_chunks()
    wanted = pc.unique(wanted.drop_null())
    # Numbers are found by chance.
    if not len(wanted) or pc.all(pc.match_substring_regex(wanted, r"^[\d.eE+-]*$")).as_py():
        return []
    inputs = [column for part in columns.spec.parts if part.kind in ("text", "image") for column in part.columns]
    ids = [column for column in columns_with(noisy, wanted, settings) if column not in inputs]
    return [[column] for column in (*ids, *inputs)]


def _all_found(
    noisy: TableSource, clean: TableSource, pairs: Sequence[tuple[list[str], list[str]]]
) -> list[tuple[list[str], list[str], Codes]]:
    """Those pairs of columns by which each trusted row is one noisy row, and `(M,)` the noisy rows."""
    found = [(ours, theirs, _places(noisy, ours, clean, theirs)) for ours, theirs in pairs]
    return [(ours, theirs, places) for ours, theirs, places in found if places is not None]


def _places(noisy: TableSource, ours: list[str], clean: TableSource, theirs: list[str]) -> Codes | None:
    """`(M,)` the noisy row of each trusted one, -1 for a row without a key; None where one is none, or several."""
    wanted = pa.chunked_array(_keys(clean, theirs), pa.string()).combine_chunks().dictionary_encode()
    place, times = _count(noisy, ours, wanted.dictionary)
    if not len(times) or (times != 1).any():
        return None
    codes = wanted.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return np.where(codes >= 0, place[codes], -1)


def _count(noisy: TableSource, ours: list[str], wanted: pa.Array) -> tuple[Codes, Codes]:
    """`(W,)` a noisy row of each key, -1 for none, and how many there are."""
    place, times = np.full(len(wanted), -1, np.int64), np.zeros(len(wanted), np.int64)
    done = 0
    for keys in _keys(noisy, ours):
        hits = np.asarray(pc.index_in(keys, value_set=wanted).fill_null(-1)).astype(np.int64)
        rows = np.flatnonzero(hits >= 0)
        place[hits[rows]] = done + rows
        times += np.bincount(hits[rows], minlength=len(times))
        done += len(keys)
    return place, times


def _warn_of_several(noisy: TableSource, clean: TableSource, shared: list[str], findings: Findings) -> None:
    """Say why columns of both files do not tell which row is meant: each of their keys stands in several rows."""
    wanted = pa.chunked_array(_keys(clean, shared), pa.string()).unique().drop_null()
    _, times = _count(noisy, shared, wanted)
    if len(times) > 1 and (times > 1).all():
        names = " and ".join(map(repr, shared))
        what = f"by {names} alone each of its rows may be {times.min():,} rows of {noisy.name}, or more"
        findings.warning(clean.name, what, "add a column that tells these rows apart")


def _keys(source: TableSource, names: list[str]) -> list[pa.Array]:
    """What rows are known by: the values of some columns, joined; null where all of them are empty."""
    found = []
    for chunk in scan(source, names, verbatim=True):
        cells = [normal_text(id_keys_of(_named(column))) for column in chunk.batch.columns]
        keys = pc.binary_join_element_wise(*[pc.fill_null(column, "") for column in cells], SEPARATOR)
        empty = pc.equal(pc.utf8_length(pc.replace_substring(keys, SEPARATOR, "")), 0)
        found.append(pc.if_else(empty, pa.scalar(None, pa.string()), keys))
    return found


def _named(cells: pa.Array) -> pa.Array:
    """Cells, of images in files their names."""
    return pc.struct_field(cells, "path") if pa.types.is_struct(cells.type) else cells
