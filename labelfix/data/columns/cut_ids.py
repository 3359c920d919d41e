"""Ids that a spreadsheet or a float has cut: `1.23457E+12` for a long number, or zeros from its sixteenth digit on."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from labelfix.data.columns.found_ids import find_ids
from labelfix.data.findings import Findings
from labelfix.errors import InputError, input_error

POWERS = r"^-?\d(?:[.,]\d+)?[eE]\+\d+$"
"""A long number as a spreadsheet shows it, and as programs print floats."""
ZEROS = r"^\d{15}0+$"
"""A number of more than fifteen digits as a spreadsheet keeps it."""


def refuse_cut_ids(noisy: str, ids: pa.Array, clean: str, clean_ids: pa.Array | None, findings: Findings) -> None:
    """Stop where ids of either file have been cut: all else that could be said of them follows from that.

    Args:
        noisy: The noisy file, whose ids these are.
        clean_ids: Its ids; None where it has none.
    """
    theirs = pa.nulls(0, pa.string()) if clean_ids is None else clean_ids
    for error in (cut_ids(clean, theirs, noisy, ids), cut_ids(noisy, ids, clean, theirs)):
        if error is not None:
            findings.take(error)
    findings.stop_on_errors()


def cut_ids(name: str, ids: pa.Array, others_name: str = "", others: pa.Array | None = None) -> InputError | None:
    """The error for ids most of which have been cut, where these name no rows any more; None for others.

    Args:
        name: The file of the ids.
        ids: `(N,)` ids, null where empty.
        others_name: The other file.
        others: Its ids; None where they are not at hand: then ids count that stand more than once.
    """
    given = ids.drop_null()
    keys = given if pa.types.is_string(given.type) else given.cast(pa.string())
    cut = next((found for found in (_like(keys, way) for way in (POWERS, ZEROS)) if found is not None), None)
    if cut is None:
        return None
    if len(cut.unique()) == len(cut) and (others is None or (find_ids(cut, others) >= 0).any()):
        return None
    what = (
        f"has ids that a spreadsheet or a float has cut, such as {cut[0]} ({len(cut):,} of {len(given):,}), so that it "
        "can no longer be told which row each of them is"
    )
    if others is not None and len(whole := others.drop_null()):
        what += f"; ids of {others_name} look like {whole[0]}"
    remedy = "make the file again from its source, with ids as text (in a spreadsheet, columns of the format Text)"
    remedy += "; or, if both files hold the inputs, take its ids out"
    return input_error(name, what, remedy)


def _like(keys: pa.Array, way: str) -> pa.Array | None:
    """Those that are cut in some way, where most are."""
    cut = keys.filter(pc.match_substring_regex(keys, way))
    return cut if len(cut) > 1 and 2 * len(cut) > len(keys) else None
