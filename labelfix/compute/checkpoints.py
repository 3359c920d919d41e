"""What a killed run goes on from: states of a training loop, and stages that are computed once.

A checkpoint is a folder of safetensors and JSON, written as everything else (`labelfix.runs.durable`): under its own
name there is never half of one. The last two states are kept, and every stage until the run is done.

    checkpoints/state-00000007/   tensors.safetensors, values.json
    checkpoints/stage-members/    tensors.safetensors, values.json
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from labelfix.compute.ranks import ranks
from labelfix.errors import RunError
from labelfix.progress import Progress, Silent
from labelfix.runs import atomic_path, remove, tidy
from labelfix.settings.interval import CheckpointInterval

KEPT = 2
"""States kept; the one before the newest is there in case the disk lost a part of the newest."""

_TENSORS, _VALUES = "tensors.safetensors", "values.json"


@dataclass(frozen=True)
class Snapshot:
    """A state of training.

    Attributes:
        tensors: Name → tensor, on the CPU.
        values: Everything else, as plain JSON values. Where `phase`, `epoch` or `step` are among them, a resumed run
            names them when it says from where it goes on.
    """

    tensors: dict[str, Tensor]
    values: dict[str, Any]


class Checkpoints:
    """The checkpoints of one run.

    Args:
        folder: Where they lie; made when the first one is written. Whatever an earlier process of the run left half
            written or half removed there is taken away.
        progress: Told from where a run goes on, and of a checkpoint that could not be written.
    """

    def __init__(self, folder: Path, every: CheckpointInterval, progress: Progress | None = None) -> None:
        self.folder = folder
        self.every = every
        self._progress = progress or Silent()
        self._last = time.monotonic()
        self._epochs = 0
        if ranks().first:
            tidy(folder)

    def part(self, name: str) -> Checkpoints:
        """Those of a part of the run, whose states and stages have nothing to do with the others'."""
        return Checkpoints(self.folder / name, self.every, self._progress)

    def due(self, epoch_ended: bool = False) -> bool:
        """Whether a state should be saved now; ask after every step, and at the end of every epoch.

        Args:
            epoch_ended: This is the end of an epoch. Only these calls count for an interval in epochs.
        """
        if epoch_ended:
            self._epochs += 1
        if self.every.epochs:
            return epoch_ended and self._epochs >= self.every.epochs
        return ranks().from_first(0 < self.every.seconds <= time.monotonic() - self._last)

    def save(self, tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> None:
        """Keep a state, and the one before it; older ones go.

        A state with a number that is not finite is not kept, so that the last good one stays. A full disk is warned
        of and does not stop training.

        Args:
            tensors: Name → tensor, on any device.
            values: Plain JSON values.
        """
        if ranks().first and all(bool(torch.isfinite(t).all()) for t in tensors.values() if t.is_floating_point()):
            numbers = self._numbers()
            written = self._write(self._state(max(numbers, default=0) + 1), tensors, values)
            for number in numbers[: -(KEPT - 1)] if written else ():
                with suppress(OSError):
                    remove(self._state(number))
        self._last, self._epochs = time.monotonic(), 0

    def latest(self, phase: str | None = None) -> Snapshot | None:
        """The newest state that can be read, of one phase where it is named; None at a fresh start."""
        for number in reversed(self._numbers()):
            found = _read(self._state(number))
            if found is not None and phase in (None, found.values.get("phase")):
                self._progress.headline(f"going on from checkpoint {number}{_where(found.values)}")
                return found
        return None

    def stage(
        self, name: str, compute: Callable[[], dict[str, np.ndarray]], least: float = 0.0
    ) -> dict[str, np.ndarray]:
        """What a stage computed: now, or in an earlier process of this run.

        Args:
            name: Of the stage; one that can stand in a file's name.
            compute: Computes it; called only where it has not been kept.
            least: Seconds that it must have taken to be kept.
        """
        found = self.recall(name)
        if found is not None:
            self._progress.say(f"{name}: taken from before the interruption")
            return {key: found.tensors[key].clone().numpy() for key in sorted(found.tensors)}
        began = time.monotonic()
        arrays = settled(compute())
        if self.every and ranks().first and time.monotonic() - began >= least:
            self.keep(name, {key: torch.from_numpy(array) for key, array in arrays.items()})
        return arrays

    def keep(self, name: str, tensors: Mapping[str, Tensor]) -> bool:
        """Keep what a stage computed; whether that could be done."""
        return self._write(self.folder / f"stage-{name}", tensors, {})

    def recall(self, name: str) -> Snapshot | None:
        """What was kept of a stage; None where that is nothing, or cannot be read."""
        return _read(self.folder / f"stage-{name}")

    def kept_names(self) -> list[str]:
        """The stages of which something was kept."""
        return [path.name.removeprefix("stage-") for path in self.folder.glob("stage-*")]

    def kept(self) -> Path | None:
        """The newest state's folder, or a stage's where there is no state; None where nothing is kept."""
        numbers = self._numbers()
        if numbers:
            return self._state(numbers[-1])
        return next(iter(sorted(self.folder.glob("stage-*"))), None) if self.folder.is_dir() else None

    def _state(self, number: int) -> Path:
        return self.folder / f"state-{number:08d}"

    def _numbers(self) -> list[int]:
        names = [path.name.removeprefix("state-") for path in self.folder.glob("state-*")]
        return sorted(int(name) for name in names if name.isdecimal())

    def _write(self, folder: Path, tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> bool:
        try:
            with atomic_path(folder, replace=True) as beside:
                beside.mkdir()
                save_file({name: _copied(tensor) for name, tensor in tensors.items()}, beside / _TENSORS)
                (beside / _VALUES).write_text(json.dumps(dict(values)), encoding="utf-8")
        except (RunError, OSError, SafetensorError) as error:
            self._progress.warn(f"a checkpoint could not be written, the run goes on without it ({error})")
            return False
        return True


def settled(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Arrays in the order and the layout of ones read back: sums are then rounded alike, and ties end alike."""
    return {key: _copied(torch.from_numpy(np.array(arrays[key]))).numpy() for key in sorted(arrays)}


def optimizer_tensors(prefix: str, optimizer: torch.optim.Optimizer) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """An optimiser's state for `Checkpoints.save`.

    Args:
        prefix: Put before every name, so that several optimisers fit into one snapshot.

    Returns:
        Tensors and values to be added to the snapshot's.
    """
    state = optimizer.state_dict()
    tensors: dict[str, Tensor] = {}
    rest: dict[str, dict[str, Any]] = {}
    for index, entries in state["state"].items():
        for name, value in entries.items():
            if isinstance(value, Tensor):
                tensors[f"{prefix}.{index}.{name}"] = value
            else:
                rest.setdefault(str(index), {})[name] = value
    groups = [
        {name: value.item() if isinstance(value, Tensor) else value for name, value in group.items()}
        for group in state["param_groups"]
    ]
    return tensors, {prefix: {"groups": groups, "rest": rest}}


def load_optimizer(prefix: str, optimizer: torch.optim.Optimizer, snapshot: Snapshot) -> None:
    """Put an optimiser back into the state it was saved in.

    Args:
        prefix: As given to `optimizer_tensors`.
        optimizer: One of the same kind over the same parameters in the same order.
    """
    saved = snapshot.values[prefix]
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    state: dict[int, dict[str, Any]] = {int(index): dict(entries) for index, entries in saved["rest"].items()}
    for key, tensor in snapshot.tensors.items():
        if key.startswith(f"{prefix}."):
            index, _, name = key.removeprefix(f"{prefix}.").partition(".")
            state.setdefault(int(index), {})[name] = _laid_out(tensor, parameters[int(index)])
    groups = [
        {name: tuple(value) if isinstance(now.get(name), tuple) else value for name, value in group.items()}
        for group, now in zip(saved["groups"], optimizer.param_groups, strict=True)
    ]
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def _laid_out(tensor: Tensor, parameter: Tensor) -> Tensor:
    """A state tensor in its parameter's memory format, as the optimiser made it; others as they are."""
    if tensor.shape != parameter.shape:
        return tensor
    return torch.empty_like(parameter, dtype=tensor.dtype, requires_grad=False).copy_(tensor)


def _copied(tensor: Tensor) -> Tensor:
    """A tensor of its own memory on the CPU; safetensors takes no two that share it."""
    return torch.empty(tensor.shape, dtype=tensor.dtype).copy_(tensor.detach())


def _read(folder: Path) -> Snapshot | None:
    """A checkpoint; None where there is none, or a part of it is lost."""
    try:
        values = json.loads((folder / _VALUES).read_text(encoding="utf-8"))
        return Snapshot(load_file(folder / _TENSORS), values)
    except (OSError, ValueError, SafetensorError):
        return None


def _where(values: Mapping[str, Any]) -> str:
    said = [str(values["phase"])] if "phase" in values else []
    said += [f"{name} {values[name]}" for name in ("epoch", "step") if name in values]
    return f" ({', '.join(said)})" if said else ""
