"""Labels of several sources in a set of the bench."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from labelfix.bench.plan import DataEntry
from labelfix.bench.protocol import LabelledRows
from labelfix.data.findings import Findings
from labelfix.data.formats import TableSource
from labelfix.data.formats.base import READ_ROWS
from labelfix.data.labels.ballots import read_columns
from labelfix.data.tables import Codes
from labelfix.numerics.dawid_skene import dawid_skene


def with_sources(found: LabelledRows, source: TableSource, entry: DataEntry, rows: Codes) -> LabelledRows:
    """The rows with their opinions and, as given labels, what the entry makes of them.

    Args:
        rows: `(N,)` the rows of the files that are used.

    Raises:
        InputError: A column holds no labels.
    """
    findings = Findings()
    ballots = read_columns(source, entry.sources, frozenset(), findings, READ_ROWS)
    findings.stop_on_errors()
    assert ballots is not None
    names = np.array([*ballots.labels.values, None], dtype=object)
    every = int(max(ballots.row.max(initial=0), rows.max(initial=0))) + 1
    opinions = ballots.opinions(every, ballots.labels.positions).take(rows)
    given = opinions.majority(len(names) - 1)
    if entry.vote == "dawid-skene":
        given = np.where(given < 0, given, dawid_skene(opinions, len(names) - 1).argmax(axis=1))
    kept = opinions if entry.vote == "all" else None
    return replace(found, given=names[given], opinions=kept, words=ballots.labels.values)
