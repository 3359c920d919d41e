"""What comes back from people and stands beside a run, for `fuzz.py`: answers, opinions, baselines, plans."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

from fuzz_runs import run_seeds, try_some
from fuzz_seeds import CLASSES, ROWS, Seed, delimited, gold, ids, labels, parquet_bytes, text_table, texts, xlsx_bytes

WHEN = "2026-01-31T12:00:00.000Z"
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("flag", "--run", "run", "--baseline", "baseline.json", "--max-issue-rate", "0.2"),
    ("flag", "--run", "run", "--baseline", "baseline.csv", "--format", "sarif"),
    ("flag", "--run", "run", "--config", "gate.toml", "--format", "junit"),
    ("flag", "--corrected", "scored.parquet", "--format", "gitlab"),
    ("flag", "--corrected", "scored.csv", "--format", "markdown"),
    ("export", "--run", "run", "--corrected-labels", "out.parquet"),
    ("report", "--run", "run", "--out", "report.html"),
    ("next", "--run", "run", "--out", "next.csv"),
    ("certify", "--run", "run", "--max-noise-rate", "0.3", "--count", "5"),
    ("certify", "--run", "run", "--answers", "checked.csv"),
    ("evaluate", "--run", "run", "--truth", "truth.csv"),
)
GATE = """\
[gate]
min_confidence = 0.4
max_issue_rate = 0.3
severity = "major"
owner = "@people"

[gate.classes.cat]
max_issue_rate = 0.1
"""


def studio():
    """An export of Label Studio."""
    return [
        {
            "id": row,
            "data": {"id": ids()[row], "text": texts()[row]},
            "annotations": [
                {
                    "id": row,
                    "completed_by": {"id": 1, "email": "ann@example.org"},
                    "was_cancelled": False,
                    "created_at": WHEN,
                    "result": [
                        {"from_name": "label", "to_name": "text", "type": "choices", "value": {"choices": [name]}}
                    ],
                }
            ],
        }
        for row, name in enumerate(labels()[:9])
    ]


def argilla():
    """Records of Argilla."""
    return [
        {
            "id": ids()[row],
            "status": "completed",
            "fields": {"text": texts()[row]},
            "metadata": {"row": ids()[row]},
            "suggestions": {"label": {"value": name, "score": 0.5, "agent": "labelfix"}},
            "responses": {"label": [{"value": name, "user_id": "7f", "status": "submitted"}]},
        }
        for row, name in enumerate(labels()[:9])
    ]


def decisions():
    """Answers as the review page keeps them."""
    made = [
        {"key": f"k{row}", "id": ids()[row], "decision": "label", "label": name, "who": "ann", "when": WHEN}
        | {"seconds": 1.5, "queue": "random", "inclusion": 0.5, "note": "", "run": ""}
        for row, name in enumerate(labels()[:9])
    ]
    undo = {"key": "u", "id": ids()[3], "decision": "undo", "takes_back": "k3", "who": "ann", "when": WHEN}
    return b"".join(json.dumps(each).encode() + b"\n" for each in [*made, {**undo, "queue": "random"}])


def annotated_seeds():
    """Trusted rows that come from tools and people."""
    noisy = delimited().encode()
    lines = b"".join(json.dumps(each).encode() + b"\n" for each in argilla())
    flat = [{"id": t["data"]["id"], "text": t["data"]["text"], "label": "cat", "annotator": 1, "annotation_id": n}
            for n, t in enumerate(studio())]  # fmt: skip
    trusted = {
        "gold.json": json.dumps(studio()).encode(),
        "argilla.json": json.dumps(argilla()).encode(),
        "argilla.jsonl": lines,
        "flat.json": json.dumps(flat).encode(),
        "answers.jsonl": decisions(),
        "gold.xlsx": xlsx_bytes(
            [["id", "label", "note"], *([i, name, "x"] for i, name in zip(ids()[:9], labels()[:9], strict=True))]
        ),
    }
    return [Seed({"noisy.csv": noisy, name: data}, "noisy.csv", name) for name, data in trusted.items()]


def opinion_seeds():
    """Long files of opinions, one a line, and columns of several sources."""
    long = [(ids()[row], who, CLASSES[(row + n) % 3]) for row in range(ROWS) for n, who in enumerate(("ann", "ben"))]
    table = "id,annotator,label\n" + "".join(f"{','.join(each)}\n" for each in long)
    lines = "".join(json.dumps(dict(zip(("id", "annotator", "label"), each, strict=True))) + "\n" for each in long)
    votes = text_table().append_column("votes", [[json.dumps({"ann": name, "ben": "cat"}) for name in labels()]])
    made = {"opinions.csv": table.encode(), "opinions.jsonl": lines.encode()}
    seeds = [
        Seed({"noisy.csv": delimited().encode(), "gold.csv": gold(), name: data}, "noisy.csv",
             settings={"sources": f"./{name}"})
        for name, data in made.items()
    ]  # fmt: skip
    several = Seed({"noisy.parquet": parquet_bytes(votes), "gold.csv": gold()}, "noisy.parquet")
    return [*seeds, replace(several, settings={"label_columns": ("votes",)})]


@cache
def beside_seeds():
    """A run with all that people put beside it, of which only that is changed."""
    (run,) = run_seeds()
    with tempfile.TemporaryDirectory(prefix="fuzz-beside-") as folder:
        for name, data in run.files.items():
            (Path(folder) / name).parent.mkdir(parents=True, exist_ok=True)
            (Path(folder) / name).write_bytes(data)
        for words in (
            ("certify", "--run", "run", "--max-noise-rate", "0.3", "--count", "5", "--out", "to_check.csv"),
            ("correct", "--run", "run", "--noisy", "noisy.csv", "--out", "scored.parquet"),
            ("correct", "--run", "run", "--noisy", "noisy.csv", "--out", "scored.csv"),
            ("flag", "--run", "run", "--format", "json=baseline.json"),
        ):
            command = [sys.executable, "-m", "labelfix", *words, "-q"]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
            assert done.returncode in (0, 1), done.stderr
        header, *asked = (line.split(",") for line in (Path(folder) / "to_check.csv").read_text().splitlines())
        place = header.index("label")
        filled = [",".join(cells) for cells in (header, *([*row[:place], "cat", *row[place + 1 :]] for row in asked))]
        extra = {
            "checked.csv": "\n".join(filled).encode(),
            "baseline.csv": b"id,given_label\na1,cat\na5,dog\n",
            "gate.toml": GATE.encode(),
            "run/answers.jsonl": decisions(),
        }
        new = {str(p.relative_to(folder)): p.read_bytes() for p in Path(folder).rglob("*") if p.is_file()}
    files = {**run.files, **new, **extra}
    changed = tuple(name for name in files if name not in run.files and not name.startswith("cache"))
    return [Seed(files, "run", changed=changed)]


def use_beside(folder, random):
    """Some of the commands that read what lies beside a run."""
    try_some(folder, COMMANDS, random)


ANSWERS: dict[str, Callable[[], list[Seed]]] = {"annotated": annotated_seeds, "opinions": opinion_seeds}
"""Kinds that are read as trusted rows and sources are."""
