"""Every way of training a network, on problems of a few rows, and what is watched meanwhile."""

import contextlib
from dataclasses import dataclass, fields

import pytest
import torch
from separate_device import Traffic, watched
from small_problems import SHORT, small_problem

from labelfix.compute.cuda_graph import Replayed
from labelfix.methods.table import METHODS
from labelfix.networks.run_steps import StepRunner
from labelfix.progress import Silent
from labelfix.settings.methods import METHOD_SETTINGS

ON_A_GPU = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]
"""Marks of a test that needs a GPU."""

PATHS = {
    **{name: (name, {}) for name in METHODS if name not in ("mlc", "confident-learning")},
    "mlc-paper": ("mlc", {"recipe": "paper", "lookahead": 5, "skip": True}),
    "mlc-published": ("mlc", {"recipe": "published", "lookahead": 2}),
    "mlc-adamw": ("mlc", {"recipe": "paper", "optimizer": "adamw", "derivative": "fd2", "clip_norm": 1.0}),
    "meta-weight-net-clean": ("meta-weight-net", {"train_on_clean": True}),
    "forward-finetune": ("forward", {"then_finetune": True}),
}
"""Methods with the settings that make other trainings of them; confident-learning trains by the paths of others."""

IN_EVERY_RUN = {
    "image": tuple(PATHS),
    "network": ("mlc-paper", "l2rw"),
    "photo": ("mlc-paper",),
    "text": ("mlc-paper", "glc"),
}
"""Those that are tried in every run of the tests: all on images, and beside them one for each kind of step."""


def cases():
    """Families and paths; those that the quick suite leaves out are marked slow."""
    found = []
    for family in IN_EVERY_RUN:
        for path in PATHS:
            slow = path not in IN_EVERY_RUN[family]
            found.append(pytest.param(family, path, marks=[pytest.mark.slow] if slow else []))
    return found


def fit(family, path, device, told=None, **more):
    """A method fitted to the family's problem.

    Args:
        family: Of `small_problem`.
        path: Of `PATHS`.
        device: Where it is trained.
        told: A progress.
        more: Settings, and fields of the problem.
    """
    name, options = PATHS[path]
    known = {field.name for field in fields(METHOD_SETTINGS[name])}
    settings = {key: value for key, value in (SHORT | options | more).items() if key in known}
    made = small_problem(family, device, **{key: value for key, value in more.items() if key not in known})
    return METHODS[name](made, METHOD_SETTINGS[name](**settings), told or Silent())


@dataclass
class Block:
    """A block of steps.

    Attributes:
        resident: Whether its rows lay on the device.
        traffic: What went on meanwhile; nothing on a GPU, which raises an error where the host would wait.
    """

    resident: bool
    traffic: Traffic


@contextlib.contextmanager
def watched_blocks(device):
    """Watch every block of steps; on a GPU each wait of the host is an error."""
    blocks: list[Block] = []
    run, capture = StepRunner.run, Replayed._capture

    def watching(self):
        block = Block(self._feeds is not None, Traffic())
        blocks.append(block)
        if device.type == "cuda":
            torch.cuda.set_sync_debug_mode("error")
        try:
            with watched(block.traffic):
                return run(self)
        finally:
            if device.type == "cuda":
                torch.cuda.set_sync_debug_mode("default")

    def unwatched(self, stream):
        torch.cuda.set_sync_debug_mode("default")  # before a capture the device is waited for, once
        capture(self, stream)
        torch.cuda.set_sync_debug_mode("error")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StepRunner, "run", watching)
        patch.setattr(Replayed, "_capture", unwatched)
        yield blocks


def weights_of(*modules):
    """All numbers of some networks as one vector on the CPU."""
    tensors = [value.detach().cpu().double() for each in modules for value in each.state_dict().values()]
    return torch.cat([value.reshape(-1) for value in tensors])
