"""Training and `bench step` need a few packages and what these bring along; everything else is imported where used."""

import csv
import json

import numpy as np
import pytest
from own_process import run_script
from PIL import Image
from requirements_source import REQUIREMENTS

ALLOWED = ["torch", "torchvision", "timm", "transformers", "pyarrow", "typer", "rich", "safetensors", "scikit-learn"]
ALLOWED += ["platformdirs", "msgspec", "mmh3"]

PROGRAM = (
    REQUIREMENTS
    + '''
import json, sys

allowed = set()
for name in sys.argv[1].split(","):
    with_requirements(name, allowed)
here = importlib.metadata.packages_distributions()
blocked = [
    module for module, packages in here.items()
    if module.isidentifier() and module != "labelfix" and not allowed & {normal(name) for name in packages}
]
assert {"datasets", "pandas", "polars"} <= set(blocked), "the test would not notice them"

class Without:
    """A finder to which the blocked modules do not exist."""

    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] in blocked else self.finder.find_spec(name, path, target)

    def __getattr__(self, name):
        return getattr(self.finder, name)

sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]
for name in list(sys.modules):
    if name.partition(".")[0] in (*blocked, "labelfix"):
        del sys.modules[name]

from labelfix.cli import main
for words in json.loads(sys.argv[2]):
    if main(words):
        sys.exit(f"{words} failed")
'''
)


@pytest.fixture
def at_work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LABELFIX_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    generator = np.random.default_rng(0)
    rows = [[number, "cats run" if number % 2 else "stocks fall", number % 2] for number in range(80)]
    for name, part in (("noisy.csv", rows), ("gold.csv", rows[:24])):
        with open(tmp_path / name, "w", newline="") as file:
            csv.writer(file).writerows([["id", "text", "label"], *part])
    for number in range(60):
        folder = tmp_path / "photos" / ("light" if number % 2 else "dark")
        folder.mkdir(parents=True, exist_ok=True)
        pixels = generator.integers(0, 120, (8, 8, 3)) + 130 * (number % 2)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number}.png")
    with open(tmp_path / "photos.csv", "w", newline="") as file:
        labels = [[f"{name}/{i}.png", name] for i in range(24) for name in (["light"] if i % 2 else ["dark"])]
        csv.writer(file).writerows([["id", "label"], *labels])
    return tmp_path


def test_training_and_the_timing_of_steps_need_no_other_package(at_work):
    network = ["--backbone", "resnet32", "--set", "recipe=paper", "--set", "epochs=1", "--set", "warmup_epochs=1"]
    sizes = ["--batch", "2", "--clean", "2", "--meta", "2", "--rounds", "1", "--size", "8", "--no-memory"]
    alone = ["--offline", "--device", "cpu"]
    commands = [
        ["train", "--noisy", "noisy.csv", "--clean", "gold.csv", "--out", "texts", *alone],
        ["train", "--noisy", "photos", "--clean", "photos.csv", *network, "--out", "images", *alone],
        ["bench", "step", "--backbone", "bert-small", "--way", "fd1", *sizes, "--device", "cpu"],
    ]
    done = run_script(PROGRAM, ",".join(ALLOWED), json.dumps(commands), folder=at_work)
    assert done.returncode == 0, done.stderr
    for run in ("texts", "images"):
        assert (at_work / run / "corrected.parquet").is_file()
        assert (at_work / run / "settings.toml").read_text()
    assert "fd1" in done.stdout
