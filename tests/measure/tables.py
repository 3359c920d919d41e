"""Tables: the classifier's features, linear alone and with the kernel beside them, and trees with cleanlab.

    OMP_NUM_THREADS=1 python tests/measure/tables.py FOLDER [--sets phoneme,wine] [--seeds 0,1,2]

FOLDER holds CSV files as github.com/jbrownlee/Datasets has them: adult-train, phoneme, winequality-white (up to 5, 6, 7
and more), abalone (up to 8 rings, 9 and 10, more), pima-indians-diabetes, german, ionosphere, banknote_authentication,
ecoli (its five largest classes), mammography; digits, cells and moons are scikit-learn's. At most 2,000 rows, three
fifths of small sets, get given labels of which a quarter is wrong: of two classes .15 of the one and .35 of the other,
of more the next class's. A tenth of them is trusted and keeps its given label. Other rows, at most 2,000, are the test.

For each: how many suggested labels of rows that are not trusted are right, those as written, average precision for
wrong labels, and the classifier on test rows. Trees: scikit-learn's gradient boosting and random forest learn the
given labels and the trusted ones; cleanlab finds issues by out-of-fold probabilities; a flagged row gets what the trees
say of it out of fold. Constants of the kernel were chosen on phoneme, moons, ionosphere, pima, wine and
adult, and when it is left out on german and cells too.
"""

import argparse
import platform
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores
from sklearn.datasets import load_breast_cancer, load_digits, make_moons
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.metrics import average_precision_score
from sklearn.model_selection import cross_val_predict
from sklearn.preprocessing import OrdinalEncoder

import labelfix

FILES = {
    "adult": "adult-train", "wine": "winequality-white", "pima": "pima-indians-diabetes",
    "banknote": "banknote_authentication",
}  # fmt: skip
CHOSE = ("phoneme", "moons", "ionosphere", "pima", "wine", "adult", "german", "cells")
CONFIRM = ("abalone", "banknote", "ecoli", "mammography", "digits")
BUNDLED = {"digits": load_digits, "cells": load_breast_cancer}
MOST = 2000


def load(folder, name):
    """Inputs as a frame, and the true classes."""
    if name == "moons":
        inputs, truth = make_moons(4000, noise=0.25, random_state=0)
        inputs, truth = pd.DataFrame(inputs), pd.Series(truth)
    elif name in BUNDLED:
        inputs, truth = BUNDLED[name](return_X_y=True)
        inputs, truth = pd.DataFrame(inputs), pd.Series(truth)
    else:
        rows = pd.read_csv(folder / f"{FILES.get(name, name)}.csv", header=None, na_values="?", skipinitialspace=True)
        if name == "wine":
            rows = rows.apply(pd.to_numeric, errors="coerce").dropna()
        inputs, truth = rows.iloc[:, :-1], rows.iloc[:, -1]
    if name == "wine":
        truth = pd.cut(truth, [0, 5, 6, 99], labels=["low", "middle", "high"])
    if name == "abalone":
        truth = pd.cut(truth, [0, 8, 10, 99], labels=["young", "middle", "old"])
    truth = truth.astype(str).str.strip("'")
    if name == "ecoli":
        kept = truth.isin(truth.value_counts().index[:5])
        inputs, truth = inputs[kept], truth[kept]
    inputs.columns = [f"c{place}" for place in range(inputs.shape[1])]
    return inputs.reset_index(drop=True), truth.to_numpy()


def noisy(truth, rng):
    """Given labels."""
    classes, codes = np.unique(truth, return_inverse=True)
    rate = np.where(codes == 0, 0.15, 0.35) if len(classes) == 2 else np.full(len(codes), 0.25)
    return classes[np.where(rng.random(len(codes)) < rate, (codes + 1) % len(classes), codes)]


def by_labelfix(rows, test, given, truth, trusted, seed, backbone):
    """Figures of a run."""
    ids = [f"r{place}" for place in range(len(rows))]
    table = pa.Table.from_pandas(rows, preserve_index=False).append_column("id", pa.array(ids))
    table = table.append_column("label", pa.array(given))
    gold = pa.table({"id": [ids[place] for place in trusted], "label": truth[trusted]})
    with tempfile.TemporaryDirectory() as folder:
        more = {} if backbone is None else {"backbone": backbone}
        labelfix.train(table, gold, Path(folder) / "run", seed=seed, **more)
        run = labelfix.load_run(Path(folder) / "run")
        out = run.corrected.to_pandas() if hasattr(run.corrected, "to_pandas") else run.corrected().to_pandas()
        out = out.set_index("id").loc[ids]
        said = run.predict(pa.Table.from_pandas(test[0], preserve_index=False))["predicted_label"].to_pylist()
    others = np.setdiff1d(np.arange(len(rows)), trusted)
    suggested, written = (out[column].to_numpy()[others] for column in ("suggested_label", "corrected_label"))
    wrong = given[others] != truth[others]
    return {
        "suggested": float((suggested == truth[others]).mean()),
        "written": float((written == truth[others]).mean()),
        "ap": average_precision_score(wrong, 1 - out["label_score"].to_numpy()[others]),
        "test": float((np.array(said) == test[1]).mean()),
    }


def by_trees(rows, test, given, truth, trusted, seed, make):
    """Figures of trees with cleanlab."""
    kinds = rows.select_dtypes(exclude="number").columns
    frames = [frame.copy() for frame in (rows, test[0])]
    if len(kinds):
        coder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1).fit(rows[kinds].astype(str))
        for frame in frames:
            frame[kinds] = coder.transform(frame[kinds].astype(str))
    inputs, tested = (np.nan_to_num(frame.to_numpy(float), nan=-999.0) for frame in frames)
    labels = given.copy()
    labels[trusted] = truth[trusted]
    classes, codes = np.unique(labels, return_inverse=True)
    said = cross_val_predict(make(seed), inputs, codes, cv=5, method="predict_proba")
    flagged = find_label_issues(codes, said, n_jobs=1)
    corrected = np.where(flagged, classes[said.argmax(axis=1)], labels)
    others = np.setdiff1d(np.arange(len(rows)), trusted)
    scores = get_label_quality_scores(codes, said)
    kept = ~flagged
    final = make(seed).fit(inputs[kept], codes[kept])
    right = (corrected == truth)[others].mean()
    return {
        "suggested": float(right),
        "written": float(right),
        "ap": average_precision_score((given != truth)[others], 1 - scores[others]),
        "test": float((classes[final.predict(tested)] == test[1]).mean()),
    }


def boosting(seed):
    return HistGradientBoostingClassifier(learning_rate=0.05, random_state=seed)


def forest(seed):
    return RandomForestClassifier(300, min_samples_leaf=5, random_state=seed)


def main():
    said = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    said.add_argument("folder", type=Path)
    said.add_argument("--sets", default=",".join((*CHOSE, *CONFIRM)))
    said.add_argument("--seeds", default="0,1,2")
    asked = said.parse_args()
    warnings.filterwarnings("ignore")
    print(platform.processor() or platform.machine(), f"labelfix {labelfix.__version__}", flush=True)
    ways = {
        "linear": lambda *rows: by_labelfix(*rows, "linear"),
        "kernel and linear": lambda *rows: by_labelfix(*rows, None),
        "boosting, cleanlab": lambda *rows: by_trees(*rows, boosting),
        "forest, cleanlab": lambda *rows: by_trees(*rows, forest),
    }
    for name in asked.sets.split(","):
        inputs, truth = load(asked.folder, name)
        found = {way: [] for way in ways}
        for seed in map(int, asked.seeds.split(",")):
            rng = np.random.default_rng(100 + seed)
            order = rng.permutation(len(truth))
            size = min(MOST, len(truth) * 3 // 5)
            own, held = order[:size], order[size : size + MOST]
            rows, test = inputs.iloc[own].reset_index(drop=True), (inputs.iloc[held], truth[held])
            given = noisy(truth[own], rng)
            trusted = np.sort(rng.permutation(size)[: size // 10])
            for way, measure in ways.items():
                found[way].append(measure(rows, test, given, truth[own], trusted, seed))
        for way, each in found.items():
            shown = (f"{key} {np.mean([one[key] for one in each]):.3f}" for key in each[0])
            print(f"{name:12} {way:20}", *shown, flush=True)


if __name__ == "__main__":
    main()
