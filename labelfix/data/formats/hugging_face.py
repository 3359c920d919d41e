"""Hugging Face datasets: a folder made by `save_to_disk`, or `hub:NAME[@CONFIG][:SPLIT]` where a user asks for it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from labelfix.data.formats.arrow_sizes import check_unpacked
from labelfix.data.formats.base import AS_THEY_ARE, Chunk, ReadOptions, Source, chunks
from labelfix.data.formats.file_checks import DAMAGED, cannot_read
from labelfix.data.formats.hashed_files import HashedFiles, as_opened
from labelfix.data.formats.memory import MemorySource
from labelfix.data.formats.plain import check_sound
from labelfix.data.formats.splits import choose_split
from labelfix.data.formats.titles import check_names, distinct
from labelfix.errors import input_error
from labelfix.runs.json_text import decode_json
from labelfix.settings import hub_access
from labelfix.settings.hub_access import HUB


class HuggingFaceSource(HashedFiles):
    """A dataset saved with `Dataset.save_to_disk`: Arrow files that are memory-mapped.

    Arrow files are taken as they lie in memory: nothing looks at a value before the batch it is in is known to be
    sound, since an offset that points elsewhere would end the process.

    Args:
        folder: The folder with `state.json` and the Arrow files.
        name: The folder as the user named it.

    Raises:
        InputError: A file is missing or damaged.
    """

    format = "hugging_face"

    def __init__(self, folder: Path, name: str) -> None:
        parts = _data_files(folder, name)
        missing = [part for part in parts if not os.path.isfile(folder / part)]
        if missing or not parts:
            raise input_error(name, f"lacks its data file {missing[0] if missing else ''}".rstrip(), "save it again")
        super().__init__([folder / part for part in parts], name)
        self.folder = folder
        self.files = (name,) if len(parts) == 1 else tuple(f"{name.rstrip('/')}/{part}" for part in parts)
        stored = [_schema(path, file) for path, file in zip(self.paths, self.files, strict=True)]
        for file, other in zip(self.files, stored, strict=True):
            if not other.equals(stored[0]):
                what = f"has other columns than {self.files[0]}: {_columns(other)}, and not {_columns(stored[0])}"
                raise input_error(file, what, "save the dataset again")
        self.titles = tuple(stored[0].names)
        self.schema: pa.Schema = self._with_features(distinct(stored[0]))
        # Columns of files that one pass has found sound; the next ones need not look again.
        self._sound: set[tuple[int, str]] = set()

    @as_opened
    def read(self, names: list[str], rows: int, verbatim: bool) -> Iterator[Chunk]:
        for index, file in enumerate(self.files):
            try:
                yield from chunks(self._checked(index, names), rows, index)
            except DAMAGED as error:
                raise cannot_read(file, error, "an Arrow file", "the file is damaged; save it again") from None

    def _checked(self, index: int, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        places = sorted(self.schema.get_field_index(name) for name in names)
        doubted = [name for name in names if (index, name) not in self._sound]
        for read in _batches(self.paths[index], places):
            batch = read.rename_columns([self.schema.names[place] for place in places])
            check_sound(batch.select(doubted))
            yield batch.select(names)
        self._sound.update((index, name) for name in doubted)

    def _with_features(self, schema: pa.Schema) -> pa.Schema:
        """The schema with what `dataset_info.json` says of the columns, where the file itself says nothing."""
        info = self.folder / "dataset_info.json"
        if b"huggingface" in (schema.metadata or {}) or not info.is_file():
            return schema
        features = json.dumps({"info": {"features": _json(info, self.name).get("features") or {}}})
        return schema.with_metadata({**(schema.metadata or {}), b"huggingface": features.encode()})


def _data_files(folder: Path, name: str) -> list[str]:
    """The names of the Arrow files, as `state.json` lists them."""
    entries = _json(folder / "state.json", name).get("_data_files")
    parts = [entry.get("filename") if isinstance(entry, dict) else None for entry in _listed(entries)]
    if not isinstance(entries, list) or not all(isinstance(part, str) and part for part in parts):
        what = "cannot be read as a dataset folder: state.json does not name its data files"
        raise input_error(name, what, "save the dataset again")
    return [str(part) for part in parts]


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _schema(path: Path, file: str) -> pa.Schema:
    check_unpacked(path, file, indexed=False)
    try:
        with pa.memory_map(str(path)) as stream, pa.ipc.open_stream(stream) as reader:
            schema = reader.schema
            check_names(schema)
            return schema
    except DAMAGED as error:
        raise cannot_read(file, error, "an Arrow file", "the file is damaged; save it again") from None


def _columns(schema: pa.Schema) -> str:
    return ", ".join(f"{field.name} ({field.type})" for field in schema)


def _batches(path: Path, places: Sequence[int]) -> Iterator[pa.RecordBatch]:
    """The batches of an Arrow file, columns at some places only, as they lie there: see `check_sound`."""
    wanted = pa.ipc.IpcReadOptions(included_fields=list(places), use_threads=False)
    with pa.memory_map(str(path)) as stream, pa.ipc.open_stream(stream, options=wanted) as reader:
        yield from reader


def recognises(source: Source) -> bool:
    """A folder made by `save_to_disk` (of a Dataset, or of a DatasetDict, which is then refused by name)."""
    if not isinstance(source, Path) or not source.is_dir():
        return False
    return (source / "state.json").is_file() or (source / "dataset_dict.json").is_file()


def open_hugging_face(source: Source, name: str, options: ReadOptions = AS_THEY_ARE) -> HuggingFaceSource:
    """Open a folder.

    Raises:
        InputError: The folder holds several splits and none was named, or not the one that was.
    """
    if not (source / "dataset_dict.json").is_file():
        return HuggingFaceSource(source, name)
    splits = [split for split in _listed(_json(source / "dataset_dict.json", name).get("splits")) if type(split) is str]
    if not splits:
        raise input_error(name, "holds no splits", "save the dataset again")
    split = choose_split(name, splits, options.split, [str(source / split) for split in splits])
    return HuggingFaceSource(source / split, name)


def open_hub(name: str, options: ReadOptions = AS_THEY_ARE) -> MemorySource:
    """Load `hub:NAME[@CONFIG][:SPLIT]` through the datasets library; remote code is never run.

    Raises:
        InputError: The hub does not have it, cannot be reached or may not be asked, or the split has to be named.
    """
    if hub_access.forbidden():
        what = "is on a hub, and this process may not ask one (--offline, HF_HUB_OFFLINE or LABELFIX_OFFLINE)"
        raise input_error(name, what, "name a local file or folder")
    try:
        import datasets
    except ImportError:
        what = "needs the package datasets, which is not installed here"
        remedy = "pip install 'labelfix[train]' brings it; or give a local folder that save_to_disk wrote"
        raise input_error(name, what, remedy) from None

    asked, _, split = name.removeprefix(HUB).partition(":")
    split = split or options.split or ""
    repository, _, config = asked.partition("@")
    if not repository:
        raise input_error(name, "names no dataset", "give its name on the hub: hub:NAME, or hub:NAME:SPLIT")
    try:
        loaded = datasets.load_dataset(repository, config or None, split=split or None)
    except Exception as error:  # the library raises many kinds, and none of them is a crash of labelfix
        reason = str(error).strip().splitlines()[0][:160] if str(error).strip() else type(error).__name__
        remedy = "check the name (hub:NAME, hub:NAME:SPLIT, hub:NAME@CONFIG:SPLIT) and the network"
        raise input_error(name, f"cannot be loaded from the hub ({reason})", remedy) from None
    if not isinstance(loaded, datasets.Dataset):
        loaded = loaded[choose_split(name, list(loaded), None, [f"{HUB}{asked}:{key}" for key in loaded])]
    return MemorySource(loaded, name, format_name="hugging_face")


def _json(path: Path, name: str) -> dict[str, Any]:
    try:
        content = decode_json(path.read_text(encoding="utf-8"))
        return dict(content)
    except (OSError, ValueError, TypeError) as error:
        raise cannot_read(name, error, f"a dataset folder: {path.name} is damaged", "save the dataset again") from None
