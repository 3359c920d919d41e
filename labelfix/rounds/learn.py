"""Rounds: features are learned from the soft labels of a fit, and the fit is made again on them.

    the run on fixed features → soft labels q of the noisy rows
      → the encoder learns q, of the noisy rows alone → new features → the fit on them
    the same once more, where q is of a part of the trusted rows: the others, which no feature has seen, judge it
      → kept is the first fit, the last, or the mean of both

Block-coordinate descent of the paper's objective: the features take the label correction network's labels, and that
network is taught by the trusted rows on top of them.

Legend: N noisy rows, M trusted rows, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from labelfix.compute.checkpoints import Checkpoints
from labelfix.correctors.contract import Problem
from labelfix.data.inputs import inputs_of
from labelfix.data.tables import LabelTable, Probabilities
from labelfix.errors import TrainingError
from labelfix.methods.fit import Fit, fit_problem
from labelfix.models.features import Inputs, select
from labelfix.models.frozen import FrozenFeatures
from labelfix.models.learnt import Place, place_of
from labelfix.progress import Progress
from labelfix.rounds.average import Part, average, geometric_mean
from labelfix.rounds.choice import BOTH, FROZEN, LEARNT, Choice, choose, judged
from labelfix.rounds.features import Lesson, learn, lesson, seconds_ahead, taught
from labelfix.rounds.teachers import refused, taught_rows
from labelfix.settings.methods import MlcSettings
from labelfix.start import Encoded, Start, describe, represent

JUDGED, KEPT = "judged", "kept"
"""Chains of rounds: one whose soft labels are of a part of the trusted rows, so that the others can judge it, and one
whose soft labels are of all, which the first speaks for."""

CHAINS = (JUDGED, KEPT)


@dataclass(frozen=True)
class Learnt:
    """What the rounds came to.

    Attributes:
        figures: Plain values, `rounds` of `metrics.json`.
    """

    encoded: Encoded
    made: Fit
    figures: dict[str, Any]


@dataclass(frozen=True)
class Rounds:
    """Everything that does not change from round to round."""

    start: Start
    frozen: Fit
    encoded: Encoded
    place: Place
    folder: Path
    checkpoints: Checkpoints
    progress: Progress

    @classmethod
    def of(cls, start: Start, frozen: Fit, encoded: Encoded, checkpoints: Checkpoints, progress: Progress) -> Rounds:
        """Rounds that keep their encoders among the checkpoints."""
        place = place_of(start.representation)
        return cls(start, frozen, encoded, place, checkpoints.folder / "encoders", checkpoints, progress)

    @property
    def settings(self) -> MlcSettings:
        """The method's."""
        own = self.start.settings.method_settings
        assert isinstance(own, MlcSettings)
        return own

    def lesson(self, chain: str, number: int) -> Lesson:
        """What the encoder of a chain learns in a round, but for the labels."""
        rows = self._read(self.start.reading.data.noisy)
        problem = replace(self.frozen.problem, checkpoints=self.checkpoints.part(f"learn-{chain}-{number}"))
        return lesson(self.place.encoder, problem, select(rows, self.frozen.noisy.rows), self.settings)

    def problem_on(self, features: FrozenFeatures, chain: str, name: str) -> tuple[Encoded, Problem]:
        """The problem with other features of the same rows."""
        start, frozen = self.start, self.frozen
        described = describe(start.reading.data, features, start.settings, self.progress)
        encoded = represent(start.reading.data, features, start.settings, self.progress)
        problem = replace(
            frozen.problem,
            noisy=select(encoded.noisy, frozen.noisy.rows),
            clean=select(encoded.clean, frozen.clean.rows),
            new_classifier=lambda generator: features.new_classifier(frozen.problem.num_classes, generator),
            checkpoints=self.checkpoints.part(f"{name}-{chain}"),
            described=described,
            taught=taught_rows(frozen.problem) if chain == JUDGED else None,
        )
        return encoded, problem

    def labels(self, last: Fit, chain: str, number: int, task: Lesson) -> Probabilities:
        """`(N, K)` soft labels of the noisy rows: of a fit, or in the judged chain of its part of the trusted rows.

        Of a text half of them are an encoder's that learned the same trusted rows and nothing else.
        """
        model, problem = last.model, last.problem
        own = np.arange(len(problem.truth), dtype=np.int64)
        if chain == JUDGED:
            own = np.flatnonzero(taught_rows(self.frozen.problem)).astype(np.int64)
            part = replace(
                problem,
                clean=select(problem.clean, own),
                truth=problem.truth[own],
                paired_given=problem.paired_given[own],
                paired_opinions=None if problem.paired_opinions is None else problem.paired_opinions.take(own),
                chosen=None if problem.chosen is None else problem.chosen[own],
                taught=None,
                checkpoints=self.checkpoints.part(f"teach-{number}"),
            )
            model = fit_problem(part, self.start.settings, self.progress)
        assert model.own_rows is not None
        soft = model.own_rows.soft[:]
        if not self.has_teacher:
            return soft
        clean = select(self._read(self.start.reading.data.clean), self.frozen.clean.rows[own])
        said = taught(task, clean, problem.truth[own], f"trusted rows, round {number}, {chain}", self.progress)
        return geometric_mean(soft, said)

    @property
    def has_teacher(self) -> bool:
        """Whether an encoder of trusted rows alone has a part in the soft labels: one that was trained before."""
        return self.place.encoder.family == "text"

    def _read(self, table: LabelTable) -> Inputs:
        assert table.inputs is not None
        encoder = self.place.encoder
        return encoder.encode(inputs_of(table.inputs, self.place.spec), self.start.settings.compute, self.progress)

    def run(self) -> Learnt:
        """All rounds, and the choice."""
        fits, done = self.fits()
        if not done:
            return Learnt(*fits[FROZEN], {"chosen": FROZEN, "done": done})
        choice = self.choice(fits)
        self.progress.headline(choice.line)
        return Learnt(*fits[choice.name], {**choice.to_json(), "done": done})

    def choice(self, fits: Mapping[str, tuple[Encoded, Fit]]) -> Choice:
        """Which of the fits is kept, by the trusted rows that no feature of the judged chain has seen."""
        rows = self.frozen.problem.judges & ~taught_rows(self.frozen.problem)
        judging = {name: fit.judged_by or fit for name, (_, fit) in fits.items()}
        return choose({name: judged(fit.problem, fit.model, rows) for name, fit in judging.items()})

    def fits(self) -> tuple[dict[str, tuple[Encoded, Fit]], int]:
        """The fits that there are to choose from, with the rows that each reads; and how many rounds were done."""
        kept, done = (self.encoded, self.frozen), 0
        fits = {FROZEN: kept}
        if why_not := refused(self.frozen.problem):
            self.progress.warn(f"{why_not}; the run on fixed features is kept")
            return fits, done
        last = dict.fromkeys(CHAINS, kept)
        for number in range(1, self.settings.rounds + 1):
            try:
                last = {chain: self.round(fit, chain, number) for chain, (_, fit) in last.items()}
            except TrainingError as error:
                what = f"round {number} of learning features came to nothing"
                self.progress.warn(f"{what} ({error}); what was there before is kept")
                break
            done = number
        if done:
            fits[LEARNT] = _judged(last)
        if done and self.frozen.problem.opinions is None:  # of several sources each fit has a scale of its own
            fits[BOTH] = _judged({chain: self._mean(fit, chain, done) for chain, (_, fit) in last.items()})
        return fits, done

    def round(self, last: Fit, chain: str, number: int) -> tuple[Encoded, Fit]:
        """Learn the soft labels of a fit, and fit again.

        Raises:
            TrainingError: A loss that is not a number.
        """
        task, place = self.lesson(chain, number), self._encoder(chain, number)
        if (chain, number) == (CHAINS[0], 1) and not place.is_dir():
            self.progress.headline(before(task, (1 + self.has_teacher) * len(CHAINS) * self.settings.rounds))
        soft = self.labels(last, chain, number, task)
        learn(task, soft, place, f"features, round {number}, {chain}", self.progress)
        features = self.place.with_learnt(self.place.encoder.kept(place))
        encoded, problem = self.problem_on(features, chain, f"fit-{number}")
        model = fit_problem(problem, self.start.settings, self.progress)
        return encoded, Fit(problem, model, self.frozen.noisy, self.frozen.clean)

    def _encoder(self, chain: str, number: int) -> Path:
        return self.folder / f"{chain}-{number}"

    def _mean(self, last: Fit, chain: str, number: int) -> tuple[Encoded, Fit]:
        """The mean of the fit on fixed features and the last one, on the features of both."""
        views, stay = self.place.beside(self.place.encoder.kept(self._encoder(chain, number))), self.place.stay
        encoded, both = self.problem_on(views, chain, "both")
        ends = np.cumsum([0, *(view.feature_width for view in views.views)])
        *own, learnt = (np.arange(low, high) for low, high in zip(ends, ends[1:], strict=False))
        fixed, columns = np.concatenate(own), np.concatenate([*(own[number] for number in stay), learnt])
        scale = np.concatenate(
            [*(np.full(len(own[view]), share) for view, share in stay.items()), np.ones(len(learnt))]
        )
        first = Part(self.frozen.model, fixed, np.ones(len(fixed)), int(ends[-1]))
        model = average(both, first, Part(last.model, columns, scale, int(ends[-1])))
        return encoded, Fit(both, model, self.frozen.noisy, self.frozen.clean)


def _judged(of: Mapping[str, tuple[Encoded, Fit]]) -> tuple[Encoded, Fit]:
    """The fit that all trusted rows taught, which that of the judged chain speaks for."""
    encoded, fit = of[KEPT]
    return encoded, replace(fit, judged_by=of[JUDGED][1])


def before(task: Lesson, times: int) -> str:
    """What a person should know before encoders learn: how long it takes, what it may bring, and the way out."""
    rows, seconds = len(task.problem.noisy), times * seconds_ahead(task)
    takes = f"{times} times {task.training.plan.epochs} passes over {rows:,} rows, {spent(seconds)}"
    brings = f"; {task.encoder.brings}" if task.encoder.brings else ""
    return f"learning features: {takes}{brings}; Ctrl-C keeps the run on fixed features, which is finished"


def spent(seconds: float) -> str:
    """A time ahead, in words."""
    return f"about {max(round(seconds), 1)} s" if seconds < 100 else f"about {round(seconds / 60)} minutes"
