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

import re
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from labelfix.data.arrays import Singles
from labelfix.data.tables import InputSpec
from labelfix.errors import RunError
from labelfix.models.cards import FeatureCard, strings
from labelfix.models.contents import texts
from labelfix.models.encoding import digest, unit_norm
from labelfix.models.frozen import FrozenFeatures
from labelfix.models.text.ngrams import with_pairs
from labelfix.runs.checked import TRAIN_AGAIN, read_checked
from labelfix.runs.tensors import read_arrays
from labelfix.settings.model import ComputeSettings

SPACELESS = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
MARKS = "\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0900-\u0963\u0966-\u0dff\u200c\u200d"
WORD = rf"[{SPACELESS}]|(?:[^\W_{SPACELESS}]|[{MARKS}])+"
"""A regular expression; Python's `\\w` alone would tear the vowel signs off the letters of Indian scripts."""

WORDS = re.compile(WORD)

VOCABULARY, ARRAYS = "vocabulary.json", "lexical.safetensors"


@dataclass(frozen=True)
class LexicalText(FrozenFeatures):
    """Words and word pairs on their main directions; the classifier is a linear head.

    Attributes:
        terms: V terms, sorted.
        idf: `float32 (V,)`.
        components: `float32 (D, V)`, orthonormal rows.
    """

    family: ClassVar[str] = "lexical"
    rows_at_once: ClassVar[int] = 2048
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
        return f"{len(self.terms):,} words and word pairs in {self.feature_width} dimensions, linear head"

    @property
    def identity(self) -> str:
        return digest(self.family, 2, self.source)

    def to_json(self) -> dict[str, Any]:
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
        imports = (
            "import numpy as np",
            "from safetensors.numpy import load_file as load_arrays",
            "from sklearn.feature_extraction.text import TfidfVectorizer",
            "from sklearn.preprocessing import normalize",
        )
        packages = ("numpy", "scikit-learn", "torch", "safetensors")
        return FeatureCard(packages, strings(self.spec), imports, CARD.replace("WORD", ascii(WORD)))

    @cached_property
    def _places(self) -> dict[str, int]:
        return {term: place for place, term in enumerate(self.terms)}

    @cached_property
    def _directions(self) -> npt.NDArray[np.float64]:
        return np.ascontiguousarray(self.components.T, dtype=np.float64)

    def window(self, batch: pa.RecordBatch, row: int, name: str, compute: ComputeSettings) -> Singles:
        """Features of unit norm; zeros for a text without a known word."""
        found = np.zeros((batch.num_rows, self.feature_width))
        for place, text in enumerate(texts(batch)):
            said = (self._places.get(term) for term in with_pairs(WORDS.findall(text.lower())))
            counts = Counter(place_of for place_of in said if place_of is not None)
            if counts:
                terms = sorted(counts)
                often = np.array([counts[term] for term in terms])
                found[place] = ((np.log(often) + 1) * self.idf[terms]) @ self._directions[terms]
        return unit_norm(found.astype(np.float32))


CARD = """\
def features(texts, encoding, folder):
    terms = json.load(open(f"{folder}/vocabulary.json", encoding="utf-8"))
    fitted = load_arrays(f"{folder}/lexical.safetensors")
    words = TfidfVectorizer(token_pattern=WORD, ngram_range=(1, 2), vocabulary=terms, sublinear_tf=True)
    words.idf_ = fitted["idf"].astype(float)
    projected = words.transform(texts) @ fitted["components"].T
    return torch.from_numpy(normalize(projected.astype(np.float32)))
"""
