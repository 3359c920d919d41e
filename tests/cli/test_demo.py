import csv
import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from labelfix.cli import main
from labelfix.cli.demo import write_files


@pytest.fixture
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LABELFIX_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path


def rows(path):
    with open(path, newline="", encoding="utf-8") as stream:
        return {row["id"]: int(row["label"]) for row in csv.DictReader(stream)}


def test_exactly_two_labels_in_five_are_wrong_and_trusted_rows_are_right(in_an_empty_folder):
    write_files(in_an_empty_folder / "demo", seed=3)
    noisy = pq.read_table("demo/noisy.parquet")
    truth, trusted = rows("demo/truth.csv"), rows("demo/trusted.csv")
    given = dict(zip(noisy["id"].to_pylist(), noisy["label"].to_pylist(), strict=True))
    assert len(given) == 1437
    assert sum(given[key] != truth[key] for key in given) == round(0.4 * 1437)
    assert len(trusted) == 150
    assert all(truth[key] == label for key, label in trusted.items())
    test = pq.read_table("demo/test.parquet")
    assert not set(test["id"].to_pylist()) & set(given)


@pytest.mark.parametrize("given", [[], ["--device", "cpu"]])
def test_the_device_is_told_to_the_commands_that_compute(in_an_empty_folder, monkeypatch, given):
    ran = []
    monkeypatch.setattr("labelfix.cli.demo._run", lambda words, voice: ran.append(words))
    monkeypatch.setattr("labelfix.cli.demo.closing_lines", lambda out: [])
    assert main(["demo", *given]) == 0
    told = {words[0]: words[words.index("--device") :][:2] for words in ran if "--device" in words}
    assert told == ({"train": given, "predict": given} if given else {})
    assert [words[0] for words in ran] == ["check", "train", "evaluate", "predict", "flag", "export"]


def closing_figures(text):
    """What the demo says at its end."""
    names = "given labels right", "corrected labels right", "classifier on held-out rows"
    found = re.findall(rf"^({'|'.join(names)}) +(\d+\.\d) %$", text, re.MULTILINE)
    return {name: float(figure) for name, figure in found}


def test_the_demo_runs_the_commands_it_shows_and_says_what_the_readme_shows(in_an_empty_folder, capsys):
    assert main(["demo"]) == 0
    text = capsys.readouterr().out
    shown = [line.split()[2] for line in text.splitlines() if line.startswith("$ labelfix ")]
    assert shown == ["check", "train", "evaluate", "predict", "flag", "export"]
    figures = closing_figures(text)
    readme = Path(__file__).parents[2] / "README.md"
    assert figures == pytest.approx(closing_figures(readme.read_text(encoding="utf-8")), abs=0.5)
    assert figures["given labels right"] == pytest.approx(60, abs=0.1)
    assert figures["corrected labels right"] >= 80
    assert figures["classifier on held-out rows"] >= 80
    for name in ("noisy.parquet", "trusted.csv", "truth.csv", "test.parquet", "predictions.parquet", "fixed.parquet"):
        assert (in_an_empty_folder / "labelfix-demo" / name).is_file()
    assert main(["demo"]) == 2
    assert "pass --overwrite" in capsys.readouterr().err
