"""Configuration files and finished runs for `fuzz.py`: changed, and then used by the commands that read them."""

import contextlib
import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from fuzz_seeds import ROWS, Seed, delimited, gold, ids, labels

from labelfix.cli import main
from labelfix.data.read import read_training
from labelfix.errors import LabelfixError
from labelfix.settings.resolve import resolve

FILES = ("--noisy", "noisy.csv", "--clean", "gold.csv")
RUN_COMMANDS: tuple[tuple[str, ...], ...] = (
    ("flag", "--run", "run"),
    ("flag", "--run", "run", "--format", "json", "--max-issue-rate", "0.2"),
    ("flag", "--run", "run", "--format", "github", "--min-confidence", "0.3", "--max-noise-rate", "0.1"),
    ("flag", "--run", "run", "--max-false-flags", "0.4"),
    ("flag", "--corrected", "run/corrected.parquet", "--budget", "5"),
    ("flag", "--run", "run", "--baseline", "run/corrected.parquet"),
    ("export", "--run", "run", "--corrected-labels", "out.csv", "--details"),
    ("export", "--run", "run", "--corrected-labels", "out.parquet", "--drop-issues"),
    ("correct", "--run", "run", "--noisy", "noisy.csv", "--out", "new.parquet"),
    ("predict", "--run", "run", "--noisy", "noisy.csv", "--out", "new.csv"),
    ("evaluate", "--run", "run", "--truth", "truth.csv"),
    ("next", "--run", "run", "--out", "next.csv"),
    ("report", "--run", "run", "--out", "report.html"),
)
CONFIG = """\
method = "mlc"
seed = 3
min_confidence = 0.7

[data]
id_column = "id"
label_column = "label"
text_column = "text"
missing = "NA,none"
clean_sampling = "random"

[model]
backbone = "tfidf"

[compute]
device = "cpu"
read_rows = 100

[mlc]
epochs = 3
recipe = "anchored"
"""


def config_seeds():
    return [
        Seed({"labelfix.toml": CONFIG.encode(), "noisy.csv": delimited().encode(), "gold.csv": gold()}, "labelfix.toml")
    ]


def run_seeds():
    """A finished run with its inputs, trained here."""
    trusted = gold() + b"".join(f"{ids()[row]},{labels()[row]}\n".encode() for row in range(9, ROWS - 4))
    with tempfile.TemporaryDirectory(prefix="fuzz-run-") as folder:
        inputs = {"noisy.csv": delimited(feature=True).encode(), "gold.csv": trusted}
        truth = "".join(f"{name},{label}\n" for name, label in zip(ids(), labels(), strict=True))
        inputs["truth.csv"] = f"id,label\n{truth}".encode()
        for name, data in inputs.items():
            (Path(folder) / name).write_bytes(data)
        words = ["train", *FILES, "--out", "run", "--set", "compute.cache_dir=cache", "-q"]
        done = subprocess.run([sys.executable, "-m", "labelfix", *words], cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        made = {str(p.relative_to(folder)): p.read_bytes() for p in (Path(folder) / "run").rglob("*") if p.is_file()}
    return [Seed({**inputs, **made}, "run")]


def check_by_config(folder):
    """What `labelfix check` does with a configuration file, without the time that its flags take."""
    settings = resolve(config=folder / "labelfix.toml", environ={}).settings
    read_training(str(folder / "noisy.csv"), str(folder / "gold.csv"), settings.data, settings.compute.read_rows)


def use_run(folder, random):
    """Some of the commands that read a run."""
    try_some(folder, RUN_COMMANDS, random)


def try_some(folder, commands, random):
    """Four of some commands; the first error is told when all have been tried."""
    errors: list[LabelfixError] = []
    with _within(folder):
        for words in random.sample(commands, 4):
            try:
                say(*words)
            except LabelfixError as error:
                errors.append(error)
    if errors:
        raise errors[0]


def say(*words):
    """Run a command.

    Raises:
        LabelfixError: It ended with exit code 2 and a message.
        AssertionError: It ended in any other way than it may.
    """
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([*words, "--verbose"])
    said = err.buffer.getvalue().decode()
    shown = f"{' '.join(words)}\n{said[-3500:]}"
    assert code in (0, 1, 2), f"exit code {code}: {shown}"
    assert "unexpected error" not in said, shown
    if code == 2:
        lines = [line for line in said.splitlines() if line.startswith("labelfix: ")]
        assert any(line.removeprefix("labelfix: ").strip() for line in lines), f"nothing said: {shown}"
        raise LabelfixError("\n".join(lines))


@contextlib.contextmanager
def _within(folder):
    before = Path.cwd()
    os.chdir(folder)
    os.environ["LABELFIX_CACHE_DIR"] = str(folder / "cache")
    try:
        yield
    finally:
        os.chdir(before)
