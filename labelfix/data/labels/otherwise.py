"""Whether trusted labels seem to be about other rows than the given ones, or to name the classes in another order."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from labelfix.data.arrays import Counts
from labelfix.data.columns.found_ids import find_ids
from labelfix.data.labels.noise_rate import pair_counts
from labelfix.data.tables import UNLABELLED, ClassNames, Codes, TrainingData

ENOUGH = 20
"""Pairs from which on it is told."""

MOSTLY, MORE = 0.7, 0.3
"""Another order of the classes explains so large a share of the pairs, and so much more than the order as it is."""

NO_MORE = 0.5
"""Standard errors below which labels are the same no more often than by chance."""

UNEVEN = 0.7
"""Where chance alone makes so many labels the same, that they are not the same more often says nothing."""


def unlike(truth: Codes, given: Codes, classes: ClassNames) -> tuple[str, str]:
    """What is odd about pairs of labels, and what to do; nothing to do where nothing is odd.

    Args:
        truth: `(P,)` trusted labels.
        given: `(P,)` given labels of the same rows.
        classes: Their names.
    """
    counts, there = _counts(truth, given)
    what = f"trusted and given labels are the same in {int((truth == given).sum()):,} of {len(truth):,} rows"
    if counts is None:
        return what, ""
    same = counts.trace() / len(truth)
    seen = np.flatnonzero(counts.sum(axis=1))
    usual = counts[seen].argmax(axis=1)
    ordered = counts[seen, usual].sum() / len(truth)
    if len(set(usual.tolist())) == len(seen) and (same > 0 or len(seen) > 2) and ordered >= max(MOSTLY, same + MORE):
        names = [classes.name(int(code)) for code in there]
        moved = [(names[t], names[g]) for t, g in zip(seen, usual, strict=True) if t != g]
        shown = ", ".join(f"{trusted} is given as {other}" for trusted, other in moved[:4])
        what += f", as if the classes had other names: {shown}"
        return what, "if one file numbers its classes in another order, write the same names into both"
    beyond = beyond_chance(truth, given)
    if beyond is not None and beyond < NO_MORE:
        what += ", no more often than by chance"
        return what, "compare a few by eye: ids may mean other rows in one file, or labels another thing"
    return what, ""


def beyond_chance(truth: Codes, given: Codes) -> float | None:
    """How many standard errors more often labels are the same than among rows that have nothing to do with each other.

    None where that says nothing: none is the same, they are few, or chance makes most of them the same.
    """
    counts, _ = _counts(truth, given)
    if counts is None or not counts.trace():
        return None
    chance = counts.sum(axis=0) @ counts.sum(axis=1) / len(truth) ** 2
    error = np.sqrt(chance * (1 - chance) / len(truth))
    return None if chance >= UNEVEN else float((counts.trace() / len(truth) - chance) / error)


def counted_apart(data: TrainingData) -> str:
    """What to say where ids are numbers that one file counts from 0 and the other from 1; empty where that is not so.

    Told by labels: they are the same far more often in the rows before, or after, those of the same id.
    """
    ids, noisy = data.clean.ids, data.noisy.ids
    if data.joined_by != "id" or not (pa.types.is_integer(ids.type) and pa.types.is_integer(noisy.type)):
        return ""
    same = _same(data, data.clean_in_noisy)
    for step, how in ((1, "added to"), (-1, "taken from")):
        moved = _same(data, find_ids(pc.add(ids, step), noisy))
        if len(same) >= ENOUGH <= len(moved) and moved.mean() >= same.mean() + MORE:
            rows = f"in {moved.sum():,} of {len(moved):,} rows"
            return f"with 1 {how} each id they are {rows}, as if one file counted from 0 and the other from 1"
    return ""


def _same(data: TrainingData, places: Codes) -> npt.NDArray[np.bool_]:
    """Of trusted rows that have a given label at some places of the noisy file, -1 for none: whether it is the same."""
    given = np.where(places >= 0, data.noisy.codes[places], UNLABELLED)
    known = (given != UNLABELLED) & data.judges
    same: npt.NDArray[np.bool_] = given[known] == data.clean.codes[known]
    return same


def _counts(truth: Codes, given: Codes) -> tuple[Counts | None, Codes]:
    """`(C, C)` pairs of the classes that occur, None where they are too few to say anything; and these classes."""
    # Of very many classes a table of all of them would not fit into memory.
    there, codes = np.unique(np.concatenate([truth, given]), return_inverse=True)
    if len(truth) < ENOUGH or len(set(truth.tolist())) < 2 or len(set(given.tolist())) < 2:
        return None, there
    return pair_counts(codes[: len(truth)], codes[len(truth) :], len(there)), there
