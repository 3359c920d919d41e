"""What a column looks like, from the first rows of a table: enough to tell text from categories and keys.

The number of rows looked at is fixed, so that the outcome does not depend on the size of the read batches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import pyarrow as pa
import pyarrow.compute as pc

from labelfix.data.formats import TableSource
from labelfix.data.formats.images.folder import IMAGE_SUFFIXES
from labelfix.data.formats.repeated import told_bytes
from labelfix.data.number_lists import number_lists
from labelfix.data.numbers import Numeric, nearly_dates, nearly_numeric
from labelfix.data.scan import as_text, is_list, is_number, is_text, scan, value_type
from labelfix.data.spelling import spelled

LEAST_KEYS = 20
"""With more rows a column is none of labels where each has another value; with fewer it may be one."""

HEAD_ROWS = 20_000
HEAD_ROWS_NESTED = 256
HEAD_BYTES = 1 << 25
"""Bytes that are looked at: fewer rows where these are very long."""

ENDINGS = "|".join(suffix.removeprefix(".") for suffix in IMAGE_SUFFIXES)
IMAGE_MAGIC = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"RIFF", b"II*\x00", b"MM\x00*", b"P5", b"P6")
OTHER_FILES = r"\.(?:wav|mp3|flac|ogg|opus|m4a|aac|mp4|avi|mov|mkv|webm|pdf|docx?|pptx?)$"
"""Endings of sounds, films and documents, which are named in tables as images are."""
BASE64 = (r"^[\w+/]{80,}={0,2}$", "[0-9]", "[a-z]", "[A-Z]")
"""What matches all of it is bytes written as text, and no sequence of genes."""
LONGEST_KEY = 32
"""Bytes of a key that is no text, at most."""
_ONE = r"(?:np\.float\d+\()?[-+]?(?:\d|\.\d|(?i:nan|inf))"
_FRACTION = r"[-+]?\d*\.\d+(?:[eE][-+]?\d+)?"
NUMBER_LIST = (
    rf"^\s*(?:(?:np\.)?array\(|tensor\()?\s*\[[\[\s]*{_ONE}[-+\d.eE,\sA-Za-z()\]\[='_:<>]*\)?\s*$"
    rf"|^\s*\{{\s*{_ONE}[-+\d.eE,\s]*\}}\s*$"
    rf"|^\s*{_FRACTION}(?:[\s,;|]+(?:{_FRACTION}|[-+]?\d+)){{3,}}\s*$"
)
"""Numbers in brackets or braces, or four and more bare ones, the first of them a fraction."""
"""A list of numbers as JSON, Python, NumPy or torch write it."""


@dataclass(frozen=True)
class Profile:
    """What the first rows of a column hold.

    Attributes:
        type: Its plain type (see `labelfix.data.scan.value_type`).
        rows: Rows looked at.
        missing: Those that are null (or empty strings).
        distinct: Different values among the rest; 0 for nested columns and types whose values cannot be counted.
        length: Mean length in characters (strings), or the most frequent length (lists of numbers).
        words: Mean number of words (strings).
        spaced: Share of values with a space (strings).
        letters: Share of letters among the characters that are not spaces (strings).
        foreign: Share of values without a space but with letters beyond ASCII, as in Chinese (strings).
        holds: `image_paths`, `image_addresses`, `other_files`, `addresses`, `encoded_text` (as in `data:` addresses),
            `json`, `numbers` (a list of them as JSON), `images` (encoded), `bytes` (that are none), or "".
        values: The distinct values where there are at most 200 of them (strings).
        consecutive: Whether whole numbers count up by one.
        numeric: Whether nearly all of the strings are numbers.
        comma: Whether a comma is their decimal mark.
        numbers: Share of the strings that are numbers.
        unit: What stands behind nearly all of these numbers; see `labelfix.data.numbers.unit_of`.
        dates: Whether nearly all of the strings are dates.
    """

    name: str
    type: pa.DataType
    rows: int
    missing: int = 0
    distinct: int = 0
    length: float = 0.0
    words: float = 0.0
    spaced: float = 0.0
    letters: float = 0.0
    foreign: float = 0.0
    holds: str = ""
    values: frozenset[str] = frozenset()
    consecutive: bool = False
    numeric: bool = False
    comma: bool = False
    numbers: float = 0.0
    unit: str = ""
    dates: bool = False

    @property
    def given(self) -> int:
        """Rows that hold a value."""
        return self.rows - self.missing

    @property
    def text(self) -> bool:
        """Whether these are strings."""
        return is_text(self.type)

    @property
    def varied(self) -> bool:
        """Whether values hardly repeat."""
        return self.distinct > 1000 or (self.given > 0 and self.distinct > 0.3 * self.given)


_KNOWN: WeakKeyDictionary[TableSource, dict[tuple[str, tuple[str, ...]], Profile]] = WeakKeyDictionary()
"""Profiles by source, column and, where their many bytes ended the look early, the columns it was looked at with.

What reads a table asks for the same profiles several times; its rows are read for them once."""


def profile_columns(source: TableSource, columns: Sequence[str]) -> dict[str, Profile]:
    """Look at the first rows of some columns."""
    deep = {c: _nested(value_type(source.schema.field(c).type)) for c in columns}
    flat, nested = ([c for c in columns if deep[c] == wanted] for wanted in (False, True))
    found = _looked_at(source, flat, HEAD_ROWS, _profile) | _looked_at(
        source, nested, HEAD_ROWS_NESTED, _profile_nested
    )
    return {column: found[column] for column in columns}


def _looked_at(
    source: TableSource, columns: list[str], rows: int, look: Callable[[str, pa.Array], Profile]
) -> dict[str, Profile]:
    known, all_of_them = _KNOWN.setdefault(source, {}), tuple(columns)
    for beside in ((), all_of_them):
        if all((column, beside) in known for column in columns):
            return {column: known[column, beside] for column in columns}
    head, cut = _head(source, columns, rows)
    beside = all_of_them if cut else ()
    for column, cells in head.items():
        if (column, beside) not in known:
            known[column, beside] = look(column, cells)
    return {column: known[column, beside] for column in columns}


def _nested(type_: pa.DataType) -> bool:
    return bool(pa.types.is_nested(type_) or pa.types.is_binary(type_))


def _countable(type_: pa.DataType) -> bool:
    """Whether pyarrow counts different values of a plain type that is not nested."""
    known = (pa.types.is_boolean, pa.types.is_temporal, pa.types.is_fixed_size_binary, is_number)
    return any(test(type_) for test in known)


def _head(source: TableSource, columns: list[str], limit: int) -> tuple[dict[str, pa.Array], bool]:
    """The first rows, and whether they are fewer than might be, because of their many bytes."""
    batches: list[pa.RecordBatch] = []
    left, room, cut = limit, HEAD_BYTES, False
    for chunk in scan(source, columns, min(source.read_rows, limit)):
        taken = chunk.batch.slice(0, left)
        size = told_bytes(taken)
        if size > room:
            taken = taken.slice(0, max(room * taken.num_rows // size, not batches))
            left, cut = taken.num_rows, True
        batches.append(taken)
        left, room = left - taken.num_rows, room - size
        if left == 0:
            break
    if not batches:
        return {c: pa.array([], value_type(source.schema.field(c).type)) for c in columns}, cut
    table = pa.Table.from_batches(batches).combine_chunks()
    return {c: _one(table.column(c)) for c in columns}, cut


def _one(column: pa.Array) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _profile(name: str, cells: pa.Array) -> Profile:
    if is_text(cells.type):
        return _profile_text(name, cells)
    type_ = cells.type
    present = cells.drop_null()
    if pa.types.is_floating(type_):
        present = present.filter(pc.invert(pc.is_nan(present)))
    consecutive = False
    if pa.types.is_integer(type_) and len(present) > 2 and len(present) == len(cells):
        steps = pc.unique(pc.subtract(present.slice(1), present.slice(0, len(present) - 1)))
        consecutive = steps.to_pylist() == [1]
    distinct = pc.count_distinct(present).as_py() if len(present) and _countable(type_) else 0
    return Profile(name, type_, len(cells), len(cells) - len(present), distinct, consecutive=consecutive)


def _profile_text(name: str, cells: pa.Array) -> Profile:
    trimmed = pc.utf8_trim_whitespace(cells)
    present = trimmed.filter(pc.fill_null(pc.not_equal(trimmed, ""), False))
    if len(present) == 0:
        return Profile(name, cells.type, len(cells), len(cells))
    unique = present.unique()
    length = pc.mean(pc.utf8_length(present)).as_py()
    plain = pc.replace_substring_regex(present, r"\s+", "")
    letters = pc.replace_substring_regex(plain, r"[^\pL]+", "")
    spaced = pc.match_substring(present, " ")
    holds = _holds(present)
    if holds == "numbers":
        lengths = pc.list_value_length(number_lists(present.slice(0, HEAD_ROWS_NESTED))).drop_null()
        length = pc.mode(lengths)[0].as_py()["mode"] if len(lengths) else 0
    numbers = Numeric() if holds else nearly_numeric(present)
    foreign = pc.and_(pc.invert(spaced), pc.match_substring_regex(present, r"[^\x00-\x{24F}]"))
    return Profile(
        name,
        cells.type,
        len(cells),
        len(cells) - len(present),
        len(unique),
        length=length,
        words=pc.mean(pc.add(pc.count_substring_regex(present, r"\s+"), 1)).as_py(),
        spaced=_share(spaced),
        letters=pc.sum(pc.utf8_length(letters)).as_py() / max(pc.sum(pc.utf8_length(plain)).as_py(), 1),
        foreign=_share(foreign),
        holds=holds,
        values=frozenset(spelled(unique).to_pylist()) if len(unique) <= 200 else frozenset(),
        numeric=numbers.numbers,
        comma=numbers.comma,
        numbers=numbers.share,
        unit=numbers.unit if numbers.numbers else "",
        dates=not holds and not numbers.numbers and nearly_dates(present),
    )


def _holds(cells: pa.Array) -> str:
    patterns = {
        "image_addresses": rf"^(?i:https?|ftp|s3|gs)://\S+\.(?i:{ENDINGS})$",
        "image_paths": rf"(?i)\.({ENDINGS})$",
        "other_files": rf"(?i){OTHER_FILES}",
        "addresses": r"^(?i:https?|ftp|s3|gs)://\S+$",
        "encoded_text": r"^(?i:data):[\w.+/;=-]*,|^(?:iVBORw0KGgo|/9j/|R0lGOD|UklGR)[\w+/=]{40}",
        "numbers": NUMBER_LIST,
        "json": r"^[\[{].*[\]}]$",
    }

    def nearly_all(pattern: str) -> bool:
        return _share(pc.match_substring_regex(cells, pattern)) > 0.9

    found = next((kind for kind, pattern in patterns.items() if nearly_all(pattern)), "")
    return "encoded_text" if not found and all(map(nearly_all, BASE64)) else found


def _profile_nested(name: str, cells: pa.Array) -> Profile:
    type_ = cells.type
    if pa.types.is_union(type_):  # holds its nulls inside, and pyarrow cannot drop them
        return Profile(name, type_, len(cells))
    present = cells.drop_null()
    missing = len(cells) - len(present)
    if is_list(type_):
        if is_list(type_.value_type):
            # One list within another is taken for the inner one, as the output of an encoder is often written.
            inner = number_lists(present).drop_null()
            if len(inner) < 0.9 * len(present):
                return Profile(name, type_, len(cells), missing)
            present, type_ = inner, inner.type
        lengths = pc.list_value_length(present)
        common = pc.mode(lengths)[0].as_py()["mode"] if len(present) else 0
        numeric = is_number(type_.value_type)
        return Profile(name, type_, len(cells), missing, length=common, holds="numbers" if numeric else "")
    if pa.types.is_struct(type_):
        if {field.name for field in type_} != {"bytes", "path"}:
            return Profile(name, type_, len(cells), missing)
        paths = pc.struct_field(present, "path").cast(pa.string()).drop_null()
        other = _share(pc.match_substring_regex(paths, rf"(?i){OTHER_FILES}")) > 0.9
        return Profile(name, type_, len(cells), missing, holds="other_files" if other else "images")
    if pa.types.is_binary(type_):
        values = present.to_pylist()
        heads = [bytes(value[:8]) for value in values]
        images = bool(heads) and sum(h.startswith(IMAGE_MAGIC) for h in heads) > 0.5 * len(heads)
        raw = sum(map(_is_no_text, values)) > 0.5 * len(values)
        if images or raw:
            return Profile(name, type_, len(cells), missing, holds="images" if images else "bytes")
        return _profile_text(name, as_text(cells))
    return Profile(name, type_, len(cells), missing)


def _is_no_text(value: bytes) -> bool:
    """Whether bytes are neither a text nor a key."""
    return len(value) > LONGEST_KEY and "\ufffd" in value.decode("utf-8", "replace")


def _share(flags: pa.Array) -> float:
    return float(pc.mean(flags.cast(pa.float64())).as_py() or 0.0) if len(flags) else 0.0
