"""How many of the flagged rows were right after all, and whether noise-rate intervals hold the true rate.

    python tests/measure/guarantee.py DATA_ROOT BACKBONE --set ag-unif-20 --draws 100 [--trusted per-class] [--unpaired]

One fit of `mlc` per draw of the protocol (docs/how-to/bench.md), seeds 0, 1, …; the sets are those of the plan
real-noise. `--noise unif --rate 0.05` puts other noise on a set whose noise is made. cleanlab's default
`find_label_issues` is run on the first ten draws. Prints one line of means with their standard errors.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from labelfix.bench.grid import Job, settings_of
from labelfix.bench.load import load
from labelfix.bench.measure import as_problem
from labelfix.bench.plan import Noise
from labelfix.bench.plan_files import read_plan
from labelfix.bench.protocol import cut
from labelfix.data.tables import ClassNames
from labelfix.devices import one_thread
from labelfix.evidence.judge import judge
from labelfix.methods.table import METHODS
from labelfix.progress import Silent
from labelfix.settings.methods import ConfidentLearningSettings
from labelfix.settings.model import ComputeSettings, ModelSettings
from labelfix.settings.run import TrainSettings

LEVELS = (0.05, 0.1, 0.2)
CLEANLAB_DRAWS = 10


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("root", type=Path)
    parser.add_argument("backbone")
    parser.add_argument("--set", default="ag-unif-20")
    parser.add_argument("--noise")
    parser.add_argument("--rate", type=float, default=0.2)
    parser.add_argument("--trusted", default="random")
    parser.add_argument("--unpaired", action="store_true")
    parser.add_argument("--draws", type=int, default=100)
    asked = parser.parse_args()
    plan = replace(read_plan("real-noise"), trusted_draw=asked.trusted)
    setting = next(each for each in settings_of(plan) if each.name == asked.set)
    if asked.noise:
        setting = replace(setting, noise=Noise(kind=asked.noise, rate=asked.rate))
    compute = ComputeSettings(device="cpu")
    loaded = load(setting.data, asked.root, ModelSettings(backbone=asked.backbone), compute, True, Silent())
    method = next(each for each in plan.methods if each.name == ("mlc" if asked.unpaired else "mlc-paired"))
    found: dict[str, list[float]] = {}
    for seed in range(asked.draws):
        part = cut(loaded.rows, setting.noise, plan, seed)
        job = Job(setting, method, "none", seed, "", Path())
        problem = as_problem(loaded, part, job, plan, compute)
        with one_thread():
            fitted = METHODS["mlc"](problem, method.settings, Silent())
            evidence = judge(problem, fitted, TrainSettings(), ClassNames(part.classes), Silent())
        wrong = part.given != part.noisy_truth
        assert evidence.p_values is not None
        for level in LEVELS:
            flagged = rejected(evidence.p_values, level)
            note(found, f"false flags at {level:g}", (flagged & ~wrong).sum() / max(flagged.sum(), 1))
            note(found, f"found at {level:g}", (flagged & wrong).sum() / max(wrong.sum(), 1))
        rate = evidence.figures["noise"]["rate"]
        note(found, "true rate", wrong.mean())
        note(found, "estimated rate", rate["value"])
        if rate["low"] is not None:
            note(found, "covered", rate["low"] <= wrong.mean() <= rate["high"])
            note(found, "width", rate["high"] - rate["low"])
        if seed < CLEANLAB_DRAWS:
            with one_thread():
                other = METHODS["confident-learning"](problem, ConfidentLearningSettings(), Silent()).own_rows
            assert other is not None
            flagged = other.soft.argmax(axis=1) != part.given
            note(found, "cleanlab: false flags", (flagged & ~wrong).sum() / max(flagged.sum(), 1))
            note(found, "cleanlab: found", (flagged & wrong).sum() / max(wrong.sum(), 1))
    means = ", ".join(f"{name} {np.mean(v):.3f} ({np.std(v) / len(v) ** 0.5:.3f})" for name, v in found.items())
    noise = f" {asked.noise} {asked.rate:g}" if asked.noise else ""
    pairs = "unpaired" if asked.unpaired else "paired"
    print(f"{asked.set}{noise}, {asked.draws} draws, {asked.trusted}, {pairs}: {means}")


def rejected(p: np.ndarray, level: float) -> np.ndarray:
    """Benjamini–Hochberg, written as in the paper."""
    ordered = np.sort(p.astype(np.float64))
    passed = np.flatnonzero(ordered <= level * np.arange(1, len(p) + 1) / len(p))
    return p <= ordered[passed[-1]] if len(passed) else np.zeros(len(p), dtype=bool)


def note(found: dict[str, list[float]], name: str, value: float) -> None:
    found.setdefault(name, []).append(float(value))


if __name__ == "__main__":
    main()
