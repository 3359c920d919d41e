"""Batches of rows of similar length."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from labelfix.networks.schedule import batches_of


def padded(batches, lengths):
    return sum(len(batch) * int(lengths[batch].max()) for batch in batches)


@given(st.integers(1, 300), st.integers(1, 40), st.integers(0, 3))
def test_every_row_comes_once_but_for_the_incomplete_last_batch(count, size, epoch):
    lengths = np.random.default_rng(0).integers(0, 50, count)
    batches = batches_of(np.arange(count), size, None, 0, epoch, 1, lengths)
    rows = np.concatenate(batches)
    assert {len(batch) for batch in batches} == {min(size, count)}
    assert len(set(rows.tolist())) == len(rows)
    assert len(rows) == count // min(size, count) * min(size, count)


def test_most_padding_is_saved():
    lengths = np.random.default_rng(1).integers(4, 129, 3000)
    plain = padded(batches_of(np.arange(3000), 16, None, 0, 0, 1), lengths)
    bucketed = padded(batches_of(np.arange(3000), 16, None, 0, 0, 1, lengths), lengths)
    assert plain > 1.6 * lengths.sum()
    assert bucketed < 1.1 * lengths.sum()


def test_the_order_is_a_function_of_seed_epoch_and_stream_and_long_texts_come_at_any_time():
    lengths = np.arange(1000)
    first, again, *others = (
        np.stack(batches_of(np.arange(1000), 10, None, seed, epoch, stream, lengths))
        for seed, epoch, stream in ((0, 0, 1), (0, 0, 1), (1, 0, 1), (0, 1, 1), (0, 0, 2))
    )
    assert np.array_equal(first, again)
    for other in others:
        assert not np.array_equal(first, other)
    assert abs(np.corrcoef(np.arange(len(first)), first.mean(axis=1))[0, 1]) < 0.3


def test_rows_of_one_pool_are_addressed_by_their_own_number():
    lengths = np.zeros(100, dtype=np.int64)
    lengths[90:] = 7
    batches = batches_of(np.arange(80, 100), 10, None, 0, 0, 1, lengths)
    assert sorted(lengths[batch].sum() for batch in batches) == [0, 70]
