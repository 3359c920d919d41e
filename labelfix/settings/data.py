"""Settings of reading: which files, which columns, how the trusted rows were drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from labelfix.settings.base import check_choices


@dataclass(frozen=True, kw_only=True)
class DataSettings:
    """Where the rows come from and what their columns mean. What is None is inferred, and the inference printed."""

    id_column: str | None = None
    """Column that names the item, in both files. Default: a column called id (or uid, uuid, key, guid, row_id, item_id, example_id); without one, rows are joined by their exact input."""

    label_column: str | None = None
    """Column of the given labels in the noisy file. Default: the column called label (or given_label, noisy_label, class, target, category, y)."""

    clean_label_column: str | None = None
    """Column of the trusted labels. Default: the trusted file's column of the same name as `label_column`, else inferred in the same way (also clean_label, true_label, gold, gold_label)."""

    text_column: str | None = None
    """Column of text to classify."""

    image_column: str | None = None
    """Column of images: a Hugging Face Image struct, encoded bytes, or paths relative to the table."""

    feature_columns: tuple[str, ...] = ()
    """Columns of numbers and categories to classify from."""

    embedding_column: str | None = None
    """Column of ready embeddings: one list of numbers a row, all of one length."""

    class_map: str | None = None
    """CSV file of two columns, alias and class: labels written differently that mean the same."""

    clean_sampling: Literal["random", "per-class"] | None = None
    """How the trusted rows were drawn from the noisy ones. Default: a chi-squared test on class shares decides, and says so."""

    skip_unreadable: bool = False
    """Leave out images that cannot be decoded instead of stopping."""

    def __post_init__(self) -> None:
        check_choices(self)
