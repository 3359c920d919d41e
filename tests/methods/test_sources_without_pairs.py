"""Several sources, one of which says nothing of any trusted row, such as a person who answered a queue."""

from dataclasses import replace

import numpy as np
import pytest
from toy_problem import CLASSES, WIDTH
from toy_problem import problem as toy_problem

from labelfix.data.opinions import Opinions
from labelfix.methods.mlc import anchored
from labelfix.models.features import FeatureInputs
from labelfix.progress import Silent
from labelfix.settings.methods import MlcSettings

ROWS, TRUSTED, READ = 900, 60, 80


def problem(seed):
    """Three annotators who go wrong together on hard rows, and a person who reads the 80 rows that look worst."""
    rng = np.random.default_rng(seed)
    every = ROWS + TRUSTED
    truth = rng.integers(0, CLASSES, every)
    features = rng.normal(size=(every, WIDTH)) + 1.6 * np.eye(CLASSES, WIDTH)[truth]
    hard = rng.random(every) < 0.25
    wrong = np.where(hard & (rng.random(every) < 0.8), (truth + 1) % CLASSES, rng.integers(0, CLASSES, every))
    said = [np.where(rng.random(every) < np.where(hard, 0.35, 0.93), truth, wrong) for _ in range(3)]
    votes = np.array([np.bincount([one[row] for one in said], minlength=CLASSES).argmax() for row in range(every)])
    worst = np.argsort(features[np.arange(ROWS), votes[:ROWS]])[:READ]
    read = np.where(rng.random(READ) < 0.97, truth[worst], (truth[worst] + 2) % CLASSES)
    row = np.concatenate([np.tile(np.arange(every), 3), worst])
    source, label = np.concatenate([np.repeat(np.arange(3), every), np.full(READ, 3)]), np.concatenate([*said, read])
    opinions = Opinions.of(every, row, source, label, ("one", "two", "three", "reader"))
    features = (features / np.linalg.norm(features, axis=1, keepdims=True)).astype(np.float32)
    own, trusted = np.arange(ROWS), np.arange(ROWS, every)
    made = replace(
        toy_problem()[0],
        noisy=FeatureInputs(features[own]),
        given=votes[own],
        clean=FeatureInputs(features[trusted]),
        truth=truth[trusted],
        paired_given=votes[trusted],
        opinions=opinions.take(own),
        paired_opinions=opinions.take(trusted),
    )
    return made, truth[worst], worst


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_who_was_not_asked_of_trusted_rows_is_believed_as_others_are(seed):
    made, right, worst = problem(seed)
    fitted = anchored.solve(made, MlcSettings(), Silent())
    assert fitted.metrics["sources"]["weight"][3] > 0.9
    suggested = fitted.own_rows.soft[:].argmax(axis=1)[worst]
    without = replace(made, opinions=_of_three(made.opinions), paired_opinions=_of_three(made.paired_opinions))
    before = anchored.solve(without, MlcSettings(), Silent()).own_rows.soft[:].argmax(axis=1)[worst]
    assert (suggested == right).mean() > (before == right).mean() + 0.03


def _of_three(opinions):
    """The annotators alone."""
    kept = opinions.source < 3
    names = opinions.names[:3]
    return Opinions.of(len(opinions), opinions.row[kept], opinions.source[kept], opinions.label[kept], names)
