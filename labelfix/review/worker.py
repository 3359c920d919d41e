"""What a page needs the classifier for, in a process of its own: the page stays fast, and starts at once.

A question a line on standard input, an answer a line on standard output, both JSON. It ends when its input does, so
also when the server is killed.

    {"next": 200, "without": [3, 7]}   ->  {"next": [12, 5, …]}
    {"near": [12, 5]}                  ->  {"near": {"12": [{"id": …, "label": …, "similarity": …, …}]}, "why": ""}
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from labelfix.data.tables import Codes
from labelfix.errors import LabelfixError, SettingsError

if TYPE_CHECKING:
    from labelfix.api import Run

AT_ONCE = 100
"""Rows whose neighbours are looked for in one pass over the file."""


class Worker:
    """The process, started when it is first asked."""

    def __init__(self, folder: Path, noisy: str | None) -> None:
        self._command = [sys.executable, "-m", "labelfix.review.worker", str(folder), *([noisy] if noisy else [])]
        self._process: subprocess.Popen[str] | None = None
        self._talking = threading.Lock()
        self._background = ThreadPoolExecutor(1)
        self._asked: set[int] = set()
        self._near: dict[int, list[dict[str, Any]]] = {}
        self.why_none = ""

    def choose_next(self, count: int, without: list[int]) -> Codes:
        """The rows most worth asking about.

        Raises:
            SettingsError: They cannot be chosen; the reason is the worker's.
        """
        said = self._ask({"next": count, "without": without})
        if "error" in said:
            raise SettingsError(f"--queue next: {said['error']}")
        return np.array(said["next"], dtype=np.int64)

    def look_for(self, positions: list[int]) -> None:
        """Have the trusted rows nearest to some rows found; `near` has them some seconds later."""
        new = [position for position in positions if position not in self._asked]
        self._asked |= set(new)
        for first in range(0, len(new), AT_ONCE):
            self._background.submit(self._find, new[first : first + AT_ONCE])

    def near(self, position: int) -> list[dict[str, Any]] | None:
        """The nearest trusted rows of a row; None where they are not known yet."""
        return [] if self.why_none else self._near.get(position)

    def close(self) -> None:
        """End the process."""
        self._background.shutdown(wait=False, cancel_futures=True)
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _find(self, positions: list[int]) -> None:
        said = self._ask({"near": positions})
        self.why_none = said.get("error") or said.get("why") or ""
        self._near |= {int(position): found for position, found in said.get("near", {}).items()}

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        with self._talking:
            if self._process is None:
                self._process = subprocess.Popen(
                    self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
                )
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            with suppress(OSError):
                self._process.stdin.write(json.dumps(question) + "\n")
                self._process.stdin.flush()
            line = self._process.stdout.readline()
        return dict(json.loads(line)) if line else {"error": "the process that reads the classifier has ended"}


def answer(run: Run, noisy: str | None, question: dict[str, Any]) -> dict[str, Any]:
    """Answer a question of the module's docstring."""
    from labelfix.api.reporting import nearest
    from labelfix.outputs.own_inputs import find_input
    from labelfix.outputs.report.inputs import RowView, look_at
    from labelfix.progress import Silent

    if "next" in question:
        return {"next": run.next_positions(question["next"], question["without"], noisy=noisy).tolist()}
    own = find_input(run.folder, "noisy", noisy).needed()
    found, why = nearest(run, own, None, np.array(question["near"], dtype=np.int64), Silent())
    from labelfix.outputs.corrected_rows import CorrectedFile, corrected_metadata

    places = {**{each.file: each.file for near in found.values() for each in near}, **own.files}
    rows = [(each.file, each.row) for near in found.values() for each in near if each.file]
    looks = look_at(rows, corrected_metadata(CorrectedFile(run.folder.corrected)), places)

    def told(each: Any) -> dict[str, Any]:  # noqa: ANN401 - a neighbour
        look = looks.get((each.file, each.row), RowView(""))
        similarity = round(float(each.similarity), 3)
        return {"id": each.id, "label": each.label, "similarity": similarity, "text": look.text, "image": look.image}

    return {"near": {str(row): [told(each) for each in near] for row, near in found.items()}, "why": why}


def main(folder: str, noisy: str | None = None) -> None:
    """Answer until there are no more questions."""
    said, sys.stdout = sys.stdout, sys.stderr  # what libraries print is no answer
    with suppress(OSError, AttributeError):
        os.nice(5)
    from labelfix.api import load_run

    run: Run | None = None
    for line in sys.stdin:
        try:
            run = run or load_run(folder)
            found = answer(run, noisy, json.loads(line))
        except (LabelfixError, OSError) as error:
            found = {"error": str(error)}
        said.write(json.dumps(found) + "\n")
        said.flush()


if __name__ == "__main__":
    main(*sys.argv[1:3])
