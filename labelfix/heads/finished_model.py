"""Linear heads on fixed features made into whole models: what the simple methods share.

Legend: M trusted rows, K classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch

from labelfix.correctors.contract import Corrector, FittedModel, Held, JudgingModel, Problem
from labelfix.correctors.posterior import PosteriorCorrector
from labelfix.data.tables import Codes, Probabilities
from labelfix.heads.class_ratio import class_ratio, row_weights
from labelfix.heads.folds import CrossFitted, likeliest
from labelfix.models.classifier import Classifier
from labelfix.models.features import Inputs
from labelfix.numerics.linear_heads import LinearHead
from labelfix.numerics.threshold import choose_threshold
from labelfix.numerics.truth_metrics import share_with_interval

TRUSTED_OUT_OF_FOLD = "trusted rows out of fold"


def as_classifier(problem: Problem, head: LinearHead) -> Classifier:
    """A fitted head as the problem's classifier, in evaluation mode and on the problem's device.

    Heads themselves are always fitted on the CPU.
    """
    module = problem.new_classifier(torch.Generator().manual_seed(problem.seed))
    with torch.no_grad():
        module.head.weight.copy_(head.weight)
        module.head.bias.copy_(head.bias)
    return module.to(problem.device).eval()


def right_out_of_fold(problem: Problem, fitted: CrossFitted) -> dict[str, Any]:
    """The share of trusted rows that a head gets right, each judged by a head that had not seen it."""
    asked, weights = problem.judges & problem.unseen, row_weights(problem.truth, class_ratio(problem))
    right = fitted.held.argmax(axis=1)[: len(problem.truth)] == problem.truth
    return {"judged_on": TRUSTED_OUT_OF_FOLD} | share_with_interval(right[asked], weights[asked])


def held_by(
    fitted: CrossFitted,
    rows: int,
    correctors: Sequence[Corrector],
    own_scores: Sequence[npt.NDArray[np.float32]] | None = None,
) -> Held:
    """The heads without each fold as the judges of that fold's rows.

    Args:
        rows: M, not counting stand-ins for classes without trusted rows.
        correctors: One for each fold, which has not seen its rows.
        own_scores: For each fold, as in `JudgingModel`.
    """
    scores = [None] * len(correctors) if own_scores is None else own_scores
    models = tuple(map(judging_head, fitted.without, correctors, scores))
    return Held(np.arange(rows, dtype=np.int64), fitted.by[:rows], models, TRUSTED_OUT_OF_FOLD)


def judging_head(
    head: LinearHead, corrector: Corrector, own_scores: npt.NDArray[np.float32] | None = None
) -> JudgingModel:
    """A head with its corrector as a judge; see `JudgingModel`."""
    return JudgingModel(_outputs_of(head), corrector, own_scores=own_scores, head=head)


def _outputs_of(head: LinearHead) -> Callable[[Inputs, Codes], tuple[Probabilities, Probabilities]]:
    def outputs(inputs: Inputs, rows: Codes) -> tuple[Probabilities, Probabilities]:
        features = inputs.batch(rows)
        return head.logits(features).numpy(), features.numpy()

    return outputs


def best_ridge(candidates: Mapping[float, CrossFitted], truth: Codes) -> tuple[float, CrossFitted, pa.Table]:
    """The r with the best out-of-fold likelihood, its heads (see `likeliest`), and the losses of all candidates.

    Args:
        candidates: r → its heads.
        truth: `(M,)` trusted labels.
    """
    losses = {ridge: fitted.nll(truth) for ridge, fitted in candidates.items()}
    history = pa.table({"ridge": list(losses), "out_of_fold_nll": list(losses.values())})
    best, fitted = likeliest(list(candidates.values()), truth)
    return list(candidates)[best], fitted, history


def posterior_model(
    problem: Problem,
    fitted: CrossFitted,
    label_terms: npt.NDArray[np.float64],
    history: pa.Table,
    metrics: Mapping[str, Any] | None = None,
    without: Sequence[npt.NDArray[np.float64]] | None = None,
) -> FittedModel:
    """A model whose classifier is a head, and whose soft labels are ∝ f(y|x) · exp(label_terms[y, y']).

    Args:
        fitted: The head f.
        label_terms: `(K, K)` log T; zeros where given labels are ignored.
        history: How f was chosen.
        metrics: Figures beside those of the head.
        without: `label_terms` without each fold of the trusted rows; None if they do not depend on trusted rows.
    """
    rows = len(problem.truth)
    nll = float(-fitted.held[np.arange(rows), problem.truth].mean())
    terms = [label_terms] * len(fitted.without) if without is None else without
    return FittedModel(
        classifier=as_classifier(problem, fitted.full),
        temperature=1.0,
        corrector=PosteriorCorrector(label_terms, 1.0, 1.0),
        history=history,
        min_confidence=choose_threshold(rows),
        metrics={
            **(metrics or {}),
            "out_of_fold_nll": {"classifier": nll},
            "classifier_right": right_out_of_fold(problem, fitted),
        },
        held=held_by(fitted, rows, [PosteriorCorrector(of_fold, 1.0, 1.0) for of_fold in terms]),
    )
