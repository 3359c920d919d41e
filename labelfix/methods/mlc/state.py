"""Where a training stands: what its checkpoints hold.

Checkpoints are taken between windows of the look-ahead, so that no A_t and no earlier gradient is under way; the order
of rows, augmentation and dropout are functions of (seed, epoch, step) and have no state.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from labelfix.methods.mlc.step import MlcTrainer
from labelfix.training.checkpoints import Checkpoints, Snapshot, load_optimizer, optimizer_tensors
from labelfix.training.watch import Tally

History = list[dict[str, float]]


@dataclass
class Course:
    """How far a training has come.

    Attributes:
        epoch: Whole epochs done.
        step: Steps done of the next one.
        history: Its rows so far.
        best: `(accuracy, −loss)` on the held-out rows of the best epoch so far; None before the first.
        best_epoch: Which one that was, from 1.
        best_weights: Its networks, by name, where they are kept.
        carried: What a recipe found before and needs afterwards; plain JSON values.
    """

    epoch: int = 0
    step: int = 0
    history: History = field(default_factory=list)
    best: tuple[float, float] | None = None
    best_epoch: int = 0
    best_weights: dict[str, Tensor] = field(default_factory=dict)
    carried: dict[str, Any] = field(default_factory=dict)


def save(checkpoints: Checkpoints, course: Course, trainer: MlcTrainer, tally: Tally) -> None:
    """Keep everything that `restore` needs."""
    tensors = network_tensors(trainer)
    tensors |= {f"best.{name}": value for name, value in course.best_weights.items()}
    tensors |= {f"tally.{name}": value for name, value in tally.state().items()}
    values: dict[str, Any] = {
        "phase": "train",
        "epoch": course.epoch + 1,
        "step": course.step,
        "steps": trainer.steps,
        "pieces": trainer.memory.pieces,
        "history": course.history,
        "best": course.best,
        "best_epoch": course.best_epoch,
        "carried": course.carried,
    }
    for name, optimizer in (("optimizer", trainer.optimizer), ("lcn_optimizer", trainer.lcn_optimizer)):
        more, described = optimizer_tensors(name, optimizer)
        tensors |= more
        values |= described
    checkpoints.save(tensors, values)


def restore(snapshot: Snapshot, trainer: MlcTrainer, tally: Tally) -> Course:
    """Put trainer and tally where they stood, and say where that was."""
    values = snapshot.values
    load_networks(trainer, snapshot.tensors)
    tally.restore(_under("tally.", snapshot.tensors))
    load_optimizer("optimizer", trainer.optimizer, snapshot)
    load_optimizer("lcn_optimizer", trainer.lcn_optimizer, snapshot)
    trainer.steps = values["steps"]
    trainer.memory.pieces = values["pieces"]
    trainer.restart_window()
    return Course(
        epoch=values["epoch"] - 1,
        step=values["step"],
        history=values["history"],
        best=None if values["best"] is None else (values["best"][0], values["best"][1]),
        best_epoch=values["best_epoch"],
        best_weights=_under("best.", snapshot.tensors),
        carried=values["carried"],
    )


def network_tensors(trainer: MlcTrainer) -> dict[str, Tensor]:
    """Weights and buffers of all networks, by name."""
    return {
        f"{name}.{key}": value.detach()
        for name, network in _networks(trainer).items()
        for key, value in network.state_dict().items()
    }


def load_networks(trainer: MlcTrainer, tensors: dict[str, Tensor]) -> None:
    """Put back what `network_tensors` gave."""
    for name, network in _networks(trainer).items():
        network.load_state_dict(_under(f"{name}.", tensors))


def _networks(trainer: MlcTrainer) -> dict[str, torch.nn.Module]:
    networks: dict[str, torch.nn.Module] = {"classifier": trainer.classifier, "lcn": trainer.lcn}
    return networks if trainer.average is None else networks | {"average": trainer.average.classifier}


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
