"""Opinions of several sources: rows taken out, votes counted."""

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from labelfix.data.findings import Findings
from labelfix.data.formats import ReadOptions, open_several
from labelfix.data.labels.ballots import joined, read_long
from labelfix.data.opinions import Opinions

NAMES = ("a", "b", "c")


def made(said):
    """From `(row, source, label)` triples of 6 rows."""
    triples = np.array(said, dtype=np.int64).reshape(-1, 3)
    return Opinions.of(6, triples[:, 0], triples[:, 1], triples[:, 2], NAMES)


def listed(opinions):
    """Row → what is said of it, sorted."""
    own = zip(opinions.row.tolist(), opinions.source.tolist(), opinions.label.tolist(), strict=True)
    found = {row: [] for row in range(len(opinions))}
    for row, source, label in own:
        found[row].append((source, label))
    return {row: sorted(each) for row, each in found.items()}


triple = st.tuples(st.integers(0, 5), st.integers(0, 2), st.integers(-1, 3))


@given(st.lists(triple, max_size=20), st.lists(st.integers(-1, 5), max_size=8))
@settings(max_examples=50)
def test_rows_that_are_taken_keep_their_opinions(said, rows):
    whole = made(said)
    taken = listed(whole.take(np.array(rows, dtype=np.int64)))
    own = listed(whole)
    assert taken == {place: own[row] if row >= 0 else [] for place, row in enumerate(rows)}


@given(st.lists(triple, max_size=12), st.lists(triple, max_size=12))
@settings(max_examples=30)
def test_two_lists_of_rows_one_after_the_other(first, second):
    both = Opinions.together(made(first), made(second))
    own, others = listed(made(first)), listed(made(second))
    assert listed(both) == own | {row + 6: each for row, each in others.items()}


def test_the_majority_counts_sources_and_of_equals_the_first_one():
    opinions = made(
        [(0, 0, 2), (0, 1, 1), (0, 2, 1), (1, 0, 3), (1, 2, 0), (2, 1, 2), (2, 1, 2), (2, 0, 0), (3, 0, -1)]
    )
    assert opinions.majority(4).tolist() == [1, 3, 0, -1, -1, -1]
    assert opinions.of_source(2).tolist() == [1, 0, -1, -1, -1, -1]


@given(st.lists(triple, max_size=20))
@settings(max_examples=50)
def test_opinions_and_rows_of_each_source_are_counted(said):
    opinions = made(said)
    own = [(row, source) for row, each in listed(opinions).items() for source, _ in each]
    assert opinions.of_each.tolist() == [sum(source == s for _, source in own) for s in range(3)]
    assert opinions.rows_of_each.tolist() == [sum(source == s for _, source in set(own)) for s in range(3)]
    pairs = zip(opinions.row.tolist(), opinions.source.tolist(), strict=True)
    assert opinions.repeated.tolist() == [own.count(pair) for pair in pairs]


def test_a_label_stands_at_the_row_that_first_has_it_however_often_opinions_are_joined():
    said = [("c", "x", None), ("c", "y", None), ("b", "x", "cat"), ("a", "x", "dog"), ("c", "x", "dog")]
    long = pa.table(dict(zip(("id", "source", "label"), map(list, zip(*said, strict=True)), strict=True)))
    ids = pa.array(["a", "b", "c"], pa.large_string())
    table = open_several([long], "votes", ReadOptions(read_rows=8))
    once = read_long(table, ids, "id", "noisy", frozenset(), Findings())
    assert once.labels.values == ("cat", "dog")
    assert once.labels.first == (1, 0)
    assert joined([once], frozenset()).labels.first == (1, 0)
