"""What words for the classes are worth beside few trusted rows, and whether they do harm.

    OMP_NUM_THREADS=1 python tests/measure/class_descriptions.py DATA ENCODER [--sets noisyag-human1 wrench-trec]
        [--trusted 2 5 20] [--seeds 5] [--method clean-only mlc] [--cache-dir DIR]

Sets of the plan real-noise are cut as `labelfix bench` cuts them, with so many trusted rows a class; the method is
fitted without and with the class names as descriptions. Prints the share of right predictions on test rows and of right
corrected labels, each a mean over the seeds, and the differences with their standard errors.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from labelfix.bench.grid import pending
from labelfix.bench.measure import Runner, as_problem
from labelfix.bench.metrics import OnTest, label_figures, test_figures
from labelfix.bench.plan_files import read_plan
from labelfix.bench.protocol import cut
from labelfix.compute.threads import one_thread
from labelfix.methods.table import METHODS
from labelfix.models.described import describe_classes
from labelfix.progress import Silent
from labelfix.settings.model import ComputeSettings, ModelSettings


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("encoder")
    parser.add_argument("--sets", nargs="+", default=["noisyag-human1", "wrench-trec"])
    parser.add_argument("--trusted", nargs="+", type=int, default=[2, 5, 20])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--method", nargs="+", default=["clean-only", "mlc"])
    parser.add_argument("--cache-dir")
    given = parser.parse_args()
    model = ModelSettings(backbone=given.encoder)
    compute = ComputeSettings(device="cpu", cache_dir=given.cache_dir)
    plan = read_plan("real-noise")
    print("set, trusted a class, method: test without -> with (difference +- error); corrected likewise", flush=True)
    for count in given.trusted:
        few = replace(plan, trusted_per_class=count, seeds=tuple(range(given.seeds)))
        runner = Runner(few, given.data, model, compute)
        jobs = pending(few, given.data, Path("/nowhere"), model, given.sets)
        for name in given.sets:
            for method in given.method:
                figures = []
                for job in jobs:
                    if job.data.name != name or job.method.name != method:
                        continue
                    loaded = runner.loaded(job.data, job.backbone, Silent())
                    part = cut(loaded.rows, job.setting.noise, few, job.seed)
                    problem = as_problem(loaded, part, job, few, compute)
                    described = describe_classes(loaded.representation, part.classes, compute, Silent())
                    both = (problem, replace(problem, described=described))
                    figures.append([measured(each, job, loaded, part, plan.min_confidence) for each in both])
                print(
                    f"{name}, {count}, {method}: " + "; ".join(told(np.array(figures), at) for at in (0, 1)), flush=True
                )


def measured(problem, job, loaded, part, min_confidence):
    rows = loaded.rows
    on_test = OnTest(
        rows.inputs if rows.test_inputs is None else rows.test_inputs, part.test, part.test_truth, problem.device
    )
    with one_thread():
        fitted = METHODS[job.method.method](problem, job.method.settings, Silent())
        labels = label_figures(fitted, problem, part, min_confidence)
        return test_figures(fitted, on_test)["test_right"], labels["corrected_right"]


def told(figures, at):
    without, with_ = figures[:, 0, at], figures[:, 1, at]
    error = (with_ - without).std(ddof=1) / np.sqrt(len(without))
    return f"{without.mean():.3f} -> {with_.mean():.3f} ({(with_ - without).mean():+.3f} +- {error:.3f})"


if __name__ == "__main__":
    main()
