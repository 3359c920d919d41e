"""The epochs of a training: rows, learning rates, history, checkpoints, the best weights, an early end."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from labelfix.compute.devices import full_precision
from labelfix.compute.ranks import ranks
from labelfix.data.tables import Codes
from labelfix.models.classifier import Classifier
from labelfix.models.network_inputs import lengths
from labelfix.networks import state
from labelfix.networks.feed import Feed
from labelfix.networks.loop import frozen_backbone, learning_rates, network_outputs
from labelfix.networks.plan import Training
from labelfix.networks.run_steps import ALWAYS, FIGURES, EpochRows, StepRunner, draw_rows, from_resident_rows
from labelfix.networks.schedule import learning_rate_factor
from labelfix.networks.state import History, TrainingState
from labelfix.networks.trainer import Trainer
from labelfix.networks.watch import Tally, check


class Epochs:
    """Every epoch passes once over the noisy rows.

    Args:
        redrawn: Whether both clean batches of a step are halves of one, drawn from all trusted rows but the held-out.
        interval: Meta rows are given to every such step.
        resident: Whether to work from rows on the device, in blocks of steps that a CUDA graph can hold. Default: see
            `from_resident_rows`.
    """

    def __init__(
        self,
        training: Training,
        trainer: Trainer,
        redrawn: bool = False,
        interval: int = 1,
        resident: bool | None = None,
    ) -> None:
        self.problem, self.plan, self.settings = training.problem, training.plan, training.settings
        self.split, self.progress, self.trainer, self.redrawn = training.split, training.progress, trainer, redrawn
        problem = self.problem
        self.tally = Tally(FIGURES, ALWAYS, problem.num_classes, problem.device)
        if resident is None:
            resident = from_resident_rows(trainer, problem.device)
        self.runner = StepRunner(
            trainer,
            Feed(problem.noisy, problem.given, problem.device),
            Feed(problem.clean, problem.truth, problem.device),
            problem.seed,
            interval,
            self.tally,
            resident,
            self.progress.say,
        )

    def run(self, course: TrainingState) -> History:
        """Train from where the course stands to the end, and leave the networks there, or at their best.

        Returns:
            A row for every epoch, and for every so many steps where that is asked for.
        """
        total = len(self.problem.noisy)
        self.progress.start("train", total=self.plan.epochs * total)
        self.progress.advance(course.epoch * total + course.step * min(self.plan.batch_size, total))
        try:
            with full_precision(self.problem.device):
                while course.epoch < self.plan.epochs and not self._stopped(course):
                    with frozen_backbone(self.trainer.classifier, self._frozen(course.epoch)):
                        self.trainer.choose_weights()
                        self._epoch(course)
        finally:
            self.runner.close()
        self.trainer.choose_weights()
        self.progress.finish()
        if self.settings.keep_best and course.best_weights:
            state.load_networks(self.trainer, course.best_weights)
            rows = f"{len(self.split.choosing)} held-out trusted rows, which judge nothing"
            self.progress.say(f"the weights are those of epoch {course.best_epoch}, the best on {rows}")
        return course.history

    def _epoch(self, course: TrainingState) -> None:
        rows = self._rows(course.epoch)
        self.runner.begin(rows, course.step)
        self._started, self._rows_seen, watched = time.perf_counter(), 0, course.step
        while count := self.runner.run():
            course.step += count
            seen = count * rows.noisy.shape[1]
            self._rows_seen += seen
            self.progress.advance(seen)
            if course.step == len(rows):
                break
            if self.settings.history_steps and course.step - watched >= self.settings.history_steps:
                watched = course.step
                course.history.append(self._history_row(course, len(rows)))
            if self.problem.checkpoints is not None and self.problem.checkpoints.due():
                state.save(self.problem.checkpoints, course, self.trainer, self.tally)
        row = self._history_row(course, len(rows)) | self._held_out(course)
        course.history.append(row)
        self.trainer.end_epoch(course.epoch)
        course.epoch, course.step = course.epoch + 1, 0
        if self.problem.checkpoints is not None and self.problem.checkpoints.due(epoch_ended=True):
            state.save(self.problem.checkpoints, course, self.trainer, self.tally)
        accuracy = row["held_out_accuracy"]
        self.progress.advance(
            len(self.problem.noisy) - rows.noisy.size,
            epoch=course.epoch,
            **({} if math.isnan(accuracy) else {"held-out accuracy": accuracy}),
        )

    def _rows(self, epoch: int) -> EpochRows:
        noisy, clean, meta = draw_rows(
            len(self.problem.noisy),
            self.split,
            (self.plan.batch_size, self.plan.clean_batch_size),
            self.redrawn,
            self.problem.seed,
            epoch,
            lengths(self.problem.noisy),
        )
        over = (epoch + np.arange(len(noisy)) / len(noisy)) / self.plan.epochs
        factors = [learning_rate_factor(self.settings.schedule, float(at)) for at in over]
        rates = np.array([learning_rates(self.trainer.optimizer, factor) for factor in factors])
        return EpochRows(epoch, noisy, clean, meta, rates)

    def _history_row(self, course: TrainingState, steps: int) -> dict[str, float]:
        """Means over the watched steps since the last row; NaN where there is nothing to say."""
        seen = self.tally.take()
        check(seen, ALWAYS[:2], course.epoch + 1, self.plan.learning_rate, self.trainer.may_collapse)
        device = self.problem.device
        on_gpu = device.type == "cuda"
        groups = self.trainer.optimizer.param_groups
        return {
            "epoch": course.epoch + 1,
            "step": course.epoch * steps + course.step,
            **seen.means,
            "learning_rate": float(groups[0]["lr"]),
            "head_learning_rate": float(groups[-1]["lr"]),
            **{
                f"{name.removesuffix('_optimizer')}_learning_rate": float(optimizer.param_groups[0]["lr"])
                for name, optimizer in self.trainer.optimizers().items()
                if name != "optimizer"
            },
            "rows_per_second": self._rows_seen / max(time.perf_counter() - self._started, 1e-9),
            "device_memory_mb": torch.cuda.max_memory_allocated(device) / 1e6 if on_gpu else math.nan,
            "held_out_accuracy": math.nan,
            "held_out_loss": math.nan,
        }

    def _held_out(self, course: TrainingState) -> dict[str, Any]:
        """The classifier on the held-out rows that judge, and what an observer sees.

        Where an epoch is chosen, other held-out rows choose it: the best of many results on the same rows is too good.
        """
        judging, choosing = self.split.judging, self.split.choosing
        judged = self.trainer.judged()
        observed = {} if self.problem.observe is None else dict(self.problem.observe(judged))
        if len(choosing):
            # Decisions depend on these, so every process must see the same values.
            accuracy, loss = ranks().from_first(self._result(judged, choosing))
            self._remember(course, (accuracy, -loss))
        if len(judging) == 0:
            return observed
        accuracy, loss = self._result(judged, judging)
        return {"held_out_accuracy": accuracy, "held_out_loss": loss} | observed

    def _result(self, judged: Classifier, rows: Codes) -> list[float]:
        logits, _ = network_outputs(judged, self.problem.clean, rows, self.problem.device)
        truth = self.problem.truth[rows]
        accuracy = float((logits.argmax(axis=1) == truth).mean())
        return [accuracy, float(functional.cross_entropy(torch.from_numpy(logits), torch.from_numpy(truth)))]

    def _remember(self, course: TrainingState, result: tuple[float, float]) -> None:
        if course.best is None or result > course.best:
            course.best, course.best_epoch = result, course.epoch + 1
            if self.settings.keep_best:
                found = state.network_tensors(self.trainer)
                course.best_weights = {name: value.to("cpu", copy=True) for name, value in found.items()}

    def _frozen(self, epoch: int) -> bool:
        return epoch + self.plan.warmup_epochs < self.settings.frozen_epochs

    def _stopped(self, course: TrainingState) -> bool:
        patience = self.settings.early_stop
        if patience is None or course.best is None or course.epoch - course.best_epoch < patience:
            return False
        self.progress.say(f"stopped after epoch {course.epoch}: none since {course.best_epoch} was better")
        return True
