"""`flag` by guarantee, by budget, and its gate on the noise rate: on a run of made rows."""

import json
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelfix.cli import main


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """600 rows of two features in three classes, 30 % wrong; 200 trusted ones, paired."""
    folder = tmp_path_factory.mktemp("flag")
    generator = np.random.default_rng(0)
    truth = np.arange(600) % 3
    x = np.eye(3)[truth][:, :2] * 4 + generator.normal(0, 0.6, (600, 2))
    given = np.where(generator.random(600) < 0.3, (truth + 1) % 3, truth)
    rows = enumerate(zip(x, given, strict=True))
    lines = ["id,a,b,label", *(f"{i},{a:.4f},{b:.4f},{'xyz'[c]}" for i, ((a, b), c) in rows)]
    (folder / "noisy.csv").write_text("\n".join(lines) + "\n")
    chosen = generator.choice(600, 200, replace=False)
    (folder / "gold.csv").write_text("\n".join(["id,label", *(f"{i},{'xyz'[truth[i]]}" for i in chosen)]) + "\n")
    files = ["--noisy", str(folder / "noisy.csv"), "--clean", str(folder / "gold.csv")]
    assert main(["train", *files, "--id-column", "id", "--out", str(folder / "run"), "--quiet"]) == 0
    return folder / "run"


def test_p_values_stand_beside_the_labels_of_rows_that_are_not_trusted(run):
    table = pq.read_table(run / "corrected.parquet")
    p = table["p_value"].to_pylist()
    assert sum(value is None for value in p) == 200
    basis = json.loads((run / "metrics.json").read_text())["evidence"]["guarantee"]
    assert min(value for value in p if value is not None) >= basis["smallest_p"] * (1 - 1e-6)
    assert basis["rows"] < 200
    assert basis["paired"]
    assert not basis["weighted"]


def test_flags_by_guarantee_are_those_of_benjamini_and_hochberg(run, capsys):
    assert main(["flag", "--run", str(run), "--max-false-flags", "0.2", "--format", "json"]) == 0
    said = json.loads(capsys.readouterr().out)
    p = np.array(
        [value for value in pq.read_table(run / "corrected.parquet")["p_value"].to_pylist() if value is not None]
    )
    ordered = np.sort(p)
    expected = int(np.flatnonzero(ordered <= 0.2 * np.arange(1, len(p) + 1) / len(p))[-1]) + 1
    assert said["issues"] == expected > 50
    assert said["max_false_flags"] == 0.2
    truth = np.arange(600) % 3
    right = [found["given_label"] == "xyz"[truth[int(found["id"])]] for found in said["findings"]]
    assert np.mean(right) < 0.2


@pytest.mark.parametrize("others", [4, 5])
def test_a_class_that_trusted_rows_leave_out_is_told_with_the_guarantee(run, tmp_path, capsys, others):
    """At the line: 100 trusted rows of two classes, and a third that 4 or 5 % of the rows are labelled as."""
    lines = (run.parent / "noisy.csv").read_text().splitlines()
    truth, rows = np.arange(600) % 3, [line.rsplit(",", 1)[0] for line in lines[1:]]
    named = [f"{row},{'xy'[truth[i] % 2]}" for i, row in enumerate(rows) if truth[i] < 2]
    count = round(len(named) * others / (100 - others))
    third = [f"{row},z" for i, row in enumerate(rows) if truth[i] == 2][:count]
    (tmp_path / "noisy.csv").write_text("\n".join([lines[0], *named, *third]) + "\n")
    ids = [row.split(",")[0] for row in named[:100]]
    (tmp_path / "gold.csv").write_text("\n".join(["id,label", *(f"{i},{'xyz'[int(i) % 3]}" for i in ids)]) + "\n")
    files = ["--noisy", str(tmp_path / "noisy.csv"), "--clean", str(tmp_path / "gold.csv"), "--id-column", "id"]
    words = ["--clean-sampling", "random", "--no-side-checks", "-q", "--out", str(tmp_path / "run")]
    assert main(["train", *files, *words]) == 0
    assert main(["flag", "--run", str(tmp_path / "run"), "--max-false-flags", "0.2", "--show", "0"]) == 0
    told = "assumed: rows of the class without a trusted row are labelled as well as the others are"
    assert (told in " ".join(capsys.readouterr().out.split())) == (others == 5)


def test_the_text_says_what_the_guarantee_rests_on(run, capsys):
    assert main(["flag", "--run", str(run), "--max-false-flags", "0.2", "--show", "0"]) == 0
    said = capsys.readouterr().out
    assert "trusted rows whose given label is right; with so many, either no row is flagged" in said
    assert "flagged so that at most 20 % of them are expected to be right" in said


def test_a_budget_flags_the_worst_rows_that_nobody_has_checked(run, capsys):
    assert main(["flag", "--run", str(run), "--budget", "7", "--format", "json"]) == 0
    said = json.loads(capsys.readouterr().out)
    table = pq.read_table(run / "corrected.parquet").to_pydict()
    scores = sorted(v for v, p in zip(table["label_score"], table["p_value"], strict=True) if p is not None)
    assert [found["label_score"] for found in said["findings"]] == pytest.approx(scores[:7])
    gold = {line.split(",")[0] for line in (run.parent / "gold.csv").read_text().splitlines()}
    assert not gold & {found["id"] for found in said["findings"]}


@pytest.mark.parametrize(("gate", "code"), [("0.6", 0), ("0.05", 1)])
def test_the_noise_gate_fails_only_on_evidence(run, gate, code, capsys):
    assert main(["flag", "--run", str(run), "--max-noise-rate", gate, "--show", "0"]) == code
    assert "its lower end is " + ("above" if code else "at or below") in capsys.readouterr().out


def test_the_noise_rate_is_near_the_truth(run):
    """The rate of the 400 rows that are not trusted, as they were drawn: not .3, which they were drawn with."""
    rate = json.loads((run / "metrics.json").read_text())["evidence"]["noise"]["rate"]
    table = pq.read_table(run / "corrected.parquet").to_pydict()
    rows = zip(table["id"], table["given_label"], table["p_value"], strict=True)
    wrong = np.mean([given != "xyz"[int(name) % 3] for name, given, p in rows if p is not None])
    assert rate["low"] < wrong < rate["high"]
    assert rate["high"] - rate["low"] < 0.15


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--budget", "3", "--max-false-flags", "0.1"], "give one of them"),
        (["--max-false-flags", "0.001"], "999 or more would"),
        (["--max-false-flags", "0"], "nothing could be flagged"),
    ],
)
def test_what_cannot_be_done_is_refused(run, flags, message, capsys):
    assert main(["flag", "--run", str(run), *flags]) == 2
    assert message in capsys.readouterr().err.replace("\n", " ")


def test_a_run_without_judges_is_told_from_one_with(run, tmp_path, capsys):
    old = tmp_path / "old"
    shutil.copytree(run, old)
    table = pq.read_table(old / "corrected.parquet")
    pq.write_table(table.drop_columns(["p_value"]), old / "corrected.parquet")
    (old / "metrics.json").write_text("{}")
    assert main(["flag", "--run", str(old), "--max-false-flags", "0.1"]) == 2
    assert "has no p-values" in capsys.readouterr().err
    assert main(["flag", "--run", str(old), "--max-noise-rate", "0.1"]) == 2
    assert "does not say how noisy its labels are" in capsys.readouterr().err


@pytest.mark.parametrize("value", [1e300, -0.5, float("nan")])
def test_a_p_value_that_is_no_probability_is_named(value, run, tmp_path, capsys):
    table = pq.read_table(run / "corrected.parquet")
    p = [None if said is None else value for said in table["p_value"].to_pylist()]
    place = table.schema.get_field_index("p_value")
    shutil.copytree(run, tmp_path / "run")
    odd = table.set_column(place, "p_value", pa.array(p, pa.float64()))
    pq.write_table(odd, tmp_path / "run" / "corrected.parquet")
    assert main(["flag", "--run", str(tmp_path / "run"), "--max-false-flags", "0.2"]) == 2
    assert "p_value is no probability" in capsys.readouterr().err
