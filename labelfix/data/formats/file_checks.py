"""Files before they are read: what is there, what it holds by its first bytes, and what cannot be read."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa

from labelfix.data.formats.base import missing_remedy
from labelfix.errors import MORE, InputError, first_line, input_error, is_used_up
from labelfix.remote import RemotePath, as_path
from labelfix.runs.json_text import is_no_text

DAMAGED = (pa.ArrowException, OSError, ValueError, KeyError, IndexError, OverflowError, TypeError, MemoryError)
"""What pyarrow raises on files whose bytes make no sense."""


def cannot_read(name: str, error: BaseException, kind: str, remedy: str) -> InputError:
    """The error for a file whose bytes are not what its name promises."""
    remedy = MORE if is_used_up(error) else remedy
    return input_error(name, f"cannot be read as {kind} ({first_line(error)[:160]})", remedy)


def check_file(path: Path, name: str) -> None:
    """Refuse a file that is not there, not readable or empty, or has a name that no document holds."""
    if is_no_text(path):
        raise input_error(name, "has bytes in its name that are no UTF-8 text", "give it another name")
    try:
        status = path.stat()
        if name == "-" or stat.S_ISFIFO(status.st_mode) or stat.S_ISCHR(status.st_mode):
            raise _no_file(name)
        size = status.st_size
        with path.open("rb", buffering=0) as stream:
            head = b"" if isinstance(path, RemotePath) else stream.read(64)
    except FileNotFoundError:
        if name == "-":
            raise _no_file(name) from None
        raise input_error(name, "there is no such file or folder", missing_remedy(path)) from None
    except OSError as error:
        raise input_error(name, f"cannot be opened ({error.strerror})", "check its permissions") from None
    if size == 0:
        raise input_error(name, "is an empty file (0 bytes)", "give a file with a header and rows")
    if head.startswith(b"version https://git-lfs"):
        raise input_error(name, "is a pointer of Git LFS, not the file itself", "fetch the file: git lfs pull")
    begin = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if begin.startswith((b"create table", b"insert into", b"-- mysql dump", b"--\n-- postgresql")):
        raise input_error(
            name, "is a script of SQL statements, not a table", "export the table itself, as CSV or Parquet"
        )
    if begin.startswith((b"<!doctype html", b"<html")):
        remedy = "save the table as CSV, or download it again: a page to sign in may have come in its place"
        raise input_error(name, "is a web page (HTML), not a table", remedy)
    if begin.startswith(b"<?xml"):
        raise input_error(name, "is an XML file, not a table", "open it in a spreadsheet, and save it as .xlsx or CSV")


def _no_file(name: str) -> InputError:
    what = "is no file but a pipe or a device, and labelfix reads its inputs more than once"
    return input_error(name, what, "save what comes through it as a file, and give that")


OLE = "an old Excel or Word file"
"""What `magic` says of these, and of newer ones that a password protects."""


def magic(path: Path) -> str | None:
    """What the first bytes of a file say it is, as a noun with its article; None for plain text and the like."""
    with path.open("rb", buffering=0) as stream:
        head = stream.read(8)
    known = {
        b"PAR1": "a Parquet file",
        b"ARROW1": "an Arrow or Feather file",
        b"FEA1": "an Arrow or Feather file",
        b"Rar!": "a RAR archive",
        b"PK\x03\x04": "a ZIP archive, perhaps an Excel workbook",
        b"\xd0\xcf\x11\xe0": OLE,
        b"\x1f\x8b": "a gzip file",
        b"BZh": "a bzip2 file",
        b"\x28\xb5\x2f\xfd": "a Zstandard file",
        b"\xfd7zXZ": "an xz file",
        b"\x80\x04": "a Python pickle",
        b"\x93NUMPY": "a NumPy file",
        b"SQLite f": "an SQLite database",
        b"%PDF": "a PDF document",
        b"\x89PNG": "a PNG image",
        b"\xff\xd8\xff": "a JPEG image",
        b"\x89HDF": "an HDF5 file",
    }
    return next((noun for start, noun in known.items() if head.startswith(start)), None)


def hash_files(files: Iterable[str | Path]) -> str:
    """SHA-256 over the bytes of files, in order, in hexadecimal; names play no part."""
    total = hashlib.sha256()
    for file in files:
        with as_path(file).open("rb") as stream:
            total.update(hashlib.file_digest(stream, "sha256").digest())
    return total.hexdigest()
