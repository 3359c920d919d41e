"""Outputs that are written and read block by block are those of the whole table."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelfix.data.formats import open_table, parquet
from labelfix.errors import InputError
from labelfix.outputs import exports, gate
from labelfix.outputs.alignment import AlignedLabels
from labelfix.outputs.baseline import Accepted, Baseline
from labelfix.outputs.corrected_rows import CorrectedFile, HeldRows
from labelfix.outputs.exports import corrected_table, write_corrected
from labelfix.outputs.own_file import export_table
from labelfix.outputs.worst import WorstRows

ROWS = 500


@pytest.fixture
def labels(make_labels):
    """Labels of 500 rows with ties in their scores; every ninth without a given label."""
    generator = np.random.default_rng(0)
    given = [None if row % 9 == 0 else ("cat", "dog")[row % 2] for row in range(ROWS)]
    share = generator.integers(1, 20, ROWS) / 20
    return make_labels(given, np.stack([share, 1 - share], axis=1), min_confidence=0.7)


def cut(labels, rows):
    """Some rows of corrected labels, by a slice or by their positions."""
    rows = np.arange(len(labels))[rows]
    names = ("given", "soft", "predicted", "file_index", "row_number")
    return replace(labels, ids=labels.ids.take(pa.array(rows)), **{n: getattr(labels, n)[rows] for n in names})


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
@pytest.mark.parametrize("block", [1, 64, 100, 499, 500])
def test_the_bytes_do_not_show_the_blocks(labels, tmp_path, monkeypatch, block, suffix):
    monkeypatch.setattr(exports, "ROW_GROUP", 128)
    counts = write_corrected(tmp_path / f"whole.{suffix}", labels)
    blocks = (cut(labels, slice(start, start + block)) for start in range(0, ROWS, block))
    assert write_corrected(tmp_path / f"blocks.{suffix}", blocks) == counts
    assert (tmp_path / f"blocks.{suffix}").read_bytes() == (tmp_path / f"whole.{suffix}").read_bytes()
    assert sum(counts.values()) == ROWS
    assert counts["fill"] == len(range(0, ROWS, 9))


def test_a_defect_in_a_later_block_leaves_no_file(labels, tmp_path):
    def blocks():
        yield cut(labels, slice(0, 100))
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        write_corrected(tmp_path / "a.parquet", blocks())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("show", [None, 0, 1, 7, 20, 1000])
@pytest.mark.parametrize("min_confidence", [None, 0.55, 0.9])
def test_a_file_judged_group_by_group_has_the_findings_of_the_table(
    labels, tmp_path, monkeypatch, show, min_confidence
):
    monkeypatch.setattr(exports, "ROW_GROUP", 64)
    write_corrected(tmp_path / "a.parquet", labels)
    names = {f"r{row}" for row in range(1, ROWS, 3)}
    accepted = Baseline(dict.fromkeys(names, (Accepted(),)))
    file = CorrectedFile(tmp_path / "a.parquet")
    assert len(file.group_sizes) == 8
    judged = gate.apply_gates(file, "a", 0.5, min_confidence, accepted, show)
    whole = gate.apply_gates(HeldRows(corrected_table(labels)), "a", 0.5, min_confidence, accepted)
    assert judged.findings == whole.findings[:show]
    assert whole.issues == len(whole.findings) > 20
    assert (judged.issues, judged.accepted, judged.labelled) == (whole.issues, whole.accepted, whole.labelled)
    keys = [(found.label_score, -found.confidence, found.row) for found in whole.findings]
    assert keys == sorted(keys)
    assert not names & {found.id for found in whole.findings}


def test_the_worst_rows_are_found_whatever_order_they_come_in():
    scores = np.random.default_rng(0).integers(0, 50, 1000).astype(np.float32)
    worst = WorstRows(30)
    for part in np.array_split(np.arange(1000), 37):
        worst.add(part, scores[part], -scores[part])
    assert worst.rows().tolist() == np.argsort(scores, kind="stable")[:30].tolist()
    assert worst.seen == 1000


@pytest.mark.parametrize("order", ["as the source", "shuffled"])
@pytest.mark.parametrize("left_out", [(), (0, 63, 64, 65, 200, 499), tuple(range(100, 300))])
def test_an_export_by_groups_meets_every_row_with_its_label(labels, tmp_path, monkeypatch, order, left_out):
    monkeypatch.setattr(exports, "ROW_GROUP", 64)
    monkeypatch.setattr(parquet, "GROUP_BYTES", 1000)
    given = [None if code < 0 else ("cat", "dog")[code] for code in labels.given.tolist()]
    for part, rows in (("1", slice(0, 201)), ("2", slice(201, ROWS))):
        (tmp_path / "in").mkdir(exist_ok=True)
        table = pa.table({"row": range(ROWS), "label": pa.array(given, pa.string())})[rows]
        pq.write_table(table, tmp_path / "in" / f"{part}.parquet")
    source = open_table(str(tmp_path / "in"))
    kept = np.setdiff1d(np.arange(ROWS), left_out)
    where = np.where(np.arange(ROWS) < 201, 0, 1)
    numbers = np.arange(1, ROWS + 1) - 201 * where
    placed = replace(labels, files=source.files, file_index=where.astype(np.int32), row_number=numbers)
    chosen = kept if order == "as the source" else np.random.default_rng(1).permutation(kept)
    write_corrected(tmp_path / "a.parquet", cut(placed, chosen))
    correction = AlignedLabels(CorrectedFile(tmp_path / "a.parquet"), source, "label")
    report = export_table(correction, tmp_path / "out.parquet", details=True)
    out = pq.read_table(tmp_path / "out.parquet")
    assert out["row"].to_pylist() == list(range(ROWS))
    corrected = [("cat", "dog")[code] for code in labels.corrected.tolist()]
    expected = [given[row] if row in left_out else corrected[row] for row in range(ROWS)]
    assert out["label"].to_pylist() == expected
    assert out["given_label"].to_pylist() == given
    confidence = [None if row in left_out else float(labels.confidence[row]) for row in range(ROWS)]
    assert out["confidence"].to_pylist() == confidence
    filled = [row for row in kept if given[row] is None]
    changed = [row for row in kept if given[row] is not None and corrected[row] != given[row]]
    assert (report.rows, report.changed, report.filled) == (ROWS, len(changed), len(filled))
    assert pq.ParquetFile(tmp_path / "out.parquet").num_row_groups > 1


def test_labels_of_a_file_that_the_source_does_not_have_are_refused(labels, tmp_path):
    pq.write_table(pa.table({"label": ["cat"] * ROWS}), tmp_path / "noisy.parquet")
    correction = AlignedLabels(HeldRows(corrected_table(labels)), open_table(str(tmp_path / "noisy.parquet")), "label")
    with pytest.raises(InputError, match="holds 0 of the 500 rows that were corrected"):
        export_table(correction, tmp_path / "out.parquet")
    assert not (tmp_path / "out.parquet").exists()


def test_row_groups_of_very_many_classes_have_fewer_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(exports, "ROW_GROUP", 64)
    table = pa.table({"id": range(100)})
    for classes, rows in ((256, [64, 36]), (512, [8] * 12 + [4])):
        out = tmp_path / f"{classes}.parquet"
        exports.write_tables(out, [table], [str(number) for number in range(classes)])
        metadata = pq.ParquetFile(out).metadata
        assert [metadata.row_group(place).num_rows for place in range(metadata.num_row_groups)] == rows
