"""`certificate/plan.json` of a run: which rows a person reads so that a bound on the wrong labels can be proven.

It is fixed before the first answer: the order of all rows follows from the run, the settings and the seed, and the plan
lists those that were handed out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import msgspec
from msgspec import Meta

from labelfix.errors import RunError
from labelfix.runs.checked import read_checked
from labelfix.runs.files import write_json

FORMAT_VERSION = 1

FOLDER, NAME = "certificate", "plan.json"
"""Folder of a run with all that belongs to its certificate, and the plan in it."""

AGAIN = "begin another plan with --new-plan"

Share = Annotated[float, Meta(ge=0, le=1)]
Inside = Annotated[float, Meta(gt=0, lt=1)]
Whole = Annotated[int, Meta(ge=0, le=1 << 53)]


Side = Literal["below", "above"]
"""Fewer, or more, labels are wrong than a bound."""

Drawn = Literal["spread", "below", "above"]
Counted = Share | Side


class Bet(NamedTuple):
    """A bet that fewer, or more, labels are wrong than a bound.

    Attributes:
        counted: What counts in place of rows that are not read: predictions, and how much, or those of a set at the
            bound that is hardest to tell from what is bet on.
        part: How much of what one has is at stake.
    """

    counted: Counted
    part: Inside


Bets = Annotated[tuple[Bet, ...], Meta(min_length=1, max_length=100)]


class HandedOut(msgspec.Struct, frozen=True):
    """A row to read.

    Attributes:
        id: As a text, as `corrected.parquet` has it.
        row: In `corrected.parquet`, from 1.
        chance: The probability with which it was drawn from the rows that were left.
    """

    id: str
    row: Annotated[int, Meta(ge=1, le=1 << 53)]
    chance: Annotated[float, Meta(gt=0, le=1)]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The plan.

    Attributes:
        bound: The share of wrong labels that it was made to prove or refute; any other may be asked for.
        seed: Of the draws.
        begun: How many plans of the run were given up before.
        min_confidence: Of the export; None for the run's own.
        drop_issues: Of the export.
        hashes: SHA-256 of the noisy file's contents and of `corrected.parquet`.
        expected: The share of wrong labels that was expected when the plan was made; it decides how rows are drawn.
        drawn: What makes rows likelier to be drawn: that they may be wrong or right, or that they tell most of a side.
        uniform: How equal the chances of all rows are; 1 for a simple random sample.
        below_from: The share of wrong labels that bets on fewer start from.
        above_from: The same of bets on more.
        below: Bets on fewer wrong labels than a bound.
        above: Bets on more.
        handed_out: The rows to read, in the order of the draws.
    """

    format_version: Annotated[int, Meta(ge=1, le=FORMAT_VERSION)]
    run_id: str
    bound: Inside
    confidence: Inside
    seed: Whole
    begun: Whole
    min_confidence: Share | None
    drop_issues: bool
    rows: Annotated[int, Meta(ge=1, le=1 << 53)]
    hashes: dict[str, str]
    expected: Share
    drawn: Drawn
    uniform: Annotated[float, Meta(gt=0, le=1)]
    below_from: Share
    above_from: Share
    below: Bets
    above: Bets
    handed_out: list[HandedOut]

    def __post_init__(self) -> None:
        if len({row.row for row in self.handed_out}) < len(self.handed_out) or len(self.handed_out) > self.rows:
            raise ValueError("handed_out: a row is drawn once at most")

    @property
    def alpha(self) -> float:
        """How often the bound may be wrong."""
        return 1 - self.confidence


def plan_path(run: Path) -> Path:
    """Where the plan of a run folder lies."""
    return run / FOLDER / NAME


def read_plan(run: Path) -> Plan | None:
    """The plan of a run folder; None where it has none."""
    path = plan_path(run)
    if not path.exists():
        return None
    return msgspec.convert(read_checked(path, Plan, AGAIN), Plan)


def needed_plan(run: Path) -> Plan:
    """The same where nothing can be done without it.

    Raises:
        RunError: There is none, or it is damaged.
    """
    plan = read_plan(run)
    if plan is None:
        what = f"make one with `labelfix certify --run {run} --max-noise-rate SHARE`"
        raise RunError(f"{plan_path(run)}: there is no plan of rows to read; {what}")
    return plan


def write_plan(run: Path, plan: Plan) -> None:
    """Keep it."""
    write_json(plan_path(run), msgspec.to_builtins(plan))
