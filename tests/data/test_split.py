import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from labelfix.data.split import split_clean


@given(
    truth=st.lists(st.integers(0, 4), min_size=2, max_size=120),
    held_out=st.floats(0, 0.9),
    seed=st.integers(0, 1000),
)
def test_the_parts_are_disjoint_and_together_all_rows(truth, held_out, seed):
    truth = np.array(truth)
    split = split_clean(truth, 5, held_out, seed)
    together = np.concatenate([split.train, split.meta, split.held_out])
    assert sorted(together) == list(range(len(truth)))
    assert len(split.train) >= 1
    assert len(split.meta) >= 1
    assert abs(len(split.train) - len(split.meta)) <= 1


def test_every_class_gives_its_share():
    truth = np.repeat([0, 1], [100, 20])
    split = split_clean(truth, 2, 0.2, seed=0)
    for part, expected in ((split.held_out, (20, 4)), (split.train, (40, 8)), (split.meta, (40, 8))):
        assert tuple(np.bincount(truth[part])) == expected


def test_below_ten_a_class_nothing_is_held_out_and_it_is_said():
    split = split_clean(np.repeat([0, 1, 2], 9), 3, 0.2, seed=0)
    assert len(split.held_out) == 0
    assert split.describe() == "trusted rows: 14 train, 13 meta, 0 held out (fewer than 10 a class)"


def test_the_seed_decides_the_parts():
    truth = np.repeat([0, 1], 50)
    first, again, other = (split_clean(truth, 2, 0.2, seed) for seed in (1, 1, 2))
    assert np.array_equal(first.meta, again.meta)
    assert not np.array_equal(first.meta, other.meta)
