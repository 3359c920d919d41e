"""Meta Label Correction by the published code's procedure as it is (`recipe = published`).

To stand beside published figures; `paper` is the same method with what turned out better. What is taken over:

* 100 noisy rows a step to 50 trusted ones that train and 50 that judge the look-ahead, halves of one batch that is
  drawn anew in every step from all trusted rows: none are held out, and every step of a window is judged by others;
* no warm-up, the learning rate divided by ten at two and at five sixths of 120 epochs, the last epoch's weights;
* γ from g_w on the step's own trusted rows, a pass of its own in every step, and not clamped;
* BatchNorm's running statistics follow all four passes of a step, those over the judging rows included;
* the order of Algorithm 1 as the code has it: w and α take the same gradient, of the labels of the old α.

What is not:

* the gradient's way (no double backward, `derivative`). The code's second backward pass reads w' where autograd kept w,
  because it has put w' in its place; that makes a small difference, which the tests bound;
* windows that run on across epochs: here they begin with the epoch, the same where k divides its steps, as there;
* an epoch chosen on a third draw of trusted rows, and trusted rows that are noisy ones as well;
* a look-ahead of a tenth of the learning rate in the two epochs in which it falls, an oversight.

Source: Zheng, Awadallah and Dumais, Meta Label Correction for Noisy Label Learning, AAAI 2021, and its code,
github.com/microsoft/MLC.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from functools import partial
from typing import ClassVar

from labelfix.correctors.contract import FittedModel, Problem
from labelfix.methods.mlc import paper
from labelfix.methods.mlc.step import MlcTrainer
from labelfix.networks.figures import StepFigures
from labelfix.networks.lookahead import MetaGradient
from labelfix.networks.passes import Labelled
from labelfix.networks.plan import make_plan
from labelfix.progress import Progress
from labelfix.settings.methods import MlcSettings


@dataclass(kw_only=True)
class PublishedTrainer(MlcTrainer):
    """Takes the published code's steps; see the module's docstring."""

    holds_meta: ClassVar[bool] = False
    window: MetaGradient = field(default_factory=partial(MetaGradient, clamped=False))

    def step(
        self, noisy: Labelled, clean: Labelled | None, meta: Labelled | None, watch: bool = True, last: bool = False
    ) -> StepFigures | None:
        """See `Trainer.step`; g_w comes first."""
        if meta is not None:
            self.window.previous = self.clean_gradient(meta)[1].vector
        return super().step(noisy, clean, meta, watch, last)

    def statistics(self) -> contextlib.AbstractContextManager[None]:
        """Passes over meta rows move BatchNorm's running statistics."""
        return contextlib.nullcontext()

    def masks_step(self, which: str) -> int:
        """The meta rows are other ones in every step, and so are their dropout masks."""
        return self.steps


def train_network(problem: Problem, settings: MlcSettings, progress: Progress) -> FittedModel:
    """Train classifier and LCN together, whatever else the settings say; see the module's docstring."""
    procedure = settings.as_published(make_plan(problem, settings).batch_size, problem.family)
    return paper.train_network(problem, procedure, progress, PublishedTrainer)
