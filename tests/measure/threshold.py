"""How far the threshold moves with the trusted rows that choose it, and what that does to the labels.

    OMP_NUM_THREADS=1 python tests/measure/threshold.py DATA_ROOT BACKBONE [--only NAME …] [--seeds 0 1 2]

One fit of `mlc` per set of the plan real-noise, number of trusted rows a class and seed, by the protocol
(docs/how-to/bench.md), trusted rows paired. Its pairs are drawn again with replacement, twenty times, and each draw
chooses: by the rule, by the rule before it (the best of six candidates from 50 pairs on, if it gains half a percentage
point), and by none (0.6). A line each: the spread of the thresholds (standard deviation, lowest and highest), and the
share of noisy rows whose label as written is right, in the mean of the draws and in the worst of them.
"""

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from labelfix.bench.grid import Job, settings_of
from labelfix.bench.load import load
from labelfix.bench.measure import as_problem
from labelfix.bench.plan_files import read_plan
from labelfix.bench.protocol import cut
from labelfix.compute.threads import one_thread
from labelfix.evidence.calibrate import calibrate
from labelfix.methods.table import METHODS
from labelfix.numerics.threshold import choose_threshold
from labelfix.progress import Silent
from labelfix.settings.model import ComputeSettings, ModelSettings

DRAWS = 20
TRUSTED_PER_CLASS = (5, 20, 100)

Rule = Callable[[np.ndarray, np.ndarray, np.ndarray], float]


def before(soft, given, truth):
    """The rule that single rows moved."""
    if len(truth) < 20:
        return 0.9
    if len(truth) < 50:
        return 0.6
    suggested, confidence = soft.argmax(axis=1), soft.max(axis=1)
    candidates = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
    right = {t: float((np.where(confidence >= t, suggested, given) == truth).mean()) for t in candidates}
    best = max(candidates, key=lambda t: (right[t], -abs(t - 0.6)))
    return best if right[best] >= right[0.6] + 0.005 else 0.6


RULES: dict[str, Rule] = {
    "now": lambda soft, given, truth: choose_threshold(len(truth), soft, given, truth),
    "before": before,
    "0.6": lambda *_: 0.6,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path)
    parser.add_argument("backbone")
    parser.add_argument("--only", nargs="+", default=[])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    asked = parser.parse_args()
    plan, compute = read_plan("real-noise"), ComputeSettings(device="cpu")
    method = next(each for each in plan.methods if each.name == "mlc-paired")
    totals: dict[tuple[int, str], list[tuple[float, float, float]]] = {}
    for setting in settings_of(plan):
        if asked.only and setting.name not in asked.only:
            continue
        loaded = load(setting.data, asked.root, ModelSettings(backbone=asked.backbone), compute, True, Silent())
        for few in TRUSTED_PER_CLASS:
            sizes = replace(plan, trusted_per_class=few)
            for seed in asked.seeds:
                part = cut(loaded.rows, setting.noise, sizes, seed)
                problem = as_problem(loaded, part, Job(setting, method, "", seed, "", Path()), sizes, compute)
                with one_thread():
                    found = calibrate(problem, METHODS["mlc"](problem, method.settings, Silent()))
                if found is None or not found.asked.paired:
                    continue
                own = found.fitted.own_rows
                assert own is not None
                for name, line in of_run(found.asked, np.exp(found.log_soft), own.soft, part, seed).items():
                    totals.setdefault((few, name), []).append(line)
                    print(f"{setting.name} {few} a class, seed {seed}, {name}: {told(*line)}", flush=True)
    for (few, name), lines in totals.items():
        print(f"all sets, {few} a class, {name}: {told(*np.mean(lines, axis=0))}")


def of_run(asked, soft, own, part, seed):  # type: ignore[no-untyped-def]
    """Rule → spread of the threshold, share right in the mean, in the worst draw."""
    generator = np.random.default_rng([seed, 77])
    draws = [generator.integers(len(soft), size=len(soft)) for _ in range(DRAWS)]
    suggested, confidence = own.argmax(axis=1), own.max(axis=1)
    lines = {}
    for name, rule in RULES.items():
        chosen = np.array([rule(soft[draw], asked.label[draw], asked.answer[draw]) for draw in draws])
        right = [(np.where(confidence >= t, suggested, part.given) == part.noisy_truth).mean() for t in chosen]
        lines[name] = (float(chosen.std()), float(np.mean(right)), float(np.min(right)))
    return lines


def told(spread, mean, worst):
    return f"threshold ± {spread:.3f}, right {mean:.4f}, in the worst draw {worst:.4f}"


if __name__ == "__main__":
    main()
