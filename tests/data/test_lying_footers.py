"""What a file says of itself is not believed: each lie is one error, where pyarrow alone would end the process."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelfix.data.formats.parquet_footer import Chunk, read_groups

LIES = Path(__file__).parents[1] / "measure" / "lying_footers.py"


@pytest.mark.skipif(sys.platform != "linux", reason="looks at processes")
def test_files_that_lie_of_themselves_are_read_or_refused():
    done = subprocess.run([sys.executable, str(LIES), "--sample", "60", "--jobs", "1"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    tried, read, refused, wrong = map(int, done.stdout.split("\nall ")[1].split()[:4])
    assert (tried, wrong) == (60, 0)
    assert read > 12
    assert refused > 25


@pytest.mark.parametrize("how", [{}, {"use_dictionary": False, "data_page_version": "2.0"}, {"compression": "gzip"}])
def test_what_is_read_of_a_footer_is_what_the_file_says(how, tmp_path):
    texts = pa.array([None if row % 5 == 0 else f"text {row % 3}" for row in range(40)])
    table = pa.table({"id": range(40), "text": texts, "list": [[row, row] for row in range(40)]})
    pq.write_table(table, tmp_path / "rows.parquet", row_group_size=16, **how)
    said = pq.read_metadata(tmp_path / "rows.parquet")
    groups = read_groups(tmp_path / "rows.parquet", said.num_columns)
    assert [group.rows for group in groups] == [16, 16, 8]
    for number, group in enumerate(groups):
        for place, found in enumerate(group.columns):
            column = said.row_group(number).column(place)
            assert found == Chunk(
                path=column.path_in_schema,
                encodings=found.encodings,
                values=column.num_values,
                unpacked=column.total_uncompressed_size,
                packed=column.total_compressed_size,
                first=column.data_page_offset,
                dictionary=column.dictionary_page_offset or 0,
                nulls=column.statistics.null_count,
            )
    assert groups[0].columns[1].texts == (0 if "use_dictionary" in how else np.diff(_pages(said))[0])


def _pages(said):
    column = said.row_group(0).column(1)
    return [column.dictionary_page_offset, column.data_page_offset]
