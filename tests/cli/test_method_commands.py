"""`labelfix train --method …` with the methods beside MLC, from files to corrected files."""

from __future__ import annotations

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from labelfix.cli import main
from labelfix.settings.methods import METHOD_SETTINGS

LEAST = {"distillation": (0.65, 0.95), "mlnt": (0.65, 0.95), "meta-weight-net": (0.75, 0.95)}
"""Of corrected labels and AUROC, for methods whose soft labels keep the given one on a table of some dozen rows: their
classifiers are right, but not sure enough to outweigh it."""


@pytest.mark.parametrize("method", [name for name in METHOD_SETTINGS if name != "mlc"])
def test_a_method_corrects_a_table_and_new_rows(at_work, capsys, method):
    out = str(at_work / "run")
    words = ["--noisy", "noisy.parquet", "--clean", "gold.csv", "--method", method, "--out", out, "-q"]
    assert main(["train", *words]) == 0
    capsys.readouterr()
    assert main(["evaluate", "--run", out, "--truth", "truth.csv", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["given_right"]["value"] < 0.75
    corrected, auroc = LEAST.get(method, (0.95, 0.95))
    assert found["corrected_right"]["value"] > corrected
    assert found["auroc"] > auroc
    assert main(["evaluate", "--run", out, "--truth", "truth.csv"]) == 0
    new = at_work / "new.parquet"
    assert main(["correct", "--noisy", "new.parquet", "--run", out, "--out", str(new), "-q"]) == 0
    soft = np.array(pq.read_table(new)["soft_label"].to_pylist())
    assert soft.shape == (20, 2)
    assert np.allclose(soft.sum(axis=1), 1, atol=1e-5)
    # The settings that the run keeps lead to the same method again.
    assert main(["train", "--config", f"{out}/settings.toml", *words[:4], "--out", f"{out}-2", "-q"]) == 0
    first, second = (pq.read_table(f"{folder}/corrected.parquet") for folder in (out, f"{out}-2"))
    assert first["corrected_label"].equals(second["corrected_label"])


def test_settings_of_a_method_are_checked_against_it(at_work, capsys):
    words = ["train", "--noisy", "noisy.parquet", "--clean", "gold.csv", "--out", str(at_work / "run")]
    assert main([*words, "--method", "glc", "--set", "ridge=0"]) == 2
    assert "--set: ridge = 0.0 must be above 0" in capsys.readouterr().err
    assert main([*words, "--method", "bayes", "--set", "lookahead=3"]) == 2
    assert "'lookahead' is not a setting" in capsys.readouterr().err
