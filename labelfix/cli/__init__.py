"""The command line: flags into settings, errors into messages and exit codes.

Exit codes: 0 done or clean · 1 a verdict: above the gate of `flag`, not certified by `certify` · 2 anything else that
went wrong · 130, 143 and 129 ended by Ctrl-C, SIGTERM and SIGHUP. They hold whatever becomes of stdout and stderr; see
`labelfix.cli.streams`.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NoReturn

from labelfix.cli import interrupts
from labelfix.cli.streams import steady
from labelfix.errors import MORE, LabelfixError, TrainingError, is_used_up
from labelfix.extras import as_missing
from labelfix.settings import hub_access

if TYPE_CHECKING:
    from labelfix.cli.terminal import Voice

WENT_WRONG = 2

AGAIN = "no file is half written; give the same command again"
"""What is said of a command that was ended, where it has nothing better to say."""

_PERMISSIONS = "check its permissions and those of the folders above it"
OF_THE_DISK = {
    errno.EACCES: _PERMISSIONS,
    errno.EPERM: _PERMISSIONS,
    errno.EROFS: "choose a place that may be written, or copy the folder to one",
    errno.ENOSPC: "make room on the disk",
    errno.EDQUOT: "make room on the disk, or ask for more",
    errno.ENAMETOOLONG: "give a shorter name",
    errno.EIO: "the disk, or the way to it, is failing: copy the file elsewhere",
    errno.ESTALE: "the file went away on another machine: begin again",
    errno.EMFILE: "this process may open no more files: raise the limit (ulimit -n)",
}
"""What to do about what a disk refuses, whatever command meets it."""


def run_process() -> NoReturn:
    """Run the command that this process was started for, and end the process with its exit code.

    The process ends at once: Arrow's and torch's own threads may be alive, and where Python's usual end takes away
    what they stand on, the process is killed by SIGABRT now and then, and its exit code is 134.
    """
    code = main()
    interrupts.hear_no_more()
    # What multiprocessing, logging and the like do in the end; nothing of it changes what the command came to.
    for last in (atexit._run_exitfuncs, sys.stdout.flush, sys.stderr.flush):
        with contextlib.suppress(KeyboardInterrupt, OSError, ValueError):
            last()
    os._exit(code)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command by the words after `labelfix`, those of the process by default; gives the exit code."""
    with steady(), interrupts.interruptible():
        return _main(argv)


def _main(argv: Sequence[str] | None) -> int:
    voice = None
    hub_access.forbid(False)
    try:
        # Imported here so that even a Ctrl-C during the imports ends as it should.
        from labelfix.cli.app import run
        from labelfix.cli.terminal import Voice

        voice = Voice()
        _refuse_no_place()
        code = _begun(run, argv, voice)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        interrupts.hear_no_more()
        said, code = interrupts.ended()
        left = (voice.left_behind() or AGAIN) if voice else ""
        if voice is None or not voice.echo:
            _say(f"labelfix: {said}" + (f"; {left}" if left else ""), voice)
        return code
    except BrokenPipeError:
        return WENT_WRONG
    except LabelfixError as error:
        # The process that speaks for all says what all have found; what only this one has, it says itself.
        if voice is None or not voice.echo or (type(error) is TrainingError):
            for line in error.lines:
                _say(f"labelfix: {line}", voice)
        _traceback(voice)
        return WENT_WRONG
    except OSError as error:
        _refused(error, voice)
        return WENT_WRONG
    except Exception as error:  # noqa: BLE001 - an uncaught exception would exit 1, which means "findings"
        missing = as_missing(error) if isinstance(error, ImportError) else None
        if missing is None or is_used_up(error):
            _unexpected(error, voice)
        else:
            _say(f"labelfix: {missing}", voice)
        return WENT_WRONG
    finally:
        if voice is not None:
            voice.close()


def _refuse_no_place() -> None:
    """Refuse to work in a folder that is gone, where libraries end the process, or that no document can name."""
    try:
        here = os.getcwd()
    except FileNotFoundError:
        raise LabelfixError("the working directory was removed; change to another folder, and begin again") from None
    if here.encode(errors="replace") != os.fsencode(here):
        what = "the working directory has bytes in its name that are no UTF-8 text"
        raise LabelfixError(f"{here}: {what}; give it another name, or begin in another folder")


def _begun(run: Callable[[Sequence[str] | None, Voice], int], argv: Sequence[str] | None, voice: Voice) -> int:
    try:
        return run(argv, voice)
    except Exception:
        interrupts.insist()  # a library may make another error of the one that a signal raises in it
        raise


def _refused(error: OSError, voice: Voice | None) -> None:
    """Say of a file what its disk does not do: no part of labelfix knows better what to do about it."""
    if error.errno not in OF_THE_DISK:
        if "temporary directory" in str(error):
            _say("labelfix: there is no folder for temporary files; set TMPDIR to one with room in it", voice)
        else:
            _unexpected(error, voice)
        return
    name = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else "a file"
    _say(f"labelfix: {name}: {error.strerror}; {OF_THE_DISK[error.errno or 0]}", voice)
    if voice is not None and (left := voice.left_behind()):
        _say(f"labelfix: {left}", voice)
    _traceback(voice)


def _unexpected(error: Exception, voice: Voice | None) -> None:
    if is_used_up(error):
        said = " ".join(str(error).split())[:160] or type(error).__name__
        _say(f"labelfix: there is no memory, or no thread, left to go on with ({said}); {MORE}", voice)
        if voice is not None and (left := voice.left_behind()):
            _say(f"labelfix: {left}", voice)
        _traceback(voice)
        return
    what = f"unexpected error, {type(error).__name__}: {' '.join(str(error).split())[:300]}"
    kept = _kept(error)
    file = f" with the file {kept}" if kept else "; --verbose shows the traceback to send along"
    _say(f"labelfix: {what}; please report this to the issue tracker of labelfix{file}", voice)
    if voice is not None and (left := voice.left_behind()):
        _say(f"labelfix: {left}", voice)
    _traceback(voice)


def _kept(error: Exception) -> str:
    """The file that now holds an error's traceback; empty where none can be written."""
    from labelfix import __version__

    lines = traceback.format_exception(error)
    about = f"labelfix {__version__}, Python {sys.version.split()[0]} on {sys.platform}\n"
    try:
        handle, name = tempfile.mkstemp(prefix="labelfix-error-", suffix=".txt")
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(about + "".join(lines))
    except OSError:
        return ""
    return name


def _say(line: str, voice: Voice | None) -> None:
    if voice is not None:
        voice.close()
    from labelfix.outputs.plain_text import printed

    print(printed(line), file=sys.stderr, flush=True)  # noqa: T201 - the last resort must not depend on more


def _traceback(voice: Voice | None) -> None:
    if voice is not None and voice.verbose:
        from labelfix.outputs.plain_text import printed

        print(*map(printed, traceback.format_exc().splitlines()), sep="\n", file=sys.stderr)  # noqa: T201 - as above
