"""Text by its own words: TF-IDF of words, word pairs and groups of letters, reduced to their main directions.

A word is a run of letters, digits and the marks that belong to them; in scripts that put no spaces between words
(Chinese, Japanese, Thai, Lao, Khmer, Burmese) every character stands for itself, so that pairs are pairs of characters.
A group is three to five characters in a row of what stands between spaces, a space before and behind it among them:
forms of a word share most of theirs. No list of stop words and no stemming: no language is assumed. Words with pairs
and groups are counted apart. The counts, softened to 1 + log(count), are weighted by inverse document frequency and
projected on the first right singular vectors (latent semantic analysis; Deerwester et al. 1990); both kinds are scaled
to length 1 and stand side by side, and the whole is scaled to length 1 again.

What is fitted are the terms, their idf and the directions, on the texts of the noisy rows, without any label. They are
fitted on texts in the order of their hashes, so that the order of a file's rows changes nothing, not even rounding.

Legend: N rows, B rows of a batch, V terms, D features, K classes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
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
from labelfix.models.text.ngrams import REMEMBERED, pieces, spaced, with_pairs
from labelfix.runs.checked import TRAIN_AGAIN, read_checked
from labelfix.runs.tensors import read_arrays
from labelfix.settings.model import ComputeSettings

SPACELESS = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
MARKS = "\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0900-\u0963\u0966-\u0dff\u200c\u200d"
WORD = rf"[{SPACELESS}]|(?:[^\W_{SPACELESS}]|[{MARKS}])+"
"""A regular expression; Python's `\\w` alone would tear the vowel signs off the letters of Indian scripts."""

WORDS = re.compile(WORD)

GROUPS = (3, 5)
"""Characters of a group of letters."""

WORD_FILES = "vocabulary.json", "lexical.safetensors"
GROUP_FILES = "letters.json", "letters.safetensors"
"""Files of the terms, and of their weights and directions."""


@dataclass(frozen=True)
class Terms:
    """What texts are told apart by, of one kind.

    Attributes:
        names: V terms, sorted.
        idf: `float32 (V,)`.
        components: `float32 (D, V)`, orthonormal rows.
    """

    names: tuple[str, ...]
    idf: npt.NDArray[np.float32]
    components: npt.NDArray[np.float32]

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.names)}

    @cached_property
    def _directions(self) -> npt.NDArray[np.float64]:
        return np.ascontiguousarray(self.components.T, dtype=np.float64) * self.idf[:, None]

    def project(self, said: Iterable[str], into: Singles) -> None:
        """Write the terms of one text, on the directions, into zeros `(D,)`; they stay where no term is known."""
        if known := [place for place in map(self._places.get, said) if place is not None]:
            terms, often = np.unique(np.array(known), return_counts=True)
            into[:] = (np.log(often) + 1) @ self._directions[terms]

    @classmethod
    def read(cls, folder: Path, files: tuple[str, str], count: int, width: int) -> Terms:
        """Read back what `write` wrote.

        Raises:
            RunError: A file is missing or damaged.
        """
        path = folder / files[0]
        names = read_checked(path, list[str])
        if len(names) != count or any(not one < other for one, other in zip(names, names[1:], strict=False)):
            raise RunError(f"{path}: is damaged (not {count:,} different terms in order); {TRAIN_AGAIN}")
        arrays = read_arrays(folder / files[1], {"idf": (count,), "components": (width, count)})
        return cls(tuple(names), arrays["idf"], arrays["components"])

    def write(self, folder: Path, files: tuple[str, str]) -> None:
        """Terms as JSON, their weights and directions as safetensors."""
        import json

        from safetensors.numpy import save_file

        text = json.dumps(self.names, ensure_ascii=False, separators=(",\n", ": ")) + "\n"
        (folder / files[0]).write_text(text, encoding="utf-8")
        save_file({"idf": self.idf, "components": self.components}, folder / files[1])


NO_TERMS = Terms((), np.zeros(0, np.float32), np.zeros((0, 0), np.float32))


@dataclass(frozen=True)
class LexicalText(FrozenFeatures):
    """Words, word pairs and groups of letters on their main directions; the classifier is a linear head.

    Attributes:
        source: Hash of the texts that were fitted on, and of how.
        rows: How many texts these were.
    """

    family: ClassVar[str] = "lexical"
    rows_at_once: ClassVar[int] = 2048
    spec: InputSpec
    source: str
    rows: int
    words: Terms = field(repr=False, compare=False)
    groups: Terms = field(repr=False, compare=False)

    @property
    def feature_width(self) -> int:
        """D; at least 1, for texts without any word too."""
        return max(len(self.words.components) + len(self.groups.components), 1)

    @property
    def description(self) -> str:
        kinds = f"{len(self.words.names):,} words and word pairs and {len(self.groups.names):,} groups of letters"
        return f"{kinds} in {self.feature_width} dimensions, linear head"

    @property
    def identity(self) -> str:
        return digest(self.family, 2, self.source)

    def to_json(self) -> dict[str, Any]:
        words, groups = self.words, self.groups
        return {
            "source": self.source,
            "rows": self.rows,
            "terms": len(words.names),
            "width": len(words.components),
            "groups": len(groups.names),
            "groups_width": len(groups.components),
        }

    @classmethod
    def from_json(cls, values: dict[str, Any], spec: InputSpec, folder: Path) -> LexicalText:
        """Read back what `to_json` and `write_parts` gave; runs of before have no groups of letters.

        Raises:
            RunError: A file is missing or damaged.
        """
        words = Terms.read(folder, WORD_FILES, int(values["terms"]), int(values["width"]))
        groups = NO_TERMS
        if "groups" in values:
            groups = Terms.read(folder, GROUP_FILES, int(values["groups"]), int(values["groups_width"]))
        return cls(spec, str(values["source"]), int(values["rows"]), words, groups)

    def write_parts(self, folder: Path) -> None:
        """Terms of both kinds, their weights and directions."""
        self.words.write(folder, WORD_FILES)
        self.groups.write(folder, GROUP_FILES)

    def feature_card(self) -> FeatureCard:
        imports = (
            "import numpy as np",
            "from safetensors.numpy import load_file as load_arrays",
            "from sklearn.feature_extraction.text import TfidfVectorizer",
            "from sklearn.preprocessing import normalize",
        )
        packages = ("numpy", "scikit-learn", "torch", "safetensors")
        return FeatureCard(packages, strings(self.spec), imports, CARD.replace("WORD", ascii(WORD)))

    def window(self, batch: pa.RecordBatch, row: int, name: str, compute: ComputeSettings) -> Singles:
        """Features of unit norm; zeros for a text without a known word or group."""
        found = np.zeros((batch.num_rows, self.feature_width), np.float32)
        of_words, of_groups = np.split(found, [len(self.words.components)], axis=1)
        for place, text in enumerate(texts(batch)):
            self.words.project(with_pairs(WORDS.findall(text.lower())), of_words[place])
            self.groups.project((group for word in spaced(text) for group in _groups(word)), of_groups[place])
        of_words[:], of_groups[:] = unit_norm(of_words), unit_norm(of_groups)
        return unit_norm(found)


@lru_cache(REMEMBERED)
def _groups(word: str) -> tuple[str, ...]:
    return tuple(pieces(word, *GROUPS))


CARD = """\
def features(texts, encoding, folder):
    kinds = {
        ("vocabulary.json", "lexical.safetensors"): {"token_pattern": WORD, "ngram_range": (1, 2)},
        ("letters.json", "letters.safetensors"): {"analyzer": "char_wb", "ngram_range": (3, 5)},
    }
    parts = []
    for (names, arrays), kind in kinds.items():
        terms, fitted = json.load(open(f"{folder}/{names}", encoding="utf-8")), load_arrays(f"{folder}/{arrays}")
        counter = TfidfVectorizer(**kind, vocabulary=terms, sublinear_tf=True)
        counter.idf_ = fitted["idf"].astype(float)
        parts.append(normalize(counter.transform(texts) @ fitted["components"].T))
    return torch.from_numpy(normalize(np.hstack(parts).astype(np.float32)))
"""
