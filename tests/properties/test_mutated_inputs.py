"""Whatever becomes of an input's bytes, it is read or refused; and the program that tries it sees what goes wrong."""

import os
import subprocess
import sys
from pathlib import Path

MEASURE = Path(__file__).parents[1] / "measure"
FORMATS = "csv,tsv,packed,jsonl,json,parquet,arrow,saved,xlsx,images,pictures,classmap,hive,annotated,opinions,config"

WORK = """
import os, re, signal, sys, time
sys.path.insert(0, sys.argv[1])
import fuzz_pool
from fuzz_reading import judged
from labelfix.errors import LabelfixError

fuzz_pool.CPU_SECONDS = 2
fuzz_pool.MEMORY = 256 << 20

class Careless:
    def __del__(self):
        raise ValueError("nobody hears this")

def careless():
    Careless()

def refuse(said):
    raise LabelfixError(said)

def hang():
    while True:
        pass

def fill():
    held = bytearray(512 << 20)
    held[:: 4096] = b"x" * len(held[:: 4096])
    time.sleep(60)

TASKS = {
    "fine": lambda: None,
    "refused": lambda: refuse("the reason"),
    "silent": lambda: refuse(" "),
    "raises": lambda: {}["x"],
    "careless": careless,
    "segv": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "bus": lambda: os.kill(os.getpid(), signal.SIGBUS),
    "exits": lambda: os._exit(3),
    "hangs": hang,
    "fills": fill,
    "after": lambda: None,
}

for task, (outcome, said) in fuzz_pool.run_all(TASKS, lambda task: judged(TASKS[task]), 1):
    said = re.sub("0x[0-9a-f]+", "0x", said)
    print(task, outcome, said.strip().splitlines()[-1 if task in ("silent", "raises") else 0] if said.strip() else "")
"""


def run(*words):
    """A process of its own: its workers are forked, which one with threads in it cannot safely be."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, env=environment)


def test_three_hundred_mutations_are_read_or_refused():
    done = run(str(MEASURE / "fuzz.py"), "--mutations", "300", "--kinds", FORMATS)
    assert done.returncode == 0, done.stdout + done.stderr
    tried, read, refused, wrong = map(int, done.stdout.split("\nall")[1].split()[:4])
    assert (tried, wrong) == (300, 0)
    assert read > 50
    assert refused > 50


def test_a_mutation_is_the_same_in_every_process():
    made = """
import hashlib, sys
sys.path.insert(0, sys.argv[1])
from fuzz_reading import mutated
for kind in sys.argv[2].split(","):
    for number in range(20):
        print(kind, number, hashlib.sha256(repr(mutated(kind, number, 0)).encode()).hexdigest())
"""
    first, again = (run("-c", made, str(MEASURE), FORMATS) for _ in range(2))
    assert first.stdout == again.stdout
    lines = first.stdout.splitlines()
    assert len(set(lines)) == 20 * len(FORMATS.split(",")), first.stderr


def test_a_worker_that_dies_hangs_or_fills_the_memory_is_wrong_and_the_rest_goes_on():
    done = run("-c", WORK, str(MEASURE))
    assert done.stdout.splitlines() == [
        "fine read ",
        "refused refused the reason",
        "silent wrong an error that says nothing: LabelfixError(' ')",
        "raises wrong KeyError: 'x'",
        "careless wrong exceptions ignored: [\"ValueError('nobody hears this') in <function Careless.__del__ at 0x>\"]",
        "segv wrong the process died by SIGSEGV",
        "bus wrong the process died by SIGBUS",
        "exits wrong the process died by exit code 3",
        "hangs wrong did not end within 2 s",
        "fills wrong took more than 256 MB of memory",
        "after read ",
    ], done.stderr
