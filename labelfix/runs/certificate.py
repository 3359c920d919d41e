"""`certificate/certificate.json` of a run: what is proven, by what, and enough to compute it again."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from labelfix.runs.reading_plan import Share

FORMAT_VERSION = 1

Whole = Annotated[int, msgspec.Meta(ge=0)]


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """What `certificate.json` holds.

    Attributes:
        format_version: Of this file.
        status: `certified`, `not yet` or `cannot be reached`.
        max_noise_rate: The share of wrong labels that was asked for.
        confidence: How sure it is.
        proven_at_most: No more of the labels is wrong, as exported.
        proven_at_least: No less of them is.
        with_answers: Whether it was asked of the labels with the answers written over them.
        left_at_most: No more of the labels is wrong once the answers are written over them.
        left_at_least: No less of them is wrong then.
        rows: Labels it is about: rows that nobody had checked before, unreadable ones included.
        trusted: Rows left out, as a person had given their labels.
        dropped: Rows left out, as the export leaves them out.
        read: Rows that a person read.
        wrong: Rows among them whose label was wrong.
        not_told: Rows among them that the person could not tell or skipped; they count as wrong above, as right below.
        blank: Rows before the last answered one that nobody has looked at; they count likewise.
        min_confidence: Of the export; null for the run's own.
        drop_issues: Of the export.
        seed: Of the draws.
        earlier_plans: Plans of this run that were given up.
        hashes: SHA-256 of the noisy file's contents, of `corrected.parquet`, of `plan.json` and of the answers.
    """

    format_version: Annotated[int, msgspec.Meta(ge=1, le=FORMAT_VERSION)]
    labelfix: str
    run_id: str
    status: Literal["certified", "not yet", "cannot be reached"]
    max_noise_rate: Share
    confidence: Share
    proven_at_most: Share
    proven_at_least: Share
    with_answers: bool
    left_at_most: Share
    left_at_least: Share
    rows: Whole
    trusted: Whole
    dropped: Whole
    read: Whole
    wrong: Whole
    not_told: Whole
    blank: Whole
    min_confidence: Share | None
    drop_issues: bool
    seed: Whole
    earlier_plans: Whole
    hashes: dict[str, str]
    versions: dict[str, str]
    statement: str
