"""Making one run: a set is cut, a method fitted, its row written.

Legend: K classes.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from labelfix import __version__
from labelfix.bench.grid import NO_BACKBONE, Job
from labelfix.bench.load import Loaded, load
from labelfix.bench.memory import peak, resident
from labelfix.bench.metrics import OnTest, device_name, history_json, label_figures, test_figures, versions_json
from labelfix.bench.plan import DataEntry, Plan
from labelfix.bench.protocol import Cut, LabelledRows, cut
from labelfix.compute.devices import pick_device
from labelfix.compute.threads import one_thread
from labelfix.correctors.contract import Problem
from labelfix.data.tables import UNLABELLED, Codes
from labelfix.evidence.calibrate import calibrate
from labelfix.heads.view_weights import HANDED, choose_second, choose_weights
from labelfix.methods.fit import family_of
from labelfix.methods.table import METHODS
from labelfix.models.features import FeatureInputs, Inputs, select
from labelfix.models.images.patches import PatchFeatures
from labelfix.models.views import Views, joined
from labelfix.progress import Progress, Silent
from labelfix.runs import atomic_path
from labelfix.settings.model import ComputeSettings, ModelSettings

_SHARES = (
    "given_right",
    "auroc",
    "average_precision",
    "corrected_right",
    "corrected_sure_right",
    "chosen_confidence",
    "corrected_chosen_right",
    "corrected_right_on_wrong",
    "corrected_right_on_right",
    "ece",
    "nll",
    "test_right",
    "test_best",
    "seconds",
    "cpu_seconds",
    "peak_mb",
)

SCHEMA = pa.schema(
    [
        ("data", pa.string()),
        ("noise", pa.string()),
        ("rate", pa.float64()),
        ("setting", pa.string()),
        ("groups", pa.list_(pa.string())),
        ("method", pa.string()),
        ("paired", pa.bool_()),
        ("seed", pa.int64()),
        ("backbone", pa.string()),
        ("noise_kinds", pa.list_(pa.string())),
        *((name, pa.int64()) for name in ("noisy_rows", "trusted_rows", "test_rows", "classes")),
        *((name, pa.float64()) for name in _SHARES),
        ("device", pa.string()),
        ("threads", pa.int64()),
        ("confusion", pa.list_(pa.int64())),
        ("given_share_right", pa.list_(pa.int64())),
        ("given_share_wrong", pa.list_(pa.int64())),
        ("class_names", pa.list_(pa.string())),
        ("history", pa.string()),
        ("identity", pa.string()),
        ("versions", pa.string()),
        ("labelfix", pa.string()),
    ]
)
"""The columns of a row; null where something is not known.

`data` is the set, `setting` the set under its noise, `rate` ρ (null where the set brings given labels, whose `noise` is
`real`), `noise_kinds` the kinds of noise that the row stands for: at rate 0 all that the plan makes. Figures of
corrected labels are of the noisy rows. `test_best` is the best epoch on the test rows, which no user could choose.
`confusion` is K × K in rows, true classes by corrected ones; `given_share_right` and `_wrong` count P(given label) of
rightly and wrongly labelled rows in 20 bins of [0, 1]; `history` and `versions` are JSON.
"""


def write_row(job: Job, backbone: str, found: dict[str, Any]) -> None:
    """Write a run's row beside its place and rename it into it."""
    row = {
        "data": job.data.name,
        "noise": job.setting.kind,
        "rate": job.setting.rate,
        "setting": job.setting.name,
        "groups": list(job.data.groups),
        "method": job.method.name,
        "paired": job.method.paired,
        "seed": job.seed,
        "backbone": backbone,
        "noise_kinds": list(job.setting.kinds),
        "identity": job.identity,
        "labelfix": __version__,
        **found,
    }
    assert row.keys() == set(SCHEMA.names), set(SCHEMA.names) ^ row.keys()
    with atomic_path(job.path) as beside:
        pq.write_table(pa.Table.from_pylist([row], schema=SCHEMA), beside)


@dataclass(frozen=True)
class Made:
    """What became of a run.

    Attributes:
        told: Its figures in a line; empty where it failed.
        failure: What went wrong; empty where nothing did.
    """

    name: str
    told: str = ""
    failure: str = ""
    warnings: tuple[str, ...] = ()


class Runner:
    """Makes runs one after the other; the set that was read last is kept."""

    def __init__(self, plan: Plan, root: Path, model: ModelSettings, compute: ComputeSettings) -> None:
        self.plan, self.root, self.model, self.compute = plan, root, model, compute
        self._kept: tuple[tuple[str, str], Loaded] | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Another process reads for itself: what is kept here is mapped from the cache there."""
        return self.__dict__ | {"_kept": None}

    def loaded(self, entry: DataEntry, backbone: str, progress: Progress) -> Loaded:
        """A set as a backbone encodes it, computed where the cache does not have it."""
        key = (entry.name, backbone)
        if self._kept is None or self._kept[0] != key:
            model = self.model if backbone == NO_BACKBONE else replace(self.model, backbone=backbone)
            self._kept = None  # the one before goes first
            found = load(entry, self.root, model, self.compute, self.plan.freeze, progress)
            self._kept = (key, found)
        return self._kept[1]

    def run(self, job: Job) -> Made:
        """Make a run and write its row; failures are reported, not raised, so that the other runs go on."""
        try:
            loaded = self.loaded(job.data, job.backbone, Silent())
            found, warnings = measure(loaded, job, self.plan, self.compute)
            write_row(job, _called(job.backbone, loaded), found)
        except Exception as error:  # noqa: BLE001 - a defect in one method must not cost the rest of the night
            what = " ".join(str(error).split()) or "no message"
            return Made(job.name, failure=f"{type(error).__name__}: {what}")
        return Made(job.name, _told(found), warnings=warnings)


def measure(loaded: Loaded, job: Job, plan: Plan, compute: ComputeSettings) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Make one run.

    Returns:
        The columns of a row that the job itself does not know, and what the method warned of. Seconds are those of
        the fit alone; memory is the peak of the process, on a GPU of what was allocated there.
    """
    part = cut(loaded.rows, job.setting.noise, plan, job.seed)
    loaded = _weighed(loaded, part)
    rows = loaded.rows
    problem = as_problem(loaded, part, job, plan, compute)
    test = rows.inputs if rows.test_inputs is None else rows.test_inputs
    on_test = OnTest(test, part.test, part.test_truth, problem.device)
    small = problem.family in ("head", "network")
    with one_thread() if small else contextlib.nullcontext():
        threads = torch.get_num_threads()
        _begin(problem.device)
        started, worked = time.perf_counter(), time.process_time()
        with torch.random.fork_rng(devices=[problem.device] if problem.device.type == "cuda" else []):
            torch.manual_seed(job.seed)
            method = METHODS[job.method.method]
            fitted = method(replace(problem, observe=on_test), job.method.settings, Silent())
            calibrated = calibrate(problem, fitted)
            fitted = fitted if calibrated is None else calibrated.fitted
        memory = _peak(problem.device)
        seconds, cpu = time.perf_counter() - started, time.process_time() - worked
        figures = label_figures(fitted, problem, part, plan.min_confidence) | test_figures(fitted, on_test)
    return {
        "noisy_rows": len(part.noisy),
        "trusted_rows": len(part.clean),
        "test_rows": len(part.test),
        "classes": len(part.classes),
        **figures,
        "seconds": seconds - on_test.seconds,
        "cpu_seconds": cpu - on_test.cpu_seconds,
        "peak_mb": memory,
        "device": device_name(problem.device),
        "threads": threads,
        "class_names": list(part.classes),
        "history": history_json(fitted.history),
        "versions": versions_json(),
    }, fitted.warnings


def _weighed(loaded: Loaded, part: Cut) -> Loaded:
    """The set with its views weighed as `train` weighs them, by the given labels of this run."""
    found, rows = loaded.representation, loaded.rows
    if not isinstance(found, (Views, PatchFeatures)) or not isinstance(rows.inputs, FeatureInputs):
        return loaded
    parts = found.split(rows.inputs.features)
    if isinstance(found, Views):
        weights = choose_weights(parts, part.noisy, part.given)
    else:
        weights = choose_second(parts, part.noisy, part.given, HANDED)
    weighed = replace(rows, inputs=FeatureInputs(joined(parts, weights)))
    if isinstance(rows.test_inputs, FeatureInputs):
        weighed = replace(weighed, test_inputs=FeatureInputs(joined(found.split(rows.test_inputs.features), weights)))
    return replace(loaded, rows=weighed)


def as_problem(loaded: Loaded, part: Cut, job: Job, plan: Plan, compute: ComputeSettings) -> Problem:
    """What a method is given; it sees no truth but the trusted rows'."""
    classes = len(part.classes)
    paired, asked = np.full(len(part.clean), UNLABELLED, dtype=np.int64), part.clean_opinions
    if job.method.paired:
        paired = part.clean_given
    elif asked is not None:
        asked = asked.take(paired)
    return Problem(
        noisy=_some(loaded.rows, part.noisy),
        given=part.given,
        clean=_some(loaded.rows, part.clean),
        truth=part.truth,
        paired_given=paired,
        num_classes=classes,
        sampling=plan.trusted_draw,
        new_classifier=lambda generator: loaded.representation.new_classifier(classes, generator),
        family=family_of(loaded.representation),
        device=pick_device(compute.device),
        seed=job.seed,
        precision=compute.precision,
        accumulate=compute.accumulate,
        opinions=part.opinions,
        paired_opinions=asked,
    )


def _some(rows: LabelledRows, chosen: Codes) -> Inputs:
    """Rows as inputs of their own; features are copied, so that a method reads them side by side."""
    if isinstance(rows.inputs, FeatureInputs):
        return FeatureInputs(rows.inputs.features[chosen])
    return select(rows.inputs, chosen)


def _begin(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    else:
        resident()


def _peak(device: torch.device) -> float:
    """Peak memory since `_begin`, in MB; waits for the device."""
    if device.type != "cuda":
        return peak()
    torch.cuda.synchronize(device)
    return torch.cuda.max_memory_allocated(device) / 1e6


def _called(backbone: str, loaded: Loaded) -> str:
    """A backbone's name in rows: what `auto` chose, or the last part of a folder's path."""
    if backbone in (NO_BACKBONE, "auto"):
        return backbone if backbone == NO_BACKBONE else loaded.representation.family
    return ",".join(name if ":" in name else Path(name).name for name in backbone.split(","))


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
