"""Rounds: features are learned from the soft labels of a fit, and the fit is made again on them.

    the run on fixed features, by all trusted rows
      → the same by a part of the trusted rows → soft labels q of the noisy rows
      → the encoder learns q, of the noisy rows alone → new features
      → the fit on them by all trusted rows, judged by the others alone
      → kept is the first fit, the last, or the mean of both

Block-coordinate descent of the paper's objective: the features take the label correction network's labels, and that
network is taught by the trusted rows on top of them.

Legend: N noisy rows, M trusted rows, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from labelfix.compute.checkpoints import Checkpoints
from labelfix.correctors.contract import FittedModel, Problem
from labelfix.data.inputs import inputs_of
from labelfix.data.tables import Codes, InputTable, Probabilities
from labelfix.errors import TrainingError
from labelfix.methods.fit import Fit, fit_problem
from labelfix.models.features import select
from labelfix.models.frozen import FrozenFeatures
from labelfix.models.learnt import Place, place_of
from labelfix.models.views import Views
from labelfix.progress import Progress
from labelfix.rounds.average import Part, average
from labelfix.rounds.choice import BOTH, FROZEN, LEARNT, choose, judged
from labelfix.rounds.features import Lesson, learn, lesson, seconds_ahead
from labelfix.rounds.teachers import refused, taught_rows
from labelfix.settings.methods import MlcSettings
from labelfix.start import Encoded, Start, describe, represent


@dataclass(frozen=True)
class Learnt:
    """What the rounds came to.

    Attributes:
        encoded: The rows as the kept fit reads them.
        made: The kept fit.
        figures: Plain values, `rounds` of `metrics.json`.
    """

    encoded: Encoded
    made: Fit
    figures: dict[str, Any]


@dataclass(frozen=True)
class Rounds:
    """Everything that does not change from round to round.

    Attributes:
        start: Inputs and settings.
        frozen: The fit on fixed features.
        encoded: The rows it reads.
        place: What of the representation learns.
        folder: Where encoders go.
        checkpoints: Keeps how far it has come.
        progress: Told what happens.
    """

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

    def lesson(self, number: int) -> Lesson:
        """What the encoder learns in a round, but for the labels."""
        table = self.start.reading.data.noisy.inputs
        assert table is not None
        encoder = self.place.encoder
        rows = encoder.encode(_of_encoder(table, self.place), self.start.settings.compute, self.progress)
        problem = replace(self.frozen.problem, checkpoints=self.checkpoints.part(f"learn-{number}"))
        return lesson(encoder, problem, select(rows, self.frozen.noisy.rows), self.settings)

    def problem_on(self, features: FrozenFeatures, name: str) -> tuple[Encoded, Problem]:
        """The problem with other features of the same rows."""
        start, frozen = self.start, self.frozen
        described = describe(start.reading.data, features, start.settings, self.progress)
        encoded = represent(start.reading.data, features, start.settings, self.progress)
        problem = replace(
            frozen.problem,
            noisy=select(encoded.noisy, frozen.noisy.rows),
            clean=select(encoded.clean, frozen.clean.rows),
            new_classifier=lambda generator: features.new_classifier(frozen.problem.num_classes, generator),
            checkpoints=self.checkpoints.part(name),
            described=described,
            taught=taught_rows(frozen.problem),
        )
        return encoded, problem

    def labels_by_teachers(self, problem: Problem, name: str) -> Probabilities:
        """`(N, K)` soft labels of the noisy rows, by the trusted rows that teach alone."""
        own = np.flatnonzero(taught_rows(self.frozen.problem)).astype(np.int64)
        part = replace(
            problem,
            clean=select(problem.clean, own),
            truth=problem.truth[own],
            paired_given=problem.paired_given[own],
            chosen=None if problem.chosen is None else problem.chosen[own],
            taught=None,
            checkpoints=self.checkpoints.part(name),
        )
        found = fit_problem(part, self.start.settings, self.progress).own_rows
        assert found is not None
        return found.soft

    def run(self) -> Learnt:
        """All rounds, and the choice."""
        fits, done = self.fits()
        if not done:
            return Learnt(*fits[FROZEN], {"chosen": FROZEN, "done": done})
        asked = fits[LEARNT][1].problem
        rows = asked.judges & asked.unseen
        choice = choose({name: judged(fit.problem, fit.model, rows) for name, (_, fit) in fits.items()})
        self.progress.headline(choice.line)
        return Learnt(*fits[choice.name], {**choice.to_json(), "done": done})

    def fits(self) -> tuple[dict[str, tuple[Encoded, Fit]], int]:
        """The fits that there are to choose from, with the rows that each reads; and how many rounds were done."""
        frozen = self.frozen
        fits, last, done = {FROZEN: (self.encoded, frozen)}, frozen.problem, 0
        if why_not := refused(frozen.problem):
            self.progress.warn(f"{why_not}; the run on fixed features is kept")
            return fits, done
        for number in range(1, self.settings.rounds + 1):
            soft = self.labels_by_teachers(last, f"teach-{number}")
            place = self.folder / f"encoder-{number}"
            try:
                task = self.lesson(number)
                if number == 1 and not place.is_dir():
                    self.progress.headline(before(task))
                learn(task, soft, place, f"features, round {number}", self.progress)
            except TrainingError as error:
                what = f"round {number} of learning features came to nothing"
                self.progress.warn(f"{what} ({error}); what was there before is kept")
                break
            learnt = self.place.encoder.kept(place)
            encoded, last = self.problem_on(self.place.with_learnt(learnt), f"fit-{number}")
            model, done = fit_problem(last, self.start.settings, self.progress), number
            fits[LEARNT] = encoded, Fit(last, model, frozen.noisy, frozen.clean)
        if done:
            fits[BOTH] = self._mean(self.place.encoder.kept(self.folder / f"encoder-{done}"), fits[LEARNT][1].model)
        return fits, done

    def _mean(self, learnt: FrozenFeatures, model: FittedModel) -> tuple[Encoded, Fit]:
        """The mean of the fit on fixed features and the last one, on the features of both."""
        views = self.place.with_learnt(learnt, beside=True)
        assert isinstance(views, Views)
        encoded, both = self.problem_on(views, "both")
        widths = np.cumsum([0, *(view.feature_width for view in views.views)])
        blocks = [np.arange(low, high) for low, high in zip(widths, widths[1:], strict=False)]
        own, last = blocks[:-1], blocks[-1]
        fixed = np.concatenate(own)
        if self.place.view is None:
            columns: Codes = np.concatenate([fixed, last])
        else:
            columns = np.concatenate([last if number == self.place.view else block for number, block in enumerate(own)])
        parts = (Part(each, where, int(widths[-1])) for each, where in ((self.frozen.model, fixed), (model, columns)))
        return encoded, Fit(both, average(both, *parts), self.frozen.noisy, self.frozen.clean)


def before(task: Lesson) -> str:
    """What a person should know before an encoder learns: how long it takes, what it may bring, and the way out."""
    takes = f"{task.plan.epochs} passes over {len(task.problem.noisy):,} rows, {spent(seconds_ahead(task))}"
    brings = f"; {task.encoder.brings}" if task.encoder.brings else ""
    return f"learning features: {takes}{brings}; Ctrl-C keeps the run on fixed features, which is finished"


def spent(seconds: float) -> str:
    """A time ahead, in words."""
    return f"about {max(round(seconds), 1)} s" if seconds < 100 else f"about {round(seconds / 60)} minutes"


def _of_encoder(table: InputTable, place: Place) -> InputTable:
    """The columns that the encoder reads."""
    views = place.representation.views if isinstance(place.representation, Views) else (place.representation,)
    return inputs_of(table, views[place.view or 0].spec)
