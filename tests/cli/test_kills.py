"""A dozen kills of six kinds of command; `tests/measure/kills.py --kills 1000` has more."""

import subprocess
import sys
from pathlib import Path

import pytest

KILLS = Path(__file__).parents[1] / "measure" / "kills.py"


@pytest.mark.skipif(sys.platform != "linux", reason="forks and kills")
def test_nothing_is_lost_or_stuck_or_wrong_after_a_dozen_kills():
    done = subprocess.run([sys.executable, str(KILLS), "--kills", "12"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    *_, columns, total, _ = [line for line in done.stdout.splitlines() if line.startswith((" ", "all", "12 kills"))]
    counts = dict(zip(columns.split(), map(int, total.split()[1:]), strict=True))
    assert counts["fine"] + counts["whole"] == 12
    assert counts["fine"] > 6
