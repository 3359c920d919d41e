"""Dawid and Skene's EM, against one that is written out row by row."""

import numpy as np

from labelfix.data.opinions import Opinions
from labelfix.numerics.dawid_skene import dawid_skene

K, S, N = 3, 4, 300


def drawn():
    generator = np.random.default_rng(0)
    truth = generator.integers(0, K, N)
    said = np.where(generator.random((N, S)) < (0.9, 0.7, 0.6, 0.4), truth[:, None], generator.integers(0, K, (N, S)))
    said[generator.random((N, S)) < 0.3] = -1
    said[0] = -1
    rows, sources = np.repeat(np.arange(N), S), np.tile(np.arange(S), N)
    return truth, said, Opinions.of(N, rows, sources, said.ravel(), ("a", "b", "c", "d"))


def written_out(said, rounds):
    p = np.array([[(row == c).sum() for c in range(K)] for row in said], dtype=float)
    p /= p.sum(axis=1, keepdims=True)
    for _ in range(rounds):
        shares = p.mean(axis=0)
        t = np.zeros((S, K, K))
        for row, q in zip(said, p, strict=True):
            for s, label in enumerate(row):
                if label >= 0:
                    t[s, :, label] += q
        t /= t.sum(axis=2, keepdims=True)
        for n, row in enumerate(said):
            p[n] = shares * np.prod([t[s, :, label] for s, label in enumerate(row) if label >= 0], axis=0)
        p /= p.sum(axis=1, keepdims=True)
    return p


def test_it_converges_where_the_written_out_rounds_do():
    truth, said, opinions = drawn()
    heard = (said >= 0).any(axis=1)
    found = np.exp(dawid_skene(opinions, K))
    expected = written_out(said[heard], 60)
    assert np.allclose(found[heard], expected, atol=0.02)
    assert (found.argmax(axis=1) == truth)[heard].mean() > 0.85


def test_a_row_of_which_nobody_speaks_gets_the_shares_of_the_classes():
    _, _, opinions = drawn()
    found = np.exp(dawid_skene(opinions, K))
    assert np.allclose(found[0].sum(), 1)
    assert np.allclose(found[0], found[1:].mean(axis=0), atol=0.02)
