"""Options read without typer's own reading come out as typer would have them."""

from pathlib import Path

import pytest
from typer.main import get_command

from labelfix.cli.app import application


def parsed(*words, lightly=True):
    """What typer makes of some words, or what labelfix does; the error instead where there is one."""
    command = get_command(application())
    below = command.commands[words[0]]
    if not lightly:
        below.__class__ = below.__class__.__base__
    try:
        context = below.make_context(words[0], list(words[1:]), resilient_parsing=False, obj=None)
    except Exception as error:  # noqa: BLE001 - whichever it is
        return type(error).__name__, error.format_message() if hasattr(error, "format_message") else str(error)
    return {name: tuple(value) if isinstance(value, list) else value for name, value in context.params.items()}


@pytest.mark.parametrize(
    "words",
    [
        ["flag"],
        ["flag", "--run", "a/b", "--max-issue-rate", "0.25", "--show", "7", "--budget", "3"],
        ["flag", "--baseline", "a.csv", "--baseline", "b.csv", "--format", "sarif=x", "--include-trusted"],
        ["flag", "--max-issue-rate", "1e-3", "--noisy", "", "--run", ""],
        ["flag", "--max-issue-rate", "1.5"],
        ["flag", "--max-issue-rate", "nan"],
        ["flag", "--max-issue-rate", "x"],
        ["flag", "--show", "-1"],
        ["flag", "--show", "1.5"],
        ["flag", "--show", " 5"],
        ["train", "--noisy", "a", "--clean", "b", "--clean", "c", "--seed", "3", "--freeze", "--set", "a=b"],
        ["train", "--no-freeze", "--accumulate", "0"],
        ["next", "--count", "12"],
        ["next", "--count", "0"],
        ["noise", "--kind", "matrix", "--rate", "0.2"],
        ["noise", "--kind", "nothing"],
        ["export", "--corrected-labels", "a b.csv", "--overwrite"],
    ],
)
def test_words_are_read_as_typer_reads_them(words):
    assert parsed(*words) == parsed(*words, lightly=False)


def test_paths_are_paths_and_numbers_are_numbers():
    found = parsed("flag", "--run", "a", "--baseline", "b", "--max-issue-rate", "0", "--show", "1")
    assert (found["run"], found["baseline"]) == (Path("a"), (Path("b"),))
    assert type(found["max_issue_rate"]) is float
    assert type(found["show"]) is int
