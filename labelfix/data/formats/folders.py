"""A folder, or the files of a glob, as one table: which of its files, which split, and what the folders' names say."""

from __future__ import annotations

import filecmp
import glob
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from labelfix.data.formats.base import ReadOptions, TableSource, files_below, natural_key
from labelfix.data.formats.partitions import with_partitions
from labelfix.data.formats.splits import choose_split, common_path, find_splits
from labelfix.errors import input_error
from labelfix.remote import RemotePath, matching

CLUTTER = re.compile(
    r"^(readme|license|licence|notice|copying|citation|changelog|requirements)\b"
    r"|^(dataset_infos?|dataset_dict|state|config|croissant|metadata)\.json$|manifest$",
    re.IGNORECASE,
)
"""Files that stand beside tables and are none."""

PACKED = re.compile(r"\.(?:gz|bz2|xz|zst)$")
"""What is added to the name of a file that is packed."""

COPIED = re.compile(rf"{PACKED.pattern}|^copy of |(?: ?\(\d+\)|[-_ ]+(?:copy|kopie))+(?=\.)")
"""What is added to a name where a file is packed, copied or downloaded again."""

LOGS = (
    ("Delta Lake", "_delta_log/*.json", r'"remove"'),
    ("Iceberg", "metadata/*.metadata.json", r'"operation"\s*:\s*"(?:overwrite|delete|replace)"'),
    ("Hudi", ".hoodie/*.commit", r'"prevCommit"\s*:\s*"\d'),
)
"""Tables that keep files which no longer count: who makes them, their logs, and what these say of such files."""

GLOB = re.compile(r"[*?\[]")


SOME_FILES, LINE_BYTES = 5, 4096
"""So many files are looked at to tell texts from parts of a table, and so much of the first line of each."""


@dataclass(frozen=True)
class FileKind:
    """A type of file that tables are made of, several of which can be one table.

    Attributes:
        name: What a person calls it.
        suffixes: Endings of such files, in lower case.
        open: Opens some files under a name, as a user says they are to be read.
        rest: Endings that other files have as well: of such a kind only where the folder holds no others.
        bare: Whether numbered files without an ending are likewise, as databases write them (`part-00000`).
    """

    name: str
    suffixes: tuple[str, ...]
    open: Callable[[Sequence[Path], str, ReadOptions], TableSource]
    rest: tuple[str, ...] = ()
    bare: bool = False


def open_folder(root: Path, name: str, options: ReadOptions, kinds: Sequence[FileKind]) -> TableSource | None:
    """Open the tables in a folder as one; None where there are none.

    Args:
        options: May name the split.
        kinds: The types of files that are tables; those of the first are looked for in all folders below.
    """
    files = table_files(root, kinds)
    if not files:
        return None
    splits = find_splits(files)
    chosen, remarks = _choose(root, name, files, splits, options.split)
    return _open(root, name, chosen, options, kinds, remarks)


def open_glob(pattern: Path, name: str, options: ReadOptions, kinds: Sequence[FileKind]) -> TableSource:
    """Open the files that a pattern matches as one table, or those in the folders that it matches.

    Args:
        kinds: The types of files that are tables.

    Raises:
        InputError: There is no such file; files are of several types; or one of them is damaged.
    """
    if isinstance(pattern, RemotePath):
        found = matching(pattern.url)
    else:
        found = [Path(path) for path in glob.glob(str(pattern), recursive=True)]
    found.sort(key=lambda path: natural_key(str(path)))
    files = [path for path in found if path.is_file()]
    if not files:
        files = [folder / path for folder in found if folder.is_dir() for path in table_files(folder, kinds)]
    if not files:
        raise input_error(name, "matches no file", "check the pattern, and quote it for the shell")
    # What stands above the first wildcard is where the table lies, and none of its columns.
    fixed = next(i for i, part in enumerate(pattern.parts) if GLOB.search(part))
    root = pattern.parents[len(pattern.parts) - fixed - 1]
    odd = [path for path in files if _kind(path, kinds) is None]
    if len(odd) == len(files):
        open_file = f"{odd[0].name} is none of {_list(kinds)}"
        raise input_error(name, f"matches no table: {open_file}", "unpack or convert these files first")
    if odd:
        raise input_error(name, f"matches files of several types ({odd[0]})", f"name files of one type: {_list(kinds)}")
    return _open(root, name, [path.relative_to(root) for path in files], options, kinds, ())


def table_files(root: Path, kinds: Sequence[FileKind]) -> list[PurePath]:
    """The tables in a folder, as relative paths in natural order.

    Hidden files, those that begin with `_` (as `_SUCCESS`), read-me files and licences are passed over. Files of the
    first kind are looked for in all folders below; others there only where there is nothing else.
    """
    found = [path.relative_to(root) for path in files_below(root) if _kind(path, kinds) and path.is_file()]
    plain = [p for p in found if not any(part[0] in "._" for part in p.parts) and not CLUTTER.search(p.name)]
    sure = [p for p in plain if not _is_rest(p, kinds)] or plain
    near = [p for p in sure if len(p.parts) == 1 or _kind(p, kinds) is kinds[0]] or sure
    if not isinstance(root, RemotePath):
        near = [p for p in near if (root / p).stat().st_size] or near  # Spark writes parts without rows as empty files
    return sorted(near, key=lambda p: natural_key(p.as_posix()))


def _refuse_replaced(root: Path, name: str) -> None:
    """Refuse a table in which files have been replaced: only its log says which still count."""
    for what, log, replaced in LOGS if not isinstance(root, RemotePath) else ():
        for path in sorted([*root.glob(log), *root.parent.glob(log)]):
            if re.search(replaced, path.read_text("utf-8", errors="replace")):
                said = f"is a table of {what}, in which some files have been replaced by others"
                raise input_error(name, said, "write its rows into one Parquet file, and give that")


def _choose(
    root: Path, name: str, files: list[PurePath], splits: dict[str, list[PurePath]], asked: str | None
) -> tuple[list[PurePath], tuple[str, ...]]:
    """The files that are read, and what to say of them."""
    if not splits or (len(splits) == 1 and asked is None):
        return files, ()
    ways = [str(root / common_path(paths)) for paths in splits.values()]
    split = choose_split(name, list(splits), asked, ways)
    others = [other for other in splits if other != split]
    left = len(files) - len(splits[split])
    passed = ", ".join(others) or f"{left} other {'file' if left == 1 else 'files'}"
    return splits[split], (f"split {split} is read, not {passed}",) if left else ()


def _open(
    root: Path,
    name: str,
    files: Sequence[PurePath],
    options: ReadOptions,
    kinds: Sequence[FileKind],
    remarks: Sequence[str],
) -> TableSource:
    used = [kind for kind in kinds if any(_kind(path, kinds) is kind for path in files)]
    if len(used) > 1:
        examples = [next(str(path) for path in files if _kind(path, kinds) is kind) for kind in used]
        shown = " and ".join(f"{kind.name} ({file})" for kind, file in zip(used, examples, strict=True))
        raise input_error(name, f"holds files of several types: {shown}", "name the files of one type")
    _refuse_replaced(root, name)
    if not isinstance(root, RemotePath):
        _refuse_copies(root, name, files)
    if used[0].bare:
        _refuse_texts(root, name, files)
    return with_partitions(used[0].open([root / path for path in files], name, options), files, remarks)


def _refuse_copies(root: Path, name: str, files: Sequence[PurePath]) -> None:
    """Refuse a file that lies there twice: packed as well, or as programs call what is downloaded or copied again."""
    seen: dict[str, PurePath] = {}
    for path in files:
        first = seen.setdefault(COPIED.sub("", path.as_posix().lower()), path)
        if first is not path and (first.suffix != path.suffix or filecmp.cmp(root / first, root / path, shallow=False)):
            what = f"holds {first.as_posix()!r} and {path.as_posix()!r}, which are the same table twice"
            raise input_error(name, what, "move one of them away, or give the other by its own path")


def _refuse_texts(root: Path, name: str, files: Sequence[PurePath]) -> None:
    """Refuse texts that are a file each, in a folder for each class: parts of one table begin with the same line."""
    folders = sorted({path.parent.as_posix() for path in files})
    if any(path.suffix not in ("", ".txt") for path in files):
        return
    firsts = set()
    for path in files[:SOME_FILES]:
        with (root / path).open("rb") as stream:
            firsts.add(stream.readline(LINE_BYTES))
    alone = len(folders) == 1 and all(path.suffix for path in files)
    if len(firsts) == SOME_FILES if alone else len(firsts) > 1 and len(folders) > 1:
        what, label = f"holds {len(files):,} texts, each a file", "its label"
        if len(folders) > 1:
            what += f", in the folders {', '.join(folders[:3])}{', …' if len(folders) > 3 else ''}"
            label = "its folder as label"
        remedy = f"write them into one table: a row for each, with its path as id, its text, and {label}"
        raise input_error(name, what, remedy)


def _kind(path: PurePath, kinds: Sequence[FileKind]) -> FileKind | None:
    name = path.name.lower()
    plain = PACKED.sub("", name)
    bare = "." not in plain and re.search(r"\d", plain) is not None
    return next((kind for kind in kinds if name.endswith((*kind.suffixes, *kind.rest)) or (bare and kind.bare)), None)


def _is_rest(path: PurePath, kinds: Sequence[FileKind]) -> bool:
    kind = _kind(path, kinds)
    return kind is not None and not path.name.lower().endswith(kind.suffixes)


def _list(kinds: Sequence[FileKind]) -> str:
    names = [kind.name for kind in kinds]
    return f"{', '.join(names[:-1])} or {names[-1]}" if len(names) > 1 else names[0]
