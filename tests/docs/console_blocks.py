"""The console blocks of README and tutorial, run as they stand: compared with what is printed there, or written anew.

    python -m tests.docs.console_blocks          # say where they differ
    python -m tests.docs.console_blocks --write  # write what the commands print now

All blocks of a page run in one folder, in order, beside the files that the tutorial's script makes. `...` at the head
of an output stands for lines that the page leaves out. Lines that only count progress are left out everywhere.
"""

import argparse
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "docs" / "tutorial.md", ROOT / "README.md", ROOT / "docs" / "tutorial-review.md")
PERSON = "person.py"
"""What the script of a page is saved as that stands in for a person at the browser."""
BLOCK = re.compile(r"(?<=^```console\n)(.*?)(?=^```$)", re.MULTILINE | re.DOTALL)
PROGRESS = re.compile(r"^[\w ./-]+: +(\d+ %|[\d,]+ rows),.*\n?", re.MULTILINE)
SECONDS = re.compile(r"(\d+ min )?\d+(\.\d+)? s\b")
NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e[-+]?\d+)?")
LEFT_OUT = "...\n"
INSTALL = "pip install '.[train]' && "


@dataclass(frozen=True)
class Command:
    """One command of a block.

    Attributes:
        words: The command line.
        shown: What the page says that it prints.
    """

    words: str
    shown: str


def commands(block):
    """The commands of a block with what is printed below them."""
    parts = re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]
    return [Command(first, rest) for first, _, rest in (part.partition("\n") for part in parts)]


def make_files(folder):
    """Run the script of the tutorial."""
    script = re.search(r"^```python\n(import csv.*?)^```$", PAGES[0].read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert script is not None
    subprocess.run([sys.executable, "-c", script.group(1)], cwd=folder, check=True)
    person = re.search(r"^```python\n(\"\"\"A person.*?)^```$", PAGES[2].read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert person is not None
    (folder / PERSON).write_text(person.group(1), encoding="utf-8")


Start = Callable[[list[str], dict[str, str]], tuple[int, str]]
"""The words after `labelfix`, and variables → the exit code, and what was printed."""

IN_A_SHELL = re.compile(r"[|&;<>$*`]|^(?!labelfix )")


def run(page, folder, start=None):
    """Run all commands of a page, and give each with what it prints.

    Args:
        start: Runs those that are labelfix alone; by default a shell does it all.
    """
    programs = folder / ".programs"
    programs.mkdir()
    for name, line in (("labelfix", "-m labelfix"), ("python", "")):
        (programs / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {line} "$@"\n', encoding="utf-8")
        (programs / name).chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LABELFIX_")}
    environment |= {"PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    # Features that an earlier run kept would not be encoded anew.
    environment["LABELFIX_CACHE_DIR"] = str(folder / ".cache")
    last = "0"
    for block in BLOCK.findall(page.read_text(encoding="utf-8")):
        for command in commands(block):
            words = command.words.removeprefix(INSTALL)
            if words == "echo $?":
                yield command, f"{last}\n"
                continue
            if start is not None and not IN_A_SHELL.search(words):
                code, printed = start(shlex.split(words)[1:], environment)
            else:
                code, printed = _in_a_shell(words, folder, environment)
            last = str(code)
            yield command, PROGRESS.sub("", printed)


def _in_a_shell(words, folder, environment):
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", words],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return done.returncode, done.stdout


def as_shown(command, printed):
    """What a page shows of an output: all of it, or as many of the last lines as it showed."""
    if not command.shown.startswith(LEFT_OUT):
        return printed
    kept = command.shown.count("\n") - 1
    return LEFT_OUT + "".join(printed.splitlines(keepends=True)[-kept:])


def differs(shown, printed):
    """Whether two outputs differ in more than seconds and the last digits of numbers."""
    shown, printed = (SECONDS.sub("s", text) for text in (shown, printed))
    if NUMBER.sub("#", shown) != NUMBER.sub("#", printed):
        return True
    pairs = zip(NUMBER.findall(shown), NUMBER.findall(printed), strict=True)
    return any(abs(float(one) - float(other)) > 1e-3 * max(1.0, abs(float(one))) for one, other in pairs)


def main():
    """Compare or write."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--write", action="store_true")
    write = options.parse_args().write
    wrong = 0
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        with tempfile.TemporaryDirectory() as name:
            make_files(Path(name))
            for command, printed in run(page, Path(name)):
                shown = as_shown(command, printed)
                if differs(command.shown, shown):
                    wrong += 1
                    print(f"{page.name}: $ {command.words}\n{shown}")
                    text = text.replace(f"$ {command.words}\n{command.shown}", f"$ {command.words}\n{shown}", 1)
        if write:
            page.write_text(text, encoding="utf-8")
    return int(bool(wrong) and not write)


if __name__ == "__main__":
    sys.exit(main())
