"""From a problem to a trained network: its trainer, its epochs or what is left of them.

A method that trains several networks in turn gives each training a `phase`; what a finished one leaves to the next is
kept as a stage (`finished_phase`), so that a killed run goes on in the phase it was in.

Legend: M trusted rows, K classes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import torch

from labelfix.compute.ranks import ranks
from labelfix.compute.shared_batch_norm import share_statistics
from labelfix.correctors.contract import Problem
from labelfix.data.split import CleanSplit, split_clean, with_choosers
from labelfix.data.tables import Codes, Probabilities
from labelfix.models.classifier import Classifier
from labelfix.models.images.augment import Key
from labelfix.models.network_inputs import lengths
from labelfix.models.on_device import to_device
from labelfix.networks import state
from labelfix.networks.epochs import Epochs
from labelfix.networks.feed import Feed
from labelfix.networks.loop import frozen_backbone, groups_of, make_optimizer, network_outputs, scale_learning_rates
from labelfix.networks.passes import Memory, draws_masks
from labelfix.networks.plan import Training, make_plan
from labelfix.networks.run_steps import FIGURES, from_resident_rows
from labelfix.networks.schedule import batches_of
from labelfix.networks.state import History, TrainingState
from labelfix.networks.trainer import Trainer
from labelfix.numerics.softmax import softmax
from labelfix.progress import Progress
from labelfix.settings.methods import NetworkSettings

AnyTrainer = TypeVar("AnyTrainer", bound=Trainer)


STREAM = 3
"""The stream of random numbers that augments batches of the warm-up."""


def new_classifier(problem: Problem) -> Classifier:
    """A fresh classifier on the device; the same one every time, so that several phases can start from it."""
    return problem.new_classifier(torch.Generator().manual_seed(problem.seed)).to(problem.device)


def make_trainer(
    training: Training,
    classifier: Classifier,
    kind: type[AnyTrainer],
    **more: Any,  # noqa: ANN401 - the fields of that kind
) -> AnyTrainer:
    """A trainer with the classifier's optimiser; images in the layout that convolutions like."""
    problem, plan, settings = training.problem, training.plan, training.settings
    if problem.family == "image":
        classifier.to(memory_format=torch.channels_last)
    share_statistics(classifier)
    optimizer = make_optimizer(
        plan.optimizer,
        groups_of(classifier, settings.head_learning_rate),
        plan.learning_rate,
        settings.momentum,
        settings.nesterov,
        plan.weight_decay,
    )
    classifier.train()
    probe = to_device(problem.noisy.batch(np.arange(min(2, len(problem.noisy)), dtype=np.int64)), problem.device)
    return kind(
        classifier=classifier,
        optimizer=optimizer,
        seed=problem.seed if draws_masks(classifier, probe) else None,
        precision=problem.precision,
        clip_norm=settings.clip_norm,
        memory=Memory(problem.accumulate, training.progress.warn),
        **more,
    )


def train(
    training: Training,
    trainer: Trainer,
    warm_up: Callable[[], dict[str, Any]] | None = None,
    phase: str = "train",
    redrawn: bool = False,
    interval: int = 1,
) -> TrainingState:
    """The warm-up and all epochs, or what is left of them after an interruption.

    Args:
        warm_up: Gives them a start and returns what it found, as plain values.
        phase: Which training of the method this is.

    Returns:
        The finished course, with its history and what the warm-up found.
    """
    epochs, checkpoints = Epochs(training, trainer, redrawn, interval), training.problem.checkpoints
    snapshot = None if checkpoints is None else checkpoints.latest(phase)
    if snapshot is not None:
        course = state.restore(snapshot, trainer, epochs.tally)
    else:
        course = TrainingState(carried={} if warm_up is None else warm_up(), phase=phase)
        if checkpoints is not None and checkpoints.every:
            state.save(checkpoints, course, trainer, epochs.tally)
    ranks().copy_first(list(state.network_tensors(trainer).values()))
    epochs.run(course)
    return course


def finished_phase(
    problem: Problem, name: str, classifier: Classifier, run: Callable[[], tuple[Mapping[str, np.ndarray], History]]
) -> tuple[dict[str, np.ndarray], History]:
    """Run a phase, or take what it left before an interruption.

    Args:
        run: Trains it, and returns what else the method goes on with, and its history.

    Returns:
        What `run` returned.
    """

    def compute() -> dict[str, np.ndarray]:
        found, history = run()
        weights = {f"classifier.{key}": value.detach().cpu().numpy() for key, value in classifier.state_dict().items()}
        return dict(found) | weights | {"history": np.frombuffer(json.dumps(history).encode(), dtype=np.uint8)}

    arrays = compute() if problem.checkpoints is None else problem.checkpoints.stage(name, compute)
    own = {key.removeprefix("classifier."): a for key, a in arrays.items() if key.startswith("classifier.")}
    classifier.load_state_dict({key: torch.from_numpy(np.array(array)) for key, array in own.items()})
    classifier.to(memory_format=torch.contiguous_format).eval()
    history: History = json.loads(arrays.pop("history").tobytes())
    return {key: array for key, array in arrays.items() if not key.startswith("classifier.")}, history


def says(problem: Problem, classifier: Classifier, of: str, rows: Codes | None = None) -> Probabilities:
    """`(R, K)` P(y | x) of the `noisy` or `clean` rows, or of some of them, by a network without temperature."""
    inputs = problem.clean if of == "clean" else problem.noisy
    rows = np.arange(len(inputs), dtype=np.int64) if rows is None else rows
    return softmax(network_outputs(classifier, inputs, rows, problem.device)[0].astype(np.float64))


def history_table(*phases: History, without: Collection[str] = ()) -> pa.Table:
    """The rows of one or more phases as a table; with several, `phase` counts them from 1.

    Args:
        without: Columns that say nothing of this training.
    """
    rows: list[dict[str, Any]] = []
    for number, history in enumerate(phases, start=1):
        rows += [({"phase": number} if len(phases) > 1 else {}) | row for row in history]
    names = dict.fromkeys(name for row in rows for name in row if name not in without)
    return pa.table({name: [row.get(name) for row in rows] for name in names})


META_COLUMNS = FIGURES[2:]
"""Those of a step's figures that plain training has nothing to say of."""


def train_phase(
    training: Training,
    classifier: Classifier,
    name: str,
    kind: type[Trainer] = Trainer,
    **more: Any,  # noqa: ANN401 - the fields of that kind
) -> History:
    """One training of several: train the classifier, or take the one that was trained before an interruption."""

    def run() -> tuple[Mapping[str, np.ndarray], History]:
        return {}, train(training, make_trainer(training, classifier, kind, **more), phase=name).history

    return finished_phase(training.problem, name, classifier, run)[1]


def cut_trusted_rows(problem: Problem, settings: NetworkSettings, choosers: bool = False) -> CleanSplit:
    """The trusted rows' parts; half of the held-out rows choose where an epoch, or something else, has to be chosen."""
    drawn = problem.seed, problem.sampling
    split = split_clean(problem.truth, problem.num_classes, settings.held_out, *drawn)
    choosers = choosers or settings.keep_best or settings.early_stop is not None
    return with_choosers(split, problem.truth, *drawn) if choosers else split


def plain_training(problem: Problem, settings: NetworkSettings, progress: Progress, choosers: bool = False) -> Training:
    """A training in which nothing is judged: all trusted rows but those held out are free to teach."""
    split = cut_trusted_rows(problem, settings, choosers)
    teaching = np.sort(np.concatenate([split.train, split.meta]))
    split = replace(split, train=teaching, meta=teaching[:0])
    return Training(problem, make_plan(problem, settings), settings, split, progress)


def learn_given_labels(training: Training, trainer: Trainer, frozen_epochs: int) -> None:
    """Train the classifier on the noisy rows as they are, in the first `frozen_epochs` only its head."""
    problem, plan, progress = training.problem, training.plan, training.progress
    rows = np.arange(len(problem.noisy), dtype=np.int64)
    feed = Feed(problem.noisy, problem.given, problem.device)
    resident = feed.resident() if from_resident_rows(trainer, problem.device) else None
    progress.start("warm-up", total=plan.warmup_epochs * len(rows))
    scale_learning_rates(trainer.optimizer, 1.0)
    for epoch in range(plan.warmup_epochs):
        batches = batches_of(
            rows, plan.batch_size, None, problem.seed, epoch, stream=10, lengths=lengths(problem.noisy)
        )
        wanted = ((batch, Key(problem.seed, epoch, step, STREAM)) for step, batch in enumerate(batches))
        with frozen_backbone(trainer.classifier, epoch < frozen_epochs):
            trainer.choose_weights()
            for batch in (resident or feed).batches(wanted):
                trainer.plain_step(batch, None)
                progress.advance(len(batch.labels))
        progress.advance(len(rows) - sum(map(len, batches)))  # an incomplete last batch is left out
    trainer.choose_weights()
    trainer.steps = 0
    progress.finish()
