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

Legend: K classes, T transition matrix (rows = true class).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from labelfix.compute.devices import full_precision
from labelfix.correctors.contract import FittedModel, Problem
from labelfix.data.arrays import Floats
from labelfix.data.split import CleanSplit
from labelfix.methods.mlc.judge import judge_network
from labelfix.methods.mlc.step import MlcTrainer
from labelfix.models.classifier import Classifier
from labelfix.models.label_correction_network import LabelCorrectionNetwork
from labelfix.networks.finished_model import teaching, transition_from
from labelfix.networks.loop import make_lcn_optimizer, network_outputs
from labelfix.networks.plan import Training, TrainingPlan, make_plan
from labelfix.networks.schedule import batches_of
from labelfix.networks.state import History
from labelfix.networks.training import cut_trusted_rows, history_table, learn_given_labels, make_trainer, says, train
from labelfix.numerics.threshold import choose_threshold
from labelfix.progress import Progress
from labelfix.settings.methods import MlcSettings
from labelfix.settings.networks import Family

HIDDEN: dict[Family, int] = {"head": 128, "network": 128, "image": 128, "text": 768}
"""Hidden units of the label correction network; the published code's value where it has one (images)."""

LCN_LEARNING_RATE, LCN_LEARNING_RATE_COLD = 3e-4, 1e-3
"""As published, and for heads and small networks without a warm-up."""

UNDO_LEARNING_RATE = 1e-3
"""Of the LCN while it learns to undo the estimated noise: plain supervised learning, with Adam's usual rate."""


@dataclass(frozen=True)
class MlcPlan(TrainingPlan):
    """What `MlcSettings` leaves open, decided; see there for the meaning of the fields."""

    lcn_hidden: int
    lcn_learning_rate: float


@dataclass(frozen=True)
class MlcTraining(Training):
    """The inputs of a training by MLC."""

    plan: MlcPlan
    settings: MlcSettings


def make_mlc_plan(problem: Problem, settings: MlcSettings) -> MlcPlan:
    """Fill in what the settings leave open."""
    cold = settings.warmup_epochs == 0 and problem.family in ("head", "network")
    return MlcPlan(
        **asdict(make_plan(problem, settings)),
        lcn_hidden=settings.lcn_hidden or HIDDEN[problem.family],
        lcn_learning_rate=settings.lcn_learning_rate or (LCN_LEARNING_RATE_COLD if cold else LCN_LEARNING_RATE),
    )


def train_network(
    problem: Problem, settings: MlcSettings, progress: Progress, kind: type[MlcTrainer] = MlcTrainer
) -> FittedModel:
    """Train classifier and LCN together; see the module's docstring.

    Returns:
        The last epoch's networks, or the best one's, with temperatures fitted on trusted rows that were kept out.

    Raises:
        TrainingError: A loss that is not a number, or a collapsed label correction network.
    """
    split = cut_trusted_rows(problem, settings)
    progress.say(split.describe())
    training = MlcTraining(problem, make_mlc_plan(problem, settings), settings, split, progress)
    generator = torch.Generator().manual_seed(problem.seed)
    classifier = problem.new_classifier(generator).to(problem.device)
    trainer = make_mlc_trainer(training, classifier, _new_lcn(training, classifier, generator), kind)
    course = train(
        training,
        trainer,
        warm_up=lambda: {"transition": _warm_up(training, trainer).tolist()},
        redrawn=settings.clean_split == "redrawn",
        interval=settings.meta_interval,
    )
    return _finished(training, trainer, np.array(course.carried["transition"]), course.history)


def make_mlc_trainer(
    training: MlcTraining, classifier: Classifier, lcn: LabelCorrectionNetwork, kind: type[MlcTrainer] = MlcTrainer
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


def _new_lcn(training: MlcTraining, classifier: Classifier, generator: torch.Generator) -> LabelCorrectionNetwork:
    problem, settings = training.problem, training.settings
    width, hidden = classifier.feature_width, training.plan.lcn_hidden
    lcn = LabelCorrectionNetwork(width, problem.num_classes, hidden, settings.lcn_embedding, settings.skip, generator)
    return lcn.to(problem.device)


def _warm_up(training: MlcTraining, trainer: MlcTrainer) -> Floats:
    """A start for both networks; returns T, in which held-out rows have no part."""
    problem, plan, settings, split = training.problem, training.plan, training.settings, training.split
    with full_precision(problem.device):
        learn_given_labels(training, trainer, settings.frozen_epochs)
        said = says(problem, trainer.classifier, "clean")
        transition = transition_from(problem, said)(teaching(problem, split))
        if plan.warmup_epochs:
            steps, batch_size = settings.warmup_steps, plan.clean_batch_size
            learn_to_undo(problem, split, transition, trainer.classifier, trainer.lcn, steps, batch_size)
    return transition


def _finished(training: MlcTraining, trainer: MlcTrainer, transition: Floats, history: History) -> FittedModel:
    problem, plan, split, classifier = training.problem, training.plan, training.split, trainer.classifier
    classifier.to(memory_format=torch.contiguous_format).eval()
    verdict = judge_network(problem, split, transition, classifier, trainer.lcn.eval())
    corrector = verdict.corrector
    metrics: dict[str, Any] = {
        "clean_split": {"train": len(split.train), "meta": len(split.meta), "held_out": len(split.held_out)},
        "recipe": training.settings.recipe,
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


def learn_to_undo(
    problem: Problem,
    split: CleanSplit,
    transition: Floats,
    classifier: Classifier,
    lcn: LabelCorrectionNetwork,
    steps: int,
    batch_size: int,
) -> None:
    """Train the LCN to name the true class of trusted training rows whose given labels are drawn from T.

    The meta-gradient alone teaches a new LCN slowly: its labels stay near uniform for long.
    """
    _, features = network_outputs(classifier, problem.clean, split.train, problem.device)
    hidden = torch.from_numpy(features).to(problem.device)
    truth = torch.from_numpy(problem.truth[split.train]).to(problem.device)
    optimizer = torch.optim.Adam(lcn.parameters(), lr=UNDO_LEARNING_RATE, amsgrad=True)
    generator = np.random.default_rng([problem.seed, 11])
    cumulative = transition.cumsum(axis=1)[problem.truth[split.train]]
    positions = np.arange(len(truth), dtype=np.int64)
    for rows in batches_of(positions, batch_size, steps, problem.seed, 0, stream=12):
        draw = generator.random((len(rows), 1))
        given = np.minimum((cumulative[rows] < draw).sum(axis=1), problem.num_classes - 1)
        index = torch.from_numpy(rows).to(problem.device)
        soft = lcn(hidden[index], torch.from_numpy(given).to(problem.device)).soft
        optimizer.zero_grad()
        functional.nll_loss(soft.clamp_min(1e-12).log(), truth[index]).backward()
        optimizer.step()
