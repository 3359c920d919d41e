"""Settings of reading: which files, which columns, how the trusted rows were drawn."""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from labelfix.settings.base import check_choices, require
from labelfix.settings.remote_names import secrets_of, without_secrets

MISSING_WORDS = ("NA", "N/A", "n/a", "#N/A", "<NA>", "null", "NULL", "Null", "None", "nan", "NaN", "NAN", r"\N")
"""Words that stand for "nothing here" in text files."""


@dataclass(frozen=True, kw_only=True)
class DataSettings:
    """Where the rows come from and what their columns mean. What is None is inferred, and the inference printed."""

    id_column: str | None = None
    """Column that names the item, in both files. Default: a column called id (or uid, uuid, key, guid, row_id, item_id, example_id), else the one column whose values stand in both files once each; without one, rows are joined by their content."""

    clean_id_column: str | None = None
    """Column of the trusted file that names the item, where it has another name there than in the noisy file."""

    label_column: str | None = None
    """Column of the given labels in the noisy file. Default: the column called label (or given_label, noisy_label, labels, class, target, category, y)."""

    label_columns: tuple[str, ...] = ()
    """Columns of labels, one for each source: annotators, rules, models, an old export. Names, or patterns such as `llm_*`; also a column of votes: lists, or JSON such as `{"anna": "spam"}`. Empty cells are silence."""

    sources: str | None = None
    """File with a row for each opinion: columns `id`, `source` (or annotator, worker, user, rater) and `label`, as crowd platforms export them; or what comes back from Label Studio or Argilla, each person of which is a source. Instead of `label_columns`, or beside them."""

    main_source: str | None = None
    """The source whose opinion counts as the given label, where it has one. Default: what most sources say, of equals what the first one says."""

    abstain: str = ""
    """Words by which a source says nothing, separated by commas, beside the empty cell."""

    clean_label_column: str | None = None
    """Column of the trusted labels. Default: the trusted file's column of the same name as `label_column`, else inferred in the same way (also clean_label, true_label, gold, gold_label)."""

    text_column: str | tuple[str, ...] | None = None
    """Column of text to classify; named several times (or separated by commas), a row's text has a line for each."""

    image_column: str | None = None
    """Column of images: a Hugging Face Image struct, encoded bytes, or paths relative to the table."""

    feature_columns: tuple[str, ...] = ()
    """Columns of numbers and categories to classify from; beside a text, an image or an embedding where their column is named too."""

    embedding_column: str | None = None
    """Column of ready embeddings: one list of numbers a row, all of one length."""

    class_map: str | None = None
    """CSV file of two columns, alias and class: labels written differently that mean the same."""

    class_descriptions: str | None = None
    """CSV file of two columns, class and words: what each class is about. For texts on fixed features; their features are where the classifier of the trusted rows starts, if the given labels and the trusted rows out of fold are likelier by it."""

    missing: str = ",".join(MISSING_WORDS)
    """Words that stand for "no label" in text files such as CSV, separated by commas, beside the empty cell; `--missing ""` leaves the empty cell alone, so that every word is a class."""

    new_classes: Literal["error", "as-unlabelled"] = "error"
    """What a label means that is not one of the run's classes, in rows for a finished run: an error, or no label."""

    unlabelled: bool = False
    """Take rows for a finished run without labels: all of them are filled in, and a column of labels is not read."""

    join: Literal["id", "content", "both"] | None = None
    """How trusted rows find their noisy rows: by id, by the same content, or by id first and then by content. Default: by id where ids are the same, else by content."""

    encoding: str | None = None
    """How text files that are not UTF-8 are encoded, such as cp1252, latin-1 or utf-16."""

    split: str | None = None
    """Which split of a folder that holds several (train, test, ...) is read."""

    clean_sampling: Literal["random", "per-class", "per-label"] | None = None
    """How the trusted rows were drawn from the noisy ones: at random, so many of each true class, or so many of each given label. Default: tests on class shares decide, and say so."""

    max_pixels: int = 100_000_000
    """An image with more pixels than this is not decoded; it counts as one that cannot be read."""

    skip_unreadable: bool = False
    """Leave out images that cannot be decoded instead of stopping."""

    @property
    def files(self) -> dict[str, str]:
        """The files that are read beside the rows: setting → path."""
        named = {"class_map": self.class_map, "class_descriptions": self.class_descriptions, "sources": self.sources}
        return {name: path for name, path in named.items() if path is not None}

    def text_columns(self, names: Sequence[str]) -> tuple[str, ...]:
        """The columns of text that are named, of a table with columns `names`."""
        if self.text_column is None or isinstance(self.text_column, tuple):
            return self.text_column or ()
        whole = self.text_column in names or "," not in self.text_column
        return (self.text_column,) if whole else tuple(part.strip() for part in self.text_column.split(","))

    def __post_init__(self) -> None:
        check_choices(self)
        require(
            self.label_column is None or not self.several,
            f"label_column = {self.label_column!r} names one column, and label_columns or sources several; give either",
        )
        require(self.max_pixels > 0, f"max_pixels = {self.max_pixels} must be at least 1")
        for name, path in self.files.items():
            named = without_secrets(path)
            require(
                not secrets_of(path), f"{name} = {named!r} is kept in runs, and its signature must not be; save it here"
            )
        if self.encoding is not None:
            require(
                is_encoding(self.encoding), f"encoding = {self.encoding!r} is no encoding; write for example cp1252"
            )

    @property
    def several(self) -> bool:
        """Whether labels come from several sources."""
        return bool(self.label_columns) or self.sources is not None

    @property
    def abstain_words(self) -> frozenset[str]:
        """The words of `abstain`."""
        return frozenset(word for word in map(str.strip, self.abstain.split(",")) if word)

    @property
    def missing_words(self) -> frozenset[str]:
        """The words of `missing`."""
        return frozenset(word for word in map(str.strip, self.missing.split(",")) if word)


def is_encoding(name: str) -> bool:
    """Whether Python knows an encoding of text by a name."""
    try:
        return codecs.lookup(name)._is_text_encoding
    except (LookupError, ValueError):
        return False
