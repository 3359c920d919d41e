"""The formats of `labelfix flag`: one judgement, written as each of its readers wants it.

Each is loaded when it is asked for: the gate may run on every commit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib import import_module

from labelfix.outputs.judgement import Judgement

SHOWN = 20
"""Findings that people are shown where nobody asked for another number."""


@dataclass(frozen=True)
class FlagFormat:
    """A format.

    Attributes:
        module: Where it is written, by a function `write(judgement) -> str`.
        most: So many findings it holds and no more, whatever is asked; None for all.
        usual: So many where nothing is asked; None for as many as it holds.
        by_show: Whether anybody is asked: what a service reads holds what the service takes.
    """

    module: str
    about: str
    most: int | None = None
    usual: int | None = None
    by_show: bool = False

    def shows(self, asked: int | None) -> int | None:
        """How many findings it shows where so many, or None for nothing, were asked for; None for all."""
        wanted = asked if self.by_show and asked is not None else self.usual
        return min((limit for limit in (wanted, self.most) if limit is not None), default=None)

    def write(self, judgement: Judgement, asked: int | None = None) -> str:
        """The judgement, of at least as many findings as are shown, in this format, without a last end of line."""
        shown = replace(judgement, findings=judgement.findings[: self.shows(asked)])
        write: Callable[[Judgement], str] = import_module(f"labelfix.outputs.formats.{self.module}").write
        return write(shown)


FORMATS = {
    "text": FlagFormat("text", "lines for people", usual=SHOWN, by_show=True),
    "json": FlagFormat("json", "everything, for programs", by_show=True),
    "github": FlagFormat("github", "annotations of a pull request, a summary and outputs of the job", most=10),
    "sarif": FlagFormat("sarif", "code scanning of GitHub, and editors", most=5000),
    "gitlab": FlagFormat("gitlab", "GitLab's code quality", most=5000),
    "junit": FlagFormat("junit", "test reports of any CI service", most=500),
    "markdown": FlagFormat("markdown", "a comment on a pull request", most=200, usual=SHOWN, by_show=True),
}
"""Name → format. GitHub shows ten annotations of a kind a step and drops the rest; of SARIF it shows 5,000 results and
refuses 25,000, and GitLab's widget compares files of that size at once; a list of more than 500 tests, and a comment of
more than 200 rows, is read by nobody."""


def most_shown(names: Sequence[str], asked: int | None) -> int | None:
    """How many findings some formats need together; None for all."""
    limits = [FORMATS[name].shows(asked) for name in names]
    return None if None in limits else max((limit for limit in limits if limit is not None), default=0)
