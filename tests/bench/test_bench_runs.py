"""Running a plan: results, going on after a stop, and the tables, worked by hand."""

import json
import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bench_data import plan, write_root

from labelfix.bench import table
from labelfix.bench.run import run_plan
from labelfix.cli import main
from labelfix.errors import InputError, RunError
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
    rows = table.read_rows(tmp_path / "results")
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
    before = {row["data"] + row["method"]: row for row in table.read_rows(tmp_path / "results")}
    for path in (tmp_path / "results").iterdir():
        path.unlink()
    bench(plan(seeds=[0]).only(["made"], ["bayes"]))
    (row,) = table.read_rows(tmp_path / "results")
    expected = before["madebayes"]
    cost = {"seconds": 0, "cpu_seconds": 0, "peak_mb": 0}
    assert {**row, **cost} == {**expected, **cost}


def test_results_of_another_protocol_are_not_mixed_in(bench):
    bench(plan(seeds=[0]))
    with pytest.raises(RunError, match="holds a run of another protocol"):
        bench(plan(seeds=[0], trusted_per_class=5))


def test_a_missing_file_or_column_is_named(bench, tmp_path):
    from bench_data import PEOPLE

    with pytest.raises(InputError, match="gone.parquet: there is no such file"):
        bench(plan(data=[{**PEOPLE, "files": ["gone.parquet"]}]))
    with pytest.raises(InputError, match="has no column 'verdict'; the plan needs it; it has e, given, truth"):
        bench(plan(data=[{**PEOPLE, "truth": "verdict"}]))
    assert not (tmp_path / "results").exists()


def row(data, method, seed, corrected, given=0.5, auroc=0.9, groups=("g",)):
    filled = dict.fromkeys(table.FIGURES, 0.25)
    return {
        "data": data,
        "method": method,
        "seed": seed,
        "groups": list(groups),
        "given_right": given,
        **filled,
        "corrected_right": corrected,
        "auroc": auroc,
    }


def test_the_table_gives_means_and_standard_errors():
    """.7, .8, .9: mean .8, standard deviation .1, standard error .1/√3. A set with one seed has no error."""
    rows = [row("a", "m", s, v, given) for s, v, given in ((0, 0.7, 0.4), (1, 0.8, 0.5), (2, 0.9, 0.6))]
    rows += [row("b", "m", 0, 0.6, 0.3), row("b", "n", 0, 0.1, 0.3)]
    first, second, mean = table.sections(rows)
    assert [line.method for line in first.lines] == [table.GIVEN, "m"]
    figure = first.lines[1].figures["corrected_right"]
    assert figure.mean == pytest.approx(0.8)
    assert figure.error == pytest.approx(0.1 / math.sqrt(3))
    assert first.lines[0].figures["corrected_right"].mean == pytest.approx(0.5)
    assert list(first.lines[0].figures) == ["corrected_right"]
    assert second.lines[1].figures["corrected_right"].error is None
    # n was not run on every set of the group, so it has no mean over them.
    assert mean.name == "mean of g (2 sets)"
    assert [line.method for line in mean.lines] == [table.GIVEN, "m"]
    assert mean.lines[1].figures["corrected_right"].mean == pytest.approx((0.8 + 0.6) / 2)
    assert mean.lines[0].figures["corrected_right"].mean == pytest.approx((0.5 + 0.3) / 2)


def test_a_figure_that_one_seed_lacks_is_left_out():
    """With no wrong label there is no AUROC."""
    (only, _) = table.sections([row("a", "m", 0, 0.7), row("a", "m", 1, 0.7, auroc=None)])
    assert "auroc" not in only.lines[1].figures
    assert "| –" in table.as_text([only], markdown=True).splitlines()[3]


def test_tables_come_as_text_markdown_and_json():
    found = table.sections([row("a", "m", 0, 0.7), row("a", "m", 1, 0.9)])
    text = table.as_text(found).splitlines()
    assert text[0].split()[:3] == ["set", "method", "runs"]
    assert "0.800 ± 0.100" in text[2]
    markdown = table.as_text(found, markdown=True).splitlines()
    assert set(markdown[1]) <= set("|-")
    assert len({line.count("|") for line in markdown[:4]}) == 1
    loaded = json.loads(table.as_json(found))
    assert loaded[0]["lines"][1]["figures"]["corrected_right"]["mean"] == pytest.approx(0.8)


def test_a_folder_without_results_is_refused(tmp_path):
    with pytest.raises(RunError, match="holds no results; `labelfix bench run"):
        table.read_rows(tmp_path)
    (tmp_path / "x.parquet").write_bytes(b"no")
    with pytest.raises(RunError, match="cannot be read"):
        table.read_rows(tmp_path)


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


def test_the_commands_run_a_plan_of_texts_and_show_its_table(tmp_path, monkeypatch, capsys):
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
    assert main(["bench", "table", "--results", "results", "--format", "json"]) == 0
    (section,) = json.loads(capsys.readouterr().out)
    assert [line["method"] for line in section["lines"]] == ["given labels", "bayes", "glc-1"]
    assert section["lines"][1]["figures"]["corrected_right"]["mean"] > 0.95
    assert main(["bench", "table", "--results", "results"]) == 0
    assert "said  glc-1" in capsys.readouterr().out
    assert main(["bench", "run", "--plan", "plan.toml", "--out", "results"]) == 2
    assert "--data-root is missing" in capsys.readouterr().err
    assert main([*words, "--seeds", "one"]) == 2
    assert "write for example --seeds 0,1,2" in capsys.readouterr().err
    assert pq.read_table(tmp_path / "results" / "said.bayes.0.parquet").num_rows == 1
