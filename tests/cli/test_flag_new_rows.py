"""The guarantee and the gate on the noise rate for rows that `correct` scored, and what is assumed of them."""

import json
import re

import numpy as np
import pyarrow.parquet as pq
import pytest

from labelfix.cli import main


def write(path, rows, seed, wrong, shares=(1 / 3,) * 3):
    """Rows of two features in three classes, some labels wrong; gives their true labels."""
    generator = np.random.default_rng(seed)
    truth = generator.choice(3, rows, p=shares)
    x = np.eye(3)[truth][:, :2] * 4 + generator.normal(0, 0.6, (rows, 2))
    given = np.where(generator.random(rows) < wrong, (truth + 1) % 3, truth)
    each = enumerate(zip(x, given, strict=True))
    lines = ["id,a,b,label", *(f"{i},{a:.4f},{b:.4f},{'xyz'[c]}" for i, ((a, b), c) in each)]
    path.write_text("\n".join(lines) + "\n")
    return ["xyz"[c] for c in truth]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run of 600 rows, 30 % wrong, 200 of them trusted; 900 new rows like them, scored."""
    made = tmp_path_factory.mktemp("new")
    truth = write(made / "noisy.csv", 600, 0, 0.3)
    chosen = np.random.default_rng(1).choice(600, 200, replace=False)
    (made / "gold.csv").write_text("\n".join(["id,label", *(f"{i},{truth[i]}" for i in chosen)]) + "\n")
    files = ["--noisy", str(made / "noisy.csv"), "--clean", str(made / "gold.csv")]
    assert main(["train", *files, "--id-column", "id", "--out", str(made / "run"), "-q"]) == 0
    truth = write(made / "new.csv", 900, 2, 0.3)
    (made / "truth.json").write_text(json.dumps(truth))
    assert correct(made, "new.csv") == 0
    return made


def correct(folder, name, out=None, *words):
    target = out or name.replace(".csv", ".parquet")
    files = ["--run", str(folder / "run"), "--noisy", str(folder / name), "--out", str(folder / target)]
    return main(["correct", *files, "-q", *words])


def flagged(folder, name, capsys, *words, code=0):
    capsys.readouterr()
    assert main(["flag", "--corrected", str(folder / name), "--format", "json", *words]) == code
    return json.loads(capsys.readouterr().out)


def test_flags_of_new_rows_hold_the_guarantee(folder, capsys):
    said = flagged(folder, "new.parquet", capsys, "--max-false-flags", "0.2")
    truth = json.loads((folder / "truth.json").read_text())
    right = [found["given_label"] == truth[int(found["id"])] for found in said["findings"]]
    assert said["issues"] > 150
    assert np.mean(right) < 0.2
    assert said["guarantee"]["rows"] < 200
    assert said["new_rows"]["not_met"] == []


def test_p_values_of_right_labels_are_no_smaller_than_chance_makes_them(folder):
    """Scores near 1 tie, so that large p-values are rarer; small ones are as frequent as they should be."""
    table = pq.read_table(folder / "new.parquet").to_pydict()
    truth = json.loads((folder / "truth.json").read_text())
    pairs = zip(table["id"], table["given_label"], table["p_value"], strict=True)
    right = np.array([p for i, given, p in pairs if given == truth[int(i)]])
    for level in (0.05, 0.1, 0.25, 0.5):
        assert (right <= level).mean() < level + 0.04
    assert (right <= 0.1).mean() > 0.04
    wrong = np.array(
        [p for i, g, p in zip(table["id"], table["given_label"], table["p_value"], strict=True) if g != truth[int(i)]]
    )
    assert np.median(wrong) < 0.02


def test_the_text_says_what_is_assumed(folder, capsys):
    assert main(["flag", "--corrected", str(folder / "new.parquet"), "--max-false-flags", "0.2", "--show", "0"]) == 0
    said = capsys.readouterr().out
    assert "assumed: these rows come from where the run's trusted rows come from" in said
    assert "this does not hold" not in said


def test_the_noise_gate_judges_new_rows_on_evidence(folder, capsys):
    truth = json.loads((folder / "truth.json").read_text())
    given = pq.read_table(folder / "new.parquet")["given_label"].to_pylist()
    wrong = np.mean([one != other for one, other in zip(given, truth, strict=True)])
    said = flagged(folder, "new.parquet", capsys, "--max-noise-rate", "0.5")
    rate = said["noise_rate"]
    assert rate["low"] <= wrong <= rate["high"]
    assert rate["high"] - rate["low"] < 0.2
    assert flagged(folder, "new.parquet", capsys, "--max-noise-rate", "0.1", code=1)["passed"] is False


def test_new_rows_of_another_noise_rate_get_another_estimate(folder, capsys):
    write(folder / "clean_rows.csv", 900, 5, 0.05)
    assert correct(folder, "clean_rows.csv") == 0
    assert flagged(folder, "clean_rows.parquet", capsys, "--max-noise-rate", "0.5")["noise_rate"]["value"] < 0.15


def test_classes_in_other_shares_are_said_in_plain_words(folder, capsys):
    write(folder / "other.csv", 600, 3, 0.3, (0.8, 0.1, 0.1))
    assert correct(folder, "other.csv") == 0
    assert main(["flag", "--corrected", str(folder / "other.parquet"), "--max-false-flags", "0.2", "--show", "0"]) == 0
    said = capsys.readouterr().out
    assert re.search(
        r"\d % of these rows have the given label \"[xz]\", and \d.* of the run's; .*by more than chance", said
    )
    assert re.search(r"8\d % of these rows are predicted as \"x\", and \d.* of the run's; .*by more than chance", said)
    assert said.count("this does not hold, so what is said here may not either") == 2


def test_rows_unlike_the_runs_are_told_by_correct_and_by_any_gate(folder, capsys):
    """Also where classes have other shares by more than chance alone: by one row in twenty and no more they may."""
    write(folder / "unlike.csv", 600, 3, 0.3, (0.8, 0.1, 0.1))
    files = ["--run", str(folder / "run"), "--noisy", str(folder / "unlike.csv"), "--overwrite"]
    assert main(["correct", *files, "--out", str(folder / "scored.csv")]) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert said.count("rows unlike those of the run: ") == 2
    assert correct(folder, "unlike.csv") == 0
    assert main(["flag", "--corrected", str(folder / "unlike.parquet"), "--show", "0"]) == 0
    assert capsys.readouterr().out.count("this does not hold, so what is said here may not either: ") == 2
    words = ["--input", files[3], "--out", str(folder / "predicted.csv"), "--overwrite"]
    assert main(["predict", *files[:2], *words]) == 0
    assert "rows unlike those of the run: 8" in " ".join(capsys.readouterr().err.split())
    words[1] = str(folder / "new.csv")
    assert main(["predict", *files[:2], *words]) == 0
    assert "unlike" not in capsys.readouterr().err
    for name in ("new", "noisy"):
        files[3] = str(folder / f"{name}.csv")
        assert main(["correct", *files, "--out", str(folder / "scored.csv")]) == 0
        assert "unlike" not in capsys.readouterr().err


def test_the_runs_own_rows_are_told_apart(folder, capsys):
    assert correct(folder, "noisy.csv", "own.parquet") == 0
    lost = flagged(folder, "own.parquet", capsys, "--max-false-flags", "0.2")["new_rows"]["not_met"]
    assert len(lost) == 1
    assert "rows that the run was trained on" in lost[0]


def test_rows_without_a_label_are_counted_and_not_judged(folder, capsys):
    lines = (folder / "new.csv").read_text().splitlines()
    blank = [line.rsplit(",", 1)[0] + "," if i % 10 == 1 else line for i, line in enumerate(lines)]
    (folder / "some.csv").write_text("\n".join(blank) + "\n")
    assert correct(folder, "some.csv") == 0
    assert main(["flag", "--corrected", str(folder / "some.parquet"), "--max-false-flags", "0.2", "--show", "0"]) == 0
    assert "90 rows have no label or could not be read, and are not judged" in capsys.readouterr().out
    p = pq.read_table(folder / "some.parquet")["p_value"]
    assert p.null_count == 90


def test_a_text_file_and_the_runs_own_table_name_the_way_out(folder, capsys):
    assert correct(folder, "new.csv", "new_scored.csv") == 0
    for name in ("new_scored.csv", "run/corrected.parquet"):
        for gate in (["--max-false-flags", "0.2"], ["--max-noise-rate", "0.2"]):
            assert main(["flag", "--corrected", str(folder / name), *gate]) == 2
            said = capsys.readouterr().err
            assert "write it again as .parquet with `labelfix correct`" in said
            assert "with --run" in said


def test_a_run_without_judges_gives_no_p_values(folder, capsys):
    """Two trusted rows judge nothing that could be called evidence; flags still go by confidence."""
    (folder / "run" / "judges").rename(folder / "judges")
    try:
        assert correct(folder, "new.csv", "plain.parquet") == 0
    finally:
        (folder / "judges").rename(folder / "run" / "judges")
    assert "p_value" not in pq.read_table(folder / "plain.parquet").column_names
    assert main(["flag", "--corrected", str(folder / "plain.parquet"), "--max-false-flags", "0.2"]) == 2
    assert "has no p-values" in capsys.readouterr().err
    assert main(["flag", "--corrected", str(folder / "plain.parquet")]) == 0


def test_later_rows_are_evaluated_by_the_file_that_correct_wrote(folder, capsys):
    truth = json.loads((folder / "truth.json").read_text())
    (folder / "truth.csv").write_text("\n".join(["id,label", *(f"{i},{c}" for i, c in enumerate(truth))]) + "\n")
    words = ["evaluate", "--run", str(folder / "run"), "--truth", str(folder / "truth.csv"), "--format", "json"]
    capsys.readouterr()
    assert main([*words, "--corrected", str(folder / "new.parquet")]) == 0
    said = json.loads(capsys.readouterr().out)
    table = pq.read_table(folder / "new.parquet").to_pydict()
    right = np.mean([a == truth[int(i)] for i, a in zip(table["id"], table["corrected_label"], strict=True)])
    assert said["corrected_right"]["value"] == pytest.approx(right)
    assert (said["matched"], said["trusted_left_out"], said["doubted"]) == (900, 0, [])
    assert correct(folder, "new.csv", "new_scored.csv", "--overwrite") == 0
    assert main([*words, "--corrected", str(folder / "new_scored.csv")]) == 2
    assert "write it again as .parquet with `labelfix correct`" in capsys.readouterr().err
    other = folder / "other_truth.csv"
    other.write_text("id,label\nelse,x\n")
    assert main(["evaluate", "--run", str(folder / "run"), "--truth", str(other)]) == 2
    assert "rows that came later are evaluated by --corrected" in capsys.readouterr().err
