"""What opinions of several sources say together, against sums that are written out."""

import numpy as np
import pytest

from labelfix.correctors.sources import evidence_of
from labelfix.data.opinions import Opinions
from labelfix.numerics.source_groups import surplus
from labelfix.numerics.source_terms import (
    Spoken,
    accuracies,
    each_alone,
    evidence,
    floored,
    paired_transitions,
    prior_transitions,
    told_from_chance,
)

K = 3


def drawn(seed, rows=400, sources=4, silent=0.3):
    """Truth, and what sources of different accuracy say of it: `(N, S)` codes, -1 for silence."""
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, K, rows)
    said = np.full((rows, sources), -1)
    for source in range(sources):
        right = generator.random(rows) < 0.5 + 0.1 * source
        said[:, source] = np.where(right, truth, generator.integers(0, K, rows))
        said[generator.random(rows) < silent, source] = -1
    return truth, said


def opinions_of(said):
    rows, sources = said.shape
    row, source = np.repeat(np.arange(rows), sources), np.tile(np.arange(sources), rows)
    return Opinions.of(rows, row, source, said.ravel(), tuple("abcdefgh"[:sources]))


def transitions(seed, sources):
    return floored(np.random.default_rng(seed).dirichlet(np.ones(K + 1), size=(sources, K)))


def written_out(said, log_t, weights):
    """Σ_s w_s log T_s[c, y'_is], silence being label K."""
    labels = np.where(said < 0, K, said)
    return np.array(
        [[sum(w * t[c, j] for w, t, j in zip(weights, log_t, row, strict=True)) for c in range(K)] for row in labels]
    )


def test_evidence_is_the_sum_over_all_sources_with_silence_as_a_label():
    _, said = drawn(0)
    log_t, weights = np.log(transitions(1, 4)), np.array([1.0, 0.5, 0.25, 2.0])
    found = evidence(Spoken.of(opinions_of(said), K), log_t, weights)
    assert np.allclose(found, written_out(said, log_t, weights), atol=1e-4)


def test_who_was_not_asked_says_nothing_by_silence():
    _, said = drawn(0)
    said[:, 3] = -1
    log_t, weights = np.log(transitions(1, 4)), np.ones(4)
    opinions = opinions_of(said)
    asked = np.array([True, True, True, False])
    found = evidence(
        Spoken.of(Opinions(opinions.start, opinions.source, opinions.label, opinions.names, asked), K), log_t, weights
    )
    assert np.allclose(found, written_out(said[:, :3], log_t[:3], weights[:3]), atol=1e-4)


def test_several_opinions_of_one_source_on_one_row_all_count_but_not_as_strangers():
    row, source, label = np.zeros(4, dtype=np.int64), np.zeros(4, dtype=np.int64), np.full(4, 1)
    log_t = np.log(transitions(2, 1))
    once, often = (
        evidence(Spoken.of(Opinions.of(1, row[:n], source[:n], label[:n], ("a",)), K), log_t, np.ones(1))[0]
        for n in (1, 4)
    )
    heard = [e - log_t[0, :, -1] for e in (once, often)]
    assert np.allclose(once, log_t[0, :, 1], atol=1e-5)
    assert np.allclose(often, 2 * log_t[0, :, 1], atol=1e-5)
    assert not np.allclose(heard[0], heard[1])


def test_counts_are_what_a_loop_counts():
    truth, said = drawn(3)
    weights = np.random.default_rng(4).dirichlet(np.ones(K), size=len(truth))
    found = Spoken.of(opinions_of(said), K).counts(weights)
    expected = np.zeros((4, K, K + 1))
    for row, labels in enumerate(np.where(said < 0, K, said)):
        for source, label in enumerate(labels):
            expected[source, :, label] += weights[row]
    assert np.allclose(found, expected)


def test_pairs_by_the_hundred_give_back_the_matrices_that_made_them():
    truth, said = drawn(5, rows=20_000)
    spoken = Spoken.of(opinions_of(said), K)
    counts = spoken.counts(np.eye(K)[truth])
    prior = prior_transitions(counts, spoken.counts(np.full((len(truth), K), 1 / K)).sum(axis=1), np.full(K, 1 / K))
    found = paired_transitions(counts, [prior])
    for source in range(4):
        right = 0.7 * ((0.5 + 0.1 * source) + (0.5 - 0.1 * source) / K)
        assert np.allclose(np.diagonal(found[source]), right, atol=0.02)
        assert np.allclose(found[source, :, -1], 0.3, atol=0.02)


def test_without_pairs_the_prior_knows_what_a_source_says_of_all_rows():
    _, said = drawn(6, rows=5000)
    said[:, 0] = np.where(said[:, 0] == 1, 1, -1)  # a rule that only ever says class 1
    spoken = Spoken.of(opinions_of(said), K)
    uniform = np.full((len(said), K), 1 / K)
    prior = prior_transitions(np.zeros((4, K, K + 1)), spoken.counts(uniform).sum(axis=1), np.full(K, 1 / K))
    assert prior[0, 1, 1] > prior[0, 0, 1]
    assert (prior[0, :, [0, 2]] < 0.01).all()
    assert np.allclose(prior[0].mean(axis=0)[1], (said[:, 0] == 1).mean(), atol=0.02)


@pytest.mark.parametrize("swap", [False, True])
def test_a_copy_and_its_original_weigh_as_much_as_one(swap):
    truth, said = drawn(7, rows=5000, silent=0.0)
    copy = said[:, 0].copy()
    if swap:
        copy = np.array([1, 0, 2])[copy]
    both = np.column_stack([said, copy])
    spoken = Spoken.of(opinions_of(both), K)
    found = surplus(
        spoken, np.eye(K)[truth], paired_transitions(spoken.counts(np.eye(K)[truth]), [floored(np.ones((5, K, K + 1)))])
    )
    assert found.rows[0, 4] == len(truth)
    assert found.shared[0, 4] > 0.97
    assert found.shared[1:4, 1:4].max() < 0.05
    weights = found.weights(np.ones(5))
    assert weights[0] + weights[4] == pytest.approx(1, abs=0.05)
    assert (weights[1:4] > 0.93).all()


def test_a_copied_rule_that_says_one_class_or_nothing_is_known_by_its_silence():
    truth, said = drawn(13, rows=5000, silent=0.0)
    generator = np.random.default_rng(14)
    said[:, :2] = np.where(generator.random((5000, 2)) < np.array([0.1, 0.5, 0.1])[truth, None], 1, -1)
    both = np.column_stack([said, said[:, 0]])
    spoken = Spoken.of(opinions_of(both), K)
    eye = np.eye(K)[truth]
    found = surplus(spoken, eye, paired_transitions(spoken.counts(eye), [floored(np.ones((5, K, K + 1)))]))
    assert found.shared[0, 4] > 0.97
    assert found.shared[0, 1:4].max() < 0.05
    weights = found.weights(np.ones(5))
    assert weights[0] + weights[4] == pytest.approx(1, abs=0.05)
    assert weights[1] > 0.93


def test_sources_that_say_nothing_are_no_copies_of_each_other():
    truth, said = drawn(8, rows=5000, silent=0.0)
    both = np.column_stack([said[:, :2], np.zeros((len(truth), 2), dtype=np.int64)])
    spoken = Spoken.of(opinions_of(both), K)
    eye = np.eye(K)[truth]
    found = surplus(spoken, eye, paired_transitions(spoken.counts(eye), [floored(np.ones((4, K, K + 1)))]))
    assert found.shared[0, 1] < 0.05


def test_what_each_source_adds_sums_up_to_the_evidence_of_all():
    _, said = drawn(15, rows=50, sources=5)
    spoken, log_t, weights = Spoken.of(opinions_of(said), K), np.log(transitions(16, 5)), np.linspace(0.2, 1, 5)
    parts = [each_alone(spoken, log_t, weights, slice(first, first + 2)) for first in (0, 2, 4)]
    assert [len(part) for part in parts] == [2, 2, 1]
    assert np.allclose(sum(part.sum(axis=0) for part in parts), evidence(spoken, log_t, weights), atol=1e-5)


def test_finished_runs_sum_the_same_evidence_without_scipy():
    generator = np.random.default_rng(9)
    row, source = generator.integers(0, 50, 300), generator.integers(0, 4, 300)
    opinions = Opinions.of(60, row, source, generator.integers(0, K, 300), ("a", "b", "c", "d"))
    log_t, weights = np.log(transitions(10, 4)), generator.random(4)
    expected = evidence(Spoken.of(opinions, K), log_t, weights)
    assert np.allclose(evidence_of(opinions, log_t, weights), expected, atol=1e-4)


def test_a_source_that_answers_at_random_loses_its_weight_with_the_pairs_that_show_it():
    truth, said = drawn(11, rows=400, silent=0.0)
    said[:, 0] = np.random.default_rng(12).integers(0, K, len(truth))
    counts = Spoken.of(opinions_of(said), K).counts(np.eye(K)[truth])
    found = told_from_chance(counts)
    assert found[0] < 0.5
    assert found[3] > 0.95
    few = Spoken.of(opinions_of(said[:6]), K).counts(np.eye(K)[truth[:6]])
    assert told_from_chance(few)[0] > 0.7  # six rows prove nothing


@pytest.mark.parametrize(("pairs", "weight"), [(20, 0.5), (60, 0.25)])
def test_a_source_that_answers_at_random_loses_weight_with_its_pairs(pairs, weight):
    """1 − P / (P + 20): labels that have nothing to do with the class are all chance."""
    counts = np.array([[[pairs / 4, pairs / 4, 0], [pairs / 4, pairs / 4, 0]]])
    assert told_from_chance(counts) == pytest.approx(weight)


def test_four_pairs_of_a_source_say_as_much_of_its_accuracy_as_all_sources_together():
    """Of two sources one is right four times and one never; together they are right half of the time."""
    counts = np.array([[[2.0, 0, 0], [0, 2.0, 0]], [[0, 2.0, 0], [2.0, 0, 0]]])
    assert accuracies(counts) == pytest.approx([(4 + 4 * 0.5) / 8, (0 + 4 * 0.5) / 8])


def test_a_source_that_always_says_the_same_is_no_copy_though_few_rows_tell_what_it_says():
    """A rule that always fires and one that guesses: what 120 rows say of their T is wrong by chance alone, and made
    up to .15 of their agreement look like copying."""
    for seed in range(20):
        truth, said = drawn(30 + seed, rows=1_200, silent=0.0)
        guessed, always = np.random.default_rng(seed).integers(0, K, len(truth)), np.zeros(len(truth), dtype=np.int64)
        spoken = Spoken.of(opinions_of(np.column_stack([said[:, 0], guessed, always])), K)
        of_few = Spoken.of(opinions_of(np.column_stack([said[:, 0], guessed, always])[:120]), K)
        matrices = paired_transitions(of_few.counts(np.eye(K)[truth[:120]]), [floored(np.ones((3, K, K + 1)))])
        assert surplus(spoken, np.eye(K)[truth], matrices).shared.max() < 1e-9
