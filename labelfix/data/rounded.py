"""Which noisy row a trusted one is whose numbers another program has rounded."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from labelfix.data.content import MISSING_VALUE
from labelfix.data.tables import Codes, InputTable

MOST_CELLS = 20_000_000
"""Cells of the noisy table that are held for this; larger tables are not looked at."""

MOST_COMPARED = 200_000_000
"""Numbers that are compared for this; where more are alike, rows are hardly told apart by them."""

SLACK = 1e-6
"""Share of a number that single precision may have moved it by."""

Numbers = npt.NDArray[np.float64]


def rounded_content(noisy: InputTable, clean: InputTable) -> Codes:
    """For every trusted row the only noisy row that becomes it where numbers are rounded to its column's decimals.

    Args:
        noisy: A table of features, or of embeddings.
        clean: Trusted rows with the same columns.

    Returns:
        `(M,)` rows of `noisy`, -1 where there is none, or several.
    """
    found = np.full(len(clean), -1, np.int64)
    spec = noisy.spec
    if len(noisy) * (spec.width or len(spec.columns)) > MOST_CELLS or not len(clean) or not len(noisy):
        return found
    ours, theirs = (pa.Table.from_batches(list(table.batches())).combine_chunks() for table in (noisy, clean))
    categories = [field.name for field in ours.schema if pa.types.is_string(field.type)]
    words, wanted_words = (_words(table, categories) for table in (ours, theirs))
    cells, wanted = (_numbers(table.drop_columns(categories)) for table in (ours, theirs))
    decimals = _decimals(wanted)
    rounded = (np.round(column, int(n)) for column, n in zip(cells.T, decimals, strict=True))
    if all(np.array_equal(*pair, equal_nan=True) for pair in zip(cells.T, rounded, strict=True)):
        return found  # without a number to round nothing is found that exact numbers are not
    room = 0.5 * 10.0**-decimals + SLACK * np.abs(wanted)
    # By the column that tells most rows apart few are left to be compared in all others.
    first = int(np.argmax([len(np.unique(column)) for column in wanted.T]))
    order = np.argsort(cells[:, first], kind="stable")
    place, reach = wanted[:, first], room[:, first]
    starts = np.searchsorted(cells[order, first], place - reach, "left")
    ends = np.searchsorted(cells[order, first], place + reach, "right")
    if (ends - starts).sum() * cells.shape[1] > MOST_COMPARED:
        return found
    for row, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
        near = order[start:end]
        alike = _near(cells[near], wanted[row], room[row]) & (words[near] == wanted_words[row])
        if alike.sum() == 1:
            found[row] = near[alike.argmax()]
    once = np.bincount(found + 1, minlength=2)[found + 1] == 1
    return np.where(once, found, -1)


def _near(cells: Numbers, wanted: Numbers, room: Numbers) -> npt.NDArray[np.bool_]:
    """`(n,)` the rows all of whose numbers are so near to those of one row, or missing as these are."""
    same = (np.abs(cells - wanted) <= room) | (np.isnan(cells) & np.isnan(wanted))
    return np.asarray(same.all(axis=1))


def _words(table: pa.Table, names: list[str]) -> npt.NDArray[np.object_]:
    """`(n,)` the categories of a row, joined."""
    if not names:
        return np.full(table.num_rows, "", dtype=object)
    cells = [pc.fill_null(table[name].cast(pa.string()), MISSING_VALUE) for name in names]
    return np.asarray(pc.binary_join_element_wise(*cells, "\x1f"), dtype=object)


def _numbers(table: pa.Table) -> Numbers:
    """`(n, D)` the numbers of a row, of embeddings all of them."""
    columns = [column.combine_chunks() for column in table.columns]
    if columns and pa.types.is_fixed_size_list(columns[0].type):
        return np.asarray(columns[0].flatten(), np.float64).reshape(table.num_rows, -1)
    return np.stack([np.asarray(c, np.float64) for c in columns], axis=1) if columns else np.zeros((table.num_rows, 0))


def _decimals(cells: Numbers) -> Numbers:
    """`(D,)` how many decimals the numbers of each column have, in single precision."""
    texts = (pa.array(column.astype(np.float32), from_pandas=True).cast(pa.string()) for column in cells.T)
    behind = (pc.max(pc.utf8_length(pc.replace_substring_regex(text, r"^[^.]*\.?(0$)?", ""))).as_py() for text in texts)
    return np.array([each or 0 for each in behind], dtype=np.float64)
