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
from labelfix.models.text.lexical import GROUPS, NO_TERMS, WORD, LexicalText, Terms

DIMENSIONS = 128
"""D of a kind at most: the directions of the most variance."""

MOST_TERMS, MOST_GROUPS = 20_000, 10_000
"""V at most, of words and pairs and of groups: those of the most texts. A classifier folder has 512 bytes for each."""

LEAST_TEXTS = 2
"""A term of fewer texts tells nothing of another text."""

SAMPLE = 20_000
"""Texts that are fitted on; of more, those whose hashes come first."""

OF_GROUPS, CHARACTERS = 4_000, 2_000
"""Texts that groups of letters are fitted on, and how much of each: a text has ten times as many groups as words."""

OVERSAMPLED, ITERATIONS = 10, 4
"""Settings of the randomised decomposition: directions beside those wanted, and passes over the texts."""

SMALLEST = 1e-5
"""Directions of less than this share of the largest singular value hold rounding alone."""

TERMS: dict[str, Any] = {"token_pattern": WORD, "ngram_range": (1, 2)}
LETTERS: dict[str, Any] = {"analyzer": "char_wb", "ngram_range": GROUPS}


def fit_lexical(table: InputTable, read_rows: int) -> LexicalText:
    """Terms, idf and directions of a table's texts; labels play no part.

    Args:
        read_rows: Rows read at once; the result does not depend on it.
    """
    sample, source = _sample(table, read_rows)
    with one_thread():
        words = _terms(sample, TERMS, MOST_TERMS)
        groups = _terms([text[:CHARACTERS] for text in sample[:OF_GROUPS]], LETTERS, MOST_GROUPS)
    return LexicalText(table.spec, source, len(sample), words, groups)


def _sample(table: InputTable, read_rows: int) -> tuple[list[str], str]:
    """Texts in the order of their hashes, at most `SAMPLE`, and the hash of all that the fit rests on."""
    kept: list[tuple[bytes, str]] = []
    for text in chain.from_iterable(map(texts, table.batches(read_rows))):
        kept.append((hashlib.blake2b(text.encode(), digest_size=16).digest(), text))
        if len(kept) >= 4 * SAMPLE:
            kept = sorted(kept)[:SAMPLE]
    kept = sorted(kept)[:SAMPLE]
    of_words = [WORD, list(TERMS["ngram_range"]), DIMENSIONS, MOST_TERMS, LEAST_TEXTS, OVERSAMPLED, ITERATIONS]
    constants = [*of_words, *GROUPS, MOST_GROUPS, OF_GROUPS, CHARACTERS]
    total = hashlib.sha256(digest(constants).encode())
    for hashed, _ in kept:
        total.update(hashed)
    return [text for _, text in kept], total.hexdigest()


def _terms(sample: list[str], kind: dict[str, Any], most: int) -> Terms:
    """The terms of one kind in the most texts, their idf, and the directions of the texts' weights."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.preprocessing import normalize

    try:
        counter = CountVectorizer(**kind, dtype=np.float64)
        counts = counter.fit_transform(sample).tocsc()
        names = counter.get_feature_names_out()
    except ValueError:  # no text holds a term
        return NO_TERMS
    texts_of = np.diff(counts.indptr)
    frequent = np.flatnonzero(texts_of >= min(LEAST_TEXTS, texts_of.max()))
    # Between terms in as many texts the alphabet decides: a stable sort of sorted names.
    chosen = np.sort(frequent[np.argsort(-texts_of[frequent], kind="stable")[:most]])
    idf = (np.log((1 + len(sample)) / (1 + texts_of[chosen])) + 1).astype(np.float32)
    weights = counts[:, chosen].tocsr()
    weights.data = np.log(weights.data) + 1
    weights = weights.multiply(idf.astype(np.float64)[None, :]).tocsr()
    return Terms(tuple(map(str, names[chosen])), idf, _directions_of(normalize(weights)))


def _directions_of(weights: Any) -> npt.NDArray[np.float32]:  # noqa: ANN401 - a sparse matrix
    """`(D, V)` right singular vectors, the largest first, signed so that the largest entry is positive."""
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
