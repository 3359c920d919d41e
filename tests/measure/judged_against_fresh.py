"""Whether judged figures are those of fresh rows: every method, on rows drawn from a mixture of normal distributions.

    OMP_NUM_THREADS=1 python tests/measure/judged_against_fresh.py [--family head network] [--method mlc …]
        [--draws 40] [--first 0] [--classes 10] [--trusted 100] [--noisy 1000] [--flip 0.4] [--epochs 15] [--unpaired]
        [--set keep_best=true]

A draw is a set of noisy rows, a share of them with the label of the next class, and one of trusted rows. The method is
fitted and judged as a run is (`evidence.calibrate`), and then asked about 20,000 fresh rows with given labels of their
own. Printed are, for the classifier and for corrected labels (accuracy) and soft labels (NLL), the judged figure, that
of fresh rows, and the mean difference with its standard error.

Few rows judge, so a draw's difference is mostly luck: the same rows are also judged by the models of all other draws,
which have learned nothing from them, and their own difference, whose mean is zero, is taken off.
"""

import argparse
import sys
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy.special import log_softmax
from torch import nn

from labelfix.compute.threads import one_thread
from labelfix.correctors.contract import Problem
from labelfix.data.tables import UNLABELLED, Codes
from labelfix.evidence.calibrate import Calibrated, calibrate
from labelfix.methods.table import METHODS
from labelfix.models.classifier import Classifier
from labelfix.models.features import FeatureInputs
from labelfix.networks.loop import network_outputs
from labelfix.progress import Silent
from labelfix.settings.methods import METHOD_SETTINGS

Log = npt.NDArray[np.float64]

WIDTH, HIDDEN, FRESH = 16, 32, 20_000

APART = 4.0
"""Distance of the centres from the middle, in standard deviations."""

Compared = tuple[float, float, float]
"""As judged, on fresh rows, difference."""

FIGURES = "classifier right", "classifier nll", "labels right", "labels nll"


@dataclass(frozen=True)
class World:
    """Where rows come from: a normal distribution a class, labels flipped to the next class.

    Attributes:
        centres: `(K, D)`.
        flip: Share of wrong given labels.
    """

    centres: npt.NDArray[np.float64]
    flip: float

    @classmethod
    def of(cls, classes, flip, apart=APART):
        centres = np.random.default_rng(classes).normal(size=(classes, WIDTH))
        return cls(apart * centres / np.linalg.norm(centres, axis=1, keepdims=True), flip)

    def draw(self, count, generator, equal=False):
        """Features of length about 1, true and given labels; with `equal`, as many rows of each class."""
        truth = generator.integers(0, len(self.centres), count)
        truth = np.arange(count) % len(self.centres) if equal else truth
        rows = self.centres[truth] + generator.normal(size=(count, WIDTH))
        given = np.where(generator.random(count) < self.flip, (truth + 1) % len(self.centres), truth)
        return (rows / self.scale).astype(np.float32), truth, given

    @property
    def scale(self):
        return float(np.sqrt((self.centres**2).sum(axis=1).mean() + WIDTH))


def problem_of(world, family, noisy, trusted, paired, seed, equal=False):
    generator = np.random.default_rng([seed, 2])
    features, _, given = world.draw(noisy, generator)
    clean, truth, own = world.draw(trusted, generator, equal)
    classes = len(world.centres)

    def new_classifier(weights):
        if family == "head":
            return Classifier(nn.Identity(), WIDTH, classes, weights)
        first = nn.utils.skip_init(nn.Linear, WIDTH, HIDDEN)
        with torch.no_grad():
            first.weight.normal_(0, 1.0, generator=weights)
            first.bias.zero_()
        return Classifier(nn.Sequential(first, nn.ReLU()), HIDDEN, classes, weights)

    return Problem(
        noisy=FeatureInputs(features),
        given=given,
        clean=FeatureInputs(clean),
        truth=truth,
        paired_given=own if paired else np.full(trusted, UNLABELLED),
        num_classes=classes,
        sampling="per-class" if equal else "random",
        new_classifier=new_classifier,
        family="head" if family == "head" else "network",
        device=torch.device("cpu"),
        seed=seed,
    )


def fit(problem, method, settings):
    chosen = METHOD_SETTINGS[method](**settings)
    with one_thread(), torch.random.fork_rng():
        torch.manual_seed(problem.seed)
        return METHODS[method](problem, chosen, Silent())


@dataclass(frozen=True)
class Draw:
    """A fit and what judges it; None where nothing does."""

    problem: Problem
    found: Calibrated | None


def draw(problem, method, settings):
    return Draw(problem, calibrate(problem, fit(problem, method, settings)))


def differences(world, draws):
    """Figure → as judged, on fresh rows, and the difference without the luck of the judging rows, of each draw."""
    found = [each.found for each in draws if each.found is not None]
    if len(found) < len(draws):
        return []
    inputs, truth, given = world.draw(FRESH, np.random.default_rng(99))
    everywhere = Questions(inputs, truth, given, np.arange(FRESH), np.ones(FRESH))
    fresh = [everywhere.answered_by(each.fitted) for each in found]
    compared = []
    for number, each in enumerate(draws):
        questions, judged = _judged(each)
        known = [other for other in range(len(draws)) if other != number]
        luck = [questions.answered_by(found[other].fitted) for other in known]
        of_rows = {
            name: np.mean([a[name] - fresh[o][name] for a, o in zip(luck, known, strict=True)]) for name in judged
        }
        own = fresh[number]
        compared.append({n: (judged[n], own[n], float(judged[n] - own[n] - of_rows[n])) for n in judged})
    return compared


@dataclass(frozen=True)
class Questions:
    """Rows, and the given labels that are asked about."""

    features: npt.NDArray[np.float32]
    truth: Codes
    label: Codes
    row: Codes
    weight: Log

    def answered_by(self, fitted):
        rows = np.arange(len(self.features), dtype=np.int64)
        logits, hidden = network_outputs(fitted.classifier, FeatureInputs(self.features), rows, torch.device("cpu"))
        log_f = log_softmax(logits.astype(np.float64) / fitted.temperature, axis=1)
        soft = fitted.corrector.soft_labels(logits[self.row], hidden[self.row], self.label)
        log_soft = np.log(np.maximum(soft.astype(np.float64), 1e-12))
        sure = np.exp(log_soft.max(axis=1)) >= fitted.min_confidence
        corrected = np.where(sure, log_soft.argmax(axis=1), self.label)
        return _figures(log_f, self.truth, corrected, log_soft, self.truth[self.row], self.weight)


def _judged(each):
    found = each.found
    assert found is not None
    assert found.fitted.held is not None
    asked = found.asked
    features = each.problem.clean.batch(found.fitted.held.rows).numpy()
    questions = Questions(features, asked.truth, asked.label, asked.row, asked.weight)
    return questions, _figures(asked.log_f, asked.truth, found.corrected, found.log_soft, asked.answer, asked.weight)


def _figures(log_f, truth, corrected, log_soft, answer, weight):
    values = (
        (log_f.argmax(axis=1) == truth).mean(),
        -log_f[np.arange(len(truth)), truth].mean(),
        np.average(corrected == answer, weights=weight),
        -np.average(log_soft[np.arange(len(answer)), answer], weights=weight),
    )
    return dict(zip(FIGURES, map(float, values), strict=True))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--family", nargs="*", default=["head", "network"], choices=["head", "network"])
    parser.add_argument("--method", nargs="*", default=list(METHODS))
    parser.add_argument("--draws", type=int, default=40)
    parser.add_argument("--first", type=int, default=0, help="seed of the first draw")
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--trusted", type=int, default=100)
    parser.add_argument("--noisy", type=int, default=1000)
    parser.add_argument("--flip", type=float, default=0.4)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--unpaired", action="store_true")
    parser.add_argument("--equal", action="store_true", help="as many trusted rows of each class")
    parser.add_argument("--set", nargs="*", default=[], help="settings of networks, name=true or name=number")
    asked = parser.parse_args()
    settings = {name: _value(text) for name, text in (each.split("=") for each in asked.set)}
    print(" ".join(sys.argv[1:]), flush=True)
    print(f"{'':28}" + "".join(f"{name:>30}" for name in FIGURES))
    world = World.of(asked.classes, asked.flip)
    for family in asked.family:
        for method in asked.method:
            own = {} if family == "head" and method not in TRAINED else {"epochs": asked.epochs, **settings}
            draws = []
            for seed in range(asked.first, asked.first + asked.draws):
                made = problem_of(world, family, asked.noisy, asked.trusted, not asked.unpaired, seed, asked.equal)
                draws.append(draw(made, method, own))
            compared = differences(world, draws)
            print(f"{family + ' ' + method:28}" + _line(compared), flush=True)


TRAINED = "joint-optimization", "mlnt", "l2rw", "meta-weight-net"
"""Methods that are trained in batches on fixed features too."""


def _line(compared):
    if not compared:
        return "  judges nothing"
    parts = []
    for name in FIGURES:
        judged, fresh, apart = np.array([each[name] for each in compared]).T
        error = apart.std(ddof=1) / np.sqrt(len(apart))
        parts.append(f"{judged.mean():9.3f} {fresh.mean():6.3f} {apart.mean():+.3f} ±{error:.3f}")
    return "".join(f"{part:>30}" for part in parts)


def _value(text):
    if text in ("true", "false"):
        return text == "true"
    try:
        return float(text) if "." in text else int(text)
    except ValueError:
        return text


if __name__ == "__main__":
    main()
