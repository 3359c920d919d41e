"""The values that flow through the pipeline (NumPy and Arrow only).

Legend: N rows, K classes. Label codes are positions in `ClassNames.names`; -1 means "no label".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from labelfix.data.arrays import Codes as Codes
from labelfix.data.opinions import Opinions
from labelfix.data.row_order import RowOrder

Probabilities = npt.NDArray[np.float32]
Logits = npt.NDArray[np.floating]
InputKind = Literal["text", "image", "table", "embedding"]
Sampling = Literal["random", "per-class", "per-label", "picked"]
"""How trusted rows were drawn from the noisy ones: at random, at random within each true class, or within each given
label (all of some and none of others, mostly); or otherwise, so that they say nothing of the other rows."""

ValueType = Literal["string", "integer", "float", "boolean"]

UNLABELLED = -1


@dataclass(frozen=True)
class ClassNames:
    """The classes of a run in natural order ("2" before "10").

    Attributes:
        names: Canonical names, distinct, in natural order; K = len(names).
        value_type: How the noisy file stores a label; exports write labels back in this type.
        stored: How the noisy file writes each class, in class order: "3" for a Hugging Face class label called "cat",
            the most frequent of several aliases. Empty where it writes the names.
        aliases: Pairs (alias, class) of the class map, so that new rows are read as the training rows were;
            an alias of "" means "no label".
    """

    names: tuple[str, ...]
    value_type: ValueType = "string"
    stored: tuple[str, ...] = ()
    aliases: tuple[tuple[str, str], ...] = ()

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def codes(self) -> dict[str, int]:
        """Canonical name → code."""
        return {name: code for code, name in enumerate(self.names)}

    def name(self, code: int) -> str | None:
        """The canonical name of a code; None for -1."""
        return None if code == UNLABELLED else self.names[code]

    def value(self, code: int) -> str | int | float | bool | None:
        """A code as the noisy file stores it, in its own type; None for -1.

        A class that only the class map knows may have no value of that type; then this is its name.
        """
        if code == UNLABELLED:
            return None
        text = self.stored[code] if self.stored else self.names[code]
        try:
            if self.value_type == "integer":
                return int(text)
            if self.value_type == "float":
                return float(text)
        except ValueError:
            return text
        return text.lower() in ("true", "1") if self.value_type == "boolean" else text

    def to_json(self) -> dict[str, Any]:
        """Plain values that `from_json` reads back."""
        return {
            "names": list(self.names),
            "value_type": self.value_type,
            "stored": list(self.stored),
            "aliases": [list(pair) for pair in self.aliases],
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ClassNames:
        """The classes that `to_json` described."""
        return cls(
            names=tuple(values["names"]),
            value_type=values.get("value_type", "string"),
            stored=tuple(values.get("stored", ())),
            aliases=tuple((alias, name) for alias, name in values.get("aliases", ())),
        )


@dataclass(frozen=True)
class InputSpec:
    """Which columns of a table are the input of the classifier, and of what kind.

    Attributes:
        kind: What the columns hold.
        columns: Column names in the order they are used. One column for image and embedding; of several columns of
            text, each row is one text, a line for each column.
        categorical: For `kind="table"`, those of `columns` whose values are categories.
        dates: For `kind="table"`, those of `columns` whose values are dates; all others are numbers.
        width: For `kind="embedding"`, the number of dimensions D.
        units: Columns of numbers with what stands behind these; see `labelfix.data.numbers.unit_of`.
        beside: What else is read of the same rows, each of another kind.
    """

    kind: InputKind
    columns: tuple[str, ...]
    categorical: tuple[str, ...] = ()
    width: int | None = None
    dates: tuple[str, ...] = ()
    units: tuple[tuple[str, str], ...] = ()
    beside: tuple[InputSpec, ...] = ()

    @property
    def parts(self) -> tuple[InputSpec, ...]:
        """The columns of each kind on their own."""
        return (replace(self, beside=()), *self.beside)

    @property
    def every_column(self) -> tuple[str, ...]:
        """All columns that are read, of whatever kind."""
        return tuple(column for part in self.parts for column in part.columns)

    def part(self, kind: InputKind) -> InputSpec | None:
        """The columns of one kind; None where there are none."""
        return next((part for part in self.parts if part.kind == kind), None)

    def to_json(self) -> dict[str, Any]:
        """Plain values that `from_json` reads back."""
        return {
            "kind": self.kind,
            "columns": list(self.columns),
            "categorical": list(self.categorical),
            "dates": list(self.dates),
            "width": self.width,
            **({"units": [list(pair) for pair in self.units]} if self.units else {}),
            **({"beside": [part.to_json() for part in self.beside]} if self.beside else {}),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> InputSpec:
        """The columns that `to_json` described."""
        return cls(
            values["kind"],
            tuple(values["columns"]),
            tuple(values["categorical"]),
            values["width"],
            tuple(values.get("dates", ())),
            tuple((column, unit) for column, unit in values.get("units", ())),
            tuple(map(cls.from_json, values.get("beside", ()))),
        )


class InputTable(Protocol):
    """A lazy handle on the input columns of a table: nothing is held in memory."""

    @property
    def spec(self) -> InputSpec:
        """What the columns hold."""

    @property
    def name(self) -> str:
        """The input as the user named it, for messages."""

    def __len__(self) -> int: ...

    def batches(self, rows: int | None = None) -> Iterator[pa.RecordBatch]:
        """The input columns in the table's order, at most `rows` rows at a time (None: as many as are read at once).

        Columns are named and ordered as in `spec.every_column`. A text column is `string`, an image column
        `struct<bytes: binary, path: string>` with either the encoded bytes or an absolute path,
        a numeric column `float64` (missing = null), dates likewise (days since 1970), a categorical one `string`
        in its one spelling (missing = null),
        an embedding column `fixed_size_list<float32>[D]`.
        """


@dataclass(frozen=True)
class LabelTable:
    """One input file (or several read as one): ids, labels, and where everything came from.

    Attributes:
        name: The input as the user named it, for messages.
        ids: `(N,)` string or int64, without duplicates. Without an id column: the row numbers, from 1.
        codes: `(N,)` label codes, -1 where there is no label.
        classes: The classes of the run, shared by all tables of the run.
        inputs: Handle on the input columns; None for a table of ids and labels only.
        file_index: `(N,)` position in `files` of the file a row came from.
        row_number: `(N,)` row within that file, counted from 1.
        label_column: Column that the labels came from; None where the table has no labels at all.
        id_column: Column that the ids came from; None where ids are row numbers.
        readable: `(N,)` False where the image cannot be decoded and the user chose to go on: `inputs` gives a blank
            image there, the row never trains, and it keeps its given label. None where every row can be read.
        chosen: `(N,)` of trusted rows, True where `labelfix next` chose the row; None where it chose none.
        opinions: What each of several sources says of the rows, of which `codes` is a summary; None where there is one
            column of labels.
    """

    name: str
    ids: pa.Array
    codes: Codes
    classes: ClassNames
    inputs: InputTable | None
    files: tuple[str, ...]
    file_index: npt.NDArray[np.int32]
    row_number: npt.NDArray[np.int64]
    label_column: str | None
    id_column: str | None
    readable: npt.NDArray[np.bool_] | None = None
    chosen: npt.NDArray[np.bool_] | None = None
    opinions: Opinions | None = None

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def labelled(self) -> npt.NDArray[np.bool_]:
        """`(N,)` True where a row has a label."""
        return np.asarray(self.codes != UNLABELLED)

    def only(self, keep: npt.NDArray[np.bool_], inputs: InputTable | None) -> LabelTable:
        """Some of the rows, with the inputs that belong to them; the inputs of all of these can be read."""
        return replace(
            self,
            ids=self.ids.filter(pa.array(keep)),
            codes=self.codes[keep],
            file_index=self.file_index[keep],
            row_number=self.row_number[keep],
            inputs=inputs,
            readable=None,
            chosen=None if self.chosen is None else self.chosen[keep],
            opinions=None if self.opinions is None else self.opinions.take(np.flatnonzero(keep).astype(np.int64)),
        )


@dataclass(frozen=True)
class TrainingData:
    """Noisy and trusted rows joined.

    Attributes:
        noisy: Every row of the noisy file, in its order (N rows).
        clean: Every trusted row (M rows).
        clean_in_noisy: `(M,)` the row of `noisy` that is the same item as a trusted row; -1 where it has none.
        joined_by: How that was found.
        sampling: How the trusted rows were drawn.
    """

    noisy: LabelTable
    clean: LabelTable
    clean_in_noisy: Codes
    joined_by: Literal["id", "content", "none"]
    sampling: Sampling

    @property
    def classes(self) -> ClassNames:
        """The classes of the run."""
        return self.noisy.classes

    @cached_property
    def paired_given(self) -> Codes:
        """`(M,)` the given label of each trusted row in the noisy file; -1 where there is none."""
        given = np.where(self.clean_in_noisy >= 0, self.noisy.codes[self.clean_in_noisy], UNLABELLED)
        return given.astype(np.int64)

    @property
    def judges(self) -> npt.NDArray[np.bool_]:
        """`(M,)` False for trusted rows that `labelfix next` chose: they train and judge nothing."""
        return np.ones(len(self.clean), dtype=bool) if self.clean.chosen is None else ~self.clean.chosen

    def without_chosen(self) -> TrainingData:
        """The same as if nobody had answered what `labelfix next` asked: what figures of the given labels rest on."""
        if self.clean.chosen is None:
            return self
        keep = self.judges
        clean = replace(self.clean.only(keep, None), chosen=None)
        return TrainingData(self.noisy, clean, self.clean_in_noisy[keep], self.joined_by, self.sampling)

    @cached_property
    def noisy_rows(self) -> Codes:
        """The rows of `noisy` that train as noisy ones: labelled, readable, and not trusted themselves."""
        usable = self.noisy.labelled.copy()
        if self.noisy.readable is not None:
            usable &= self.noisy.readable
        usable[self.clean_in_noisy[self.clean_in_noisy >= 0]] = False
        return np.flatnonzero(usable).astype(np.int64)

    @cached_property
    def trusted_codes(self) -> Codes:
        """`(N,)` the trusted label of each noisy row, `UNLABELLED` where it is not trusted."""
        paired = self.clean_in_noisy >= 0
        return RowOrder(self.clean_in_noisy[paired], len(self.noisy)).to_file(self.clean.codes[paired], UNLABELLED)
