"""Which findings a baseline accepts: those that still are what they were."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from labelfix.outputs.baseline import Accepted, Baseline
from labelfix.outputs.judgement import Finding


def not_accepted(
    group: pa.Table, flagged: npt.NDArray[np.int64], accepted: Baseline
) -> tuple[npt.NDArray[np.int64], dict[int, tuple[Accepted, ...]]]:
    """The flagged rows of a group that a baseline does not know, and those that it knows by their contents alone.

    Args:
        group: Columns `id` and `given_label`.

    Returns:
        The rows that it does not know; and row → what is known of it, where it has to hold the same.
    """
    names, given = group.column("id").to_pylist(), group.column("given_label")
    new: list[int] = []
    asked: dict[int, tuple[Accepted, ...]] = {}
    for row in flagged.tolist():
        if str(names[row]) not in accepted.rows:
            new.append(row)
            continue
        entries = accepted.as_given(names[row], given[row].as_py())
        if not entries:
            new.append(row)
        elif all(entry.content is not None for entry in entries):
            asked[row] = entries
    return np.array(new, np.int64), asked


def since_edited(
    findings: Sequence[Finding],
    doubtful: Mapping[int, tuple[Accepted, ...]],
    details: Callable[[Sequence[Finding]], Sequence[Finding]],
) -> dict[int, Finding]:
    """Those rows that a baseline knows by their contents and that hold something else now.

    A row whose source cannot be read is taken for what it was: its id and given label are the same.

    Args:
        doubtful: Position → what is known of them, in the same order.

    Returns:
        Position → the row.
    """
    told = zip(details(findings) if findings else (), doubtful.items(), strict=True)
    return {
        row: found
        for found, (row, entries) in told
        if found.content is not None and found.content not in [entry.content for entry in entries]
    }
