"""Campaigns of `labelfix certify`, simulated on real runs: how often they certify wrongly, and how many rows they read.

    OMP_NUM_THREADS=1 python tests/measure/certify.py DATA_ROOT BACKBONE --set noisyag-human1 --seed 2 [--campaigns 500]

One fit of `mlc` with pairs on a draw of the protocol (docs/how-to/bench.md); the sets are those of the plan real-noise,
`--noise unif --rate 0.01` makes a clean one of a set whose noise is made. A person who knows the truth reads the rows
in the order of the plan and looks at the verdict after every answer, to the last row. Printed are

wrongly  how often a campaign ever certifies a bound that is one row below the truth, the same of the labels with the
         answers written over them, and how often it ever says that a bound which the labels keep cannot be reached;
bounds   rows read until a bound of so many times the true rate is certified, and those of a simple random sample: with
         the same bets (which know from the model how many are wrong), with five bets side by side (the best of what
         we know of for somebody without a model, valid at any time; better than the prior-posterior-ratio martingale of
         the hypergeometric), with the published ones of Waudby-Smith and Ramdas (predictable plug-in, without
         replacement), and of a size fixed beforehand so that the exact upper
         bound (Clopper and Pearson) is low enough in 80 of 100 samples;
least    what no plan with whatever bets can fall below in the mean, knowing all that the run knows and how to calibrate
         it: ln 20 / κ, where rows are wrong with the probabilities q of the run, moved and stretched on the logit scale
         to fit the truth, and κ solves KL(q_i, p_i) = κ for all rows, mean(p) = bound. (A set with probabilities p is
         at the bound, and an answer tells κ in the mean of one from the other, whichever row is read.) It holds where
         few of all rows are read, so that those that are left are no others;
noisy    how often and when a campaign says that 2 % cannot be reached, where more are wrong.
"""

import argparse
import platform
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import scipy
from scipy.special import logit, logsumexp, rel_entr
from scipy.stats import beta, hypergeom
from sklearn.linear_model import LogisticRegression

from labelfix.bench.grid import Job, settings_of
from labelfix.bench.load import load
from labelfix.bench.measure import as_problem
from labelfix.bench.plan import Noise
from labelfix.bench.plan_files import read_plan
from labelfix.bench.protocol import cut
from labelfix.certificates.plan import MODEL_COUNTS
from labelfix.compute.threads import one_thread
from labelfix.data.arrays import Floats
from labelfix.evidence.calibrate import calibrate
from labelfix.evidence.gather import final_soft
from labelfix.methods.table import METHODS
from labelfix.numerics.rate_by_betting import draw_order, draws_of, wealth_above, wealth_below
from labelfix.numerics.reading_plan import Design, border, design, moved_to
from labelfix.progress import Silent
from labelfix.runs.reading_plan import Counted
from labelfix.settings.model import ComputeSettings, ModelSettings

ALPHA = 0.05
ENOUGH = -np.log(ALPHA)
PARTS = (0.3, 0.5, 0.7, 0.85, 0.97)
LOOKED_AT = (200, 1000)
"""Rows of a campaign that are looked at before it is known whether more are needed."""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path)
    parser.add_argument("backbone")
    parser.add_argument("--set", default="noisyag-human1")
    parser.add_argument("--noise")
    parser.add_argument("--rate", type=float, default=0.01)
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--campaigns", type=int, default=500)
    parser.add_argument("--times", type=float, nargs="*", default=[1.25, 1.5, 2.0])
    parser.add_argument("--bound", type=float, default=0.02)
    asked = parser.parse_args()
    error, wrong = labels_of(asked)
    rate = wrong.mean()
    name = f"{asked.set}{f' {asked.noise} {asked.rate:g}' if asked.noise else ''}, seed {asked.seed}"
    print(f"{name}: {len(wrong):,} labels, {rate:.4f} of them wrong as exported, {error.mean():.4f} expected")
    print(
        f"{platform.machine()}, Python {platform.python_version()}, numpy {np.__version__}, scipy {scipy.__version__}"
    )
    wrongly(error, wrong, asked.campaigns)
    for bound in [*(times * rate for times in asked.times), *([asked.bound] if rate < asked.bound else [])]:
        rows_read(error, wrong, bound, asked.campaigns)
    if rate > asked.bound:
        too_noisy(error, wrong, asked.bound, asked.campaigns)


def labels_of(asked):
    """The probability that each exported label is wrong, and whether it is."""
    plan = read_plan("real-noise")
    setting = next(each for each in settings_of(plan) if each.name == asked.set)
    if asked.noise:
        setting = replace(setting, noise=Noise(kind=asked.noise, rate=asked.rate))
    compute = ComputeSettings(device="cpu")
    loaded = load(setting.data, asked.root, ModelSettings(backbone=asked.backbone), compute, True, Silent())
    method = next(each for each in plan.methods if each.name == "mlc-paired")
    part = cut(loaded.rows, setting.noise, plan, asked.seed)
    problem = as_problem(loaded, part, Job(setting, method, "none", asked.seed, "", Path()), plan, compute)
    with one_thread():
        found = calibrate(problem, METHODS["mlc"](problem, method.settings, Silent()))
        assert found is not None
        soft, given = final_soft(problem, found.fitted)
    sure = soft.max(axis=1) >= found.fitted.min_confidence
    label = np.where(sure, soft.argmax(axis=1), given)
    error = 1 - soft[np.arange(len(label)), label].astype(np.float64)
    # As `certificates.plan.expected_rate` has it from the ledger.
    judged = np.average(found.corrected != found.asked.answer, weights=found.asked.weight)
    trusted = len(found.asked.truth)
    error = moved_to(error, (MODEL_COUNTS * error.mean() + trusted * judged) / (MODEL_COUNTS + trusted))
    return error, (label != part.noisy_truth).astype(np.float64)


@dataclass(frozen=True)
class Plan:
    """A design, and what follows from it for the rows."""

    design: Design
    weights: Floats
    controls: Mapping[Counted, Floats]

    @classmethod
    def of(cls, error, bound):
        found = design(error, bound)
        return cls(found, found.weights(error), found.controls(error))


def campaign(plan, wrong, number, count=None):
    """The first draws of a campaign, all where no count is given, and what is found."""
    order = draw_order(plan.weights, np.random.default_rng(number).random(len(wrong)))
    count = len(order) if count is None else count
    return draws_of(order, plan.weights, plan.controls, count), wrong[order[:count]]


def first(proven, rows):
    """The first answer after which something is proven; all rows where never."""
    found = np.flatnonzero(proven)
    return int(found[0]) + 1 if len(found) else rows


def first_below(plan, wrong, number, bound):
    """The first answer of a campaign that proves a bound."""
    for count in (*LOOKED_AT, len(wrong)):
        draws, found = campaign(plan, wrong, number, min(count, len(wrong)))
        proven = np.flatnonzero(wealth_below(draws, found, bound, plan.design.below) >= ENOUGH)
        if len(proven):
            return int(proven[0]) + 1
    return len(wrong)


def wrongly(error, wrong, campaigns):
    """How often something false is ever proven."""
    rows, total = len(wrong), wrong.sum()
    low, high = (total - 0.5) / rows, (total + 0.5) / rows
    below, above = Plan.of(error, low), Plan.of(error, high)
    counts = np.zeros(3)
    for number in range(campaigns):
        draws, found = campaign(below, wrong, number)
        counts[0] += (wealth_below(draws, found, low, below.design.below) >= ENOUGH).any()
        counts[1] += certified_left(draws, found, below.design, total)
        draws, found = campaign(above, wrong, number)
        counts[2] += (wealth_above(draws, found, high, above.design.above) >= ENOUGH).any()
    said = ", ".join(f"{count / campaigns:.3f}" for count in counts)
    print(f"wrongly: {said} of {campaigns} (certified; certified with answers; beyond reach), looking after every row")


def certified_left(draws, found, chosen, total):
    """Whether fewer wrong labels than are left are ever certified to be left, at a bound of half of all.

    Those left are more than half of a row above the bound until half of the wrong ones are found.
    """
    bound = np.floor(total / 2) / draws.rows
    mended = np.cumsum(found)
    false = (total - mended) / draws.rows > bound
    for n in np.unique(np.linspace(1, draws.rows, 60).astype(int)):
        if (
            false[n - 1]
            and wealth_below(draws[:n], found[:n], bound + mended[n - 1] / draws.rows, chosen.below).max() >= ENOUGH
        ):
            return True
    return False


def rows_read(error, wrong, bound, campaigns):
    """How many rows prove a bound, and how many of a simple random sample do."""
    rows = len(wrong)
    even = np.full(rows, error.mean())
    active, uniform = Plan.of(error, bound), Plan.of(even, bound)
    read: dict[str, list[int]] = {}
    for number in range(campaigns):
        for name, plan in (("certify", active), ("same bets", uniform)):
            read.setdefault(name, []).append(first_below(plan, wrong, number, bound))
        sample = wrong[np.random.default_rng(number).permutation(rows)]
        read.setdefault("five bets", []).append(first(side_by_side(sample, bound) >= ENOUGH, rows))
        read.setdefault("published bets", []).append(first(plug_in(sample, bound) >= ENOUGH, rows))
        draws, found = campaign(active, wrong, number)
        mended = first_mended(draws, found, bound, active.design)
        read.setdefault("certify, with answers", []).append(mended)
    means = {name: float(np.mean(each)) for name, each in read.items()}
    own = means["certify"]
    error_of = np.std(read["certify"]) / campaigns**0.5
    fixed = fixed_size(rows, int(wrong.sum()), bound)
    said = ", ".join(f"{name} {mean:.0f} ({own / mean:.2f})" for name, mean in means.items() if name != "certify")
    times = bound / max(wrong.mean(), 1e-9)
    middle, most = np.median(read["certify"]), np.quantile(read["certify"], 0.95)
    spread = f"± {error_of:.0f}, median {middle:.0f}, 95 % of campaigns {most:.0f}"
    print(f"bound {bound:.4f} ({times:.2f} times the rate): {own:.0f} rows ({spread}); {said}, ", end="")
    print(f"fixed size {fixed} ({own / fixed:.2f}), least {least(error, wrong, bound):.0f}", flush=True)


def least(error, wrong, bound):
    """The rows that any valid plan reads in the mean; see the module's docstring."""
    odds = logit(np.clip(error, 1e-5, 1 - 1e-5))[:, None]
    q = LogisticRegression(C=1e6).fit(odds, wrong).predict_proba(odds)[:, 1]
    p = border(q, bound)
    return float(ENOUGH / (rel_entr(q, p) + rel_entr(1 - q, 1 - p)).max())


def first_mended(draws, found, bound, chosen):
    """The first of some looks at which the labels with the answers written over them keep a bound."""
    mended = np.cumsum(found) / draws.rows
    low, high = 0, draws.rows
    # What is proven stays so: more is read, and more is mended.
    while high - low > 1:
        n = (low + high) // 2
        proven = wealth_below(draws[:n], found[:n], bound + mended[n - 1], chosen.below).max() >= ENOUGH
        low, high = (low, n) if proven else (n, high)
    return high


def side_by_side(sample, bound):
    """Log wealth of bets on a simple random sample that know nothing: equal shares at `PARTS` of what may be lost."""
    t = np.arange(1, len(sample) + 1)
    rest = np.minimum((len(sample) * bound - np.cumsum(sample) + sample) / (len(sample) - t + 1), 1 - 1e-12)
    result = np.maximum((rest - sample) / (1 - rest), -1)
    found: Floats = logsumexp([np.log1p(part * result).cumsum() for part in PARTS], axis=0) - np.log(len(PARTS))
    return found


def plug_in(sample, bound):
    """Log wealth of the published bets: λ = sqrt(2 log(1/α) / (σ̂² t log(1 + t))), cut at half of what may be lost."""
    t = np.arange(1, len(sample) + 1)
    before = np.cumsum(sample) - sample
    mean = (0.5 + np.cumsum(sample)) / (t + 1)
    spread = (0.25 + np.cumsum((sample - mean) ** 2)) / (t + 1)
    bet = np.sqrt(2 * ENOUGH / (np.concatenate([[0.25], spread[:-1]]) * t * np.log1p(t)))
    rest = (len(sample) * bound - before) / (len(sample) - t + 1)
    bet = np.minimum(bet, 0.5 / np.maximum(1 - rest, 1e-9))
    return np.cumsum(np.log1p(np.maximum(bet * (rest - sample), -1 + 1e-12)))


def fixed_size(rows, total, bound):
    """The size of a simple random sample whose exact upper bound is low enough in 80 of 100 samples."""

    def enough(size):
        most = int(hypergeom.ppf(0.8, rows, total, size))
        return bool(beta.ppf(1 - ALPHA, most + 1, size - most) <= bound) if most < size else False

    return first(np.array([enough(size) for size in range(1, rows)]), rows)


def too_noisy(error, wrong, bound, campaigns):
    """When a campaign says that a bound cannot be reached."""
    plan = Plan.of(error, bound)
    read = []
    for number in range(campaigns):
        draws, found = campaign(plan, wrong, number)
        read.append(first(wealth_above(draws, found, bound, plan.design.above) >= ENOUGH, len(wrong)))
    soon = np.mean(np.array(read) <= 100)
    when = f"after {np.mean(read):.0f} rows, median {np.median(read):.0f}, within 100 rows in {soon:.3f} of campaigns"
    print(f"noisy: that {bound:g} is beyond reach is said {when}", flush=True)


if __name__ == "__main__":
    main()
