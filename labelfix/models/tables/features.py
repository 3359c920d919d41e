"""Tables and ready embeddings: a linear head, or one hidden layer.

A table's numbers are standardised with the mean and the standard deviation of the noisy training rows (values
beyond ten standard deviations are cut there, and single numbers far from all others before that, see `statistics`); a
missing number becomes the mean. Its categories are one-hot; a category that the training rows did not show, and the
rarer ones beyond the first hundred, are all zeros, and a missing category is a category of its own where the training
rows have one. Everything is then divided by one constant, the root mean square length of a training row, so that rows
have length 1 on average and the learning rates of unit-norm features fit; rows keep their lengths relative to each
other, since in a table they carry information.

Embeddings are scaled to length 1 row by row, as pretrained encoders' features are.

Legend: N rows, B rows of a batch, D features, K classes, U hidden units.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from labelfix.data.arrays import Singles
from labelfix.data.spelling import loosened, truth_of
from labelfix.data.tables import InputSpec
from labelfix.errors import input_error
from labelfix.models.cards import FeatureCard
from labelfix.models.encoding import digest, unit_norm
from labelfix.models.frozen import FrozenFeatures
from labelfix.models.tables.statistics import Statistics, numbers, numeric_columns, strings
from labelfix.settings.model import ComputeSettings

CUT = 10.0
"""Standard deviations beyond which a number is cut."""


class NumbersForHead(FrozenFeatures):
    """Numbers that a linear head reads, or one hidden layer of so many units before it."""

    rows_at_once: ClassVar[int] = 8192
    hidden_units: int | None

    @property
    def frozen(self) -> bool:
        """Whether the classifier is a head on fixed features: not with a hidden layer."""
        return self.hidden_units is None

    @property
    def feature_width(self) -> int:
        """What the head reads: D, or U with a hidden layer."""
        return self.hidden_units or self.encoded_width

    @property
    @abstractmethod
    def encoded_width(self) -> int:
        """D."""


@dataclass(frozen=True)
class TableFeatures(NumbersForHead):
    """Standardised numbers and one-hot categories, with a linear head or one hidden layer."""

    family: ClassVar[str] = "table"
    spec: InputSpec
    statistics: Statistics
    hidden_units: int | None = None

    @property
    def description(self) -> str:
        counts = f"{len(numeric_columns(self.spec))} numeric and {len(self.spec.categorical)} categorical columns"
        return f"{counts} as {self.encoded_width} features, {head_description(self.hidden_units)}"

    @property
    def identity(self) -> str:
        kinds = [list(self.spec.categorical), *([list(self.spec.dates)] if self.spec.dates else [])]
        return digest(self.family, 1, list(self.spec.columns), *kinds, asdict(self.statistics))

    def to_json(self) -> dict[str, Any]:
        """What `from_json` needs; the statistics are those of scikit-learn's StandardScaler and OneHotEncoder."""
        values = asdict(self.statistics) | {"hidden_units": self.hidden_units, "cut": CUT}
        columns = {"numeric": numeric_columns(self.spec), "categorical": self.spec.categorical}
        return values | columns | ({"dates": self.spec.dates} if self.spec.dates else {})

    @classmethod
    def from_json(cls, values: dict[str, Any], spec: InputSpec, folder: Path) -> TableFeatures:
        statistics = Statistics(
            tuple(values["mean"]),
            tuple(values["deviation"]),
            tuple(tuple(names) for names in values["categories"]),
            float(values["length"]),
            dict(values["missing"]),
            dict(values["crowded"]),
        )
        columns = (len(numeric_columns(spec)), len(spec.categorical))
        if (len(statistics.mean), len(statistics.categories)) != columns or len(statistics.deviation) != columns[0]:
            raise ValueError("the statistics are not those of its columns")
        return cls(spec, statistics, values["hidden_units"])

    def feature_card(self) -> FeatureCard:
        takes = "a pandas frame with the columns of the training table, numbers as numbers"
        code = TABLE_CARD.replace("    # dates\n", DATE_LINES if self.spec.dates else "")
        return FeatureCard(("numpy", "pandas", "scikit-learn", "torch", "safetensors"), takes, TABLE_IMPORTS, code)

    @property
    def encoded_width(self) -> int:
        return len(self.statistics.mean) + sum(map(len, self.statistics.categories))

    @cached_property
    def places(self) -> list[Categories]:
        """For each categorical column: category → its place."""
        return [Categories(names) for names in self.statistics.categories]

    def window(self, batch: pa.RecordBatch, row: int, name: str, compute: ComputeSettings) -> Singles:
        parts: list[npt.NDArray[np.float64]] = []
        numeric = numeric_columns(self.spec)
        if numeric:
            centred = numbers(batch, numeric) - np.array(self.statistics.mean)
            parts.append(np.nan_to_num(np.clip(centred / np.array(self.statistics.deviation), -CUT, CUT)))
        if self.spec.categorical:
            parts += [
                one_hot(strings(batch.column(name)), places)
                for name, places in zip(self.spec.categorical, self.places, strict=True)
            ]
        return (np.hstack(parts) / self.statistics.length).astype(np.float32)


@dataclass(frozen=True)
class EmbeddingFeatures(NumbersForHead):
    """Ready embeddings of unit norm, with a linear head or one hidden layer."""

    family: ClassVar[str] = "embedding"
    spec: InputSpec
    hidden_units: int | None = None

    @property
    def description(self) -> str:
        head = head_description(self.hidden_units)
        return f"embeddings of {self.encoded_width} dimensions, scaled to unit norm, {head}"

    @property
    def identity(self) -> str:
        return digest(self.family, 1, "unit norm")

    def window(self, batch: pa.RecordBatch, row: int, name: str, compute: ComputeSettings) -> Singles:
        rows = np.asarray(batch.column(0).flatten(), dtype=np.float32).reshape(-1, self.encoded_width)
        if len(rows) != batch.num_rows:
            raise input_error(name, "an embedding is missing", "add it or remove the row")
        return unit_norm(rows)

    def to_json(self) -> dict[str, Any]:
        return {"hidden_units": self.hidden_units}

    @classmethod
    def from_json(cls, values: dict[str, Any], spec: InputSpec, folder: Path) -> EmbeddingFeatures:
        return cls(spec, values["hidden_units"])

    def feature_card(self) -> FeatureCard:
        takes = f"embeddings, an array of {self.encoded_width} columns"
        return FeatureCard(("numpy", "torch", "safetensors"), takes, ("import numpy as np",), EMBEDDING_CARD)

    @property
    def encoded_width(self) -> int:
        return int(self.spec.width or 0)


class Categories(dict[str, int]):
    """Category → its place; what is no category but spelled as only one is, in another case or so, has that one's.

    Where there are two that say yes and no, so has what says the same in another word.

    Args:
        names: The categories in order; what else is asked for has place -1.
    """

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__({name: place for place, name in enumerate(names)})
        alike: dict[str, list[int]] = defaultdict(list)
        for name, place in self.items():
            alike[loosened(name)].append(place)
        self._alike = {key: places[0] for key, places in alike.items() if key and len(places) == 1}
        self._truths = {truth_of(name): place for name, place in self.items() if name}
        if self._truths.keys() != {False, True} or len(self._truths) < len([name for name in self if name]):
            self._truths = {}

    def __missing__(self, cell: str) -> int:
        return self._alike.get(loosened(cell), self._truths.get(truth_of(cell), -1))


def one_hot(cells: list[str], places: Categories) -> npt.NDArray[np.float64]:
    """`(B, categories)` 1 in a cell's own place; a category without a place has none.

    Args:
        cells: B categories.
        places: Where their columns are.
    """
    found = np.zeros((len(cells), len(places)))
    of = np.array([places[cell] for cell in cells], dtype=np.int64)
    known = np.flatnonzero(of >= 0)
    found[known, of[known]] = 1.0
    return found


def head_description(hidden_units: int | None) -> str:
    """`linear head`, or the hidden layer in words."""
    return f"one hidden layer of {hidden_units} units" if hidden_units else "linear head"


TABLE_IMPORTS = (
    "import re",
    "import unicodedata",
    "import numpy as np",
    "import pandas as pd",
    "from sklearn.preprocessing import OneHotEncoder",
)

DATE_LINES = """\
    for name in encoding["dates"]:  # days since 1970; written with points, the day stands first
        cells = frame[name].replace(r"^([0-9]{1,2})[.]([0-9]{1,2})[.]([0-9]{4})", r"\\3-\\2-\\1", regex=True)
        days = pd.to_datetime(cells, utc=True, errors="coerce", format="ISO8601") - pd.Timestamp(0, tz="UTC")
        frame = frame.assign(**{name: days / pd.Timedelta(days=1)})
"""
"""Code of the card of a table, which makes days of dates."""

TABLE_CARD = """\
def spelled(value):
    \"""One spelling of a category: True is true, 1.0 is 1, a minus sign is a hyphen.\"""
    text = "" if pd.isna(value) else unicodedata.normalize("NFC", str(value)).strip()
    text = re.sub("[\\u200b-\\u200d\\u2060\\ufeff\\u00ad]", "", text)
    text = re.sub("^\\u2212(?=[0-9])", "-", text)
    text = re.sub(r"^([+-]?(?:0|[1-9][0-9]*))[.]0+$", r"\\1", text)
    return text.lower() if text.lower() in ("true", "false") else text


def features(frame, encoding, folder):
    # dates
    numbers = frame[encoding["numeric"]].to_numpy(float, na_value=np.nan)
    numbers = (numbers - np.array(encoding["mean"])) / np.array(encoding["deviation"])
    parts = [np.nan_to_num(np.clip(numbers, -encoding["cut"], encoding["cut"]))]
    if encoding["categorical"]:
        names = [np.array(each, dtype=object) for each in encoding["categories"]]
        one_hot = OneHotEncoder(categories=names, handle_unknown="ignore", sparse_output=False)
        one_hot.fit(np.array([[each[0] for each in names]], dtype=object))
        parts.append(one_hot.transform(frame[encoding["categorical"]].map(spelled).to_numpy(object)))
    return torch.from_numpy((np.hstack(parts) / encoding["length"]).astype(np.float32))
"""

EMBEDDING_CARD = """\
def features(embeddings, encoding, folder):
    x = np.asarray(embeddings, dtype=np.float32)
    norms = np.linalg.norm(x, axis=1, keepdims=True)
    return torch.from_numpy(x / np.where(norms > 0, norms, 1))
"""
