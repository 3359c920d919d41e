"""Help as a person reads it: what is needed first, nothing torn at 80 columns, and a shell that completes."""

import os
import re
import subprocess
import sys

import pytest

from labelfix.cli import main
from labelfix.cli.app import application
from labelfix.cli.commands import REQUIRED

COMMANDS = {info.name or info.callback.__name__: info.callback for info in application().registered_commands} | {
    f"bench {info.name}": info.callback
    for group in application().registered_groups
    for info in group.typer_instance.registered_commands
}
NEEDED = {
    "check": ["--noisy", "--clean"],
    "train": ["--noisy", "--clean"],
    "evaluate": ["--truth"],
    "export": ["--corrected-labels", "--classifier", "--tasks"],
    "correct": ["--noisy", "--out"],
    "predict": ["--input", "--out"],
    "noise": ["--input", "--out"],
    "bench run": ["--data-root", "--out"],
    "bench table": ["--results"],
    "bench compare": ["--results"],
    "bench ranks": ["--results"],
}
"""Command → what it says is missing, when it is given nothing."""


@pytest.fixture(autouse=True)
def narrow(monkeypatch, tmp_path):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERMINAL_WIDTH", "80")
    monkeypatch.chdir(tmp_path)


def shown(capsys, command):
    assert main([*command.split(), "--help"]) == 0
    return capsys.readouterr().out


def panels(text):
    """Heading → the options beneath it, in their order."""
    found, heading = {}, ""
    for line in text.splitlines():
        if match := re.match(r"╭─ (.*?) ─+╮$", line):
            heading = match[1]
            found[heading] = []
        elif match := re.match(r"│ (--[\w-]+)", line):
            found[heading].append(match[1])
    return found


@pytest.mark.parametrize("command", COMMANDS)
def test_what_a_command_needs_comes_first_under_a_heading_that_says_so(capsys, command):
    found = panels(shown(capsys, command))
    found.pop("Arguments", None)
    first = next(iter(found))
    assert first.startswith(REQUIRED) == (command in NEEDED)
    if command in NEEDED:
        assert found[first] == NEEDED[command]
    assert list(found)[-1] == "General"
    assert found["General"] == ["--offline", "--quiet", "--verbose", "--help"]


@pytest.mark.parametrize("command", COMMANDS)
def test_nothing_in_the_help_is_wider_than_80_columns_or_torn(capsys, command):
    text = shown(capsys, command)
    assert max(map(len, text.splitlines())) <= 80
    assert "<bool>" not in text
    heads = [line for line in text.splitlines() if line.startswith("╭")]
    assert all(line.endswith("─╮") for line in heads)
    lines = [line.rstrip() for line in text[: text.index("╭")].splitlines()]
    for line, after in zip(lines, lines[1:], strict=False):
        if line and after:
            assert len(line) + 1 + len(after.split()[0]) > 79, f"torn after {line!r}"


@pytest.mark.parametrize(("command", "needed"), NEEDED.items(), ids=list(NEEDED))
def test_the_heading_agrees_with_what_a_bare_command_misses(capsys, command, needed):
    words = [*command.split(), *(["a", "b"] if command == "bench compare" else [])]
    assert main(words) == 2
    said = capsys.readouterr().err
    assert f"{needed[0]} is missing" in said or f"nothing to export: {needed[0]}" in said


@pytest.mark.parametrize("command", sorted(set(COMMANDS) - set(NEEDED) - {"demo", "bench step"}))
def test_a_command_without_such_a_heading_misses_no_option(capsys, command):
    main(command.split())
    assert "is missing" not in capsys.readouterr().err


def completed(words, shell="bash"):
    asked = {"bash": {"COMP_WORDS": words, "COMP_CWORD": str(len(words.split(" ")) - 1)}}[shell]
    environment = {**os.environ, "_LABELFIX_COMPLETE": f"complete_{shell}", **asked}
    done = subprocess.run(
        [sys.executable, "-m", "labelfix"], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("labelfix tr", ["train"]),
        ("labelfix train --clean-", ["--clean-sampling", "--clean-label-column", "--clean-id-column"]),
        ("labelfix flag --format g", ["github", "gitlab"]),
        ("labelfix bench ra", ["ranks"]),
    ],
)
def test_a_shell_completes_commands_options_and_choices(words, found):
    assert completed(words) == found


def test_completion_is_installed_for_a_shell_and_says_so(tmp_path):
    environment = {**os.environ, "HOME": str(tmp_path)}
    # Typer looks for the shell among the processes above it; the last word keeps this one there.
    command = ["bash", "-c", f"{sys.executable} -m labelfix --install-completion; exit $?"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "bash completion installed in" in done.stdout
    script = tmp_path / ".bash_completions" / "labelfix.sh"
    assert "complete -o default -F _labelfix_completion labelfix" in script.read_text()
    assert str(script) in (tmp_path / ".bashrc").read_text()
