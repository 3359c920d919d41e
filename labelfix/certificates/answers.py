"""What people have said about the rows of a plan: from `answers.jsonl` of the run, and from tables that were filled in.

A table's answers are taken into `answers.jsonl`, so that there is one place where answers are, whoever gave them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from labelfix.certificates.plan import Campaign
from labelfix.data.arrays import Floats
from labelfix.data.chosen_rows import CANNOT_TELL
from labelfix.data.columns.ids import id_keys_of
from labelfix.data.tables import UNLABELLED, ClassNames
from labelfix.errors import Defect, InputError, input_error
from labelfix.outputs.corrected_rows import CorrectedFile, groups
from labelfix.runs import RunFolder
from labelfix.runs.answers import NAME, Answer, AnswersFile, DecidedError, Decision, now
from labelfix.runs.reading_plan import Plan

QUEUE = "certify"
"""What `answers.jsonl` calls the rows of a plan."""


@dataclass(frozen=True)
class Answered:
    """The rows of a plan up to the last one that was answered (n rows).

    Attributes:
        wrong: `(n,)` 1 where the exported label is not what the person said.
        told: `(n,)` 1 where the person said a class at all.
        blank: Rows among them that nobody has looked at.
        open: Rows that were handed out and not answered, blank ones included.
    """

    wrong: Floats
    told: Floats
    blank: int
    open: int
    hash: str

    @property
    def read(self) -> int:
        """Rows that a person has looked at."""
        return len(self.wrong) - self.blank

    @property
    def not_told(self) -> int:
        """Rows that a person looked at and could not tell, or skipped."""
        return self.read - int(self.told.sum())

    @property
    def found(self) -> int:
        """Rows whose exported label a person has found wrong."""
        return int((self.wrong * self.told).sum())

    @property
    def at_worst(self) -> Floats:
        """`(n,)` what is not known counts as wrong."""
        return np.maximum(self.wrong, 1 - self.told)

    @property
    def at_best(self) -> Floats:
        """`(n,)` what is not known counts as right."""
        return self.wrong * self.told


def answered(campaign: Campaign, folder: RunFolder) -> Answered:
    """What stands in the run's `answers.jsonl` about the rows of a plan."""
    standing = AnswersFile(folder.path / NAME).ledger.standing()
    rows = campaign.plan.handed_out
    found = [standing.get(row.id) for row in rows]
    last = max((place for place, answer in enumerate(found) if answer is not None), default=-1) + 1
    labels = [None if answer is None else answer.label for answer in found[:last]]
    exported = [
        campaign.exported.classes.name(code) for code in campaign.exported.label[campaign.order[:last]].tolist()
    ]
    kept = [[row.id, answer.decision, answer.label] for row, answer in zip(rows, found, strict=True) if answer]
    text = json.dumps(kept, ensure_ascii=False)
    return Answered(
        wrong=np.array(
            [label not in (None, own) for label, own in zip(labels, exported, strict=True)], dtype=np.float64
        ),
        told=np.array([label is not None for label in labels], dtype=np.float64),
        blank=sum(answer is None for answer in found[:last]),
        open=sum(answer is None for answer in found),
        hash=hashlib.sha256(text.encode()).hexdigest(),
    )


@dataclass(frozen=True)
class Taken:
    """What became of a table of answers.

    Attributes:
        blank: Rows of the plan without an answer.
        foreign: Answers to rows that are not in the plan; they prove nothing and are left where they are.
    """

    new: int
    known: int
    blank: int
    foreign: int


def take_answers(
    folder: RunFolder, plan: Plan, said: Mapping[str, int], classes: ClassNames, who: str, table: str
) -> Taken:
    """Take the answers of a filled table into `answers.jsonl`.

    Args:
        who: Whose answers these are, as `answers.jsonl` has it.
    """
    planned = {
        str(key): row for key, row in zip(_keys([row.id for row in plan.handed_out]), plan.handed_out, strict=True)
    }
    file = AnswersFile(folder.path / NAME)
    suggested = _suggested(folder, {row.row - 1 for row in plan.handed_out})
    ready: list[tuple[Answer, str | None]] = []
    defects: list[Defect] = []
    known = blank = 0
    for key, row in planned.items():
        code = said.get(key, UNLABELLED)
        if code == UNLABELLED:
            blank += key in said
            continue
        label = None if code >= len(classes) else classes.names[code]
        there = file.ledger.standing_of(row.id)
        if there is not None and there.decision != "skip":
            if there.label == label:
                known += 1
                continue
            if there.who != who:
                own, theirs = label or CANNOT_TELL, there.label or CANNOT_TELL
                what = f'row {row.id}: says "{own}", where {there.who} said "{theirs}" before'
                defects.append(
                    Defect("error", table, None, what, f"give {there.who} with another answer, or leave this one blank")
                )
                continue
        knowing = None if there is None else there.key
        decision = _decision(label, *suggested[row.row - 1])
        name = hashlib.sha256(json.dumps([who, plan.run_id, row.id, label, knowing]).encode()).hexdigest()
        answer = Answer(
            key=name[:32],
            id=row.id,
            decision=decision,
            label=label,
            who=who,
            when=now(),
            queue=QUEUE,
            inclusion=row.chance,
            run=plan.run_id,
        )
        ready.append((answer, knowing))
    if defects:
        raise InputError(defects)
    for answer, knowing in ready:
        try:
            file.append(answer, knowing)
        except DecidedError as error:
            what = f"row {answer.id}: {error.standing.who} has decided about it while the answers were being taken"
            raise input_error(table, what, "give the command again, which says whether you agree") from None
    foreign = sum(key not in planned and code != UNLABELLED for key, code in said.items())
    return Taken(len(ready), known, blank, foreign)


def _keys(ids: list[str]) -> list[str]:
    found: list[str] = id_keys_of(pa.array(ids, pa.string())).to_pylist()
    return found


def _suggested(folder: RunFolder, rows: set[int]) -> Mapping[int, tuple[str | None, str | None]]:
    """Row, from 0 → its suggested and its given label."""
    found: dict[int, tuple[str | None, str | None]] = {}
    for first, group in groups(CorrectedFile(folder.corrected), ["suggested_label", "given_label"]):
        for row in (each for each in rows if first <= each < first + len(group)):
            found[row] = group["suggested_label"][row - first].as_py(), group["given_label"][row - first].as_py()
    return found


def _decision(label: str | None, suggested: str | None, given: str | None) -> Decision:
    if label is None:
        return "cannot_tell"
    return "accept" if label == suggested else "keep" if label == given else "label"
