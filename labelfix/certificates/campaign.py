"""A campaign from its plan to its certificate: what `labelfix certify` does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa

from labelfix.certificates.answers import IN_MEMORY, QUEUE, Answered, Taken, answered, said_in, take_answers
from labelfix.certificates.certificate import (
    certificate_of,
    differences,
    misquoted,
    read_certificate,
    write_certificate,
)
from labelfix.certificates.exported import exported_labels
from labelfix.certificates.plan import Campaign, campaign_of, hashes_of, more_rows, new_plan
from labelfix.certificates.verdict import Verdict, judge
from labelfix.data.read import Columns
from labelfix.data.tables import ClassNames
from labelfix.errors import RunError, SettingsError
from labelfix.outputs.corrected_rows import CorrectedFile
from labelfix.outputs.exports import write_tables
from labelfix.outputs.own_inputs import find_input
from labelfix.runs import RunFolder, held
from labelfix.runs.certificate import Certificate
from labelfix.runs.reading_plan import AGAIN, Plan, needed_plan, plan_path, read_plan, write_plan
from labelfix.settings.run import read_toml, train_settings

CONFIDENCE = 0.95

LEAST, MOST, TENS = 20, 200, 10
"""Rows handed out at once by default: between the first two, in steps of the third."""

ROW_ID = "labelfix_id"
"""Id column of a table to fill in where the run's own files have none."""


@dataclass(frozen=True)
class Wish:
    """What is asked of a certificate; None where it was not said, and the plan's counts.

    Attributes:
        bound: The share of labels that may be wrong.
        confidence: How sure it has to be.
        seed: Of the draws.
        min_confidence: Of the export.
        drop_issues: Of the export.

    Raises:
        SettingsError: At such a share there is nothing to prove.
    """

    bound: float | None = None
    confidence: float | None = None
    seed: int | None = None
    min_confidence: float | None = None
    drop_issues: bool | None = None

    def __post_init__(self) -> None:
        if self.bound is not None and not 0 < self.bound < 1:
            what = f"--max-noise-rate {self.bound:g}: give a share above 0 and below 1, such as 0.02 for 2 %"
            raise SettingsError(what)
        if self.confidence is not None and not 0.5 <= self.confidence < 1:
            raise SettingsError(f"--confidence {self.confidence:g}: give a share from 0.5 to below 1, such as 0.95")


@dataclass(frozen=True)
class State:
    """Where a campaign stands."""

    campaign: Campaign
    said: Answered
    verdict: Verdict
    certificate: Certificate


def open_campaign(folder: RunFolder, wish: Wish, again: bool) -> Campaign:
    """The campaign of a run, begun where there is none; its plan is on the disk.

    Raises:
        SettingsError: The wish does not fit the plan, or lacks the bound of a new one.
        RunError: The plan is damaged, or the run's labels are others by now.
    """
    plan = _sound_plan(folder, again)
    if plan is not None and not again:
        _refuse_other(folder, plan, wish)
        return _drawn_as_told(folder, campaign_of(plan, exported_labels(folder, plan.min_confidence, plan.drop_issues)))
    if wish.bound is None:
        raise SettingsError("--max-noise-rate is missing: say which share of the labels may be wrong, such as 0.02")
    exported = exported_labels(folder, wish.min_confidence, bool(wish.drop_issues))
    made = new_plan(
        folder,
        exported,
        bound=wish.bound,
        confidence=CONFIDENCE if wish.confidence is None else wish.confidence,
        seed=wish.seed or 0,
        begun=0 if plan is None else plan.begun + bool(plan.handed_out),
        min_confidence=wish.min_confidence,
        drop_issues=bool(wish.drop_issues),
    )
    with held(folder.path):
        _refuse_other_plan(folder, plan)
        write_plan(folder.path, made)
    return campaign_of(made, exported)


def _sound_plan(folder: RunFolder, again: bool) -> Plan | None:
    plan = read_plan(folder.path)
    if plan is None or again:
        return plan
    now = hashes_of(folder)
    if plan.hashes != now:
        changed = next(name for name in now if plan.hashes.get(name) != now[name])
        raise RunError(f"{plan_path(folder.path)}: was made for other labels ({changed} has changed since); {AGAIN}")
    return plan


def _drawn_as_told(folder: RunFolder, campaign: Campaign) -> Campaign:
    """The campaign, whose rows are those that its seed gives: whoever picks rows by hand proves nothing."""
    plan = campaign.plan
    drawn = campaign.exported.position[campaign.order[: len(plan.handed_out)]] + 1
    if plan.rows != len(campaign.exported) or drawn.tolist() != [row.row for row in plan.handed_out]:
        raise RunError(f"{plan_path(folder.path)}: is damaged (its rows are not those that its seed gives); {AGAIN}")
    return campaign


def _refuse_other(folder: RunFolder, plan: Plan, wish: Wish) -> None:
    """Refuse what a plan cannot change once rows were drawn by it."""
    for flag, asked, there in (
        ("--confidence", wish.confidence, plan.confidence),
        ("--seed", wish.seed, plan.seed),
        ("--min-confidence", wish.min_confidence, plan.min_confidence),
        ("--drop-issues", wish.drop_issues, plan.drop_issues),
    ):
        if asked is not None and asked != there:
            what = f"{flag} {asked}: {plan_path(folder.path)} was made with {there}, and its rows may have been read"
            raise SettingsError(f"{what}; leave the flag out, or {AGAIN}")


def take(folder: RunFolder, campaign: Campaign, table: Path | pa.Table, number: int = 1) -> Taken:
    """Take a filled table's answers into the run, the `number`-th table given; see `answers.take_answers`."""
    manifest = folder.read_manifest(whole=True)
    columns = Columns.from_json(manifest["columns"])
    own = train_settings(read_toml(folder.settings), str(folder.settings)).data
    data = replace(
        own,
        class_map=None,
        encoding=None,
        split=None,
        label_column=columns.label,
        clean_label_column=answer_column(columns),
        id_column=None,
        clean_id_column=None,
    )
    classes = ClassNames.from_json(manifest["class_names"])
    said = said_in(table, classes, data, id_to_fill(columns))
    if isinstance(table, pa.Table):
        who = name = f"{IN_MEMORY} {number}" if number > 1 else IN_MEMORY
    else:  # two people may give a file the same name
        who, name = "/".join(table.resolve().parts[-2:]), str(table)
    return take_answers(folder, campaign.plan, said, classes, who, name)


def answer_column(columns: Columns) -> str:
    """The column of the table that a person fills in."""
    return columns.clean_label or columns.label or "label"


def id_to_fill(columns: Columns) -> str:
    """Its id column."""
    return columns.clean_id or columns.id or ROW_ID


def stand(folder: RunFolder, campaign: Campaign, bound: float | None, with_answers: bool) -> State:
    """What the answers so far prove of a share of wrong labels; None for the plan's."""
    said = answered(campaign, folder)
    verdict = judge(campaign, said, campaign.plan.bound if bound is None else bound, with_answers)
    return State(campaign, said, verdict, certificate_of(folder, campaign, said, verdict))


def keep(folder: RunFolder, state: State) -> None:
    """Write the certificate and the paragraph for a data card."""
    with held(folder.path):
        write_certificate(folder, state.certificate)


def hand_out(folder: RunFolder, campaign: Campaign, count: int) -> Campaign:
    """The campaign with that many more rows to read; the plan is on the disk."""
    with held(folder.path):
        _refuse_other_plan(folder, campaign.plan)
        plan = more_rows(folder, campaign, count)
        write_plan(folder.path, plan)
    return replace(campaign, plan=plan)


def _refuse_other_plan(folder: RunFolder, known: Plan | None) -> None:
    """Refuse to write over a plan that another process has made or handed rows out of meanwhile."""
    if read_plan(folder.path) != known:
        what = "another process has drawn rows to read meanwhile"
        raise RunError(f"{plan_path(folder.path)}: {what}; give the command again")


def rows_at_once(state: State) -> int:
    """How many rows to hand out by default: about as many as are needed, but no more than a person can bear at once."""
    wanted = state.verdict.more if state.verdict.more is not None else MOST
    return min(max(-(-wanted // TENS) * TENS, LEAST), MOST)


def open_rows(folder: RunFolder, campaign: Campaign, noisy: str | None) -> pa.Table:
    """The rows that were handed out and have no answer, as `labelfix next` shows rows."""
    from labelfix.runs.answers import read_answers
    from labelfix.scoring.next_rows import described

    own = find_input(folder, "noisy", noisy).needed()
    standing = read_answers(folder.path).standing()
    rows = [row for row in campaign.plan.handed_out if row.id not in standing]
    columns = Columns.from_json(folder.read_manifest(whole=True)["columns"])
    position = np.array([row.row - 1 for row in rows], dtype=np.int64)
    chance = [row.chance for row in rows]
    file = CorrectedFile(folder.corrected)
    table = described(file, position, columns, own.files, QUEUE, chance)
    if columns.clean_id is None and columns.id is None:
        table = table.add_column(0, ROW_ID, pa.array([row.id for row in rows]))
    return table


def write_tasks(table: pa.Table, out: Path, classes: Sequence[str]) -> None:
    """Write rows to read as a table."""
    write_tables(out, iter([table]), classes)


def check(folder: RunFolder, noisy: str | None) -> tuple[State, list[str]]:
    """Compute a run's certificate again from its files.

    Returns:
        What the files say, and in what the certificate differs.

    Raises:
        InputError: The noisy file is gone, or has changed since.
        RunError: There is no certificate, or a file of it is damaged.
    """
    kept = read_certificate(folder)
    find_input(folder, "noisy", noisy).needed()
    plan = needed_plan(folder.path)
    exported = exported_labels(folder, plan.min_confidence, plan.drop_issues)
    if len(exported) != plan.rows or plan.hashes != hashes_of(folder):
        raise RunError(f"{plan_path(folder.path)}: was made for other labels than the run has now; {AGAIN}")
    drawn = hand_out_again(folder, campaign_of(msgspec.structs.replace(plan, handed_out=[]), exported), plan)
    state = stand(folder, campaign_of(plan, exported), kept.max_noise_rate, kept.with_answers)
    return state, [*drawn, *differences(kept, state.certificate), *misquoted(folder, kept)]


def hand_out_again(folder: RunFolder, campaign: Campaign, plan: Plan) -> list[str]:
    """How the rows of a plan differ from those that its seed gives."""
    again = more_rows(folder, campaign, len(plan.handed_out)).handed_out
    for number, (was, now) in enumerate(zip(plan.handed_out, again, strict=True), 1):
        if (was.id, was.row) != (now.id, now.row):
            return [f"plan.json: row {number} of the plan is {was.id}, its seed gives {now.id}"]
        if abs(was.chance - now.chance) > 1e-9 * now.chance:
            return [f"plan.json: row {number} of the plan has the chance {was.chance:g}, its seed gives {now.chance:g}"]
    return []
