"""Sound inputs for `fuzz.py`, tiny and made by code: some of every format that labelfix reads.

A seed is a set of files in memory, the names of the noisy and of the trusted one among them, and how they are read.
`SEEDS` has, for every kind, a function that makes its seeds.
"""

import bz2
import csv
import gzip
import io
import json
import lzma
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
from PIL import Image

ROWS = 24
WORDS = (
    "apple",
    "river",
    "Straße",
    "café",
    "東京の天気",
    "naïve",
    "house",
    "green",
    "quick",
    "winter",
    "Ωmega",
    "seven",
)
CLASSES = ("cat", "dog", "owl")


@dataclass(frozen=True)
class Seed:
    """A sound input.

    Attributes:
        files: Path in the folder → contents.
        noisy: The noisy file or folder.
        clean: The trusted file or folder.
        settings: Fields of `DataSettings`; values that begin with `./` are files of the folder.
        changed: The files that are mutated; empty for all.
    """

    files: dict[str, bytes]
    noisy: str
    clean: str = "gold.csv"
    settings: dict[str, Any] = field(default_factory=dict)
    changed: tuple[str, ...] = ()


def ids():
    return [f"a{row}" for row in range(1, ROWS + 1)]


def texts(latin=False):
    words = [word for word in WORDS if not latin or word.encode("cp1252", "ignore").decode("cp1252") == word]
    return [
        " ".join(words[(row * step) % len(words)] for step in range(1, 6)) + f", number {row}"
        for row in range(1, ROWS + 1)
    ]


def labels():
    return [CLASSES[(row + row // 7) % 3] for row in range(ROWS)]


def numbers():
    return np.random.default_rng(0).normal(size=(ROWS, 3)).round(3).tolist()


def gold():
    rows = [f"{id_},{CLASSES[row % 3]}" for row, id_ in enumerate(ids()[:9])]
    return ("\n".join(["id,label", *rows]) + "\n").encode()


def delimited(latin=False, feature=False, **dialect):
    """A table as delimited text: ids, sentences and labels, or numbers and categories instead of sentences."""
    text = io.StringIO()
    writer = csv.writer(text, **{"lineterminator": "\n", **dialect})
    if feature:
        writer.writerow(["id", "height", "width", "colour", "day", "label"])
        for row, (h, w, _) in enumerate(numbers()):
            day = f"2024-0{row % 9 + 1}-1{row % 7}"
            writer.writerow([ids()[row], h, w, ("red", "blue")[row % 2], day, labels()[row]])
    else:
        writer.writerow(["id", "text", "label"])
        writer.writerows(zip(ids(), texts(latin), labels(), strict=True))
    return text.getvalue()


def csv_seeds():
    plain, table = delimited().encode(), delimited(feature=True).encode()
    semicolons = delimited(latin=True, delimiter=";").encode("cp1252")
    decimal = delimited(feature=True, delimiter=";").replace(".", ",").encode()
    several = {f"parts/{part}.csv": plain for part in (0, 1)}
    several["parts/1.csv"] = plain.replace(b"\na", b"\nb")
    return [
        Seed({"noisy.csv": plain, "gold.csv": gold()}, "noisy.csv"),
        Seed({"noisy.csv": table, "gold.csv": gold()}, "noisy.csv"),
        Seed({"noisy.csv": semicolons, "gold.csv": gold()}, "noisy.csv", settings={"encoding": "cp1252"}),
        Seed({"noisy.csv": decimal, "gold.csv": gold()}, "noisy.csv"),
        Seed({"noisy.csv": delimited(quoting=csv.QUOTE_ALL).encode("utf-16"), "gold.csv": gold()}, "noisy.csv"),
        Seed({"noisy.csv": b"\xef\xbb\xbf" + plain.replace(b"\n", b"\r\n"), "gold.csv": gold()}, "noisy.csv"),
        Seed(
            {"noisy.csv": delimited(escapechar="\\", quoting=csv.QUOTE_NONE).encode(), "gold.csv": gold()}, "noisy.csv"
        ),
        Seed({**several, "gold.csv": gold()}, "parts"),
    ]


def tsv_seeds():
    tabs, bars = delimited(delimiter="\t").encode(), delimited(delimiter="|").encode()
    return [
        Seed({"noisy.tsv": tabs, "gold.csv": gold()}, "noisy.tsv"),
        Seed({"noisy.txt": bars, "gold.csv": gold()}, "noisy.txt"),
        Seed({"noisy.tsv": tabs, "gold.tsv": gold().replace(b",", b"\t")}, "noisy.tsv", "gold.tsv"),
    ]


def packed_seeds():
    plain = delimited().encode()
    lines = b"".join(json.dumps(record).encode() + b"\n" for record in records())
    return [
        Seed({"noisy.csv.gz": gzip.compress(plain, mtime=0), "gold.csv": gold()}, "noisy.csv.gz"),
        Seed({"noisy.csv.bz2": bz2.compress(plain), "gold.csv": gold()}, "noisy.csv.bz2"),
        Seed({"noisy.csv.xz": lzma.compress(plain), "gold.csv": gold()}, "noisy.csv.xz"),
        Seed({"noisy.csv.zst": pa.compress(plain, "zstd", asbytes=True), "gold.csv": gold()}, "noisy.csv.zst"),
        Seed({"noisy.jsonl.gz": gzip.compress(lines, mtime=0), "gold.csv": gold()}, "noisy.jsonl.gz"),
        Seed({"noisy.json.zst": pa.compress(lines, "zstd", asbytes=True), "gold.csv": gold()}, "noisy.json.zst"),
    ]


def records():
    return [
        {"id": id_, "text": text, "label": label, "meta": {"n": row, "tags": ["x", "y"][: row % 3]}}
        for row, (id_, text, label) in enumerate(zip(ids(), texts(), labels(), strict=True))
    ]


def number_records():
    return [{"id": i, "embedding": x * 4, "label": y} for i, x, y in zip(ids(), numbers(), labels(), strict=True)]


def jsonl_seeds():
    lines = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records()).encode()
    vectors = "".join(json.dumps(record) + "\n" for record in number_records()).encode()
    features = "".join(
        json.dumps({"id": i, "f": {"h": x[0], "w": x[1]}, "flag": x[2] > 0, "label": y}) + "\n"
        for i, x, y in zip(ids(), numbers(), labels(), strict=True)
    ).encode()
    trusted = "".join(json.dumps({"id": i, "label": CLASSES[n % 3]}) + "\n" for n, i in enumerate(ids()[:9])).encode()
    return [
        Seed({"noisy.jsonl": lines, "gold.csv": gold()}, "noisy.jsonl"),
        Seed({"noisy.jsonl": vectors, "gold.jsonl": trusted}, "noisy.jsonl", "gold.jsonl"),
        Seed({"noisy.ndjson": features, "gold.csv": gold()}, "noisy.ndjson"),
    ]


def json_seeds():
    return [
        Seed({"noisy.json": json.dumps(records()).encode(), "gold.csv": gold()}, "noisy.json"),
        Seed({"noisy.json": json.dumps(number_records(), indent=1).encode(), "gold.csv": gold()}, "noisy.json"),
    ]


def text_table():
    return pa.table({"id": ids(), "text": texts(), "label": labels()})


def typed_table():
    """Features of many types."""
    rows = range(ROWS)
    return pa.table(
        {
            "id": pa.array([*rows], pa.int32()),
            "small": pa.array([row % 100 for row in rows], pa.int8()),
            "half": pa.array(np.arange(ROWS, dtype=np.float16)),
            "price": pa.array([row / 4 for row in rows], pa.float64()).cast(pa.decimal128(9, 2)),
            "day": pa.array([19000 + row for row in rows], pa.int32()).cast(pa.date32()),
            "when": pa.array([1700000000 + 1000 * row for row in rows], pa.timestamp("s")),
            "open": pa.array([row % 2 == 0 for row in rows]),
            "colour": pa.array([("red", "blue", None)[row % 3] for row in rows]).dictionary_encode(),
            "large": pa.array([f"k{row % 4}" for row in rows], pa.large_string()),
            "view": pa.array([f"v{row % 5}" for row in rows], pa.string()),
            "blob": pa.array([b"b%d" % (row % 3) for row in rows], pa.binary()),
            "label": pa.array([row % 3 for row in rows], pa.int64()),
        }
    )


def vector_table(fixed):
    type_ = pa.list_(pa.float32(), 12) if fixed else pa.list_(pa.float64())
    return pa.table({"id": ids(), "embedding": pa.array([x * 4 for x in numbers()], type_), "label": labels()})


def nested_table():
    structs = pa.array([{"a": row, "b": {"c": [str(row)], "d": None}} for row in range(ROWS)])
    maps = pa.array([[("k", row)] for row in range(ROWS)], pa.map_(pa.string(), pa.int64()))
    lists = pa.array([[[row], []] for row in range(ROWS)])
    return text_table().append_column("s", structs).append_column("m", maps).append_column("l", lists)


def picture_table():
    type_ = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    cells = [{"bytes": data, "path": name} for name, data in pictures(ROWS)]
    return pa.table({"id": ids(), "image": pa.array(cells, type_), "label": labels()})


def tables():
    """Tables with the trusted file that goes with each."""
    coded = "id,label\n" + "".join(f"{row},{row % 3}\n" for row in range(9))
    by_number = coded.encode()
    own = [text_table(), vector_table(True), vector_table(False), nested_table(), picture_table()]
    coded_text = text_table().set_column(2, "label", pa.array(labels()).dictionary_encode())
    return [*((table, gold()) for table in [*own, coded_text]), (typed_table(), by_number)]


def parquet_bytes(table, **how):
    sink = io.BytesIO()
    pq.write_table(table, sink, **how)
    return sink.getvalue()


def arrow_bytes(table, stream=False, compression=None):
    sink = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    make = pa.ipc.new_stream if stream else pa.ipc.new_file
    with make(sink, table.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=10)
    return sink.getvalue()


def parquet_seeds():
    seeds = [
        Seed({"noisy.parquet": parquet_bytes(table, compression="none"), "gold.csv": trusted}, "noisy.parquet")
        for table, trusted in tables()
    ]
    packed = parquet_bytes(text_table(), row_group_size=7, data_page_version="2.0", use_dictionary=False)
    rest = parquet_bytes(text_table().slice(9), compression="none")
    parts = {"parts/0.parquet": parquet_bytes(text_table().slice(0, 9)), "parts/1.parquet": rest}
    seeds.append(Seed({"noisy.parquet": packed, "gold.csv": gold()}, "noisy.parquet"))
    seeds.append(Seed({**parts, "gold.csv": gold()}, "parts"))
    return seeds


def arrow_seeds():
    seeds = [
        Seed({"noisy.arrow": arrow_bytes(table, stream=bool(place % 2)), "gold.csv": trusted}, "noisy.arrow")
        for place, (table, trusted) in enumerate(tables())
    ]
    feather = io.BytesIO()
    pyarrow.feather.write_feather(text_table(), feather, compression="lz4")
    seeds.append(Seed({"noisy.feather": feather.getvalue(), "gold.csv": gold()}, "noisy.feather"))
    views = text_table().set_column(1, "text", pa.array(texts(), pa.string_view()))
    seeds.append(Seed({"noisy.arrow": arrow_bytes(views), "gold.csv": gold()}, "noisy.arrow"))
    return seeds


def saved_seeds():
    """Folders as `datasets` saves them."""
    seeds = []
    for table, trusted in tables():
        half = ROWS // 2
        parts = {f"data-0000{n}-of-00002.arrow": table.slice(n * half, half) for n in (0, 1)}
        features = {"id": {"dtype": "string", "_type": "Value"}, "label": {"names": [*CLASSES], "_type": "ClassLabel"}}
        files = {f"saved/{name}": arrow_bytes(part, stream=True) for name, part in parts.items()}
        state = {"_data_files": [{"filename": name} for name in parts], "_fingerprint": "0", "_split": None}
        files["saved/state.json"] = json.dumps(state).encode()
        files["saved/dataset_info.json"] = json.dumps({"features": features}).encode()
        seeds.append(Seed({**files, "gold.csv": trusted}, "saved"))
    return seeds


def xlsx_bytes(rows):
    """A workbook of one sheet, as small as can be."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    lines = []
    for number, row in enumerate(rows, start=1):
        cells = [
            f'<c r="{chr(65 + place)}{number}"><v>{value}</v></c>'
            if isinstance(value, int | float)
            else f'<c r="{chr(65 + place)}{number}" t="inlineStr"><is><t>{value}</t></is></c>'
            for place, value in enumerate(row)
        ]
        lines.append(f'<row r="{number}">{"".join(cells)}</row>')
    kinds = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{kinds}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{kinds}.worksheet+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships">'
        f'<Relationship Id="rId1" Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>'
        '<sheet name="one" sheetId="1" r:id="rId1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships">'
        f'<Relationship Id="rId1" Type="{office}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{"".join(lines)}</sheetData></worksheet>',
    }
    return zipped({name: text.encode() for name, text in parts.items()})


def zipped(parts):
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return sink.getvalue()


def xlsx_seeds():
    sentences = [["id", "text", "label"], *map(list, zip(ids(), texts(), labels(), strict=True))]
    features = [
        ["id", "h", "w", "label"],
        *([i, *x[:2], y] for i, x, y in zip(ids(), numbers(), labels(), strict=True)),
    ]
    return [Seed({"noisy.xlsx": xlsx_bytes(rows), "gold.csv": gold()}, "noisy.xlsx") for rows in (sentences, features)]


def pictures(count, size=6):
    """Images of many modes and formats, each with a file name."""
    kinds = [
        *(("RGB", "png"), ("L", "png"), ("P", "png"), ("RGBA", "png"), ("I;16", "png"), ("1", "png"), ("LA", "png")),
        *(
            ("RGB", "jpg"),
            ("L", "jpg"),
            ("CMYK", "jpg"),
            ("P", "gif"),
            ("RGB", "bmp"),
            ("RGB", "webp"),
            ("RGBA", "webp"),
        ),
        *(("F", "tif"), ("I", "tif"), ("RGB", "tif"), ("LAB", "tif"), ("L", "pgm"), ("RGB", "ppm"), ("RGB", "jp2")),
    ]
    made = []
    for place in range(count):
        mode, ending = kinds[place % len(kinds)]
        levels = np.arange(size * size * 3, dtype=np.uint8).reshape(size, size, 3) * 2 + place
        image = Image.fromarray(levels)
        # Pillow makes no LAB of a picture, but takes three bands for one.
        image = Image.merge("LAB", image.split()) if mode == "LAB" else _as_mode(image, mode)
        sink = io.BytesIO()
        image.save(
            sink, {"jpg": "JPEG", "tif": "TIFF", "pgm": "PPM", "ppm": "PPM", "jp2": "JPEG2000"}.get(ending, ending)
        )
        made.append((f"p{place}.{ending}", sink.getvalue()))
    return made


def _as_mode(image, mode):
    if mode == "I;16":
        return Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 200)
    return image.convert(mode)


def image_seeds():
    folder = {f"pics/{CLASSES[n % 3]}/{name}": data for n, (name, data) in enumerate(pictures(ROWS))}
    trusted = "".join(f"{path.removeprefix('pics/')},{CLASSES[n % 3]}\n" for n, path in enumerate([*folder][:9]))
    by_class = Seed({**folder, "gold.csv": f"id,label\n{trusted}".encode()}, "pics")
    table = "".join(f"{name},{CLASSES[n % 3]},{n}\n" for n, (name, _) in enumerate(pictures(ROWS)))
    flat = {f"flat/{name}": data for name, data in pictures(ROWS)}
    by_id = "".join(f"{name},{CLASSES[n % 3]}\n" for n, (name, _) in enumerate(pictures(9)))
    lines = "".join(
        json.dumps({"file_name": name, "label": CLASSES[n % 3]}) + "\n" for n, (name, _) in enumerate(pictures(ROWS))
    )
    small = {"gold.csv": f"id,label\n{by_id}".encode()}
    return [
        by_class,
        Seed(by_class.files, by_class.noisy, settings={"skip_unreadable": True}),
        Seed({**flat, "flat/metadata.csv": f"file_name,label,n\n{table}".encode(), **small}, "flat"),
        Seed({**flat, "flat/metadata.jsonl": lines.encode(), **small}, "flat", settings={"skip_unreadable": True}),
    ]


def picture_seeds():
    """Encoded images in tables."""
    table = picture_table()
    data = pa.array([cell["bytes"] for cell in table["image"].to_pylist()], pa.binary())
    bare = table.set_column(1, "image", data)
    return [
        Seed({"noisy.parquet": parquet_bytes(table), "gold.csv": gold()}, "noisy.parquet"),
        Seed({"noisy.parquet": parquet_bytes(bare, compression="none"), "gold.csv": gold()}, "noisy.parquet"),
        Seed(
            {"noisy.arrow": arrow_bytes(table, True), "gold.csv": gold()},
            "noisy.arrow",
            settings={"skip_unreadable": True},
        ),
    ]


def class_map_seeds():
    aliases = b"alias,class\nkitten,cat\npuppy,dog\nhoot,owl\nunknown,\n"
    noisy = delimited().replace("cat\n", "kitten\n", 3).encode()
    words = json.dumps({"kitten": "cat", "puppy": "dog", "hoot": "owl", "unknown": ""}).encode()
    return [
        Seed({"noisy.csv": noisy, "gold.csv": gold(), name: data}, "noisy.csv", settings={"class_map": f"./{name}"})
        for name, data in (("map.csv", aliases), ("map.json", words), ("map.csv.gz", gzip.compress(aliases, mtime=0)))
    ]


def hive_seeds():
    files: dict[str, bytes] = {}
    rows = text_table().to_pylist()
    for name in CLASSES:
        mine = [{"id": row["id"], "text": row["text"]} for row in rows if row["label"] == name]
        files[f"out/label={name}/part-0.parquet"] = parquet_bytes(pa.Table.from_pylist(mine), compression="none")
    return [Seed({**files, "gold.csv": gold()}, "out")]


SEEDS: dict[str, Callable[[], list[Seed]]] = {
    "csv": csv_seeds,
    "tsv": tsv_seeds,
    "packed": packed_seeds,
    "jsonl": jsonl_seeds,
    "json": json_seeds,
    "parquet": parquet_seeds,
    "arrow": arrow_seeds,
    "saved": saved_seeds,
    "xlsx": xlsx_seeds,
    "images": image_seeds,
    "pictures": picture_seeds,
    "classmap": class_map_seeds,
    "hive": hive_seeds,
}
"""Kind → its seeds."""
