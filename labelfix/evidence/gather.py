"""Everything that trusted rows say about a fit, gathered once: for `metrics.json` and the columns beside the labels.

Legend: N noisy rows, M trusted rows, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from labelfix.correctors.contract import LEARNED, Corrector, FittedModel, Held, Problem
from labelfix.data.arrays import Floats
from labelfix.data.intervals import effective
from labelfix.data.tables import UNLABELLED, ClassNames, Codes, Probabilities
from labelfix.evidence import rivals
from labelfix.evidence.calibrate import Calibrated, calibrate, scaled_as, soft_labels_of
from labelfix.evidence.doubts import Doubt, doubts
from labelfix.evidence.guarantee import MANY, Guarantee, class_weights, p_values, p_values_per_class
from labelfix.evidence.judges_answers import label_scores, sample
from labelfix.evidence.ledger import Ledger, compare
from labelfix.evidence.noisy_judges import KEPT_OUT_PARTS, Agreement, ask_noisy_rows, asks
from labelfix.evidence.of_all_rows import as_frequent, assumed_of, of_other_rows, why_not_all
from labelfix.evidence.picked import Drawn
from labelfix.evidence.rivals import Rival, fit_rivals, retrained
from labelfix.evidence.run_noise_rate import noise_of
from labelfix.evidence.saved_judges import Judges
from labelfix.evidence.sources import of_sources
from labelfix.evidence.unchecked import ask_chosen, unanswered
from labelfix.evidence.verdict import conclude
from labelfix.evidence.ways import beside, ways_of
from labelfix.heads.stages import judging_stage
from labelfix.numerics.affine import Affine
from labelfix.progress import Progress
from labelfix.settings.run import TrainSettings

JUDGED = ("classifier_right", "out_of_fold_nll")
"""Metrics of a fit that come from trusted rows."""


@dataclass(frozen=True)
class Evidence:
    """What trusted rows show about a fit.

    Attributes:
        p_values: `(N,)` of "the given label is right"; None where no model could judge.
        figures: Plain values, `evidence` of `metrics.json`; empty where nothing could be judged.
        doubted: Trusted rows whose label looks wrong, as places among the held rows.
        judges: Judges rows that come later; None where no model could judge.
    """

    fitted: FittedModel
    p_values: Probabilities | None = None
    figures: dict[str, Any] = field(default_factory=dict)
    doubted: tuple[Doubt, ...] = ()
    judges: Judges | None = None

    def said_of(self, problem: Problem, model: FittedModel) -> Evidence:
        """The evidence for another fit, whose features know the trusted rows that judged this one.

        It takes over the scale of soft labels, the threshold and all figures; later rows are judged by its own heads.
        """
        judged, judges = self.fitted, self.judges
        fitted = replace(
            scaled_as(model, judged),
            min_confidence=judged.min_confidence,
            metrics=dict(model.metrics) | {name: judged.metrics[name] for name in JUDGED if name in judged.metrics},
            held=judged.held,
        )
        if judges is not None and model.held is not None:
            correctors, heads = heads_of(model.held)
            judges = replace(judges, correctors=correctors, heads=heads)
        return replace(self, fitted=fitted, judges=judges)


def judge(
    own: Problem,
    fitted: FittedModel,
    settings: TrainSettings,
    classes: ClassNames,
    progress: Progress,
    drawn: Drawn,
) -> Evidence:
    """Calibrate a fit and gather the evidence.

    Args:
        drawn: How the trusted rows were drawn.
    """
    problem, every = drawn.judging(own), fitted.held
    judging = None if every is None else every.only(problem.judges[every.rows])
    found = calibrate(problem, replace(fitted, held=judging))
    if found is None:
        kept = every is not None and len(every.rows)
        why = "`next` chose all trusted rows; draw some yourself" if kept else "its method keeps no trusted row for it"
        progress.say(f"nothing judges this run: {why}")
        return Evidence(fitted)
    given = problem.given[sample(problem)]
    soft = final_soft(problem, found.fitted)[0]
    assert found.fitted.held is not None
    agreement = ask_noisy_rows(problem, found.fitted.held, settings, progress)
    ways = ways_of(problem, found.asked)
    others = *rivals_of(problem, found, settings, progress), *ways
    ledger = ledger_of(problem, found, others, soft, agreement)
    assert every is not None
    answered = ask_chosen(own, every, found)
    ledger = ledger if answered is None else answered.taken_out(ledger)
    right = RightLabels.of(problem, found, soft, given)
    p, guarantee = guarantee_of(problem, found, right)
    judges = judges_of(problem, found, right, guarantee)
    figures = {
        **_basis(problem, found),
        "calibration": found.figures(),
        "noise": noise_of(unanswered(drawn.without(own)), soft, given).to_json(classes.names),
        "guarantee": guarantee.to_json(),
        "ledger": ledger.to_json(),
        "verdict": conclude(ledger).to_json(),
    }
    worth = of_sources(problem, classes.names, found.fitted.metrics)
    if worth is not None:
        figures["sources"] = worth | {"ways": beside(ways, found.asked, found.log_soft)}
    return Evidence(found.fitted, p, figures, doubts(found.asked.log_f, found.asked.truth), judges)


def passes(problem: Problem, fitted: FittedModel) -> int:
    """About how many rows the fits of `judge` pass over; see `labelfix.progress.counted`."""
    if fitted.held is None:
        return 0
    # The method itself, fitted again beside its rivals, passes over about three times as many.
    again = 4 * KEPT_OUT_PARTS * rivals.passes(problem, fitted=False) if asks(problem, fitted.held) else 0
    return rivals.passes(problem) + again


def rivals_of(problem: Problem, found: Calibrated, settings: TrainSettings, progress: Progress) -> tuple[Rival, ...]:
    """The rivals of a run, trained end to end if requested."""
    assert found.fitted.held is not None
    fit = retrained if settings.ledger == "full" and problem.family != "head" else fit_rivals
    return fit(problem, found.fitted.held, progress)


def ledger_of(
    problem: Problem, found: Calibrated, others: Sequence[Rival], soft: Probabilities, agreement: Agreement | None
) -> Ledger:
    """The run beside its rivals.

    Args:
        others: Of `rivals_of`.
        soft: `(n, K)` soft labels of some noisy rows; their class shares weight trusted rows that were drawn per class.
    """
    asked, corrected, weights = found.asked, None, None
    not_all = why_not_all(problem, found, soft) or of_other_rows(problem)
    if asked.paired and not not_all:
        corrected = np.full(len(asked.truth), UNLABELLED, dtype=np.int64)
        corrected[asked.row] = found.corrected
    if problem.sampling == "per-class":
        answers = np.bincount(problem.truth[~problem.judges], minlength=problem.num_classes)
        shares = soft.mean(axis=0, dtype=np.float64) * len(problem.given) + answers
        weights = as_frequent(asked.truth, shares / shares.sum())
    elif problem.sampling == "per-label" and asked.paired:
        known = asked.given != UNLABELLED  # rows without a label weigh as the others do on average
        weights = np.ones(len(known))
        of_noisy = np.bincount(problem.given, minlength=problem.num_classes) / len(problem.given)
        weights[known] = as_frequent(asked.given[known], of_noisy)
    rest = ~(problem.judges & problem.unseen)
    meant = len(problem.given) + int((problem.paired_given[rest] != UNLABELLED).sum())
    found_ledger = compare(asked.log_f, others, asked.truth, asked.given, corrected, weights, agreement, meant)
    return replace(found_ledger, chosen=int((~problem.judges).sum()), not_all=not_all, trusted=len(problem.truth))


def final_soft(problem: Problem, fitted: FittedModel) -> tuple[Probabilities, np.ndarray]:
    """Soft labels of a sample of the noisy rows, and their given labels."""
    rows = sample(problem)
    given = problem.given[rows]
    if fitted.own_rows is not None:
        soft = fitted.own_rows.soft
        return soft[:] if len(rows) == len(soft) else soft[rows], given
    keep = problem.checkpoints  # what passes over many rows is kept, for a run that is killed here
    return judging_stage(keep, "soft-labels", lambda: {"soft": soft_labels_of(problem, fitted, rows)})["soft"], given


@dataclass(frozen=True)
class RightLabels:
    """Given labels of trusted rows that are right (R of them), by models that never saw the rows.

    Attributes:
        label: `(R,)` the labels.
        by: `(R,)` the model that scored each.
        score: `(R,)` label_score.
        class_weight: `(K,)` what a row of each class weighs.
    """

    label: Codes
    by: Codes
    score: Floats
    class_weight: Floats

    @classmethod
    def of(cls, problem: Problem, found: Calibrated, soft: Probabilities, given: np.ndarray) -> RightLabels:
        """Those of a calibrated fit.

        Args:
            soft: `(n, K)` soft labels of some noisy rows: they say how many of each class are rightly labelled.
            given: `(n,)` the given labels of these.
        """
        asked = found.asked
        own = np.flatnonzero(asked.label == asked.answer)
        own = own[np.unique(asked.row[own], return_index=True)[1]]  # of very many classes a label may be drawn twice
        label = asked.label[own]
        right = np.bincount(given, soft[np.arange(len(given)), given], problem.num_classes).astype(np.float64)
        weights = class_weights(label, right, asked.paired, problem.sampling)
        return cls(label, asked.by[asked.row[own]], np.exp(asked.log_soft[own, label]), weights)


def guarantee_of(problem: Problem, found: Calibrated, right: RightLabels) -> tuple[Probabilities, Guarantee]:
    """p-values of all noisy rows, and what they rest on."""
    asked, held = found.asked, found.fitted.held
    assert held is not None
    labels, weights = right.label, right.class_weight
    weight = weights[labels]
    kept = judging_stage(problem.checkpoints, "scores", partial(_scores, problem, held))
    scores = [kept[name] for name in sorted(kept)]
    counts = np.bincount(labels, minlength=problem.num_classes)
    per_class = bool(asked.paired and problem.sampling in ("per-class", "per-label") and (counts >= MANY).all())
    if per_class:
        p = p_values_per_class(right.score, right.by, labels, scores, problem.given)
        weight = np.ones(len(labels))
        total, smallest = float(counts.max()), 1.0
    else:
        p = p_values(right.score, right.by, weight, scores, np.where(weights > 0, weights, 1.0)[problem.given])
        total, smallest = float(weight.sum()), float(weights[weights > 0].min(initial=1.0))
    weighted = not per_class and not (asked.paired and problem.sampling in ("random", "picked"))
    return p, Guarantee(
        rows=len(labels),
        effective_rows=effective(weight),
        paired=asked.paired,
        weighted=weighted,
        smallest_p=smallest / (total + smallest),
        assumption=assumed_of(problem, found),
        per_class=per_class,
    )


def _scores(problem: Problem, held: Held) -> dict[str, np.ndarray]:
    """Number of a judge → `(N,)` its label_score of all noisy rows."""
    return {f"{k:03d}": found for k, found in enumerate(label_scores(held.models, problem))}


def judges_of(problem: Problem, found: Calibrated, right: RightLabels, guarantee: Guarantee) -> Judges:
    """The judges for rows that come later; arguments as for `guarantee_of`, and its result."""
    asked, held = found.asked, found.fitted.held
    assert held is not None
    paired = asked.row if asked.paired else np.zeros(0, dtype=np.int64)
    spoken = np.bincount(asked.by[paired] if len(paired) else asked.by, minlength=len(held.models))
    correctors, heads = heads_of(held)
    return Judges(
        correctors=correctors,
        heads=heads,
        score=right.score,
        by=right.by,
        label=right.label,
        weight=right.class_weight[right.label],
        class_weight=right.class_weight,
        per_class=guarantee.per_class,
        truth=asked.truth[paired],
        given=asked.given[paired],
        soft=np.exp(asked.log_soft[: len(paired)]).astype(np.float32),
        share=spoken / max(spoken.sum(), 1),
        sampling=problem.sampling,
        guarantee=guarantee.to_json(),
    )


def heads_of(held: Held) -> tuple[tuple[Corrector, ...], tuple[Affine | None, ...]]:
    """The correctors of judging models, and what each reads off h(x); None where that is the run's own classifier."""
    heads = tuple(None if model.head is None else model.head.affine() for model in held.models)
    return tuple(model.corrector for model in held.models), heads


def _basis(problem: Problem, found: Calibrated) -> dict[str, Any]:
    """The basis of the figures: which rows, judged how."""
    asked, held = found.asked, found.fitted.held
    assert held is not None
    own = found.fitted.own_rows
    return {
        "judged_on": {
            "rows": len(asked.truth),
            "trained": len(problem.truth),
            "chosen": int((~problem.judges).sum()),
            "paired": int((asked.given != UNLABELLED).sum()),
            "sampling": problem.sampling,
            "how": held.how,
        },
        "assumption": assumed_of(problem, found),
        "noisy_rows": LEARNED if own is None else own.how,
    }
