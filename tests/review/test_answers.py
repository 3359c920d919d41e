"""`answers.jsonl`: nothing is lost, nothing is decided twice unknowingly, undo goes back."""

import json
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from labelfix.errors import RunError
from labelfix.runs.answers import Answer, AnswersFile, DecidedError, labels_of, now, read_answers

WRITER = """
import sys
from pathlib import Path
from labelfix.runs.answers import Answer, AnswersFile, now
file = AnswersFile(Path(sys.argv[1]))
for number in range(int(sys.argv[3])):
    key = f"{sys.argv[2]}-{number}"
    file.append(Answer(key=key, id=key, decision="keep", label="a", who=sys.argv[2], when=now(), queue="worst"))
    print(key, flush=True)
"""


def answer(row, decision="keep", label="a", **more):
    known = {"key": f"{row}:{decision}:{label}", "who": "ann", "when": now(), "queue": "worst", **more}
    return Answer(id=row, decision=decision, label=label, **known)  # type: ignore[arg-type]


def undo(of, key="undo"):
    return answer(of.id, "undo", None, key=key, takes_back=of.key, who=of.who)


def test_the_latest_decision_stands_and_undo_brings_back_the_one_before(tmp_path):
    file = AnswersFile(tmp_path / "answers.jsonl")
    first = file.append(answer("1", "keep", "a"))
    second = file.append(answer("1", "label", "b"), knowing=first.key)
    file.append(answer("2", "cannot_tell", None))
    file.append(answer("1", "skip", None))
    assert read_answers(tmp_path).standing_of("1") == second
    assert labels_of(read_answers(tmp_path).standing()) == {"1": "b"}
    file.append(undo(second))
    assert read_answers(tmp_path).standing_of("1") == first
    file.append(undo(first, "undo-2"))
    left = read_answers(tmp_path).standing_of("1")
    assert left is not None
    assert left.decision == "skip"


def test_a_decision_over_one_that_was_not_seen_is_refused_and_a_repeated_one_kept_once(tmp_path):
    ann, bob = AnswersFile(tmp_path / "answers.jsonl"), AnswersFile(tmp_path / "answers.jsonl")
    there = ann.append(answer("1"))
    with pytest.raises(DecidedError) as refused:
        bob.append(answer("1", "label", "b", who="bob"))
    assert refused.value.standing == there
    assert bob.append(there) == there
    bob.append(answer("1", "label", "b", who="bob"), knowing=there.key)
    lines = (tmp_path / "answers.jsonl").read_text().splitlines()
    assert [json.loads(line)["label"] for line in lines] == ["a", "b"]


def test_what_a_killed_writer_left_of_a_line_goes_and_a_line_without_an_end_stays(tmp_path):
    path = tmp_path / "answers.jsonl"
    file = AnswersFile(path)
    kept = file.append(answer("1"))
    with path.open("ab") as torn:
        torn.write(b'{"key":"half","id":"2","deci')
    assert list(read_answers(tmp_path).standing()) == ["1"]
    AnswersFile(path).append(answer("3"))
    assert list(read_answers(tmp_path).standing()) == ["1", "3"]
    path.write_bytes(msgspec.json.encode(kept))  # as an editor leaves it
    again = AnswersFile(path)
    assert list(again.ledger.standing()) == ["1"]
    again.append(answer("4"))
    assert list(read_answers(tmp_path).standing()) == ["1", "4"]
    assert list(file.refresh().standing()) == ["1", "4"]


@pytest.mark.parametrize(
    "line",
    [
        "no json",
        '{"id": "1"}',
        '{"key":"k","id":"1","decision":"burn","who":"a","when":"w","queue":"q"}',
        '{"key":"k","id":"1","decision":"keep","who":"a","when":"w","queue":"q"}',
        '{"key":"k","id":"1","decision":"undo","who":"a","when":"w","queue":"q"}',
        '{"key":"k","id":"1","decision":"skip","who":"a","when":"w","queue":"q","inclusion":1.5}',
    ],
)
def test_a_damaged_line_is_named(tmp_path, line):
    AnswersFile(tmp_path / "answers.jsonl").append(answer("1"))
    with (tmp_path / "answers.jsonl").open("a") as file:
        file.write(line + "\n")
    with pytest.raises(RunError, match=r"answers\.jsonl: line 2 is no decision .*; mend or remove"):
        read_answers(tmp_path)


def test_threads_and_processes_append_at_once(tmp_path):
    path = tmp_path / "answers.jsonl"
    started = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), who, "60"], stdout=subprocess.DEVNULL)
        for who in ("ann", "bob")
    ]
    file = AnswersFile(path)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: file.append(answer(f"own-{number}")), range(60)))
    assert [process.wait(60) for process in started] == [0, 0]
    assert len(read_answers(tmp_path).standing()) == 180
    assert len(path.read_text().splitlines()) == 180


def test_what_was_told_to_be_kept_is_there_after_a_kill(tmp_path):
    path = tmp_path / "answers.jsonl"
    for turn in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), f"w{turn}", "100000"], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        told = [process.stdout.readline().strip() for _ in range(5 + turn)]
        process.send_signal(signal.SIGKILL)
        told += process.stdout.read().split("\n")[:-1]
        process.wait()
        assert set(told) <= set(read_answers(tmp_path).standing())


def test_a_person_takes_back_the_own_decision_only(tmp_path):
    file = AnswersFile(tmp_path / "answers.jsonl")
    mine = file.append(answer("1"))
    file.append(answer("2", who="bob"))
    assert list(file.ledger.latest_of("ann")) == [mine]
    file.append(undo(mine))
    assert list(file.ledger.latest_of("ann")) == []


def test_a_file_that_an_editor_has_put_in_its_place_is_read_anew(tmp_path):
    path = tmp_path / "answers.jsonl"
    file = AnswersFile(path)
    file.append(answer("1"))
    first = path.read_bytes()
    (tmp_path / "saved").write_bytes(first.replace(b'"ann"', b'"ann of the night shift"') + first.replace(b"1", b"2"))
    (tmp_path / "saved").rename(path)
    assert [one.who for one in file.refresh().answers] == ["ann of the night shift", "ann"]
    file.append(answer("3"))
    assert list(read_answers(tmp_path).standing()) == ["1", "2", "3"]


def test_the_line_that_is_damaged_is_named_by_the_same_number_each_time(tmp_path):
    file = AnswersFile(tmp_path / "answers.jsonl")
    file.append(answer("1"))
    with file.path.open("a") as more:
        more.write("{}\n")
    for _ in range(3):
        with pytest.raises(RunError, match="line 2 is no decision"):
            file.refresh()


def test_decisions_are_kept_where_the_file_system_cannot_flush(tmp_path, monkeypatch):
    def cannot(handle):
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr("os.fsync", cannot)
    AnswersFile(tmp_path / "answers.jsonl").append(answer("1"))
    assert list(read_answers(tmp_path).standing()) == ["1"]
