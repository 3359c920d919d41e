"""Words for the classes, from the command line to the classifier."""

import pytest

import labelfix
from labelfix.cli import main
from labelfix.heads import trusted_only

HOLDS = {"x": ["pump leaks oil", "valve is stuck"], "y": ["bill is wrong", "card was charged"]}
NOTES = ["today", "again", "since monday", "as before", "in the hall", "twice", "at night", "for good"]


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [(f"k{i}", f"the {HOLDS['xy'[i % 2]][i // 2 % 2]} {NOTES[i // 4 % 8]}", "xy"[i % 2]) for i in range(64)]
    noisy = [f"{i},{text},{label if n % 7 else 'x'}" for n, (i, text, label) in enumerate(rows)]
    (tmp_path / "noisy.csv").write_text("\n".join(["id,text,label", *noisy]) + "\n")
    (tmp_path / "gold.csv").write_text("\n".join(["id,label", *(f"{i},{label}" for i, _, label in rows[:8])]) + "\n")
    (tmp_path / "words.csv").write_text("class,words\nx,pump and valve\ny,bill and card\n")
    return ["--noisy", "noisy.csv", "--clean", "gold.csv", "--cache-dir", "cache"]


@pytest.mark.parametrize("method", ["clean-only", "mlc"])
def test_a_run_with_descriptions_reads_them(files, method, monkeypatch):
    monkeypatch.setattr(trusted_only, "fits_better", lambda *_: True)
    words = ["--method", method, "--text-column", "text", "-q"]
    assert main(["train", *files, *words, "--out", "plain"]) == 0
    assert main(["train", *files, *words, "--out", "run", "--class-descriptions", "words.csv"]) == 0
    plain, described = (labelfix.load_run(name).corrected["confidence"].to_pylist() for name in ("plain", "run"))
    assert plain != described


@pytest.mark.parametrize(
    ("words", "more", "message"),
    [
        ("x,pump\n", [], "words.csv: has no words for the classes y"),
        ("x,pump\ny,bill\nz,boat\n", [], "words.csv, row 3: names 'z', which is not one of the classes"),
        ("x,pump\ny,bill\n", ["--feature-columns", "id"], "--class-descriptions needs a text column"),
    ],
)
def test_descriptions_that_do_not_fit_are_refused(files, tmp_path, words, more, message, capsys):
    (tmp_path / "words.csv").write_text(words)
    kinds = more or ["--text-column", "text"]
    assert main(["train", *files, *kinds, "--out", "run", "--class-descriptions", "words.csv"]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_descriptions_are_never_written_over(files, tmp_path, capsys):
    words = ["--text-column", "text", "--class-descriptions", "words.csv", "--out", "words.csv", "--overwrite"]
    assert main(["train", *files, *words]) == 2
    assert "words.csv" in capsys.readouterr().err
    assert (tmp_path / "words.csv").read_text().startswith("class,words")
