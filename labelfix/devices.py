"""Which device the work is done on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from threadpoolctl import threadpool_limits

from labelfix.errors import SettingsError


def pick_device(name: str) -> torch.device:
    """The device that a setting names.

    Args:
        name: `auto` (a GPU where torch sees one, else the CPU), `cpu` or `cuda`.

    Raises:
        SettingsError: `cuda` without a GPU, or an unknown name.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cuda" and not torch.cuda.is_available():
        raise SettingsError("device = 'cuda': torch sees no CUDA GPU here; use --device cpu, or auto")
    if name not in ("cpu", "cuda"):
        raise SettingsError(f"device = {name!r} is not one of auto, cpu, cuda")
    return torch.device(name)


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread.

    Heads on fixed features are many small matrix products: a second thread gains little on a free machine, and on a
    busy one each product waits for the slower thread (measured: fifty times slower). One thread also makes the
    result independent of how many there are.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(limits=1):
            yield
    finally:
        torch.set_num_threads(before)
