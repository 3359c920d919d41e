"""`labelfix --help` and `labelfix flag` run on every commit of somebody's project: they must start at once."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = [
    "torch",
    "torchvision",
    "transformers",
    "timm",
    "sklearn",
    "scipy",
    "pandas",
    "datasets",
    "pyarrow.dataset",
    "pyarrow.compute",
]
PROGRAM = """
import json, sys
from labelfix.cli import main
code = main(sys.argv[1:])
sys.stdout.flush()
print(json.dumps([code, sorted(sys.modules)]), file=sys.stderr)
"""


def modules(*words):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words], capture_output=True, text=True, timeout=60, check=True
    )
    return json.loads(done.stderr.splitlines()[-1])


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--help"], 0),
        (["train", "--help"], 0),
        (["methods", "mlc"], 0),
        (["flag", "--run", "run"], 0),
        (["flag", "--run", "run", "--max-issue-rate", "0"], 1),
        (["flag", "--corrected", "run/corrected.parquet", "--min-confidence", "0.9", "--format", "json"], 0),
        (["flag", "--run", "run", "--format", "github"], 0),
    ],
)
def test_nothing_heavy_is_imported(at_work, words, code):
    ended, loaded = modules(*words)
    assert ended == code
    assert [name for name in HEAVY if name in loaded] == []


def test_rich_is_not_imported_to_judge(at_work):
    assert [name for name in modules("flag", "--run", "run")[1] if name.startswith("rich")] == []
