"""Running a plan: results, going on after a stop, and the figures, worked by hand."""

import json
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bench_data import CLASSES, MADE, PEOPLE, plan, write_root

from labelfix.bench.metrics import label_figures
from labelfix.bench.results import read_rows
from labelfix.bench.run import run_plan
from labelfix.cli import main
from labelfix.correctors.contract import OwnRows
from labelfix.errors import InputError, RunError
from labelfix.methods.table import METHODS
from labelfix.progress import Silent
from labelfix.settings.model import ComputeSettings, ModelSettings


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_root(tmp_path_factory.mktemp("root"))


@pytest.fixture
def bench(root, tmp_path):
    """Runs a plan into `tmp_path / results`."""

    def run(chosen, **options):
        compute = ComputeSettings(device="cpu", cache_dir=str(tmp_path / "cache"))
        return run_plan(chosen, root, tmp_path / "results", ModelSettings(), compute, Silent(), **options)

    return run


def test_every_run_leaves_one_row_with_its_figures(bench, tmp_path):
    assert bench(plan(methods=["clean-only", {"name": "two", "method": "bayes", "paired": True}])) == 8
    files = {path.name for path in (tmp_path / "results").iterdir()}
    assert files == {f"{d}.{m}.{s}.parquet" for d in ("people", "made") for m in ("clean-only", "two") for s in (0, 1)}
    rows = read_rows(tmp_path / "results")
    assert len(rows) == 8
    by_name = {(row["data"], row["method"], row["seed"]): row for row in rows}
    row = by_name["people", "two", 0]
    assert (row["classes"], row["trusted_rows"], row["paired"], row["groups"]) == (3, 23, True, ["all"])
    assert row["test_rows"] == 60
    assert row["corrected_right"] > 0.9 > row["given_right"] > 0.6
    assert row["auroc"] > 0.9
    assert row["seconds"] > 0
    assert row["cpu_seconds"] > 0
    assert row["peak_mb"] > 50
    assert by_name["made", "clean-only", 1]["test_right"] > 0.9
    # All methods of a seed are given the same rows and labels.
    for name in ("people", "made"):
        assert by_name[name, "two", 1]["given_right"] == by_name[name, "clean-only", 1]["given_right"]


def test_finished_runs_are_not_repeated_and_a_limit_stops_early(bench, tmp_path):
    assert bench(plan(), limit=3) == 3
    first = {path: path.stat().st_mtime_ns for path in (tmp_path / "results").iterdir()}
    assert len(first) == 3
    assert bench(plan()) == 5
    assert {path: path.stat().st_mtime_ns for path in first} == first
    assert bench(plan()) == 0
    assert bench(plan(seeds=[0, 1, 2])) == 4


def test_a_run_is_the_same_whether_or_not_the_bench_was_stopped(bench, tmp_path):
    bench(plan(seeds=[0]))
    before = {row["data"] + row["method"]: row for row in read_rows(tmp_path / "results")}
    for path in (tmp_path / "results").iterdir():
        path.unlink()
    bench(plan(seeds=[0]).only(["bayes"]), only=["made"])
    (row,) = read_rows(tmp_path / "results")
    expected = before["madebayes"]
    cost = {"seconds": 0, "cpu_seconds": 0, "peak_mb": 0}
    assert {**row, **cost} == {**expected, **cost}


def test_results_of_another_protocol_are_not_mixed_in(bench):
    bench(plan(seeds=[0]))
    with pytest.raises(RunError, match="holds a run of another protocol"):
        bench(plan(seeds=[0], trusted_per_class=5))


def test_a_missing_file_or_column_is_named(bench, tmp_path):
    with pytest.raises(InputError, match="gone.parquet: there is no such file"):
        bench(plan(data=[{**PEOPLE, "files": ["gone.parquet"]}]))
    with pytest.raises(InputError, match="has no column 'verdict'; the plan needs it; it has e, given, truth"):
        bench(plan(data=[{**PEOPLE, "truth": "verdict"}]))
    assert not (tmp_path / "results").exists()


def test_a_row_says_what_was_run_and_how_good_it_is(bench, tmp_path):
    """Corrected labels are counted in the confusion matrix, scores in twenty bins."""
    levels = [{"kind": "unif", "rates": [0.0, 0.4]}, {"kind": "flip", "rates": [0.0]}]
    bare = {name: value for name, value in MADE.items() if name != "noise"} | {"name": "bare"}
    bench(plan(data=[bare, PEOPLE], noise=levels, methods=["bayes"], seeds=[0]))
    rows = {row["setting"]: row for row in read_rows(tmp_path / "results")}
    assert rows.keys() == {"bare.none", "bare.unif.0.4", "people"}
    none, unif, people = rows["bare.none"], rows["bare.unif.0.4"], rows["people"]
    assert [(row["data"], row["noise"], row["rate"], row["noise_kinds"]) for row in (none, unif, people)] == [
        ("bare", "none", 0.0, ["unif", "flip"]),
        ("bare", "unif", 0.4, ["unif"]),
        ("people", "real", None, ["real"]),
    ]
    assert none["given_right"] == 1
    assert none["auroc"] is None
    assert none["corrected_right_on_wrong"] is None
    for row in rows.values():
        assert (row["backbone"], row["device"], row["threads"], row["class_names"]) == ("none", "cpu", 1, [*CLASSES])
        confusion = np.array(row["confusion"]).reshape(3, 3)
        assert confusion.trace() / confusion.sum() == pytest.approx(row["corrected_right"])
        right, wrong = np.array(row["given_share_right"]), np.array(row["given_share_wrong"])
        assert len(right) == len(wrong) == 20
        assert right.sum() + wrong.sum() == row["noisy_rows"] == confusion.sum()
        assert right.sum() / row["noisy_rows"] == pytest.approx(row["given_right"])
        assert json.loads(row["versions"])["labelfix"] == row["labelfix"]
        assert isinstance(json.loads(row["history"]), list)
        assert row["test_best"] == row["test_right"]
    parts = [unif["given_right"], 1 - unif["given_right"]]
    on_each = [unif["corrected_right_on_right"], unif["corrected_right_on_wrong"]]
    assert unif["corrected_right"] == pytest.approx(np.dot(parts, on_each))


def test_the_test_rows_are_looked_at_after_every_epoch_and_cost_nothing(bench, tmp_path):
    """A method with epochs leaves its best one on the test rows, and its time is its own."""
    short = {"name": "mlc", "settings": {"recipe": "paper", "epochs": 4, "warmup_epochs": 1}}
    bench(plan(data=[PEOPLE], methods=[short], seeds=[0]))
    (row,) = read_rows(tmp_path / "results")
    seen = [each["test_right"] for each in json.loads(row["history"]) if each.get("test_right") is not None]
    assert len(seen) >= 3
    assert row["test_best"] == max([*seen, row["test_right"]])


def test_figures_of_labels_are_as_worked_by_hand():
    """Four rows of two classes, two given wrongly; the third's suggestion is wrong, the fourth's unsure."""
    truth, given = np.array([0, 1, 0, 1]), np.array([0, 0, 0, 0])
    soft = np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7], [0.45, 0.55]], np.float32)
    fitted = SimpleNamespace(own_rows=OwnRows(soft, soft[:, 0], "as told"), min_confidence=0.75)
    part = SimpleNamespace(noisy_truth=truth)
    found = label_figures(fitted, SimpleNamespace(given=given, num_classes=2), part, 0.6)
    assert found["given_right"] == 0.5
    assert found["corrected_right"] == 0.75
    assert found["corrected_right_on_right"] == 0.5
    assert found["corrected_right_on_wrong"] == 1
    assert found["corrected_sure_right"] == 0.5
    assert found["corrected_chosen_right"] == 0.75
    assert found["confusion"] == [1, 1, 0, 2]
    assert found["nll"] == pytest.approx(-np.log([0.9, 0.8, 0.3, 0.55]).mean())
    assert [np.flatnonzero(found[name]).tolist() for name in ("given_share_right", "given_share_wrong")] == [
        [6, 18],
        [4, 9],
    ]
    assert found["auroc"] == 0.75


def test_several_backbones_are_run_side_by_side(tmp_path):
    words = [f"{colour} {n}" for n in range(60) for colour in ("red", "blue")]
    labels = pa.table({"t": words, "truth": ["r", "b"] * 60, "given": ["r", "b"] * 60})
    pq.write_table(labels, tmp_path / "said.parquet")
    data = [{"name": "said", "files": ["said.parquet"], "text_column": "t", "given": "given", "truth": "truth"}]
    wanted = plan(data=data, methods=["clean-only"], seeds=[0], backbones=["hashed-text", "auto"])
    compute = ComputeSettings(device="cpu", cache_dir=str(tmp_path / "cache"))
    assert run_plan(wanted, tmp_path, tmp_path / "results", ModelSettings(), compute, Silent()) == 2
    files = sorted(path.name for path in (tmp_path / "results").iterdir())
    assert files == ["said.clean-only.auto.0.parquet", "said.clean-only.hashed-text.0.parquet"]


def test_a_run_that_fails_is_named_and_the_others_go_on(bench, tmp_path, monkeypatch):
    def broken(*_):
        raise ValueError("no  such\nluck")

    monkeypatch.setitem(METHODS, "bayes", broken)
    with pytest.raises(RunError, match="2 of 4 runs failed: people bayes seed 0, made bayes seed 0; the others are"):
        bench(plan(seeds=[0]))
    assert {path.name for path in (tmp_path / "results").iterdir()} == {
        "people.clean-only.0.parquet",
        "made.clean-only.0.parquet",
    }
    monkeypatch.undo()
    assert bench(plan(seeds=[0])) == 2


def test_a_folder_without_results_is_refused(tmp_path):
    with pytest.raises(RunError, match="holds no results; `labelfix bench run"):
        read_rows(tmp_path)
    (tmp_path / "x.parquet").write_bytes(b"no")
    with pytest.raises(RunError, match="cannot be read"):
        read_rows(tmp_path)


PLAN = """
methods = ["bayes", { name = "glc-1", method = "glc", settings = { ridge = 1.0 } }]
seeds = [0, 1]

[[data]]
name = "said"
files = ["said.csv"]
text_column = "text"
given = "given"
truth = "truth"
"""


def test_the_command_runs_a_plan_of_texts(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LABELFIX_CACHE_DIR", str(tmp_path / "cache"))
    generator = np.random.default_rng(0)
    truth = generator.integers(0, 2, 200)
    words = [["red", "green", "blue"], ["one", "two", "three"]]
    texts = [" ".join(generator.choice(words[t], 4)) for t in truth]
    given = np.where(generator.random(200) < 0.2, 1 - truth, truth)
    from labelfix.data.formats import write_batches

    rows = pa.table({"text": texts, "given": given, "truth": truth})
    write_batches(tmp_path / "said.csv", rows.schema, rows.to_batches())
    (tmp_path / "plan.toml").write_text(PLAN)
    words = ["bench", "run", "--plan", "plan.toml", "--data-root", ".", "--out", "results", "--device", "cpu"]
    assert main([*words, "--seeds", "1", "--method", "glc-1"]) == 0
    said = capsys.readouterr()
    assert said.out == "results\n"
    assert "1 runs made" in said.err
    assert main([*words, "-q"]) == 0
    assert len(list((tmp_path / "results").iterdir())) == 4
    capsys.readouterr()
    assert main(["bench", "run", "--plan", "plan.toml", "--out", "results"]) == 2
    assert "--data-root is missing" in capsys.readouterr().err
    assert main([*words, "--seeds", "one"]) == 2
    assert "write for example --seeds 0,1,2" in capsys.readouterr().err
    assert main([*words, "--jobs", "0"]) == 2
    assert "is neither a whole number from 1 on nor auto" in capsys.readouterr().err
    assert pq.read_table(tmp_path / "results" / "said.bayes.0.parquet").num_rows == 1
