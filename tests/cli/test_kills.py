"""A dozen kills of six kinds of command; `tests/measure/kills.py --kills 1000` has more."""

import sys
from pathlib import Path

import pytest
from own_process import run_script

KILLS = Path(__file__).parents[1] / "measure" / "kills.py"


@pytest.mark.skipif(sys.platform != "linux", reason="forks and kills")
def test_nothing_is_lost_or_stuck_or_wrong_after_a_dozen_kills(tmp_path):
    done = run_script(KILLS, "--kills", "12", folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    *_, columns, total, _ = [line for line in done.stdout.splitlines() if line.startswith((" ", "all", "12 kills"))]
    counts = dict(zip(columns.split(), map(int, total.split()[1:]), strict=True))
    assert counts["fine"] + counts["whole"] == 12
    assert counts["fine"] > 6
