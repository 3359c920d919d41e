"""Text by its own words: TF-IDF of words and word pairs, reduced to their main directions.

A word is a run of letters, digits and the marks that belong to them; in scripts that put no spaces between words
(Chinese, Japanese, Thai, Lao, Khmer, Burmese) every character stands for itself, so that pairs are pairs of characters.
No list of stop words and no stemming: no language is assumed. The counts, softened to 1 + log(count) are weighted by
inverse document frequency, rows are scaled to length 1, projected on the first right singular vectors (latent semantic
analysis; Deerwester et al. 1990) and scaled to length 1 again.

What is fitted are the terms, their idf and the directions, on the texts of the noisy rows, without any label. They are
fitted on texts in the order of their hashes, so that the order of a file's rows changes nothing, not even rounding.

Legend: N rows, B rows of a batch, V terms, D features, K classes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from labelfix.compute.threads import one_thread
from labelfix.data.tables import InputSpec, InputTable
from labelfix.errors import RunError
from labelfix.models.cards import FeatureCard, strings
from labelfix.models.contents import texts
from labelfix.models.encoding import digest, encode_features, unit_norm
from labelfix.models.features import FeatureInputs
from labelfix.models.frozen import FrozenFeatures
from labelfix.progress import Progress
from labelfix.runs.checked import TRAIN_AGAIN, read_checked
from labelfix.runs.tensors import read_arrays
from labelfix.settings.model import ComputeSettings

DIMENSIONS = 128
"""D at most: the directions of the most variance."""

MOST_TERMS = 20_000
"""V at most: the terms of the most texts. A classifier folder takes 512 bytes for each."""

LEAST_TEXTS = 2
"""A term of fewer texts tells nothing of another text."""

SAMPLE = 20_000
"""Texts that are fitted on; of more, those whose hashes come first."""

WINDOW = 2048
"""Texts encoded together."""

OVERSAMPLED, ITERATIONS = 10, 4
"""Of the randomised decomposition: directions beside those wanted, and passes over the texts."""

SMALLEST = 1e-5
"""Directions of less than this share of the largest singular value hold rounding alone."""

SPACELESS = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
MARKS = "\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0900-\u0963\u0966-\u0dff\u200c\u200d"
WORD = rf"[{SPACELESS}]|(?:[^\W_{SPACELESS}]|[{MARKS}])+"
"""A regular expression; Python's `\\w` alone would tear the vowel signs off the letters of Indian scripts."""

TERMS: dict[str, Any] = {"token_pattern": WORD, "ngram_range": (1, 2)}

VOCABULARY, ARRAYS = "vocabulary.json", "lexical.safetensors"


@dataclass(frozen=True)
class LexicalText(FrozenFeatures):
    """Words and word pairs on their main directions; the classifier is a linear head.

    Attributes:
        spec: The text columns.
        source: Hash of what was fitted on.
        rows: Texts that were fitted on.
        terms: V terms, sorted.
        idf: `float32 (V,)`.
        components: `float32 (D, V)`, orthonormal rows.
    """

    family: ClassVar[str] = "lexical"
    spec: InputSpec
    source: str
    rows: int
    terms: tuple[str, ...] = field(repr=False, compare=False)
    idf: npt.NDArray[np.float32] = field(repr=False, compare=False)
    components: npt.NDArray[np.float32] = field(repr=False, compare=False)

    @property
    def feature_width(self) -> int:
        """D; at least 1, for texts without any word too."""
        return max(len(self.components), 1)

    @property
    def description(self) -> str:
        """One line for people."""
        return f"{len(self.terms):,} words and word pairs in {self.feature_width} dimensions, linear head"

    @property
    def identity(self) -> str:
        """Hash of everything that determines the encoding, down to rounding."""
        return digest(self.family, 1, self.source)

    def encode(self, table: InputTable, compute: ComputeSettings, progress: Progress) -> FeatureInputs:
        """Features `float32 (N, D)` of unit norm (zeros for a text without a known word)."""
        return encode_features(table, self.identity, WINDOW, self.feature_width, self._window, compute, progress)

    def to_json(self) -> dict[str, Any]:
        """What `from_json` needs beside the files of `write_parts`."""
        return {"source": self.source, "rows": self.rows, "terms": len(self.terms), "width": len(self.components)}

    @classmethod
    def from_json(cls, values: dict[str, Any], spec: InputSpec, folder: Path) -> LexicalText:
        """Read back what `to_json` and `write_parts` gave.

        Raises:
            RunError: A file is missing or damaged.
        """
        path, (count, width) = folder / VOCABULARY, (int(values["terms"]), int(values["width"]))
        terms = read_checked(path, list[str])
        if len(terms) != count or any(not one < other for one, other in zip(terms, terms[1:], strict=False)):
            raise RunError(f"{path}: is damaged (not {count:,} different terms in order); {TRAIN_AGAIN}")
        arrays = read_arrays(folder / ARRAYS, {"idf": (count,), "components": (width, count)})
        return cls(spec, str(values["source"]), int(values["rows"]), tuple(terms), arrays["idf"], arrays["components"])

    def write_parts(self, folder: Path) -> None:
        """Terms as JSON, their weights and directions as safetensors."""
        import json

        from safetensors.numpy import save_file

        text = json.dumps(self.terms, ensure_ascii=False, separators=(",\n", ": ")) + "\n"
        (folder / VOCABULARY).write_text(text, encoding="utf-8")
        save_file({"idf": self.idf, "components": self.components}, folder / ARRAYS)

    def feature_card(self) -> FeatureCard:
        """How to make its features without labelfix."""
        imports = (
            "import numpy as np",
            "from safetensors.numpy import load_file as load_arrays",
            "from sklearn.feature_extraction.text import TfidfVectorizer",
            "from sklearn.preprocessing import normalize",
        )
        packages = ("numpy", "scikit-learn", "torch", "safetensors")
        return FeatureCard(packages, strings(self.spec), imports, CARD.replace("WORD", ascii(WORD)))

    @cached_property
    def _vectorizer(self) -> Any:  # noqa: ANN401 - scikit-learn is untyped
        from sklearn.feature_extraction.text import TfidfVectorizer

        vectorizer = TfidfVectorizer(**TERMS, vocabulary=list(self.terms), sublinear_tf=True)
        vectorizer.idf_ = self.idf.astype(np.float64)
        return vectorizer

    @cached_property
    def _directions(self) -> npt.NDArray[np.float64]:
        return np.ascontiguousarray(self.components.T, dtype=np.float64)

    def _window(self, batch: pa.RecordBatch, row: int) -> npt.NDArray[np.float32]:
        if not len(self.components):
            return np.zeros((batch.num_rows, 1), dtype=np.float32)
        weights = self._vectorizer.transform(texts(batch))
        return unit_norm((weights @ self._directions).astype(np.float32))


def fit_lexical(table: InputTable, read_rows: int) -> LexicalText:
    """Terms, idf and directions of a table's texts; labels play no part.

    Args:
        table: The noisy rows.
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
    for text in _texts(table, read_rows):
        kept.append((hashlib.blake2b(text.encode(), digest_size=16).digest(), text))
        if len(kept) >= 4 * SAMPLE:
            kept = sorted(kept)[:SAMPLE]
    kept = sorted(kept)[:SAMPLE]
    constants = [WORD, list(TERMS["ngram_range"]), DIMENSIONS, MOST_TERMS, LEAST_TEXTS, OVERSAMPLED, ITERATIONS]
    total = hashlib.sha256(digest(constants).encode())
    for hashed, _ in kept:
        total.update(hashed)
    return [text for _, text in kept], total.hexdigest()


def _texts(table: InputTable, read_rows: int) -> Iterator[str]:
    for batch in table.batches(read_rows):
        yield from texts(batch)


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
    # Of terms in as many texts the alphabet decides: a stable sort of sorted names.
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


CARD = """\
def features(texts, encoding, folder):
    terms = json.load(open(f"{folder}/vocabulary.json", encoding="utf-8"))
    fitted = load_arrays(f"{folder}/lexical.safetensors")
    words = TfidfVectorizer(token_pattern=WORD, ngram_range=(1, 2), vocabulary=terms, sublinear_tf=True)
    words.idf_ = fitted["idf"].astype(float)
    projected = words.transform(texts) @ fitted["components"].T
    return torch.from_numpy(normalize(projected.astype(np.float32)))
"""
