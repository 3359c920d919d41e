import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from labelfix.data.split import split_clean, with_choosers


@given(
    truth=st.lists(st.integers(0, 4), min_size=2, max_size=120),
    held_out=st.floats(0, 0.9),
    seed=st.integers(0, 1000),
    sampling=st.sampled_from(["random", "per-class"]),
)
def test_the_parts_are_disjoint_and_together_all_rows(truth, held_out, seed, sampling):
    truth = np.array(truth)
    split = split_clean(truth, 5, held_out, seed, sampling)
    together = np.concatenate([split.train, split.meta, split.held_out])
    assert sorted(together) == list(range(len(truth)))
    assert len(split.train) >= 1
    assert len(split.meta) >= 1
    assert abs(len(split.train) - len(split.meta)) <= 1
    kept = np.concatenate([split.train, split.meta])
    for code in np.unique(truth):
        assert (truth[kept] == code).sum() >= min(2, (truth == code).sum())


def test_of_rows_drawn_per_class_every_class_gives_its_share():
    truth = np.repeat([0, 1], [100, 20])
    split = split_clean(truth, 2, 0.2, 0, "per-class")
    for part, expected in ((split.held_out, (20, 4)), (split.train, (40, 8)), (split.meta, (40, 8))):
        assert tuple(np.bincount(truth[part])) == expected


def test_of_rows_drawn_at_random_those_that_teach_say_nothing_of_those_that_judge():
    """A class that was drawn often and taught often must not be judged more often for it."""
    counts = {"random": [], "per-class": []}
    for seed in range(300):
        truth = np.random.default_rng(seed).integers(0, 4, 60)
        for sampling, seen in counts.items():
            split = split_clean(truth, 4, 0.5, seed, sampling)
            taught = np.concatenate([split.train, split.meta])
            seen.append([(truth[part] == 0).mean() for part in (taught, split.held_out)])
    together = {sampling: np.corrcoef(np.array(seen).T)[0, 1] for sampling, seen in counts.items()}
    assert abs(together["random"]) < 0.15
    assert together["per-class"] > 0.9


def test_half_of_the_held_out_rows_choose_and_of_rows_drawn_per_class_half_of_each_class():
    truth = np.repeat([0, 1], 100)
    parts = {}
    for sampling in ("random", "per-class"):
        split = with_choosers(split_clean(truth, 2, 0.4, 3, sampling), truth, 3, sampling)
        assert len(split.choosing) == len(split.judging) == 40
        assert set(split.choosing) | set(split.judging) == set(split.held_out)
        parts[sampling] = np.bincount(truth[split.choosing]).tolist()
    assert parts["per-class"] == [20, 20]
    assert parts["random"] != [20, 20]


def test_below_ten_a_class_nothing_is_held_out_and_it_is_said():
    split = split_clean(np.repeat([0, 1, 2], 9), 3, 0.2, seed=0)
    assert len(split.held_out) == 0
    assert split.describe() == "trusted rows: 14 train, 13 meta, 0 held out (fewer than 10 a class)"


def test_the_seed_decides_the_parts():
    truth = np.repeat([0, 1], 50)
    first, again, other = (split_clean(truth, 2, 0.2, seed) for seed in (1, 1, 2))
    assert np.array_equal(first.meta, again.meta)
    assert not np.array_equal(first.meta, other.meta)
