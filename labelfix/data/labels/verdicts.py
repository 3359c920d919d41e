"""What other columns say of a row's label: it is right, it is wrong, nobody has given it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from labelfix.data.findings import Findings
from labelfix.data.formats import TableSource
from labelfix.data.rows import IdsAndLabels
from labelfix.data.scan import is_text, scan, value_type
from labelfix.data.spelling import truth_of

VERDICT = "answer"
"""Prodigy's column of what a person said of the label."""
VERDICTS = {"accept": True, "reject": False, "ignore": None}
"""What stands in it: the label is right, it is wrong, a person skipped it."""
STATUS = frozenset(("status", "state", "annotation_status", "label_status", "review_status"))
"""Columns in which tools and people say how far a row has come."""
STATES: dict[str, bool | None] = {
    **dict.fromkeys(("accept", "accepted", "approved", "annotated", "checked", "complete", "completed"), True),
    **dict.fromkeys(
        ("confirmed", "done", "finished", "labeled", "labelled", "ok", "reviewed", "submitted", "validated"), True
    ),
    **dict.fromkeys(("reject", "rejected", "wrong"), False),
    **dict.fromkeys(
        ("default", "discarded", "draft", "in progress", "in_progress", "new", "open", "pending", "queued"), None
    ),
    **dict.fromkeys(
        ("skipped", "to do", "to review", "to_review", "todo", "unlabeled", "unlabelled", "unreviewed"), None
    ),
}
"""What stands there: the label was given, it was refused, nobody has given it."""
ANYTHING = frozenset(("status", "state"))
OF_ANYTHING = frozenset(
    (
        "approved",
        "closed",
        "complete",
        "completed",
        "confirmed",
        "done",
        "finished",
        "in progress",
        "in_progress",
        "new",
    )
    + ("ok", "open", "pending", "queued", "submitted", "accepted")
)
"""Columns that may be about what the row is about, a ticket or an order, and words that are said of these, too."""
JUDGED = frozenset(
    (
        "correct",
        "is_correct",
        "correct?",
        "label_correct",
        "right",
        "is_right",
        "ok",
        "is_ok",
        "ok?",
        "valid",
        "is_valid",
    )
    + ("agree", "agreed", "accepted", "approved", "confirmed", "verified", "label_ok")
)
"""Columns in which people say yes or no to the label beside them."""

CHECKED = frozenset(
    ("checked", "is_checked", "human_checked", "manually_checked", "reviewed", "is_reviewed", "validated")
    + ("is_validated", "is_gold", "trusted", "is_trusted", "done", "is_done")
)
"""Columns in which people mark the rows that they have looked at; the others are left empty, or say no."""


def refuse_verdicts(source: TableSource, findings: Findings, beside: TableSource | None = None) -> None:
    """Refuse a file in which people said of a label that it is wrong: such rows have none.

    Args:
        beside: The noisy file where this is the trusted one. A column that both have is a feature.
    """
    names = source.schema.names
    columns = _told_by(source, beside)
    if beside is not None:
        columns += [name for name in names if name.lower() in JUDGED and name not in beside.schema.names]
    for column in columns:
        type_ = value_type(source.schema.field(column).type)
        if is_text(type_) or (column != VERDICT and not pa.types.is_nested(type_)):
            _refuse_unaccepted(source, column, findings)


def without_skipped(rows: IdsAndLabels, findings: Findings, beside: TableSource | None = None) -> IdsAndLabels:
    """The rows, without a label where another column says that nobody has given one: skipped, or still to do.

    Args:
        beside: The noisy file where this is the trusted one.
    """
    for column in _told_by(rows.source, beside) if rows.labels is not None else ():
        cells = [chunk.batch.column(0).cast(pa.string()) for chunk in scan(rows.source, [column])]
        words = pc.fill_null(pa.chunked_array(cells, pa.string()), "")
        said = _verdicts(column, pc.unique(words).to_pylist())
        left = [word for word, verdict in said.items() if verdict is None] if said is not None else []
        skipped = pc.is_in(words, pa.array(left, pa.string())).to_numpy()
        if not skipped.any() or skipped.all():
            continue
        assert rows.labels is not None
        if _of_anything(column, said) and (rows.labels.positions[skipped] >= 0).all():
            what = f"column {column!r} is {' or '.join(map(repr, left))} in {int(skipped.sum()):,} rows with a label"
            remedy = "if nobody has checked these labels yet, leave such rows out, or call the column label_status"
            findings.warning(rows.name, f"{what}, and these count as checked", remedy)
            continue
        what = f"{rows.name}: {int(skipped.sum()):,} rows count as without a label, as their {column!r} is"
        findings.note(f"{what} {' or '.join(repr(word) if word else 'empty' for word in left)}")
        rows = replace(rows, labels=replace(rows.labels, positions=np.where(skipped, -1, rows.labels.positions)))
    return rows


def _told_by(source: TableSource, beside: TableSource | None) -> list[str]:
    """The columns that may say of each row whether its label counts; of the trusted file also how far it is."""
    own = (
        ()
        if beside is None
        else [n for n in source.schema.names if n.lower() in STATUS and n not in beside.schema.names]
    )
    named = [*own, *([VERDICT] if VERDICT in source.schema.names else [])]
    marked = [
        name
        for name in (source.schema.names if beside is not None else ())
        if name.lower() in CHECKED and beside is not None and name not in beside.schema.names
        if not pa.types.is_nested(value_type(source.schema.field(name).type))
    ]
    return [*(name for name in named if is_text(value_type(source.schema.field(name).type))), *marked]


def _verdicts(column: str, words: Sequence[str]) -> dict[str, bool | None] | None:
    """For each word of a column whether the label counts, None where nobody gave it; nothing if it holds others."""
    if column == VERDICT:
        known: Mapping[str, bool | None] = VERDICTS
    elif column.lower() in CHECKED:
        # A tick, a name or a day says yes as well as "yes" does.
        known = {word: True if word and truth_of(word) is not False and _state(word) else None for word in words}
    elif column.lower() in STATUS:
        known = {word: STATES[word.lower()] for word in words if word.lower() in STATES}
    else:
        known = {word: truth for word in words if (truth := truth_of(word) if word else False) is not None}
    return {word: known[word] for word in words} if set(words) <= known.keys() else None


def _state(word: str) -> bool:
    """Whether a word says of a row that somebody has labelled it, or is none of those that tell."""
    return STATES.get(word.lower(), True) is not None


def _of_anything(column: str, said: Mapping[str, bool | None] | None) -> bool:
    """Whether a column of states may be about something else than the label."""
    return column.lower() in ANYTHING and OF_ANYTHING.issuperset(word.lower() for word in said or ())


def _refuse_unaccepted(source: TableSource, column: str, findings: Findings) -> None:
    """An error where some rows are not accepted; not in a column that holds other words than verdicts."""
    first: tuple[int, str] | None = None
    count = total = 0
    for chunk in scan(source, [column]):
        words = pc.fill_null(chunk.batch.column(0).cast(pa.string()), "")
        verdicts = _verdicts(column, pc.unique(words).to_pylist())
        if verdicts is None:
            return
        refused = pa.array([word for word, right in verdicts.items() if right is False], pa.string())
        wrong = pc.indices_nonzero(pc.is_in(words, refused)).to_pylist()
        if first is None and wrong:
            first = total + wrong[0], words[wrong[0]].as_py()
        count, total = count + len(wrong), total + len(words)
    if first is not None and (count < total or column == VERDICT):
        what = f"{count:,} of {total:,} rows are not accepted (the first: {column} {first[1]!r})"
        remedy = "their label is wrong or was not judged: write the right one, or keep the accepted rows alone"
        findings.error(source.name, what, remedy, first[0] + 1)
