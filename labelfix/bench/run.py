"""Running a plan: one Parquet file of one row per run, so that an interrupted bench goes on where it stopped.

Legend: N noisy rows, D features, K classes.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import nn

from labelfix import __version__
from labelfix.bench.load import load, open_entry
from labelfix.bench.memory import peak, resident
from labelfix.bench.plan import DataEntry, MethodEntry, Plan
from labelfix.bench.protocol import Cut, LabelledRows, cut
from labelfix.correction.base import FittedModel, Problem
from labelfix.correction.quality import detection, expected_calibration_error
from labelfix.data.tables import UNLABELLED
from labelfix.devices import one_thread, pick_device
from labelfix.errors import RunError
from labelfix.methods.table import METHODS
from labelfix.models.classifier import Classifier
from labelfix.models.features import FeatureInputs
from labelfix.progress import Progress, Silent
from labelfix.runs import atomic_path, run_id
from labelfix.settings.base import plain
from labelfix.settings.model import ComputeSettings, ModelSettings
from labelfix.training.loop import outputs


@dataclass(frozen=True)
class Job:
    """One run of a plan.

    Attributes:
        data: The set.
        method: The method.
        seed: The seed.
        identity: Hash of everything that decides the result, apart from the versions of other libraries.
        path: Where its row goes.
    """

    data: DataEntry
    method: MethodEntry
    seed: int
    identity: str
    path: Path


def run_plan(
    plan: Plan,
    root: Path,
    out: Path,
    model: ModelSettings,
    compute: ComputeSettings,
    progress: Progress,
    limit: int | None = None,
) -> int:
    """Run what is missing of a plan.

    Args:
        plan: What to measure.
        root: Where the plan's files are.
        out: The results folder; made if it is not there. Finished runs in it are not repeated.
        model: The backbone that encodes texts.
        compute: Device and cache.
        progress: Told of every run.
        limit: At most so many runs this time.

    Returns:
        How many runs were made.

    Raises:
        InputError: A file or a column is missing.
        RunError: The folder holds results of another protocol, backbone or version.
    """
    done = 0
    for entry in plan.data:
        jobs = list(pending(plan, entry, root, out, model))
        jobs = jobs if limit is None else jobs[: limit - done]
        if not jobs:
            continue
        rows = load(entry, root, model, compute, progress)
        for job in jobs:
            found = measure(rows, job, plan, compute)
            write_row(job, found)
            progress.say(f"{job.data.name} {job.method.name} seed {job.seed}: {_told(found)}")
        done += len(jobs)
    return done


def pending(plan: Plan, entry: DataEntry, root: Path, out: Path, model: ModelSettings) -> Iterator[Job]:
    """The runs of a set that have no finished row yet.

    Raises:
        RunError: A row is there that was made by another protocol, backbone or version.
    """
    source, test_source = open_entry(entry, root)
    contents = [s.content_hash() for s in (source, test_source) if s is not None]
    backbone = "none" if entry.embedding_column else model.backbone
    for method in plan.methods:
        settled = {
            "data": {k: v for k, v in _plain(entry).items() if k not in ("files", "test_files", "groups")},
            "method": {"method": method.method, "paired": method.paired, "settings": plain(method.settings)},
            "protocol": plan.protocol(),
            "backbone": backbone,
            "version": __version__,
        }
        for seed in plan.seeds:
            path = out / f"{entry.name}.{method.name}.{seed}.parquet"
            job = Job(entry, method, seed, run_id(settled, contents, seed), path)
            if not path.exists():
                yield job
            elif pq.read_table(path, columns=["identity"])["identity"][0].as_py() != job.identity:
                raise RunError(
                    f"{path}: holds a run of another protocol, backbone, data or version of labelfix; "
                    "choose another --out, or delete it"
                )


def measure(rows: LabelledRows, job: Job, plan: Plan, compute: ComputeSettings) -> dict[str, Any]:
    """Make one run.

    Args:
        rows: The set, encoded.
        job: The run.
        plan: Says how rows are cut.
        compute: The device.

    Returns:
        A row of results: shares in [0, 1], seconds of the fit and of the processor, peak memory of the process;
        `auroc` and `average_precision` are None where all labels are right or all wrong.
    """
    part = cut(rows, job.data, plan, job.seed)
    problem = as_problem(rows, part, job.method.paired, job.seed, compute)
    resident()
    started, worked = time.perf_counter(), time.process_time()
    with one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(job.seed)
        fitted = METHODS[job.method.method](problem, job.method.settings, Silent())
    seconds, cpu, memory = time.perf_counter() - started, time.process_time() - worked, peak()
    return {
        "noisy_rows": len(part.noisy),
        "trusted_rows": len(part.clean),
        "test_rows": len(part.test),
        "classes": len(part.classes),
        **figures(fitted, problem, part, plan.min_confidence),
        "test_right": _test_right(rows, part, fitted, problem),
        "seconds": seconds,
        "cpu_seconds": cpu,
        "peak_mb": memory,
    }


def as_problem(rows: LabelledRows, part: Cut, paired: bool, seed: int, compute: ComputeSettings) -> Problem:
    """What a method is given; it sees no truth but the trusted rows'."""
    width, classes = rows.features.shape[1], len(part.classes)
    return Problem(
        noisy=FeatureInputs(rows.features[part.noisy]),
        given=part.given,
        clean=FeatureInputs(rows.features[part.clean]),
        truth=part.truth,
        paired_given=part.clean_given if paired else np.full(len(part.clean), UNLABELLED, dtype=np.int64),
        num_classes=classes,
        sampling="random",
        new_classifier=lambda generator: Classifier(nn.Identity(), width, classes, generator),
        family="head",
        device=pick_device(compute.device),
        seed=seed,
    )


def figures(fitted: FittedModel, problem: Problem, part: Cut, min_confidence: float) -> dict[str, float | None]:
    """How good corrected labels and scores are on the noisy rows.

    Args:
        fitted: What the method made.
        problem: What it was given.
        part: The truth.
        min_confidence: The threshold of `corrected_sure_right`.
    """
    given, truth, every = problem.given, part.noisy_truth, np.arange(len(problem.given), dtype=np.int64)
    if fitted.own_rows is not None:
        soft, score = fitted.own_rows.soft, fitted.own_rows.label_score
    else:
        logits, hidden = outputs(fitted.classifier, problem.noisy, every, problem.device)
        soft = fitted.corrector.soft_labels(logits, hidden, given)
        score = soft[every, given]
    suggested, confidence = soft.argmax(axis=1), soft.max(axis=1)

    def right_from(threshold: float) -> float:
        return float((np.where(confidence >= threshold, suggested, given) == truth).mean())

    auroc, precision = detection(1 - score, given != truth)
    return {
        "given_right": float((given == truth).mean()),
        "auroc": auroc,
        "average_precision": precision,
        "corrected_right": float((suggested == truth).mean()),
        "corrected_sure_right": right_from(min_confidence),
        "chosen_confidence": fitted.min_confidence,
        "corrected_chosen_right": right_from(fitted.min_confidence),
        "ece": expected_calibration_error(soft, truth),
    }


def write_row(job: Job, found: dict[str, Any]) -> None:
    """Write a run's row beside its place and rename it into it."""
    row = {
        "data": job.data.name,
        "groups": list(job.data.groups),
        "method": job.method.name,
        "paired": job.method.paired,
        "seed": job.seed,
        **found,
        "identity": job.identity,
        "labelfix": __version__,
    }
    schema = pa.schema([(name, _type(name, value)) for name, value in row.items()])
    with atomic_path(job.path) as beside:
        pq.write_table(pa.Table.from_pylist([row], schema=schema), beside)


def _test_right(rows: LabelledRows, part: Cut, fitted: FittedModel, problem: Problem) -> float | None:
    features = rows.features if rows.test_features is None else rows.test_features
    if not len(part.test):
        return None
    logits, _ = outputs(fitted.classifier, FeatureInputs(features), part.test, problem.device)
    return float((logits.argmax(axis=1) == part.test_truth).mean())


def _type(name: str, value: object) -> pa.DataType:
    if name == "groups":
        return pa.list_(pa.string())
    kinds = {bool: pa.bool_(), int: pa.int64(), str: pa.string()}
    return kinds.get(type(value), pa.float64())  # figures that may be missing are shares


def _plain(entry: DataEntry) -> dict[str, Any]:
    return asdict(entry)


def _told(found: dict[str, Any]) -> str:
    shown = {
        "AUROC": found["auroc"],
        "AP": found["average_precision"],
        "given": found["given_right"],
        "corrected": found["corrected_right"],
        "test": found["test_right"],
    }
    parts = [f"{name} {value:.3f}" for name, value in shown.items() if value is not None]
    return f"{', '.join(parts)} in {found['seconds']:.1f} s"
