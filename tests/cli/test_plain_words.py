"""What a person sees of a normal training: at most eight lines, in plain words; all of it with -v."""

import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from markupsafe import escape

import labelfix
from labelfix.cli import main
from labelfix.outputs.summing_up import next_step, result

GLOSSARY = Path(__file__).parents[2] / "docs" / "concepts" / "glossary.md"
JARGON = (
    "NLL",
    "pairs",
    "paired",
    "out of fold",
    "parts",
    "fold",
    "meta step",
    "meta-gradient",
    "prediction-powered",
    "ECE",
    "look-ahead",
    "lookahead",
    "recipe",
    "LCN",
    "posterior",
    "ledger",
    "AUROC",
    "chi-squared",
    "degrees of freedom",
    "linear head",
    "calibration",
    "transition",
)


def files(folder, kind):
    """300 rows of which every fourth label is wrong, and 60 trusted ones."""
    generator = np.random.default_rng(0)
    truth = np.arange(300) % 2
    given = np.where(np.arange(300) % 4 == 1, 1 - truth, truth)
    words = np.array(["invoice", "login"])
    inputs = {
        "table": {f"x{c}": generator.normal(0, 1, 300) + 4 * truth - 2 for c in range(3)},
        "text": {
            "text": [
                " ".join(generator.choice([["bill", "paid", "cost"], ["user", "password", "page"]][t], 6))
                for t in truth
            ]
        },
    }[kind]
    pq.write_table(pa.table({"id": np.arange(300), **inputs, "label": words[given]}), folder / "noisy.parquet")
    trusted = np.arange(0, 300, 5)
    pq.write_table(pa.table({"id": trusted, "label": words[truth[trusted]]}), folder / "gold.parquet")


def jargon_in(text):
    return [word for word in JARGON if re.search(rf"\b{re.escape(word)}\b", text, re.IGNORECASE)]


@pytest.mark.parametrize(
    ("kind", "more"),
    [("table", []), ("text", []), ("table", ["--backbone", "mlp", "--set", "recipe=paper", "--set", "epochs=2"])],
    ids=["table", "text", "network"],
)
def test_training_says_little_and_says_it_plainly(tmp_path, monkeypatch, capsys, kind, more):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LABELFIX_CACHE_DIR", str(tmp_path / "cache"))
    files(tmp_path, kind)
    words = ["train", "--noisy", "noisy.parquet", "--clean", "gold.parquet", "--out", "run", *more]
    assert main(words) == 0
    said = capsys.readouterr()
    lines = [*said.err.splitlines(), *said.out.splitlines()]
    assert len(lines) <= 8, "\n".join(lines)
    assert jargon_in("\n".join(lines)) == []
    assert lines[0] == "reading noisy.parquet and gold.parquet"
    inputs = "text in 'text'" if kind == "text" else "inputs in 3 columns"
    assert lines[1].startswith(f"300 rows of 2 classes: labels in 'label', {inputs}; 60 of them trusted (")
    assert re.fullmatch(r"corrected labels: run/corrected.parquet \(after [\d.]+ s\)", lines[-4])
    assert re.match(r"\d+ of 300 labels changed", lines[-3])
    assert lines[-2].startswith("next: ")
    assert lines[-1] == "run"
    if more:
        return
    assert re.search(r"; about \d+ % are right now, 75 % before \(60 rows you checked; \d+ to 100 %\)$", lines[-3])

    assert main([*words, "--overwrite", "-v"]) == 0
    loud = capsys.readouterr().err
    assert {"out of fold", "recipe"} <= set(jargon_in(loud))
    assert "label column: label" in loud
    assert re.search(r"^encode noisy.parquet|^fit the classifier: [\d,]+ rows in ", loud, re.MULTILINE)


def test_check_and_evaluate_say_it_plainly(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LABELFIX_CACHE_DIR", str(tmp_path / "cache"))
    files(tmp_path, "table")
    pq.write_table(pa.table({"id": np.arange(300), "label": np.array(["invoice", "login"])[np.arange(300) % 2]}), "t")
    assert main(["check", "--noisy", "noisy.parquet", "--clean", "gold.parquet"]) == 0
    assert main(["train", "--noisy", "noisy.parquet", "--clean", "gold.parquet", "--out", "run", "-q"]) == 0
    assert main(["evaluate", "--run", "run", "--truth", "t"]) == 0
    said = capsys.readouterr()
    assert "wrong given labels: 15 of 60 trusted rows with a given label" in said.out
    assert jargon_in(said.out + said.err) == []


def test_of_several_warnings_the_first_is_said_and_the_rest_are_counted(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LABELFIX_CACHE_DIR", str(tmp_path / "cache"))
    files(tmp_path, "table")
    columns = pq.read_table("noisy.parquet").to_pydict()
    for place, name in enumerate(("x0", "x1", "x2")):
        columns[name][place + 100] = "none of it"  # one cell of each column is no number
    lines = [",".join(map(str, row)) for row in zip(*columns.values(), strict=True)]
    Path("noisy.csv").write_text("\n".join([",".join(columns), *lines]) + "\n", encoding="utf-8")
    words = ["train", "--noisy", "noisy.csv", "--clean", "gold.parquet", "--out", "run"]
    assert main(words) == 0
    said = capsys.readouterr()
    assert len(said.err.splitlines()) + len(said.out.splitlines()) <= 8, said.err
    warned = [line for line in said.err.splitlines() if line.startswith("warning: ")]
    assert len(warned) == 2
    assert re.fullmatch(r"warning: \d more warnings: -v or labelfix report shows them", warned[1])
    kept = labelfix.load_run("run").manifest["warnings"]
    assert main(["report", "--run", "run", "--out", "report.html"]) == 0
    assert all(escape(each) in Path("report.html").read_text(encoding="utf-8") for each in kept)
    capsys.readouterr()
    assert main([*words, "--overwrite", "-v"]) == 0
    told = [line.removeprefix("warning: ") for line in capsys.readouterr().err.splitlines() if "warning: " in line]
    assert kept == told
    assert len(kept) == 1 + int(warned[1].split()[1])


def test_every_word_that_the_terminal_avoids_stands_in_the_glossary():
    told = GLOSSARY.read_text(encoding="utf-8").lower()
    usual = {"paired": "pairs", "fold": "folds", "lookahead": "look-ahead", "transition": "transition matrix"}
    for word in set(JARGON) - {"chi-squared", "degrees of freedom"}:
        assert usual.get(word, word).lower() in told, word
    rows = [line for line in GLOSSARY.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    assert all(len(row.split(" | ")) == 2 for row in rows)
    assert len(rows) > 30


COUNTS = {"noisy": 1500, "clean": 140, "actions": {"keep": 1200, "relabel": 292, "review": 8, "fill": 0}}
LEDGER = {
    "given_labels": {"value": 0.79, "low": 0.71, "high": 0.85, "rows": 140},
    "corrected_labels": {"value": 0.943, "low": 0.9, "high": 0.968, "rows": 140},
}


def test_the_result_is_said_in_plain_numbers():
    assert result(COUNTS, {"labels": "use", "sentence": "…"}, LEDGER) == (
        "292 of 1,500 labels changed, 8 doubtful kept; about 94 % are right now, 79 % before "
        "(140 rows you checked; 90 to 97 %)"
    )


def test_few_rows_are_called_few_and_of_how_many_they_are():
    few = {name: {**value, "rows": 24} for name, value in LEDGER.items()}
    assert "(24 of the 140 rows you checked, too few to be sure; 90 to 97 %)" in result(COUNTS, {"labels": "use"}, few)


def test_where_rows_were_chosen_the_shares_are_those_of_the_rows_that_nobody_has_checked():
    said = result(COUNTS, {"labels": "use", "sentence": "…"}, {**LEDGER, "chosen": 20})
    assert "; of those that nobody has checked about 94 % are right now, 79 % before (" in said


def test_where_nothing_can_be_said_that_is_said():
    actions = {"keep": 10, "relabel": 0, "review": 0, "fill": 3}
    counts = {"noisy": 13, "actions": actions}
    assert result(counts, None, None) == (
        "0 of 13 labels changed, 3 missing filled in; how many are right is not known"
    )
    sentence = "how many labels are right cannot be said: check some rows"
    assert result(counts, {"labels": "not measurable", "sentence": sentence}, LEDGER).endswith(f"; {sentence}")


DRAW = (
    "next: check rows drawn at random, which tell how many labels are right: "
    "labelfix export --run 'my run' --tasks csv --queue random"
)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ("use", "next: take the corrected labels: labelfix export --run 'my run' --corrected-labels fixed.csv"),
        ("keep", "next: keep your labels, these are no better; labelfix report --run 'my run' shows why"),
        ("unclear", DRAW),
        ("not measurable", DRAW),
    ],
)
def test_the_next_step_follows_the_verdict(labels, said):
    assert next_step({"labels": labels}, "my run", {"name": "data/tickets.csv", "format": "csv"}) == said


def test_the_next_step_can_be_pasted_again_after_it_was_taken(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("fixed.csv", "fixed-2.csv"):
        said = next_step({"labels": "use"}, "run", {"name": "my tickets.csv", "format": "csv"})
        assert said.endswith(f"--corrected-labels {name}")
        (tmp_path / name).touch()


def test_the_fixed_file_is_of_the_kind_of_the_noisy_one_or_parquet():
    for noisy, fixed in [("a.jsonl", "fixed.jsonl"), ("parts", "fixed.parquet"), ("a.CSV", "fixed.csv")]:
        assert next_step({"labels": "use"}, "run", {"name": noisy, "format": "csv"}).endswith(f" {fixed}")
    assert next_step({"labels": "use"}, "run", {"name": "photos", "format": "image_folder"}).endswith(" fixed")


def test_the_run_is_where_the_configuration_file_sent_it(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "labelfix.toml").write_text('out = "labels-run"\n')
    (tmp_path / "labels-run").mkdir()
    for words in (["flag"], ["next"], ["export", "--corrected-labels", "x.csv"]):
        assert main(words) == 2
        assert "labels-run: is not a labelfix run" in capsys.readouterr().err
