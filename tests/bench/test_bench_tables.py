"""Tables of results, worked by hand: settings, groups of sets, and means over noise."""

import json
import math

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bench_rows import level, row, write

from labelfix.bench import table_text
from labelfix.bench.levels import ALL, GIVEN, noise_grid
from labelfix.bench.results import chosen, read_rows
from labelfix.bench.table import tables
from labelfix.cli import main
from labelfix.errors import RunError


def mean(grid, method, kind=ALL, rates=None):
    wanted = rates or grid.means[0].rates
    (found,) = [m for m in grid.means if (m.method, m.kind, m.rates) == (method, kind, wanted)]
    return found


def grid_rows():
    """Two seeds of `m` at unif and flip 0, .5; seed 1 is better by .1 everywhere."""
    levels = [("unif", 0, 0.9), ("unif", 0.5, 0.6), ("flip", 0.5, 0.4)]
    return [level("m", kind, rate, value + 0.1 * seed, seed) for kind, rate, value in levels for seed in (0, 1)]


def test_a_table_gives_means_and_standard_errors():
    """.7, .8, .9: mean .8, standard deviation .1, standard error .1/√3. A set with one seed has no error."""
    rows = [row("a", "m", s, v, given_right=g) for s, v, g in ((0, 0.7, 0.4), (1, 0.8, 0.5), (2, 0.9, 0.6))]
    rows += [row("b", "m", 0, 0.6, given_right=0.3), row("b", "n", 0, 0.1, given_right=0.3)]
    first, second, over = tables(rows).sections
    assert [line.method for line in first.lines] == [GIVEN, "m"]
    figure = first.lines[1].figures["corrected_right"]
    assert figure.mean == pytest.approx(0.8)
    assert figure.error == pytest.approx(0.1 / math.sqrt(3))
    assert first.lines[0].figures["corrected_right"].mean == pytest.approx(0.5)
    assert list(first.lines[0].figures) == ["corrected_right"]
    assert second.lines[1].figures["corrected_right"].error is None
    # n was not run on every set of the group, so it has no mean over them.
    assert over.name == "mean of g (2 sets)"
    assert [line.method for line in over.lines] == [GIVEN, "m"]
    assert over.lines[1].figures["corrected_right"].mean == pytest.approx((0.8 + 0.6) / 2)
    assert over.lines[0].figures["corrected_right"].mean == pytest.approx((0.5 + 0.3) / 2)


def test_a_figure_that_one_seed_lacks_is_left_out():
    found = tables([row("a", "m", 0, 0.7), row("a", "m", 1, 0.7, auroc=None)])
    assert "auroc" not in found.sections[0].lines[1].figures
    lines = table_text.as_text(found, markdown=True).splitlines()
    assert any(line.startswith("| a ") and "–" in line for line in lines)


def test_a_mean_over_noise_counts_rate_0_once_for_each_kind():
    """Seed 0: (.9 + .9 + .6 + .4)/4 = .7, seed 1: .8; so .75 ± .05 (standard deviation .1/√2, over √2)."""
    grid = noise_grid(grid_rows())
    figure = mean(grid, "m").figures["test_right"]
    assert figure.mean == pytest.approx(0.75)
    assert figure.error == pytest.approx(0.05)
    assert mean(grid, "m").levels == 4
    assert mean(grid, "m", "unif").figures["test_right"].mean == pytest.approx((0.9 + 0.6) / 2 + 0.05)
    assert mean(grid, "m", "flip").figures["test_right"].mean == pytest.approx((0.9 + 0.4) / 2 + 0.05)
    assert mean(grid, "m", rates="0.5").figures["test_right"].mean == pytest.approx((0.6 + 0.4) / 2 + 0.05)
    # Given labels are right but for the noise: (1 + 1 + .5 + .5)/4.
    assert mean(grid, GIVEN).figures["corrected_right"].mean == pytest.approx(0.75)


def test_figures_of_wrong_labels_leave_rate_0_out():
    grid = noise_grid(grid_rows())
    assert mean(grid, "m").figures["auroc"].mean == pytest.approx((0.6 + 0.4) / 2 + 0.05)


def test_means_from_0_to_below_1_and_above_0_are_given_where_the_levels_reach_so_far():
    rows = [level("m", "unif", rate, value) for rate, value in ((0, 0.9), (0.5, 0.6), (1, 0.3))]
    rows[0]["noise_kinds"] = ["unif"]
    grid = noise_grid(rows)
    # With one kind there is no mean over all kinds beside it.
    assert {m.kind for m in grid.means} == {"unif"}
    values = {m.rates: m.figures["test_right"].mean for m in grid.means if m.method == "m"}
    assert values == {"0 to 1": pytest.approx(0.6), "0 to 0.5": pytest.approx(0.75), "0.5 to 1": pytest.approx(0.45)}


def test_a_method_or_seed_that_lacks_levels_does_not_count_and_is_told():
    rows = [*grid_rows(), level("n", "unif", 0, 0.99), level("n", "flip", 0.5, 0.99)]
    rows = [one for one in rows if (one["method"], one["setting"], one["seed"]) != ("m", "news.unif.0.5", 1)]
    grid = noise_grid(rows)
    assert (mean(grid, "n").missing, mean(grid, "n").figures) == (1, {})
    # Of flip nothing is missing.
    assert mean(grid, "n", "flip").figures["test_right"].mean == pytest.approx(0.99)
    assert mean(grid, "m").seeds == 1
    assert mean(grid, "m").figures["test_right"].mean == pytest.approx(0.7)
    assert grid.notes == ("m, seed 1: left out, 1 of 4 levels are missing",)
    text = table_text.as_text(tables(rows))
    assert "1 of 4 missing" in text
    assert "m, seed 1: left out" in text


def test_every_level_is_shown_for_a_few_figures_and_for_all_when_asked():
    found = tables(grid_rows())
    (table,) = [t for t in found.grids[0].by_level if (t.kind, t.column) == ("flip", "corrected_right")]
    assert table.rates == (0, 0.5)
    assert table.methods["m"] == (pytest.approx(0.95), pytest.approx(0.45))
    assert table.methods[GIVEN] == (1, 0.5)
    assert "news.flip.0.5" not in table_text.as_text(found)
    assert "news.flip.0.5" in table_text.as_text(found, every_level=True)


def test_a_set_with_levels_counts_in_its_group_by_its_mean_over_them():
    rows = [*grid_rows(), row("other", "m", 0, 0.25)]
    over = tables(rows).sections[-1]
    assert over.name == "mean of g (2 sets)"
    assert over.lines[1].figures["test_right"].mean == pytest.approx((0.75 + 0.25) / 2)


def test_a_text_table_is_no_wider_than_160_columns():
    rows = [row("banking77-nearest-20", "confident-learning", seed, 0.1 * seed) for seed in (1, 2)]
    rows += [one | {"method": "confident-learning"} for one in grid_rows()]
    assert max(map(len, table_text.as_text(tables(rows)).splitlines())) <= 160


def test_sets_with_several_backbones_are_told_apart(tmp_path):
    rows = [row("a", "m", 0, 0.1 * n, backbone=name) for n, name in enumerate(("big", "small"))] + [row("b", "m")]
    found = read_rows(write(tmp_path, rows))
    assert [one["setting"] for one in found] == ["a [big]", "a [small]", "b"]
    assert [one["groups"] for one in found] == [["g [big]"], ["g [small]"], ["g"]]


def test_several_folders_are_read_as_one_unless_a_run_stands_in_two(tmp_path):
    first, second = write(tmp_path / "1", [row("a", "m")]), write(tmp_path / "2", [row("a", "n")])
    assert [one["method"] for one in read_rows(first, second)] == ["m", "n"]
    with pytest.raises(RunError, match="a m seed 0: stands there twice"):
        read_rows(first, write(tmp_path / "3", [row("a", "m")]))


def test_rows_without_the_newer_columns_are_read_and_the_rest_is_shown(tmp_path):
    old = {"data": "a", "method": "m", "seed": 0, "groups": ["g"], "given_right": 0.5, "test_right": 0.25}
    pq.write_table(pa.Table.from_pylist([old]), tmp_path / "old.parquet")
    (found,) = read_rows(tmp_path)
    assert found["setting"] == "a"
    (section,) = tables([found]).sections
    assert list(section.lines[1].figures) == ["test_right"]


def test_a_name_that_no_row_has_is_refused():
    with pytest.raises(RunError, match="'n': no run of such a method is there; those that are: m"):
        chosen([row("a", "m")], methods=["n"])
    with pytest.raises(RunError, match="'h': no run of such a group is there; those that are: g"):
        chosen([row("a", "m")], groups=["h"])


def test_the_command_prints_a_table_and_writes_it_where_asked(tmp_path, capsys):
    folder = write(tmp_path / "results", grid_rows())
    out = tmp_path / "table.md"
    assert main(["bench", "table", "--results", str(folder), "--format", "markdown", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert out.read_text(encoding="utf-8") == printed
    rule = next(line for line in printed.splitlines() if line.startswith("| -"))
    assert set(rule) <= set("|-: ")
    assert main(["bench", "table", "--results", str(folder), "--format", "json"]) == 0
    loaded = json.loads(capsys.readouterr().out)
    assert loaded["grids"][0]["means"][1]["figures"]["test_right"]["mean"] == pytest.approx(0.75)
    assert main(["bench", "table"]) == 2
    assert "--results is missing" in capsys.readouterr().err
