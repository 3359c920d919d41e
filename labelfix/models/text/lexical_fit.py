"""What lexical features learn from a table's texts: terms, their idf, and the directions of the most variance.

Legend: N rows, V terms, D features.
"""

from __future__ import annotations

import hashlib
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from labelfix.compute.threads import one_thread
from labelfix.data.tables import InputTable
from labelfix.models.contents import texts
from labelfix.models.encoding import digest
from labelfix.models.text.lexical import WORD, LexicalText

DIMENSIONS = 128
"""D at most: the directions of the most variance."""

MOST_TERMS = 20_000
"""V at most: the terms of the most texts. A classifier folder takes 512 bytes for each."""

LEAST_TEXTS = 2
"""A term of fewer texts tells nothing of another text."""

SAMPLE = 20_000
"""Texts that are fitted on; of more, those whose hashes come first."""

OVERSAMPLED, ITERATIONS = 10, 4
"""Settings of the randomised decomposition: directions beside those wanted, and passes over the texts."""

SMALLEST = 1e-5
"""Directions of less than this share of the largest singular value hold rounding alone."""

TERMS: dict[str, Any] = {"token_pattern": WORD, "ngram_range": (1, 2)}


def fit_lexical(table: InputTable, read_rows: int) -> LexicalText:
    """Terms, idf and directions of a table's texts; labels play no part.

    Args:
        read_rows: Rows read at once; the result does not depend on it.
    """
    sample, source = _sample(table, read_rows)
    with one_thread():
        terms, idf, weights = _weighted(sample)
        components = _directions_of(weights)
    return LexicalText(table.spec, source, len(sample), terms, idf, components)


def _sample(table: InputTable, read_rows: int) -> tuple[list[str], str]:
    """Texts in the order of their hashes, at most `SAMPLE`, and the hash of all that the fit rests on."""
    kept: list[tuple[bytes, str]] = []
    for text in chain.from_iterable(map(texts, table.batches(read_rows))):
        kept.append((hashlib.blake2b(text.encode(), digest_size=16).digest(), text))
        if len(kept) >= 4 * SAMPLE:
            kept = sorted(kept)[:SAMPLE]
    kept = sorted(kept)[:SAMPLE]
    constants = [WORD, list(TERMS["ngram_range"]), DIMENSIONS, MOST_TERMS, LEAST_TEXTS, OVERSAMPLED, ITERATIONS]
    total = hashlib.sha256(digest(constants).encode())
    for hashed, _ in kept:
        total.update(hashed)
    return [text for _, text in kept], total.hexdigest()


def _weighted(sample: list[str]) -> tuple[tuple[str, ...], npt.NDArray[np.float32], Any]:
    """Terms `(V,)` sorted, their idf `(V,)`, and the sparse weights `(N, V)` of the texts, rows of unit norm."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.preprocessing import normalize

    try:
        counter = CountVectorizer(**TERMS, dtype=np.float64)
        counts = counter.fit_transform(sample).tocsc()
        names = counter.get_feature_names_out()
    except ValueError:  # no text holds a word
        return (), np.zeros(0, np.float32), None
    texts_of = np.diff(counts.indptr)
    frequent = np.flatnonzero(texts_of >= min(LEAST_TEXTS, texts_of.max()))
    # Between terms in as many texts the alphabet decides: a stable sort of sorted names.
    chosen = np.sort(frequent[np.argsort(-texts_of[frequent], kind="stable")[:MOST_TERMS]])
    idf = (np.log((1 + len(sample)) / (1 + texts_of[chosen])) + 1).astype(np.float32)
    weights = counts[:, chosen].tocsr()
    weights.data = np.log(weights.data) + 1
    weights = weights.multiply(idf.astype(np.float64)[None, :]).tocsr()
    return tuple(map(str, names[chosen])), idf, normalize(weights)


def _directions_of(weights: Any) -> npt.NDArray[np.float32]:  # noqa: ANN401 - a sparse matrix
    """`(D, V)` right singular vectors, the largest first, signed so that the largest entry is positive."""
    if weights is None:
        return np.zeros((0, 0), np.float32)
    from sklearn.utils.extmath import randomized_svd

    width = min(DIMENSIONS, *weights.shape)
    # Not transposed: the draws stand for terms then, and not for rows.
    _, sizes, rows = randomized_svd(
        weights, width, n_oversamples=OVERSAMPLED, n_iter=ITERATIONS, transpose=False, flip_sign=False, random_state=0
    )
    rows = rows[sizes > SMALLEST * sizes[0]]
    signs = np.sign(rows[np.arange(len(rows)), np.abs(rows).argmax(axis=1)])
    components: npt.NDArray[np.float32] = (rows * signs[:, None]).astype(np.float32)
    return components
