"""Labels of several sources, from files to corrected labels and to what each source is worth."""

import json
import shlex
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

import labelfix
from labelfix.cli import main

ROWS, TRUSTED, WORDS = 240, 60, ("ham", "spam")


def people(seed=0):
    """Points of two groups, their classes, and what four sources say; one is a copy, one speaks of half of the rows."""
    generator = np.random.default_rng(seed)
    truth = np.arange(ROWS) % 2
    points = generator.normal(0, 1, (ROWS, 2)) + np.where(truth[:, None] == 1, 0.8, -0.8)

    def source(right, silent=0.0):
        label = np.where(generator.random(ROWS) < right, truth, 1 - truth)
        said = np.array([WORDS[code] for code in label], dtype=object)
        said[generator.random(ROWS) < silent] = None
        return said.tolist()

    anna = source(0.85)
    return points, truth, {"anna": anna, "bert": source(0.75), "rule_7": source(0.9, 0.5), "copy": anna}


def annotation(name, label):
    """What a person says of a row in Label Studio's export."""
    choice = {"type": "choices", "from_name": "label", "value": {"choices": [label]}}
    return {"completed_by": {"id": 7, "email": name}, "updated_at": "2026-11-29T10:00:00Z", "result": [choice]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """noisy.parquet with a column a source, the same opinions as votes and as a long file, and a finished run."""
    folder = tmp_path_factory.mktemp("sources")
    points, truth, said = people()
    ids = [f"item-{row:03d}" for row in range(ROWS)]
    inputs = {"id": ids, "x": points[:, 0], "y": points[:, 1]}
    pq.write_table(pa.table(inputs | said), folder / "noisy.parquet")
    pq.write_table(pa.table(inputs), folder / "bare.parquet")
    votes = [json.dumps({name: each[row] for name, each in said.items()}) for row in range(ROWS)]
    pq.write_table(pa.table(inputs | {"votes": votes}), folder / "votes.parquet")
    lines = ["id,annotator,label"]
    lines += [f"{i},{name},{each[row] or '?'}" for row, i in enumerate(ids) for name, each in said.items()]
    (folder / "long.csv").write_text("\n".join(lines) + "\n")
    tasks = [
        {
            "data": {"labelfix_id": i},
            "annotations": [annotation(name, each[row]) for name, each in said.items() if each[row]],
        }
        for row, i in enumerate(ids)
    ]
    (folder / "project-1.json").write_text(json.dumps(tasks))
    gold = [f"{ids[row]},{WORDS[truth[row]]}" for row in range(TRUSTED)]
    (folder / "gold.csv").write_text("\n".join(["id,label", *gold]) + "\n")
    every = [f"{i},{WORDS[code]}" for i, code in zip(ids, truth, strict=True)]
    (folder / "truth.csv").write_text("\n".join(["id,label", *every]) + "\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        words = ["train", "--noisy", "noisy.parquet", "--label-columns", "anna,bert,rule_*,copy"]
        assert main([*words, "--clean", "gold.csv", "--out", "run", "-q"]) == 0
    return folder


@pytest.fixture
def at_work(folder, monkeypatch, tmp_path):
    monkeypatch.chdir(folder)
    return tmp_path


def soft_of(path):
    return np.array(labelfix.load_run(path).corrected["soft_label"].to_pylist())


def test_all_columns_are_better_than_any_single_one(at_work):
    def right(*words):
        out = at_work / "one"
        assert main(["train", "--noisy", "noisy.parquet", *words, "--clean", "gold.csv", "--out", str(out), "-q"]) == 0
        return labelfix.load_run(out).evaluate("truth.csv")["nll"]

    all_of_them = labelfix.load_run("run").evaluate("truth.csv")["nll"]
    features = ["--feature-columns", "x,y"]
    for name in ("anna", "bert"):
        assert all_of_them < right("--label-column", name, *features, "--overwrite")


@pytest.mark.parametrize(
    "words",
    [
        ["--noisy", "votes.parquet", "--label-columns", "votes"],
        ["--noisy", "bare.parquet", "--sources", "long.csv", "--abstain", "?"],
        ["--noisy", "bare.parquet", "--sources", "project-1.json"],
    ],
)
def test_votes_and_long_files_give_the_same_soft_labels_as_columns(at_work, words):
    out = at_work / "run"
    assert main(["train", *words, "--clean", "gold.csv", "--out", str(out), "-q"]) == 0
    found = labelfix.load_run(out)
    # Sources of a long file come in the order of their names, which decides ties of the vote and no soft label.
    assert np.allclose(soft_of(out), soft_of("run"), atol=1e-3)
    assert sorted(found.columns.names) == ["anna", "bert", "copy", "rule_7"]


def test_the_given_label_is_the_vote_or_the_main_source(at_work, folder):
    _, _, said = people()
    corrected = labelfix.load_run("run").corrected
    votes = [[each[row] for each in said.values() if each[row]] for row in range(ROWS)]
    given = corrected["given_label"].to_pylist()
    clear = [row for row, words in enumerate(votes) if words.count("ham") != words.count("spam")]
    assert all(given[row] == max(WORDS, key=votes[row].count) for row in clear)
    out = at_work / "main"
    words = ["--noisy", "noisy.parquet", "--label-columns", "anna,bert,rule_7", "--main-source", "rule_7"]
    assert main(["train", *words, "--clean", "gold.csv", "--feature-columns", "x,y", "--out", str(out), "-q"]) == 0
    given = labelfix.load_run(out).corrected["given_label"].to_pylist()
    assert all(g == w for g, w in zip(given, said["rule_7"], strict=True) if w)
    assert all(given)


def test_every_opinion_has_its_score(at_work):
    _, _, said = people()
    corrected = labelfix.load_run("run").corrected
    classes = {word: code for code, word in enumerate(WORDS)}
    soft = soft_of("run")
    for row, scores in enumerate(corrected["source_scores"].to_pylist()):
        assert {each["source"]: each["label"] for each in scores} == {n: s[row] for n, s in said.items() if s[row]}
        for each in scores:
            assert each["score"] == pytest.approx(soft[row, classes[each["label"]]], abs=1e-6)


def test_exports_leave_the_sources_alone_and_add_their_labels_with_details(at_work, capsys):
    out = at_work / "fixed.parquet"
    assert main(["export", "--run", "run", "--corrected-labels", str(out)]) == 0
    fixed, own = pq.read_table(out), pq.read_table("noisy.parquet")
    assert fixed.column_names == [*own.column_names, "label", "given_label"]
    assert fixed.select(own.column_names).equals(own)
    assert fixed["label"].to_pylist() == labelfix.load_run("run").corrected["corrected_label"].to_pylist()
    assert main(["export", "--run", "run", "--corrected-labels", str(at_work / "all.csv"), "--details"]) == 0
    detailed = pyarrow.csv.read_csv(at_work / "all.csv")
    _, _, said = people()
    assert [word or None for word in detailed["given_rule_7"].to_pylist()] == said["rule_7"]
    assert "240 rows" in capsys.readouterr().err


def test_votes_that_are_one_text_are_refused(at_work, capsys):
    table = pq.read_table("noisy.parquet")
    said = zip(*(table[name].to_pylist() for name in ("anna", "bert", "copy")), strict=True)
    votes = ["|".join(filter(None, row)) for row in said]
    pq.write_table(table.select(["id", "x", "y"]).append_column("votes", pa.array(votes)), "piped.parquet")
    assert main(["check", "-q", "--noisy", "piped.parquet", "--label-columns", "votes", "--clean", "gold.csv"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "piped.parquet: column 'votes' holds values such as" in line
    assert 'write votes as JSON, such as ["a", "b"]' in line


def test_new_rows_may_lack_sources_or_have_new_ones(at_work, capsys):
    noisy = pq.read_table("noisy.parquet")
    fewer = noisy.drop_columns(["bert", "copy"]).append_column("robot", noisy["bert"])
    pq.write_table(fewer, at_work / "new.parquet")
    words = ["correct", "--run", "run", "--noisy", str(at_work / "new.parquet"), "--out", str(at_work / "c.parquet")]
    assert main([*words, "--label-columns", "anna,rule_7,robot"]) == 0
    assert "does not know 'robot'" in capsys.readouterr().err
    known = pq.read_table(at_work / "c.parquet")
    assert main([*words, "--overwrite"]) == 0
    assert pq.read_table(at_work / "c.parquet").equals(known)
    assert known["p_value"].null_count == 0
    pq.write_table(noisy.select(["id", "x", "y"]), at_work / "new.parquet")
    assert main([*words, "--overwrite"]) == 2
    assert "none of the run's label columns (anna, bert" in capsys.readouterr().err
    assert main([*words, "--overwrite", "--unlabelled"]) == 0
    assert set(pq.read_table(at_work / "c.parquet")["action"].to_pylist()) == {"fill"}


def test_sources_says_what_each_is_worth(at_work, capsys):
    assert main(["sources", "--run", "run", "--cost", "anna=0.1"]) == 0
    said = capsys.readouterr().out
    assert "anna: says the same as copy on 100.0% of 180 rows" in said
    assert main(["sources", "--run", "run", "--format", "json"]) == 0
    found = {each["name"]: each for each in json.loads(capsys.readouterr().out)["each"]}
    _, truth, labels = people()
    for name, each in labels.items():
        own = [row for row in range(TRUSTED) if each[row]]
        right = np.mean([each[row] == WORDS[truth[row]] for row in own])
        accuracy = found[name]["accuracy"]
        assert accuracy["rows"] == len(own)
        assert accuracy["value"] == pytest.approx(right)
        assert accuracy["low"] < right <= accuracy["high"]
        assert found[name]["rows"] == sum(word is not None for word in each)
    assert found["anna"]["weight"] + found["copy"]["weight"] == pytest.approx(1, abs=0.15)
    assert main(["sources", "--run", "run", "--source", "bert", "--show", "3"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3 + 2 + 1 + 3  # the table, classes, a heading, rows
    assert main(["sources", "--run", "run", "--source", "bert", "--format", "json", "--cost", "bert=2"]) == 0
    assert labelfix.load_run("run").sources("bert", costs={"bert": 2}) == json.loads(capsys.readouterr().out)
    assert main(["sources", "--run", "run", "--source", "nobody"]) == 2
    assert "no such source; there are anna, bert" in capsys.readouterr().err
    assert main(["sources", "--run", "run", "--format", "json", "--cost", "anna=0.1,bert=2"]) == 0
    assert [each.get("cost") is not None for each in json.loads(capsys.readouterr().out)["each"][:2]] == [True, True]
    for wrong in ("anna=cheap", "anna=0,5", "anna=1,bert"):
        assert main(["sources", "--run", "run", "--cost", wrong]) == 2
        assert f"--cost {wrong}: write it as SOURCE=PRICE" in capsys.readouterr().err


def test_a_column_that_says_who_gave_each_label_is_noticed_and_makes_sources(at_work, capsys):
    points, truth, said = people()
    names = ["anna" if row % 3 else "bert" for row in range(ROWS)]
    labels = [said[name][row] for row, name in enumerate(names)]
    columns = {"id": [f"item-{row:03d}" for row in range(ROWS)], "x": points[:, 0], "y": points[:, 1]}
    one = str(at_work / "one.csv")
    pyarrow.csv.write_csv(pa.table(columns | {"annotator": names, "label": labels}), one)
    assert main(["check", "--noisy", one, "--clean", "gold.csv"]) == 0
    assert f"--sources {one} learns how each of them errs" in capsys.readouterr().err
    out = str(at_work / "run")
    assert main(["train", "--noisy", one, "--sources", one, "--clean", "gold.csv", "--out", out, "-q"]) == 0
    assert "learns how each" not in capsys.readouterr().err
    found = labelfix.load_run(out)
    assert {each["name"]: each["rows"] for each in found.sources()["each"]} == {"anna": 160, "bert": 80}
    found.export(at_work / "fixed.csv")
    assert pyarrow.csv.read_csv(at_work / "fixed.csv").column_names == [*columns, "annotator", "label", "given_label"]
    gold = at_work / "gold.csv"
    gold.write_text(Path("gold.csv").read_text().replace("id,label", "id,truth"))
    assert main(["check", "--noisy", one, "--sources", one, "--clean", str(gold)]) == 0
    assert "feature columns: x, y (2 columns" in capsys.readouterr().err  # the label is none


def test_each_source_has_a_gate_severity_and_owner_of_its_own(at_work, capsys):
    policy = at_work / "policy.toml"
    policy.write_text(
        f'[gate]\nrun = "{Path("run").absolute()}"\nowner = "everybody"\n'
        '[gate.sources.anna]\nmax_issue_rate = 0.01\nowner = "anna"\nseverity = "critical"\n'
        "[gate.sources.rule_7]\nmax_issue_rate = 1\n"
    )
    words = ["flag", "--config", str(policy), "--format", "json"]
    assert main(words) == 1
    said = json.loads(capsys.readouterr().out)
    gates = {each["source"]: each for each in said["gates"]}
    assert (gates["anna"]["passed"], gates["anna"]["owner"], gates["rule_7"]["passed"]) == (False, "anna", True)
    assert gates["rule_7"]["owner"] == "everybody"
    rows = [row for row in pq.read_table("run/corrected.parquet").to_pylist() if int(row["id"][5:]) >= TRUSTED]
    sure = labelfix.load_run("run").manifest["min_confidence"]
    for name in ("anna", "rule_7"):
        own = [(row, one["label"]) for row in rows for one in row["source_scores"] if one["source"] == name]
        wrong = [row for row, label in own if label != row["suggested_label"] and row["confidence"] >= sure]
        assert gates[name]["value"] == pytest.approx(len(wrong) / len(own))
    by_id = {row["id"]: row for row in rows}
    for found in said["findings"]:
        says = {one["source"]: one["label"] for one in by_id[found["id"]]["source_scores"]}
        hers = says["anna"] == found["given_label"]
        assert (found["owner"], found["severity"] == "critical") == (("anna", True) if hers else ("everybody", False))
    accepted = at_work / "accepted.json"
    assert main([*words[:3], "--format", f"json={accepted}"]) == 1
    capsys.readouterr()
    main([*words, "--baseline", str(accepted)])
    (left,) = (each["value"] for each in json.loads(capsys.readouterr().out)["gates"] if each["source"] == "anna")
    own = [row for row in rows for one in row["source_scores"] if one["source"] == "anna"]
    hers = sum(found["owner"] == "anna" for found in said["findings"])
    assert left == pytest.approx(gates["anna"]["value"] - hers / len(own))  # what is kept is right as she gave it
    policy.write_text(policy.read_text().replace("sources.anna", "sources.ana"))
    assert main(words) == 2
    assert "[gate.sources.ana]" in capsys.readouterr().err
    # The run's labels as a file: gates of sources hold there as well, trusted rows among them.
    alone = ["flag", "--config", str(policy), "--corrected", "run/corrected.parquet", "--format", "json"]
    assert main(alone) == 2
    assert "[gate.sources.ana]: run/corrected.parquet has no such source of labels" in capsys.readouterr().err
    policy.write_text(policy.read_text().replace("sources.ana]", "sources.anna]").replace('run = "', '# "'))
    assert main(alone) == 1
    gates = {each["source"]: each for each in json.loads(capsys.readouterr().out)["gates"]}
    assert gates["anna"]["passed"] is False


def test_of_very_many_sources_the_loss_without_each_is_rough_and_said_to_be(at_work, capsys):
    points, truth, _ = people()
    generator = np.random.default_rng(3)
    right = np.linspace(0.3, 0.95, 110)
    said = np.where(generator.random((ROWS, 110)) < right, truth[:, None], 1 - truth[:, None])
    said = np.where(generator.random((ROWS, 110)) < 0.9, "", np.array(WORDS)[said])
    columns = {f"s{k:03d}": said[:, k].tolist() for k in range(110)}
    ids = [f"item-{row:03d}" for row in range(ROWS)]
    pq.write_table(pa.table({"id": ids, "x": points[:, 0], "y": points[:, 1]} | columns), at_work / "many.parquet")
    words = ["train", "--noisy", str(at_work / "many.parquet"), "--label-columns", "s*", "--clean", "gold.csv"]
    assert main([*words, "--out", str(at_work / "run"), "-q"]) == 0
    assert main(["sources", "--run", str(at_work / "run")]) == 0
    table = capsys.readouterr().out
    assert table.count(" points\n") == 110
    assert "lost without: a rough figure, as the sources are very many" in table


def test_the_ledger_has_the_vote_and_dawid_skene_beside_the_run(at_work):
    _, truth, said = people()
    evidence = labelfix.load_run("run").metrics["evidence"]
    entries = {each["name"]: each for each in evidence["ledger"]["entries"]}
    votes = [[each[row] for each in said.values() if each[row]] for row in range(TRUSTED)]
    right = [max(words, key=words.count) == WORDS[truth[row]] for row, words in enumerate(votes)]  # ties: the first
    assert entries["majority-vote"]["accuracy"]["value"] == pytest.approx(np.mean(right))
    assert entries["majority-vote"]["accuracy"]["rows"] == TRUSTED
    assert entries["dawid-skene"]["nll"]["value"] < 2  # as they stand, copies make it far too sure
    assert evidence["verdict"]["classifier"] not in ("majority-vote", "dawid-skene")
    assert [each["name"] for each in evidence["sources"]["ways"]] == ["majority-vote", "dawid-skene", "this-run"]


def test_a_method_that_reads_one_label_a_row_says_so(at_work, capsys):
    words = ["train", "--noisy", "noisy.parquet", "--label-columns", "anna,bert", "--feature-columns", "x,y"]
    out = ["--clean", "gold.csv", "--out", str(at_work / "run")]
    assert main([*words, *out, "--method", "glc"]) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "--method glc reads one label a row, what most sources say" in said
    assert "leave --method out to have each source weighed" in said
    assert any("reads one label a row" in each for each in labelfix.load_run(at_work / "run").manifest["warnings"])
    assert main([*words, *out, "--overwrite"]) == 0
    assert "one label a row" not in capsys.readouterr().err


def test_the_report_has_a_section_of_sources(at_work):
    assert main(["report", "--run", "run", "--out", str(at_work / "report.html"), "-q"]) == 0
    page = (at_work / "report.html").read_text()
    assert "What is each source worth?" in page
    assert "<b>rule_7</b>" in page


def test_odd_sources_are_told_in_words(at_work, capsys):
    noisy = pq.read_table("noisy.parquet")
    generator = np.random.default_rng(1)
    odd = {
        "coin": [WORDS[c] for c in generator.integers(0, 2, ROWS)],
        "always": ["spam"] * ROWS,
        "upside": [WORDS[1 - WORDS.index(word)] for word in noisy["anna"].to_pylist()],
    }
    for name, labels in odd.items():
        noisy = noisy.append_column(name, pa.array(labels))
    pq.write_table(noisy, at_work / "odd.parquet")
    words = ["train", "--noisy", str(at_work / "odd.parquet"), "--label-columns", "anna,bert,rule_7,coin,always,upside"]
    out = ["--clean", "gold.csv", "--feature-columns", "x,y", "--out", str(at_work / "odd"), "-q"]
    assert main([*words, *out]) == 0
    capsys.readouterr()
    assert main(["sources", "--run", str(at_work / "odd")]) == 0
    said = capsys.readouterr().out
    assert "coin: as good as random" in said
    assert 'always: always says "spam"' in said
    assert 'upside: has "ham" and "spam" swapped' in said
    assert "reads it the other way round" in said
    assert main([*words, *out, "--method", "glc", "--overwrite"]) == 0
    capsys.readouterr()
    assert main(["sources", "--run", str(at_work / "odd")]) == 0
    said_by_others = capsys.readouterr().out
    assert 'upside: has "ham" and "spam" swapped' in said_by_others
    assert "the run" not in said_by_others.split("one label made of")[0]
    assert main([*words, *out, "--overwrite"]) == 0
    plain = labelfix.load_run("run").evaluate("truth.csv")["corrected_right"]["value"]
    assert labelfix.load_run(at_work / "odd").evaluate("truth.csv")["corrected_right"]["value"] > plain - 0.03


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--label-columns", "nobody*"], "noisy.parquet: has no column that 'nobody*' fits; its columns are id, x"),
        (["--label-columns", "anna", "--label-column", "bert"], "label_column = 'bert' names one column"),
        (["--label-columns", "anna,bert", "--main-source", "carl"], "--main-source 'carl' is not one of the sources"),
        (["--abstain", "?", "--label-column", "anna"], "--abstain is for labels of several sources"),
        (["--sources", "missing.csv"], "missing.csv"),
        (["--sources", "gold.csv"], "gold.csv: has no column of who says it"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_remedy(at_work, words, message, capsys):
    out = at_work / "run"
    assert main(["train", "--noisy", "noisy.parquet", *words, "--clean", "gold.csv", "--out", str(out)]) == 2
    assert message in capsys.readouterr().err
    assert not out.exists()


def test_without_trusted_rows_it_is_said_how_few_are_enough(at_work, capsys):
    assert main(["train", "--noisy", "noisy.parquet", "--label-columns", "anna,bert", "--out", str(at_work / "r")]) == 2
    assert "--clean is missing" in (said := capsys.readouterr().err)
    assert "20 rows of the noisy file that you check yourself" in said


def test_words_for_no_answer_are_asked_about_and_those_of_every_file_are_silence(at_work, capsys):
    noisy = pq.read_table("noisy.parquet").to_pydict()
    noisy["bert"][::6] = ["ABSTAIN"] * len(noisy["bert"][::6])
    noisy["anna"][1::6] = ["N/A"] * len(noisy["anna"][1::6])
    pa.csv.write_csv(pa.table(noisy), at_work / "export.csv")
    words = ["check", "--noisy", str(at_work / "export.csv"), "--label-columns", "anna,bert", "--clean", "gold.csv"]
    assert main([*words, "--feature-columns", "x,y"]) == 0
    said = capsys.readouterr().err
    assert 'sources say "ABSTAIN" 40 times, which is taken as a class' in said
    assert 'if it means "no answer", give --abstain "ABSTAIN"' in said
    assert '"N/A" is taken as no answer (40 labels)' in said
    assert main([*words, "--feature-columns", "x,y", "--abstain", "ABSTAIN"]) == 0
    assert "taken as a class" not in capsys.readouterr().err


def test_a_cell_that_holds_no_votes_is_named(at_work, capsys):
    table = pq.read_table("votes.parquet")
    cells = table["votes"].to_pylist()
    cells[4] = "[1, {]"
    pq.write_table(table.set_column(3, "votes", pa.array(cells)), at_work / "bad.parquet")
    words = ["train", "--noisy", str(at_work / "bad.parquet"), "--label-columns", "votes", "--clean", "gold.csv"]
    assert main([*words, "--out", str(at_work / "run")]) == 2
    said = capsys.readouterr().err
    assert "bad.parquet, row 5: column 'votes' holds no votes" in said
    assert 'write a list of labels, or {"source": "label"}' in said


def test_trusted_rows_that_stand_elsewhere_work_too(at_work):
    noisy = pq.read_table("noisy.parquet")
    _, truth, _ = people()
    gold = (
        noisy.select(["x", "y"]).slice(0, TRUSTED).append_column("label", pa.array([WORDS[c] for c in truth[:TRUSTED]]))
    )
    pq.write_table(gold, at_work / "gold.parquet")
    pq.write_table(noisy.slice(TRUSTED).drop_columns(["id"]), at_work / "rest.parquet")
    words = [
        "--noisy",
        str(at_work / "rest.parquet"),
        "--label-columns",
        "anna,bert,rule_7",
        "--feature-columns",
        "x,y",
    ]
    out = at_work / "run"
    assert main(["train", *words, "--clean", str(at_work / "gold.parquet"), "--out", str(out), "-q"]) == 0
    found = labelfix.load_run(out)
    assert found.metrics["evidence"]["assumption"]
    right = np.mean(
        [w == WORDS[c] for w, c in zip(found.corrected["corrected_label"].to_pylist(), truth[TRUSTED:], strict=True)]
    )
    vote = np.mean(
        [w == WORDS[c] for w, c in zip(found.corrected["given_label"].to_pylist(), truth[TRUSTED:], strict=True)]
    )
    assert right >= vote


def test_next_says_whom_to_ask_for_the_price(at_work, capsys):
    words = ["next", "--run", "run", "--count", "8", "--out", str(at_work / "ask.parquet"), "--overwrite", "-q"]
    assert main([*words, "--cost", "trusted=1", "--cost", "rule_7=1"]) == 0
    dear = pq.read_table(at_work / "ask.parquet")
    assert len(dear) == 8
    assert set(dear["ask"].to_pylist()) == {"trusted"}  # for the same price whoever is always right
    assert main([*words, "--cost", "trusted=100", "--cost", "rule_7=0.01"]) == 0
    cheap = pq.read_table(at_work / "ask.parquet")
    assert "rule_7" in cheap["ask"].to_pylist()
    said = dict(zip(*(pq.read_table("noisy.parquet")[name].to_pylist() for name in ("id", "rule_7")), strict=True))
    asked = zip(cheap["id"].to_pylist(), cheap["ask"].to_pylist(), strict=True)
    assert all(said[row] is None for row, name in asked if name == "rule_7")
    assert main([*words, "--cost", "nobody=1"]) == 2
    assert "there is no such source; there are anna, bert, rule_7, copy, trusted" in capsys.readouterr().err
    assert main([*words[:-1], "--cost", "anna=1"]) == 0  # she has answered every row
    assert "0 rows: of the sources with a price none is left to ask" in capsys.readouterr().err


def test_answers_go_back_to_whom_they_are_of(at_work, capsys):
    """An answer of a rule is an opinion of that rule, and no trusted label; the printed command says so."""
    out = at_work / "ask.parquet"
    words = [
        "next",
        "--run",
        "run",
        "--count",
        "8",
        "--out",
        str(out),
        "--cost",
        "trusted=100",
        "--cost",
        "rule_7=0.01",
    ]
    assert main(words) == 0
    command = next(line for line in capsys.readouterr().err.splitlines() if line.startswith("labelfix train"))
    assert f"--clean {out} --sources {out}" in command
    asked = pq.read_table(out)
    answers = ["?", *[WORDS[0]] * (len(asked) - 1)]
    pq.write_table(asked.set_column(asked.schema.get_field_index("label"), "label", pa.array(answers)), out)
    of_rule = sum(name == "rule_7" for name in asked["ask"].to_pylist()[1:])
    assert of_rule
    read = [word for word in shlex.split(command)[2:] if word != "--out"][:-1]
    assert main(["check", *read]) == 0
    said = capsys.readouterr()
    trusted = TRUSTED + len(asked) - 1 - of_rule
    assert f"trusted rows: {trusted} in" in said.out
    before = sum(
        pq.read_table("noisy.parquet")[name].drop_null().length() for name in ("anna", "bert", "rule_7", "copy")
    )
    assert f"4 sources with {before + of_rule:,} labels" in said.err
    assert "8 rows that labelfix asked about have no answer" not in said.err  # the rule has answered
