"""Meta Label Correction as published (`recipe = paper`): a free LCN trained by the look-ahead meta-gradient.

Source: Zheng, Awadallah and Dumais, Meta Label Correction for Noisy Label Learning, AAAI 2021, Algorithm 1, and
its published code. Departures, each with the setting that takes it back where there is one:

* no double backward: the same gradient by one more forward pass (`derivative`; training/lookahead.py);
* a warm-up (`warmup_epochs = 0`), and temperatures fitted afterwards on trusted rows kept out;
* trusted rows are cut once into train, meta and held-out parts (`clean_split = "redrawn"`): halves redrawn
  from one pool train on every trusted row sooner or later, and then the meta-gradient fades;
* α and w take the same gradient, α's with the labels of the old α, as in the code; Algorithm 1 reads as if w
  used the new one;
* cosine decay (`schedule = "step"`) and k = 1 (`lookahead = 5` in the paper's tables).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from labelfix.correction.base import FittedModel, Problem
from labelfix.correction.quality import share_with_interval
from labelfix.correction.threshold import choose_threshold
from labelfix.correction.transition import Matrix
from labelfix.data.split import CleanSplit, split_clean
from labelfix.data.tables import Codes
from labelfix.errors import TrainingError
from labelfix.methods.mlc.judge import judge
from labelfix.methods.mlc.plan import Plan, make_plan
from labelfix.methods.mlc.step import Labelled, MlcTrainer, StepFigures
from labelfix.methods.mlc.warmup import estimate_transition, learn_given_labels, learn_to_undo
from labelfix.models.classifier import Classifier
from labelfix.models.features import Inputs
from labelfix.models.label_correction_network import LabelCorrectionNetwork
from labelfix.models.trained import to_device
from labelfix.progress import Progress
from labelfix.settings.methods import MlcSettings
from labelfix.training.loop import make_optimizer, outputs, set_learning_rate
from labelfix.training.schedule import batches_of, learning_rate_factor

WATCH_EVERY = 5
"""History averages the figures of about every fifth step, always ones with a meta-gradient."""


def fit(problem: Problem, settings: MlcSettings, progress: Progress) -> FittedModel:
    """Train classifier and LCN together; see the module's docstring.

    Args:
        problem: The data.
        settings: The method's settings.
        progress: Told of every epoch.

    Returns:
        The last epoch's networks with temperatures fitted on trusted rows that were kept out.

    Raises:
        TrainingError: A loss that is not a number.
    """
    plan = make_plan(problem, settings)
    split = split_clean(problem.truth, problem.num_classes, settings.held_out, problem.seed)
    progress.say(split.describe())
    generator = torch.Generator().manual_seed(problem.seed)
    classifier = problem.new_classifier(generator).to(problem.device)
    lcn = LabelCorrectionNetwork(
        classifier.feature_width, problem.num_classes, plan.lcn_hidden, settings.lcn_embedding, settings.skip, generator
    ).to(problem.device)
    optimizer = make_optimizer(
        plan.optimizer,
        classifier.parameters(),
        plan.learning_rate,
        settings.momentum,
        settings.nesterov,
        plan.weight_decay,
    )
    if problem.family == "image":
        classifier.to(memory_format=torch.channels_last)
    classifier.train()
    learn_given_labels(problem, plan, classifier, optimizer, progress)
    transition = estimate_transition(problem, classifier)
    if plan.warmup_epochs:
        learn_to_undo(
            problem,
            split,
            transition,
            classifier,
            lcn,
            settings.warmup_steps,
            plan.clean_batch_size,
        )
    history = _train(problem, plan, settings, split, classifier, lcn, optimizer, progress)
    classifier.to(memory_format=torch.contiguous_format)
    return _finished(problem, plan, split, transition, classifier.eval(), lcn.eval(), history)


def _train(
    problem: Problem,
    plan: Plan,
    settings: MlcSettings,
    split: CleanSplit,
    classifier: Classifier,
    lcn: LabelCorrectionNetwork,
    optimizer: torch.optim.Optimizer,
    progress: Progress,
) -> list[dict[str, float]]:
    """Algorithm 1: every epoch passes once over the noisy rows; one row of history an epoch."""
    trainer = MlcTrainer(
        classifier,
        lcn,
        optimizer,
        torch.optim.Adam(lcn.parameters(), lr=plan.lcn_learning_rate, amsgrad=True, fused=True),
        settings.derivative,
        settings.lookahead,
        seed=None if problem.family in ("head", "network") else problem.seed,
    )
    history: list[dict[str, float]] = []
    watch_every = settings.meta_interval * max(1, WATCH_EVERY // settings.meta_interval)
    progress.start("train", total=plan.epochs * len(problem.noisy))
    meta: Labelled | None = None
    for epoch in range(plan.epochs):
        augment = torch.Generator().manual_seed(problem.seed * 7919 + 2 + epoch)
        noisy, clean, judging = _epoch_batches(problem, plan, settings, split, epoch)
        figures: list[StepFigures] = []
        gammas: list[float] = []
        for i, rows in enumerate(noisy):
            over = (epoch + i / len(noisy)) / plan.epochs
            set_learning_rate(optimizer, plan.learning_rate * learning_rate_factor(settings.schedule, over))
            if meta is None or trainer.steps % settings.lookahead == 0:
                meta = _labelled(problem.clean, problem.truth, judging[i], problem, augment)
            seen = trainer.step(
                _labelled(problem.noisy, problem.given, rows, problem, augment),
                _labelled(problem.clean, problem.truth, clean[i], problem, augment),
                meta if trainer.steps % settings.meta_interval == 0 else None,
                watch=i == 0 or trainer.steps % watch_every == 0,
            )
            if seen is not None:
                figures.append(seen)
            if trainer.gamma is not None:
                gammas.append(trainer.gamma)
            progress.advance(len(rows))
        history.append(_history_row(problem, plan, settings, split, classifier, epoch, figures, gammas, optimizer))
        held_out = history[-1]["held_out_accuracy"]
        progress.advance(
            len(problem.noisy) - sum(map(len, noisy)),
            epoch=epoch + 1,
            **({} if math.isnan(held_out) else {"held-out accuracy": held_out}),
        )
    progress.finish()
    return history


def _epoch_batches(
    problem: Problem, plan: Plan, settings: MlcSettings, split: CleanSplit, epoch: int
) -> tuple[list[Codes], list[Codes], list[Codes]]:
    """The epoch's batches of noisy, clean training and clean meta rows, equally many of each."""
    rows = np.arange(len(problem.noisy), dtype=np.int64)
    noisy = batches_of(rows, plan.batch_size, None, problem.seed, epoch, stream=20)
    size, count = plan.clean_batch_size, len(noisy)
    if settings.clean_split == "redrawn":
        pool = np.concatenate([split.train, split.meta])
        drawn = batches_of(pool, 2 * size, count, problem.seed, epoch, stream=21)
        return noisy, [batch[len(batch) // 2 :] for batch in drawn], [batch[: len(batch) // 2] for batch in drawn]
    clean = batches_of(split.train, size, count, problem.seed, epoch, stream=22)
    return noisy, clean, batches_of(split.meta, size, count, problem.seed, epoch, stream=23)


def _labelled(inputs: Inputs, labels: Codes, rows: Codes, problem: Problem, augment: torch.Generator) -> Labelled:
    batch = to_device(inputs.batch(rows, augment), problem.device)
    return Labelled(batch, torch.from_numpy(labels[rows]).to(problem.device))


def _history_row(
    problem: Problem,
    plan: Plan,
    settings: MlcSettings,
    split: CleanSplit,
    classifier: Classifier,
    epoch: int,
    figures: list[StepFigures],
    gammas: list[float],
    optimizer: torch.optim.Optimizer,
) -> dict[str, float]:
    """One row of `history.parquet`: means over the epoch's steps, NaN where there is nothing to say."""
    row: dict[str, float] = {"epoch": epoch + 1}
    for name in StepFigures.__dataclass_fields__:
        values = torch.stack([getattr(f, name).cpu() for f in figures])
        row[name] = float(values.nanmean())
    if not math.isfinite(row["corrected_loss"]) or not math.isfinite(row["clean_loss"]):
        raise TrainingError(
            f"the loss is no longer a number in epoch {epoch + 1}; "
            f"try --set learning_rate={plan.learning_rate / 10:.3g}"
        )
    row["gamma"] = float(np.mean(gammas)) if gammas else float("nan")
    row["learning_rate"] = float(optimizer.param_groups[0]["lr"])
    row["lcn_learning_rate"] = plan.lcn_learning_rate
    logits, _ = outputs(classifier, problem.clean, split.held_out, problem.device)
    right = logits.argmax(axis=1) == problem.truth[split.held_out]
    row["held_out_accuracy"] = float(right.mean()) if len(right) else float("nan")
    return row


def _finished(
    problem: Problem,
    plan: Plan,
    split: CleanSplit,
    transition: Matrix,
    classifier: Classifier,
    lcn: LabelCorrectionNetwork,
    history: list[dict[str, float]],
) -> FittedModel:
    """Judge what came out and put it together."""
    verdict = judge(problem, split, transition, classifier, lcn)
    logits, _ = outputs(classifier, problem.clean, split.held_out, problem.device)
    hits = int((logits.argmax(axis=1) == problem.truth[split.held_out]).sum())
    metrics: dict[str, Any] = {
        "clean_split": {"train": len(split.train), "meta": len(split.meta), "held_out": len(split.held_out)},
        "recipe": "paper",
        "classifier_right": {"judged_on": "held-out trusted rows"} | share_with_interval(hits, len(split.held_out)),
        "judged_on": {
            "rows": verdict.rows,
            "paired": verdict.paired,
            "given_right": verdict.given_right,
            "corrected_right": verdict.corrected_right,
        },
        "temperature": {"classifier": verdict.temperature, "corrected": verdict.corrector.temperature},
        "transition": transition.tolist(),
        "plan": {name: getattr(plan, name) for name in Plan.__dataclass_fields__},
    }
    return FittedModel(
        classifier=classifier,
        temperature=verdict.temperature,
        corrector=verdict.corrector,
        history=pa.Table.from_pylist(history),
        min_confidence=choose_threshold(len(problem.truth)),
        metrics=metrics,
        warnings=(verdict.collapse,) if verdict.collapse else (),
    )
