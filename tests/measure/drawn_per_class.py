"""What trusted rows that were drawn per class make of labels of rare classes.

    OMP_NUM_THREADS=1 python tests/measure/drawn_per_class.py DATA_ROOT [SET ...] [--seeds 0 1 2] [--random]

Sets: `two3` and `two10`, AG News with 3 and 10 % of one class and the other three as one, 50 trusted rows a class,
labels of the rare class wrong in .3 and of the other in .02 and .05; `four`, its four classes at .7, .2, .06 and .04
with a fifth of the labels wrong, 40 a class; `fourm`, at .4, .3, .2, .1 with three tenths wrong; `trec` and `hausa`
with their own noise, 25 a class. 3,000 rows (2,500 of trec, 2,045 of hausa), texts without an encoder; of a class at
most half is trusted. `--random` draws as many trusted rows at random instead; `--unpaired` takes them out of the noisy
file.

A line each: shares of labels right as given, corrected, suggested and predicted, and the mean negative log-likelihood
of the soft labels, of rows that are not trusted.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

import labelfix

AG = ("World", "Sports", "Business", "Sci/Tech")
MADE = {
    "two3": ({"Sports": 0.03, "other": 0.97}, {"Sports": 0.3, "other": 0.02}, 50),
    "two10": ({"Business": 0.1, "other": 0.9}, {"Business": 0.3, "other": 0.05}, 50),
    "four": (dict(zip(AG, (0.7, 0.2, 0.06, 0.04), strict=True)), dict.fromkeys(AG, 0.2), 40),
    "fourm": (dict(zip(AG, (0.4, 0.3, 0.2, 0.1), strict=True)), dict.fromkeys(AG, 0.3), 40),
}
REAL = {
    "trec": ("wrench/trec_train.parquet", "wrench/trec_valid.parquet"),
    "hausa": ("hausa_newsclass/train_noisy_clean.parquet",),
}


def made(name, root, seed):
    """Rows with text, truth and label, and how many of each class are trusted."""
    if name in REAL:
        rows = pd.concat([pd.read_parquet(root / file) for file in REAL[name]]).dropna()
        rows = rows.rename(columns={"noisy_label": "label", "clean_label": "truth"})[["text", "truth", "label"]]
        rows = rows.sample(min(len(rows), 2_500), random_state=seed).reset_index(drop=True)
        return rows.assign(truth="c" + rows.truth.astype(str), label="c" + rows.label.astype(str)), 25
    shares, wrong, trusted = MADE[name]
    source = pd.read_parquet(root / "agnews/train.parquet").sample(12_000, random_state=11)
    truth = source.label.to_numpy(dtype=object)
    truth = np.where(np.isin(truth, list(shares)), truth, "other")
    parts = [
        source.text[truth == c].sample(round(3_000 * share), random_state=seed).to_frame().assign(truth=c)
        for c, share in shares.items()
    ]
    rows = pd.concat(parts).sample(frac=1, random_state=seed).reset_index(drop=True)
    generator = np.random.default_rng(seed)
    flipped = generator.random(len(rows)) < rows.truth.map(wrong)
    others = [generator.choice([c for c in shares if c != own]) for own in rows.truth]
    return rows.assign(label=np.where(flipped, others, rows.truth)), trusted


def measured(name, root, seed, asked):
    rows, each = made(name, root, seed)
    rows.insert(0, "id", [f"r{i:05d}" for i in range(len(rows))])
    shuffled = rows.sample(frac=1, random_state=seed)
    numbers = shuffled.groupby("truth").cumcount()
    few = shuffled.truth.map(rows.truth.value_counts()) // 2
    trusted = shuffled[numbers < np.minimum(each, few)]
    if asked.random:
        trusted = shuffled[: len(trusted)]
    gold = trusted[["text" if asked.unpaired else "id", "truth"]].rename(columns={"truth": "label"})
    if asked.unpaired:
        rows = rows[~rows.id.isin(trusted.id)]
    with tempfile.TemporaryDirectory() as folder:
        run = labelfix.train(rows[["id", "text", "label"]], gold, out=Path(folder) / "run")
        found, classes = run.corrected.to_pandas(), list(run.classes.names)
    found = found[~found.id.isin(trusted.id)]
    truth = rows.set_index("id").truth.loc[found.id].to_numpy()
    columns = ("given_label", "corrected_label", "suggested_label", "predicted_label")
    place = np.array([classes.index(each) for each in truth])
    likely = np.stack(found.soft_label.to_numpy())[np.arange(len(found)), place]
    return (*(float((found[each].to_numpy() == truth).mean()) for each in columns), float(-np.log(likely).mean()))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path)
    parser.add_argument("sets", nargs="*")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--random", action="store_true")
    parser.add_argument("--unpaired", action="store_true")
    asked = parser.parse_args()
    for name in asked.sets or [*MADE, *REAL]:
        figures = [measured(name, asked.root, seed, asked) for seed in asked.seeds]
        for seed, line in zip([*asked.seeds, "mean"], [*figures, np.mean(figures, axis=0)], strict=True):
            print(name, seed, *(f"{value:.4f}" for value in line), flush=True)


if __name__ == "__main__":
    main()
