"""The words that the report cannot do without: each is a link to its line at the end of the page.

The script shows that line beside the word for those who point at it or reach it by the keyboard; without a script, and
on paper, the link and the list remain.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from markupsafe import Markup, escape


@dataclass(frozen=True)
class Word:
    """A word with its meaning."""

    key: str
    name: str
    forms: tuple[str, ...]
    meaning: str


WORDS = (
    Word(
        "given",
        "given label",
        ("given labels", "given label"),
        "The label that stands in the noisy file, before anything is changed.",
    ),
    Word(
        "suggested",
        "suggested label",
        ("suggested labels", "suggested label"),
        "The class that labelfix finds likeliest for the row, with the given label taken into account.",
    ),
    Word(
        "corrected",
        "corrected label",
        ("corrected labels", "corrected label"),
        "What would be written: the suggested label where the run is sure enough of it, else the given one.",
    ),
    Word(
        "doubtful",
        "doubtful",
        ("doubtful",),
        "Another label is likelier than the given one, but not sure enough to change it. A person should look.",
    ),
    Word(
        "trusted",
        "trusted row",
        ("trusted rows", "trusted row"),
        "A row whose label you checked. Trusted rows keep your label and are not in the table of rows to look at.",
    ),
    Word(
        "confidence",
        "confidence",
        ("confidence",),
        "Probability that the suggested label is right, from 0 to 1, as the run estimates it.",
    ),
    Word(
        "score",
        "label score",
        ("label score", "label_score"),
        "Probability that the given label is right, from 0 to 1. The lower, the worse. It is the column label_score "
        "of corrected.parquet.",
    ),
    Word(
        "p-value",
        "p-value",
        ("p-values", "p-value"),
        "Share of rightly labelled trusted rows that look at least as bad as this row. It is what "
        "labelfix flag --max-false-flags rests on.",
    ),
    Word(
        "interval",
        "95 % interval",
        ("95 % interval", "no interval", "95 %"),
        "The range after a figure (34.9 to 41.2 %). Figures from few rows vary; in 95 of 100 such samples the range "
        "holds the true value.",
    ),
    Word(
        "log-loss",
        "log loss",
        ("log loss",),
        "How surprised a model is by the true labels (mean of −ln of the probability it gave them). 0 is perfect; "
        "being sure and wrong costs most. Also called NLL.",
    ),
    Word(
        "unseen",
        "out of fold, held out",
        ("out of fold", "held-out", "held out", "kept out", "approximate leave-one-out"),
        "Judged by a model that did not learn from the row: the rows are split into parts, or some are set aside. "
        "What a model has seen, it seems to know.",
    ),
    Word(
        "pairs",
        "pairs",
        ("pairs", "paired", "pair"),
        "Trusted rows that stand in the noisy file too, so that both the given and the true label are known.",
    ),
    Word(
        "calibration",
        "calibration error",
        ("calibration error",),
        "How far confidence and reality are apart on average: of the rows with confidence 0.8, eight in ten "
        "should be right.",
    ),
    Word(
        "scaling",
        "scaling",
        ("scaling", "temperature"),
        "Probabilities made more or less bold until they fit the trusted rows: by one number for all classes "
        "(temperature), or by two for each.",
    ),
    Word(
        "powered",
        "prediction-powered inference",
        ("prediction-powered inference",),
        "The model guesses the noise of all rows, and the rows you checked say how far its guesses are off. Narrower "
        "than counting the checked rows alone.",
    ),
    Word(
        "wilson",
        "Wilson",
        ("wilson",),
        "Wilson's interval for a share: it stays honest with few rows and with shares near 0 or 1.",
    ),
    Word(
        "bootstrap",
        "bootstrap",
        ("bootstrapped", "bootstrap"),
        "The rows are drawn again and again from themselves, to see how much a figure varies.",
    ),
    Word(
        "noise-by-class",
        "noise that depends on the true class alone",
        ("noise that depends on the true class alone", "depend on the true class alone"),
        "The assumption that a wrong label has to do with which class a row is of, and not with what the row looks "
        "like. Without pairs it cannot be tested.",
    ),
    Word(
        "coverage",
        "coverage",
        ("coverage",),
        "How often an interval holds the true value. Where none is promised, the figure rests on an assumption.",
    ),
    Word(
        "transition",
        "transition matrix",
        ("transition matrix",),
        "For each true class, how often noise turns it into which given label.",
    ),
    Word(
        "soft",
        "soft label",
        ("soft labels", "soft label"),
        "A probability for every class of a row, instead of one label.",
    ),
    Word(
        "similarity",
        "similarity",
        ("similarity",),
        "How alike the model finds two rows: 1 is the same direction of their features (cosine), 0 nothing in common.",
    ),
    Word(
        "method",
        "method",
        ("method",),
        "The way the run learned from noisy and trusted rows; labelfix methods lists them.",
    ),
    Word(
        "seed",
        "seed",
        ("seed",),
        "The number that all random draws start from: with the same one the run comes out the same.",
    ),
)

_KEYS = {form: word.key for word in WORDS for form in word.forms}
_ANY = re.compile(
    r"(?<![\w-])(" + "|".join(map(re.escape, sorted(_KEYS, key=len, reverse=True))) + r")(?![\w-])", re.IGNORECASE
)


class Glossary:
    """Links words to their meaning, and remembers which the page has."""

    def __init__(self) -> None:
        self._used: set[str] = set()
        self._linked: set[str] = set()

    def section(self) -> str:
        """Begin a part of the page: in its sentences each word is linked anew, where it first occurs."""
        self._linked = set()
        return ""

    def link(self, key: str, text: str) -> Markup:
        """A text that is the word of a key."""
        self._used.add(key)
        self._linked.add(key)
        return Markup('<a class="term" href="#word-{0}" aria-describedby="meaning-{0}">{1}</a>').format(key, text)

    def mark(self, key: str, text: str) -> Markup:
        """A question mark beside a text that is the word of a key: where the text itself is a button."""
        self._used.add(key)
        mark = '<a class="term mark" href="#word-{0}" aria-describedby="meaning-{0}" aria-label="what {1} means">?</a>'
        return Markup(mark).format(key, text)

    def explain(self, sentence: str) -> Markup:
        """A sentence of labelfix's own, escaped, with its hard words linked that the section has not linked yet."""
        parts, end = [], 0
        for found in _ANY.finditer(sentence):
            key = _KEYS[found[0].lower()]
            if key in self._linked:
                continue
            parts += [escape(sentence[end : found.start()]), self.link(key, found[0])]
            end = found.end()
        return Markup("").join([*parts, escape(sentence[end:])])

    def words(self) -> list[Word]:
        """Those that were linked, in the order of the alphabet."""
        return sorted((word for word in WORDS if word.key in self._used), key=lambda word: word.name.lower())
