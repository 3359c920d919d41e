"""How often the 95 % interval of the noise rate holds the true rate of the noisy rows.

    OMP_NUM_THREADS=1 python tests/measure/noise_rate.py DATA_ROOT BACKBONE --draws 200 [--trusted per-class]

AG News with uniform noise that makes .05 to .6 of the labels wrong, with FLIP .4 and NoisyAG's first person, by the
protocol (docs/how-to/bench.md), 400 paired trusted rows, seeds 0, 1, …; no method is fitted. A line for each, and the
pooled coverage of uniform noise last.
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
from labelfix.evidence.run_noise_rate import noise_of
from labelfix.progress import Silent
from labelfix.settings.model import ComputeSettings, ModelSettings

WRONG = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6)
"""Shares of wrong labels; of four classes uniform noise at ρ leaves ρ/4 right by chance."""


def cases(plan):
    """Name and setting."""
    found = {each.name: each for each in settings_of(plan)}
    uniform = [
        (f"uniform {wrong:g}", replace(found["ag-unif-20"], noise=Noise(kind="unif", rate=wrong / 0.75)))
        for wrong in WRONG
    ]
    return [*uniform, ("flip 0.4", found["ag-flip-40"]), ("noisyag-human1", found["noisyag-human1"])]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path)
    parser.add_argument("backbone")
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--trusted", default="random")
    parser.add_argument("--only", nargs="+", default=[])
    asked = parser.parse_args()
    plan = replace(read_plan("real-noise"), trusted_draw=asked.trusted)
    method = next(each for each in plan.methods if each.name == "mlc-paired")
    compute = ComputeSettings(device="cpu")
    pooled: list[bool] = []
    for name, setting in cases(plan):
        if asked.only and name not in asked.only:
            continue
        loaded = load(setting.data, asked.root, ModelSettings(backbone=asked.backbone), compute, True, Silent())
        held, errors, widths, classes = [], [], [], []
        for seed in range(asked.draws):
            part = cut(loaded.rows, setting.noise, plan, seed)
            problem = as_problem(loaded, part, Job(setting, method, "none", seed, "", Path()), plan, compute)
            soft = np.eye(problem.num_classes, dtype=np.float32)[problem.given]  # not read where pairs are enough
            with one_thread():
                found = noise_of(problem, soft, problem.given)
            true = float((part.given != part.noisy_truth).mean())
            assert found.rate.value is not None
            assert found.rate.low is not None
            assert found.rate.high is not None
            held.append(found.rate.low <= true <= found.rate.high)
            errors.append(found.rate.value - true)
            widths.append(found.rate.high - found.rate.low)
            for c, own in enumerate(found.classes):
                here = part.noisy_truth == c
                if own.low is not None and own.high is not None and here.any():
                    classes.append(own.low <= float((part.given[here] != c).mean()) <= own.high)
        pooled += held if name.startswith("uniform") else []
        print(
            f"{name}, {asked.draws} draws, {asked.trusted}: held {np.mean(held):.3f}, bias {np.mean(errors):+.4f},"
            f" width {np.mean(widths):.3f}; of single classes held {np.mean(classes):.3f}",
            flush=True,
        )
    if pooled:
        error = (np.mean(pooled) * (1 - np.mean(pooled)) / len(pooled)) ** 0.5
        print(f"uniform, pooled over {len(pooled)} draws: held {np.mean(pooled):.4f} ({error:.4f})")


if __name__ == "__main__":
    main()
