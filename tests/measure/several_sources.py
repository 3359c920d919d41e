"""All columns against each single one, the majority vote and Dawid-Skene, on sets whose truth is known.

    python tests/measure/several_sources.py DATA --backbone FOLDER [--seeds 0,1,2] [--per-class 20] [--sets noisyag]
        [--odd copied,inverted,random,constant]
    python tests/measure/several_sources.py DATA --coverage 200
    python tests/measure/several_sources.py --large

DATA holds noisyag/human4000.parquet (github.com/jin756/NoisyAG-News) and wrench/{youtube,trec}_*.parquet with a column
`weak_labels` (github.com/JieyuZ2/wrench). Texts are encoded by FOLDER alone, without the words beside it. Rows without
any opinion are left out, at most 4,000 are taken; a tenth of them, or so many a class, are trusted and keep their
opinions. Without a test file a fifth of the rows is the test part. The same cut for all methods of a seed.

`right` is how many of the rows that are not trusted have the right suggested label, `nll` the log loss of their soft
labels, `ap` the average precision of 1 - label_score for wrong majority labels (of wrong given ones for a single
column). Constants of the method were chosen on seeds 10 to 12; figures that are published are of seeds 0 to 2.
"""

import argparse
import json
import platform
import resource
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch
from scipy.special import softmax
from sklearn.metrics import average_precision_score

from labelfix.bench.load import load
from labelfix.bench.metrics import expected_calibration_error
from labelfix.bench.plan import DataEntry
from labelfix.correctors.contract import Problem
from labelfix.data.labels.classes import natural_order
from labelfix.data.labels.noise_rate import counted
from labelfix.data.opinions import Opinions
from labelfix.evidence.calibrate import calibrate
from labelfix.methods.mlc import anchored
from labelfix.models.classifier import Classifier
from labelfix.models.features import FeatureInputs
from labelfix.numerics.dawid_skene import dawid_skene
from labelfix.progress import Silent
from labelfix.settings.methods import MlcSettings
from labelfix.settings.model import ComputeSettings, ModelSettings

FILES = {
    "noisyag": (("noisyag/human4000.parquet",), ()),
    "youtube": (("wrench/youtube_train.parquet", "wrench/youtube_valid.parquet"), ("wrench/youtube_test.parquet",)),
    "trec": (("wrench/trec_train.parquet", "wrench/trec_valid.parquet"), ("wrench/trec_test.parquet",)),
}
MOST = 4000


@dataclass
class Part:
    """One seed's rows: features, codes of what sources say (-1: silent), and the truth."""

    x: np.ndarray
    said: np.ndarray
    truth: np.ndarray
    clean_x: np.ndarray
    clean_said: np.ndarray
    clean_truth: np.ndarray
    test_x: np.ndarray
    test_truth: np.ndarray
    classes: int
    seed: int


def votes_of(root, name):
    """`(N, S)` words, "" for silence."""
    rows = [row for file in FILES[name][0] for row in pq.read_table(root / file).to_pylist()]
    if name == "noisyag":
        return np.array([[row[f"human{i}"] or "" for i in (1, 2, 3)] for row in rows])
    return np.array([json.loads(row["weak_labels"]) for row in rows])


def cut(root, name, backbone, seed, per_class, odd):
    """A set, cut for one seed."""
    files, tests = FILES[name]
    entry = DataEntry(name=name, files=files, test_files=tests, text_column="text", truth="clean_label")
    rows = load(entry, root, ModelSettings(backbone=backbone, lexical=False), ComputeSettings(), True, Silent()).rows
    words, x = votes_of(root, name), np.asarray(rows.features)
    names = natural_order(sorted({*rows.truth, *words.ravel()} - {""}))
    codes = {word: code for code, word in enumerate(names)}
    said = np.array([[codes.get(word, -1) for word in row] for row in words])
    truth = np.array([codes[word] for word in rows.truth])
    generator = np.random.default_rng(1000 + seed)
    if rows.test_inputs is None:
        shuffled = generator.permutation(len(truth))
        test, pool = shuffled[: len(truth) // 5], shuffled[len(truth) // 5 :]
        test_x, test_truth = x[test], truth[test]
    else:
        pool, test_x = np.arange(len(truth)), np.asarray(rows.test_inputs.features)
        test_truth = np.array([codes.get(word, -1) for word in rows.test_truth])
    pool = pool[(said[pool] >= 0).any(axis=1)]
    pool = pool[generator.permutation(len(pool))[:MOST]]
    size = len(pool) // 10 if per_class is None else min(per_class * len(names), len(pool) // 2)
    shuffled = generator.permutation(len(pool))
    chosen, rest = shuffled[:size], shuffled[size:]
    more = [rest[truth[pool[rest]] == c][: max(2 - (truth[pool[chosen]] == c).sum(), 0)] for c in range(len(names))]
    trusted = np.sort(np.concatenate([chosen, *more]))
    noisy = np.setdiff1d(np.arange(len(pool)), trusted)
    said = with_odd(said[pool], odd, len(names), np.random.default_rng(7 + seed))
    own = x[pool], said, truth[pool]
    return Part(*(e[noisy] for e in own), *(e[trusted] for e in own), test_x, test_truth, len(names), seed)


def with_odd(said, odd, classes, generator):
    """The opinions with a source more: the first one copied five times, inverted, random or constant."""
    first = said[:, [0]]
    more = {
        "": [],
        "copied": [first] * 5,
        "inverted": [np.where(first >= 0, classes - 1 - first, -1)],
        "random": [generator.integers(0, classes, (len(said), 1))],
        "constant": [np.zeros((len(said), 1), dtype=np.int64)],
    }
    return np.hstack([said, *more[odd]])


def opinions_of(said):
    """The same as opinions."""
    rows, sources = said.shape
    row, source = np.repeat(np.arange(rows), sources), np.tile(np.arange(sources), rows)
    return Opinions.of(rows, row, source, said.ravel(), tuple(f"s{i}" for i in range(sources)))


def linear(width, classes):
    """What makes a linear head on fixed features."""
    return lambda generator: Classifier(torch.nn.Identity(), width, classes, generator)


def fitted(part, given, paired, all_of_them):
    """The default method on one column, or on all; and `(N, K)` soft labels, also of rows that have no label."""
    keep = given >= 0
    problem = Problem(
        noisy=FeatureInputs(part.x[keep]),
        given=given[keep],
        clean=FeatureInputs(part.clean_x),
        truth=part.clean_truth,
        paired_given=paired,
        num_classes=part.classes,
        sampling="random",
        new_classifier=linear(part.x.shape[1], part.classes),
        family="head",
        device=torch.device("cpu"),
        seed=part.seed,
    )
    if all_of_them:
        own = opinions_of(part.said[keep]), opinions_of(part.clean_said)
        problem = replace(problem, opinions=own[0], paired_opinions=own[1])
    model = anchored.solve(problem, MlcSettings(), Silent())
    calibrated = calibrate(problem, model)
    model = model if calibrated is None else calibrated.fitted
    with torch.no_grad():
        soft = softmax(model.classifier(torch.from_numpy(part.x)).logits.numpy(), axis=1)
    assert model.own_rows is not None
    soft[keep] = model.own_rows.soft
    return model, soft


def figures(part, soft, given, model):
    """What is told of soft labels."""
    soft, truth = np.clip(soft, 1e-12, 1), part.truth
    each, keep = np.arange(len(truth)), given >= 0
    wrong = given[keep] != truth[keep]
    found = {
        "right": (soft.argmax(axis=1) == truth).mean(),
        "ap": average_precision_score(wrong, 1 - soft[keep, given[keep]]),
        "nll": -np.log(soft[each, truth]).mean(),
        "ece": expected_calibration_error(soft, truth),
        "test": float("nan"),
    }
    if model is not None:
        with torch.no_grad():
            guess = model.classifier(torch.from_numpy(part.test_x)).logits.argmax(dim=1).numpy()
        found["test"] = (guess == part.test_truth)[part.test_truth >= 0].mean()
    return {name: float(value) for name, value in found.items()}


def measure(part, only):
    """Method → its figures."""
    votes, judged = opinions_of(part.said), opinions_of(part.clean_said)
    given, paired = votes.majority(part.classes), judged.majority(part.classes)
    found = {}
    if "votes" in only:
        shares = votes.votes(part.classes) + 1e-3
        shares[np.arange(len(given)), given] += 1e-4  # of equals what the first source says
        found["majority, as it is"] = figures(part, shares / shares.sum(axis=1, keepdims=True), given, None)
        found["dawid-skene, as it is"] = figures(part, np.exp(dawid_skene(votes, part.classes)), given, None)
    if "single" in only and part.said.shape[1] <= 3:
        for source in range(part.said.shape[1]):
            own = part.said[:, source]
            model, soft = fitted(part, own, part.clean_said[:, source], False)
            found[f"mlc on source {source + 1}"] = figures(part, soft, own, model)
    if "majority" in only:
        model, soft = fitted(part, given, paired, False)
        found["mlc on the majority"] = figures(part, soft, given, model)
        every = dawid_skene(Opinions.together(votes, judged), part.classes).argmax(axis=1)
        own = every[: len(votes)], every[len(votes) :]
        model, soft = fitted(part, *own, False)
        found["mlc on dawid-skene"] = figures(part, soft, own[0], model)
    if "all" in only:
        model, soft = fitted(part, given, paired, True)
        found["mlc on all columns"] = figures(part, soft, given, model)
    return found


def coverage(root, draws):
    """How often the interval of a source's accuracy holds the truth."""
    for name in FILES:
        rows = [row for file in FILES[name][0] for row in pq.read_table(root / file).to_pylist()]
        truth, words = np.array([row["clean_label"] for row in rows]), votes_of(root, name)
        generator = np.random.default_rng(0)
        for pairs in (20, 50, 200):
            held = []
            for source in range(words.shape[1]):
                own = np.flatnonzero(words[:, source] != "")
                if len(own) < 2 * pairs:
                    continue
                right = words[own, source] == truth[own]
                for _ in range(draws):
                    drawn = generator.permutation(len(own))[:pairs]
                    rest = len(own) - pairs
                    each = counted(int(right[drawn].sum()), pairs, rest)
                    meant = (right.sum() - right[drawn].sum()) / rest
                    held.append(each.low <= meant <= each.high)
            print(f"{name:8} {pairs:4} pairs: {np.mean(held):.3f} of {len(held)} intervals hold the truth", flush=True)


def large(rows=1_000_000, sources=1_000, opinions=5_000_000, several=True):
    """Time and memory of a fit on made rows, with all opinions or with their vote alone."""
    generator = np.random.default_rng(0)
    classes, width, trusted = 5, 32, 1_000
    truth = generator.integers(0, classes, rows + trusted)
    x = (generator.normal(size=(rows + trusted, width)) + 2 * np.eye(classes, width)[truth]).astype(np.float32)
    row = np.concatenate([np.arange(rows + trusted), generator.integers(0, rows + trusted, opinions - rows)])
    source = generator.integers(0, sources, len(row))
    right = generator.random(len(row)) < np.linspace(0.5, 0.9, sources)[source]
    label = np.where(right, truth[row], generator.integers(0, classes, len(row)))
    every = Opinions.of(rows + trusted, row, source, label, tuple(map(str, range(sources))))
    noisy, clean = np.arange(rows), np.arange(rows, rows + trusted)
    given = every.majority(classes)
    problem = Problem(
        noisy=FeatureInputs(x[noisy]),
        given=given[noisy],
        clean=FeatureInputs(x[clean]),
        truth=truth[clean],
        paired_given=given[clean],
        num_classes=classes,
        sampling="random",
        new_classifier=linear(width, classes),
        family="head",
        device=torch.device("cpu"),
        seed=0,
    )
    if several:
        problem = replace(problem, opinions=every.take(noisy), paired_opinions=every.take(clean))
    del every
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    model = anchored.solve(problem, MlcSettings(), Silent())
    seconds, peak = time.process_time() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert model.own_rows is not None
    hits = (model.own_rows.soft.argmax(axis=1) == truth[noisy]).mean()
    print(f"{'all opinions' if several else 'the vote'}: {seconds:.0f} s of processor time, peak {peak / 1e6:.2f} GB")
    print(f"  ({before / 1e6:.2f} GB before the fit), {hits:.4f} right, {model.metrics['fit_seconds']}")


def main():
    """As the module's docstring says."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("data", type=Path, nargs="?")
    asked.add_argument("--backbone")
    asked.add_argument("--seeds", default="0,1,2")
    asked.add_argument("--sets", default=",".join(FILES))
    asked.add_argument("--per-class", type=int)
    asked.add_argument("--odd", default="")
    asked.add_argument("--only", default="votes,single,majority,all")
    asked.add_argument("--coverage", type=int)
    asked.add_argument("--large", choices=["all", "vote"])
    asked.add_argument("--rows", type=int, default=1_000_000)
    given = asked.parse_args()
    torch.set_num_threads(1)
    print(platform.platform(), platform.processor(), "numpy", np.__version__, "torch", torch.__version__)
    if given.coverage:
        coverage(given.data, given.coverage)
        return
    if given.large:
        large(given.rows, opinions=5 * given.rows, several=given.large == "all")
        return
    for name in given.sets.split(","):
        for odd in given.odd.split(","):
            parts = [
                cut(given.data, name, given.backbone, int(s), given.per_class, odd) for s in given.seeds.split(",")
            ]
            found = [measure(part, set(given.only.split(","))) for part in parts]
            for method in found[0]:
                line = []
                for figure in found[0][method]:
                    own = [each[method][figure] for each in found]
                    line.append(f"{figure} {np.mean(own):.4f} ± {np.std(own, ddof=1) / len(own) ** 0.5:.4f}")
                told = f"{name} {odd or 'as it is'} {given.per_class or '10 %'}"
                print(f"{told:24} {method:22} {'  '.join(line)}", flush=True)


if __name__ == "__main__":
    main()
