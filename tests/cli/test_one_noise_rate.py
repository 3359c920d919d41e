"""`check` and `train` say the same noise rate of the same files, unless a model adds its opinion; then that is said."""

import json
import re

import numpy as np
import pytest

from labelfix.cli import main

ADDS = "training adds a model's opinion of the other rows, where features are fixed, which makes this interval narrower"
QUICK = ("--method", "clean-only", "--no-side-checks")
MLP = ("--backbone", "mlp", "--set", "recipe=paper", "--set", "epochs=2", "--set", "warmup_epochs=1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """600 rows in classes of shares .6, .3 and .1, of which .1, .3 and .4 are wrong; three files of trusted rows."""
    made = tmp_path_factory.mktemp("rate")
    generator = np.random.default_rng(1)
    truth = generator.choice(3, 600, p=[0.6, 0.3, 0.1])
    wrong = generator.random(600) < np.array([0.1, 0.3, 0.4])[truth]
    given = np.where(wrong, (truth + generator.integers(1, 3, 600)) % 3, truth)
    x = np.eye(3)[truth] * 3 + generator.normal(0, 1, (600, 3))
    lines = [f"k{i},{a:.3f},{b:.3f},{c:.3f},{'xyz'[g]}" for i, ((a, b, c), g) in enumerate(zip(x, given, strict=True))]
    (made / "noisy.csv").write_text("\n".join(["id,a,b,c,label", *lines]) + "\n")
    per_class = np.concatenate([np.flatnonzero(truth == c)[:25] for c in range(3)])
    for name, rows in (("per-class", per_class), ("random", np.arange(100)), ("few", np.arange(15))):
        (made / f"{name}.csv").write_text("\n".join(["id,label", *(f"k{i},{'xyz'[truth[i]]}" for i in rows)]) + "\n")
    return made


def said(capsys):
    """The estimate as it is printed: value and interval."""
    printed = capsys.readouterr()
    (line,) = re.findall(r"wrong given labels: .*?(estimate .* to [\d.]+%)", printed.out + printed.err)
    return str(line)


def files_of(folder, gold):
    """The flags that name them."""
    sampling = "per-class" if gold == "per-class" else "random"
    files = ["--noisy", str(folder / "noisy.csv"), "--clean", str(folder / f"{gold}.csv"), "--id-column", "id"]
    return [*files, "--clean-sampling", sampling]


@pytest.mark.parametrize(("gold", "words"), [("per-class", QUICK), ("few", QUICK), ("random", MLP)])
def test_where_no_opinion_is_added_the_numbers_are_the_same(folder, tmp_path, capsys, gold, words):
    files = files_of(folder, gold)
    assert main(["check", *files]) == 0
    of_check = said(capsys)
    assert main(["train", *files, *words, "--out", str(tmp_path / "run"), "-v"]) == 0
    assert said(capsys) == of_check
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    rate, counted = metrics["evidence"]["noise"]["rate"], metrics["counts"]["paired_given_wrong"]
    assert {name: counted[name] for name in rate} == rate


def test_where_an_opinion_is_added_check_says_so_and_the_interval_is_narrower(folder, tmp_path, capsys):
    files = files_of(folder, "random")
    assert main(["check", *files]) == 0
    assert ADDS in capsys.readouterr().out
    assert main(["train", *files, *QUICK, "--out", str(tmp_path / "run"), "-q"]) == 0
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    rate, counted = metrics["evidence"]["noise"]["rate"], metrics["counts"]["paired_given_wrong"]
    assert rate["high"] - rate["low"] < counted["high"] - counted["low"]
    assert counted["low"] < rate["value"] < counted["high"]


def test_check_says_nothing_of_an_opinion_where_none_is_added(folder, tmp_path, capsys):
    for gold in ("per-class", "few"):
        assert main(["check", *files_of(folder, gold)]) == 0
        assert "training adds" not in capsys.readouterr().out
