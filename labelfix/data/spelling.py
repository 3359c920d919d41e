"""One spelling of a cell, whatever else stands in its file and whatever format the file has.

Labels, categories, ids and the keys that rows are joined by are compared in this spelling:

- text in Unicode's composed form (NFC), without characters of no width and without spaces around it;
- a minus sign before a digit is that of ASCII: `−1` is `-1`;
- `True`, `TRUE` and `true` are one value, as is the boolean of a typed column; `False` likewise;
- a whole number is a whole number: `1.0` and `1.00` are `1`, as are the integer and the float of a typed column;
- `="007"`, as programs write a text that a spreadsheet is to leave alone, is `007`;
- a number of a typed column is written with the fewest digits that give it back: `2.5`. In a text file `2.50` stays
  `2.50` and `007` stays `007`: there they may be codes. Where nothing else is 2.5, they still meet by `number_key`.

Nothing is looked up in the other cells, so a cell means the same in a file of three rows as in one of a million.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Sequence
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from labelfix.data.scan import is_text

NO_WIDTH = "\u200b\u200c\u200d\u2060\ufeff\u00ad\u200e\u200f\u202a-\u202e\u2066-\u2069"
"""Zero-width space, non-joiner and joiner, word joiner, byte order mark, soft hyphen, and what sets the direction of
text; as the inside of a class of a regular expression."""

BARE = 8
"""Letters and digits that a text must have to be known by them alone."""

WHOLE = r"^([+-]?(?:0|[1-9]\d*))\.0+$"
ALIKE = str.maketrans("авеніјкморѕстухԁһαβεηικμνορτχı", "abehijkmopsctyxdhabehikmvoptxi")
"""Small letters of the Cyrillic and the Greek alphabet that look like Latin ones, and Turkish i without a dot."""
FORMULA = r'^=(?i:HYPERLINK\("[^"]*"[,;]\s*)?"([^"]*)"\)?$'
"""How a text is written that a spreadsheet is not to take for a number, `="007"`, or is to show as a link."""
TRUTH = r"^(?i:true|false)$"
QUOTES = " \t\r\n\"'`‘’“”«»"
PRINTED = re.compile(
    r"""(?:b|\()(['"])(.+)\1(?:,\))?"""
    r"""|(?:(?:np|numpy|torch|tf)\.)?(?:str_|bytes_|bool_|tensor|u?int\d+|float\d+)\(['"]?([^()]+?)['"]?\)"""
)
"""A label as Python prints what it lies in: `b'cat'`, `('cat',)`, `np.str_('cat')`, `tensor(1)`."""
MARKED = re.compile(r"^(\*{1,3}|_{2,3})(.+?)\1(?=\.?$)")
"""A label as Markdown sets it apart: `**cat**`."""
ASKED_FOR = re.compile(r"^\**(?:final )?(?:label|class|category|answer|output|prediction)\s*[:=]\**\s*(?=\S)")
"""What a language model, or whoever fills in a form, sets before a label: `Label: cat`."""
PLAIN_NUMBER = r"^[+-]?(\d+(\.\d*)?|\.\d+)$"
MINUS = r"^\x{2212}(\d)"
"""The minus sign of typographers, as spreadsheets and statistics programs write it before a number."""
DECIMAL_COMMA = re.compile(r"^([+-]?\d+),(\d{1,2}|\d{4,})$")
"""A number with a decimal comma. Three digits behind it may be thousands."""


def spelled(cells: pa.Array) -> pa.Array:
    """Cells in their one spelling.

    Args:
        cells: `(n,)` of strings, numbers, booleans, decimals, dates and the like; dictionaries decoded.

    Returns:
        `(n,)` strings; null where the cell is null or NaN.
    """
    type_ = cells.type
    if is_text(type_):
        return _text(cells.cast(pa.string()))
    if pa.types.is_floating(type_):
        return _floats(cells.cast(pa.float64()))
    text = cells.cast(pa.string())
    return _decimals(text) if pa.types.is_decimal(type_) else text


def spell(text: str) -> str:
    """One text in its one spelling."""
    return str(spelled(pa.array([text], pa.string()))[0].as_py())


def normal_text(cells: pa.Array) -> pa.Array:
    """Texts that differ only in Unicode form, characters of no width, kinds of spaces or line ends, made the same."""
    cells = pc.replace_substring(cells, "\r\n", "\n") if _any(pc.match_substring(cells, "\r")) else cells
    if not _ascii(cells):
        cells = pc.replace_substring_regex(_composed(cells), r"[\x{00A0}\x{2000}-\x{200A}\x{202F}\x{3000}]", " ")
    return pc.utf8_trim_whitespace(cells)


def bare_text(cells: pa.Array) -> pa.Array:
    """Texts without case, punctuation, spaces and HTML; those of which little is left as `normal_text` has them."""
    plain = normal_text(cells)
    bare = pc.replace_substring_regex(pc.utf8_lower(plain), r"&#?\w+;|<[^<>]*>", " ")
    bare = pc.replace_substring_regex(bare, r"[^\pL\pN]+", "")
    return pc.if_else(pc.greater_equal(pc.utf8_length(bare), BARE), bare, plain)


def number_key(text: str) -> str | None:
    """What number a spelling stands for, as text: `2.5` for `2.50`, `2,5` and `02.5`; None where it is no number."""
    text = DECIMAL_COMMA.sub(r"\1.\2", text)
    if re.match(PLAIN_NUMBER, text) is None:
        return None
    return _plain_decimal(text)


def folded(text: str) -> str:
    """A text without what people hardly see: case, spaces, characters of no width, compatibility forms."""
    plain = unicodedata.normalize("NFKC", text).casefold().translate(ALIKE)
    return "".join(re.sub(f"[{NO_WIDTH}]", "", plain).split())


def are_tags(values: Collection[str]) -> bool:
    """Whether words are tags of a text's words, as of names in a sentence: `O`, `B-PER`, `I-PER`."""
    return "O" in values and len(values) > 1 and all(re.fullmatch(r"O|[BIESLUM]-\S+", value) for value in values)


TRUTHS = (
    {"false", "f", "no", "n", "0", "off"}
    | {"falsch", "nein", "faux", "non", "falso", "não", "nao", "onwaar", "nee", "falskt", "falsk", "nej"}
    | {"fałsz", "nie", "yanlış", "yanliş", "hayır", "hayir", "ложь", "нет"},
    {"true", "t", "yes", "y", "1", "on"}
    | {"wahr", "ja", "vrai", "oui", "verdadero", "sí", "si", "vero", "sì", "verdadeiro", "sim", "waar", "sant", "sand"}
    | {"prawda", "tak", "doğru", "evet", "истина", "да"},
)
"""What people and programs write for no and for yes, in any case; Excel writes these in the language of its user."""


def truth_of(text: str) -> bool | None:
    """The truth value that a spelling stands for; None where it stands for none."""
    word = number_key(text) or text.casefold()
    return next((bool(value) for value, words in enumerate(TRUTHS) if word in words), None)


def loosened(text: str) -> str:
    """What is left of a label where different hands spell it: without case, accents, quotes, what joins words.

    A hyphen or a space between two digits stays apart from nothing between them, and at an end it is a sign or a grade.
    """
    printed = PRINTED.fullmatch(text)
    text = next(filter(None, printed.groups()[1:]), text) if printed else text
    plain = unicodedata.normalize("NFKD", html.unescape(_once_decoded(text))).casefold().translate(ALIKE)
    plain = re.sub(f"[{NO_WIDTH}\u0300-\u036f\u0640\ufe00-\ufe0f]", "", plain).strip(QUOTES)
    plain = re.sub("[\u2010-\u2015\u2212]", "-", plain)
    plain = MARKED.sub(r"\2", ASKED_FOR.sub("", MARKED.sub(r"\2", plain))).strip(QUOTES)
    plain = re.sub(r"(?<=\w)\.$", "", plain)
    plain = re.sub(r"\s*([^\w\s])\s*", r"\1", plain)
    plain = re.sub(r"^(?:label|class)[-_ ]?(?=\d+$)", "", plain)  # as transformers names classes without names
    return re.sub(r"(?<=[\w&])[-_\s]+(?=[\w&%])", lambda gap: _joint(plain, gap), plain)


def names_meant(
    own: Collection[str], wanted: Collection[str | None], kept: Collection[str | None] = ()
) -> dict[str, str]:
    """Names of columns that are wanted ones in another spelling: own name → the wanted one.

    Args:
        own: The names that there are.
        wanted: Each that is not there is the only other one that is spelled so, if it alone is wanted in that way.
        kept: Names that stay as they are.
    """
    ours, theirs = by_spelling(wanted), by_spelling(own)
    return {
        theirs[key][0]: same[0]
        for key, same in ours.items()
        if len(same) == len(theirs[key]) == 1 and theirs[key][0] not in (*wanted, *kept)
    }


def names_as_before(parts: Sequence[Collection[str]]) -> tuple[list[dict[str, str]], tuple[str, ...]]:
    """Columns of parts of a table that earlier parts call by another spelling of the name (`Age`, `age`).

    Returns:
        For each part its own name → the earlier one, and what to say of it.
    """
    known: dict[str, None] = {}
    found: list[dict[str, str]] = []
    for names in parts:
        found.append({} if known.keys() >= set(names) else names_meant(names, known))
        known |= dict.fromkeys(found[-1].get(name, name) for name in names)
    pairs = dict.fromkeys(pair for renamed in found for pair in renamed.items())
    return found, tuple(f"column {own!r} of some files is read as {new!r}" for own, new in pairs)


def by_spelling(names: Collection[str | None]) -> dict[str, list[str]]:
    """Names by what is left of each where different hands spell it."""
    found: dict[str, list[str]] = defaultdict(list)
    for name in filter(None, dict.fromkeys(names)):
        found[loosened(name)].append(name)
    return found


def whole(text: str) -> str:
    """A text with a mark in the place of half a surrogate pair, which JSON and Python can hold and UTF-8 cannot."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _once_decoded(text: str) -> str:
    """A text whose UTF-8 was read as cp1252, `CafÃ©`, as it was before."""
    try:
        return text.encode("cp1252").decode("utf-8")
    except UnicodeError:
        return text


def _joint(text: str, gap: re.Match[str]) -> str:
    return " " if text[gap.start() - 1].isdigit() and text[gap.end()].isdigit() else ""


def difference(left: str, right: str) -> str | None:
    """What alone two different texts differ in, as a noun; None where they differ in more."""
    number = number_key(left)
    if number is not None and number == number_key(right):
        return "how the number is written"
    if unicodedata.normalize("NFKC", left) == unicodedata.normalize("NFKC", right):
        return "the Unicode form"
    if left.casefold().translate(ALIKE) == right.casefold().translate(ALIKE) != left.casefold() and (
        left.casefold() != right.casefold()
    ):
        return "letters of another alphabet"
    if left.casefold() == right.casefold():
        return "case"
    bare = [re.sub(r"[\s_-]+", "", text) for text in (left, right)]
    if bare[0] == bare[1]:
        return "spaces or hyphens"
    return "case and spaces" if folded(bare[0]) == folded(bare[1]) and folded(bare[0]) else None


def _text(cells: pa.Array) -> pa.Array:
    if not _ascii(cells):
        cells = pc.replace_substring_regex(pc.utf8_trim_whitespace(_composed(cells)), MINUS, r"-\1")
    cells = pc.utf8_trim_whitespace(cells)
    if _any(pc.starts_with(cells, "=")):
        cells = pc.replace_substring_regex(cells, FORMULA, r"\1")
    if _any(pc.match_substring(cells, ".")):
        cells = pc.replace_substring_regex(cells, WHOLE, r"\1")
    truth = pc.match_substring_regex(cells, TRUTH)
    return pc.if_else(truth, pc.utf8_lower(cells), cells) if _any(truth) else cells


def _composed(cells: pa.Array) -> pa.Array:
    composed = pc.utf8_normalize(cells, form="NFC")
    return pc.replace_substring_regex(composed, f"[{NO_WIDTH}]", "")


def _floats(cells: pa.Array) -> pa.Array:
    given = pc.if_else(pc.is_nan(cells), pa.scalar(None, pa.float64()), cells)
    text = given.cast(pa.string())
    # Arrow writes 1e+10 and beyond with an exponent; whole numbers keep their digits.
    if _any(pc.match_substring(text, "e")):
        text = pa.array([None if v is None else _digits(v) for v in given.to_pylist()], pa.string())
    return text


def _digits(value: float) -> str:
    if value == value and abs(value) != float("inf") and value.is_integer():
        return str(int(value))
    return repr(value)


def _decimals(text: pa.Array) -> pa.Array:
    return pa.array([None if v is None else _plain_decimal(v) for v in text.to_pylist()], pa.string())


def _plain_decimal(text: str) -> str:
    value = Decimal(text)
    whole = value.to_integral_value()
    return str(int(whole)) if value == whole else format(value.normalize(), "f")


def _ascii(cells: pa.Array) -> bool:
    return not _any(pc.invert(pc.string_is_ascii(cells)))


def _any(flags: pa.Array) -> bool:
    return bool(pc.any(flags).as_py())
