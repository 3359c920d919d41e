"""Weights of whole networks: drawn from one generator, and kept as safetensors."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from labelfix.models.head import WEIGHTS
from labelfix.runs.tensors import check_tensors

M = TypeVar("M", bound=nn.Module)


@contextlib.contextmanager
def seeded(generator: torch.Generator) -> Iterator[None]:
    """For libraries that draw initial weights from torch's global generator: seeded here, put back afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(int(torch.randint(0, 2**62, (1,), generator=generator)))
        yield


def write_weights(folder: Path, module: nn.Module) -> None:
    """All parameters and buffers as `model.safetensors`."""
    state = {name: value.detach().cpu().contiguous() for name, value in module.state_dict().items()}
    save_file(state, folder / WEIGHTS)


def read_weights(folder: Path, width: int, num_classes: int, make: Callable[[int, torch.Generator], M]) -> M:
    """A module with a head, filled from `model.safetensors`; it is made once the head is known to be as large."""
    path = folder / WEIGHTS
    check_tensors(path, {"head.weight": (num_classes, width), "head.bias": (num_classes,)}, others=True)
    module = make(num_classes, torch.Generator())
    state = module.state_dict()
    whole = [name for name, value in state.items() if not value.is_floating_point()]
    check_tensors(path, {name: tuple(value.shape) for name, value in state.items()}, whole)
    module.load_state_dict(load_file(path))
    return module
