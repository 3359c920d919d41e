"""From encoded rows to a fitted method: which rows it learns from, in which order, and on what footing."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace

import numpy as np
import torch

from labelfix.compute.checkpoints import Checkpoints
from labelfix.compute.threads import machine_memory, one_thread
from labelfix.correctors.contract import OUT_OF_FOLD, FittedModel, OwnRows, Problem
from labelfix.data.row_order import RowOrder
from labelfix.data.tables import Codes, TrainingData
from labelfix.heads import learners, near_another_head
from labelfix.heads.folds import FOLDS, MORE_FOLDS, cut_folds
from labelfix.heads.rows import NOISY_SAMPLE
from labelfix.heads.stages import stage
from labelfix.methods import confident_learning, forward, mixed
from labelfix.methods.table import METHODS
from labelfix.models.described import Described
from labelfix.models.features import Inputs, select
from labelfix.models.network_inputs import by_content
from labelfix.models.representation import Representation
from labelfix.networks.loop import network_outputs
from labelfix.numerics.linear_heads import SIDE_BY_SIDE
from labelfix.progress import Progress, counted
from labelfix.settings.methods import ConfidentLearningSettings, ForwardSettings
from labelfix.settings.networks import Family
from labelfix.settings.run import TrainSettings


@dataclass(frozen=True)
class Fit:
    """A fitted method, and what it was fitted to.

    Attributes:
        problem: What it learned from, in an order of contents.
        model: What it returned; `own_rows` in the problem's order.
        noisy: Which rows of the noisy table the problem's noisy rows are.
        clean: The same for the trusted table.
        judged_by: The fit whose figures stand for this one's, which no trusted row could judge; None for itself.
    """

    problem: Problem
    model: FittedModel
    noisy: RowOrder
    clean: RowOrder
    judged_by: Fit | None = None


def fit(
    data: TrainingData,
    representation: Representation,
    inputs: tuple[Inputs, Inputs],
    settings: TrainSettings,
    device: torch.device,
    checkpoints: Checkpoints | None,
    progress: Progress,
    described: Described | None = None,
) -> Fit:
    """Train the method on the labelled noisy rows that are not trusted, and on the trusted ones.

    Both are put in an order of their contents, so that the same rows give the same result in any order and format.

    Args:
        inputs: The N noisy and the M trusted rows, encoded by it.
        checkpoints: Where the method keeps how far it has come; None keeps nothing.
        described: `(K, D)` the features of each class's own words.

    Raises:
        TrainingError: Training cannot go on.
    """
    noisy, clean = inputs
    rows = data.noisy_rows
    rows = by_content(noisy, rows, data.noisy.codes[rows])
    trusted = np.arange(len(data.clean), dtype=np.int64)
    trusted = by_content(clean, trusted, data.clean.codes)
    opinions = data.noisy.opinions
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
        chosen=None if data.clean.chosen is None else data.clean.chosen[trusted],
        described=described,
        opinions=None if opinions is None else opinions.take(rows),
        paired_opinions=None if opinions is None else opinions.take(data.clean_in_noisy[trusted]),
    )
    if problem.family == "head":
        _warn_of_memory(problem, progress)
    fitted = fit_problem(problem, settings, progress)
    for warning in fitted.warnings:
        progress.warn(warning)
    return Fit(problem, fitted, RowOrder(rows, len(data.noisy)), RowOrder(trusted, len(data.clean)))


def fit_problem(problem: Problem, settings: TrainSettings, progress: Progress) -> FittedModel:
    """The method on a problem, whose rows are in an order of their contents.

    Args:
        problem: What it learns from.

    Raises:
        TrainingError: Training cannot go on.
    """
    device = problem.device
    # Libraries draw initial weights from torch's global generator: seed a copy of it, leave the caller's alone.
    threads = one_thread() if problem.family in ("head", "network") else contextlib.nullcontext()
    # Networks and the default recipe show their own stages.
    shown = problem.family == "head" and settings.method != "mlc"
    named = f"fit {settings.method}", passes(problem, settings)
    stage_shown = counted(progress, *named) if shown else contextlib.nullcontext()
    with threads, stage_shown, torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(settings.seed)
        fitted = METHODS[settings.method](problem, settings.method_settings, progress)
        if settings.cross_fit:
            fitted = replace(fitted, own_rows=cross_fit(problem, settings, progress))
    return fitted


def _warn_of_memory(problem: Problem, progress: Progress) -> None:
    """Say beforehand where fits on fixed features will need more memory than the machine has."""
    width = int(problem.clean.batch(np.zeros(1, dtype=np.int64)).shape[1])
    trusted = len(problem.truth)
    needed = memory_needed(len(problem.given) + trusted, width, problem.num_classes, trusted)
    there = machine_memory()
    if there is not None and needed > there:
        progress.warn(
            f"{len(problem.given):,} rows of {width:,} numbers and {problem.num_classes:,} classes need up to "
            f"{needed / 1e9:.1f} GB of memory, and this machine has {there / 1e9:.1f} GB: train on fewer rows, or "
            "merge rare classes (--class-map)"
        )


LIBRARIES = 800_000_000
"""Bytes of the process before it holds any row, with what linear algebra and the writing of blocks set aside."""

EACH_CELL, EACH_PAIR = 16, 300
"""Bytes of each row and class: soft labels and leverages of two heads, in single precision. And of each pair of
classes: matrices in double precision, in full and without each fold, and as label terms."""

OF_MANY_CELL, OF_MANY_TRUSTED, OF_MANY_WEIGHT, OF_MANY_PAIR = 2, 36, 200, 50
"""The same of very many classes (`mlc.many_classes`). Of each row and class, soft labels in half precision. Of each
trusted row and class, in single precision, what five heads say out of fold, and the classifier and its labels once more
and nested. Of each weight of a head, ten steps and gradients of a search, and five heads of five folds. Of each pair of
classes, label terms in full and without four folds, in single precision, and what four matrices in double precision
take while one of them is made."""


def memory_needed(rows: int, width: int, classes: int, trusted: int) -> int:
    """Bytes that fits on fixed features need, about: the features are there four times.

    Args:
        rows: Noisy and trusted ones.
        width: Numbers of a row.
        classes: How many.
        trusted: The trusted rows among them.
    """
    held = LIBRARIES + 4 * rows * width * 4
    if classes <= SIDE_BY_SIDE:
        return held + EACH_CELL * rows * classes + EACH_PAIR * classes**2
    of_rows = OF_MANY_CELL * rows + OF_MANY_TRUSTED * trusted
    return held + (of_rows + OF_MANY_WEIGHT * width + OF_MANY_PAIR * classes) * classes


def cross_fit(problem: Problem, settings: TrainSettings, progress: Progress) -> OwnRows:
    """Predictions for noisy rows whose given label was not learned: by the method fitted without each part."""
    folds = cut_folds(problem.given, problem.seed, settings.cross_fit)
    soft = np.empty((len(problem.given), problem.num_classes), dtype=np.float32)
    for fold in range(folds.count):
        inside, outside = folds.inside(fold), folds.outside(fold)
        progress.say(f"cross-fit: part {fold + 1} of {folds.count}")

        def compute(inside: Codes = inside, outside: Codes = outside) -> dict[str, np.ndarray]:
            others = select(problem.noisy, outside), problem.given[outside]
            some = replace(problem, noisy=others[0], given=others[1], checkpoints=None)
            some = replace(some, opinions=problem.opinions_of(outside))
            part = METHODS[settings.method](some, settings.method_settings, progress)
            said = network_outputs(part.classifier, problem.noisy, inside, problem.device)
            return {"soft": part.corrector.soft_labels(*said, problem.given[inside], problem.opinions_of(inside))}

        soft[inside] = stage(problem.checkpoints, f"cross-fit-{fold + 1}", compute)["soft"]
    return OwnRows(soft, soft[np.arange(len(soft)), problem.given], OUT_OF_FOLD.format(parts=folds.count))


def family_of(representation: Representation) -> Family:
    """The family of what is trained; see `Problem.family`."""
    if representation.frozen:
        return "head"
    kind = representation.spec.kind
    return "network" if kind in ("table", "embedding") else "image" if kind == "image" else "text"


def passes(problem: Problem, settings: TrainSettings) -> int | None:
    """About how many rows the fits of a method pass over; see `labelfix.progress.counted`.

    Returns:
        None for methods that train in batches there too: these show epochs.
    """
    noisy, trusted = len(problem.noisy), len(problem.truth)
    every, heads, more = noisy + trusted, FOLDS + 1, MORE_FOLDS + 1
    of_given = 7 * min(noisy, NOISY_SAMPLE)
    moved = len(near_another_head.RIDGES) * heads * trusted
    own = settings.method_settings
    then = moved if isinstance(own, ForwardSettings) and own.then_finetune else 0
    folds = own.folds if isinstance(own, ConfidentLearningSettings) else 0
    found = {
        "glc": 4 * heads * trusted + of_given + len(learners.ridges(problem.num_classes)) * heads * every,
        "bayes": 4 * more * trusted + of_given,
        "clean-only": 4 * more * trusted,
        "noisy-only": of_given + len(mixed.RIDGES) * noisy,
        "mixed": of_given + len(mixed.RIDGES) * more * every,
        "finetune": of_given + moved,
        "distillation": 4 * more * trusted + more * every,
        "forward": of_given + (len(forward.RIDGES) + 1) * every + then,
        "confident-learning": (len(confident_learning.RIDGES) * folds + 1) * every,
    }.get(settings.method)
    return None if found is None else found * max(settings.cross_fit, 1)
