"""Which columns of a table are features, and why the others are left out: by what they hold, never by name alone."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from labelfix.data.columns.profile import HEAD_ROWS, Profile
from labelfix.data.columns.roles import GIVEN_NAMES, ID_NAMES, INDEX_NAME, OTHER_LABEL_NAMES, TRUE_NAMES
from labelfix.data.findings import Findings
from labelfix.data.formats import TableSource
from labelfix.data.inputs import categories
from labelfix.data.numbers import MOSTLY, is_date
from labelfix.data.scan import is_number, scan, value_type
from labelfix.data.spelling import truth_of
from labelfix.errors import listing

MOST_LISTED = 12
"""Columns that a sentence names; of more, how many."""

MOST_CATEGORIES = 1000
"""A category of more different values than this teaches nothing."""

AGREEMENT = 0.4
"""From this kappa on (agreement beyond chance, 1 for the same values) a column may be somebody's label."""

ROWS_OF_CODES = 30
"""Rows from which on it is no chance that a column goes with the label one to one."""

IN_OTHER_WORDS = -2.0
"""In place of a kappa, which is never below -1: where each value of a column goes with one label and the reverse."""

MOSTLY_DIGITS = 0.4
"""A text has a larger share of letters than this."""
ID_OR_TEXT = "looks like an id or a text: hardly any value repeats"

SPLITS = frozenset(
    ("train", "training", "test", "testing", "val", "valid", "validation", "dev", "eval", "holdout", "hold-out")
    + ("unused", "unlabeled", "unlabelled")
)
"""Words that say which part of the data a row is in; no row is of a class for that."""

LABEL_NAME = re.compile(r"(^|_)(labels?|annotator|rater|votes?|gold|truth)(_|\d|$)")


def choose_features(
    source: TableSource, profiles: Mapping[str, Profile], label: str | None, findings: Findings
) -> list[Profile]:
    """The columns to classify from.

    Args:
        profiles: What its columns hold, but ids and labels.
        label: Its label column; None where it is not known.
        findings: Told which columns are left out and why.
    """
    agrees = _agreement(source, label, profiles) if label is not None else {}
    used: list[Profile] = []
    left: dict[str, list[str]] = {}
    for profile in profiles.values():
        reason = no_feature(profile) or _is_label(profile, agrees.get(profile.name))
        if reason is None:
            used.append(profile)
            _warn_of_rater(source, profile, agrees.get(profile.name), label, findings)
        else:
            left.setdefault(reason, []).append(profile.name)
            if reason == ID_OR_TEXT and profile.numbers >= MOSTLY:
                what = f"column {profile.name!r} holds numbers in {profile.numbers:.0%} of its cells and is not used"
                findings.warning(source.name, what, "leave the others empty, or write numbers there, to use it")
            elif reason == ID_OR_TEXT and (profile.spaced > 0.5 or not profile.letters):
                holds, remedy = "words", f"if it is a text to classify from, pass --text-column {profile.name}"
                if profile.letters < MOSTLY_DIGITS:
                    holds, remedy = (
                        "words and digits" if profile.letters else "digits and signs",
                        "write dates as 2024-01-31 and amounts as 12.5 to use them",
                    )
                what = f"column {profile.name!r} holds {holds}, hardly any value repeats, and it is not used"
                findings.warning(source.name, what, remedy)
    if left:
        shown = "; ".join(f"{listing(names)} ({reason})" for reason, names in left.items())
        findings.note(f"not used as features: {shown}")
    return used


def looks_like_id(p: Profile) -> bool:
    """Whether a column is named like an id or an index and its values hardly repeat, or it counts the rows."""
    if is_number(p.type) and p.consecutive and p.given > 10:
        return True
    name = p.name.lower()
    if INDEX_NAME.search(name):
        return p.given > 0 and p.distinct == p.given
    return (name in ID_NAMES or name.endswith("_id")) and p.varied


def no_feature(p: Profile) -> str | None:
    """Why a column is no feature by what it holds; None where it may be one."""
    if p.given == 0:
        return "empty"
    if looks_like_id(p):
        return "looks like an id"
    whole = p.rows < HEAD_ROWS  # of a longer column the rest may differ
    if is_number(p.type) or pa.types.is_boolean(p.type) or is_date(p.type):
        if p.distinct == 1 and whole:
            return "one value and missing" if p.missing and is_number(p.type) else None if p.missing else "constant"
        return None
    if not p.text:
        return p.holds.replace("_", " ") if p.holds and p.holds != "numbers" else _type(p)
    if p.holds == "numbers" and not p.length:
        return "lists of numbers that are none, as where '...' stands for some of them"
    if p.holds:
        return p.holds.replace("_", " ")
    if p.distinct == 1 and whole and not p.missing:
        return "constant"
    if p.numeric or p.dates:
        return None
    return _no_category(p)


def _no_category(p: Profile) -> str | None:
    """Why words are no category; None where they may be one."""
    if p.values and SPLITS.issuperset(value.lower() for value in p.values):
        return "says which part of the data a row is in"
    if p.distinct == p.given > 5 or (p.distinct > 20 and p.distinct > 0.5 * p.given):
        return ID_OR_TEXT
    if p.distinct > MOST_CATEGORIES:
        return f"more than {MOST_CATEGORIES:,} different values, too many for a category"
    return None


def _type(p: Profile) -> str:
    if p.holds == "numbers":
        return f"a list of {int(p.length)} numbers; --embedding-column takes it for an embedding"
    return str(p.type)


def _is_label(p: Profile, agreement: tuple[float, bool] | None) -> str | None:
    """Whether a column is somebody's label: named so and agreeing, or made of the label's own words."""
    if agreement is None:
        return None
    kappa, same_values = agreement
    if kappa == IN_OTHER_WORDS:
        return "the label in other words: each of its values goes with one label"
    name = p.name.lower()
    named = name in (*GIVEN_NAMES, *TRUE_NAMES, *OTHER_LABEL_NAMES) or LABEL_NAME.search(name) is not None
    # Yes and no stand in many a column.
    telling = kappa >= AGREEMENT or any(truth_of(value) is None for value in p.values)
    if same_values and p.text and not p.numeric and p.distinct > 1 and telling:
        return "looks like the label: it holds the same words"
    return "looks like the label" if same_values and named and kappa >= AGREEMENT else None


def _warn_of_rater(
    source: TableSource, p: Profile, agreement: tuple[float, bool] | None, label: str | None, findings: Findings
) -> None:
    if agreement is not None and agreement[1] and agreement[0] >= AGREEMENT:
        findings.warning(
            source.name,
            f"column {p.name!r} holds the values of {label!r} and often agrees with it, and is used as a feature",
            "if it is another person's label, leave it out: name the features with --feature-columns",
        )


def _agreement(source: TableSource, label: str, profiles: Mapping[str, Profile]) -> dict[str, tuple[float, bool]]:
    """Of each column of few values: kappa with the label, and whether all its values are labels.

    Cohen's kappa, (agreement - chance) / (1 - chance), over the first rows where both have a value.
    """
    flat = [
        p.name
        for p in profiles.values()
        if (p.text or pa.types.is_boolean(p.type) or is_number(p.type)) and 1 < p.distinct <= 200
    ]
    type_ = value_type(source.schema.field(label).type)
    if not flat or pa.types.is_nested(type_):
        return {}
    found: dict[str, tuple[float, bool]] = {}
    given = _first_rows(source, [label])[label]
    labels = given.unique().drop_null()
    # More numbers than there are labels are neither labels nor stand for them.
    most = HEAD_ROWS if given.null_count else len(labels)
    flat = [name for name in flat if not is_number(profiles[name].type) or profiles[name].distinct <= most]
    for name, other in _first_rows(source, flat).items() if flat else ():
        words = other.unique().drop_null()
        same = bool(pc.all(pc.is_in(words, value_set=labels)).as_py())
        found[name] = (_kappa(given, other) if same else 0.0, same)
        if not same and _is_code(given, other):
            found[name] = (IN_OTHER_WORDS, False)
    return found


def _first_rows(source: TableSource, columns: Sequence[str]) -> dict[str, pa.Array]:
    """The first cells of some columns as categories."""
    held: dict[str, list[pa.Array]] = {name: [] for name in columns}
    left = HEAD_ROWS
    for chunk in scan(source, columns, min(source.read_rows, HEAD_ROWS), verbatim=True):
        batch = chunk.batch.slice(0, left)
        for name, cells in zip(columns, batch.columns, strict=True):
            held[name].append(categories(cells))
        left -= batch.num_rows
        if left == 0:
            break
    return {name: pa.chunked_array(cells, pa.string()).combine_chunks() for name, cells in held.items()}


def _is_code(given: pa.Array, other: pa.Array) -> bool:
    """Whether a column says what the label says, in words or numbers of its own."""
    both = pc.and_(given.is_valid(), other.is_valid())
    pairs = pa.table({"given": given, "other": other}).filter(both)
    kinds = {len(pairs.column(name).unique()) for name in ("given", "other")}
    most = max(kinds)
    if len(kinds) > 1 or most < 2 or len(pairs) < max(ROWS_OF_CODES, 5 * most):
        return False
    return bool(pairs.group_by(["given", "other"]).aggregate([]).num_rows == most)


def _kappa(left: pa.Array, right: pa.Array) -> float:
    both = pc.and_(left.is_valid(), right.is_valid())
    left, right = left.filter(both), right.filter(both)
    if not len(left):
        return 0.0
    names = pa.concat_arrays([left, right]).unique()
    codes = [np.asarray(pc.index_in(column, value_set=names)).astype(np.int64) for column in (left, right)]
    shares = [np.bincount(code, minlength=len(names)) / len(code) for code in codes]
    agreed, chance = float((codes[0] == codes[1]).mean()), float((shares[0] * shares[1]).sum())
    return (agreed - chance) / (1 - chance) if chance < 1 else 0.0
