"""`report`: one file, everything escaped, nothing fetched; it works in a browser."""

import contextlib
import re
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest

from labelfix.cli import main

EVIL = '<script>document.title="broken"</script>"><img src=x onerror="document.title=1">'


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run on 240 texts whose labels, ids and words hold markup."""
    folder = tmp_path_factory.mktemp("report")
    generator = np.random.default_rng(0)
    words = {"<b>cat</b>": "meow purr paw", "dog": "bark wag fetch"}
    names = list(words)
    rows, gold = ["id\ttext\tlabel"], ["id\tlabel"]
    for i in range(240):
        truth = names[i % 2]
        said = generator.choice(words[truth].split(), 6)
        given = names[(i + 1) % 2] if generator.random() < 0.2 else truth
        text = " ".join(said) + (f" {EVIL}".replace('"', "'") if i % 5 == 0 else "")
        rows.append(f"r{i}\t{text}\t{given}")
        if i % 3 == 0:
            gold.append(f"r{i}\t{truth}")
    (folder / "noisy.tsv").write_text("\n".join(rows) + "\n")
    (folder / "gold.tsv").write_text("\n".join(gold) + "\n")
    files = ["--noisy", str(folder / "noisy.tsv"), "--clean", str(folder / "gold.tsv"), "--text-column", "text"]
    with (folder / "said.txt").open("w") as said, contextlib.redirect_stderr(said):
        assert main(["train", *files, "--backbone", "hashed-text", "--out", str(folder / "run")]) == 0
    assert main(["report", "--run", str(folder / "run"), "--quiet"]) == 0
    return folder / "run"


def test_the_report_is_one_file_that_fetches_nothing(run):
    page = (run / "report.html").read_text()
    assert "Content-Security-Policy" in page
    assert "default-src 'none'" in page
    assert not re.search(r"(?:src|href)=[\"'](?!data:|#)", page)
    assert "Verdict." in page
    assert re.search(r"noisy\.tsv, row \d+</small>", page)
    assert not re.search(r"noisy\.tsv:\d", page)
    assert len(page) < 5_000_000
    (again,) = re.findall(r'<p id="then" hidden>.*<code>(labelfix train .*)</code>', page)
    assert again.endswith(f"--clean decisions.csv --out {run.with_name('run-2')}")


def test_values_of_the_data_stay_text(run):
    page = (run / "report.html").read_text()
    assert "<b>cat</b>" not in page
    assert "&lt;b&gt;cat&lt;/b&gt;" in page
    assert page.count("<script>") == 1
    assert "<img src=x" not in page


def test_the_table_holds_the_rows_that_nobody_checked_whose_label_is_changed_or_doubtful(run):
    page = (run / "report.html").read_text()
    trusted = {f"r{i}" for i in range(0, 240, 3)}
    rows = pq.ParquetFile(run / "corrected.parquet").read(["id", "action"]).to_pylist()
    asked = {row["id"] for row in rows if row["action"] in ("relabel", "review")} - trusted
    assert set(re.findall(r'data-id="(\w+)"', page)) == asked
    assert f"{len(asked)} of {len(asked)} rows" in page
    changed = sum(row["id"] in trusted and row["action"] == "relabel" for row in rows)
    assert re.search(rf"Not among them: {changed} <a[^>]*>trusted rows</a>", page)


def test_the_page_says_what_the_terminal_said_of_the_labels(run):
    said = (run.parent / "said.txt").read_text().splitlines()
    result = next(line for line in said if " of 240 labels changed" in line)
    start = (run / "report.html").read_text().split('id="worst"')[0]
    words = re.sub(r"<[^>]*>", "", start)
    assert f"{result}." in words


def test_rows_of_a_run_whose_source_is_gone_are_shown_without_their_text(run, tmp_path):
    moved = tmp_path / "run"
    shutil.copytree(run, moved)
    source = run.parent / "noisy.tsv"
    hidden = source.rename(source.with_suffix(".gone"))
    try:
        assert main(["report", "--run", str(moved), "--out", str(tmp_path / "r.html"), "--quiet"]) == 0
    finally:
        hidden.rename(source)
    page = (tmp_path / "r.html").read_text()
    assert "The nearest trusted rows are not shown" in page
    assert page.count("<tr data-pair") > 20


def test_a_run_without_evidence_says_so(run, tmp_path):
    old = tmp_path / "run"
    shutil.copytree(run, old)
    (old / "metrics.json").write_text("{}")
    assert main(["report", "--run", str(old), "--max-rows", "3", "--overwrite", "--quiet"]) == 0
    page = (old / "report.html").read_text()
    assert "This run holds no evidence" in page
    assert page.count("<tr data-pair") == 3


PROBE = """
<script>
window.addEventListener("load", () => {
  const table = document.getElementById("rows"), body = table.tBodies[0], told = [];
  const scores = () => [...body.rows].map((row) => Number(row.dataset.score));
  const button = table.tHead.querySelector("button[data-key=score]");
  button.click();
  told.push("rising=" + scores().every((v, i, all) => i === 0 || all[i - 1] <= v));
  button.click();
  told.push("falling=" + scores().every((v, i, all) => i === 0 || all[i - 1] >= v));
  const pair = document.getElementById("pair");
  pair.selectedIndex = 1;
  pair.dispatchEvent(new Event("change"));
  const left = [...body.rows].filter((row) => !row.hidden);
  told.push("filtered=" + (left.length > 0 && left.length < body.rows.length));
  told.push("same=" + left.every((row) => row.dataset.pair === pair.value));
  told.push("title=" + document.title.startsWith("labelfix report"));
  told.push("requests=" + performance.getEntriesByType("resource").filter((r) => !r.name.startsWith("data:")).length);
  const out = document.createElement("output");
  out.id = "probe";
  out.textContent = told.join(" ");
  document.body.append(out);
});
</script>
"""


def test_it_sorts_and_filters_in_a_browser_without_errors_or_requests(run, tmp_path, chromium):
    page = tmp_path / "probed.html"
    page.write_text((run / "report.html").read_text().replace("</body>", f"{PROBE}</body>"))
    out, errors = chromium(page)
    found = re.search(r'<output id="probe">([^<]*)</output>', out)
    assert found, errors[-2000:]
    assert found[1] == "rising=true falling=true filtered=true same=true title=true requests=0"
    assert "CONSOLE" not in errors


def test_trusted_rows_with_inputs_of_their_own_are_shown_as_the_reason(tmp_path):
    """Trusted rows that stand in no noisy file: two gold files, one with inputs and one that is gone by then."""
    generator = np.random.default_rng(0)
    words = {"cat": "meow purr paw", "dog": "bark wag fetch"}

    def table(path, prefix, rows, noise, ids):
        lines = [f"{ids},text,label"]
        for i in range(rows):
            truth = ["cat", "dog"][i % 2]
            given = ["cat", "dog"][(i + 1) % 2] if generator.random() < noise else truth
            lines.append(f"{prefix}{i},{' '.join(generator.choice(words[truth].split(), 6))} {prefix}{i},{given}")
        path.write_text("\n".join(lines) + "\n")

    table(tmp_path / "noisy.csv", "n", 200, 0.2, "id")
    table(tmp_path / "gold.csv", "g", 40, 0.0, "id")
    table(tmp_path / "more.csv", "m", 20, 0.0, "id")
    files = ["--noisy", str(tmp_path / "noisy.csv"), "--clean", str(tmp_path / "gold.csv")]
    files += ["--clean", str(tmp_path / "more.csv"), "--text-column", "text", "--backbone", "hashed-text"]
    out = tmp_path / "run"
    assert main(["train", *files, "--out", str(out), "--quiet"]) == 0
    (tmp_path / "more.csv").unlink()
    assert main(["report", "--run", str(out), "--quiet"]) == 0
    page = (out / "report.html").read_text()
    assert "The nearest trusted rows are not shown" not in page
    assert re.search(r"\bg\d+\b", page)
    assert not re.search(r"[^\w]m\d+[^\w]", page)
