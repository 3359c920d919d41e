"""Running a plan: what is missing of it, here or in several processes, so that a stopped bench goes on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import torch

from labelfix.bench.grid import Job, pending
from labelfix.bench.measure import Made, Runner
from labelfix.bench.plan import Plan
from labelfix.bench.workers import in_processes
from labelfix.compute.devices import pick_device
from labelfix.errors import RunError, listing
from labelfix.models.images.pixels import cores
from labelfix.progress import Progress
from labelfix.settings.model import ComputeSettings, ModelSettings

ON_GPU = 4 * 2**30
"""Bytes of free GPU memory for every run at once, where their number is left to labelfix."""

NAMED = 5
"""Failed runs that the last message names."""


def run_plan(
    plan: Plan,
    root: Path,
    out: Path,
    model: ModelSettings,
    compute: ComputeSettings,
    progress: Progress,
    only: Sequence[str] = (),
    limit: int | None = None,
    at_once: int | Literal["auto"] = 1,
) -> int:
    """Run what is missing of a plan.

    Args:
        out: The results folder; made if it is not there. Finished runs in it are not repeated.
        model: The backbone that encodes texts and images, where the plan names none.
        only: Names of sets, or of sets under a noise (`ag-news.flip.0.4`), to run; all where none is named.
        at_once: Runs at once, each in a process of its own from 2 on; `auto` takes one a core, on a GPU no more than
            one for every 4 GiB of its free memory.

    Returns:
        How many runs were made.

    Raises:
        InputError: A file or a column is missing.
        SettingsError: `only` names what the plan does not have.
        RunError: The folder holds results of another protocol, backbone or version; or some runs failed, after all
            others were made.
    """
    jobs = pending(plan, root, out, model, only)[:limit]
    if not jobs:
        return 0
    runner = Runner(plan, root, model, compute)
    # Encoded here, once; whoever runs maps the features from the cache.
    for (_, backbone), entry in {(job.data.name, job.backbone): job.data for job in jobs}.items():
        runner.loaded(entry, backbone, progress)
    count = min(runs_at_once(compute) if at_once == "auto" else at_once, len(jobs))
    if count > 1:
        progress.say(f"{count} runs at once")
    made = _made(runner, jobs, count)
    failed: list[str] = []
    progress.start("bench", len(jobs), "runs")
    for outcome in made:
        for warning in outcome.warnings:
            progress.warn(f"{outcome.name}: {warning}")
        if outcome.failure:
            failed.append(outcome.name)
            progress.warn(f"{outcome.name} failed: {outcome.failure}")
        else:
            progress.say(f"{outcome.name}: {outcome.told}")
        progress.advance(1, **({"failed": float(len(failed))} if failed else {}))
    progress.finish()
    if failed:
        order = [job.name for job in jobs]
        failed.sort(key=order.index)  # several processes end in any order
        raise RunError(
            f"{len(failed):,} of {len(jobs):,} runs failed: {listing(failed, NAMED)}; "
            "the others are there, and the same command tries these again"
        )
    return len(jobs)


def runs_at_once(compute: ComputeSettings) -> int:
    """One run a core; on a GPU no more than one for every 4 GiB of its free memory, and at least one."""
    device = pick_device(compute.device)
    if device.type != "cuda":
        return cores()
    free, _ = torch.cuda.mem_get_info(device)
    return max(min(cores(), free // ON_GPU), 1)


def _made(runner: Runner, jobs: list[Job], count: int) -> Iterator[Made]:
    if count > 1:
        return in_processes(runner, jobs, count)
    return (runner.run(job) for job in jobs)
