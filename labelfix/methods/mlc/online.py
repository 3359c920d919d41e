"""The anchored recipe for networks that are trained as a whole: the look-ahead with a structured LCN.

    q = softmax(a·log f̄(x) + b·log T0[·, y'] + r(h̄(x), y'))

As on fixed features, the label correction network starts as the posterior of a classifier and the transition matrix of
the trusted rows, and the meta-gradient teaches it how far to trust either and where both are wrong. There the
classifier of the posterior was held in place by the trusted rows and fitted before; here it is f̄, an average of the
classifier that is being trained, so it gets better while its labels do. The implicit meta-gradient needs a convex
problem; here it is the published one-step look-ahead.

In turn: the classifier learns the given labels, T0 is estimated on the trusted rows with it, it learns the trusted
rows, and then all three learn together. f̄ is the classifier of the finished run. After so short a training the
classifier is unsure of itself, and T0 is taken in a way that does not mind (`numerics.recovered_transition`).

Legend: B rows of a batch, K classes.
"""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import torch

from labelfix.compute.devices import full_precision
from labelfix.correctors.contract import FittedModel, Problem
from labelfix.data.arrays import Floats
from labelfix.methods.mlc.paper import (
    FINISHED_WITH,
    TRAINED_WITH,
    Matrices,
    begin,
    finished,
    make_mlc_trainer,
    train_both,
)
from labelfix.methods.mlc.plan import MlcPlan, MlcTraining
from labelfix.methods.mlc.step import MlcTrainer
from labelfix.methods.mlc.warmup import recover_transition
from labelfix.models.structured_correction_network import StructuredCorrectionNetwork
from labelfix.networks.finished_model import may_look, teaching
from labelfix.networks.warmup import learn_given_labels, learn_trusted_rows
from labelfix.networks.weight_average import Average
from labelfix.progress import Progress
from labelfix.settings.methods import MlcSettings

TRUST_LEARNING_RATE = 1e-2
"""Of a and b: two numbers that matter at once, where the residual network has thousands that matter together."""

AVERAGED_EPOCHS, LEAST_AVERAGED = 0.5, 10
"""The average is over about so many epochs, and at least so many steps."""

TRUSTED_SHARE = 0.25
"""Steps on trusted rows at the end of the warm-up, relative to those on noisy ones."""


def train_network(problem: Problem, settings: MlcSettings, progress: Progress) -> FittedModel:
    """Train classifier and LCN together; see the module's docstring.

    Returns:
        The averaged classifier and the LCN with temperatures fitted on trusted rows that were kept out.

    Raises:
        TrainingError: A loss that is not a number, or a collapsed label correction network.
    """
    training, generator, classifier = begin(problem, settings, progress)
    plan = training.plan
    unknown = torch.zeros(problem.num_classes, problem.num_classes)
    lcn = StructuredCorrectionNetwork(
        classifier.feature_width, unknown, plan.lcn_hidden, settings.lcn_embedding, generator
    ).to(problem.device)
    trainer = make_mlc_trainer(training, classifier, lcn)
    trainer.lcn_optimizer = _lcn_optimizer(lcn, plan)
    steps = max(len(problem.noisy) // plan.batch_size, 1)
    trainer.average = average = Average(classifier, 1 - 1 / max(AVERAGED_EPOCHS * steps, LEAST_AVERAGED))
    history, found = train_both(training, trainer, lambda: _warm_up(training, trainer, lcn))
    lcns = [_with_transition(lcn, matrix) for matrix in found[FINISHED_WITH]]
    fitted = finished(training, found, average.classifier, lcns, history, "anchored")
    a, b = lcn.trust.tolist()
    fitted.metrics["trust"] = {"classifier": a, "given_label": b}
    return fitted


def _lcn_optimizer(lcn: StructuredCorrectionNetwork, plan: MlcPlan) -> torch.optim.Optimizer:
    """As for the free network, with a and b faster."""
    groups: list[dict[str, Any]] = [
        {"params": list(lcn.residual.parameters())},
        {"params": [lcn.trust], "lr": max(TRUST_LEARNING_RATE, plan.lcn_learning_rate)},
    ]
    on_gpu = lcn.trust.device.type == "cuda"
    return torch.optim.Adam(groups, lr=plan.lcn_learning_rate, amsgrad=True, fused=True, capturable=on_gpu)


def _warm_up(training: MlcTraining, trainer: MlcTrainer, lcn: StructuredCorrectionNetwork) -> Matrices:
    """A start for the classifier, its average and the LCN; returns T0 for training, and for the finished networks."""
    assert trainer.average is not None
    problem, plan, settings, split = training.problem, training.plan, training.settings, training.split
    with full_precision(problem.device):
        learn_given_labels(training, trainer, settings.frozen_epochs)
        transition, *later = (
            recover_transition(problem, trainer.classifier, rows)
            for rows in (teaching(problem, split), *may_look(problem, split)[0])
        )
        steps = math.ceil(TRUSTED_SHARE * plan.warmup_epochs * max(len(problem.noisy) // plan.batch_size, 1))
        learn_trusted_rows(training, trainer, steps, settings.frozen_epochs > plan.warmup_epochs)
    lcn.log_transition.copy_(torch.from_numpy(np.log(transition)))
    trainer.average.restart(trainer.classifier)
    return {TRAINED_WITH: [transition], FINISHED_WITH: later}


def _with_transition(lcn: StructuredCorrectionNetwork, transition: Floats) -> StructuredCorrectionNetwork:
    """The network with another T0: held-out rows have no part in its training, and need not be lost to its labels."""
    other = copy.deepcopy(lcn)
    other.log_transition.copy_(torch.from_numpy(np.log(transition)))
    return other
