"""Running the commands of one case in a copy of its folder, and what an expectation can ask of what they said."""

import os
import re
import shlex
import signal
import sys
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path

CRASHES = ("unexpected error", "Traceback (most recent call last)")
SECONDS_PER_COMMAND = 600


class Unmet(Exception):
    """An expectation that does not hold; the words are the reason in the table."""

    verdict = "fail"


class Unclear(Unmet):
    """The tool refused, and what it said does not lead out."""

    verdict = "unclear"


class Crash(Unmet):
    """The tool fell over."""

    verdict = "crash"


class Skipped(Unmet):
    """The case cannot be run here."""

    verdict = "skipped"


@dataclass(frozen=True)
class Said:
    """One command that has run.

    Attributes:
        words: The words after `labelfix`.
        code: Its exit code; negative where a signal ended it.
        out: What it wrote to stdout.
        err: What it wrote to stderr.
    """

    words: tuple[str, ...]
    code: int
    out: str
    err: str

    @property
    def name(self):
        return self.words[0] if self.words else "labelfix"

    @property
    def everything(self):
        return self.err + "\n" + self.out

    @property
    def warnings(self):
        """The lines that `warning:` begins, with what is indented below them."""
        return re.findall(r"(?:^|\n)warning: (.*(?:\n[ \t]+.*)*)", self.err)

    @property
    def refused(self):
        return self.code == 2

    def says(self, *patterns):
        """Whether every pattern occurs, whatever its case."""
        return all(re.search(each, self.everything, re.I | re.S) for each in patterns)

    def warns(self, *patterns):
        """Whether one single warning matches every pattern, whatever its case."""
        return any(all(re.search(each, line, re.I | re.S) for each in patterns) for line in self.warnings)

    def line(self, *patterns):
        """The first line that matches every pattern, or nothing."""
        for line in self.everything.splitlines():
            if all(re.search(each, line, re.I) for each in patterns):
                return line
        return ""

    @property
    def last_line(self):
        lines = [line for line in self.err.splitlines() if line.strip()]
        return lines[-1] if lines else ""


@dataclass
class Case:
    """A case in its own copy of the input's folder.

    Attributes:
        name: The name of the input's folder.
        folder: The copy, where the commands run.
        scratch: Where OUT points into.
        lines: The commands of the case, as in the table.
        encoder: A folder of a text encoder, if there is one.
        ran: What has been run, in order.
    """

    name: str
    folder: Path
    scratch: Path
    lines: tuple[str, ...]
    encoder: Path | None = None
    ran: list[Said] = field(default_factory=list)

    def __getitem__(self, place):
        return self.ran[place]

    def out(self, ending=""):
        """The path that `OUT` followed by an ending stands for."""
        return self.scratch / f"OUT{ending}"

    def run_all(self):
        """Run the commands of the table, one after the other; what hangs on a failed one runs all the same."""
        for line in self.lines:
            if "ENCODER" in line and self.encoder is None:
                raise Skipped("needs an encoder folder, see --encoder")
            line = line.replace("ENCODER", shlex.quote(str(self.encoder)))
            self.run(*shlex.split(re.sub(r"\bOUT(?=\b|-)", str(self.out()), line)))

    def run(self, *words):
        """Run one command in the folder.

        Raises:
            Crash: It fell over.
        """
        said = run_apart(tuple(map(str, words)), self.folder, self.scratch / f"said-{len(self.ran)}")
        self.ran.append(said)
        if said.code < 0 or any(each in said.everything for each in CRASHES):
            raise Crash(crash_line(said))
        return said

    def worked(self, place=None):
        """Ask that one command, or all, ended well.

        Raises:
            Unmet: One did not.
        """
        for said in self.ran if place is None else [self.ran[place]]:
            if said.code != 0:
                raise Unmet(f"{said.name} ended with {said.code}: {said.last_line}")
        return self

    def need(self, held, reason):
        """Ask that something holds.

        Raises:
            Unmet: It does not.
        """
        if not held:
            raise Unmet(reason)

    def need_clear(self, held, reason):
        """Ask that a message leads out.

        Raises:
            Unclear: It does not.
        """
        if not held:
            raise Unclear(reason)


def crash_line(said):
    if said.code < 0:
        return f"{said.name} was ended by {signal.Signals(-said.code).name}"
    line = said.line("unexpected error") or said.last_line
    return f"{said.name}: {line.removeprefix('labelfix: ')}"


def run_apart(words, folder, place):
    """Run one command in a fork of this process, which has the imports behind it already."""

    def command():
        from labelfix.cli import main

        return main(list(words))

    code = in_a_fork(command, folder, place)
    return Said(tuple(words), code, _text(place.with_suffix(".out")), _text(place.with_suffix(".err")))


def in_a_fork(work, folder, place):
    """Do work in a fork of this process with a folder, stdout and stderr of its own.

    Args:
        work: Returns an exit code.
        folder: Where the fork stands.
        place: Its streams go to this path with the endings `.out` and `.err`.

    Returns:
        The exit code, or the signal that ended the fork, negated.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        code = 70
        try:
            os.chdir(folder)
            for ending, stream in ((".out", 1), (".err", 2)):
                os.dup2(os.open(place.with_suffix(ending), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), stream)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            code = work()
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    return _ended(child)


def _ended(child):
    end = time.monotonic() + SECONDS_PER_COMMAND
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _text(path):
    return path.read_bytes().decode("utf-8", "replace")
