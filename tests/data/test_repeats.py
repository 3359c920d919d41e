"""Finding ids that come more than once, in bounded memory."""

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

from labelfix.data import repeats
from labelfix.data.repeats import Repeats, id_keys


@pytest.mark.parametrize("run", [1 << 20, 64, 7])
def test_exactly_the_numbers_that_come_twice_are_found_however_few_are_held(monkeypatch, run):
    monkeypatch.setattr(repeats, "RUN", run)
    drawn = np.random.default_rng(0).integers(0, 2**64, 400, dtype=np.uint64)
    numbers = np.random.default_rng(1).permutation(np.concatenate([drawn, drawn[:30], drawn[:3]]))
    found = Repeats()
    for part in np.array_split(numbers, 23):
        found.see(part)
    expected = sorted(number for number, count in Counter(numbers.tolist()).items() if count > 1)
    assert len(expected) == 30
    assert found.found().tolist() == expected


@pytest.mark.parametrize("run", [1 << 20, 4])
def test_nothing_comes_twice_among_different_numbers_or_none(monkeypatch, run):
    monkeypatch.setattr(repeats, "RUN", run)
    assert len(Repeats().found()) == 0
    found = Repeats()
    found.see(np.arange(100, dtype=np.uint64))
    assert len(found.found()) == 0


def test_ids_have_one_number_each_whether_they_are_text_or_whole_numbers():
    texts = [str(number) for number in range(5000)] + ["a", "aa", "aaa", "ab", "ba", "", "é", "e\u0301"]
    keys = id_keys(pa.array(texts))
    assert len(set(keys.tolist())) == len(texts)
    assert (id_keys(pa.array(range(5000))) == keys[:5000]).all()
    assert (id_keys(pa.array(texts).slice(100, 50)) == keys[100:150]).all()
    assert len(id_keys(pa.array([], pa.string()))) == 0
