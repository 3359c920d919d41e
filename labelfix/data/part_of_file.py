"""Trusted rows that stand in one part of the noisy file, as the first hundred do.

A part may be a week, a batch or somebody's share of the work, and labels of the other parts may go wrong more often or
in another way. The test: places in the file of rows that were drawn at random are spread as those of the other rows
are, D √(P (N − P) / N) being Kolmogorov's of two samples (Smirnov 1948), whose tail is 2 exp(−2 x²) there.

Legend: N noisy rows, P pairs of a trusted file.
"""

from __future__ import annotations

import numpy as np

from labelfix.data.findings import Findings
from labelfix.data.tables import Codes, TrainingData

LEVEL = 0.001
"""Chance puts rows so much into one part in fewer draws than this."""

LEAST = 20
"""Fewer rows than this are not tested."""


def in_one_part(data: TrainingData) -> dict[int, Codes]:
    """Which trusted files stand in one part of the noisy file, with the places of their rows, in order."""
    if data.sampling != "random":
        return {}
    places, files = data.clean_in_noisy, data.clean.file_index
    asked = data.judges & (places >= 0)
    each = {int(file): np.unique(places[asked & (files == file)]) for file in np.unique(files[asked])}
    return {file: own for file, own in each.items() if chance(own, len(data.noisy)) < LEVEL}


def chance(places: Codes, rows: int) -> float:
    """At most how often rows drawn at random stand so much in one part.

    Args:
        places: `(P,)` rows of the noisy file, from 0, in order.
        rows: N.
    """
    count, others = len(places), rows - len(places)
    if count < LEAST or others < LEAST:
        return 1.0
    before = np.arange(count)
    others_before = (places - before) / others
    apart = max(float(((before + 1) / count - others_before).max()), float((others_before - before / count).max()))
    return float(min(2 * np.exp(-2 * apart**2 * count * others / rows), 1.0))


def warn_of_one_part(data: TrainingData, findings: Findings) -> None:
    """Say where such rows stand."""
    rows = len(data.noisy)
    for file, places in in_one_part(data).items():
        kept, low, high = _most(places, rows)
        many = f"{'all ' if kept == len(places) else f'{kept:,} of '}its {len(places):,} rows"
        what = (
            f"{many} stand between rows {low + 1:,} and {high + 1:,} of the {rows:,} of {data.noisy.name}; what "
            "they show holds for the other rows only if these were labelled in the same way"
        )
        findings.warning(data.clean.files[file], what, "check rows drawn at random from the whole file")


def _most(places: Codes, rows: int) -> tuple[int, int, int]:
    """How many rows stand where, first and last place: all if that says something, else most or half of them."""
    kept = low = high = 0
    for share in (1.0, 0.9, 0.5):
        kept = int(np.ceil(share * len(places)))
        widths = places[kept - 1 :] - places[: len(places) - kept + 1]
        first = int(widths.argmin())
        low, high = int(places[first]), int(places[first + kept - 1])
        if high - low < rows * share / 2:
            break
    return kept, low, high
