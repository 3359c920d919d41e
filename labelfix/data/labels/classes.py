"""The classes of a run: canonical names from the noisy file, and how labels elsewhere are matched to them.

The classes are those of the noisy file and of the class map, in their one spelling (`labelfix.data.spelling`). A label
of another file is one of them when it is spelled the same, when it is the same number ("2.50" and 2.5), the same truth
value ("true" and 1), the number by which the noisy file stores the class, or differs in spelling from it alone.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from labelfix.data.chosen_rows import TOO_HARD
from labelfix.data.findings import Findings
from labelfix.data.formats.base import natural_key
from labelfix.data.labels.alike import as_mapped, as_trusted
from labelfix.data.labels.column import LabelColumn
from labelfix.data.spelling import loosened, number_key, spell, truth_of
from labelfix.data.tables import UNLABELLED, ClassNames, Codes
from labelfix.settings.data import MISSING_WORDS

UNKNOWN = -2
ABSTAIN = "-1"
"""What labelling functions, Hugging Face and others write where there is no label."""


NO_ANSWERS = frozenset(
    TOO_HARD
    + ("-", "abstain", "abstained", "not sure", "uncertain", "unknown", "unclear", "undecided", "idk", "dont know")
    + ("don't know", "do not know", "no answer", "no label", "undefined", "refused", "error", "missing", "empty")
    + ("tbd", "todo", "to do")
)
"""What people, rules and models write where they do not know."""


def is_no_answer(word: str) -> bool:
    """Whether a word is what people and programs write where they do not know the label."""
    return word.strip(" <>[]()").lower() in NO_ANSWERS or not word.strip(" ?.\u2013\u2014")


CHOOSE = re.compile(
    r"(?i)(?P<asked>(?:please|bitte|veuillez|por favor,?|merci de) )?(?:select|choose|pick|(?:aus)?w[äa]hlen"
    r"|choisir|choisissez|s[ée]lectionne[rz]|seleccion(?:ar|a|e)|elija|elegir|scegli(?:ere)?|seleziona(?:re)?)"
    r"(?: (?:an?|the|your|une?|una|eine?n?))?"
    r"(?P<what> (?:one|option|answer|value|opci[óo]n|opzione))?(?: (?:label|class|category|item))?"
)
"""What a list to choose from shows before anything is chosen."""


def shows_no_choice(word: str) -> bool:
    """Whether a word is what a form shows where nothing has been chosen: `-- Select --`, `Please choose`.

    `select` and `choose item` alone may well be classes.
    """
    bare = word.strip(" -–—_.…:<>[]()*")
    found = CHOOSE.fullmatch(bare)
    return found is not None and (bare != word.strip() or found["asked"] is not None or found["what"] is not None)


def natural_order(names: Sequence[str]) -> tuple[str, ...]:
    """Names in natural order: "2" before "10", numbers by their value, false before true."""
    try:
        return tuple(sorted(names, key=lambda name: (float(name), name)))
    except ValueError:
        return tuple(sorted(names, key=natural_key))


def class_names(
    noisy: LabelColumn,
    other: LabelColumn | None,
    aliases: Mapping[str, str],
    name: str,
    findings: Findings,
    missing: frozenset[str] = frozenset(MISSING_WORDS),
) -> tuple[ClassNames, Codes]:
    """The classes, and the noisy file's labels as codes.

    Args:
        noisy: The label column of the noisy file.
        other: That of the trusted file: words such as "NA" and "-1" are classes where it uses them.
        aliases: The class map, alias → class.
        name: The noisy file as the user named it.
        missing: Words that stand for "no label" in a text file.

    Returns:
        The classes in natural order, and `(N,)` codes, -1 where there is no label.
    """
    trusted = frozenset(other.values) if other is not None else frozenset()
    spoken = {word.casefold() for word in trusted - missing}
    kept = frozenset(word for word in missing if word in aliases or word in trusted or word.casefold() in spoken)
    nothing = (missing - kept) if noisy.untyped else frozenset()
    aliases = {**as_mapped(noisy, aliases, name, findings), **aliases}
    aliases = {**as_trusted(noisy, other, aliases, nothing, name, findings), **aliases}
    abstain = _abstain(noisy, other, aliases, nothing)
    final = [
        None if value in nothing or value == abstain else aliases.get(value, value) or None for value in noisy.values
    ]
    _note_missing(noisy, nothing, kept, abstain, name, findings)
    names = natural_order(sorted({v for v in final if v} | {c for c in aliases.values() if c}))
    spellings: dict[str, tuple[int, str]] = {}
    for value, stored, count in zip(final, noisy.stored, noisy.counts, strict=True):
        if value and count > spellings.get(value, (0, ""))[0]:
            spellings[value] = (count, stored)
    for alias, value in aliases.items():
        if value and value not in spellings and alias != value:
            spellings[value] = (0, alias)
    stored_as = tuple(spellings.get(n, (0, n))[1] for n in names)
    classes = ClassNames(
        names=names,
        value_type=noisy.kind,
        stored=() if stored_as == names else stored_as,
        aliases=tuple(sorted((a, c) for a, c in aliases.items() if a != c)),
    )
    lookup = np.array([classes.codes[v] if v else UNLABELLED for v in final] + [UNLABELLED], dtype=np.int64)
    return classes, lookup[noisy.positions]


def match_codes(
    labels: LabelColumn,
    classes: ClassNames,
    file: str,
    findings: Findings,
    missing: frozenset[str] = frozenset(MISSING_WORDS),
    typed: bool = False,
) -> Codes:
    """Labels of another file as codes of the classes.

    Args:
        file: The file as the user named it.
        findings: Told when labels match in another spelling.
        missing: Words that stand for "no label" in a text file.
        typed: Whether people typed them as answers: then words for "I do not know" are no label.

    Returns:
        `(N,)` codes, -1 where there is no label, -2 where the label is not one of the classes.
    """
    start = _shared_start(labels.values)
    matcher = _Matcher(classes, missing if labels.untyped else frozenset(), typed, len(start))
    found = [matcher.find(value, stored) for value, stored in zip(labels.values, labels.stored, strict=True)]
    for how in dict.fromkeys(how for _, how in found if how):
        pairs = [
            f"{value} = {classes.name(code)}"
            for value, (code, way) in zip(labels.values, found, strict=True)
            if way == how
        ]
        findings.note(f"{file}: labels are matched {how} ({', '.join(pairs[:3])}{', ...' if len(pairs) > 3 else ''})")
    return np.array([code for code, _ in found] + [UNLABELLED], dtype=np.int64)[labels.positions]


NUMBERED = re.compile(r"(?s)(\d+)\s*[.:)_-]\s*(?=[^\W\d_])(.+)|(.+?)\s*[(\[](\d+)[)\]]")
"""The number before or behind a class where all have one: `001.sparrow`, `1 - urgent`, `urgent (1)`."""


class _Matcher:
    def __init__(self, classes: ClassNames, missing: frozenset[str], typed: bool, start: int = 0) -> None:
        self._missing = missing
        self._start = start
        self._typed = typed
        self._alike: dict[str, set[int]] = defaultdict(set)
        for name, code in classes.codes.items():
            self._alike[loosened(name)].add(code)
        numbered = {name: match for name in classes.names if (match := NUMBERED.fullmatch(name)) is not None}
        for name, match in numbered.items() if len(numbered) == len(classes) else ():
            for part in (match[2] or match[3], str(int(match[1] or match[4]))):
                self._alike[loosened(part)].add(classes.codes[name])
        start = len(_shared_start(classes.names))
        for name, code in classes.codes.items() if start else ():
            self._alike[loosened(name[start:])].add(code)
        self._codes = classes.codes
        self._names = classes.names
        self._aliases = dict(classes.aliases)
        self._stored = {spell(s): code for code, s in enumerate(classes.stored)}
        self._numbers: dict[str, list[int]] = defaultdict(list)
        for name, code in classes.codes.items():
            number = number_key(name)
            if number is not None:
                self._numbers[number].append(code)
        truths = {truth_of(name): code for name, code in classes.codes.items()}
        self._truth = truths if len(classes) == 2 and truths.keys() == {False, True} else {}

    def find(self, value: str, stored: str) -> tuple[int, str]:
        """The code of a label, and how it was matched where that was not by its exact name."""
        if value in self._aliases:
            name = self._aliases[value]
            return (self._codes.get(name, UNKNOWN), "") if name else (UNLABELLED, "")
        if value in self._codes:
            return self._codes[value], ""
        if value in self._missing or value == ABSTAIN:
            return UNLABELLED, ""
        number = number_key(value)
        same = self._numbers.get(number, []) if number is not None else []
        if len(same) == 1:
            return same[0], "by number"
        if (truth := truth_of(value)) is not None and truth in self._truth:
            return self._truth[truth], "by truth value"
        for written in (spell(stored), number):
            if written is not None and written in self._stored:
                return self._stored[written], "by the number that the noisy file stores"
        if stored != value and stored in self._codes:
            return self._codes[stored], "by the number that stands for the class"
        alike = self._alike.get(loosened(value)) or self._alike.get(loosened(value[self._start :]), set())
        if len(alike) == 1:
            (code,) = alike
            same_case = self._names[code].casefold() != value.casefold()
            return code, "though they are spelled differently" if same_case else "without regard to case"
        return (UNLABELLED if self._typed and is_no_answer(value) else UNKNOWN), ""


NEGATION = r"(?i)\b(no|not|non|un|anti|never|without)[\W_]+$"
"""What turns a class into another one."""


def _shared_start(names: Sequence[str]) -> str:
    """With which words all names begin, as programs put before each: `Iris-`, `__label__`, `Topic.`, `data/train/`."""
    shared = re.match(r"(?s).*[\W_](?<=[^\W\d].)", os.path.commonprefix(list(names))) if len(names) > 1 else None
    told = shared is not None and re.search(r"[^\W\d_]", shared[0]) and not re.search(NEGATION, shared[0])
    return shared[0] if shared and told else ""


def _abstain(
    noisy: LabelColumn, other: LabelColumn | None, aliases: Mapping[str, str], nothing: frozenset[str]
) -> str | None:
    """`-1` where it says "no label": beside names, or beside the codes 0, 1, 2 … where no trusted row has it."""
    if ABSTAIN not in noisy.values or ABSTAIN in aliases:
        return None
    others = [value for value in noisy.values if value != ABSTAIN and value not in nothing]
    if len(others) < 2:
        return None
    codes = "0" in others and all(re.fullmatch(r"0|[1-9]\d*", value) for value in others)
    names = all(number_key(value) is None for value in others)
    unknown = other is not None and ABSTAIN not in other.values
    return ABSTAIN if names or (codes and unknown) else None


def _note_missing(
    noisy: LabelColumn,
    nothing: frozenset[str],
    kept: frozenset[str],
    abstain: str | None,
    name: str,
    findings: Findings,
) -> None:
    column = f"{'sources' if noisy.of_sources else 'column'} {noisy.column!r}"

    def no_label(count: int, words: int = 1) -> str:
        if noisy.of_sources:
            return f"{'is' if words == 1 else 'are'} taken as no answer ({count} labels)"
        return f'count{"s" * (words == 1)} as "no label" ({count} rows, which get one)'

    counts = {value: count for value, count in zip(noisy.values, noisy.counts, strict=True) if value in nothing}
    if counts:
        words = ", ".join(f'"{value}"' for value in counts)
        what = no_label(sum(counts.values()), len(counts))
        remedy = 'if it is a class, keep it with --missing "" or with a class map that names it'
        findings.warning(name, f"{column}: {words} {what}", remedy)
    for value, count in zip(noisy.values, noisy.counts, strict=True):
        if value in kept and value in MISSING_WORDS and noisy.untyped:
            findings.note(f'{name}: "{value}" is a class, as the trusted file or the class map uses it ({count} rows)')
        elif value == abstain:
            findings.warning(
                name,
                f"{column}: -1 {no_label(count)}, as labelling tools write it",
                "if it is a class, keep it with a class map that has the line -1,-1",
            )
    if noisy.abstained:
        findings.note(f'{name}: codes below 0 of {column} mean "no label" ({noisy.abstained} rows)')
