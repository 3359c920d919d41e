"""What a step of MLC costs, for each way of taking the meta-gradient, beside the plain step on the same rows.

All ways take turns in one process, in an order that is drawn anew every round, so that a slow moment of the machine
hits all of them alike; a ratio is the median over rounds of the ratio within a round. Peak memory is that over the
built networks and batches: on a CPU in a fresh process for each way, on a GPU by its allocator.

Legend: B rows of a batch, K classes.
"""

from __future__ import annotations

import multiprocessing
import statistics
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from time import perf_counter
from typing import Any

import numpy as np
import torch

from labelfix.bench.layout import NOTHING, Grid
from labelfix.bench.memory import peak, resident
from labelfix.bench.reference_steps import Workbench
from labelfix.bench.step_ways import DERIVATIVES, PLAIN, WAYS, StepPlan, build, make_step
from labelfix.compute.cuda_graph import WARM_UP, Replayed
from labelfix.compute.devices import pick_device
from labelfix.networks.passes import draws_masks
from labelfix.progress import Progress

Step = Callable[[], None]

CAPTURED = (PLAIN, *DERIVATIVES)
"""Those that run as CUDA graphs on a GPU, where the network draws no random numbers."""

SECONDS_AT_ONCE = 0.1
"""A measurement repeats its step until the plain one lasts about so long."""


MEMORY_STEPS = 4
"""Steps whose peak is taken."""


@dataclass(frozen=True)
class StepCost:
    """What one way costs.

    Attributes:
        ratio: Median over the rounds of its time over that of the plain step.
        megabytes: Peak memory over that of the built networks and batches; None where it was not taken.
    """

    way: str
    seconds: float
    low: float
    high: float
    ratio: float
    megabytes: float | None
    memory_ratio: float | None


@dataclass(frozen=True)
class StepReport:
    """What was measured, and how.

    Attributes:
        repeats: Steps of each measurement.
        captured: Ways that ran as a CUDA graph.
    """

    plan: StepPlan
    costs: tuple[StepCost, ...]
    rounds: int
    repeats: int
    parameters: int
    device: str
    threads: int
    torch: str
    captured: tuple[str, ...] = ()

    @property
    def gain(self) -> float | None:
        """Double backward over one forward difference: what the look-ahead without a second backward pass saves."""
        times = {cost.way: cost.ratio for cost in self.costs}
        return times["double-backward"] / times["fd1"] if {"double-backward", "fd1"} <= times.keys() else None

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self) | {"double_backward_over_fd1": self.gain}


def measure(plan: StepPlan, progress: Progress) -> StepReport:
    """Time every way of the plan, then take its peak memory."""
    plan = replace(plan, ways=tuple(way for way in WAYS if way == PLAIN or way in plan.ways))
    device = pick_device(plan.device)
    bench = build(plan, device)
    steps = {way: make_step(bench, way) for way in plan.ways}
    # Dropout masks that are functions of the step cannot be drawn in a graph; second backward passes are timed as
    # their users run them.
    graphs = {
        way: _captured(bench, step, progress)
        for way, step in steps.items()
        if way in CAPTURED and not draws_masks(bench.classifier, bench.meta.inputs)
    }
    timed: dict[str, Step] = {**steps, **graphs}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch's own forward mode begins with a deprecated call
        for way in plan.ways:
            _timed(timed[way], 1 + WARM_UP if device.type == "cuda" else 2, device)
    repeats = max(1, round(SECONDS_AT_ONCE / _timed(timed[PLAIN], 1, device)))
    times = _rounds(plan, timed, repeats, device, progress)
    memory = _memory(plan, device, bench, steps, progress) if plan.memory else {}
    return StepReport(
        plan=plan,
        costs=tuple(_cost(way, times, memory) for way in plan.ways),
        rounds=len(times[PLAIN]),
        repeats=repeats,
        parameters=sum(p.numel() for p in bench.classifier.parameters()),
        device=torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        threads=torch.get_num_threads(),
        torch=torch.__version__,
        captured=tuple(way for way, graph in graphs.items() if graph.captured),
    )


def _captured(bench: Workbench, step: Step, progress: Progress) -> Replayed:
    """The step as a CUDA graph, as training runs it; on a CPU the step itself."""

    def forget() -> None:
        bench.optimizer.zero_grad()
        bench.lcn_optimizer.zero_grad()

    return Replayed(step, bench.noisy.labels.device, progress.warn, forget)


def _timed(step: Step, repeats: int, device: torch.device) -> float:
    _wait(device)
    started = perf_counter()
    for _ in range(repeats):
        step()
    _wait(device)
    return (perf_counter() - started) / repeats


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _rounds(
    plan: StepPlan, steps: dict[str, Step], repeats: int, device: torch.device, progress: Progress
) -> dict[str, list[float]]:
    order, started = np.random.default_rng(0), perf_counter()
    times: dict[str, list[float]] = {way: [] for way in steps}
    progress.say(f"{plan.rounds} rounds of {', '.join(steps)}")
    for _ in range(plan.rounds):
        for way in order.permutation(list(steps)).tolist():
            times[way].append(_timed(steps[way], repeats, device))
        if plan.limit is not None and perf_counter() - started > plan.limit:
            break
    return times


def _cost(way: str, times: dict[str, list[float]], memory: dict[str, float]) -> StepCost:
    seconds = times[way]
    ratios = [own / plain for own, plain in zip(seconds, times[PLAIN], strict=True)]
    return StepCost(
        way=way,
        seconds=statistics.median(seconds),
        low=min(seconds),
        high=max(seconds),
        ratio=statistics.median(ratios),
        megabytes=memory.get(way),
        memory_ratio=memory[way] / memory[PLAIN] if way in memory else None,
    )


def _memory(
    plan: StepPlan, device: torch.device, bench: Workbench, steps: dict[str, Step], progress: Progress
) -> dict[str, float]:
    """Peak memory of each way over the built networks and batches, in MB."""
    progress.say("peak memory of each")
    found: dict[str, float] = {}
    for way, step in steps.items():
        found[way] = peak_on_gpu(bench, step, device) if device.type == "cuda" else peak_in_fresh_process(plan, way)
    return found


HEADINGS = ("way", "ms a step", "fastest", "slowest", "× plain", "peak MB", "× plain")


def as_text(report: StepReport) -> str:
    """Aligned columns, with what was measured above and what to make of it below."""
    plan = report.plan
    where = f"{report.device}, {report.threads} threads" if report.device == "cpu" else report.device
    title = (
        f"{plan.backbone}, {report.parameters:,} parameters; {plan.batch} noisy + {plan.clean} clean rows, "
        f"{plan.meta} meta rows; {plan.precision} on {where}; torch {report.torch}\n"
        f"{report.rounds} rounds of {report.repeats} steps each, interleaved and shuffled; medians"
    )
    notes = [f"as CUDA graphs: {', '.join(report.captured)}"] if report.captured else []
    if report.gain is not None:
        notes.append(f"double backward takes {report.gain:.2f} times as long as fd1")
    return Grid(title, HEADINGS, [_cells(cost) for cost in report.costs], 1, notes).text()


def _cells(cost: StepCost) -> tuple[str, ...]:
    return (
        cost.way,
        *(f"{seconds * 1e3:,.1f}" for seconds in (cost.seconds, cost.low, cost.high)),
        f"{cost.ratio:.2f}",
        NOTHING if cost.megabytes is None else f"{cost.megabytes:,.0f}",
        NOTHING if cost.memory_ratio is None else f"{cost.memory_ratio:.2f}",
    )


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
    """Peak of a new process during a few steps, over what it held when everything was built, in MB.

    It has seen no other way: what a process has freed it rarely gives back.
    """
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
