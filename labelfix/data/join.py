"""Trusted rows meet noisy rows: by id, or by exact input where there is no common id."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Literal

import numpy as np
import pyarrow as pa

from labelfix.data.columns.found_ids import MOSTLY, find_ids, find_respelled, what_lost_ids_mean
from labelfix.data.content import all_keys, begun_content, same_content
from labelfix.data.findings import LISTED, Findings, Places
from labelfix.data.inputs import SelectedInputs
from labelfix.data.joined_rows import compare_inputs, places_of, report_contradictions
from labelfix.data.part_of_file import warn_of_one_part
from labelfix.data.rounded import rounded_content
from labelfix.data.sampling import find_sampling
from labelfix.data.tables import Codes, LabelTable, TrainingData
from labelfix.errors import listing
from labelfix.settings.data import DataSettings

NEARLY_ALL = 0.9
"""Of so many of the trusted rows that are not found: a few are like a rounded row by chance."""
JoinedBy = Literal["id", "content", "none"]
Join = Literal["id", "content", "both"]


def join(
    noisy: LabelTable,
    clean: LabelTable,
    settings: DataSettings,
    findings: Findings,
    prefer_content: bool,
    by_columns: bool = False,
) -> TrainingData | None:
    """Find the noisy row of every trusted row.

    Args:
        clean: The trusted rows; `inputs` is None where they carry ids and labels only.
        prefer_content: Whether ids tell labels (paths in a folder of images by class), so that content has to decide.
        by_columns: Whether other columns say which noisy row is meant; the trusted rows have its id then.

    Returns:
        The joined rows; None where an error stands in the way.
    """
    joined_by, pairs = _pairs(noisy, clean, settings.join, findings, prefer_content, by_columns)
    if clean.inputs is None:
        lost = np.flatnonzero(pairs < 0)
        named = lost[np.asarray(clean.ids.is_valid())[lost]]
        if joined_by != "id":
            _no_ids(noisy, clean, findings)
        elif len(named):
            _report_lost(noisy, clean, named, findings)
        if joined_by != "id" or len(lost):
            return None
        assert noisy.inputs is not None
        clean = replace(clean, inputs=SelectedInputs(noisy.inputs, pairs, clean.name))
        clean, pairs = _without_unreadable(noisy, clean, pairs, findings)
    report_contradictions(clean, findings)
    data = TrainingData(noisy, clean, pairs, joined_by, "random")
    judges = data.judges
    drawn = find_sampling(
        settings.clean_sampling,
        noisy.codes,
        data.paired_given[judges],
        clean.codes[judges],
        clean.file_index[judges],
        len(noisy.classes),
        findings,
    )
    data = replace(data, sampling=drawn)
    if settings.clean_sampling is None:
        warn_of_one_part(data, findings)
    return data


def report_lost_ids(noisy: LabelTable, clean: LabelTable, findings: Findings) -> None:
    """Report trusted ids that the noisy file lacks, where the trusted rows have no inputs of their own."""
    if clean.inputs is not None or noisy.id_column is None or clean.id_column is None:
        return
    lost = np.flatnonzero((find_ids(clean.ids, noisy.ids) < 0) & np.asarray(clean.ids.is_valid()))
    if len(lost):
        _report_lost(noisy, clean, lost, findings)


def _pairs(
    noisy: LabelTable, clean: LabelTable, how: Join | None, findings: Findings, prefer_content: bool, by_columns: bool
) -> tuple[JoinedBy, Codes]:
    own = clean.inputs is not None
    have_ids = by_columns or (noisy.id_column is not None and clean.id_column is not None)
    if how in ("id", "both") and not have_ids:
        lacks = noisy.name if noisy.id_column is None else clean.name
        findings.error(lacks, f"has no id column, but --join {how} joins by ids", "name it with --id-column")
    if have_ids and how != "content" and (how is not None or not (prefer_content and own)):
        found = _respelled(noisy, clean, find_ids(clean.ids, noisy.ids), findings)
        count = int((found >= 0).sum())
        if count or not own or how is not None:
            by = clean.id_column if by_columns else "id"
            findings.note(f"joined by {by}: {count} of {len(clean)} trusted rows stand in {noisy.name}")
            compare_inputs(noisy, clean, found, findings)
            return "id", _further(noisy, clean, found, how, findings) if own and count < len(clean) else found
    if not own:
        return "none", np.full(len(clean), -1, np.int64)
    found = _by_content(noisy, clean, findings)
    count = int((found >= 0).sum())
    why = "their paths hold the label" if prefer_content else _why_not_by_id(noisy, clean, how)
    if count:
        findings.note(f"joined by content, as {why}: {count} of {len(clean)} trusted rows stand in {noisy.name}")
        return "content", found
    findings.warning(
        clean.name,
        f"none of its {len(clean)} rows stands in {noisy.name}, so the label noise cannot"
        f" be measured by comparison ({why}, and no input is the same)",
    )
    return "none", found


def _further(noisy: LabelTable, clean: LabelTable, found: Codes, how: Join | None, findings: Findings) -> Codes:
    """Trusted rows that no id joins but whose content stands in the noisy file: joined where the user says so."""
    # Rows of a few features may well be alike without being one item.
    if how == "id" or (how is None and noisy.inputs is not None and noisy.inputs.spec.kind == "table"):
        return found
    again = _by_content(noisy, clean, findings)
    # A noisy row that an id has joined already has its trusted row.
    fresh = (found < 0) & (again >= 0) & ~np.isin(again, found)
    count = int(fresh.sum())
    if not count:
        return found
    row = int(np.flatnonzero(fresh)[0])
    ids = f'such as id "{clean.ids[row]}" here and "{noisy.ids[int(again[row])]}" there'
    if how == "both":
        findings.note(f"joined by content besides: {count} more trusted rows, whose ids differ ({ids})")
        return np.where(fresh, again, found)
    findings.warning(
        clean.name,
        f"{count} more rows have the content of a row of {noisy.name} under another id ({ids}) and are not joined",
        "--join both joins them too, --join content goes by content alone, --join id leaves it so without this warning",
    )
    return found


def _by_content(noisy: LabelTable, clean: LabelTable, findings: Findings) -> Codes:
    """The noisy row of the same content.

    Where most texts were rewritten, also without case, marks and HTML; where most were cut off, by their beginnings;
    where nearly all rows were rounded, by their rounded numbers.
    """
    assert noisy.inputs is not None
    assert clean.inputs is not None
    found = same_content(noisy.inputs, all_keys(clean.inputs))
    lost, kinds = int((found < 0).sum()), {part.kind for part in noisy.inputs.spec.parts}
    ways: list[tuple[Callable[[], Codes], float, str]] = []
    if kinds == {"text"}:
        bare = partial(all_keys, clean.inputs, bare=True)
        again = partial(same_content, noisy.inputs, bare=True)
        ways.append((lambda: again(bare()), MOSTLY, "texts are those of {} but for case, punctuation, spaces or HTML"))
        if len(noisy.inputs.spec.every_column) == 1:
            cut = partial(begun_content, noisy.inputs, clean.inputs)
            ways.append((cut, MOSTLY, "texts are cut off: texts of {} begin with them"))
    elif kinds in ({"table"}, {"embedding"}):
        rounded = partial(rounded_content, noisy.inputs, clean.inputs)
        ways.append((rounded, NEARLY_ALL, "rows are rows of {} with rounded numbers"))
    for way, least, how in ways if lost else ():
        near = way()
        fresh = (found < 0) & (near >= 0) & ~np.isin(near, found)
        count = int(fresh.sum())
        if count >= least * lost:
            findings.note(f"{clean.name}: {count:,} {how.format(noisy.name)}")
            return np.where(fresh, near, found)
    return found


def _why_not_by_id(noisy: LabelTable, clean: LabelTable, how: Join | None) -> str:
    if how == "content":
        return "--join says so"
    if noisy.id_column is None:
        return f"{noisy.name} has no id column"
    return f"{clean.name} has no id column" if clean.id_column is None else "no id is the same"


def _no_ids(noisy: LabelTable, clean: LabelTable, findings: Findings) -> None:
    needs = (
        "the noisy file's input columns"
        if noisy.inputs is None
        else listing([repr(column) for column in noisy.inputs.spec.every_column])
    )
    if clean.id_column is None:
        ids = f"the id column {noisy.id_column!r}" if noisy.id_column else "ids"
        remedy = (
            "name the columns that say which row is meant: --id-column for the noisy file,"
            f" --clean-id-column for this one if it has another name; or add the input column {needs}"
        )
        findings.error(clean.name, f"carries neither {ids} nor inputs", remedy)
    else:
        findings.error(
            clean.name,
            f"carries ids and no inputs, but {noisy.name} has no id column",
            f"name it with --id-column, or add the input column {needs} to {clean.name}",
        )


def _report_lost(noisy: LabelTable, clean: LabelTable, lost: Codes, findings: Findings) -> None:
    assert noisy.inputs is not None
    places = places_of(clean)
    needs = listing([repr(column) for column in noisy.inputs.spec.every_column])
    alike = what_lost_ids_mean(clean.ids.take(pa.array(lost)), clean.ids, noisy.ids)
    if len(lost) == len(clean):
        findings.error(
            clean.name,
            f'none of its ids (such as "{clean.ids[0]}") stands in {noisy.name}, whose ids look like "{noisy.ids[0]}"'
            f"{alike}",
            f"give both files the same ids, or add the input column {needs}",
        )
        return
    file, row = places.of(int(lost[0]))
    what = f'id "{clean.ids[int(lost[0])]}" does not stand in {noisy.name}'
    others = [f'"{clean.ids[int(other)]}" in {_place(places, int(other), file)}' for other in lost[1:LISTED]]
    if others:
        more = ", ..." if len(lost) > LISTED else ""
        what += f", nor do {len(lost) - 1:,} more of its {len(clean):,} ({', '.join(others)}{more})"
    them = "ids" if alike else "ids, remove the rows" if others else "id, remove the row"
    findings.error(
        file, f"{what}, and the file carries no inputs{alike}", f"fix the {them}, or add the input column {needs}", row
    )


def _place(places: Places, position: int, beside: str) -> str:
    file, row = places.of(position)
    return f"row {row}" if file == beside else f"{file}, row {row}"


def _respelled(noisy: LabelTable, clean: LabelTable, found: Codes, findings: Findings) -> Codes:
    """Also the ids that programs have changed, where most of those that are not found are so; else what was found."""
    lost = int(((found < 0) & np.asarray(clean.ids.is_valid())).sum())
    if not lost or ((found >= 0).any() and clean.inputs is not None):
        return found
    near = find_respelled(clean.ids, noisy.ids, found)
    if not near.count or near.count < MOSTLY * lost:
        return found
    which = "ids" if near.count == len(clean) else f"{near.count:,} of {len(clean):,} ids"
    findings.note(f"{clean.name}: {which} differ from those of {noisy.name} in {near.how}")
    return near.positions


def _without_unreadable(
    noisy: LabelTable, clean: LabelTable, pairs: Codes, findings: Findings
) -> tuple[LabelTable, Codes]:
    """Leave out trusted rows whose image, in the noisy file, cannot be decoded."""
    if noisy.readable is None or noisy.readable[pairs].all():
        return clean, pairs
    keep = noisy.readable[pairs]
    findings.warning(clean.name, f"{int((~keep).sum())} trusted rows are left out, as their image cannot be read")
    inputs = SelectedInputs(noisy.inputs, pairs[keep], clean.name) if noisy.inputs else None
    return clean.only(keep, inputs), pairs[keep]
