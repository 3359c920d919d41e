"""How even the ranks of trusted rows are that were drawn at random: z of `evidence.picked` (lines: −4, 3).

    OMP_NUM_THREADS=1 python tests/measure/picked_rows.py DATA_ROOT BACKBONE [--seeds 20 21 22] [SET ...]

Sets of the plan real-noise, 2,000 rows at most, paired, with 100 and 15 trusted rows a class (a tenth of the rows at
most), one fit of `mlc` each. A line each: set, seed, trusted rows, z, and the share of them whose given label is wrong.
"""

from __future__ import annotations

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
from labelfix.evidence.picked import excess, ranks
from labelfix.methods.table import METHODS
from labelfix.progress import Silent
from labelfix.settings.model import ComputeSettings, ModelSettings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path)
    parser.add_argument("backbone")
    parser.add_argument("sets", nargs="*")
    parser.add_argument("--seeds", nargs="+", type=int, default=[20, 21, 22])
    asked = parser.parse_args()
    plan, compute = replace(read_plan("real-noise"), rows=2_000), ComputeSettings(device="cpu")
    method = next(each for each in plan.methods if each.name == "mlc-paired")
    for setting in settings_of(plan):
        if asked.sets and setting.name not in asked.sets:
            continue
        model = ModelSettings(backbone=asked.backbone)
        loaded = load(setting.data, asked.root, model, compute, plan.freeze, Silent())
        for seed in asked.seeds:
            for many in (100, 15):
                sized = replace(plan, trusted_per_class=many)
                part = cut(loaded.rows, setting.noise, sized, seed)
                problem = as_problem(loaded, part, Job(setting, method, "", seed, "", Path()), sized, compute)
                with one_thread():
                    held = METHODS["mlc"](problem, method.settings, Silent()).held
                assert held is not None
                z, wrong = excess(ranks(problem, held), len(problem.given)), problem.truth != problem.paired_given
                print(f"{setting.name} {seed}: {len(wrong)} rows, z {z:+.2f}, wrong {np.mean(wrong):.2f}", flush=True)


if __name__ == "__main__":
    main()
