"""Whether the ledger's verdict is right: of the classifier, on test rows, and of the labels, against hidden truth.

    OMP_NUM_THREADS=1 python tests/measure/ledger_verdicts.py DATA_ROOT BACKBONE [--only NAME …] [--seeds 0 1 2]
        [--a-class 5 20 100] [--lines FILE]

The sets of the plan real-noise, AG News with clean and with random labels (`ag-clean`, `ag-random`), and some of all
these with two trusted rows a class (`…-2`); trusted rows are paired. `--a-class` takes so many trusted rows a class of
all sets instead, at most a tenth of the rows, and the tables of the demo and the tutorial as well (at most three
tenths). `--lines` keeps each run's line in a file; those that stand there are not made again. One fit of `mlc` per set
and seed, by the protocol (docs/how-to/bench.md). A line each: the entry that is recommended, the test accuracy of every
entry fitted to all trusted rows, how much of the best one's the recommended entry lacks (right: at most .02), the true
difference of corrected and given labels beside the estimated one and the verdict. The last line says how often "use the
corrected labels" was said where they are in truth worse than the given ones by more than .005.

A rule that always says "this run" would look good where the run is good. So every rival is also put in the place of the
run, against all the others and the run: the last lines say how often the rule is right there, and how often it would be
that never leaves the run.
"""

import argparse
import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from sklearn.datasets import load_breast_cancer, load_digits

from labelfix.bench.grid import Job, settings_of
from labelfix.bench.load import Loaded, load
from labelfix.bench.measure import as_problem
from labelfix.bench.metrics import label_figures
from labelfix.bench.plan import Noise
from labelfix.bench.plan_files import read_plan
from labelfix.bench.protocol import LabelledRows, cut
from labelfix.compute.threads import one_thread
from labelfix.data.formats import open_several
from labelfix.data.inputs import ColumnInputs
from labelfix.data.tables import InputSpec
from labelfix.evidence.calibrate import calibrate
from labelfix.evidence.gather import final_soft, ledger_of, rivals_of
from labelfix.evidence.ledger import Ledger, compare
from labelfix.evidence.noisy_judges import FEW, ask_noisy_rows
from labelfix.evidence.rivals import THIS_RUN
from labelfix.evidence.verdict import conclude
from labelfix.methods.table import METHODS
from labelfix.models.choice import choose_representation
from labelfix.networks.loop import network_outputs
from labelfix.progress import Silent
from labelfix.settings.model import ComputeSettings, ModelSettings
from labelfix.settings.run import TrainSettings

CLOSE, HARM = 0.02, 0.005

OWN = {"demo": 0.4, "tutorial": 0.25}
"""The tables of `labelfix demo` and of docs/tutorial.md, and the share of their labels that is made wrong."""

OWN_TRUSTED = 0.3
"""They are small: of their rows so many may be trusted."""

TWO_A_CLASS = (
    "ag-clean",
    "ag-unif-20",
    "ag-unif-60",
    "ag-flip-40",
    "noisyag-human1",
    "wrench-trec",
    "wrench-youtube",
    "hausa-newsclass",
    "cifar10n-aggre",
)


@dataclass(frozen=True)
class Measured:
    """A run: what its ledger said, and what is true.

    Attributes:
        ledger: What trusted rows say.
        test: Entry → accuracy on test rows.
        gain: True accuracy of corrected minus that of given labels, on noisy rows.
        others: Whether the recommended entry was within `CLOSE` of the best with each rival in the run's place, by
            the rule and by never leaving the run.
    """

    ledger: Ledger
    test: dict[str, float]
    gain: float
    others: list[tuple[bool, bool]]

    @property
    def lacks(self):
        return max(self.test.values()) - self.test[conclude(self.ledger).classifier]


def cases(plan, a_class):
    """Name, set and noise, sizes."""
    found = {each.name: each for each in settings_of(plan)}
    found["ag-clean"] = replace(found["ag-unif-20"], noise=Noise(kind="none", rate=0))
    found["ag-random"] = replace(found["ag-unif-20"], noise=Noise(kind="unif", rate=1.0))
    if a_class:
        for name, share in OWN.items():
            made = replace(found["ag-unif-20"], name=name, noise=Noise(kind="unif", rate=share))
            found[name] = replace(made, data=replace(made.data, name=name))
        for name, setting in found.items():
            trusted = OWN_TRUSTED if name in OWN else plan.trusted_share
            for many in a_class:
                yield f"{name}-{many}", setting, replace(plan, trusted_per_class=many, trusted_share=trusted)
        return
    few = replace(plan, trusted_per_class=2, trusted_draw="per-class")
    yield from ((name, setting, plan) for name, setting in found.items())
    yield from ((f"{name}-2", found[name], few) for name in TWO_A_CLASS)


def own_table(name):
    """One of `OWN`."""
    found = (load_digits if name == "demo" else load_breast_cancer)()
    columns = {f"x{place:02d}": column for place, column in enumerate(found.data.T) if column.std() > 0}
    table = open_several([pa.table(columns)], name)
    inputs = ColumnInputs(table, InputSpec("table", tuple(columns)), len(found.target))
    compute = ComputeSettings(device="cpu")
    representation = choose_representation(inputs, ModelSettings(), compute, Silent())
    encoded = representation.encode(inputs, compute, Silent())
    return Loaded(LabelledRows(encoded, np.array(list(map(str, found.target)), dtype=object)), representation)


def measure(loaded, setting, plan, seed):
    """One fit."""
    part = cut(loaded.rows, setting.noise, plan, seed)
    method = next(each for each in plan.methods if each.name == "mlc-paired")
    problem = as_problem(loaded, part, Job(setting, method, "", seed, "", Path()), plan, ComputeSettings(device="cpu"))
    with one_thread():
        found = calibrate(problem, METHODS["mlc"](problem, method.settings, Silent()))
        assert found is not None
        assert found.fitted.held is not None
        settings = TrainSettings()
        rivals = rivals_of(problem, found, settings, Silent())
        agreement = ask_noisy_rows(problem, found.fitted.held, settings, Silent())
        ledger = ledger_of(problem, found, rivals, final_soft(problem, found.fitted)[0], agreement)
    asked = found.asked
    inputs = loaded.rows.inputs if loaded.rows.test_inputs is None else loaded.rows.test_inputs
    logits, _ = network_outputs(found.fitted.classifier, inputs, part.test, problem.device)
    said = {each.name: each.head.logits(inputs.batch(part.test) * each.scale).numpy() for each in rivals}
    test = {n: float((z.argmax(axis=1) == part.test_truth).mean()) for n, z in (said | {THIS_RUN: logits}).items()}
    figures = label_figures(found.fitted, problem, part, plan.min_confidence)
    return Measured(
        ledger,
        test,
        figures["corrected_chosen_right"] - figures["given_right"],
        list(_in_the_place_of_the_run(rivals, asked.log_f, asked.truth, asked.given, test)),
    )


def _in_the_place_of_the_run(rivals, log_f, truth, given, test):
    best = max(test.values())
    for run in rivals:
        others = [each for each in rivals if each is not run]
        # The verdict words the names that it knows; the real run takes the one that is free.
        others.append(replace(run, log_p=log_f))
        chosen = conclude(compare(run.log_p, others, truth, given, None)).classifier
        true = test[run.name] if chosen == THIS_RUN else test[THIS_RUN if chosen == run.name else chosen]
        yield best - true <= CLOSE, best - test[run.name] <= CLOSE


def told(name, seed, found):
    """A line."""
    verdict, difference = conclude(found.ledger), found.ledger.difference
    test = " ".join(f"{entry} {value:.3f}" for entry, value in found.test.items())
    labels = f"labels {found.gain:+.3f}"
    if difference is not None:
        labels += f" estimated {difference.value:+.3f} [{difference.low:+.3f}, {difference.high:+.3f}]"
    chosen = f"{verdict.classifier} lacks {found.lacks:.3f} {'right' if found.lacks <= CLOSE else 'WRONG'}"
    return f"{name} {seed} ({found.ledger.rows} rows): {chosen} | {test} | {labels} {verdict.labels}"


def summary(title, runs):
    """Shares that are right."""
    lacks = np.array([each.lacks for each in runs])
    stay = np.array([max(each.test.values()) - each.test[THIS_RUN] for each in runs])
    others = np.array([pair for each in runs for pair in each.others])
    known = [each for each in runs if each.ledger.difference is not None and abs(each.gain) > CLOSE]
    signs = [np.sign(each.gain) == np.sign(each.ledger.difference.value) for each in known if each.ledger.difference]
    words = [conclude(each.ledger).labels == ("use" if each.gain > 0 else "keep") for each in known]
    return (
        f"{title}, {len(runs)} runs: classifier right {(lacks <= CLOSE).mean():.3f}, lacks {lacks.mean():.4f} in"
        f" the mean, {lacks.max():.3f} at most (always this run: {(stay <= CLOSE).mean():.3f}, {stay.mean():.4f},"
        f" {stay.max():.3f}); a rival in the run's place: right {others[:, 0].mean():.3f}, never leaving it"
        f" {others[:, 1].mean():.3f}; labels with a true difference above {CLOSE:g}: {len(known)}, sign right"
        f" {sum(signs)}, verdict right {sum(words)}"
    )


def of_lines(lines):
    """What kept lines say of the labels, by the number of trusted rows a class."""
    found = [
        re.match(r"\S+-(\d+) \d+ .*\| labels ([+-][\d.]+).* (use|keep|unclear|not measurable)$", line) for line in lines
    ]
    said = [(int(each[1]), float(each[2]), each[3]) for each in found if each]
    rows = ["trusted rows a class: runs; use: true gain lowest; keep, unclear, not measurable: true gain highest"]
    for many in sorted({each[0] for each in said}):
        here = [each for each in said if each[0] == many]
        parts = [f"{many:>4}: {len(here)}"]
        for word in ("use", "keep", "unclear", "not measurable"):
            gains = [gain for _, gain, verdict in here if verdict == word]
            parts.append(f"{word} {len(gains)}" + (f" ({min(gains):+.3f} to {max(gains):+.3f})" if gains else ""))
        rows.append("; ".join(parts))
    return "\n".join(rows)


def _load(setting, plan, asked):
    model = ModelSettings(backbone=asked.backbone)
    return load(setting.data, asked.root, model, ComputeSettings(device="cpu"), plan.freeze, Silent())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path)
    parser.add_argument("backbone")
    parser.add_argument("--only", nargs="+", default=[])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--a-class", nargs="+", type=int, default=[])
    parser.add_argument("--lines", type=Path)
    asked = parser.parse_args()
    kept = asked.lines.read_text(encoding="utf-8").splitlines() if asked.lines and asked.lines.exists() else []
    runs: list[Measured] = []
    for name, setting, plan in cases(read_plan("real-noise"), asked.a_class):
        seeds = [seed for seed in asked.seeds if not any(line.startswith(f"{name} {seed} ") for line in kept)]
        if not seeds or (asked.only and name not in asked.only):
            continue
        loaded = own_table(name.partition("-")[0]) if setting.data.name in OWN else _load(setting, plan, asked)
        for seed in seeds:
            runs.append(measure(loaded, setting, plan, seed))
            line = told(name, seed, runs[-1])
            print(line, flush=True)
            if asked.lines:
                with asked.lines.open("a", encoding="utf-8") as file:
                    file.write(f"{line}\n")
    for title, some in (
        (f"at least {FEW} trusted rows", [each for each in runs if each.ledger.rows >= FEW]),
        (f"fewer than {FEW}", [each for each in runs if each.ledger.rows < FEW]),
    ):
        if some:
            print(summary(title, some))
    if asked.lines:
        print(of_lines(asked.lines.read_text(encoding="utf-8").splitlines()))
    used = [each.gain for each in runs if conclude(each.ledger).labels == "use"]
    harmed = [gain for gain in used if gain < -HARM]
    print(f"use the corrected labels: {len(used)} of {len(runs)} runs, worse by more than {HARM:g} in {len(harmed)}")


if __name__ == "__main__":
    main()
