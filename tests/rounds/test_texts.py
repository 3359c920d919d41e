"""`--no-freeze` on texts: the run on fixed features stands, an encoder learns, and the better of both is kept."""

import functools
import io
import json
from contextlib import redirect_stderr
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from own_process import WITHOUT, run_script

import labelfix
from labelfix.cli import main
from labelfix.errors import TrainingError
from labelfix.rounds import learn as learning
from labelfix.rounds.choice import BOTH, FROZEN, LEARNT, Choice
from labelfix.runs import RunFolder

WORDS = [
    *("train", "--noisy", "noisy.parquet", "--clean", "gold.csv", "--no-freeze"),
    *("--set", "epochs=2", "--set", "head_learning_rate=0.05", "--set", "learning_rate=0.01"),
]


ENCODER = ["--backbone", "encoder"]
FIXED = ["train", *WORDS[1:5], *ENCODER]


def about(folder):
    return json.loads((folder / "metrics.json").read_text())


def corrected(folder):
    return (folder / "corrected.parquet").read_bytes()


@pytest.fixture
def keep(monkeypatch):
    """Have a fit kept, whatever trusted rows say."""

    def keep(name):
        monkeypatch.setattr(learning, "choose", lambda of: Choice(name, of))

    return keep


@pytest.fixture(scope="module")
def finished(texts, tmp_path_factory):
    """A run in which one fit is kept, or that of fixed features alone; and what it said. Tests must not change it."""

    @functools.cache
    def run(kept):
        out = tmp_path_factory.mktemp("runs") / "r"
        words = [*WORDS, *ENCODER] if kept else FIXED
        with pytest.MonkeyPatch.context() as patch, redirect_stderr(io.StringIO()) as said:
            patch.chdir(texts)
            patch.setenv("LABELFIX_CACHE_DIR", str(texts / "cache"))
            patch.setattr(learning, "choose", lambda of: Choice(kept, of))
            assert main([*words, "--out", str(out)]) == 0
        return out, said.getvalue()

    return run


@pytest.mark.parametrize("name", [FROZEN, LEARNT, BOTH])
def test_each_of_the_fits_is_a_run_like_any_other(at_work, finished, name):
    out, said = finished(name)
    assert "learning features: 4 times 2 passes over 180 rows, about" in said
    assert "Ctrl-C keeps the run on fixed features, which is finished" in said
    judging = 22  # about three eighths of 60
    rounds, basis = about(out)["rounds"], about(out)["evidence"]["judged_on"]
    assert rounds["chosen"] == name
    assert set(rounds["fits"]) == {FROZEN, LEARNT, BOTH}
    assert rounds["judged_on"] == judging  # the others taught the features
    assert basis["rows"] == (60 if name == FROZEN else judging)
    run = labelfix.load_run(out)
    assert run.manifest["features"] == "learnt"
    assert not (out / "checkpoints").exists()
    assert not (out / "unfinished").exists()
    probabilities = pq.read_table(out / "corrected.parquet")["predicted_label"].to_pylist()
    assert run.predict("noisy.parquet")["predicted_label"].to_pylist() == probabilities
    again = run.correct("noisy.parquet")
    assert len(again) == 240


def test_the_classifier_works_without_labelfix(at_work, finished):
    out, _ = finished(BOTH)
    card = (out / "classifier" / "README.md").read_text()
    code = card.split("```python\n")[1].split("```")[0]
    script = WITHOUT + code + "\nprint(probabilities(['the cat sat on a mat', 'market falls'], '.').tolist())\n"
    found = run_script(script, folder=out / "classifier")
    assert found.returncode == 0, found.stderr
    run, rows = labelfix.load_run(out), [{"text": "the cat sat on a mat"}, {"text": "market falls"}]
    own = run.predict(pa.Table.from_pylist(rows)).to_pylist()
    for said, row in zip(json.loads(found.stdout), own, strict=True):
        assert max(said) == pytest.approx(row["confidence"], abs=1e-4)
        assert run.manifest["classes"][said.index(max(said))] == row["predicted_label"]


def test_trusted_rows_and_given_labels_are_never_shown_to_the_encoder(at_work, monkeypatch):
    seen = []
    train = learning.learn

    def watched(task, soft, *rest):
        seen.append((task.problem, soft))
        train(task, soft, *rest)

    monkeypatch.setattr(learning, "learn", watched)
    assert main([*WORDS, *ENCODER, "--out", str(at_work / "r"), "-q"]) == 0
    assert len(seen) == 2  # by a part of the trusted rows, and by all
    for problem, soft in seen:
        assert len(problem.noisy) == 180
        assert len(problem.truth) == len(problem.clean) == 0
        assert soft.shape == (180, 2)
    assert not np.array_equal(seen[0][1], seen[1][1])


def test_an_encoder_of_the_same_trusted_rows_alone_has_half_a_say_in_what_is_learned(at_work, monkeypatch):
    """Of the rows that judge it knows none, and none of the noisy ones' labels."""
    said, learned = [], []

    def teaches(task, clean, truth, *_):
        assert len(clean) == len(truth)
        said.append((len(truth), np.tile(np.float32([0.9, 0.1]), (len(task.problem.noisy), 1))))
        return said[-1][1]

    monkeypatch.setattr(learning, "taught", teaches)
    train = learning.learn
    monkeypatch.setattr(learning, "learn", lambda task, soft, *rest: (learned.append(soft), train(task, soft, *rest)))
    labels = learning.Rounds.labels
    own = []
    monkeypatch.setattr(learning.Rounds, "has_teacher", False)
    without = learning.Rounds.labels

    def both(self, *words):
        with monkeypatch.context() as patch:
            patch.setattr(learning.Rounds, "has_teacher", False)
            own.append(without(self, *words))
        with monkeypatch.context() as patch:
            patch.setattr(learning.Rounds, "has_teacher", True)
            return labels(self, *words)

    monkeypatch.setattr(learning.Rounds, "labels", both)
    assert main([*WORDS, *ENCODER, "--out", str(at_work / "r"), "-q"]) == 0
    teaching = [count for count, _ in said]
    assert teaching[1] == 60
    assert teaching[0] == pytest.approx(5 / 8 * 60, abs=2)
    for soft, taught, mixed in zip(own, [each for _, each in said], learned, strict=True):
        expected = np.sqrt(soft * taught)
        assert np.allclose(mixed, expected / expected.sum(axis=1, keepdims=True), atol=1e-6)


def test_an_interrupted_round_leaves_the_finished_run_and_goes_on_to_the_same_bytes(
    at_work, finished, keep, monkeypatch, capsys
):
    (straight, _), (fixed, _) = finished(LEARNT), finished(None)
    keep(LEARNT)
    out = at_work / "r"
    with monkeypatch.context() as patch:
        patch.setattr(learning, "learn", _interrupted)
        assert main([*WORDS, *ENCODER, "--out", str(out)]) == 130
    said = capsys.readouterr().err
    assert f"{out} holds the run on fixed features, which is finished; `labelfix train --resume {out}` goes on" in said
    assert corrected(out) == corrected(fixed)
    assert main(["flag", "--run", str(out), "-q"]) == 0
    assert RunFolder(out).stands
    assert main(["train", "--resume", str(out), "-q"]) == 0
    assert corrected(out) == corrected(straight) != corrected(fixed)
    assert not RunFolder(out).under_way


def test_how_sure_it_is_that_a_label_is_wrong_is_said_by_all_trusted_rows(finished):
    (fixed, _), (out, _) = finished(None), finished(LEARNT)
    p_values = [pq.read_table(run / "corrected.parquet")["p_value"] for run in (fixed, out)]
    assert p_values[0] == p_values[1]
    for name in ("guarantee", "noise"):
        assert about(out)["evidence"][name] == about(fixed)["evidence"][name]


def test_a_finished_run_names_the_command_that_goes_on_from_it(at_work, finished, keep, capsys):
    straight, _ = finished(LEARNT)
    keep(LEARNT)
    out = at_work / "r"
    assert main([*FIXED, "--out", str(out)]) == 0
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.endswith(f"labelfix train --resume {out} --no-freeze")
    assert main(["train", "--resume", str(out), "--no-freeze", *WORDS[6:]]) == 0
    assert corrected(out) == corrected(straight)
    assert "--no-freeze" not in capsys.readouterr().err.splitlines()[-1]
    assert main(["train", "--resume", str(out), "--no-freeze"]) == 0
    assert "this run is finished; nothing is left to do" in capsys.readouterr().err


def test_training_that_diverges_falls_back_to_what_was_there(at_work, monkeypatch, capsys):
    def diverges(*_):
        raise TrainingError("the loss is no longer a number in epoch 1")

    monkeypatch.setattr(learning, "learn", diverges)
    assert main([*WORDS, *ENCODER, "--out", str(at_work / "r")]) == 0
    assert "round 1 of learning features came to nothing (the loss is no longer a number" in capsys.readouterr().err
    assert about(at_work / "r")["rounds"] == {"chosen": FROZEN, "done": 0}


def test_with_few_trusted_rows_nothing_is_learned(at_work, capsys):
    lines = Path("gold.csv").read_text().splitlines()[:16]
    (at_work / "few.csv").write_text("\n".join(lines) + "\n")
    words = ["train", "--noisy", "noisy.parquet", "--clean", str(at_work / "few.csv"), "--no-freeze", *ENCODER]
    assert main([*words, "--out", str(at_work / "r")]) == 0
    assert "15 trusted rows are too few to learn features and to judge them (54 or more)" in capsys.readouterr().err


@pytest.mark.parametrize("pairs", [60, 0])
def test_features_are_learned_from_several_sources_too(at_work, keep, pairs):
    """Trusted rows that sources say nothing of are judged by the classifier alone."""
    keep(LEARNT)
    rows, generator = pq.read_table("noisy.parquet"), np.random.default_rng(1)
    other = [given if generator.random() < 0.7 else "news" for given in rows["label"].to_pylist()]
    table = rows.rename_columns(["id", "text", "one"]).append_column("two", pa.array(other))
    gold = rows.slice(0, 60).select(["text"]) if not pairs else rows.slice(0, 60).select(["id"])
    truth = [line.split(",")[1] for line in Path("gold.csv").read_text().split()[1:]]
    labelfix.train(
        table.slice(60 - pairs),
        gold.append_column("label", pa.array(truth)),
        at_work / "r",
        label_columns=["one", "two"],
        backbone="encoder",
        freeze=False,
        epochs=4,
        head_learning_rate=0.05,
        learning_rate=0.01,
    )
    rounds = about(at_work / "r")["rounds"]
    assert (rounds["done"], set(rounds["fits"])) == (1, {FROZEN, LEARNT})  # no mean: each fit has a scale of its own
    assert rounds["judged_on"] == 22
    run = labelfix.load_run(at_work / "r")
    own = {row["id"]: row["suggested_label"] for row in pq.read_table(at_work / "r" / "corrected.parquet").to_pylist()}
    again = run.correct(table.slice(60 - pairs)).to_pylist()
    assert np.mean([own[row["id"]] == row["suggested_label"] for row in again]) > 0.9


def test_where_nothing_can_be_trained_it_is_said_before_any_work(at_work, capsys):
    assert main(["train", *WORDS[1:6], "--out", str(at_work / "r")]) == 2
    assert "--no-freeze trains an encoder along, and there is no encoder" in capsys.readouterr().err
    assert not (at_work / "r").exists()


def _interrupted(*_):
    raise KeyboardInterrupt
