"""Plain training on the noisy rows as they are, before a method's own epochs begin."""

from __future__ import annotations

import numpy as np

from labelfix.models.images.augment import Key
from labelfix.models.network_inputs import lengths
from labelfix.networks.feed import Feed
from labelfix.networks.loop import frozen_backbone, scale_learning_rates
from labelfix.networks.plan import Training
from labelfix.networks.run_steps import from_resident_rows
from labelfix.networks.schedule import batches_of
from labelfix.networks.trainer import Trainer

STREAM = 3
"""The stream of random numbers that augments batches of the warm-up."""


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
