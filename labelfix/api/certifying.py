"""`Run.certify`: how many labels are wrong at most as they would be exported, from rows that a person has read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa

from labelfix.extras import need_certify
from labelfix.remote import as_path

if TYPE_CHECKING:
    from labelfix.api.opened import OpenedRun


@dataclass(frozen=True)
class Certified:
    """What the answers prove so far, and which rows to read next.

    Attributes:
        status: `certified`, `not yet` or `cannot be reached`.
        certificate: What `certificate.json` holds; `labelfix schema certificate` describes it.
        lines: The verdict and what follows from it, in words.
        to_check: The rows that wait for an answer, as `Run.next_rows` shows rows: fill in the label column, from the
            top, as many as you like, `?` where nobody can tell, and give the table back. Empty unless `not yet`.
    """

    status: str
    certificate: dict[str, Any]
    lines: Sequence[str]
    to_check: pa.Table


def certify(
    run: OpenedRun,
    wish: tuple[float | None, float | None, int | None, float | None, bool | None],
    answers: Sequence[str | Path | pa.Table],
    with_answers: bool,
    count: int | None,
    new_plan: bool,
    noisy: str | None,
) -> Certified:
    """Take answers, judge them, and hand out rows where they are not enough; see `Run.certify`."""
    need_certify()
    from labelfix.certificates import campaign as campaigns
    from labelfix.certificates.wording import lines

    asked = campaigns.Wish(*wish)
    campaign = campaigns.open_campaign(run.folder, asked, new_plan)
    for number, table in enumerate(answers, 1):
        campaigns.take(run.folder, campaign, table if isinstance(table, pa.Table) else as_path(table), number)
    state = campaigns.stand(run.folder, campaign, asked.bound, with_answers)
    open_ended = state.verdict.status == "not yet"
    if open_ended and (count is not None or not state.said.open):
        campaign = campaigns.hand_out(run.folder, campaign, count or campaigns.rows_at_once(state))
        state = campaigns.stand(run.folder, campaign, asked.bound, with_answers)
    campaigns.keep(run.folder, state)
    to_check = campaigns.open_rows(run.folder, campaign, noisy)
    certificate: dict[str, Any] = msgspec.to_builtins(state.certificate)
    return Certified(state.verdict.status, certificate, lines(state), to_check if open_ended else to_check.slice(0, 0))
