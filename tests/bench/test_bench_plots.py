"""Plots: what is drawn, how it is named, and that the same rows give the same bytes."""

import sys

import pytest
from bench_rows import detailed, level, row, write

from labelfix.bench import plot_labels, plot_style, plots
from labelfix.bench.plot_training import figures
from labelfix.cli import main
from labelfix.errors import RunError, SettingsError


def grid(methods=("mlc", "glc"), seeds=(0, 1)):
    levels = [("unif", 0), ("unif", 0.3), ("unif", 0.6), ("flip", 0.3), ("flip", 0.6)]
    return [
        detailed(level(method, kind, rate, 0.9 - 0.1 * n - 0.3 * rate + 0.02 * seed, seed))
        for n, method in enumerate(methods)
        for seed in seeds
        for kind, rate in levels
    ]


def names(figure):
    """What the one legend of a figure names."""
    (legend,) = figure.legends
    return [text.get_text() for text in legend.get_texts()]


def test_the_usual_settings_are_the_levels_nearest_to_point_six_and_sets_with_labels_of_their_own():
    assert set(plots.usual_settings([*grid(), row("real", "mlc")])) == {"news.unif.0.6", "news.flip.0.6", "real"}


def test_lines_of_accuracy_run_through_the_means_over_seeds():
    """At unif .3 the two seeds of mlc have .81 and .83."""
    figure = plots.accuracy_by_noise(grid(), "test_right", plot_style.looks(["mlc", "glc"]))
    panels = figure.get_axes()
    assert [panel.get_title(loc="left") for panel in panels] == ["UNIF", "FLIP"]
    for panel in panels:
        # A run without noise stands in both panels.
        assert panel.lines[0].get_xdata().tolist() == [0, 0.3, 0.6]
        assert panel.lines[0].get_ydata().tolist() == pytest.approx([0.91, 0.82, 0.73])
    assert sorted(names(figure)) == ["glc", "mlc"]


def test_given_labels_are_drawn_beside_corrected_ones():
    figure = plots.accuracy_by_noise(grid(), "corrected_right", plot_style.looks(["mlc", "glc"]))
    panel = figure.get_axes()[0]
    assert panel.lines[-1].get_ydata().tolist() == pytest.approx([1, 0.7, 0.4])
    assert "given labels" in names(figure)


def test_heat_maps_add_seeds_up_and_rows_add_up_to_one():
    rows = [one for one in grid() if one["setting"] == "news.unif.0.6"]
    # The other seed has the classes swapped: (10 + 1)/24 on the diagonal.
    rows[0]["confusion"] = [1, 10, 1, 10, 1, 1, 1, 1, 10]
    figure = plot_labels.heat_maps(rows)
    panel = figure.get_axes()[0]
    shares = panel.collections[0].get_array().reshape(3, 3)
    assert shares.sum(axis=1).tolist() == pytest.approx([1, 1, 1])
    assert shares[0].tolist() == pytest.approx([11 / 24, 11 / 24, 2 / 24])
    assert [label.get_text() for label in panel.get_yticklabels()] == ["class 0", "class 1", "class 2"]


def test_right_and_wrong_labels_are_each_shown_as_shares():
    figure = plot_labels.given_shares([detailed(row("x", "m"))])
    drawn = figure.get_axes()[0].patches
    totals = [patch.get_data().values.sum() for patch in drawn]
    assert totals == pytest.approx([1] * 4)
    assert drawn[0].get_data().values[-1] > drawn[2].get_data().values[-1]


def test_trainings_of_made_noise_have_a_line_for_each_level_and_a_loss_of_zero_is_no_curve():
    found = dict(figures(grid(methods=["mlc"]), plot_style.looks(["mlc"])))
    assert set(found) == {"news.unif.mlc", "news.flip.mlc"}
    panels = found["news.flip.mlc"].get_axes()
    assert [panel.get_title(loc="left") for panel in panels] == ["loss of noisy rows", "share of test rows right"]
    assert names(found["news.flip.mlc"]) == ["ρ 0", "ρ 0.3", "ρ 0.6"]
    assert panels[0].lines[0].get_xdata().tolist() == [1, 2, 3, 4, 5]


def test_a_second_phase_goes_on_where_the_first_ended():
    made = detailed(row("x", "glc"))
    made["history"] = (
        '[{"phase": 1, "epoch": 1, "test_right": 0.1}, {"phase": 1, "epoch": 2, "test_right": 0.2},'
        ' {"phase": 2, "epoch": 1, "test_right": 0.3}, {"phase": 2, "epoch": 2, "test_right": null}]'
    )
    ((_, figure),) = figures([made], plot_style.looks(["glc"]))
    assert figure.get_axes()[0].lines[0].get_xdata().tolist() == [1, 2, 3]


def test_rows_between_the_ends_of_epochs_stand_between_them():
    made = detailed(row("x", "mlc"))
    made["history"] = (
        '[{"epoch": 1, "step": 5, "test_right": 0.1}, {"epoch": 1, "step": 10, "test_right": 0.2},'
        ' {"epoch": 2, "step": 15, "test_right": 0.3}, {"epoch": 2, "step": 20, "test_right": 0.4}]'
    )
    ((_, figure),) = figures([made], plot_style.looks(["mlc"]))
    assert figure.get_axes()[0].lines[0].get_xdata().tolist() == [0.5, 1, 1.5, 2]


def test_the_same_rows_give_the_same_bytes(tmp_path):
    rows = [one for one in grid(seeds=(0,)) if one["noise"] != "flip"]
    first, again = (plots.draw_all(rows, tmp_path / name) for name in ("first", "again"))
    assert [path.name for path in first] == [path.name for path in again]
    assert len(first) == 12
    for one, other in zip(first, again, strict=True):
        assert one.read_bytes() == other.read_bytes()
        if one.suffix == ".svg":
            assert "<dc:date>" not in one.read_text(encoding="utf-8")


def test_the_command_draws_into_a_folder_and_names_the_files(tmp_path, capsys):
    folder, out = write(tmp_path / "results", [detailed(row("real", "mlc"))]), tmp_path / "plots"
    assert main(["bench", "plot", "--results", str(folder), "--out", str(out)]) == 0
    written = {line.rsplit("/", 1)[1] for line in capsys.readouterr().out.split()}
    names = {f"{kind}.real.{suffix}" for kind in ("training", "confusion", "given-label") for suffix in ("svg", "png")}
    assert written == names == {path.name for path in out.iterdir()}


def test_what_cannot_be_drawn_is_said(tmp_path, monkeypatch):
    with pytest.raises(RunError, match="no run of setting 'y' is there; those that are: x"):
        plots.draw_all([row("x", "m")], tmp_path, ["y"])
    with pytest.raises(RunError, match="nothing to draw"):
        plots.draw_all([row("x", "m")], tmp_path)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(SettingsError, match=r"pip install 'labelfix\[plots\]'"):
        plots.draw_all([row("x", "m")], tmp_path)
