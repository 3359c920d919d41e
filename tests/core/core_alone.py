"""Run commands of labelfix as if `pip install labelfix` were all that is installed: everything else is hidden."""

import json
import os
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

from requirements_source import REQUIREMENTS

ROOT = Path(__file__).parents[2]

PROGRAM = (
    REQUIREMENTS
    + """
import contextlib, io, json, sys

allowed = set()
names, commands = json.loads(sys.argv[1])
for name in names:
    with_requirements(name, allowed)
hidden = {
    module for module, packages in importlib.metadata.packages_distributions().items()
    if module.isidentifier() and module != "labelfix" and not allowed & {normal(name) for name in packages}
}
assert {"torch", "torchvision", "transformers", "timm", "datasets", "sklearn", "scipy", "pandas"} <= hidden

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in hidden:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

before = set(sys.modules)  # what Python itself begins with
sys.meta_path.insert(0, Hidden())
from labelfix.cli import main
done = []
for words in commands:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(words)
    done.append([code, out.getvalue(), err.getvalue()])
assert not hidden & (set(sys.modules) - before)
print(json.dumps(done))
"""
)


@dataclass(frozen=True)
class Done:
    """What came of a command."""

    code: int
    out: str
    err: str


def run_core(folder, *commands):
    """Run commands one after the other in a process of their own.

    Args:
        folder: The working directory.
        commands: The words after `labelfix`.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = [line.split(">=")[0] for line in project["dependencies"]]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps([names, commands])],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return [Done(*each) for each in json.loads(done.stdout)]
