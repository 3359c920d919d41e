"""A run laid out to be reviewed."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from labelfix.data.tables import Codes
from labelfix.errors import RunError
from labelfix.review.app import Pages
from labelfix.review.desk import Desk
from labelfix.review.worker import Worker
from labelfix.runs import RunFolder


@contextmanager
def open_desk(
    folder: RunFolder, noisy: str | None, budget: int, queue: str, who: str, nearest: bool = True
) -> Iterator[Pages]:
    """Lay it out; what runs beside it ends with it.

    Args:
        nearest: Look for the trusted rows nearest to those that come up.

    Raises:
        SettingsError: There is no such queue.
        RunError: The run, or its file of answers, is damaged, or cannot be written.
    """
    if not os.access(folder.path, os.W_OK):
        raise RunError(
            f"{folder.path}: decisions are kept in it, and it cannot be written; copy the run to where it can"
        )
    worker = Worker(folder.path, noisy)

    def choose_next(count: int) -> Codes:
        decided = [row for row, answer in desk.answers.ledger.standing().items() if answer.decision != "skip"]
        places = desk.rows.positions(decided)
        return worker.choose_next(count, places[places >= 0].tolist())

    try:
        desk = Desk(folder, noisy, budget, choose_next)
        if nearest:
            desk.when_reading_ahead(worker.look_for)
        name = desk.queue(queue).name
        threading.Thread(target=desk.read_ahead, args=(name,), daemon=True).start()
        yield Pages(desk, worker if nearest else None, who, name, str(folder.path))
    finally:
        worker.close()
