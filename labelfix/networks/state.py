"""Where a training stands: what its checkpoints hold.

Checkpoints are taken between windows of the look-ahead, so that no A_t and no earlier gradient is under way; the order
of rows, augmentation and dropout are functions of (seed, epoch, step) and have no state.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from labelfix.compute.checkpoints import Checkpoints, Snapshot, load_optimizer, optimizer_tensors
from labelfix.networks.trainer import Trainer
from labelfix.networks.watch import Tally

History = list[dict[str, float]]


@dataclass
class TrainingState:
    """How far a training has come.

    Attributes:
        step: Steps done of the next one.
        best: `(accuracy, −loss)` on the choosing rows of the best epoch so far; None before the first.
        best_weights: Its networks, by name, where they are kept.
        carried: What a method found before and needs afterwards; plain JSON values.
        phase: Which training of a method this is; its checkpoints are of no use to another.
    """

    epoch: int = 0
    step: int = 0
    history: History = field(default_factory=list)
    best: tuple[float, float] | None = None
    best_epoch: int = 0
    best_weights: dict[str, Tensor] = field(default_factory=dict)
    carried: dict[str, Any] = field(default_factory=dict)
    phase: str = "train"


def save(checkpoints: Checkpoints, course: TrainingState, trainer: Trainer, tally: Tally) -> None:
    """Keep everything that `restore` needs."""
    tensors = network_tensors(trainer)
    tensors |= {f"best.{name}": value for name, value in course.best_weights.items()}
    tensors |= {f"tally.{name}": value for name, value in tally.state().items()}
    tensors |= {f"kept.{name}": value for name, value in trainer.kept().items()}
    values: dict[str, Any] = {
        "phase": course.phase,
        "epoch": course.epoch + 1,
        "step": course.step,
        "steps": trainer.steps,
        "pieces": trainer.memory.pieces,
        "history": course.history,
        "best": course.best,
        "best_epoch": course.best_epoch,
        "carried": course.carried,
    }
    for name, optimizer in trainer.optimizers().items():
        more, described = optimizer_tensors(name, optimizer)
        tensors |= more
        values |= described
    checkpoints.save(tensors, values)


def restore(snapshot: Snapshot, trainer: Trainer, tally: Tally) -> TrainingState:
    """Put trainer and tally where they stood, and say where that was."""
    values = snapshot.values
    load_networks(trainer, snapshot.tensors)
    tally.restore(_under("tally.", snapshot.tensors))
    for name, tensor in trainer.kept().items():
        tensor.copy_(snapshot.tensors[f"kept.{name}"])
    for name, optimizer in trainer.optimizers().items():
        load_optimizer(name, optimizer, snapshot)
    trainer.steps = values["steps"]
    trainer.memory.pieces = values["pieces"]
    trainer.restart_window()
    return TrainingState(
        epoch=values["epoch"] - 1,
        step=values["step"],
        history=values["history"],
        best=None if values["best"] is None else (values["best"][0], values["best"][1]),
        best_epoch=values["best_epoch"],
        best_weights=_under("best.", snapshot.tensors),
        carried=values["carried"],
        phase=values["phase"],
    )


def network_tensors(trainer: Trainer) -> dict[str, Tensor]:
    """Weights and buffers of all networks, by name."""
    return {
        f"{name}.{key}": value.detach()
        for name, network in trainer.networks().items()
        for key, value in network.state_dict().items()
    }


def load_networks(trainer: Trainer, tensors: dict[str, Tensor]) -> None:
    """Put back what `network_tensors` gave."""
    for name, network in trainer.networks().items():
        network.load_state_dict(_under(f"{name}.", tensors))


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
