"""`labelfix train --method …` with the methods beside MLC, from files to corrected files."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

import labelfix
from labelfix.cli import main
from labelfix.settings.methods import METHOD_SETTINGS
from labelfix.settings.resolve import resolve
from labelfix.settings.run import to_toml

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
    # The settings that the run keeps are read as what they were written from.
    kept = at_work / "run" / "settings.toml"
    again = resolve({}, (), kept, environ={}).settings
    assert (again.method, to_toml(again)) == (method, kept.read_text())


def test_the_settings_that_a_run_keeps_lead_to_it_again(at_work):
    out = str(at_work / "run")
    words = ["train", "--noisy", "noisy.parquet", "--clean", "gold.csv", "-q"]
    assert main([*words, "--method", "glc", "--set", "ridge=3", "--seed", "5", "--out", out]) == 0
    assert main([*words, "--config", f"{out}/settings.toml", "--out", f"{out}-2"]) == 0
    first, second = (pq.read_table(f"{folder}/corrected.parquet") for folder in (out, f"{out}-2"))
    assert first["confidence"].equals(second["confidence"])


def test_settings_of_a_method_are_checked_against_it(at_work, capsys):
    words = ["train", "--noisy", "noisy.parquet", "--clean", "gold.csv", "--out", str(at_work / "run")]
    assert main([*words, "--method", "glc", "--set", "ridge=0"]) == 2
    assert "--set: ridge = 0.0 must be above 0" in capsys.readouterr().err
    assert main([*words, "--method", "bayes", "--set", "lookahead=3"]) == 2
    assert "'lookahead' is not a setting" in capsys.readouterr().err


def refused(capsys, out, *words):
    """What `train` says of settings that do nothing, by then without a folder."""
    files = ["--noisy", "noisy.parquet", "--clean", "gold.csv", "--out", str(out)]
    capsys.readouterr()
    assert main(["train", *files, *words, "-q"]) == 2
    assert not out.exists()
    return capsys.readouterr().err


GLC = "glc on fixed features does not read epochs = 500, learning_rate = 99.0: what counts is ridge"


def test_settings_that_would_do_nothing_are_refused_before_there_is_a_folder(at_work, capsys):
    given = ["--set", "epochs=500", "--set", "learning_rate=99"]
    assert GLC in refused(capsys, at_work / "run", "--method", "glc", *given)
    config = at_work / "my.toml"
    config.write_text('method = "glc"\n[glc]\nepochs = 500\nlearning_rate = 99\n[mlc]\nepochs = 3\n')
    assert GLC in refused(capsys, at_work / "run", "--config", str(config))
    with pytest.raises(labelfix.SettingsError, match="glc on fixed features does not read epochs = 500"):
        labelfix.train("noisy.parquet", "gold.csv", at_work / "run", method="glc", epochs=500)
    ridge = "glc for networks that are trained as a whole does not read ridge = 2.0"
    assert ridge in refused(capsys, at_work / "run", "--method", "glc", "--backbone", "mlp", "--set", "ridge=2")


def test_a_file_may_set_what_counts_for_several_methods(at_work):
    config = at_work / "my.toml"
    config.write_text("[glc]\nridge = 2.0\n[forward]\npercentile = 90\n[mlc]\nepochs = 3\n")
    files = ["--noisy", "noisy.parquet", "--clean", "gold.csv", "--config", str(config), "-q"]
    for method in ("glc", "forward"):
        assert main(["train", *files, "--method", method, "--out", str(at_work / method)]) == 0


def test_methods_lists_what_counts_for_heads_and_for_networks(capsys):
    assert main(["methods", "glc"]) == 0
    said = capsys.readouterr().out
    on_heads, of_networks = said.split("that count for networks that are trained as a whole:")
    assert "Settings (--set NAME=VALUE) that count on fixed features:" in on_heads
    assert "  ridge = automatic" in on_heads
    assert "  epochs = automatic" not in on_heads
    assert "  epochs = automatic" in of_networks
    assert "ridge" not in of_networks
    assert main(["methods", "bayes"]) == 0
    assert "It has no settings on fixed features." in capsys.readouterr().out
