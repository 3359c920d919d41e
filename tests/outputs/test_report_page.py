"""The page of the report, made of values of our own: what it shows of them, and what its script does with them."""

import base64
import csv
import io
import json
import re
from dataclasses import replace
from html import unescape

import numpy as np
import pytest

from labelfix.data.annotations.opening import open_trusted
from labelfix.outputs.corrected_schema import CorrectedMetadata
from labelfix.outputs.report.charts import named_curves
from labelfix.outputs.report.collect import Collected, WorstRow
from labelfix.outputs.report.glossary import WORDS, Glossary
from labelfix.outputs.report.inputs import RowView
from labelfix.outputs.report.plain import plain
from labelfix.outputs.report.render import Neighbour, render

CLASSES = ("=bad", "-1", 'q"uote')


def estimate(value, low, high, rows=40):
    return {"value": value, "low": low, "high": high, "rows": rows}


def row(position, given, suggested, score, confidence, action="relabel", p_value=0.1):
    return WorstRow(
        position, f"r{position}", "noisy.csv", position + 1, given, suggested, confidence, score, action, p_value
    )


WORST = (
    row(9, "=bad", 'q"uote', 0.0001, 0.6),
    row(10, 'q"uote', "-1", 0.002, 0.9, "review"),
    row(2, "-1", "=bad", 0.1, 0.7, p_value=None),
)
TEXTS = ("=1+1", 'Straße "quoted", or not', "+49 30 1234")
FULL_WIDTH_Q = "\N{FULLWIDTH LATIN SMALL LETTER Q}"

EVIDENCE = {
    "judged_on": {"rows": 40, "paired": 40, "sampling": "random", "how": "trusted rows out of fold"},
    "assumption": None,
    "calibration": {
        "soft_labels": {
            "chosen": "none",
            "rows": 40,
            "ece": 0.1 + 0.2,
            "nll": 0.3,
            "reliability": [{"low": 0.5, "high": 1.0, "rows": 40.0, "confidence": 0.75, "right": 0.7}],
        }
    },
    "noise": {
        "rate": estimate(0.1 + 0.2, 0.25, 0.35),
        "classes": [{"class": name, **estimate(0.3, 0.2, 0.4)} for name in CLASSES],
        "how": "prediction-powered inference from paired trusted rows drawn at random",
    },
    "ledger": {
        "entries": [
            {
                "name": "this-run",
                "about": "the classifier of this run",
                "accuracy": estimate(0.9, 0.8, 0.95),
                "nll": estimate(0.3, None, None, 1),
                "agreement": None,
            }
        ],
        "given_labels": estimate(0.7, 0.6, 0.8),
        "corrected_labels": estimate(0.9, 0.8, 0.95),
        "difference": estimate(0.2, 0.1, 0.3),
        "noisy_rows_heard": False,
    },
    "verdict": {"labels": "use", "classifier": "this-run", "sentence": "use the corrected labels: about 90% are right"},
    "doubted": [],
    "checks": {
        "equal_rows_with_different_labels": 2,
        "nearly_equal_rows_with_different_labels": None,
        "classes_without_trusted_rows": [],
    },
}


def source(name, rows):
    return {"name": name, "rows": rows, "content_hash": "abc"}


FOUND = Collected(
    path="my run",
    manifest={
        "run_id": "1",
        "finished": "2026-11-29T02:37:39+00:00",
        "method": "mlc",
        "seed": 0,
        "min_confidence": 0.1 + 0.2,
        "labelfix": "0.1.0",
        "versions": {"numpy": "2", "timm": None},
        "warnings": [],
        "data": {"noisy": source("noisy.csv", 1500), "clean": source("gold.csv", 40)},
    },
    evidence=EVIDENCE,
    metadata=CorrectedMetadata(CLASSES, "string", 0.3, "1"),
    before=np.array([500, 500, 500]),
    after=np.array([500, 400, 600]),
    matrix=np.diag([400, 400, 500]),
    histogram=np.ones((2, 20), dtype=np.int64),
    actions={"keep": 1000, "relabel": 292, "review": 3, "fill": 0},
    worst=WORST,
    listed=518,
    trusted_changed=7,
    history={"epoch": [1.0, 2.0], "meta_loss": [0.5, 0.30000000000000004], "a": [0.1, 0.2], "meta_norm": [3.0, 2.0]},
    settings="",
)
LOOKS = {("noisy.csv", each.row): RowView(text) for each, text in zip(WORST, TEXTS, strict=True)}
REASONS = {9: [Neighbour("t1", 'q"uote', 0.30000000000000004)]}


def page(found=FOUND, rows=200):
    return render(found, LOOKS, REASONS, "", rows, True)


def words(html):
    """What a person reads."""
    html = re.sub(r"<(style|script)>.*?</\1>", " ", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", html)))


def test_the_page_begins_with_what_train_prints_and_what_to_do_next():
    said = words(page())
    start = said.index("Verdict.")
    assert said.index("292 of 1,500 labels changed, 3 doubtful kept") < start + 20
    first = said[start : said.index("Rows to look at")]
    assert "Use the corrected labels ." in first
    assert first.count("are right") == 1, "the figures are said once, in the words of train"
    assert "labelfix export --run 'my run' --corrected-labels" in said


@pytest.mark.parametrize(
    ("labels", "there", "missing"),
    [
        ("keep", "leave the labels as they are", "labelfix export"),
        ("unclear", "labelfix export --run 'my run' --tasks csv --queue random", "labelfix next"),
        ("not measurable", "labelfix export --run 'my run' --tasks csv --queue random", "labelfix next"),
    ],
)
def test_export_is_the_next_step_only_where_the_labels_are_better(labels, there, missing):
    verdict = EVIDENCE["verdict"] | {"labels": labels}
    said = words(page(replace(FOUND, evidence=EVIDENCE | {"verdict": verdict})))
    assert there in said
    assert missing not in said


def test_the_page_says_how_many_rows_there_are_and_how_many_it_shows():
    said = words(page(rows=2))
    assert "2 of 518 rows whose label was changed" in said
    assert "7 trusted rows whose given label differs" in said


def test_no_value_of_a_programming_language_reaches_the_page():
    html = page()
    said = words(html)
    for found in ("None", "True", "False", "nan", "[]", "{", "np.", "000000004", "array("):
        assert found not in said, found
    assert "000000004" not in html
    assert "30.0 % (25.0 to 35.0 %)" in said
    assert "nearly equal another row and are labelled differently: not looked for" in said
    assert "classes without a trusted row: none" in said
    assert "finished 2026-11-29 02:37 UTC" in said


def test_two_figures_of_one_thing_are_told_apart():
    def said(share, **judged):
        judged_on, ledger = EVIDENCE["judged_on"] | judged, EVIDENCE["ledger"] | {"given_labels": estimate(share, 0, 1)}
        return words(page(replace(FOUND, evidence=EVIDENCE | {"judged_on": judged_on, "ledger": ledger})))

    alone = "goes by the 40 checked rows alone, 15.0 % of which are wrong; this estimate is the better one."
    assert alone in said(0.85)
    assert "goes by the" not in said(0.7)
    assert "this is about the whole file" in said(0.85, chosen=5, trained=45)


def test_a_figure_without_an_interval_is_shown_without_one():
    assert "0.300 no interval" in words(page())


def test_curves_bear_names_that_mean_something_or_are_not_drawn():
    assert "Log loss on the trusted rows that steer the correction" in words(page())
    for internal in ("meta_loss", "meta_norm", "out_of_fold_nll", ">a<"):
        assert internal not in page()
    drawn = named_curves(
        {"epoch": [1, 2], "gate": [0.1, 0.2], "clean_loss": [0.22701, 0.22704], "held_out_accuracy": [0.5, 1]}
    )
    assert [each.name for each in drawn] == ["Trusted rows kept out of the training: share right"]
    assert named_curves({"ridge": [1.0, 8.0], "out_of_fold_nll": [0.1, 0.2], "changed": [0.1, 0.2]}) == []


def test_a_course_of_several_phases_is_not_counted_in_epochs():
    (one,) = named_curves({"epoch": [1, 2, 1, 2], "phase": [1, 1, 2, 2], "corrected_loss": [4, 3, 2, 1]})
    assert one.ends == ("start", "end")
    assert "phase" in one.across


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "–"),
        (True, "yes"),
        (np.bool_(False), "no"),
        (0.1 + 0.2, "0.3"),
        (np.float64(0.1 + 0.2), "0.3"),
        (float(np.float32(0.1)), "0.1"),
        (float("nan"), "–"),
        (np.int64(1200), "1200"),
        (1e7, "10000000"),
        (1234567.25, "1234567.25"),
        (-0.000012345, "-1.23e-05"),
        ([1, None], "1, –"),
        ([], "–"),
        ({"a": True, "b": [2.0]}, "a: yes, b: 2"),
        (b"abc", "3 bytes"),
        ("None", "None"),
    ],
)
def test_values_are_written_as_people_write_them(value, said):
    assert plain(value) == said


def test_every_hard_word_leads_to_its_meaning_and_every_meaning_is_led_to():
    html = page()
    used = set(re.findall(r'<a class="term[^"]*" href="#word-([\w-]+)" aria-describedby="meaning-\1"', html))
    assert used == set(re.findall(r'<dt id="word-([\w-]+)">', html)) == set(re.findall(r'id="meaning-([\w-]+)"', html))
    assert {"log-loss", "pairs", "powered", "unseen", "score", "confidence", "p-value"} <= used


def test_the_words_of_a_sentence_are_linked_and_the_rest_is_escaped():
    glossary = Glossary()
    said = glossary.explain("<b> Paired rows, paired & repaired")
    assert said.count("<a ") == 1
    assert said.startswith("&lt;b&gt; <a ")
    assert said.endswith(">Paired</a> rows, paired &amp; repaired")
    assert "<a " not in glossary.explain("pairs")
    glossary.section()
    assert "<a " in glossary.explain("pairs")
    assert [word.key for word in glossary.words()] == ["pairs"]


def test_each_word_is_found_by_each_of_its_forms():
    for word in WORDS:
        for form in word.forms:
            assert f'href="#word-{word.key}"' in Glossary().explain(f"so {form}, then"), form


def test_the_script_reads_values_character_by_character():
    name = 'a\r\nb\t"\N{RIGHT-TO-LEFT OVERRIDE}<'
    html = page(replace(FOUND, worst=(row(0, "=bad", name, 0.1, 0.9),)))
    assert 'data-suggested="a&#13;&#10;b&#9;&#34;&#8238;&lt;"' in html
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in html


PROBE = """
<script>
window.addEventListener("load", async () => {
  const told = {}, table = document.getElementById("rows"), body = table.tBodies[0];
  const ids = () => [...body.rows].filter((row) => !row.hidden).map((row) => row.dataset.id).join(" ");
  const button = (key) => table.tHead.querySelector(`button[data-key=${key}]`);
  const sorted = (key) => { button(key).click(); return `${ids()} ${button(key).closest("th").ariaSort}`; };
  for (const key of ["change", "content", "confidence", "score", "p", "id"]) told[key] = [sorted(key), sorted(key)];
  sorted("score");
  const search = document.getElementById("search"), shown = document.getElementById("shown");
  told.found = {};
  for (const text of TEXTS) {
    search.value = text;
    search.dispatchEvent(new Event("input"));
    told.found[text] = `${ids()}: ${shown.textContent}`;
  }
  let blob = null;
  URL.createObjectURL = (given) => { blob = given; return "#"; };
  document.getElementById("download").click();
  told.filtered = await blob.text();
  search.value = "";
  search.dispatchEvent(new Event("input"));
  sorted("id");
  document.getElementById("download").click();
  told.bytes = [...new Uint8Array(await blob.arrayBuffer())].slice(0, 3).join(" ");
  told.csv = await blob.text();
  const mark = (place, name) => body.rows[place].querySelector(`[data-mark=${name}]`);
  const clicks = [[0, "keep"], [1, "keep"], [1, "accept"], [2, "keep"], [2, "keep"]];
  clicks.forEach(([place, name]) => mark(place, name).click());
  told.pressed = [...body.querySelectorAll("[aria-pressed=true]")].map((one) => one.dataset.mark).join(" ");
  told.stored = localStorage.getItem("labelfix " + document.getElementById("decisions").dataset.run);
  document.getElementById("decisions").click();
  told.decisions = await blob.text();
  const tip = document.getElementById("tip"), word = document.querySelector("a.term");
  const was = tip.hidden;
  word.focus();
  const meaning = document.getElementById(word.hash.replace("#word", "meaning")).textContent;
  told.tip = [was, tip.hidden, tip.textContent === meaning];
  document.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape" }));
  told.tip.push(tip.hidden);
  told.labelled = [...document.querySelectorAll("input, select")].every((field) => field.labels.length === 1);
  told.wide = document.documentElement.scrollWidth <= document.documentElement.clientWidth;
  const card = document.querySelector("svg").closest("section").getBoundingClientRect();
  told.cut = [...document.querySelectorAll(".wide")].some((one) => getComputedStyle(one).maxHeight !== "none") ||
    [...document.querySelectorAll("svg")].some((one) => getComputedStyle(one).overflow !== "visible") ||
    [...document.querySelectorAll("svg text")].some((one) => one.getBoundingClientRect().left < card.left);
  const top = (cell) => cell.getBoundingClientRect().top;
  told.first = [...body.rows[0].cells].sort((a, b) => top(a) - top(b))[0].className;
  const out = document.createElement("output");
  out.id = "probe";
  out.textContent = btoa(unescape(encodeURIComponent(JSON.stringify(told))));
  document.body.append(out);
});
</script>
"""


@pytest.fixture(scope="module")
def seen(tmp_path_factory, chromium):
    """What the script does in a browser, on the page of three rows; 390 pixels wide."""
    asked = json.dumps(["strasse", "STRAßE or", "=1", f"{FULL_WIDTH_Q}uoted", "r1", "nowhere"])
    path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_text(page().replace("</body>", f"{PROBE.replace('TEXTS', asked)}</body>"), encoding="utf-8")
    for _ in range(3):  # a busy machine's browser may write the page down before its script has ended
        out, errors = chromium(path, "--window-size=390,844")
        found = re.search(r'<output id="probe">([^<]*)</output>', out)
        if found:
            break
    assert found, errors[-2000:]
    assert "CONSOLE" not in errors
    return json.loads(base64.b64decode(found[1]))


def test_long_names_of_classes_do_not_widen_the_page_on_a_phone(tmp_path, chromium):
    named = re.sub(r"(<option[^>]*>)[^<]*", r"\1" + "balance_not_updated_" * 5, page())
    probe = "addEventListener('load', () => { document.body.dataset.wide = document.body.scrollWidth; });"
    path = tmp_path / "page.html"
    path.write_text(named.replace("</body>", f"<script>{probe}</script></body>"), encoding="utf-8")
    out, _ = chromium(path, "--window-size=500,844")
    assert int(re.search(r'data-wide="(\d+)"', out)[1]) <= 500


def test_the_first_click_on_a_column_sorts_the_useful_way_and_the_second_the_other(seen):
    assert seen["score"] == ["r9 r10 r2 ascending", "r2 r10 r9 descending"]
    assert seen["confidence"] == ["r10 r2 r9 descending", "r9 r2 r10 ascending"]
    assert seen["p"] == ["r9 r10 r2 ascending", "r9 r10 r2 descending"]
    assert seen["id"] == ["r2 r9 r10 ascending", "r10 r9 r2 descending"]
    assert seen["change"][0].endswith(" ascending")
    assert seen["change"][0].split()[:3] == seen["change"][1].split()[2::-1]
    assert seen["content"][1].split()[0] == "r10"


def test_the_search_finds_rows_by_what_they_say_however_it_is_written(seen):
    assert seen["found"] == {
        "strasse": "r10: 1 of 518 rows",
        "STRAßE or": "r10: 1 of 518 rows",
        "=1": "r9: 1 of 518 rows",
        f"{FULL_WIDTH_Q}uoted": "r10: 1 of 518 rows",
        "r1": "r10: 1 of 518 rows",
        "nowhere": ": 0 of 518 rows",
    }


def read(text):
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_the_download_holds_what_is_shown_in_the_order_that_is_shown(seen):
    assert read(seen["filtered"].lstrip("\ufeff")) == []
    assert seen["bytes"] == "239 187 191"
    rows = read(seen["csv"].lstrip("\ufeff"))
    assert [each["id"] for each in rows] == ["r2", "r9", "r10"]
    assert rows[1] == {
        "id": "r9",
        "given_label": "'=bad",
        "suggested_label": 'q"uote',
        "action": "relabel",
        "confidence": "0.6",
        "label_score": "0.0001",
        "p_value": "0.1",
        "content": "'=1+1",
        "source_file": "noisy.csv",
        "source_row": "10",
        "nearest_trusted_rows": 'q"uote t1, 0.30',
    }


def test_a_cell_of_the_download_that_a_spreadsheet_would_compute_is_a_text_and_numbers_stay_numbers(seen):
    rows = {each["id"]: each for each in read(seen["csv"].lstrip("\ufeff"))}
    assert rows["r2"]["content"] == "'+49 30 1234"
    assert rows["r2"]["given_label"] == "-1"
    assert rows["r2"]["suggested_label"] == "'=bad"
    assert rows["r2"]["p_value"] == ""
    assert rows["r10"]["content"] == 'Straße "quoted", or not'


def test_marks_stay_in_the_browser_and_their_download_comes_back_as_answers(seen, tmp_path):
    assert seen["pressed"] == "keep accept"
    assert json.loads(seen["stored"]) == {"r2": "keep", "r9": "accept"}
    (tmp_path / "decisions.csv").write_text(seen["decisions"], encoding="utf-8")
    (source,) = open_trusted([tmp_path / "decisions.csv"])
    assert {mark.id: (mark.label, mark.drawn) for mark in source.marks} == {
        "r2": ("-1", "report"),
        "r9": ('q"uote', "report"),
    }


def test_a_word_tells_its_meaning_to_the_keyboard_and_escape_ends_it(seen):
    assert seen["tip"] == [True, False, True, True]


def test_on_a_phone_the_change_comes_first_and_nothing_is_wider_than_the_page(seen):
    assert seen["first"] == "change"
    assert seen["wide"]
    assert seen["labelled"]
    assert not seen["cut"], "no table scrolls in a page that scrolls, and the numbers at an axis are seen whole"


def test_texts_of_a_history_are_not_read(tmp_path):
    """Parquet's own reader lets bytes that are no UTF-8 through, and texts of any length."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from labelfix.outputs.report.collect import _history
    from labelfix.runs import RunFolder

    bytes_ = pa.array([b"\xed\x00"]).cast(pa.binary())
    pq.write_table(
        pa.table({"epoch": [1], "note": pa.Array.from_buffers(pa.string(), 1, bytes_.buffers())}),
        tmp_path / "history.parquet",
    )

    assert _history(RunFolder(tmp_path)) == {"epoch": [1.0]}
