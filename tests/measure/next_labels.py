"""What an answer is worth: rows chosen by `next`, by cleanlab's worst first, and at random, answered with the truth.

    python tests/measure/next_labels.py DATA_ROOT BACKBONE --set noisyag-human1 [--count 200] [--seeds 3]

Each way's rows become trusted, `mlc` (paired) is fitted again, and the labels of the noisy file that are right are
counted: corrected ones by the second fit, answered ones by their answers. Printed is the number of labels fixed per
answer, beyond those that the first fit fixes.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from labelfix.bench.grid import Job, settings_of
from labelfix.bench.load import load
from labelfix.bench.measure import as_problem
from labelfix.bench.plan_files import read_plan
from labelfix.bench.protocol import cut
from labelfix.compute.threads import one_thread
from labelfix.methods.table import METHODS
from labelfix.networks.loop import network_outputs
from labelfix.progress import Silent
from labelfix.scoring.next_rows import candidates, choose, worth
from labelfix.settings.methods import ConfidentLearningSettings, MlcSettings
from labelfix.settings.model import ComputeSettings, ModelSettings


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("root", type=Path)
    parser.add_argument("backbone")
    parser.add_argument("--set", default="noisyag-human1")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=3)
    asked = parser.parse_args()
    plan = read_plan("real-noise")
    setting = next(each for each in settings_of(plan) if each.name == asked.set)
    compute = ComputeSettings(device="cpu")
    loaded = load(setting.data, asked.root, ModelSettings(backbone=asked.backbone), compute, True, Silent())
    method = next(each for each in plan.methods if each.name == "mlc-paired")
    gains: dict[str, list[float]] = {}
    for seed in range(asked.seeds):
        part = cut(loaded.rows, setting.noise, plan, seed)
        job = Job(setting, method, "none", seed, "", Path())

        def problem_of(cut_part, job=job):
            return as_problem(loaded, cut_part, job, plan, compute)

        with one_thread():
            problem = problem_of(part)
            soft, corrected = labels_of(problem, fit(problem))
            before = int((corrected == part.noisy_truth).sum())
            for name, chosen in chosen_by(problem, soft, corrected, seed, asked.count).items():
                after = right_after(part, chosen, problem_of)
                gains.setdefault(name, []).append((after - before) / len(chosen))
    told = ", ".join(f"{name} {np.mean(v):.3f} ({np.std(v) / len(v) ** 0.5:.3f})" for name, v in gains.items())
    print(f"{asked.set}, {asked.count} answers, {asked.seeds} seeds: labels fixed per answer: {told}")


def fit(problem):
    return METHODS["mlc"](problem, MlcSettings(), Silent())


def labels_of(problem, fitted):
    every = np.arange(len(problem.given))
    soft = fitted.corrector.soft_labels(
        *network_outputs(fitted.classifier, problem.noisy, every, problem.device), problem.given
    )
    sure = soft.max(axis=1) >= fitted.min_confidence
    return soft, np.where(sure, soft.argmax(axis=1), problem.given)


def chosen_by(problem, soft, corrected, seed, count):
    value = worth(soft, corrected)
    found = candidates(value, np.ones(len(value), dtype=bool), count)
    features = problem.noisy.batch(found).numpy()
    features = features / np.linalg.norm(features, axis=1, keepdims=True)
    own = METHODS["confident-learning"](problem, ConfidentLearningSettings(), Silent()).own_rows
    assert own is not None
    return {
        "next": found[choose(value[found], soft[found].argmax(axis=1), features, count)],
        "cleanlab's worst": np.argsort(own.label_score, kind="stable")[:count],
        "random": np.random.default_rng(seed).choice(len(value), count, replace=False),
    }


def with_answers(part, chosen):
    """The noisy rows at some positions become trusted ones, beneath those that were drawn."""
    left = np.setdiff1d(np.arange(len(part.noisy)), chosen)
    return replace(
        part,
        noisy=part.noisy[left],
        given=part.given[left],
        noisy_truth=part.noisy_truth[left],
        clean=np.concatenate([part.clean, part.noisy[chosen]]),
        truth=np.concatenate([part.truth, part.noisy_truth[chosen]]),
        clean_given=np.concatenate([part.clean_given, part.given[chosen]]),
    )


def right_after(part, chosen, problem_of):
    answered = with_answers(part, chosen)
    problem = problem_of(answered)
    _, corrected = labels_of(problem, fit(problem))
    return int((corrected == answered.noisy_truth).sum()) + len(chosen)


if __name__ == "__main__":
    main()
