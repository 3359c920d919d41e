"""What a run costs beside cleanlab's part of the work: processor seconds and memory of whole commands.

    OMP_NUM_THREADS=1 python tests/measure/price.py price.json [PART ...]

Parts, all of them by default, each made, measured and written to price.json before the next; parts that stand there are
printed and not repeated:

    rows-4000, rows-20000, rows-120000, rows-1000000   embeddings of 384 numbers, 4 classes, 1 in 50 rows trusted (at
                    most 400); beside cleanlab: out-of-fold probabilities of scikit-learn's LogisticRegression in five
                    folds, find_label_issues, and the fit on what is left
    classes-77, classes-1000, classes-5000             10,000 and for the last 100,000 rows
    memory          60,000 rows of 64 numbers, 1,000 classes; beside 4 × the features + 2 × n·C·8 bytes
    wide            a CSV of 3,000 columns and 2,000 rows, read by check and train, beside the same as Parquet
    encode MODEL TEXTS.parquet                         texts a second beside sentence-transformers; only by name

Every command is a process of its own, from the prompt to its last file, imports included. The features lie around one
direction and along few others, as those of encoders do: a fifth of the labels is wrong, half of these by a confusion
with the next class.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

LABELFIX = [sys.executable, "-m", "labelfix"]
SPREAD, WRONG, BLOCK = 0.14, 0.2, 50_000


def features(rows, width, classes, generator):
    """`(rows, width)` of norm 1, and the true classes."""
    scale = np.arange(1, width + 1, dtype=np.float32) ** -0.5
    turn = np.linalg.qr(generator.normal(size=(width, width)))[0].astype(np.float32)
    spread = SPREAD * (1 if classes < 50 else 4)  # many classes of the same spread would not be told apart
    centres = (generator.normal(size=(classes, width)) * scale * spread).astype(np.float32)
    mean = (generator.normal(size=width) * scale * 2).astype(np.float32)
    truth, found = generator.integers(0, classes, rows), np.empty((rows, width), dtype=np.float32)
    for first in range(0, rows, BLOCK):
        part = slice(first, min(first + BLOCK, rows))
        drawn = generator.standard_normal((part.stop - first, width), dtype=np.float32) * scale
        drawn = (drawn + centres[truth[part]] + mean) @ turn
        found[part] = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    return found, truth


def make(folder, rows, width, classes, trusted):
    """noisy.parquet and gold.parquet."""
    generator = np.random.default_rng(0)
    x, truth = features(rows, width, classes, generator)
    wrong, near = generator.random(rows) < WRONG, generator.random(rows) < 0.5
    given = np.where(wrong, np.where(near, (truth + 1) % classes, generator.integers(0, classes, rows)), truth)
    names = np.array([f"class{c:04d}" for c in range(classes)])
    embedding = pa.FixedSizeListArray.from_arrays(pa.array(x.reshape(-1)), width)
    pq.write_table(pa.table({"id": np.arange(rows), "embedding": embedding, "label": names[given]}), folder / NOISY)
    chosen = np.sort(generator.choice(rows, trusted, replace=False))
    pq.write_table(pa.table({"id": chosen, "label": names[truth[chosen]]}), folder / GOLD)


NOISY, GOLD = "noisy.parquet", "gold.parquet"


def measured(command):
    """Processor seconds and peak GB of a command, and what it printed; its exit code where that is not 0."""
    with tempfile.TemporaryFile() as told:
        process = subprocess.Popen([str(part) for part in command], stdout=told, stderr=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        told.seek(0)
        printed = told.read().decode()
    found = {"processor_s": round(used.ru_utime + used.ru_stime, 2), "peak_gb": round(used.ru_maxrss / 1e6, 3)}
    return found | ({"exit": process.returncode} if process.returncode else {}), printed


def trained(folder, noisy=NOISY, gold=GOLD):
    """Costs of `labelfix train`, and the share of its wall time that judging took."""
    run = folder / "run"
    command = [*LABELFIX, "train", "-q", "--label-column", "label", "--noisy", folder / noisy, "--clean", folder / gold]
    found, _ = measured([*command, "--out", run, "--overwrite"])
    if (run / "metrics.json").is_file():
        seconds = json.loads((run / "metrics.json").read_text())["seconds"]
        found["judge_share"] = round(seconds["judge"] / sum(seconds.values()), 3)
    return found


def beside_cleanlab(rows, folder):
    make(folder, rows, 384, 4, min(400, rows // 20))
    found = {"train": trained(folder)}
    whole, printed = measured([sys.executable, __file__, "--cleanlab", folder])
    work = float(printed)
    found["cleanlab"] = whole | {"work_s": work}
    ours = found["train"]["processor_s"]
    return found | {"times_cleanlab": round(ours / whole["processor_s"], 2), "times_its_work": round(ours / work, 2)}


def cleanlab(folder):
    """The work of the other side; prints its processor seconds without imports and reading."""
    from cleanlab.filter import find_label_issues
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict

    table = pq.read_table(folder / NOISY)
    x = table["embedding"].combine_chunks().flatten().to_numpy().reshape(len(table), -1)
    labels = np.unique(table["label"].to_numpy(), return_inverse=True)[1]
    began = time.process_time()
    model = LogisticRegression(max_iter=1000)
    said = cross_val_predict(model, x, labels, cv=5, method="predict_proba")
    kept = ~find_label_issues(labels, said, n_jobs=1)
    model.fit(x[kept], labels[kept])
    print(round(time.process_time() - began, 2))


def of_many_classes(rows, width, classes, trusted, folder):
    make(folder, rows, width, classes, trusted)
    allowed = (4 * rows * width * 4 + 2 * rows * classes * 8) / 1e9
    return {"train": trained(folder), "four_features_and_two_n_c_8_gb": round(allowed, 2)}


def wide(folder):
    generator = np.random.default_rng(0)
    rows, columns = 2000, 3000
    truth, x = generator.integers(0, 3, rows), generator.normal(size=(rows, columns))
    x[:, :20] += generator.normal(size=(3, 20))[truth] * 1.5
    given = np.where(generator.random(rows) < WRONG, generator.integers(0, 3, rows), truth)
    names = np.array(["a", "b", "c"])
    cells = {f"x{i}": np.round(x[:, i], 5) for i in range(columns)}
    table = pa.table({"id": np.arange(rows), **cells, "label": names[given]})
    pq.write_table(table, folder / NOISY)
    pyarrow.csv.write_csv(table, folder / "noisy.csv")
    chosen = np.sort(generator.choice(rows, 150, replace=False))
    pyarrow.csv.write_csv(pa.table({"id": chosen, "label": names[truth[chosen]]}), folder / "gold.csv")
    checked = {}
    for name in (NOISY, "noisy.csv"):
        command = [*LABELFIX, "check", "-q", "--noisy", folder / name, "--clean", folder / "gold.csv"]
        checked[name.partition(".")[2]], _ = measured(command)
    times = checked["csv"]["processor_s"] / checked["parquet"]["processor_s"]
    return {"check": checked, "csv_times_parquet": round(times, 2), "train": trained(folder, "noisy.csv", "gold.csv")}


def encode(model, texts):
    """Texts a second of labelfix and of sentence-transformers, in turn, the faster of two times each."""
    import torch
    from sentence_transformers import SentenceTransformer

    from labelfix.data.tables import InputSpec
    from labelfix.models.text.encoder import open_text_encoder
    from labelfix.progress import Silent
    from labelfix.settings.model import ComputeSettings, ModelSettings

    torch.set_num_threads(1)
    told = pq.read_table(texts)["text"].to_pylist()[:1000]
    ours = open_text_encoder(
        InputSpec("text", ("text",)), ModelSettings(backbone=model), ComputeSettings(offline=True), Silent()
    )
    theirs = SentenceTransformer(model, device="cpu", local_files_only=True)
    theirs.max_seq_length = ours.limit
    ways = {
        "labelfix": lambda: ours._window(told, torch.device("cpu")),
        "sentence-transformers": lambda: theirs.encode(told, batch_size=32),
    }
    seconds, found = {}, {}
    for name, work in [*ways.items()] * 2:
        began = time.process_time()
        found[name] = np.asarray(work())
        seconds[name] = min(seconds.get(name, np.inf), time.process_time() - began)
    rates = {name: round(len(told) / each, 1) for name, each in seconds.items()}
    same = found["labelfix"][:, : found["sentence-transformers"].shape[1]]
    cosine = (same * found["sentence-transformers"]).sum(axis=1) / np.linalg.norm(same, axis=1)
    times = round(rates["labelfix"] / rates["sentence-transformers"], 2)
    return {"texts_a_second": rates, "times_theirs": times, "least_cosine": round(float(cosine.min()), 5)}


PARTS = {
    **{f"rows-{n}": lambda folder, n=n: beside_cleanlab(n, folder) for n in (4000, 20_000, 120_000, 1_000_000)},
    "classes-77": lambda folder: of_many_classes(10_000, 384, 77, 800, folder),
    "classes-1000": lambda folder: of_many_classes(10_000, 384, 1000, 2000, folder),
    "classes-5000": lambda folder: of_many_classes(100_000, 384, 5000, 10_000, folder),
    "memory": lambda folder: of_many_classes(60_000, 64, 1000, 2000, folder),
    "wide": wide,
}


def main(out, names):
    found = json.loads(out.read_text()) if out.is_file() else {}
    parts = PARTS
    if names[:1] == ["encode"]:
        model, texts = names.pop(1), names.pop(1)
        parts = {"encode": lambda _: encode(model, texts)}
    for name in names or parts:
        if name not in found:
            with tempfile.TemporaryDirectory() as folder:
                found[name] = parts[name](Path(folder))
            out.write_text(json.dumps(found, indent=1) + "\n")
        print(name, json.dumps(found[name]), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "--cleanlab":
        cleanlab(Path(sys.argv[2]))
    else:
        main(Path(sys.argv[1]), sys.argv[2:])
