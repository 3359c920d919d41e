"""The page's server: who may ask, what rows become, decisions on the disk, kills, two people."""

import ipaddress
import json
import socket
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from review_server import LONG, RIGHT_TO_LEFT, SCRIPT, Server, make_run
from starlette.requests import Request

from labelfix.cli import main
from labelfix.data.opinions import Opinions
from labelfix.errors import RunError
from labelfix.outputs.queues import RunRows, make_queue
from labelfix.review.app import Access
from labelfix.review.rows import RowReader
from labelfix.runs import RunFolder
from labelfix.runs.answers import Answer, AnswersFile, now, read_answers


@pytest.fixture
def run(tmp_path):
    return make_run(tmp_path)


@pytest.fixture
def served(run):
    server = Server(run)
    yield server
    server.kill()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A server whose run nobody changes, and that run."""
    run = make_run(tmp_path_factory.mktemp("shared"))
    server = Server(run)
    yield server, run
    server.kill()


def test_whoever_lacks_the_token_or_is_another_page_is_refused(shared):
    served, run = shared
    page = f"/?token={served.token}"
    port = served.host.rpartition(":")[2]
    assert served.host.startswith("127.0.0.1:")
    assert served.ask(page, x_labelfix_token=None)[0] == 200
    assert served.ask("/rows?queue=worst&page=p", host=f"localhost:{port}")[0] == 200
    assert served.ask("/rows?queue=worst&page=p", origin=f"http://{served.host}")[0] == 200
    refused = [
        served.ask("/", x_labelfix_token=None),
        served.ask("/?token=wrong", x_labelfix_token=None),
        served.ask("/rows?queue=worst&page=p", x_labelfix_token="wrong"),
        served.ask("/rows?queue=worst&page=p", host="evil.example:80"),
        served.ask("/rows?queue=worst&page=p", host=f"evil.example:{port}"),
        served.ask("/rows?queue=worst&page=p", origin="http://evil.example"),
        served.ask("/rows?queue=worst&page=p", origin="null"),
        served.ask(f"/decide?token={served.token}", {"id": "r0"}, x_labelfix_token=None),
    ]
    assert [status for status, _, _ in refused] == [403] * 8
    assert not (run / "answers.jsonl").exists()


def test_no_script_but_the_pages_own_may_run_and_none_comes_from_elsewhere(shared):
    served, _ = shared
    _, headers, body = served.ask(f"/?token={served.token}")
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    nonce = policy.split("script-src 'nonce-")[1].split("'")[0]
    text = body.decode()
    assert text.count("<script") == text.count(f'<script nonce="{nonce}"') == 1
    assert "http" not in text
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"


def test_what_rows_hold_comes_as_json_text_and_the_rest_of_a_long_one_when_asked(shared):
    served, _ = shared
    script, backwards, long = served.rows(count=3)
    assert (script["id"], script["parts"][0]["text"]) == ("r0", SCRIPT)
    assert backwards["parts"][0]["text"] == RIGHT_TO_LEFT
    assert len(long["parts"][0]["text"]) < 30_000 < long["parts"][0]["length"] == len(LONG)
    assert served.get("/text", id="r2", part=0)["text"] == LONG
    status, headers, _ = served.ask("/rows?queue=worst&page=q")
    assert (status, headers["content-type"]) == (200, "application/json")


def test_all_rows_of_the_same_content_are_told_and_counted(tmp_path):
    """Row 4 repeats row 2, and so do seven more, some by way of row 4; what no other label is given to stands alone."""
    server = Server(make_run(tmp_path, same=[(4, "r2"), (7, "r4"), *((row, "r2") for row in range(10, 16))]))
    try:
        rows = {row["id"]: row for row in server.rows(count=16)}
    finally:
        server.kill()
    told = rows["r4"]["same"]
    assert [one["id"] for one in told["rows"]] == ["r2", "r7", "r10", "r11", "r12"]
    others = ("r2", "r7", *(f"r{row}" for row in range(10, 16)))
    counts = Counter(rows[name]["given"] for name in others)
    assert {one["label"]: one["rows"] for one in told["given"]} == counts
    assert rows["r2"]["same"]["rows"][0] == {"id": "r4", "given": rows["r4"]["given"]}
    assert rows["r5"]["same"] == {"rows": [], "given": []}


def test_decisions_are_on_the_disk_when_the_server_says_so_and_undo_goes_back_all_the_way(served, run):
    shown = served.rows(count=4)
    assert served.decide("r0", "accept", seconds=1.25, note="clear")[0] == 200
    kept = read_answers(run).standing()["r0"]
    assert (kept.label, kept.who, kept.seconds, kept.queue, kept.note) == (
        shown[0]["suggested"], "ann", 1.25, "worst", "clear",
    )  # fmt: skip
    assert served.decide("r1", "label", label="owl")[0] == 200
    assert served.decide("r2", "cannot_tell")[0] == 200
    assert served.decide("r3", "skip")[0] == 200
    for row in ("r3", "r2", "r1", "r0"):
        status, _, said = served.ask("/undo", {"who": "ann", "key": f"undo-{row}"})
        assert (status, json.loads(said)["row"]["id"]) == (200, row)
    assert json.loads(served.ask("/undo", {"who": "ann", "key": "undo"})[2]) == {"undone": None}
    assert read_answers(run).standing() == {}
    assert len((run / "answers.jsonl").read_text().splitlines()) == 8


def test_a_decision_that_is_sent_twice_counts_once_and_an_undo_too(served, run):
    assert [served.decide("r0")[0] for _ in range(2)] == [200, 200]
    assert served.decide("r1")[0] == 200
    for _ in range(2):
        served.ask("/undo", {"who": "ann", "key": "same"})
    assert list(read_answers(run).standing()) == ["r0"]


NONSENSE = [
    ("burn", {}, "no decision"),
    ("label", {"label": "horse"}, "no class"),
    ("label", {}, "no class"),
    ("keep", {"id": "r999"}, "no row"),
    ("keep", {"who": " "}, "who is missing"),
    ("keep", {"queue": "elsewhere"}, "no such queue"),
]


def test_what_makes_no_sense_is_said_and_not_kept(shared):
    served, run = shared
    for decision, more, words in NONSENSE:
        status, said = served.decide("r0", decision, **more)
        assert (status, words in said["error"]) == (400, True), (decision, more, said)
    assert served.ask("/decide", [1])[0] == 400
    assert not (run / "answers.jsonl").exists()


def test_two_people_get_different_rows_and_nobody_decides_over_another_unknowingly(served, run):
    ann, bob = served.rows(page="ann", count=5), served.rows(page="bob", count=5)
    assert not {row["id"] for row in ann} & {row["id"] for row in bob}
    other = Server(run, "--queue", "random")  # and one with a server of her own
    try:
        assert other.decide("r0", "label", label="owl", who="eve", queue="random")[0] == 200
        status, said = served.decide("r0", "keep")
        assert (status, said["decided"]["who"], said["decided"]["label"]) == (409, "eve", "owl")
        taken = served.get("/progress", page="ann", queue="worst", who="ann")["taken"]
        assert [one["id"] for one in taken] == ["r0"]
        assert served.decide("r0", "keep", knowing=said["decided"]["key"])[0] == 200
    finally:
        other.kill()
    assert read_answers(run).standing()["r0"].who == "ann"


def test_what_is_undone_at_one_server_comes_up_again_at_another_and_two_undos_take_two_decisions_back(served, run):
    other = Server(run)
    try:
        for row in ("r0", "r1", "r2"):
            assert served.decide(row)[0] == 200
        assert [row["id"] for row in other.rows(page="bob", count=2)] == ["r3", "r4"]
        assert other.get("/progress", page="bob", queue="worst", who="ann")["namesake"]
        assert not other.get("/progress", page="bob", queue="worst", who="bob")["namesake"]
        asked = [(served, "one"), (other, "two")] * 2
        with ThreadPoolExecutor(4) as pool:
            said = list(pool.map(lambda at: at[0].ask("/undo", {"who": "ann", "key": at[1], "page": at[1]}), asked))
        assert {json.loads(body)["row"]["id"] for _, _, body in said} == {"r1", "r2"}
        assert list(read_answers(run).standing()) == ["r0"]
        for server, page in asked[:2]:
            server.ask("/leave", {"page": page})
        assert [row["id"] for row in other.rows(page="bob", count=4, have=["r3", "r4"])][:2] == ["r1", "r2"]
    finally:
        other.kill()


def test_another_run_in_the_place_of_the_one_that_is_shown_is_said_and_decides_nothing(served, run):
    shown = served.rows(count=2)
    assert served.decide(shown[0]["id"])[0] == 200
    manifest = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**manifest, "run_id": "f" * 16}))
    answers = (run / "answers.jsonl").read_bytes()
    said = [
        served.ask("/rows?queue=worst&page=p"),
        served.ask("/decide", {"key": "k", "id": "r1", "decision": "keep", "who": "ann", "queue": "worst"}),
        served.ask("/undo", {"who": "ann", "key": "u"}),
    ]
    for status, _, body in said:
        assert status == 500
        assert "another run is here by now" in json.loads(body)["error"]
    assert (run / "answers.jsonl").read_bytes() == answers


def test_a_run_of_other_rows_does_not_take_the_place_of_one_that_people_have_decided_about(run):
    begun = {"contents": {"noisy": json.loads((run / "run.json").read_text())["data"]["noisy"]["content_hash"]}}
    (run / "answers.jsonl").write_text("")
    RunFolder.create(run, overwrite=True, begun={"contents": {"noisy": "0" * 64}}).discard()
    AnswersFile(run / "answers.jsonl").append(
        Answer(key="k", id="r0", decision="keep", label="cat", who="ann", when=now(), queue="worst")
    )
    with pytest.raises(RunError, match=r"people have decided about the rows of this run .* move .*answers.jsonl away"):
        RunFolder.create(run, overwrite=True, begun={"contents": {"noisy": "0" * 64}})
    RunFolder.create(run, overwrite=True, begun=begun)


def test_nothing_is_lost_when_the_server_is_killed_between_decisions(run):
    told = []
    for turn in range(4):
        server = Server(run)
        rows = [row["id"] for row in server.rows(count=3)]
        assert not set(rows) & set(told)
        for row in rows[: turn % 3 + 1]:
            assert server.decide(row)[0] == 200
            told.append(row)
        server.kill()
        assert list(read_answers(run).standing()) == told


def test_skipped_rows_come_again_at_the_end_and_decided_ones_do_not(tmp_path):
    server = Server(make_run(tmp_path, rows=5))
    try:
        server.decide("r0", "skip")
        server.decide("r1", "keep")
        assert [row["id"] for row in server.rows(count=9)] == ["r2", "r3", "r4", "r0"]
    finally:
        server.kill()


def test_queues_hold_what_they_say_and_trusted_rows_are_in_none(tmp_path):
    server = Server(make_run(tmp_path, rows=60, trusted=10), "--queue", "random", "--budget", "25")
    try:
        every = server.rows(queue="random", page="a", count=50)
        assert {row["id"] for row in every} == {f"r{row}" for row in range(50)}
        again = [row["id"] for row in server.rows(queue="class cat->owl", page="b", count=50)]
        assert not again  # the first page has them all
        status, _, _ = server.ask("/rows?queue=class%20cat-%3Ehorse&page=c")
        assert status == 400
        server.decide(every[0]["id"], "keep", queue="random")
        answer = read_answers(tmp_path / "run").standing()[every[0]["id"]]
        assert answer.inclusion == 0.5
    finally:
        server.kill()


def test_progress_says_how_far_and_how_many_are_still_wrong(served):
    before = served.get("/progress", page="p", queue="worst", who="ann")
    assert (before["in_queue"], before["left"], before["pace"]) == (0, 40, None)
    assert before["noise"]["value"] == pytest.approx(0.3)
    for row in ("r0", "r1", "r2"):
        served.decide(row, "accept")
    after = served.get("/progress", page="p", queue="worst", who="ann")
    assert (after["in_queue"], after["left"], after["people"]) == (3, 37, {"ann": 3})
    # 40 rows, 12 wrong ones expected, 3 found: 9 of 37 are left
    assert after["noise"]["value"] == pytest.approx((40 * 0.3 - 3) / 37)


@pytest.mark.parametrize(
    ("came_to", "host", "let_in"),
    [
        ("192.168.1.5", "192.168.1.5:8000", True),
        ("::ffff:192.168.1.5", "192.168.1.5:8000", True),
        ("fe80::1", "[fe80::1]:8000", True),
        ("192.168.1.5", "localhost:8000", True),
        ("192.168.1.5", "192.168.1.6:8000", False),
        ("192.168.1.5", "192.168.1.5:8001", False),
        ("192.168.1.5", "evil.example:8000", False),
    ],
)
def test_who_serves_for_others_is_reached_by_its_address_and_by_no_name_that_points_there(came_to, host, let_in):
    access = Access("secret", frozenset({"localhost:8000"}))
    headers = [(b"host", host.encode()), (b"x-labelfix-token", b"secret")]
    asked = Request({"type": "http", "method": "GET", "headers": headers, "server": (came_to, 8000)})
    assert (access.refusal(asked) == "") == let_in


def test_what_is_printed_by_who_serves_for_others_is_an_address(tmp_path):
    server = Server(make_run(tmp_path), "--host", "0.0.0.0")
    try:
        name = server.host.rpartition(":")[0]
        if name != socket.gethostname():  # which it is where there is no network
            assert not ipaddress.ip_address(name).is_loopback
    finally:
        server.kill()


def test_rows_that_were_chosen_before_the_run_are_taken_out_of_what_is_still_wrong(tmp_path):
    server = Server(make_run(tmp_path, rows=200, trusted=10, chosen=8))
    try:
        # the noise rate is that of the 190 open rows and the 8 chosen ones, and these 8 are known to be right
        noise = server.get("/progress", page="p", queue="worst", who="ann")["noise"]
        assert (noise["value"], noise["rows"]) == (pytest.approx(198 * 0.3 / 190), 190)
        assert noise["start"] == pytest.approx([198 * share / 190 for share in (0.3, 0.2, 0.4)])
        for row in server.rows(queue="random", count=40):
            server.decide(row["id"], "keep", queue="random")
        # a random sample of the open rows alone, none of it wrong, says more than that
        noise = server.get("/progress", page="p", queue="random", who="ann")["noise"]
        assert (noise["value"], noise["low"], noise["rows"]) == (0, 0, 150)
    finally:
        server.kill()


def test_ctrl_c_ends_it_as_it_should_end(served):
    served.rows()
    served.decide("r0")
    code, said = served.interrupt()
    assert code == 0
    assert "1 rows decided" in said


def test_without_the_extra_it_is_said_what_to_install(run, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.delitem(sys.modules, "labelfix.review.serve", raising=False)
    assert main(["review", "--run", str(run), "--no-browser"]) == 2
    assert "labelfix[review]" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--queue", "best"], "--queue best: there is no such queue"),
        (["--queue", "class cat->horse"], "two classes of the run"),
        (["--queue", "source x.csv"], "no such source; its sources are noisy.csv"),
        (["--host", "192.0.2.1"], "cannot serve on 192.0.2.1"),
    ],
)
def test_what_cannot_be_served_is_said_before(run, capsys, words, said):
    assert main(["review", "--run", str(run), "--no-browser", *words]) == 2
    assert said in capsys.readouterr().err


def test_what_sources_of_labels_say_is_shown_and_a_source_has_a_queue_worst_opinion_first(tmp_path):
    said = Opinions.of(
        6, np.array([0, 0, 3, 4, 5]), np.array([0, 1, 1, 1, 1]), np.array([0, 1, 2, 0, 1]), ("anna", "bert")
    )
    folder = RunFolder(make_run(tmp_path, rows=6, opinions=said))
    rows = RunRows(folder)
    order = make_queue("source bert", rows, 10, lambda count: np.zeros(0, np.int64)).order.tolist()
    scores = {row: one["score"] for row in (0, 3, 4, 5) for one in RowReader(folder, None).get(row)["opinions"][-1:]}
    assert order == sorted(scores, key=lambda row: scores[row])
    assert make_queue("source anna", rows, 10, lambda count: np.zeros(0, np.int64)).order.tolist() == [0]
    assert len(make_queue("source noisy.csv", rows, 10, lambda count: np.zeros(0, np.int64)).order) == 6
    assert [one["source"] for one in RowReader(folder, None).get(0)["opinions"]] == ["anna", "bert"]
    assert RowReader(folder, None).get(1)["opinions"] == []


def test_the_page_is_told_how_to_write_the_run_in_a_command(tmp_path):
    folder = tmp_path / "my tickets"
    folder.mkdir()
    server = Server(make_run(folder))
    try:
        said = server.get("/start")
        assert said["quoted"] == f"'{said['run']}'"
        _, said = server.interrupt()
        assert "0 rows decided" in said
        assert "labelfix learn" not in said, "there is nothing to learn"
    finally:
        server.kill()
