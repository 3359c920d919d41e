"""The tutorial does what it says: its script and its commands run in order, with the exit codes that it shows."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from labelfix.cli import main

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial.md"


def _run(line, environment):
    """A line of the tutorial: labelfix itself within this process, anything else in a shell."""
    if line.startswith("labelfix "):
        return main(shlex.split(line)[1:])
    return subprocess.run(["bash", "-c", line], env=environment, check=False, capture_output=True).returncode


@pytest.mark.slow
def test_the_tutorial_runs_as_shown_and_corrects_most_of_the_labels(tmp_path, monkeypatch, capsys):
    text = TUTORIAL.read_text(encoding="utf-8")
    script = re.search(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)[1]
    lines = [line[2:] for line in text.splitlines() if line.startswith("$ ")]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LABELFIX_CACHE_DIR", str(tmp_path / "cache"))
    subprocess.run([sys.executable, "-c", script], check=True)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    ran = 0
    for line, after in zip(lines, [*lines[1:], ""], strict=True):
        if line == "echo $?":
            continue
        wanted = 0
        if after == "echo $?":
            wanted = int(text.split(f"$ {line}\n")[1].split("$ echo $?\n")[1].split("\n")[0])
        assert _run(line, {**os.environ, "PATH": path}) == wanted, f"{line}\n{capsys.readouterr().err}"
        ran += 1
    assert ran >= 10

    truth = dict(line.split(",") for line in Path("truth.csv").read_text(encoding="utf-8").splitlines()[1:])
    rows = pq.read_table("run/corrected.parquet").to_pylist()
    given = sum(row["given_label"] == truth[row["id"]] for row in rows) / len(rows)
    corrected = sum(row["corrected_label"] == truth[row["id"]] for row in rows) / len(rows)
    assert given < 0.8 < 0.9 < corrected
