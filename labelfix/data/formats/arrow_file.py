"""Arrow and Feather files: the Arrow IPC format, as pyarrow, polars and datasets write it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from labelfix.data.formats.arrow_sizes import check_unpacked
from labelfix.data.formats.base import AS_THEY_ARE, Chunk, ReadOptions, Source, chunks
from labelfix.data.formats.bounds import ROW_BYTES, Bounds, check_columns
from labelfix.data.formats.file_checks import DAMAGED, cannot_read, check_file
from labelfix.data.formats.hashed_files import HashedFiles, as_opened
from labelfix.data.formats.plain import check_sound
from labelfix.data.formats.repeated import in_pieces
from labelfix.data.formats.titles import distinct
from labelfix.errors import input_error
from labelfix.remote import RemotePath, readable

FILE, FEATHER_1 = b"ARROW1", b"FEA1"
WRITE_AGAIN = "the file is damaged; write it again"
SUFFIXES = (".arrow", ".feather", ".ipc", ".arrows")


class ArrowSource(HashedFiles):
    """One Arrow file, in the file or the stream format.

    Args:
        name: The table as the user named it.

    Raises:
        InputError: The file is missing, damaged, or of the first version of Feather.
    """

    format = "arrow"

    def __init__(self, paths: Sequence[Path], name: str, options: ReadOptions = AS_THEY_ARE) -> None:
        super().__init__(paths, name)
        (path,) = paths
        check_file(path, name)
        with path.open("rb", buffering=0) as stream:
            head = stream.read(len(FILE))
        if head.startswith(FEATHER_1):
            remedy = "write it again as Parquet, for example by pandas.read_feather and to_parquet"
            raise input_error(name, "is a Feather file of version 1", remedy)
        self._indexed = head == FILE
        check_unpacked(path, name, self._indexed)
        with self._reader() as reader:
            check_columns(len(reader.schema), name)
            self.titles = tuple(reader.schema.names)
            self.schema: pa.Schema = distinct(reader.schema)

    @as_opened
    def read(self, names: list[str], rows: int, verbatim: bool) -> Iterator[Chunk]:
        yield from chunks(self._parts(names), rows)

    def _parts(self, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        places = [self.schema.get_field_index(name) for name in names]
        bounds = Bounds(self.paths[0], self.name)
        with self._reader() as reader:
            for batch in self._batches(reader):
                bounds.hold(ROW_BYTES * batch.num_rows)
                # By place: titles may repeat.
                wanted = pa.record_batch([batch.column(place) for place in places], names=names)
                # Offsets of a damaged file may lead anywhere; read as they are, they would end the process.
                check_sound(wanted)
                yield from in_pieces(wanted, bounds)

    def _batches(self, reader: Any) -> Iterator[pa.RecordBatch]:  # noqa: ANN401 - one of two readers
        if self._indexed:
            yield from (reader.get_batch(index) for index in range(reader.num_record_batches))
        else:
            yield from reader

    @contextmanager
    def _reader(self) -> Iterator[Any]:
        try:
            with _arrow_stream(self.paths[0]) as stream:
                yield pa.ipc.open_file(stream) if self._indexed else pa.ipc.open_stream(stream)
        except DAMAGED as error:
            raise cannot_read(self.name, error, "an Arrow file", WRITE_AGAIN) from None


def _arrow_stream(path: Path) -> Any:  # noqa: ANN401 - one of Arrow's files
    # Read and not mapped: what a mapped file lacks ends the process.
    return pa.PythonFile(readable(path)) if isinstance(path, RemotePath) else pa.OSFile(str(path))


def recognises(source: Source) -> bool:
    """A file that begins as an Arrow file does, or is called one."""
    if not isinstance(source, Path) or not source.is_file():
        return False
    with source.open("rb", buffering=0) as stream:
        return stream.read(len(FILE)).startswith((FILE, FEATHER_1)) or source.suffix.lower() in SUFFIXES
