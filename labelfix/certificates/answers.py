"""What people have said about the rows of a plan: from `answers.jsonl` of the run, and from tables that were filled in.

A table's answers are taken into `answers.jsonl`, so that there is one place where answers are, whoever gave them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from labelfix.certificates.plan import Campaign
from labelfix.data.annotations.opening import open_trusted
from labelfix.data.annotations.source import AnnotatedSource
from labelfix.data.arrays import Floats
from labelfix.data.assemble import read_options
from labelfix.data.chosen_rows import CANNOT_TELL, TOO_HARD
from labelfix.data.columns.ids import id_keys_of
from labelfix.data.read import read_truth
from labelfix.data.tables import UNLABELLED, ClassNames
from labelfix.data.truth import WRITE_ONE
from labelfix.errors import Defect, InputError, input_error
from labelfix.outputs.corrected_rows import CorrectedFile, groups
from labelfix.runs import RunFolder
from labelfix.runs.answers import NAME, Answer, AnswersFile, DecidedError, Decision, now
from labelfix.runs.reading_plan import Plan
from labelfix.settings.data import DataSettings

QUEUE = "certify"
"""What `answers.jsonl` calls the rows of a plan."""


IN_MEMORY = "a table"
"""What a table in memory is called, and who answers in it."""


@dataclass(frozen=True)
class Answered:
    """The rows of a plan up to the last one that was answered (n rows).

    Attributes:
        wrong: `(n,)` 1 where the exported label is not what the person said.
        told: `(n,)` 1 where the person said a class at all.
        seen: `(n,)` 1 where somebody has looked at the row.
        open: Rows that were handed out and not answered, blank ones included.
    """

    wrong: Floats
    told: Floats
    seen: Floats
    open: int
    hash: str

    @property
    def blank(self) -> int:
        """Rows among them that nobody has looked at."""
        return len(self.seen) - int(self.seen.sum())

    @property
    def without_gaps(self) -> Answered:
        """The same up to the first row that nobody has looked at: it is the next one to be read."""
        end = len(self.seen) if self.seen.all() else int(self.seen.argmin())
        return replace(self, wrong=self.wrong[:end], told=self.told[:end], seen=self.seen[:end])

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
        seen=np.array([answer is not None for answer in found[:last]], dtype=np.float64),
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
        said: What the table says; see `said.said_in`.
        who: Whose answers these are, as `answers.jsonl` has it.

    Raises:
        InputError: It contradicts an answer that is there; nothing is taken then.
        RunError: The answers cannot be kept.
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


def said_in(table: Path | pa.Table, classes: ClassNames, data: DataSettings, id_column: str | None) -> dict[str, int]:
    """Key of a row's id (`id_keys_of`) → the class that was said; -1 for none, and K where nobody could tell.

    Args:
        table: The file, or a table of ids and labels.
        classes: The run's classes (K), as its own files write them.

    Raises:
        InputError: It cannot be read, or has a label that is not a class.
    """
    known = _with_too_hard(classes)
    table = table if isinstance(table, pa.Table) else str(table)
    (source,) = open_trusted([table], None, read_options(data))
    if isinstance(source, AnnotatedSource):
        return _of_tool(source, known)
    try:
        read = read_truth(table, known, data, id_column)
    except InputError as error:
        raise InputError([_of_answers(defect) for defect in error.defects]) from None
    return dict(zip(id_keys_of(read.ids).to_pylist(), read.codes.tolist(), strict=True))


def _of_answers(defect: Defect) -> Defect:
    """A defect of a table of true labels, as one of a table that a person fills in."""
    remedy = defect.remedy
    if remedy == WRITE_ONE:
        remedy = f"write one of them, {CANNOT_TELL} where you cannot tell, or leave it blank"
    what = re.sub(r"one of the \d+ classes", "one of the classes", defect.what)
    return replace(defect, what=what, file=IN_MEMORY if defect.file == "truth" else defect.file, remedy=remedy)


def _of_tool(source: AnnotatedSource, classes: ClassNames) -> dict[str, int]:
    """The same of a file whose form is a tool's: rows that were skipped there are open."""
    names = _codes(classes)
    odd = [mark for mark in source.marks if mark.label is not None and mark.label not in names]
    if odd:
        what = f'row {odd[0].id}: label "{str(odd[0].label)[:60]}" is not one of the {len(classes)} classes'
        raise InputError([Defect("error", source.name, None, what, f"choose among {', '.join(list(names)[:8])}")])
    keys = id_keys_of(pa.array([mark.id for mark in source.marks], pa.string())).to_pylist()
    said = (UNLABELLED if mark.label is None else names[mark.label] for mark in source.marks)
    return dict(zip(keys, said, strict=True))


def _codes(classes: ClassNames) -> Mapping[str, int]:
    aliases = {alias: classes.codes.get(name, UNLABELLED) for alias, name in classes.aliases}
    return {**aliases, **classes.codes}


def _with_too_hard(classes: ClassNames) -> ClassNames:
    """The classes, and behind them one for what a person cannot tell; a word that is a class stays one."""
    free = [word for word in TOO_HARD if word not in classes.codes and word not in dict(classes.aliases)]
    if not free:
        return classes
    named = tuple((word, free[0]) for word in free[1:])
    return replace(classes, names=(*classes.names, free[0]), aliases=(*classes.aliases, *named))
