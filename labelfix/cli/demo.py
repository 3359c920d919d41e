"""`labelfix demo`: the whole product on scikit-learn's handwritten digits, offline, in under a minute."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labelfix.cli import options
from labelfix.cli.commands import with_options
from labelfix.cli.option_groups import DEVICE
from labelfix.cli.targets import check_folder
from labelfix.cli.terminal import Voice
from labelfix.errors import RunError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

NOISE, TRUSTED, HELD_OUT = 0.4, 150, 360
"""Share of labels made wrong; rows that are trusted; rows that only the classifier is tried on, a fifth of all."""

DemoOut = Annotated[
    Path, typer.Option("--out", metavar="DIR", help="Where the files go.", rich_help_panel=options.OUTPUT)
]
Seed = Annotated[int, typer.Option("--seed", min=0, metavar="N", help="Draws the noise and the trusted rows.")]


@with_options(DEVICE)
def demo(
    context: typer.Context,
    out: DemoOut = Path("labelfix-demo"),
    seed: Seed = 0,
    device: str | None = None,
    overwrite: options.Overwrite = False,
) -> None:
    """Try labelfix on handwritten digits: corrupt 40 % of the labels, correct them, and compare. Offline.

    Writes its files to ./labelfix-demo, and shows and runs the commands that you would run on your own.
    """
    voice = options.voice(context)
    check_folder(out, overwrite)
    write_files(out, seed)
    voice.note(
        f"wrote {out / 'noisy.parquet'} ({NOISE:.0%} of the labels are wrong), "
        f"{out / 'trusted.csv'} ({TRUSTED} trusted rows), {out / 'truth.csv'} and {out / 'test.parquet'}"
    )
    for words in commands(out, seed, overwrite, device):
        _run(words, voice)
    voice.data("", *closing_lines(out))


def commands(out: Path, seed: int, overwrite: bool, device: str | None = None) -> list[list[str]]:
    """The commands that a user would run, as words after `labelfix`; those that compute are told the device."""
    noisy, trusted, run = (str(out / name) for name in ("noisy.parquet", "trusted.csv", "run"))
    again = ["--overwrite"] if overwrite else []
    where = [] if device is None else ["--device", device]
    predict = ["predict", "--run", run, "--input", str(out / "test.parquet")]
    return [
        ["check", "--noisy", noisy, "--clean", trusted],
        ["train", "--noisy", noisy, "--clean", trusted, "--out", run, "--seed", str(seed), *where, *again],
        ["evaluate", "--run", run, "--truth", str(out / "truth.csv")],
        [*predict, "--out", str(out / "predictions.parquet"), *where, *again],
        ["flag", "--run", run, "--show", "5"],
        ["export", "--run", run, "--corrected-labels", str(out / "fixed.parquet"), *again],
    ]


def write_files(out: Path, seed: int) -> None:
    """Write the noisy table, the trusted rows, the truth and the held-out rows.

    Exactly 40 % of the noisy labels are wrong, each drawn uniformly from the other nine digits. The trusted rows are
    drawn at random from the noisy ones and keep their id, so that their given labels measure the noise.
    """
    import numpy as np
    import pyarrow as pa
    from sklearn.datasets import load_digits

    from labelfix.data.formats import write_batches

    pixels, digits = load_digits(return_X_y=True)
    # Pixels that hardly any digit touches teach nothing, and `check` would rightly say so.
    kept = np.flatnonzero((pixels != 0).mean(axis=0) > 0.02)
    columns = {f"p{column:02d}": pixels[:, column] for column in kept}
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(digits))
    test, train = order[:HELD_OUT], order[HELD_OUT:]
    given = corrupt(digits[train], NOISE, 10, generator)
    trusted = np.sort(generator.choice(len(train), TRUSTED, replace=False))
    ids = pa.array([f"digit-{row:04d}" for row in range(len(digits))])
    tables = {
        "noisy.parquet": _table(ids, columns, given, train),
        "test.parquet": _table(ids, columns, digits[test], test),
        "truth.csv": pa.table({"id": ids.take(pa.array(train)), "label": digits[train]}),
        "trusted.csv": pa.table({"id": ids.take(pa.array(train[trusted])), "label": digits[train[trusted]]}),
    }
    for name, table in tables.items():
        write_batches(out / name, table.schema, table.to_batches())


def corrupt(
    labels: npt.NDArray[np.int64], share: float, classes: int, generator: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Make an exact share of the labels wrong, each uniformly among the other classes.

    Args:
        labels: `(N,)` true labels in 0..classes-1.
        share: The share to make wrong, in [0, 1]; rounded to whole rows.
    """
    wrong = generator.choice(len(labels), round(share * len(labels)), replace=False)
    given = labels.copy()
    given[wrong] = (labels[wrong] + generator.integers(1, classes, len(wrong))) % classes
    return given


def closing_lines(out: Path) -> list[str]:
    """The table at the end, and what was written, from the files that the commands made."""
    import pyarrow.parquet as pq

    truth = _labels(out / "truth.csv")
    fixed = pq.ParquetFile(out / "fixed.parquet").read(columns=["id", "label", "given_label"]).to_pylist()
    test = {row["id"]: row["label"] for row in pq.ParquetFile(out / "test.parquet").read(["id", "label"]).to_pylist()}
    predictions = pq.ParquetFile(out / "predictions.parquet").read(["id", "predicted_label"]).to_pylist()
    figures = {
        "given labels right": _share(row["given_label"] == truth[row["id"]] for row in fixed),
        "corrected labels right": _share(row["label"] == truth[row["id"]] for row in fixed),
        "classifier on held-out rows": _share(int(row["predicted_label"]) == test[row["id"]] for row in predictions),
    }
    width = max(map(len, figures))
    return [
        *(f"{text:<{width}}  {100 * value:5.1f} %" for text, value in figures.items()),
        "",
        f"the noisy file with corrected labels: {out / 'fixed.parquet'}",
        f"scores of every row:                  {out / 'run' / 'corrected.parquet'}",
        f"the classifier:                       {out / 'run' / 'classifier'}",
    ]


def _run(words: Sequence[str], voice: Voice) -> None:
    from labelfix.cli.app import run

    voice.data("", f"$ labelfix {shlex.join(words)}")
    flags = [flag for flag, wanted in (("--quiet", voice.quiet), ("--verbose", voice.verbose)) if wanted]
    code = run([*flags, *words], voice)
    if code:
        raise RunError(f"the demo stopped: `labelfix {words[0]}` ended with exit code {code}")


def _table(ids: pa.Array, columns: Mapping[str, Any], labels: Any, rows: Any) -> pa.Table:  # noqa: ANN401 - arrays
    import pyarrow as pa

    features = {name: values[rows] for name, values in columns.items()}
    return pa.table({"id": ids.take(pa.array(rows)), **features, "label": labels})


def _labels(path: Path) -> dict[str, int]:
    import csv

    with open(path, newline="", encoding="utf-8") as stream:
        return {row["id"]: int(row["label"]) for row in csv.DictReader(stream)}


def _share(hits: Any) -> float:  # noqa: ANN401 - an iterator of truth values
    values = [bool(hit) for hit in hits]
    return sum(values) / len(values)
