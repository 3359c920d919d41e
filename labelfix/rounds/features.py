"""An encoder learns from soft labels of noisy rows: no given label, no trusted row.

Another one, which learns trusted rows and is thrown away, has a part in these soft labels (`taught`).

Legend: N noisy rows, K classes.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from labelfix.compute.ranks import ranks
from labelfix.correctors.contract import Problem
from labelfix.data.split import CleanSplit
from labelfix.data.tables import Codes, Probabilities
from labelfix.models.features import Inputs, select
from labelfix.models.images.augment import Key
from labelfix.models.learnt import Trainable
from labelfix.models.network_inputs import lengths
from labelfix.networks.feed import Feed
from labelfix.networks.plan import Training, make_plan
from labelfix.networks.schedule import batches_of
from labelfix.networks.soft_target_trainers import TargetsTrainer
from labelfix.networks.training import make_trainer, new_classifier, says, train_phase
from labelfix.networks.trusted_rows import train_on_trusted
from labelfix.progress import Progress, Silent
from labelfix.runs import atomic_path
from labelfix.settings.methods import MlcSettings
from labelfix.settings.mlc import OF_ROUNDS

LEAST_STEPS, MOST_EPOCHS = 300, 60
"""Small sets of images are gone through more often: until the network has taken about as many steps as the first, or
as many times as the second, after which it only learns them by heart."""

TIMED = 3
"""Steps that are timed for an estimate; the first of them does not count."""


@dataclass(frozen=True)
class Lesson:
    """What an encoder is to learn."""

    encoder: Trainable
    training: Training

    @property
    def problem(self) -> Problem:
        """The noisy rows."""
        return self.training.problem

    @property
    def steps(self) -> int:
        """Steps in all."""
        plan = self.training.plan
        return plan.epochs * max(len(self.problem.noisy) // plan.batch_size, 1)


def lesson(encoder: Trainable, problem: Problem, noisy: Inputs, settings: MlcSettings) -> Lesson:
    """Prepare one.

    Args:
        problem: Of fixed features; gives rows, seed, device and checkpoints.
        noisy: `(N)` its noisy rows as the encoder reads them.
    """
    nobody = np.zeros(0, dtype=np.int64)
    own = replace(
        problem,
        noisy=noisy,
        clean=select(noisy, nobody),
        truth=nobody,
        paired_given=nobody,
        family=encoder.family,
        new_classifier=lambda generator: encoder.new_classifier(problem.num_classes, generator),
        chosen=None,
        taught=None,
        described=None,
    )
    given = {name: getattr(settings, name) for name in OF_ROUNDS if getattr(settings, name) is not None}
    chosen = replace(encoder.learning, **given)
    plan = make_plan(own, chosen)
    plan = replace(plan, batch_size=min(plan.batch_size, max(len(noisy) // 4, 1)))
    if settings.epochs is None and encoder.family == "image":
        steps = max(len(noisy) // plan.batch_size, 1)
        plan = replace(plan, epochs=min(max(plan.epochs, -(-LEAST_STEPS // steps)), MOST_EPOCHS))
    return Lesson(encoder, Training(own, plan, chosen, CleanSplit(nobody, nobody, nobody), Silent()))


def taught(task: Lesson, clean: Inputs, truth: Codes, name: str, progress: Progress) -> Probabilities:
    """`(N, K)` what the encoder says of the noisy rows where it has learned some trusted rows and nothing else.

    Args:
        clean: `(m)` the trusted rows as it reads them.
        truth: `(m,)` their labels.

    Raises:
        TrainingError: A loss that is not a number.
    """
    every, nobody = np.arange(len(truth), dtype=np.int64), np.zeros(0, dtype=np.int64)
    problem, split = replace(task.problem, clean=clean, truth=truth), CleanSplit(every, nobody, nobody)
    classifier = new_classifier(problem)
    train_on_trusted(replace(task.training, problem=problem, split=split, progress=progress), classifier, name)
    return says(task.problem, classifier, "noisy").astype(np.float32)


def learn(task: Lesson, soft: Probabilities, folder: Path, name: str, progress: Progress) -> None:
    """Train the encoder and write it, unless that was done before an interruption.

    Args:
        soft: `(N, K)` the soft labels.
        folder: Where the encoder goes; there is all of it, or nothing.

    Raises:
        TrainingError: A loss that is not a number.
    """
    if folder.is_dir():
        return
    classifier = new_classifier(task.problem)
    targets = torch.from_numpy(np.ascontiguousarray(soft, dtype=np.float32)).to(task.problem.device)
    train_phase(replace(task.training, progress=progress), classifier, name, TargetsTrainer, targets=targets)
    if ranks().first:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(folder) as beside:
            beside.mkdir()
            task.encoder.keep(classifier.cpu(), beside)
    ranks().wait()


def seconds_ahead(task: Lesson) -> float:
    """About how long it will take, from a few steps of a network that is then thrown away."""
    problem = task.problem
    soft = torch.full((len(problem.noisy), problem.num_classes), 1 / problem.num_classes, device=problem.device)
    trainer = make_trainer(task.training, new_classifier(problem), TargetsTrainer, targets=soft)
    rows: Codes = np.arange(len(problem.noisy), dtype=np.int64)
    drawn = batches_of(rows, task.training.plan.batch_size, None, problem.seed, 0, 20, lengths(problem.noisy))[:TIMED]
    wanted = [(each, Key(problem.seed, 0, number)) for number, each in enumerate(drawn)]
    taken: list[float] = []
    for batch in Feed(problem.noisy, problem.given, problem.device).batches(wanted):
        began = time.perf_counter()
        trainer.step(batch, None, None, watch=False)
        if problem.device.type == "cuda":
            torch.cuda.synchronize(problem.device)
        taken.append(time.perf_counter() - began)
    later = taken[1:] or taken
    return task.steps * sum(later) / len(later)
