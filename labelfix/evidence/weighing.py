"""What trusted rows say of a fit, with the side checks, in the order of the noisy table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from labelfix.compute.threads import one_thread
from labelfix.data.row_order import RowOrder
from labelfix.data.tables import Codes, LabelTable, Probabilities, TrainingData
from labelfix.evidence.checks import Checks, side_checks
from labelfix.evidence.doubts import Doubt
from labelfix.evidence.gather import Evidence, judge, passes
from labelfix.evidence.picked import Drawn, as_drawn
from labelfix.evidence.side_columns import SideColumns
from labelfix.heads.stages import part_of
from labelfix.methods.fit import Fit
from labelfix.models.features import Inputs
from labelfix.networks.loop import network_outputs
from labelfix.progress import Progress, counted
from labelfix.settings.run import TrainSettings

LEAST_DOUBTED, NAMED = 3, 5
"""Doubted trusted rows are warned of from this number on, and so many are named: a model may well be sure of another
class of a right row once or twice."""


@dataclass(frozen=True)
class Weighed:
    """What trusted rows say of a fit, in the order of the noisy table, and how they were drawn."""

    evidence: Evidence
    sides: SideColumns
    drawn: Drawn


def weigh(
    made: Fit, data: TrainingData, settings: TrainSettings, progress: Progress, drawn: Drawn | None = None
) -> Weighed:
    """Calibrate the fit, gather the evidence of trusted rows, and put all of it in the order of the noisy table."""
    threads = one_thread() if made.problem.family in ("head", "network") else nullcontext()
    by = made.judged_by or made
    total = passes(by.problem, by.model) + (len(made.problem.given) if settings.side_checks else 0)
    with threads, counted(progress, "check against trusted rows", total):
        if drawn is None:
            drawn = Drawn()
            if settings.data.clean_sampling is None:
                drawn = as_drawn(by.problem, by.model.held, data.clean.file_index[made.clean.rows].astype(np.int64))
                for file, looks in drawn.looks.items():
                    progress.warn(_warning(data.clean.files[file], looks))
        evidence = judge(by.problem, by.model, settings, data.classes, progress, drawn)
        spec = data.noisy.inputs.spec if data.noisy.inputs is not None else None
        table = spec is not None and all(part.kind == "table" for part in spec.parts)
        repeated = checked(made, table) if settings.side_checks else None
    if by is not made:
        evidence = evidence.said_of(made.problem, made.model)
    figures = evidence.figures
    if evidence.fitted.held is not None:
        rows = made.clean.rows[evidence.fitted.held.rows]
        told = [doubted(data.clean, int(rows[each.row]), each) for each in evidence.doubted]
        figures = figures | {"doubted": told}
        if len(told) >= LEAST_DOUBTED:
            progress.warn(_warning_of_doubted(told))
    if repeated is not None:
        paired = int((data.paired_given >= 0).sum())
        figures = figures | {"checks": repeated.to_json(data.classes.names, paired)}
    evidence = replace(evidence, figures=figures)
    return Weighed(evidence, side_columns(made.noisy, evidence, repeated), drawn)


def _warning(file: str, looks: str) -> str:
    """What to know of a file whose rows were picked."""
    return (
        f"{file}: its rows were not drawn at random: their given labels look {looks} more often than those of the "
        "other rows; they train, and do not say how many labels are right (--clean-sampling random if they were)"
    )


def _warning_of_doubted(told: Sequence[Mapping[str, Any]]) -> str:
    """What to know of trusted rows that may be wrong themselves."""

    def named(each: Mapping[str, Any]) -> str:
        place = each["id"] or f"row {each['row']} of {each['file']}"
        return f"{place} ({each['label']}, likelier {each['suggested']})"

    some = ", ".join(map(named, told[:NAMED]))
    rest = f" and {len(told) - NAMED:,} more (evidence.doubted of metrics.json)" if len(told) > NAMED else ""
    return (
        f"{len(told):,} trusted labels look wrong to models that never saw them: {some}{rest}; look at "
        "them again, as all that is said here rests on trusted labels"
    )


def checked(made: Fit, table: bool) -> Checks:
    """Repeated rows and outliers among the noisy rows, by fixed features (of a table) or by h(x) of the network."""
    problem = made.problem

    def hidden(inputs: Inputs, rows: Codes) -> Probabilities:
        return network_outputs(made.model.classifier, inputs, rows, problem.device)[1]

    order, view = made.noisy.rows, None if problem.family == "head" else hidden
    rows = problem.noisy, problem.given, order, problem.clean, problem.truth
    return side_checks(*rows, problem.num_classes, view, table, partial(part_of, problem.checkpoints, "side-checks"))


def side_columns(order: RowOrder, evidence: Evidence, repeated: Checks | None) -> SideColumns:
    """Results for the noisy training rows, as columns of the whole noisy table."""
    own = evidence.fitted.own_rows
    return SideColumns(
        p_value=None if evidence.p_values is None else order.to_file(evidence.p_values.astype(np.float32), np.nan),
        duplicate_of=None if repeated is None else order.to_file(repeated.duplicate_of, -1),
        outlier_score=None if repeated is None else order.to_file(repeated.outlier_score, np.nan),
        own=None if own is None else own.soft,
        own_at=None if own is None else order.to_file(np.arange(len(own.soft), dtype=np.int64), -1),
    )


def doubted(clean: LabelTable, row: int, doubt: Doubt) -> dict[str, Any]:
    """A trusted row whose label looks wrong, as plain values."""
    return {
        "id": clean.ids[row].as_py(),
        "file": clean.files[clean.file_index[row]],
        "row": int(clean.row_number[row]),
        "label": clean.classes.name(int(clean.codes[row])),
        "suggested": clean.classes.name(doubt.suggested),
        "probability": round(doubt.probability, 6),
    }
