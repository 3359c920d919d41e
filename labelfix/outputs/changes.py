"""How many labels a run changed, in the words of the terminal and of the report: one line for both."""

from __future__ import annotations

from collections.abc import Mapping


def changes_line(rows: int, actions: Mapping[str, int]) -> str:
    """What came out, for people: `1,437 rows: 573 labels changed, 6 doubtful but kept`.

    Args:
        rows: Rows of the noisy table.
        actions: Rows of each action, as `metrics.json` counts them.
    """
    relabelled, review, fill = (actions.get(name, 0) for name in ("relabel", "review", "fill"))
    changes = [f"{relabelled:,} label{'' if relabelled == 1 else 's'} changed"]
    changes += [f"{review:,} doubtful but kept"] if review else []
    changes += [f"{fill:,} filled in"] if fill else []
    return f"{rows:,} row{'' if rows == 1 else 's'}: {', '.join(changes)}"
