"""How many of the flagged rows were right after all, and how many of the wrong labels were found.

    OMP_NUM_THREADS=1 python tests/measure/guarantee.py DATA_ROOT BACKBONE --set ag-unif-20 --draws 100 \\
        [--trusted per-class] [--unpaired] [--plan sources] [--cleanlab 20]

One fit of `mlc` per draw of the protocol (docs/how-to/bench.md), seeds 0, 1, …; the sets are those of the plan
real-noise, or of another. `--noise unif --rate 0.4` puts other noise on a set whose noise is made. The first
`--cleanlab` draws have cleanlab's default `find_label_issues` beside them, and what the run's label_score would have
found, cut where it has the same share of false flags. Prints one line of means with their standard errors.
"""

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
from labelfix.compute.threads import one_thread
from labelfix.evidence.calibrate import calibrate
from labelfix.evidence.gather import RightLabels, final_soft, guarantee_of
from labelfix.evidence.run_noise_rate import noise_of
from labelfix.methods.table import METHODS
from labelfix.progress import Silent
from labelfix.settings.methods import ConfidentLearningSettings
from labelfix.settings.model import ComputeSettings, ModelSettings

LEVELS = (0.05, 0.1, 0.2)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("root", type=Path)
    parser.add_argument("backbone")
    parser.add_argument("--set", default="ag-unif-20")
    parser.add_argument("--noise")
    parser.add_argument("--rate", type=float, default=0.2)
    parser.add_argument("--trusted", default="random")
    parser.add_argument("--unpaired", action="store_true")
    parser.add_argument("--draws", type=int, default=100)
    parser.add_argument("--plan", default="real-noise")
    parser.add_argument("--cleanlab", type=int, default=20)
    asked = parser.parse_args()
    plan = replace(read_plan(asked.plan), trusted_draw=asked.trusted)
    setting = next(each for each in settings_of(plan) if each.name == asked.set)
    if asked.noise:
        setting = replace(setting, noise=Noise(kind=asked.noise, rate=asked.rate))
    compute = ComputeSettings(device="cpu")
    loaded = load(setting.data, asked.root, ModelSettings(backbone=asked.backbone), compute, True, Silent())
    method = next(each for each in plan.methods if each.method == "mlc" and each.paired != asked.unpaired)
    found: dict[str, list[float]] = {}
    for seed in range(asked.draws):
        part = cut(loaded.rows, setting.noise, plan, seed)
        job = Job(setting, method, "none", seed, "", Path())
        problem = as_problem(loaded, part, job, plan, compute)
        with one_thread():
            found_model = calibrate(problem, METHODS["mlc"](problem, method.settings, Silent()))
            assert found_model is not None
            soft, given = final_soft(problem, found_model.fitted)
            p, guarantee = guarantee_of(problem, found_model, RightLabels.of(problem, found_model, soft, given))
            rate = noise_of(problem, soft, given).rate
        wrong = part.given != part.noisy_truth
        for level in LEVELS:
            flagged = rejected(p, level)
            note(found, f"false flags at {level:g}", (flagged & ~wrong).sum() / max(flagged.sum(), 1))
            note(found, f"found at {level:g}", (flagged & wrong).sum() / max(wrong.sum(), 1))
        note(found, "trusted rows that judge", guarantee.rows)
        note(found, "true rate", wrong.mean())
        note(found, "estimated rate", rate.value or 0.0)
        if rate.low is not None and rate.high is not None:
            note(found, "covered", rate.low <= wrong.mean() <= rate.high)
        if seed < asked.cleanlab:
            with one_thread():
                other = METHODS["confident-learning"](problem, ConfidentLearningSettings(), Silent()).own_rows
            assert other is not None
            flagged = other.soft.argmax(axis=1) != part.given
            false = (flagged & ~wrong).sum() / max(flagged.sum(), 1)
            note(found, "cleanlab: false flags", false)
            note(found, "cleanlab: found", (flagged & wrong).sum() / max(wrong.sum(), 1))
            note(found, "found at cleanlab's false flags", found_at(soft[np.arange(len(given)), given], wrong, false))
    means = ", ".join(f"{name} {np.mean(v):.3f} ({np.std(v) / len(v) ** 0.5:.3f})" for name, v in found.items())
    noise = f" {asked.noise} {asked.rate:g}" if asked.noise else ""
    pairs = "unpaired" if asked.unpaired else "paired"
    print(f"{asked.set}{noise}, {asked.draws} draws, {asked.trusted}, {pairs}: {means}")


def rejected(p, level):
    """Benjamini–Hochberg, written as in the paper."""
    ordered = np.sort(p.astype(np.float64))
    passed = np.flatnonzero(ordered <= level * np.arange(1, len(p) + 1) / len(p))
    return p <= ordered[passed[-1]] if len(passed) else np.zeros(len(p), dtype=bool)


def found_at(score, wrong, false):
    """The share of wrong labels above the lowest cut of a score whose realised share of false flags is not higher."""
    order = np.argsort(score, kind="stable")
    hits = np.cumsum(wrong[order])
    allowed = np.flatnonzero(1 - hits / np.arange(1, len(order) + 1) <= false)
    return float(hits[allowed[-1]] / max(wrong.sum(), 1)) if len(allowed) else 0.0


def note(found, name, value):
    found.setdefault(name, []).append(float(value))


if __name__ == "__main__":
    main()
