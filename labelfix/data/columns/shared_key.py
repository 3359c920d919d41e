"""The id column of two files that is named like none: the one whose values are each there once and found again."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from labelfix.data.columns.found_ids import MOSTLY, find_ids, find_respelled
from labelfix.data.columns.ids import id_keys_of
from labelfix.data.columns.profile import LEAST_KEYS, Profile, profile_columns
from labelfix.data.findings import Findings
from labelfix.data.formats import TableSource
from labelfix.data.scan import is_number, is_text, scan, value_type
from labelfix.settings.data import DataSettings

LONGEST_KEY = 64
"""Characters of a key at most, on average: what is longer is content, and rows are joined by that anyway."""


def shared_key(
    noisy: TableSource, clean: TableSource, clean_ids: str | None, settings: DataSettings, findings: Findings
) -> tuple[str | None, str | None]:
    """A column of each file that names the same items, where there is exactly one such pair.

    Args:
        clean_ids: The trusted file's id column where that is known.
        settings: Columns that it names are none.

    Returns:
        The column in the noisy file and in the trusted one; None twice where there is no such pair, or several.
    """
    named = {settings.label_column, settings.clean_label_column, *settings.text_columns(noisy.schema.names)}
    ours = _candidates(noisy, named)
    theirs = [clean_ids] if clean_ids is not None else _candidates(clean, named)
    if not ours:
        return None, clean_ids
    wanted = {column: pc.unique(_keys(clean, column).drop_null()) for column in theirs}
    naming = [other for other in theirs if _are_keys(wanted[other])]
    pairs = []
    for column in ours if naming else ():
        keys = _keys(noisy, column)
        pairs += [(column, other) for other in naming if _all_found(keys, wanted[other])]
    # Among several pairs the one with the same name in both files is meant.
    pairs = [pair for pair in pairs if pair[0] == pair[1]] or pairs
    if not pairs and "" in ours and _only_counts(noisy, clean, wanted):
        what = "the first column, which has no title, may be a mere count of the rows of each file, and no ids"
        remedy = "if the same number is the same row in both files, give it a title in both, such as row"
        findings.warning(clean.name, what, remedy)
    if not pairs and clean_ids is None:
        return _called_alike(noisy, clean, ours)
    if len(pairs) != 1:
        return None, clean_ids
    ours_, theirs_ = pairs[0]
    findings.note(
        f"ids are taken from {f'column {ours_!r}' if ours_ else 'the first column, which has no title'}"
        + (f" ({theirs_!r} in {clean.name})" if theirs_ != ours_ else "")
        + ": its values are each there once, and those of the trusted file are all found; --id-column names another"
    )
    return pairs[0]


def contradicted(
    noisy: TableSource, clean: TableSource, ids: str, clean_ids: str, settings: DataSettings, findings: Findings
) -> tuple[str, str]:
    """The id columns, or others of one name that say other rows are meant where the trusted ids only count its rows.

    Args:
        ids: The noisy file's id column, by its name.
        clean_ids: The trusted one's.
        findings: Takes an error where neither only counts; not where so few rows may all have labels of their own.
    """
    named = {settings.label_column, settings.clean_label_column, *settings.text_columns(noisy.schema.names)}
    theirs, ours = (_keys(source, column) for source, column in ((clean, clean_ids), (noisy, ids)))
    if _counts(theirs) and len(ours) > len(theirs):
        for name in _candidates(clean, named | set(noisy.schema.names)):
            wanted = _keys(clean, name)
            if _are_keys(wanted) and _all_found(ours, wanted):
                what = f"column {clean_ids!r} only counts its rows, and {name!r} holds ids of {noisy.name} too"
                findings.error(clean.name, what, "name the one that is right with --clean-id-column")
    shared = {name for name in clean.schema.names if name in noisy.schema.names} - {ids, clean_ids}
    others = [name for name in _candidates(clean, named) if name in shared]
    others = [name for name in _candidates(noisy, named) if name in others]
    if not others:
        return ids, clean_ids
    if theirs.null_count or len(ours) <= LEAST_KEYS or not _all_found(ours, theirs):
        return ids, clean_ids
    meant = find_ids(theirs, ours)
    for name in others:
        keys, wanted = _keys(noisy, name), _keys(clean, name)
        if not _all_found(keys, wanted) or (find_ids(wanted, keys) == meant).mean() > MOSTLY or _measured(wanted):
            continue
        if _counts(theirs):
            findings.note(f"ids are taken from column {name!r}, as {clean_ids!r} of {clean.name} only counts its rows")
            return name, name
        if not _counts(wanted):
            what = f"columns {ids!r} and {name!r} say of its rows that different ones of {noisy.name} are meant"
            findings.error(clean.name, what, "name the one that is right with --id-column")
    return ids, clean_ids


def _only_counts(noisy: TableSource, clean: TableSource, wanted: dict[str, pa.Array]) -> bool:
    """Whether the trusted file's column without a title counts its rows, and there are no inputs beside it."""
    shared = [name for name in clean.schema.names if name in noisy.schema.names]
    return len(shared) <= 2 and "" in wanted and _counts(wanted[""])


def _called_alike(noisy: TableSource, clean: TableSource, ours: list[str]) -> tuple[str | None, str | None]:
    """A key of the noisy file that the trusted one has as well, with rows that stand twice, lack it or are not found.

    Such rows will be named one by one. Whole numbers may be found by chance, where the trusted file has inputs too.
    """
    shared = [name for name in clean.schema.names if name in noisy.schema.names]
    fitting = []
    for name in (name for name in ours if name in shared):
        wanted = pc.unique(_keys(clean, name).drop_null())
        numbers = pc.all(pc.match_substring_regex(wanted, r"^\d+$")).as_py()
        if _are_keys(wanted) and not (numbers and len(shared) > 2):
            fitting += [name] if _mostly_found(_keys(noisy, name), wanted) else []
    return (fitting[0], fitting[0]) if len(fitting) == 1 else (None, None)


def column_of_ids(
    noisy: TableSource, ids: str, clean: TableSource, settings: DataSettings, findings: Findings
) -> str | None:
    """The column of the trusted file that holds the noisy file's ids under another name, where there is one such."""
    named = {settings.label_column, settings.clean_label_column, *settings.text_columns(noisy.schema.names)}
    theirs = _candidates(clean, named)
    wanted = {column: pc.unique(_keys(clean, column).drop_null()) for column in theirs}
    # Whole numbers may be found by chance: a price, a count.
    telling = [name for name in theirs if not pc.all(pc.match_substring_regex(wanted[name], r"^\d+$")).as_py()]
    naming = [name for name in telling if _are_keys(wanted[name])]
    if not naming:
        return None
    keys = _keys(noisy, ids)
    fitting = [name for name in naming if _all_found(keys, wanted[name])]
    if not fitting:
        # Files that are mostly found are meant; those that are not will be named.
        fitting = [name for name in naming if _mostly_found(keys, wanted[name])]
        return fitting[0] if len(fitting) == 1 else None
    if len(fitting) != 1:
        return None
    findings.note(f"the ids of {clean.name} are taken from column {fitting[0]!r}: all of them stand in {noisy.name}")
    return fitting[0]


def columns_with(noisy: TableSource, wanted: pa.Array, settings: DataSettings) -> list[str]:
    """The columns of the noisy file that may be its ids: each value there once, and all wanted ones among them.

    Args:
        wanted: Ids in their one spelling.
    """
    named = {settings.label_column, *settings.text_columns(noisy.schema.names)}
    if not _are_keys(wanted):
        return []
    candidates = _candidates(noisy, named)
    return [name for name in candidates if _all_found(_keys(noisy, name), wanted)]


def _candidates(source: TableSource, named: set[str | None]) -> list[str]:
    flat = [
        field.name
        for field in source.schema
        if field.name not in named and (is_text(value_type(field.type)) or is_number(value_type(field.type)))
    ]
    return [name for name, p in profile_columns(source, flat).items() if _is_key(p)]


def _is_key(p: Profile) -> bool:
    """Each value there once, none missing, and not content."""
    if p.missing or p.rows < 2 or p.distinct != p.rows:
        return False
    # A path or an address names an item as well as an id does.
    names = p.holds in ("image_paths", "image_addresses", "other_files", "addresses")
    return not p.text or names or (p.length <= LONGEST_KEY and p.words < 2.5 and not p.holds)


def _are_keys(keys: pa.Array) -> bool:
    """Whether values may name items: not where they are measured numbers, or the numbers 1, 2, 3 … of these rows."""
    return bool(len(keys)) and not _measured(keys) and not _counts(keys)


def _measured(keys: pa.Array) -> bool:
    return bool(pc.any(pc.match_substring_regex(keys, r"^[+-]?\d*\.\d|[eE][+-]\d+$")).as_py())


def _counts(keys: pa.Array) -> bool:
    """Whether values are the numbers of these rows, from 0 or 1."""
    counted = {start: pa.array([str(i) for i in range(start, start + len(keys))]) for start in (0, 1)}
    return any(keys.equals(row_numbers) for row_numbers in counted.values())


def _keys(source: TableSource, column: str) -> pa.Array:
    return pa.chunked_array(
        [id_keys_of(chunk.batch.column(0)) for chunk in scan(source, [column], verbatim=True)], pa.string()
    ).combine_chunks()


def _all_found(keys: pa.Array, wanted: pa.Array) -> bool:
    """Whether each key stands once, and all wanted ones are among them."""
    return len(keys.unique()) == len(keys) and bool((find_ids(wanted, keys) >= 0).all())


def _mostly_found(keys: pa.Array, wanted: pa.Array) -> bool:
    """Whether most of the wanted ones are among the keys, as programs may have changed them."""
    return bool((find_respelled(wanted, keys).positions >= 0).mean() >= MOSTLY)
