"""Meta Label Correction as in the paper (`recipe = paper`): a free LCN trained by the look-ahead meta-gradient.

Source: Zheng, Awadallah and Dumais, Meta Label Correction for Noisy Label Learning, AAAI 2021, Algorithm 1, and
its published code. Departures, each with the setting that takes it back where there is one; `recipe = published` takes
back all but the first and the last two:

* no double backward: the same gradient by one more forward pass (`derivative`; networks/lookahead.py);
* a warm-up (`warmup_epochs = 0`), and temperatures fitted afterwards on trusted rows kept out;
* trusted rows are cut once into train, meta and held-out parts (`clean_split = "redrawn"`, `held_out = 0`): halves
  redrawn from one pool train on every trusted row sooner or later, and then the meta-gradient fades;
* fewer of them a step, on images 16 that train and 16 that judge to 100 noisy rows (`clean_batch_size = 50`);
* the meta batch is held over a window, so that γ takes no pass of its own, and γ is clamped to [0, 1];
* BatchNorm's running statistics follow the real step alone, not the passes over meta rows;
* cosine decay (`schedule = "step"`), ten epochs on images (`epochs = 120`), k = 1 (`lookahead = 5` in its tables);
* windows of the look-ahead begin with the epoch;
* the last epoch's weights, where the code takes those of the best epoch on a third draw of trusted rows (`keep_best`,
  which chooses on half of the held-out rows).

As in the code, α and w take the same gradient, of the labels of the old α; Algorithm 1 reads as if w used the new one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from labelfix.compute.devices import full_precision
from labelfix.correctors.contract import FittedModel, Problem
from labelfix.data.arrays import Floats
from labelfix.methods.mlc.judge import judge_network
from labelfix.methods.mlc.plan import MlcPlan, MlcTraining, make_mlc_plan
from labelfix.methods.mlc.step import MlcTrainer
from labelfix.methods.mlc.warmup import estimate_transition, learn_to_undo
from labelfix.models.classifier import Classifier
from labelfix.models.label_correction_network import LabelCorrectionNetwork
from labelfix.models.structured_correction_network import Lcn
from labelfix.networks.finished_model import may_look, teaching
from labelfix.networks.loop import make_lcn_optimizer
from labelfix.networks.state import History
from labelfix.networks.training import cut_trusted_rows, history_table, make_trainer, train
from labelfix.networks.warmup import learn_given_labels
from labelfix.numerics.threshold import choose_threshold
from labelfix.progress import Progress
from labelfix.settings.methods import MlcSettings

Matrices = Mapping[str, list[Floats]]
"""Name → transition matrices that the warm-up found, which a checkpoint carries."""

TRAINED_WITH, FINISHED_WITH = "transition", "transitions"
"""Their names: T without held-out rows; and T as the rows of each of `may_look` have it."""


def train_network(
    problem: Problem, settings: MlcSettings, progress: Progress, kind: type[MlcTrainer] = MlcTrainer
) -> FittedModel:
    """Train classifier and LCN together; see the module's docstring.

    Returns:
        The last epoch's networks, or the best one's, with temperatures fitted on trusted rows that were kept out.

    Raises:
        TrainingError: A loss that is not a number, or a collapsed label correction network.
    """
    training, generator, classifier = begin(problem, settings, progress)
    width, hidden = classifier.feature_width, training.plan.lcn_hidden
    lcn = LabelCorrectionNetwork(
        width, problem.num_classes, hidden, settings.lcn_embedding, settings.skip, generator
    ).to(problem.device)
    trainer = make_mlc_trainer(training, classifier, lcn, kind)
    history, found = train_both(training, trainer, lambda: _warm_up(training, trainer, lcn))
    lcns = [lcn] * len(may_look(problem, training.split)[0])
    return finished(training, found, classifier, lcns, history, settings.recipe or "paper")


def begin(
    problem: Problem, settings: MlcSettings, progress: Progress
) -> tuple[MlcTraining, torch.Generator, Classifier]:
    """What training a whole network starts from; the generator goes on to draw the LCN's weights."""
    split = cut_trusted_rows(problem, settings)
    progress.say(split.describe())
    generator = torch.Generator().manual_seed(problem.seed)
    training = MlcTraining(problem, make_mlc_plan(problem, settings), settings, split, progress)
    return training, generator, problem.new_classifier(generator).to(problem.device)


def make_mlc_trainer(
    training: MlcTraining, classifier: Classifier, lcn: Lcn, kind: type[MlcTrainer] = MlcTrainer
) -> MlcTrainer:
    """The two networks with their optimisers."""
    return make_trainer(
        training,
        classifier,
        kind,
        lcn=lcn,
        lcn_optimizer=make_lcn_optimizer(lcn, training.plan.lcn_learning_rate),
        derivative=training.settings.derivative,
        lookahead=training.settings.lookahead,
    )


def train_both(training: MlcTraining, trainer: MlcTrainer, warm_up: Callable[[], Matrices]) -> tuple[History, Matrices]:
    """The warm-up and all epochs of Algorithm 1; returns the history and what the warm-up found.

    Raises:
        TrainingError: A loss that is not a number, or a collapsed label correction network.
    """
    course = train(
        training,
        trainer,
        warm_up=lambda: {name: [matrix.tolist() for matrix in found] for name, found in warm_up().items()},
        redrawn=training.settings.clean_split == "redrawn",
        interval=training.settings.meta_interval,
    )
    return course.history, {name: [np.array(matrix) for matrix in found] for name, found in course.carried.items()}


def _warm_up(training: MlcTraining, trainer: MlcTrainer, lcn: LabelCorrectionNetwork) -> Matrices:
    """A start for both networks; returns T."""
    problem, plan, settings, split = training.problem, training.plan, training.settings, training.split
    with full_precision(problem.device):
        learn_given_labels(training, trainer, settings.frozen_epochs)
        transition = estimate_transition(problem, trainer.classifier, teaching(problem, split))
        if plan.warmup_epochs:
            steps, batch_size = settings.warmup_steps, plan.clean_batch_size
            learn_to_undo(problem, split, transition, trainer.classifier, lcn, steps, batch_size)
    return {TRAINED_WITH: [transition]}


def finished(
    training: MlcTraining,
    found: Matrices,
    classifier: Classifier,
    lcns: Sequence[Lcn],
    history: History,
    recipe: str,
) -> FittedModel:
    """Judge what came out and put it together.

    Args:
        lcns: The trained label correction network, as the rows of each of `may_look` have it.
    """
    problem, plan, split = training.problem, training.plan, training.split
    classifier.to(memory_format=torch.contiguous_format).eval()
    for lcn in lcns:
        lcn.eval()
    transition = found[TRAINED_WITH][0]
    verdict = judge_network(problem, split, transition, classifier, lcns)
    corrector = verdict.corrector
    metrics: dict[str, Any] = {
        "clean_split": {"train": len(split.train), "meta": len(split.meta), "held_out": len(split.held_out)},
        "recipe": recipe,
        "classifier_right": verdict.classifier_right,
        "judged_on": {
            "rows": verdict.right.rows,
            "paired": verdict.right.paired,
            "given_right": verdict.right.given,
            "corrected_right": verdict.right.corrected,
        },
        "temperature": {"classifier": corrector.classifier_temperature, "corrected": corrector.temperature},
        "transition": transition.tolist(),
        "plan": {name: getattr(plan, name) for name in MlcPlan.__dataclass_fields__},
    }
    return FittedModel(
        classifier=classifier,
        temperature=corrector.classifier_temperature,
        corrector=corrector,
        history=history_table(history),
        min_confidence=choose_threshold(len(problem.truth)),
        metrics=metrics,
        warnings=(verdict.collapse,) if verdict.collapse else (),
        held=verdict.held,
    )
