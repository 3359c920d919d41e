"""Noisy rows as judges where trusted ones are few: how often a classifier says given labels that it has not learned.

As long as the right label is the likeliest one in every class, the classifier that is right most often also says most
given labels, and of them there are thousands. This fails where noise goes by the rows themselves, as that of rules and
heuristics does: there a classifier says given labels well and is wrong. But one that is right on at least half of the
rows of each class cannot say given labels more often than right ones where noise goes by class. So noisy rows are not
heard where the classifier that says most given labels is right on clearly fewer trusted rows than that.

Source: Chen, Ye, Chen, Zhao and Heng, "Robustness of Accuracy Metric and its Inspirations in Learning with Noisy
Labels", AAAI 2021.

Legend: n noisy rows asked about, R judged trusted rows, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt
import torch
from scipy.special import bdtr

from labelfix.correctors.contract import Held, Problem
from labelfix.data.intervals import effective
from labelfix.data.tables import Codes
from labelfix.evidence.rivals import THIS_RUN, fit_rivals
from labelfix.heads.folds import cut_folds
from labelfix.heads.stages import judging_stage
from labelfix.methods.table import METHODS
from labelfix.models.features import select
from labelfix.networks.loop import network_outputs
from labelfix.progress import Progress, Silent
from labelfix.settings.run import TrainSettings

FEW = 50
"""With fewer judged trusted rows than this, noisy rows judge as well."""

LEAST, MOST = 500, 5_000
"""Fewer noisy rows say too little, and more are not needed."""

KEPT_OUT_PARTS = 4
"""Parts of the noisy rows; each is judged by fits that left it out."""

DOUBT = 0.05
"""Noisy rows are ignored where trusted rows contradict them at this level."""


@dataclass(frozen=True)
class Agreement:
    """How noisy rows judge the fits.

    Attributes:
        hits: Entry → `(n,)` whether it says the given label of a row that it has not learned.
    """

    hits: Mapping[str, npt.NDArray[np.bool_]]

    @property
    def best(self) -> str:
        """The entry that says most of them."""
        return max(self.hits, key=lambda name: float(self.hits[name].mean()))

    def contradicted(self, right: npt.NDArray[np.bool_], weights: npt.NDArray[np.float64]) -> bool:
        """Whether trusted rows contradict noisy ones.

        Args:
            right: `(R,)` whether the best entry is right on trusted rows that it has not seen.
        """
        rows = effective(weights)
        hits = float(np.average(right, weights=weights)) * rows
        return bool(bdtr(np.floor(hits + 1e-9), round(rows), self.hits[self.best].mean()) < DOUBT)


def asks(problem: Problem, held: Held) -> bool:
    """Whether noisy rows judge: trusted ones are few, fits are cheap, and the features have not learned labels."""
    cheap = problem.family == "head" and problem.taught is None
    return len(held.rows) < FEW and len(problem.given) >= LEAST and cheap


def ask_noisy_rows(problem: Problem, held: Held, settings: TrainSettings, progress: Progress) -> Agreement | None:
    """Fit the run's method and its rivals again, each time without a part of the noisy rows, and ask about that part.

    Returns:
        None where trusted rows are enough, noisy ones too few, or whole networks would have to be trained.
    """
    if not asks(problem, held):
        return None
    size = len(problem.given)
    progress.say(f"{len(held.rows)} trusted rows are few: noisy rows that were kept out judge the classifiers too")
    chosen = np.random.default_rng([problem.seed, 43]).permutation(size)[:MOST].astype(np.int64)
    folds = cut_folds(problem.given[chosen], problem.seed, KEPT_OUT_PARTS)
    parts = []
    for fold in range(folds.count):
        inside = chosen[folds.inside(fold)]
        ask = partial(_said, problem, held, settings, chosen[folds.outside(fold)], inside)
        said = judging_stage(problem.checkpoints, f"asked-{fold + 1}", ask)
        parts.append({name: guess == problem.given[inside] for name, guess in said.items()})
    names = [name for name in parts[0] if all(name in part for part in parts)]
    return Agreement({name: np.concatenate([part[name] for part in parts]) for name in names})


def _said(problem: Problem, held: Held, settings: TrainSettings, learn: Codes, asked: Codes) -> dict[str, Codes]:
    """Entry → `(n,)` the class that it says, fitted to some noisy rows, of others."""
    noisy, given = select(problem.noisy, learn), problem.given[learn]
    part = replace(problem, noisy=noisy, given=given, checkpoints=None, observe=None)
    part = replace(part, opinions=problem.opinions_of(learn))
    with torch.random.fork_rng(devices=[problem.device] if problem.device.type == "cuda" else []):
        torch.manual_seed(problem.seed)
        classifier = METHODS[settings.method](part, settings.method_settings, Silent()).classifier
    said = {THIS_RUN: network_outputs(classifier, problem.noisy, asked, problem.device)[0].argmax(axis=1)}
    features = problem.noisy.batch(asked)
    assert isinstance(features, torch.Tensor)
    for rival in fit_rivals(part, held, Silent()):
        assert rival.head is not None
        said[rival.name] = rival.head.logits(features * rival.scale).argmax(dim=1).numpy()
    return said
