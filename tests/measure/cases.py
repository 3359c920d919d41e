"""Which of a folder of awkward inputs come out as their owners need.

    OMP_NUM_THREADS=1 python tests/measure/cases.py [CASES_FOLDER] [--only 31,50] [--jobs 2] [--out table.md] \\
        [--encoder DIR] [--show]

CASES_FOLDER holds one folder an input and a README.md with a table: the input, what it is, what its owner needs, the
commands, and what happened before. Without it the cases run that make their inputs themselves. Every case runs in a
copy of its folder. What has to come out stands in the modules case_*.py beside this one, one function a case: the right
outcome, not merely exit code 0. Prints a table of pass, fail (wrong, or refused without need), unclear (refused, and
the message does not lead out) and crash, with a line of reason each, beside the verdict of the table in README.md, and
the totals. `--show` prints what the commands said. `--encoder` names a folder of a small sentence-transformers encoder,
which two cases need.
"""

import argparse
import multiprocessing
import re
import shutil
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from case_expectations import EXPECTATIONS, INPUTS, MADE
from case_runs import Case, Said, Unmet

VERDICTS = ("pass", "fail", "unclear", "crash", "skipped")


@dataclass(frozen=True)
class Described:
    """A row of the table in README.md."""

    name: str
    needs: str
    lines: tuple[str, ...]
    before: str


@dataclass(frozen=True)
class Outcome:
    """What came of one case."""

    name: str
    verdict: str
    reason: str
    before: str
    seconds: float
    ran: tuple[Said, ...]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--only", default="", help="numbers of cases, with commas between")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, help="also write the table there")
    parser.add_argument("--encoder", type=Path, help="a folder of a small text encoder")
    parser.add_argument("--show", action="store_true", help="print what the commands said")
    asked = parser.parse_args()
    started = time.monotonic()
    numbers = {each.strip() for each in asked.only.split(",") if each.strip()}
    every = described(asked.folder / "README.md") if asked.folder else made()
    wanted = [each for each in every if not numbers or number(each.name) in numbers]
    if missing := numbers - {number(each.name) for each in wanted}:
        sys.exit(f"there is no case {', '.join(sorted(missing))}")
    encoder = asked.encoder.resolve() if asked.encoder else None
    outcomes = []
    folder = asked.folder.resolve() if asked.folder else Path("nowhere")
    for outcome in run_cases(wanted, folder, encoder, asked.jobs):
        outcomes.append(outcome)
        if asked.show:
            show(outcome)
        print(f"{outcome.verdict:8} {outcome.name:40} {outcome.reason}", flush=True)
    text = table(sorted(outcomes, key=lambda each: wanted_place(wanted, each.name)), time.monotonic() - started)
    print("\n" + text)
    if asked.out:
        asked.out.write_text(text, encoding="utf-8")


def number(name):
    return name.split("-")[0]


def wanted_place(wanted, name):
    return next(place for place, each in enumerate(wanted) if each.name == name)


def described(readme):
    """The cases of the table, by number."""
    rows = []
    for line in readme.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
        if len(cells) < 5 or not re.fullmatch(r"`\d+-.*`", cells[0]):
            continue
        lines = tuple(each.replace("\\|", "|") for each in re.findall(r"`([^`]+)`", cells[3]))
        rows.append(Described(cells[0].strip("`"), cells[2], lines, cells[4]))
    return sorted(rows, key=lambda each: int(number(each.name)))


def made():
    """The cases that make their inputs themselves."""
    return [Described(name, "", lines, "") for name, lines in sorted(MADE.items(), key=lambda each: number(each[0]))]


def run_cases(wanted, folder, encoder, jobs):
    """Run the cases, several side by side; the slow imports are paid once, before the forks."""
    import labelfix.api  # noqa: F401
    import labelfix.cli.app  # noqa: F401
    import labelfix.pipeline  # noqa: F401

    if jobs == 1:
        for each in wanted:
            yield outcome_of(each, folder, encoder)
        return
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("fork")) as pool:
        yield from pool.map(outcome_of, wanted, [folder] * len(wanted), [encoder] * len(wanted))


def outcome_of(described, folder, encoder):
    """Run one case in a copy of its folder and judge it."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="case-") as scratch:
        place = Path(scratch) / "input"
        case = Case(described.name, place, Path(scratch), described.lines, encoder)
        verdict, reason = "pass", ""
        try:
            make_input(case, folder / described.name)
            case.run_all()
            expectation_of(case.name)(case)
        except Unmet as unmet:
            verdict, reason = unmet.verdict, str(unmet)
        except Exception as error:  # an expectation that stumbles over what was written
            verdict, reason = "fail", f"what came out cannot be checked: {type(error).__name__}: {error}"
    reason = " ".join(reason.replace(scratch + "/input/", "").replace(scratch + "/", "").split())[:300]
    return Outcome(described.name, verdict, reason, described.before, time.monotonic() - started, tuple(case.ran))


def expectation_of(name):
    if number(name) not in EXPECTATIONS:
        raise Unmet("there is no expectation for it")
    return EXPECTATIONS[number(name)]


def make_input(case, source):
    """Copy the folder of an input, and make what is described but not shipped."""
    if source.is_dir():
        shutil.copytree(source, case.folder, symlinks=True)
        for each in [case.folder, *case.folder.rglob("*")]:
            each.chmod(each.stat().st_mode | 0o200)
    else:
        case.folder.mkdir()
    if number(case.name) in INPUTS:
        INPUTS[number(case.name)](case)


def show(outcome):
    print(f"\n=== {outcome.name}  ({outcome.seconds:.1f} s)")
    for said in outcome.ran:
        print(f"--- labelfix {' '.join(said.words)}   -> {said.code}")
        print(said.err + said.out)


def table(outcomes, seconds):
    """The outcomes as a table in Markdown, and the totals."""
    lines = ["| case | verdict | before | seconds | reason |", "|---|---|---|---|---|"]
    for each in outcomes:
        reason = each.reason.replace("|", "\\|")
        lines.append(f"| `{each.name}` | {each.verdict} | {each.before} | {each.seconds:.1f} | {reason} |")
    counts = Counter(each.verdict for each in outcomes)
    total = ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS if counts[verdict])
    return "\n".join(lines) + f"\n\n{len(outcomes)} cases: {total}. {seconds:.0f} s in all.\n"


if __name__ == "__main__":
    main()
