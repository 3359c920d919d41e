"""From encoded rows to a fitted method: which rows it learns from, in which order, and on what footing."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import numpy as np
import torch

from labelfix.correction.base import Family, FittedModel, OwnRows, Problem
from labelfix.data.tables import Codes, TrainingData
from labelfix.devices import one_thread
from labelfix.methods.table import METHODS
from labelfix.models.features import Inputs, by_content, select
from labelfix.models.representation import Representation
from labelfix.progress import Progress
from labelfix.settings.run import TrainSettings
from labelfix.training.checkpoints import Checkpoints


def fit(
    data: TrainingData,
    representation: Representation,
    inputs: tuple[Inputs, Inputs],
    settings: TrainSettings,
    device: torch.device,
    checkpoints: Checkpoints | None,
    progress: Progress,
) -> FittedModel:
    """Train the method on the labelled noisy rows that are not trusted, and on the trusted ones.

    Both are put in an order of their contents, so that the same rows give the same result in any order and format.

    Args:
        data: What was read.
        representation: What the classifier reads.
        inputs: The N noisy and the M trusted rows, encoded by it.
        settings: The run's settings.
        device: Where to train.
        checkpoints: Where the method keeps how far it has come; None keeps nothing.
        progress: Told what happens.

    Raises:
        TrainingError: Training cannot go on.
    """
    noisy, clean = inputs
    rows = data.noisy_rows
    rows = by_content(noisy, rows, data.noisy.codes[rows])
    trusted = np.arange(len(data.clean), dtype=np.int64)
    trusted = by_content(clean, trusted, data.clean.codes)
    problem = Problem(
        noisy=select(noisy, rows),
        given=data.noisy.codes[rows],
        clean=select(clean, trusted),
        truth=data.clean.codes[trusted],
        paired_given=data.paired_given[trusted],
        num_classes=len(data.classes),
        sampling=data.sampling,
        new_classifier=lambda generator: representation.new_classifier(len(data.classes), generator),
        family=family_of(representation),
        device=device,
        seed=settings.seed,
        checkpoints=checkpoints,
        precision=settings.compute.precision,
        accumulate=settings.compute.accumulate,
    )
    # Libraries draw initial weights from torch's global generator: seed a copy of it, leave the caller's alone.
    threads = one_thread() if problem.family in ("head", "network") else contextlib.nullcontext()
    with threads, torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(settings.seed)
        fitted = METHODS[settings.method](problem, settings.method_settings, progress)
    for warning in fitted.warnings:
        progress.warn(warning)
    return in_file_order(fitted, rows)


def in_file_order(fitted: FittedModel, rows: Codes) -> FittedModel:
    """What a method says of its own rows, from the order they were given in to that of the noisy file."""
    own = fitted.own_rows
    if own is None:
        return fitted
    back = np.argsort(rows)
    return replace(fitted, own_rows=OwnRows(own.soft[back], own.label_score[back]))


def family_of(representation: Representation) -> Family:
    """What is trained; see `Problem.family`."""
    if representation.frozen:
        return "head"
    kind = representation.spec.kind
    return "network" if kind in ("table", "embedding") else "image" if kind == "image" else "text"
