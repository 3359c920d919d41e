"""Views weigh as much as they help to say given labels that were left out."""

import numpy as np
import pytest

from labelfix.heads import view_weights


def choose_weights(parts, given):
    """Of rows that are all noisy."""
    return view_weights.choose_weights(parts, np.arange(len(given)), given)


def choose_second(parts, given, offered, or_alone=False):
    """Of rows that are all noisy."""
    return view_weights.choose_second(parts, np.arange(len(given)), given, offered, or_alone)


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def views(seed=0, rows=600):
    """Given labels, a view that tells much of them, one that tells the rest, and one that tells nothing."""
    draw = np.random.default_rng(seed)
    given = draw.integers(3, size=rows)
    told = unit(np.eye(3)[given] + draw.normal(scale=0.7, size=(rows, 3)))
    other = unit(np.eye(3)[given] + draw.normal(scale=0.7, size=(rows, 3)))
    nothing = unit(draw.normal(size=(rows, 40)))
    return given, told, other, nothing


def test_a_view_that_helps_weighs_more_than_one_that_tells_nothing():
    given, told, other, nothing = views()
    assert choose_weights([told, other], given)[1] >= 0.7
    assert choose_weights([told, nothing], given) == (1.0, min(view_weights.WEIGHTS))
    assert choose_weights([told, other, nothing], given)[2] == min(view_weights.WEIGHTS)


def test_the_order_of_rows_does_not_matter():
    given, told, other, nothing = views(1)
    order = np.random.default_rng(2).permutation(len(given))
    parts = [told, other, nothing]
    assert choose_weights([part[order] for part in parts], given[order]) == choose_weights(parts, given)


@pytest.mark.parametrize("rows", [0, 3, 9])
def test_too_few_rows_and_one_view_choose_nothing(rows):
    given, told, other, _ = views(rows=max(rows, 1))
    assert choose_weights([told[:rows], other[:rows]], given[:rows]) == (1.0, 1.0)
    assert choose_weights([told], given) == (1.0,)


@pytest.fixture
def asked(monkeypatch):
    """The weights, r and number of rows that losses were asked for; every answer is the same."""
    seen = []

    def losses(self, weights, ridge):
        seen.append((tuple(weights), ridge, len(self.labels)))
        return np.zeros(1)

    monkeypatch.setattr(view_weights._Sample, "losses", losses)
    return seen


def test_of_many_rows_some_are_asked_and_where_all_are_alike_the_search_stays_where_it_began(asked):
    given, told, other, _ = views(rows=5_000)
    assert choose_weights([told, other], given) == (1.0, 0.7)
    assert {rows for *_, rows in asked} == {4_000}
    assert len(asked) == 4 + 2, "four r, and the two weights beside the one it began at"
    assert {ridge for _, ridge, _ in asked[4:]} == {0.3}


def test_rows_have_the_same_length_at_whatever_weights(asked):
    """Longer rows are like a larger r: on texts whose best r lies between two candidates that chose the weights."""
    given, told, other, nothing = views()
    choose_weights([told, other, nothing], given)
    assert len({weights for weights, *_ in asked}) > 4
    assert [np.linalg.norm(weights) for weights, *_ in asked] == pytest.approx([np.sqrt(3)] * len(asked))


def test_a_walk_goes_on_as_long_as_a_step_helps(monkeypatch):
    """Two views of weights .25 and 1 are three steps away from where it begins."""
    monkeypatch.setattr(
        view_weights._Sample,
        "losses",
        lambda self, weights, ridge: np.array([abs(weights[1] / weights[0] - 0.25) + abs(weights[2] / weights[0] - 1)]),
    )
    given, told, other, nothing = views()
    assert choose_weights([told, other, nothing], given) == (1.0, 0.25, 1.0)


@pytest.mark.parametrize(("length", "ridge"), [(1.0, 1.0), (0.8, 3.0), (0.1, 10.0), (10.0, 0.3)])
def test_r_of_the_heads_is_chosen_before_the_weights(length, ridge, monkeypatch):
    """RIDGES: of short rows the loosest is the likeliest, of long ones the tightest."""
    seen, losses = [], view_weights._Sample.losses
    monkeypatch.setattr(
        view_weights._Sample, "losses", lambda self, weights, r: seen.append(r) or losses(self, weights, r)
    )
    given, told, other, _ = views()
    choose_weights([length * told, length * other], given)
    assert seen[:4] == [0.3, 1.0, 3.0, 10.0]
    assert set(seen[4:]) == {ridge}


@pytest.mark.parametrize(("rows", "chosen"), [(9, False), (10, True)])
def test_two_rows_for_each_of_five_parts_are_enough_to_choose(rows, chosen, asked):
    given, told, other, _ = views(rows=rows)
    choose_weights([told, other], given)
    assert bool(asked) == chosen


def two_of_a_table(rings):
    """Two views of 400 rows whose classes are rings, or halves; a fifth of the labels is wrong."""
    generator = np.random.default_rng(0)
    points = generator.normal(size=(400, 2)).astype(np.float32)
    squares = (points**2 - 1).astype(np.float32)
    inside = points[:, 0] ** 2 + points[:, 1] ** 2 < 1.4 if rings else points[:, 0] > 0
    given = np.where(generator.random(400) < 0.2, 1 - inside, inside).astype(np.int64)
    return [squares, points], given


def test_a_tables_first_view_stays_where_it_clearly_helps():
    assert choose_second(*two_of_a_table(rings=True), view_weights.OF_TABLE, or_alone=True)[0] > 0
    assert choose_second(*two_of_a_table(rings=False), view_weights.OF_TABLE, or_alone=True) == (0, 1)
    assert choose_second(*two_of_a_table(rings=False), view_weights.OF_TABLE)[0] > 0, "where none may go"


def test_a_tables_first_view_may_weigh_less():
    """Rings tell little beside halves: the view of rings stays, at less than the other."""
    parts, _ = two_of_a_table(rings=False)
    generator = np.random.default_rng(1)
    logit = 12 * parts[1][:, 0] + 1.2 * parts[0].sum(axis=1)
    given = (generator.random(400) < 1 / (1 + np.exp(-logit))).astype(np.int64)
    first, second = choose_second(parts, given, view_weights.OF_TABLE, or_alone=True)
    assert 0 < first < second == 1


@pytest.mark.parametrize(("part", "weighs"), [("tells all", True), ("tells nothing", False)])
def test_what_tells_an_image_from_its_mirror_image_weighs_nothing_where_it_tells_nothing(part, weighs):
    given, told, _, nothing = views()
    found = choose_second([nothing, told] if weighs else [told, nothing], given, view_weights.HANDED)
    assert (found[1] > 0) == weighs
