"""Opening a table of any format, and writing one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from labelfix.data.formats import arrow_file, excel, folders, hugging_face, memory, parquet
from labelfix.data.formats.base import AS_THEY_ARE, FORMATS_READ, FileFormat, ReadOptions, Source, TableSource
from labelfix.data.formats.csv import source as csv
from labelfix.data.formats.file_checks import check_file, magic
from labelfix.data.formats.frames import are_records
from labelfix.data.formats.images import folder as image_folder
from labelfix.data.formats.json import lines as json_lines
from labelfix.data.formats.several import SeveralSources
from labelfix.errors import Defect, InputError, input_error
from labelfix.remote import RemotePath, as_path
from labelfix.runs import atomic_path
from labelfix.runs.targets import GLOB
from labelfix.settings.hub_access import HUB

Open = Callable[[Source, str, ReadOptions], TableSource]


def _of_one_file(kind: Callable[[list[Path], str, ReadOptions], TableSource]) -> Open:
    """What opens a single file, by what opens several as one table."""
    return lambda path, name, options: kind([path], name, options)


PARQUET, ARROW, EXCEL = map(_of_one_file, (parquet.ParquetSource, arrow_file.ArrowSource, excel.ExcelSource))
CSV, JSON = map(_of_one_file, (csv.CsvSource, json_lines.JsonSource))

FORMATS: tuple[FileFormat, ...] = (
    FileFormat("hugging_face", hugging_face.recognises, hugging_face.open_hugging_face),
    FileFormat("parquet", parquet.recognises, PARQUET, parquet.SUFFIXES, parquet.write_parquet),
    FileFormat("arrow", arrow_file.recognises, ARROW),
    FileFormat("excel", excel.recognises, EXCEL),
    FileFormat("csv", csv.recognises, CSV, csv.SUFFIXES, csv.write_csv),
    FileFormat("json", json_lines.recognises, JSON, json_lines.SUFFIXES, json_lines.write_json),
    FileFormat("image_folder", image_folder.recognises, image_folder.open_image_folder),
    FileFormat("memory", memory.recognises, memory.open_memory),
)
"""Tried in this order; the first that recognises a source reads it."""

SHEETS = (".xls", ".xlsb", ".ods", ".numbers")
VECTORS = "pandas.DataFrame({{'id': ids, 'embedding': list({}), 'label': labels}}).to_parquet('STEM.parquet')"
IN_R = "write.csv({}, 'STEM.csv', row.names = FALSE)"
WRITTEN_BY = {
    "write it as Parquet, in Python: pandas.{}('FILE').to_parquet('STEM.parquet')": {
        ".sav": "read_spss", ".dta": "read_stata", ".sas7bdat": "read_sas", ".xpt": "read_sas", ".orc": "read_orc",
        ".xml": "read_xml", ".h5": "read_hdf", ".hdf5": "read_hdf", ".pkl": "read_pickle", ".pickle": "read_pickle",
    },
    f"write its vectors as Parquet beside their ids and labels, in Python: {VECTORS}": {
        ".npy": "numpy.load('FILE')", ".npz": "numpy.load('FILE')['NAME']",
        ".mat": "scipy.io.loadmat('FILE')['NAME']", ".pt": "torch.load('FILE', weights_only=True).numpy()",
        ".pth": "torch.load('FILE', weights_only=True).numpy()", ".joblib": "joblib.load('FILE')",
        ".safetensors": "safetensors.numpy.load_file('FILE')['NAME']",
    },
    "export its table, here called NAME: {}": {
        **dict.fromkeys((".db", ".sqlite", ".sqlite3"), "sqlite3 -header -csv FILE 'SELECT * FROM NAME' > STEM.csv"),
        ".duckdb": "duckdb FILE \"COPY NAME TO 'STEM.parquet'\"",
        ".mdb": "mdb-export FILE NAME > STEM.csv", ".accdb": "mdb-export FILE NAME > STEM.csv",
    },
    "write it as CSV, in R: {}": {
        ".rds": IN_R.format("readRDS('FILE')"),
        **dict.fromkeys((".rda", ".rdata"), "load('FILE'); " + IN_R.format("NAME")),
    },
    "{}": {
        ".arff": "write it as CSV: its names stand behind @attribute, its rows below @data; or in Python: "
        "pandas.DataFrame(scipy.io.arff.loadarff('FILE')[0]).to_parquet('STEM.parquet')",
        ".avro": "write it as Parquet, in Python: polars.read_avro('FILE').write_parquet('STEM.parquet')",
        ".tfrecord": "write its records as JSON Lines, a row each; tf.data.TFRecordDataset('FILE') reads them",
        ".gsheet": "it only links to the sheet: download that as CSV (File, Download)",
        ".ipynb": "it is a notebook: give the file that its table is in",
        **dict.fromkeys((".z", ".lz4", ".br", ".sz", ".lzma", ".lzo", ".snappy"), "unpack it, and give what is in it"),
        **dict.fromkeys((".docx", ".pdf", ".rtf"), "write its table as CSV"),
        **dict.fromkeys((".yaml", ".yml"), "give the folder or the table that it describes, or write its rows as CSV"),
    },
}  # fmt: skip
"""What to do with files of some endings, that are not read here: the way, and what it is for each ending."""
ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".7z", ".rar")

PACKED = (*ARCHIVES, ".zip")

KINDS: tuple[folders.FileKind, ...] = (
    folders.FileKind("Parquet", parquet.SUFFIXES, parquet.ParquetSource),
    folders.FileKind("CSV", csv.SUFFIXES, csv.CsvSource, (".txt", ".txt.gz"), True),
    folders.FileKind(
        "JSON Lines",
        tuple(suffix for suffix in json_lines.SUFFIXES if not suffix.startswith(".json.") and suffix != ".json"),
        json_lines.JsonSource,
        (".json", ".json.gz"),
    ),
)
"""The files that a folder of tables, or a glob, is made of."""


def open_table(source: Source, name: str | None = None, options: ReadOptions = AS_THEY_ARE) -> TableSource:
    """Open a table.

    Args:
        source: A path, a folder, a glob, `hub:NAME`, or a table in memory.
        name: What to call it in messages; by default the path as given, or `table`.
        options: How it is to be read, as given by the user.

    Raises:
        InputError: There is no such file, or labelfix does not read its type.
    """
    opened = _open(source, name, options)
    opened.read_rows = options.read_rows
    return opened


def open_several(sources: Sequence[Any], name: str | None = None, options: ReadOptions = AS_THEY_ARE) -> TableSource:
    """Open one or several tables as one; every one that cannot be opened is named.

    Raises:
        InputError: As `open_table`, for all of them at once.
    """
    if are_records(sources):
        return open_table(sources, name, options)
    opened = open_each(sources, lambda source: open_table(source, name, options))
    return opened[0] if len(opened) == 1 else SeveralSources(opened)


def open_each(sources: Iterable[Any], open_one: Callable[[Any], TableSource]) -> list[TableSource]:
    """Open several tables, each by itself; every one that cannot be opened is named.

    Raises:
        InputError: As `open_one`, for all of them at once.
    """
    opened: list[TableSource] = []
    defects: list[Defect] = []
    for source in sources:
        try:
            opened.append(open_one(source))
        except InputError as error:
            defects += error.defects
    if defects:
        raise InputError(defects)
    return opened


def write_batches(path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
    """Write a table: CSV, TSV (also .gz) or Parquet by the ending of the name, beside its place and then renamed.

    Args:
        path: Where to; an existing file is replaced.
        schema: Columns, types and metadata (CSV keeps the names only).

    Raises:
        InputError: The ending is not one that labelfix writes.
    """
    path = as_path(path)
    for format_ in FORMATS:
        if format_.write is not None and path.name.lower().endswith(format_.suffixes):
            with atomic_path(path) as beside:
                format_.write(beside, path, schema, batches)
            return
    endings = ", ".join(suffix for format_ in FORMATS for suffix in format_.suffixes)
    raise input_error(
        str(path), f"has an ending that labelfix does not write ({path.suffix or 'none'})", f"use {endings}"
    )


def _open(source: Source, name: str | None, options: ReadOptions) -> TableSource:
    if isinstance(source, str) and source.startswith(HUB):
        return hugging_face.open_hub(source, options)
    if isinstance(source, str | Path):
        path = as_path(source).expanduser()
        name = name or str(path if isinstance(path, RemotePath) else source)
        if GLOB & set(str(path)) and not path.exists():
            return folders.open_glob(path, name, options, KINDS)
        return _open_path(path, name, options)
    return memory.open_memory(source, name or "table", options)


def _open_path(path: Path, name: str, options: ReadOptions) -> TableSource:
    if not path.is_dir():
        check_file(path, name)
        settled = _by_contents(path)
        if settled is not None:
            return settled(path, name, options)
    elif isinstance(path, RemotePath) or _is_tables(path):
        tables = folders.open_folder(path, name, options, KINDS)
        if tables is not None:
            return tables
        raise _nothing_in(path, name)
    for format_ in FORMATS:
        if format_.recognises(path):
            return format_.open(path, name, options)
    if not path.is_dir() and magic(path) is None and _way_out(path) is None and csv.looks_delimited(path, options):
        return CSV(path, name, options)
    raise _unread(path, name)


def _nothing_in(folder: Path, name: str) -> InputError:
    """The error for a folder without a table, with the way out where a file in it can be given by itself."""
    what, remedy = "is a folder with nothing in it that labelfix reads", f"it reads {FORMATS_READ}"
    files = [] if isinstance(folder, RemotePath) else sorted(folder.iterdir())
    alone = [
        file.name
        for file in files
        if file.name.lower().endswith((*excel.SUFFIXES, *arrow_file.SUFFIXES, *SHEETS, *PACKED))
    ]
    if alone:
        what = "is a folder without files that are read as one table"
        remedy = f"give a file by its own path, such as {name.rstrip('/')}/{alone[0]}"
        remedy += " once it is unpacked" if alone[0].lower().endswith(PACKED) else ""
    return input_error(name, what, remedy)


def _is_tables(path: Path) -> bool:
    """Whether a folder is to hold tables, and is no dataset of `datasets` nor a folder of images."""
    if hugging_face.recognises(path):
        return False
    return parquet.recognises(path) or not image_folder.recognises(path)


def _by_contents(path: Path) -> Open | None:
    """How a file is opened whose first bytes settle what it is, whatever its name says."""
    noun = magic(path)
    if noun == "a Parquet file":
        return PARQUET
    if noun == "an Arrow or Feather file":
        return ARROW
    if noun is None and path.suffix.lower() in excel.SUFFIXES and csv.looks_delimited(path, AS_THEY_ARE):
        return CSV
    if noun is None and _way_out(path) is None and json_lines.begins_with_records(path):
        return JSON
    return None


def _unread(path: Path, name: str) -> InputError:
    """The error for a file of a type that labelfix does not read, with the way out where there is one."""
    noun = magic(path) or (f"a {path.suffix} file" if path.suffix else "a file without an ending")
    remedy = f"it reads {FORMATS_READ}"
    name_ = path.name.lower()
    if (out := _way_out(path)) is not None:
        noun, remedy = f"a {path.suffix} file", out
    elif name_.endswith(SHEETS):
        noun, remedy = f"a {path.suffix} file", "save its table as .xlsx or as CSV UTF-8"
    elif name_.endswith(ARCHIVES):
        noun, remedy = "an archive", "unpack it, and give the file or the folder that is in it"
    elif noun.startswith("a ZIP archive"):
        noun, remedy = "a ZIP archive", "unzip it, and give the file or the folder that is in it"
    return input_error(name, f"is {noun}, which labelfix does not read", remedy)


def _way_out(path: Path) -> str | None:
    """What to do with a file whose ending says that it is of a type that is not read."""
    for way, endings in WRITTEN_BY.items():
        if (how := endings.get(path.suffix.lower())) is not None:
            return way.format(how).replace("FILE", path.name).replace("STEM", path.stem)
    return None
