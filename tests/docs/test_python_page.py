"""The example of the Python page runs on the tutorial's files and says what is so."""

import re
from pathlib import Path

import console_blocks

PAGES = Path(__file__).parents[2] / "docs"


def test_the_example_runs_and_corrects_most_of_the_labels(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LABELFIX_CACHE_DIR", str(tmp_path / "cache"))
    console_blocks.make_files(tmp_path)
    text = (PAGES / "how-to" / "python.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    names = {}
    exec(compile(example, "python.md", "exec"), names)
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("noisy rows: 569 in cells.csv")
    assert any(line.startswith("<Run 'python-run': 569 rows, 2 classes, method mlc, ") for line in printed)
    assert float(printed[-1]) > 0.95
    assert names["scored"].schema.names == names["run"].corrected.schema.names[: len(names["scored"].schema.names)]
    assert len(names["scored"]) == len(names["predictions"]) == 50
    assert len(Path("python-fixed.csv").read_text(encoding="utf-8").splitlines()) == 570
    assert (tmp_path / "python-report.html").stat().st_size > 10_000
