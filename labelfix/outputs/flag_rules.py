"""Which rows `flag` lists when it is not the threshold that decides: those a guarantee allows, or the N worst.

Benjamini–Hochberg over the p-values of all rows: with p ≤ level · k / n for the k smallest, the expected share of
rightly labelled rows among these k is at most `level` (Benjamini and Hochberg, JRSS B 1995). No p-value is below
1 / (R + 1) with R trusted rows, so that nothing is flagged unless a share of 1 / ((R + 1) · level) of the rows is.

By NumPy on the columns' buffers: `flag` runs on every commit and imports nothing heavy.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from labelfix.errors import SettingsError, input_error
from labelfix.outputs.column_arrays import validity, values
from labelfix.outputs.corrected_rows import CorrectedRows, groups

AGAIN = "train again with a method that judges trusted rows out of fold, such as mlc, and flag that run"
SCORE_AGAIN = (
    "write it again as .parquet with `labelfix correct` and a run whose trusted rows judge it, such as one of mlc; the "
    "rows that a run was trained on are flagged with --run"
)


@dataclass(frozen=True)
class ChosenRows:
    """Rows to list.

    Attributes:
        rows: `(N,)` True for those.
        words: How they were chosen, the rest of a sentence.
        notes: Sentences a person should read beside it.
    """

    rows: npt.NDArray[np.bool_]
    words: str
    notes: tuple[str, ...]
    figures: Mapping[str, Any]


def by_guarantee(
    rows: CorrectedRows, source: str, evidence: Mapping[str, Any], level: float, run: bool = True
) -> ChosenRows:
    """The rows that may be flagged so that the expected share of rightly labelled ones among them is at most `level`.

    Args:
        rows: Corrected labels with a column `p_value`.
        evidence: `evidence` of the run's `metrics.json`, or of a file of new rows.
        level: In (0, 1).

    Raises:
        InputError: There are no p-values.
        SettingsError: So few trusted rows that nothing could be flagged.
    """
    basis = evidence.get("guarantee")
    if "p_value" not in rows.schema.names or not basis:
        raise input_error(source, "has no p-values, which --max-false-flags needs", AGAIN if run else SCORE_AGAIN)
    share = float(basis["smallest_p"]) / level
    if share > 1:
        needed = math.ceil(1 / level) - 1
        raise SettingsError(
            f"--max-false-flags {level:g}: {basis['rows']} trusted rows with a right given label cannot carry it, even "
            f"if all rows were flagged; {needed} or more would; add trusted rows, or raise the share"
        )
    p = _column(rows, "p_value")
    flagged = np.zeros(len(p), dtype=bool)
    there = np.flatnonzero(~np.isnan(p))
    flagged[there] = benjamini_hochberg(p[there], level)
    notes = [
        f"resting on {basis['rows']:,} trusted rows whose given label is right; with so many, either no row is flagged "
        f"or at least {_percent(share)} of them are"
    ]
    if basis.get("weighted"):
        notes.append(f"trusted rows are weighted by class, as {basis['effective_rows']:,.0f} rows drawn at random")
    if basis.get("per_class"):
        notes.append("each row is compared with trusted rows of its own class alone: they are many")
    if basis.get("assumption"):
        notes.append(f"assumed: {basis['assumption']}")
    if not flagged.any():
        notes.append(f"nothing is flagged: {_why_nothing(evidence, basis, level)}")
    words = f"flagged so that at most {_percent(level)} of them are expected to be right"
    figures = {"max_false_flags": level, "guarantee": dict(basis), "smallest_share": share}
    return ChosenRows(flagged, words, tuple(notes), figures)


def _why_nothing(evidence: Mapping[str, Any], basis: Mapping[str, Any], level: float) -> str:
    """What would help: rows, as long as there are fewer than twice what would do if no wrong label looked right."""
    rate = float(((evidence.get("noise") or {}).get("rate") or {}).get("value") or 0)
    if not rate:
        return "more trusted rows make smaller p-values, and few given labels are wrong"
    needed = math.ceil(2 / (level * rate))
    if needed > 1 / basis["smallest_p"] - 1:
        return f"more trusted rows make smaller p-values; about {needed:,} would do at a noise rate of {_percent(rate)}"
    return "too many rightly labelled trusted rows look as bad as the worst rows; allow a larger share of false flags"


def by_budget(rows: CorrectedRows, count: int, trusted: npt.NDArray[np.bool_] | None = None) -> ChosenRows:
    """The rows of lowest label_score, of equals the first; trusted ones `(N,)` are left out as far as known."""
    score = _column(rows, "label_score")
    if trusted is not None:
        score[trusted] = np.nan
    if "p_value" in rows.schema.names:  # of a run's own rows only trusted ones have none
        score[np.isnan(_column(rows, "p_value"))] = np.nan
    there = np.flatnonzero(~np.isnan(score))
    worst = there[np.argsort(score[there], kind="stable")[:count]]
    flagged = np.zeros(len(score), dtype=bool)
    flagged[worst] = True
    return ChosenRows(flagged, f"the {len(worst):,} worst by label_score", (), {"budget": count})


def benjamini_hochberg(p: npt.NDArray[np.floating], level: float) -> npt.NDArray[np.bool_]:
    """`(n,)` True where the null is rejected, with a false discovery rate of at most `level`."""
    order = np.argsort(p, kind="stable")
    ordered = p[order].astype(np.float64)
    passed = np.flatnonzero(ordered <= level * np.arange(1, len(p) + 1) / max(len(p), 1))
    rejected = np.zeros(len(p), dtype=bool)
    rejected[order[: passed[-1] + 1 if len(passed) else 0]] = True
    return rejected


def _column(rows: CorrectedRows, name: str) -> npt.NDArray[np.float32]:
    """`(N,)` a column of probabilities, NaN for null."""
    found = np.full(len(rows), np.nan, dtype=np.float32)
    for first, group in groups(rows, [name]):
        column = group.column(name)
        there = validity(column)
        said = values(column)[there]
        if not ((said >= 0) & (said <= 1)).all():
            row = first + 1 + int(np.flatnonzero(there)[((said < 0) | (said > 1) | np.isnan(said)).argmax()])
            remedy = "give the file that labelfix wrote"
            raise input_error(str(getattr(rows, "path", "corrected labels")), f"{name} is no probability", remedy, row)
        found[first : first + len(there)][there] = said
    return found


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
