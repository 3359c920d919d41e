"""Distillation: noisy rows are learned from a mixture of their given label and what the trusted rows' model says.

    s = a classifier of the trusted rows alone
    f learns λ·onehot(y') + (1 − λ)·s(x) on noisy rows, and the trusted rows as they are

Each of the two sources counts by how often it is right: λ = g / (g + a), with a the accuracy of s on trusted rows it
has not seen, and g the mean over the noisy rows of s(x)[y'], which is the share of right given labels as s sees it.

Source: Li, Yang, Song, Cao, Luo and Li, "Learning from Noisy Labels with Distillation", ICCV 2017, where λ follows from
the risk bounds of two detectors; the rule above takes its place. The soft label is λ·onehot(y') + (1 − λ)·P(y | x),
with the classifier in place of s.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import torch

from labelfix.correctors.contract import FittedModel, Problem
from labelfix.correctors.mixture import ConstantWeigher, MixtureCorrector
from labelfix.data.tables import Codes, Probabilities
from labelfix.heads.finished_model import held_by, posterior_model
from labelfix.heads.folds import MORE_FOLDS, cross_fit
from labelfix.heads.rows import load_rows
from labelfix.heads.trusted_only import fit_trusted_only
from labelfix.networks.finished_model import network_model, teaching
from labelfix.networks.loop import network_outputs
from labelfix.networks.soft_target_trainers import TargetsTrainer
from labelfix.networks.training import META_COLUMNS, history_table, new_classifier, plain_training, train_phase
from labelfix.networks.trusted_rows import train_on_trusted
from labelfix.numerics.head_losses import cross_entropy_to
from labelfix.numerics.linear_heads import LinearHead
from labelfix.numerics.softmax import softmax
from labelfix.numerics.temperature import fit_temperature
from labelfix.progress import Progress
from labelfix.settings.methods import DistillationSettings


def solve(problem: Problem, settings: DistillationSettings, progress: Progress) -> FittedModel:
    """Solve it on fixed features; see the module's docstring and `Method`."""
    rows = load_rows(problem, progress, MORE_FOLDS)
    teacher, truth = fit_trusted_only(rows), rows.truth.numpy()
    right, given = teacher.held.argmax(axis=1) == truth, rows.one_hot(rows.given)

    def learn(use: Codes, fold: int | None, start: LinearHead | None) -> LinearHead:
        own = teacher.full if fold is None else teacher.without[fold]
        said = own.log_probabilities(rows.noisy).exp()
        share = _share(settings, said.numpy(), problem.given, float(right[use].mean()))
        shares.append(share)
        return rows.fit(
            cross_entropy_to(*rows.targets(share * given + (1 - share) * said, use)), settings.ridge, start or own
        )

    shares: list[float] = []  # in full, then without each fold
    fitted = cross_fit(learn, rows.folds, rows.clean, truth)
    history = pa.table({"out_of_fold_nll": [fitted.nll(truth)]})
    model = posterior_model(problem, fitted, np.zeros((problem.num_classes,) * 2), history, {"share": shares[0]})
    mixture, *judges = (_mixture(share, 1.0) for share in shares)
    return replace(model, corrector=mixture, held=held_by(fitted, len(problem.truth), judges))


def train_network(problem: Problem, settings: DistillationSettings, progress: Progress) -> FittedModel:
    """Train it end to end; see the module's docstring and `Method`."""
    # The teacher's temperature and accuracy are in every target: rows that choose them cannot judge.
    training = plain_training(problem, settings, progress, choosers=True)
    split = training.split
    teacher, classifier = new_classifier(problem), new_classifier(problem)
    first = train_on_trusted(training, teacher)
    asked = split.choosing if len(split.choosing) else teaching(problem, split)
    of_trusted, _ = network_outputs(teacher, problem.clean, asked, problem.device)
    temperature = fit_temperature(of_trusted, problem.truth[asked])
    accuracy = float((of_trusted.argmax(axis=1) == problem.truth[asked]).mean())
    every = np.arange(len(problem.noisy), dtype=np.int64)
    said = softmax(network_outputs(teacher, problem.noisy, every, problem.device)[0].astype(np.float64) / temperature)
    share = _share(settings, said, problem.given, accuracy)
    targets = (1 - share) * said
    targets[every, problem.given] += share
    learned = torch.from_numpy(targets.astype(np.float32)).to(problem.device)
    second = train_phase(training, classifier, "distillation", TargetsTrainer, targets=learned)
    history = history_table(first, second, without=META_COLUMNS)
    return network_model(
        problem, split, classifier, lambda _, temperature: _mixture(share, temperature), history, {"share": share}
    )


def _share(settings: DistillationSettings, said: Probabilities, given: Codes, accuracy: float) -> float:
    if settings.given_share is not None:
        return settings.given_share
    right = float(said[np.arange(len(given)), given].mean())
    return right / max(right + accuracy, 1e-12)


def _mixture(share: float, temperature: float) -> MixtureCorrector:
    return MixtureCorrector(ConstantWeigher(), 1.0, share, temperature)
