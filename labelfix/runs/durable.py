"""The one writer of everything that stays: beside its place, on the disk, then renamed into it.

    .labelfix-1a2b3c4d.tmp/NAME   written, and flushed to the disk   ->   NAME, and the folder that holds it flushed

Whatever ends a process, a kill or the power, leaves what was there or what is new, whole, under its name. What else it
leaves lies in a scratch folder; the next command that writes into the same folder takes the ones away that nobody holds
(`tidy`). Modes follow the umask.

Within a scratch folder nothing is flushed until all of it is: nested writers cost no more than one.
"""

from __future__ import annotations

import ctypes
import errno
import os
import re
import shutil
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from labelfix.errors import RunError
from labelfix.remote import RemotePath, as_path
from labelfix.remote.upload import Upload, uploaded
from labelfix.runs.scratch import abandoned, is_scratch, scratch_in, within_scratch

_DISK_SAID = re.compile(r"I/O error: (.+?) \(os error \d+\)|\[Errno \d+\] (.+?)(?:: |[\"'])")

_OLD = ".old"
_FLUSHERS = 16
"""Files of a folder that are flushed at once: a disk puts many flushes into one."""

_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # <fcntl.h> and <linux/fs.h>

_promised: set[str] = set()
"""Files that were not there when this process was asked to make them, and that nobody asked it to replace."""


def promise_new(path: Path, new: bool) -> None:
    """Remember whether a file is to be made, and not replaced: another process may make one of its name meanwhile."""
    (_promised.add if new else _promised.discard)(os.path.abspath(path))


@contextmanager
def atomic_path(path: Path, replace: bool = False) -> Iterator[Path]:
    """Write a file or a folder beside its place, have the disk keep it, and rename it into place.

    Args:
        path: Where it goes. A file there is replaced; a folder there must be empty.
        replace: Replace a folder there with all that it holds.

    Yields:
        A path of the same name that does not exist yet, on the same disk, to write to; of a remote file an upload.

    Raises:
        RunError: There is no writing there.
    """
    remote = as_path(path)
    if isinstance(remote, Upload):  # a writer within one that writes the same file
        yield remote
        return
    if isinstance(remote, RemotePath):
        with uploaded(remote) as upload:
            yield upload
        return
    scratch = path.parent
    try:
        make_folder(path.parent)
        tidy(path.parent)
        with scratch_in(path.parent) as scratch:
            beside = scratch / path.name
            yield beside
            settle = not within_scratch(path)
            if settle:
                _usual_modes(beside)
                sync_all(beside)
            _put(beside, path, replace)
            if settle:
                sync(path.parent)
    except Exception as error:
        if (why := _why_not(error, scratch / path.name)) is None:
            raise
        raise RunError(f"{path}: cannot be written ({why}); choose another place") from None


def make_folder(path: Path) -> None:
    """Make a folder and its parents, durably."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for folder in missing if not within_scratch(path) else ():
        sync(folder.parent)


def remove(path: Path) -> None:
    """Remove a file, a link or a whole folder; what is not there is fine. Of a folder nobody ever sees half."""
    if path.is_dir() and not path.is_symlink():
        with scratch_in(path.parent) as scratch:
            os.replace(path, scratch / path.name)
            _keep_order(path.parent)
    else:
        path.unlink(missing_ok=True)
        _keep_order(path.parent)


def move(source: Path, target: Path) -> None:
    """Rename what the disk has already, from one folder into another that is flushed later; what is there goes."""
    if target.is_dir():
        remove(target)
    os.replace(source, target)


def tidy(folder: Path) -> None:
    """Take away what killed processes left in a folder; what a living one is writing stays.

    A folder that was on its way out of its place, with the new one not yet in it, is brought to its end first.
    """
    for left in abandoned(folder):
        with suppress(OSError):
            if (left / _OLD).exists():
                for entry in left.iterdir():
                    if entry.name != _OLD and not os.path.lexists(folder / entry.name):
                        os.replace(entry, folder / entry.name)
                        sync(folder)
            shutil.rmtree(left)


def rescue(path: Path) -> bool:
    """Put a small file into its place that a killed process had written and not yet renamed; whether there was one."""
    for left in abandoned(path.parent):
        # Of what was on its way when the power went, the disk may have the name and no contents.
        if not path.exists() and (left / path.name).is_file() and (left / path.name).stat().st_size:
            os.replace(left / path.name, path)
            sync(path.parent)
            return True
    return False


def sync(path: Path) -> None:
    """Flush a file's contents, or the names in a folder, to disk."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        if path.is_dir():  # there are systems that open no folder; they keep names by themselves
            return
        raise
    try:
        flush(handle)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    finally:
        os.close(handle)


def flush(handle: int) -> None:
    """Flush what an open file or folder holds to disk, where its file system can."""
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise


def sync_all(path: Path) -> None:
    """`sync` of a file, or of a folder and everything in it."""
    if not path.is_dir():
        sync(path)
        return
    folders, files = _inside(path)
    if len(files) > _FLUSHERS:
        with ThreadPoolExecutor(_FLUSHERS) as pool:
            list(pool.map(sync, files))
    else:
        for file in files:
            sync(file)
    for folder in reversed(folders):
        sync(folder)


def _put(beside: Path, path: Path, replace: bool) -> None:
    """Rename into place. What is replaced goes into the scratch folder, once the new one is where it was."""
    if not (beside.is_dir() and path.is_dir()):
        if os.path.abspath(path) in _promised:
            _put_new(beside, path)
        else:
            os.replace(beside, path)
    elif not replace:
        path.rmdir()
        os.replace(beside, path)
    elif not _exchange(beside, path):
        sync(beside.parent)
        sync(path.parent)
        # The new one is on the disk: from here on `tidy` brings it into its place.
        old = beside.with_name(_OLD)
        os.replace(path, old)
        try:
            os.replace(beside, path)
        except OSError:
            os.replace(old, path)
            raise


def _put_new(beside: Path, path: Path) -> None:
    """Give a file its name where nothing has that name, which a rename does not ask."""
    try:
        os.link(beside, path)
    except FileExistsError:
        raise RunError(f"{path}: another process has made it meanwhile; pass --overwrite to replace it") from None
    except OSError:  # a file system without hard links
        os.replace(beside, path)
    promise_new(path, False)


def _exchange(one: Path, other: Path) -> bool:
    """Swap two names in one step; False where the system or its file system cannot."""
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, TypeError, AttributeError):
        return False
    return not rename(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE)


def _keep_order(folder: Path) -> None:
    """Flush a removal, so that it is durable before anything that follows."""
    if not is_scratch(folder) and not within_scratch(folder) and folder.is_dir():
        sync(folder)


def _inside(path: Path) -> tuple[list[Path], list[Path]]:
    """A folder and those in it, and the files; links are neither."""
    folders, files = [], []
    for root, _, names in os.walk(path):
        folders.append(Path(root))
        files += [Path(root, name) for name in names if not os.path.islink(os.path.join(root, name))]
    return folders, files


def _usual_modes(path: Path) -> None:
    """Modes as the umask has them; some libraries make files for their owner alone. A hard link's other name counts."""
    mask = os.umask(0)
    os.umask(mask)
    folders, files = _inside(path) if path.is_dir() else ([], [path])
    for file in files:
        about = file.lstat()
        if stat.S_ISREG(about.st_mode) and about.st_nlink == 1 and stat.S_IMODE(about.st_mode) != 0o666 & ~mask:
            _change_mode(file, 0o666 & ~mask)
    for folder in folders:
        if stat.S_IMODE(folder.stat().st_mode) != 0o777 & ~mask:
            _change_mode(folder, 0o777 & ~mask)


def _change_mode(path: Path, mode: int) -> None:
    with suppress(PermissionError):  # a file system without modes
        path.chmod(mode)


def _why_not(error: Exception, beside: Path) -> str | None:
    """What the disk says of what is being written; None where an error is about a file that is read meanwhile."""
    if isinstance(error, shutil.Error) or type(error).__name__ == "SafetensorError":  # they tell what the disk said
        said = _DISK_SAID.search(str(error))
        return said[1] or said[2] if said else None
    if not (isinstance(error, OSError) and _concerns(error, beside)):
        return None
    return os.strerror(error.errno) if error.errno else error.strerror  # Arrow's own words go around the system's


def _concerns(error: OSError, beside: Path) -> bool:
    """Whether an error concerns what is being written, not a file that is read meanwhile."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return True
    place = Path(error.filename) if isinstance(error.filename, str) else None
    if place is None:
        return False
    new = is_scratch(place) and place.parent == beside.parent  # there is no making a scratch folder
    return new or beside.is_relative_to(place) or place.is_relative_to(beside)
