"""Methods against each other, worked by hand."""

import json
import math

import pytest
from bench_rows import level, row, write

from labelfix.bench.compare import Shortfall, compared, ranking
from labelfix.bench.compare_text import comparison_text, ranking_text
from labelfix.cli import main
from labelfix.errors import RunError


def pair(first, second, setting, seed=0, **changes):
    return [row(setting, "a", seed, first, **changes), row(setting, "b", seed, second, **changes)]


def of(found, figure):
    (one,) = [difference for difference in found.differences if difference.figure == figure]
    return one


def test_differences_are_means_over_settings_with_a_t_interval_over_the_seeds_means():
    """Seed 0: (.1 + .3)/2 = .2, seed 1: (.2 + .4)/2 = .3; .25 ± 12.706 · .0707/√2."""
    rows = [*pair(0.6, 0.5, "x"), *pair(0.8, 0.5, "y"), *pair(0.7, 0.5, "x", 1), *pair(0.9, 0.5, "y", 1)]
    one = of(compared(rows, "a", "b"), "test_right")
    assert (one.first, one.second, one.mean) == (pytest.approx(0.75), pytest.approx(0.5), pytest.approx(0.25))
    half = 12.7062 * math.sqrt(0.005) / math.sqrt(2)
    assert one.over_seeds.high - one.mean == pytest.approx(half, rel=1e-4)
    assert one.mean - one.over_seeds.low == pytest.approx(half, rel=1e-4)
    assert one.seeds == (0, 1)
    assert one.settings == {"x": pytest.approx(0.15), "y": pytest.approx(0.35)}


def test_wins_and_regret_are_counted_in_the_direction_of_the_figure():
    rows = [*pair(0.6, 0.5, "x"), *pair(0.2, 0.5, "y"), *pair(0.5, 0.5, "z"), *pair(0.4, 0.5, "w")]
    found = compared(rows, "a", "b")
    test, ece = of(found, "test_right"), of(found, "ece")
    assert (test.wins, test.ties, test.losses) == (1, 1, 2)
    assert (test.regret, test.worst) == (pytest.approx(0.3), "y")
    # Of errors less is better: what a lost there it wins here.
    assert (ece.wins, ece.ties, ece.losses) == (2, 1, 1)
    assert (ece.regret, ece.worst) == (pytest.approx(0.1), "x")
    assert test.mean == pytest.approx(ece.mean)


def test_one_that_is_never_behind_has_no_regret():
    one = of(compared([*pair(0.6, 0.5, "x"), *pair(0.7, 0.7, "y")], "a", "b"), "test_right")
    assert (one.regret, one.worst) == (0.0, "")


def test_with_one_seed_there_is_no_interval_over_seeds_and_it_is_said():
    found = compared(pair(0.6, 0.5, "x"), "a", "b")
    assert of(found, "test_right").over_seeds is None
    assert "seed 0 alone has every setting, so there is no interval over seeds" in " ".join(
        comparison_text(found).split()
    )


def test_only_pairs_count_and_only_seeds_that_have_every_setting():
    rows = [*pair(0.6, 0.5, "x"), *pair(0.6, 0.5, "y"), *pair(0.9, 0.1, "x", 1), row("y", "a", 1, 0.9)]
    rows += [row("z", "a", 0, 1.0)]
    one = of(compared(rows, "a", "b"), "test_right")
    assert one.seeds == (0,)
    assert one.mean == pytest.approx(0.1)
    assert list(one.settings) == ["x", "y"]


def test_where_no_seed_has_every_setting_all_pairs_count():
    one = of(compared([*pair(0.6, 0.5, "x"), *pair(0.8, 0.5, "y", 1)], "a", "b"), "test_right")
    assert (one.seeds, one.over_seeds) == ((), None)
    assert one.mean == pytest.approx(0.2)


def test_a_figure_that_is_missing_somewhere_is_compared_elsewhere():
    """Without noise there is no AUROC."""
    rows = [level(m, kind, rate, v) for m, v in (("a", 0.9), ("b", 0.8)) for kind, rate in (("unif", 0), ("unif", 0.4))]
    found = compared(rows, "a", "b")
    assert list(of(found, "test_right").settings) == ["news.none", "news.unif.0.4"]
    assert list(of(found, "auroc").settings) == ["news.unif.0.4"]
    assert "–" in comparison_text(found)


def test_the_interval_over_settings_holds_the_mean_and_needs_three_of_them():
    rows = [one for n, gain in enumerate((0.0, 0.1, 0.2)) for one in pair(0.5 + gain, 0.5, f"s{n}")]
    one = of(compared(rows, "a", "b"), "test_right")
    # The mean of three draws lies in [0, .2]; all three alike come up once in 27, so the ends are near.
    assert 0 <= one.over_settings.low < one.mean < one.over_settings.high <= 0.2
    assert compared(rows, "a", "b") == compared(rows, "a", "b")
    assert of(compared(rows[:4], "a", "b"), "test_right").over_settings is None


def test_methods_that_share_nothing_or_are_not_there_are_refused():
    with pytest.raises(RunError, match="share no setting and seed"):
        compared([row("x", "a"), row("y", "b")], "a", "b")
    with pytest.raises(RunError, match="no run of 'c' is there; methods that are: a, b"):
        compared(pair(0.1, 0.2, "x"), "a", "c")


def test_ranks_are_means_over_settings_and_equal_figures_share_theirs():
    """x: a, b, c rank 1, 2, 3; y: a and b share 1.5. Errors run the other way."""
    values = {"x": (0.9, 0.8, 0.7), "y": (0.6, 0.6, 0.1)}
    rows = [row(name, m, 0, v) for name, three in values.items() for m, v in zip("abc", three, strict=True)]
    found = {one.method: one for one in ranking(rows).standings}
    assert [found[m].ranks["test_right"] for m in "abc"] == [1.25, 1.75, 3.0]
    assert [found[m].ranks["ece"] for m in "abc"] == [2.75, 2.25, 1.0]
    assert [found[m].average for m in "abc"] == [1.25, 1.75, 3.0]
    assert list(found) == ["a", "b", "c"]
    assert found["c"].shortfalls["test_right"] == Shortfall(pytest.approx(0.5), "y")
    assert found["c"].shortfalls["ece"] == Shortfall(0.0, "")
    assert found["a"].shortfalls["test_right"] == Shortfall(0.0, "")


def test_ranks_use_the_seeds_that_all_methods_have():
    rows = [row("x", "a", 0, 0.5), row("x", "a", 1, 0.9), row("x", "b", 0, 0.6)]
    found = ranking(rows)
    assert [one.method for one in found.standings] == ["b", "a"]
    assert found.seeds == {"x": (0,)}


def test_a_method_that_lacks_a_setting_is_left_out_and_told():
    rows = [*pair(0.5, 0.4, "x"), *pair(0.5, 0.4, "y"), row("x", "c", 0, 0.9)]
    found = ranking(rows)
    assert [one.method for one in found.standings] == ["a", "b"]
    assert found.left_out == {"c": 1}
    assert "c is left out: it lacks 1 of 2 settings" in ranking_text(found)
    with pytest.raises(RunError, match="ranks need two methods .* incomplete: b"):
        ranking([row("x", "a"), row("y", "a"), row("x", "b")])


def test_the_commands_speak_text_markdown_and_json(tmp_path, capsys):
    folder = str(write(tmp_path, [*pair(0.6, 0.5, "x"), *pair(0.6, 0.5, "x", 1), *pair(0.2, 0.5, "y")]))
    assert main(["bench", "compare", "a", "b", "--results", folder]) == 0
    assert "a against b" in capsys.readouterr().out
    assert main(["bench", "compare", "a", "b", "--results", folder, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["differences"][0]["worst"] == "y"
    assert main(["bench", "ranks", "--results", folder, "--format", "markdown"]) == 0
    assert "| a " in capsys.readouterr().out
    assert main(["bench", "ranks", "--results", folder, "--method", "a"]) == 2
    assert "ranks need two methods" in capsys.readouterr().err
