"""The command line: flags into settings, errors into messages and exit codes.

Exit codes: 0 done or clean · 1 findings above the gate (`flag` only) · 2 anything else that went wrong ·
130 interrupted.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from typing import TYPE_CHECKING

from labelfix import network
from labelfix.errors import LabelfixError, TrainingError

if TYPE_CHECKING:
    from labelfix.cli.voice import Voice

WENT_WRONG = 2
INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: The words after `labelfix`; those of the process by default.

    Returns:
        The exit code.
    """
    voice = None
    network.forbid(False)
    try:
        # Imported here so that even a Ctrl-C during the imports ends as it should.
        from labelfix.cli.app import run
        from labelfix.cli.voice import Voice

        voice = Voice()
        code = run(argv, voice)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        left = (voice.left_behind() or "nothing was written") if voice else ""
        if voice is None or not voice.echo:
            _say("labelfix: interrupted" + (f"; {left}" if left else ""), voice)
        return INTERRUPTED
    except BrokenPipeError:
        _silence(sys.stdout)
        return WENT_WRONG
    except LabelfixError as error:
        # The process that speaks for all says what all have found; what only this one has, it says itself.
        if voice is None or not voice.echo or (type(error) is TrainingError):
            for line in error.lines:
                _say(f"labelfix: {line}", voice)
        _traceback(voice)
        return WENT_WRONG
    except Exception as error:  # noqa: BLE001 - an uncaught exception would exit 1, which means "findings"
        what = " ".join(str(error).split())[:300]
        _say(
            f"labelfix: unexpected error, {type(error).__name__}: {what} (run with --verbose for the traceback)", voice
        )
        if voice is not None and (left := voice.left_behind()):
            _say(f"labelfix: {left}", voice)
        _traceback(voice)
        return WENT_WRONG
    finally:
        if voice is not None:
            voice.close()


def _say(line: str, voice: Voice | None) -> None:
    if voice is not None:
        voice.close()
    from labelfix.outputs.plain_text import printed

    try:
        print(printed(line), file=sys.stderr, flush=True)  # noqa: T201 - the last resort must not depend on more
    except BrokenPipeError:
        _silence(sys.stderr)


def _traceback(voice: Voice | None) -> None:
    if voice is not None and voice.verbose:
        from labelfix.outputs.plain_text import printed

        print(*map(printed, traceback.format_exc().splitlines()), sep="\n", file=sys.stderr)  # noqa: T201 - as above


def _silence(stream: object) -> None:
    """Point a stream whose reader is gone at nothing, or the interpreter complains again when it flushes at exit."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # type: ignore[attr-defined]
    except (OSError, ValueError, AttributeError):
        sys.stdout = sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - lives until exit
