"""The page in a browser: rows decided by keys, kills between them, hostile rows, timings, readers and phones."""

import json
import shutil
import time

import numpy as np
import pytest
from review_server import LONG, RIGHT_TO_LEFT, SCRIPT, Server, make_run

from labelfix.data.opinions import Opinions
from labelfix.runs.answers import read_answers

pytestmark = pytest.mark.slow

NAMES = ("chromium", "chromium-browser", "google-chrome")
SLOW = 0.5
"""Seconds from a key to the next row that no machine should take; on an idle one it is a fiftieth of a second."""


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api")
    found = next((place for place in map(shutil.which, NAMES) if place), None)
    if found is None:
        pytest.skip("no Chromium on this machine")
    with sync_api.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def page(browser):
    context = browser.new_context(viewport={"width": 1200, "height": 800})
    found = context.new_page()
    found.problems = []
    found.on("pageerror", lambda error: found.problems.append(str(error)))
    found.on("console", lambda line: found.problems.append(line.text) if line.type == "error" else None)
    found.elsewhere = []
    found.on("request", lambda asked: found.elsewhere.append(asked.url) if "127.0.0.1" not in asked.url else None)
    yield found
    context.close()


def shown(page):
    """The id of the row that is before the person."""
    return page.inner_text("#row").split(" · ")[0].removeprefix("Row ")


def go(page, server):
    page.goto(server.address)
    page.wait_for_selector("#card:not([hidden])")


def press(page, key):
    """A key, and what it leads to: another row, or the end of the queue."""
    before = page.inner_text("#row") + page.inner_text("#told")
    page.keyboard.press(key)
    page.wait_for_function(
        "before => document.getElementById('row').innerText + document.getElementById('told').innerText !== before",
        arg=before,
    )


def test_two_hundred_rows_are_decided_by_keys_and_undo_takes_all_of_it_back(tmp_path, page):
    run = make_run(tmp_path, rows=230)
    server = Server(run, "--budget", "200")
    try:
        go(page, server)
        told = {}
        for number in range(200):
            row = shown(page)
            key = ("Enter", "k", "1", "2", "3", "t")[number % 6]
            press(page, key)
            told[row] = key
        standing = read_answers(run).standing()
        assert list(standing) == list(told)
        for row, key in told.items():
            answer = standing[row]
            if key in "123":
                assert answer.label == ("cat", "dog", "owl")[int(key) - 1]
            assert (answer.label is None) == (key == "t")
        took = [
            entry / 1000 for entry in page.evaluate("performance.getEntriesByName('decision').map(e => e.duration)")
        ]
        print(f"from key to next row: median {sorted(took)[100] * 1000:.1f} ms, worst {max(took) * 1000:.1f} ms")
        assert sorted(took)[100] < SLOW
        page.wait_for_function("() => document.getElementById('far').innerText.includes('200 of 200 decided')")
        for row in reversed(list(told)[-20:]):
            press(page, "u")
            assert shown(page) == row
        assert len(read_answers(run).standing()) == 180
        assert page.problems == []
        assert page.elsewhere == []
    finally:
        server.kill()


def test_a_hundred_kills_between_keys_lose_nothing_that_was_confirmed(tmp_path, page):
    run = make_run(tmp_path, rows=230)
    told = []
    for turn in range(100):
        server = Server(run, "--budget", "200")
        go(page, server)
        row = shown(page)
        assert row not in told
        press(page, ("Enter", "k", "2")[turn % 3])
        told.append(row)
        if turn % 2:
            page.keyboard.press("k")  # and one that the kill may or may not come before
        server.kill()
        standing = list(read_answers(run).standing())
        assert standing[: len(told)] == told
        told = standing
    assert len((run / "answers.jsonl").read_text().splitlines()) == len(told)


def test_while_the_server_is_away_the_page_says_so_and_the_decision_arrives_when_it_is_back(tmp_path, page):
    server = Server(make_run(tmp_path))
    try:
        go(page, server)
        page.route("**/decide", lambda route: route.abort())
        page.keyboard.press("k")
        page.wait_for_selector("#trouble:not([hidden])")
        assert "does not answer" in page.inner_text("#trouble")
        assert shown(page) == "r0"
        page.unroute("**/decide")
        page.wait_for_selector("#trouble", state="hidden")
        page.wait_for_function("() => document.getElementById('row').innerText.includes('r1')")
        assert list(read_answers(tmp_path / "run").standing()) == ["r0"]
    finally:
        server.kill()


def test_rows_of_script_markup_and_a_megabyte_stay_text(tmp_path, page):
    server = Server(make_run(tmp_path))
    try:
        go(page, server)
        assert page.inner_text(".text") == SCRIPT
        assert page.title() == "labelfix review"
        assert page.locator("#card img, #card script").count() == 0
        press(page, "s")
        assert page.evaluate("document.querySelector('.text').textContent") == RIGHT_TO_LEFT
        style = page.evaluate("getComputedStyle(document.querySelector('.text')).unicodeBidi")
        assert style in ("plaintext", "isolate")
        began = time.monotonic()
        press(page, "s")
        assert time.monotonic() - began < 2
        assert len(page.inner_text(".text")) < 30_000
        page.click("text=/Show all .* characters/")
        page.wait_for_function("size => document.querySelector('.text').textContent.length === size", arg=len(LONG))
        press(page, "k")
        assert page.problems == []
    finally:
        server.kill()


HOSTILE = (
    SCRIPT, "\u202eread backwards", "\x1b[31mred\x1b[0m\x07", '=HYPERLINK("http://x.example")', "::error::fails",
    "</style></title><b>bold", "a\u2028b\u2066c", "'\"`${alert(1)}", "javascript:alert(1)", "\ufeff\u200bno width",
    "\x01\x7f", "%s{{7*7}}{x}",
)  # fmt: skip


def test_ids_classes_sources_people_and_notes_are_text_that_cannot_turn_what_stands_beside_them(tmp_path, page):
    classes = [*HOSTILE[:2], "plain"]
    said = Opinions.of(12, np.arange(12), np.arange(12) % 2, np.arange(12) % 3, (SCRIPT, HOSTILE[1]))
    run = make_run(tmp_path, rows=12, ids=HOSTILE, classes=classes, opinions=said, same=[(5, HOSTILE[1])])
    server = Server(run, "--who", HOSTILE[1])
    try:
        go(page, server)
        for number, id_ in enumerate(HOSTILE):
            assert page.evaluate("document.querySelector('#row bdi').textContent") == id_
            assert page.evaluate("[...document.querySelectorAll('#probable bdi')].map(e => e.textContent)") == classes
            assert page.evaluate("getComputedStyle(document.querySelector('#row bdi')).unicodeBidi") == "isolate"
            assert page.evaluate("[...document.querySelectorAll('#said bdi')].map(e => e.textContent)")[0] in said.names
            page.keyboard.press("n")
            page.fill("#note", id_)
            page.keyboard.press("Escape")
            press(page, str(number % 3 + 1))
        assert page.locator("main img, main script, main b, main style, header img").count() == 0
        press(page, "u")
        assert page.problems == []
        server.decide(HOSTILE[-1], "label", label=SCRIPT, who=SCRIPT)
        page.keyboard.press("k")
        page.wait_for_selector("#taken:not([hidden])")
        told = page.evaluate("document.querySelector('#taken-words').textContent")
        assert told == f"{SCRIPT[:80]} has decided this row meanwhile: “{SCRIPT}”."
        assert page.title() == "labelfix review"
        assert [problem for problem in page.problems if "409" not in problem] == []  # the conflict is one to a browser
        assert page.elsewhere == []
        standing = read_answers(run).standing()
        assert {answer.note for answer in standing.values()} >= {id_.strip() for id_ in HOSTILE[:4]}
    finally:
        server.kill()


def test_a_class_is_picked_by_typing_its_name_and_a_note_goes_along(tmp_path, page):
    run = make_run(tmp_path)
    server = Server(run)
    try:
        go(page, server)
        page.reload()
        page.wait_for_selector("#card:not([hidden])")
        assert shown(page) == "r0"
        page.keyboard.press("n")
        page.keyboard.type("seen twice, k 1 t")
        page.keyboard.press("Escape")
        page.keyboard.press("c")
        page.keyboard.type("ow")
        press(page, "Enter")
        answer = read_answers(run).standing()["r0"]
        assert (answer.label, answer.note) == ("owl", "seen twice, k 1 t")
        press(page, "u")
        assert page.input_value("#note") == "seen twice, k 1 t"
    finally:
        server.kill()


def test_a_class_whose_name_is_typed_in_full_comes_before_longer_ones_and_other_cases(tmp_path, page):
    run = make_run(tmp_path, classes=["Owlet", "OWL", "owl"])
    server = Server(run)
    try:
        go(page, server)
        for typed, picked in (("owl", "owl"), ("OWL", "OWL"), ("Owl", "OWL"), ("wle", "Owlet")):
            row = shown(page)
            page.keyboard.press("c")
            page.keyboard.type(typed)
            press(page, "Enter")
            assert read_answers(run).standing()[row].label == picked
    finally:
        server.kill()


def test_by_thumb_a_box_that_was_opened_by_mistake_closes_again_and_what_is_not_listed_is_told(tmp_path, browser):
    run = make_run(tmp_path, classes=["cat", "dog", "owl", *(f"species {number}" for number in range(97))])
    server = Server(run)
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    try:
        page = context.new_page()
        go(page, server)
        page.tap("#other")
        assert page.inner_text("#fitting") == "The first 60 of 100: type more of the name."
        page.keyboard.type("species 9")
        assert page.locator("#classes li").count() == 8
        assert page.inner_text("#fitting") == ""
        page.keyboard.type("z")
        assert page.inner_text("#fitting") == "No class has that in its name."
        page.tap("#other")
        assert not page.is_visible("#class-box")
        page.tap("#note-open")
        page.keyboard.type("blurred")
        page.tap("#note-open")
        assert not page.is_visible("#note-box")
        page.tap("#skip")
        page.wait_for_function("() => document.getElementById('told').innerText.startsWith('skipped')")
        page.tap("#note-open")
        page.keyboard.type("of the second row")
        page.tap("#undo")
        page.wait_for_function("() => document.getElementById('note').value === 'blurred'")
        page.tap("#skip")
        page.wait_for_function("() => document.getElementById('note').value === 'of the second row'")
    finally:
        context.close()
        server.kill()


def test_after_a_name_was_entered_keys_decide_again_and_an_empty_queue_is_called_one(tmp_path, page):
    run = make_run(tmp_path, rows=12, classes=["cat", "dog", "owl", "emu"])
    server = Server(run)
    try:
        go(page, server)
        page.fill("#who", "bob")
        page.press("#who", "Enter")
        press(page, "k")
        assert [answer.who for answer in read_answers(run).standing().values()] == ["bob"]
        page.once("dialog", lambda dialog: dialog.accept("class emu->cat"))
        page.select_option("#queue", "…")
        page.wait_for_function("() => document.getElementById('told').innerText === 'queue class emu->cat'")
        assert "The run has no rows for this queue" in page.inner_text("#done")
    finally:
        server.kill()


def test_what_somebody_else_decided_meanwhile_is_said_and_asked(tmp_path, page):
    run = make_run(tmp_path)
    server = Server(run)
    try:
        go(page, server)
        assert server.decide("r0", "label", label="owl", who="eve")[0] == 200
        page.keyboard.press("k")
        page.wait_for_selector("#taken:not([hidden])")
        assert "eve has decided this row meanwhile: “owl”" in page.inner_text("#taken")
        page.keyboard.press("m")
        press(page, "t")
        assert read_answers(run).standing()["r0"].decision == "cannot_tell"
    finally:
        server.kill()


def test_on_a_phone_nothing_is_wider_than_the_page_and_buttons_are_as_large_as_thumbs(tmp_path, browser):
    server = Server(make_run(tmp_path))
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    try:
        page = context.new_page()
        go(page, server)
        for _ in range(3):
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            page.tap("#skip")
            page.wait_for_timeout(200)
        sizes = page.evaluate(
            "[...document.querySelectorAll('footer .buttons button, #probable button')].filter(b => b.offsetParent)"
            ".map(b => [b.offsetWidth, b.offsetHeight])"
        )
        assert all(width >= 44 and height >= 44 for width, height in sizes)
    finally:
        context.close()
        server.kill()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_has_a_name_for_screen_readers_and_enough_contrast(tmp_path, browser, scheme):
    server = Server(make_run(tmp_path))
    context = browser.new_context(color_scheme=scheme)
    try:
        page = context.new_page()
        go(page, server)
        nameless = page.evaluate(
            "[...document.querySelectorAll('button, input, select, textarea')].filter(e => e.offsetParent).filter(e =>"
            " !(e.textContent.trim() || e.getAttribute('aria-label') || e.labels?.length)).map(e => e.id)"
        )
        assert nameless == []
        assert page.evaluate("document.activeElement.id") == "row"
        pale = page.evaluate(CONTRAST)
        assert pale == []
    finally:
        context.close()
        server.kill()


DURATIONS = "performance.getEntriesByName('decision').map(entry => entry.duration)"

CONTRAST = """() => {
  const parse = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => {
    const linear = (c) => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    const [x, y, z] = [r, g, b].map((c) => linear(c / 255));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const found = parse(getComputedStyle(e).backgroundColor);
      if (found.length < 4 || found[3] > 0) return found;
    }
    return [255, 255, 255];
  };
  const wrong = [];
  for (const element of document.querySelectorAll('main *, header *, footer *')) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !element.offsetParent || element.tagName === 'KBD') continue;
    const [one, other] = [light(parse(getComputedStyle(element).color)), light(behind(element))];
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (ratio < 4.5) wrong.push(`${element.tagName} ${element.id} ${ratio.toFixed(2)}`);
  }
  return wrong;
}"""


def test_a_hundred_thousand_rows_queue_in_a_second(tmp_path):
    from labelfix.outputs.queues import RunRows, make_queue
    from labelfix.runs import RunFolder

    run = make_run(tmp_path, rows=100_000)
    folder = RunFolder(run)
    took = {}
    for name in ("worst", "doubtful", "random", "class cat->owl", "source noisy.csv"):
        began = time.perf_counter()
        queue = make_queue(name, RunRows(folder), 200, lambda count: None)
        took[name] = time.perf_counter() - began
        assert len(queue.order)
    began = time.perf_counter()
    server = Server(run)
    listening = time.perf_counter() - began
    try:
        began = time.perf_counter()
        assert len(server.rows(count=6)) == 6
        first = time.perf_counter() - began
        began = time.perf_counter()
        server.decide("r0")
        decided = time.perf_counter() - began
    finally:
        server.kill()
    print(json.dumps({**took, "command": listening, "first rows": first, "decision": decided}, indent=1))
    assert max(took.values()) < 1


@pytest.fixture
def people(browser):
    """Opens the page as a person, in a browser of their own."""
    opened = []

    def person(server, name=None, queue=None):
        context = browser.new_context(viewport={"width": 1000, "height": 700})
        opened.append(context)
        page = context.new_page()
        go(page, server)
        if name is not None:
            page.fill("#who", name)
            page.keyboard.press("Tab")
        if queue is not None:
            page.select_option("#queue", queue)
            page.wait_for_function("name => document.getElementById('told').innerText === `queue ${name}`", arg=queue)
        page.focus("#row")
        return page

    yield person
    for context in opened:
        context.close()


@pytest.mark.parametrize("queues", [("worst", "worst"), ("worst", "random")])
def test_two_people_at_once_share_the_rows_and_no_row_is_decided_twice(tmp_path, people, queues):
    run = make_run(tmp_path, rows=40)
    server = Server(run, "--budget", "40")
    try:
        pages = {name: people(server, name, queue) for name, queue in zip(("ann", "bob"), queues, strict=True)}
        told = {name: [] for name in pages}
        while not all(page.is_visible("#done") for page in pages.values()):
            there = [name for name, page in pages.items() if page.is_visible("#card")]
            for name in there:
                told[name].append(shown(pages[name]))
                pages[name].keyboard.press("k")  # both are under way at the same time
            for name in there:
                pages[name].wait_for_function(
                    "row => !document.getElementById('row').innerText.startsWith(`Row ${row} `)", arg=told[name][-1]
                )
            assert not any(page.is_visible("#taken") for page in pages.values())
        assert not set(told["ann"]) & set(told["bob"])
        standing = read_answers(run).standing()
        assert {row: answer.who for row, answer in standing.items()} == {
            row: name for name, rows in told.items() for row in rows
        }
        assert len(standing) == len((run / "answers.jsonl").read_text().splitlines()) == 40
    finally:
        server.kill()


def test_a_row_that_is_taken_back_stays_with_whom_took_it_back(tmp_path, people):
    server = Server(make_run(tmp_path, rows=24))
    try:
        ann, bob = people(server, "ann"), people(server, "bob")
        for key in "kkkkkuuuuu":
            press(ann, key)
        assert shown(ann) == "r0"
        while not bob.is_visible("#done"):
            assert shown(bob) != "r0"
            press(bob, "k")
        assert shown(ann) == "r0"
        assert "r0" not in read_answers(tmp_path / "run").standing()
    finally:
        server.kill()


def test_whoever_writes_is_not_interrupted_by_what_others_decide(tmp_path, people):
    run = make_run(tmp_path)
    server = Server(run)
    try:
        ann = people(server, "ann")
        ann.keyboard.press("n")
        assert server.decide("r0", "label", label="owl", who="eve")[0] == 200
        ann.evaluate("document.getElementById('who').dispatchEvent(new Event('change'))")  # asks how far all are
        ann.wait_for_function("() => document.getElementById('far').title.includes('eve')")
        ann.keyboard.type("maybe a kite, m k 1")
        assert ann.input_value("#note") == "maybe a kite, m k 1"
        assert read_answers(run).standing()["r0"].who == "eve"
        ann.keyboard.press("Escape")
        ann.keyboard.press("k")
        ann.wait_for_selector("#taken:not([hidden])")
        assert read_answers(run).standing()["r0"].who == "eve"
    finally:
        server.kill()


def test_two_pages_under_one_name_are_told_so(tmp_path, people):
    server = Server(make_run(tmp_path), "--who", "root")
    try:
        first, second = people(server), people(server)
        press(first, "k")
        press(second, "k")
        for page in (first, second):
            page.wait_for_selector("#namesake:not([hidden])")
            assert "Another page is open under the name root" in page.inner_text("#namesake")
        third = people(server)
        third.wait_for_selector("#namesake:not([hidden])")
        third.close()
        second.fill("#who", "bob")
        second.keyboard.press("Tab")
        second.wait_for_selector("#namesake", state="hidden")
        second.focus("#row")
        press(second, "u")  # nothing of bob's, and root's stays
        assert "nothing of yours" in second.inner_text("#told")
        assert len(read_answers(tmp_path / "run").standing()) == 2
        second.close()
        first.focus("#row")
        press(first, "s")
        first.wait_for_selector("#namesake", state="hidden")
        row = shown(first)
        first.close()
        assert shown(people(server)) == row  # it was let go, and nobody is taken for still being there
    finally:
        server.kill()


def test_the_copy_of_a_tab_is_another_page_and_a_tab_that_is_loaded_again_the_same_one(tmp_path, page):
    server = Server(make_run(tmp_path))
    try:
        go(page, server)
        with page.expect_popup() as opened:
            page.evaluate("address => { window.open(address); }", server.address)
        copy = opened.value
        copy.wait_for_selector("#card:not([hidden])")
        assert shown(page) == "r0"
        assert shown(copy) != "r0"
        page.reload()
        page.wait_for_selector("#card:not([hidden])")
        assert shown(page) == "r0"
    finally:
        server.kill()


def test_a_server_that_is_gone_is_no_end_of_the_rows(tmp_path, page):
    server = Server(make_run(tmp_path))
    try:
        go(page, server)
        page.route("**/rows?*", lambda route: route.abort())
        for _ in range(5):
            press(page, "k")
        page.keyboard.press("k")
        page.wait_for_selector("#trouble:not([hidden])")
        assert "No more rows" not in page.inner_text("main")
        page.unroute("**/rows?*")
        page.wait_for_selector("#trouble", state="hidden")
        page.wait_for_function("() => document.getElementById('row').innerText.includes('r6')")
    finally:
        server.kill()
