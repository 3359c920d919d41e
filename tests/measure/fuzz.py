"""Does any damaged or odd input end in something else than being read, or one clear error?

    OMP_NUM_THREADS=1 python tests/measure/fuzz.py --mutations 20000 [--seed 0] [--kinds csv,jsonl] [--jobs 2]
    OMP_NUM_THREADS=1 python tests/measure/fuzz.py --replay parquet:17 [--seed 0] [--keep FOLDER]

Tiny sound inputs of every format (`fuzz_seeds.py`) are changed (`fuzz_bytes.py`, `fuzz_structure.py`) and read as
`labelfix check` does, then gone through as training would. A mutation is settled by seed, kind and number. Allowed are
success and a `LabelfixError` that says something; wrong is anything else: another exception, one that Python could
only report, a dead process, more than 10 seconds or 2 GB. Prints what is wrong with the way to run it again, and a
table at the end; the exit code is 1 where anything was wrong.
"""

import argparse
import itertools
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from fuzz_pool import run_all
from fuzz_reading import KINDS, mutated, read, seeds_of, write

SHOWN = 1
"""Tracebacks that are printed of one sort."""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--mutations", type=int, default=1000, help="of all kinds together")
    parser.add_argument("--first", type=int, default=0, help="number of the first mutation of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--replay", help="KIND:NUMBER")
    parser.add_argument("--keep", type=Path, help="write the replayed mutation's files there, and do not read it")
    asked = parser.parse_args()
    if asked.replay:
        sys.exit(replay(asked.replay, asked.seed, asked.keep))
    kinds = asked.kinds.split(",")
    if unknown := set(kinds) - set(KINDS):
        sys.exit(f"no kind {', '.join(unknown)}; there are {', '.join(KINDS)}")
    started = time.monotonic()
    counts = fuzz(kinds, asked.mutations, asked.seed, asked.jobs, asked.first)
    print(table(kinds, counts))
    print(f"{asked.mutations} mutations in {time.monotonic() - started:.0f} s")
    sys.exit(any(counts[kind, "wrong"] for kind in kinds))


def fuzz(kinds, mutations, seed, jobs, first=0):
    """Run mutations of all kinds in turn; what is wrong is printed.

    Returns:
        How many of each kind came out how, by (kind, outcome).
    """
    for kind in kinds:
        seeds_of(kind)  # made once, before the forks
    if "run" in kinds:
        import labelfix.pipeline  # noqa: F401 - slow, and paid once
    numbered = ((kind, number, seed) for number in itertools.count(first) for kind in kinds)
    counts: Counter[tuple[str, str]] = Counter()
    seen: Counter[str] = Counter()
    for (kind, number, _), (outcome, said) in run_all(itertools.islice(numbered, mutations), read, jobs):
        counts[kind, outcome] += 1
        if outcome == "wrong":
            sort = "\n".join(said.strip().splitlines()[-2:])[:90]
            seen[sort] += 1
            shown = said.strip() if seen[sort] <= SHOWN else sort
            print(f"WRONG --seed {seed} --replay {kind}:{number}\n{shown}\n", flush=True)
    return counts


def replay(place, seed, keep):
    """Run one mutation in this process, so that a debugger can look at it."""
    kind, _, number = place.partition(":")
    if keep is not None:
        found = mutated(kind, int(number), seed)
        write(found, keep)
        print(f"{keep}: --noisy {found.noisy} --clean {found.clean} {found.settings}")
        return 0
    outcome, said = read((kind, int(number), seed))
    print(f"{outcome}\n{said}")
    return int(outcome == "wrong")


def table(kinds, counts):
    """How many mutations of each kind came out how."""
    lines = [f"{'kind':10}{'tried':>8}{'read':>8}{'refused':>9}{'wrong':>7}"]
    for kind in [*kinds, "all"]:
        of = [kind] if kind != "all" else kinds
        read_, refused, wrong = (sum(counts[each, how] for each in of) for how in ("read", "refused", "wrong"))
        lines.append(f"{kind:10}{read_ + refused + wrong:>8}{read_:>8}{refused:>9}{wrong:>7}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
