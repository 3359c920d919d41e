"""The sets of the plan `weak-labels`, out of the public repositories that have them.

    python tests/measure/weak_labels.py COSINE AFRICAN OUT

COSINE is a copy of github.com/yueyu1030/COSINE, AFRICAN one of github.com/uds-lsv/transfer-distant-transformer-african.
For each set OUT gets a file of noisy rows and one of test rows: id, text, given label, true label. Texts that repeat
are left out, and so are rows without a given label; which rows are drawn, and for what, is the same every time.
"""

import argparse
import csv
import json
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

SETS = {
    "imdb": ("IMDB", ("dev_data", "test_data"), 2500, 500),
    "yelp": ("Yelp", ("dev_data", "test_data"), 1500, 500),
    "chemprot": ("chemprot", ("train_data", "dev_data", "test_data"), 2500, 600),
    "agweak": ("AGNews", ("dev_data", "test_data"), 2500, 600),
}
"""Name → folder, files, noisy rows and test rows."""


def voted(folder, files):
    """The rows of some files for which a rule voted, each text once, in a random order: text, vote, truth."""
    rows = [row for file in files for row in json.loads((folder / f"{file}.json").read_text(encoding="utf-8"))]
    rows = [row for row in rows if row["major"] is not None and row["major"] >= 0]
    random.Random(7).shuffle(rows)
    first = {}
    for row in rows:
        first.setdefault(row["text"], (row["text"], f"c{row['major']}", f"c{row['label']}"))
    return list(first.values())


def headlines(folder, *files):
    """Headline → label of some files, tables whose cells are parted by tabs and never quoted."""
    found = {}
    for file in files:
        with (folder / f"{file}.tsv").open(encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE):
                found[row["news_title"]] = row["label"]
    return found


def write(path, rows):
    """A Parquet file of text, given label (None without) and truth."""
    text, given, truth = zip(*rows, strict=True)
    ids = [f"{path.stem}-{number}" for number in range(len(text))]
    pq.write_table(pa.table({"id": ids, "text": text, "given": given, "truth": truth}), path)
    right = sum(own == true for own, true in zip(given, truth, strict=True)) / len(rows)
    print(f"{path.name}: {len(rows):,} rows, {len(set(truth))} classes, {right:.3f} of the given labels right")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cosine", type=Path)
    parser.add_argument("african", type=Path)
    parser.add_argument("out", type=Path)
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    for name, (folder, files, noisy, test) in SETS.items():
        rows = voted(asked.cosine / "data" / folder, files)[: noisy + test]
        write(asked.out / f"{name}_train.parquet", rows[:-test])
        write(asked.out / f"{name}_test.parquet", rows[-test:])
    yoruba = asked.african / "data" / "yoruba_newsclass"
    given, truth = headlines(yoruba, "train_clean_noisy_labels"), headlines(yoruba, "train_clean")
    write(asked.out / "yoruba_train.parquet", [(text, given[text], truth[text]) for text in given if text in truth])
    tested = headlines(yoruba, "test", "dev")
    write(asked.out / "yoruba_test.parquet", [(text, None, truth) for text, truth in tested.items()])


if __name__ == "__main__":
    main()
