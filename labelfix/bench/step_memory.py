"""Peak memory of a step over the built networks and batches.

On a CPU each way needs a process that has seen no other: what a process has freed it rarely gives back.
"""

from __future__ import annotations

import multiprocessing
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

import torch

from labelfix.bench.memory import peak, resident
from labelfix.bench.reference_steps import Workbench
from labelfix.bench.step_ways import StepPlan, build, make_step

MEMORY_STEPS = 4
"""Steps whose peak is taken."""


def peak_on_gpu(bench: Workbench, step: Callable[[], None], device: torch.device) -> float:
    """Peak of the allocator during a few steps, over what it held before, in MB."""
    bench.optimizer.zero_grad()
    bench.lcn_optimizer.zero_grad()
    before = torch.cuda.memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    for _ in range(MEMORY_STEPS):
        step()
    return (torch.cuda.max_memory_allocated(device) - before) / 1e6


def peak_in_fresh_process(plan: StepPlan, way: str) -> float:
    """Peak of a new process during a few steps, over what it held when everything was built, in MB."""
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=fresh) as pool:
        return pool.submit(peak_memory, plan, way, torch.get_num_threads()).result()


def peak_memory(plan: StepPlan, way: str, threads: int) -> float:
    """What `peak_in_fresh_process` runs there."""
    torch.set_num_threads(threads)
    bench = build(plan, torch.device("cpu"))
    step = make_step(bench, way)
    before = resident()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # as in `measure`
        for _ in range(MEMORY_STEPS):
            step()
    return peak() - before
