import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelfix.errors import InputError
from labelfix.outputs import gate
from labelfix.outputs.baseline import Accepted, Baseline
from labelfix.outputs.corrected_rows import CorrectedFile, HeldRows, read_corrected
from labelfix.outputs.exports import corrected_table, write_corrected
from labelfix.outputs.flag_rules import by_budget
from labelfix.outputs.formats.github import write as as_github
from labelfix.outputs.formats.json import write as as_json
from labelfix.outputs.formats.text import as_text
from labelfix.outputs.policy import Policy
from labelfix.outputs.wording import summary, verdict


@pytest.fixture
def table(make_labels):
    """Ten labelled rows, two of them issues (r2 worse than r1), and two rows without a label."""
    given = ["cat", "cat"] + ["dog"] * 8 + [None, None]
    soft = [[0.3, 0.7], [0.1, 0.9]] + [[0.1, 0.9]] * 7 + [[0.55, 0.45]] + [[0.0, 1.0]] * 2
    return corrected_table(make_labels(given, soft))


def test_the_rate_is_taken_over_labelled_rows_only(table):
    judgement = gate.apply_gates(HeldRows(table), "run")
    assert (judgement.rows, judgement.labelled, len(judgement.findings)) == (12, 10, 2)
    assert judgement.issue_rate == 0.2


@pytest.mark.parametrize(("rate", "passed"), [(0.2, True), (0.19, False), (0.0, False), (1.0, True), (None, None)])
def test_a_rate_at_the_gate_passes_and_above_it_does_not(table, rate, passed):
    assert gate.apply_gates(HeldRows(table), "run", rate).passed is passed


def test_five_of_a_hundred_are_exactly_five_percent(make_labels):
    table = corrected_table(make_labels(["cat"] * 100, [[0.1, 0.9]] * 5 + [[0.9, 0.1]] * 95))
    assert gate.apply_gates(HeldRows(table), "run", 0.05).passed is True


def test_worst_rows_come_first_then_confidence_then_the_order_of_rows(make_labels):
    classes = ("a", "b", "c")
    soft = [[0.2, 0.8, 0.0], [0.1, 0.65, 0.25], [0.1, 0.9, 0.0], [0.1, 0.9, 0.0]]
    table = corrected_table(make_labels(["a"] * 4, soft, classes=classes))
    assert [found.id for found in gate.apply_gates(HeldRows(table), "run").findings] == ["r3", "r4", "r2", "r1"]


def test_an_accepted_row_is_no_finding_but_stays_in_the_denominator(table):
    judgement = gate.apply_gates(HeldRows(table), "run", 0.1, accepted=Baseline({"r2": (Accepted(),)}))
    assert [found.id for found in judgement.findings] == ["r1"]
    assert (judgement.accepted, judgement.labelled, judgement.passed) == (1, 10, True)


def mask(*rows, of=12):
    return np.isin(np.arange(1, of + 1), rows)


def test_trusted_rows_are_neither_found_nor_counted(table):
    judgement = gate.apply_gates(HeldRows(table), "run", 0.1, trusted=mask(2, 3, 11))
    assert [found.id for found in judgement.findings] == ["r1"]
    # Of twelve rows two have no label; of the trusted ones r11 is one of those.
    assert (judgement.rows, judgement.labelled, judgement.trusted, judgement.issues) == (12, 8, 3, 1)
    assert (judgement.issue_rate, judgement.passed) == (0.125, False)
    assert as_text(judgement).splitlines()[-1] == (
        "run: 1 of 8 labelled rows look wrong (12.5 %) at confidence 0.6 or more (3 trusted rows left out); "
        "above the gate of 10 %"
    )
    assert "(1 trusted row left out)" in as_text(gate.apply_gates(HeldRows(table), "run", trusted=mask(5)))
    for told in (as_github(judgement), as_json(judgement)):
        assert "r2" not in told


def test_trusted_rows_come_back_and_are_told_from_the_others(table):
    judgement = gate.apply_gates(HeldRows(table), "run", trusted=mask(2, 3, 11), with_trusted=True)
    assert [(found.id, found.trusted) for found in judgement.findings] == [("r2", True), ("r1", False)]
    assert (judgement.labelled, judgement.trusted) == (10, 0)
    value = json.loads(as_json(judgement))
    assert [found["trusted"] for found in value["findings"]] == [True, False]
    assert "cat -> dog (trusted)" in as_text(judgement).splitlines()[1]
    assert as_github(judgement).splitlines()[0].endswith("id r2, row 2: cat -> dog (trusted)")
    assert "trusted" not in json.loads(as_json(gate.apply_gates(HeldRows(table), "run")))["findings"][0]


def test_where_all_labels_are_trusted_there_is_no_rate(make_labels):
    table = corrected_table(make_labels(["cat", None], [[0.1, 0.9]] * 2))
    with pytest.raises(InputError, match="has no row with a given label that is not trusted"):
        gate.apply_gates(HeldRows(table), "run", 0.1, trusted=mask(1, of=2))


def test_trusted_rows_are_left_out_whatever_chose_the_findings(table):
    chosen = by_budget(HeldRows(table), 3, mask(2, 3))
    assert np.flatnonzero(chosen.rows).tolist()[0] == 0
    assert not chosen.rows[[1, 2]].any()
    assert chosen.rows.sum() == 3


def test_a_file_of_several_groups_leaves_the_same_rows_out(make_labels, tmp_path):
    given = ["cat", None] * 20
    write_corrected(tmp_path / "a.parquet", make_labels(given, [[0.1, 0.9]] * 40))
    pq.write_table(read_corrected(tmp_path / "a.parquet"), tmp_path / "b.parquet", row_group_size=7)
    judgement = gate.apply_gates(CorrectedFile(tmp_path / "b.parquet"), "b", trusted=mask(1, 2, 9, 40, of=40))
    assert (judgement.labelled, judgement.issues, judgement.trusted) == (18, 18, 4)
    assert not {found.row for found in judgement.findings} & {1, 9}


def test_whole_number_ids_are_accepted_as_text(make_labels):
    table = corrected_table(make_labels(["cat"], [[0.1, 0.9]], ids=[7]))
    assert gate.apply_gates(HeldRows(table), "run", accepted=Baseline({"7": (Accepted(),)})).findings == ()


@pytest.mark.parametrize(("threshold", "ids"), [(0.8, ["r2"]), (0.5, ["r2", "r1", "r10"]), (0.95, [])])
def test_another_threshold_takes_the_issues_anew(table, threshold, ids):
    judgement = gate.apply_gates(HeldRows(table), "run", min_confidence=threshold)
    assert [found.id for found in judgement.findings] == ids
    assert judgement.min_confidence == threshold


def test_a_threshold_met_exactly_counts_as_reached(make_labels):
    table = corrected_table(make_labels(["cat"], [[0.3, 0.7]], min_confidence=0.9))
    assert len(gate.apply_gates(HeldRows(table), "run", min_confidence=0.7).findings) == 1


def test_rows_without_any_label_cannot_be_gated_but_can_be_listed(make_labels):
    table = corrected_table(make_labels([None], [[0.1, 0.9]]))
    assert gate.apply_gates(HeldRows(table), "new.parquet").findings == ()
    with pytest.raises(InputError, match="new.parquet: has no row with a given label.* skip `labelfix flag`"):
        gate.apply_gates(HeldRows(table), "new.parquet", 0.1)


def test_the_text_shows_id_place_change_and_confidence_and_how_many_more_there_are(table):
    assert as_text(gate.apply_gates(HeldRows(table), "runs/a", 0.1, show=1)).splitlines() == [
        "id  where             given -> suggested  confidence",
        "r2  noisy.csv, row 2  cat -> dog          0.900",
        "… and 1 more (--show 2 lists them all)",
        "runs/a: 2 of 10 labelled rows look wrong (20 %) at confidence 0.6 or more; above the gate of 10 %",
    ]


def test_without_findings_the_text_is_one_line(make_labels):
    table = corrected_table(make_labels(["cat"], [[0.9, 0.1]]))
    expected = "run: 0 of 1 labelled rows look wrong (0 %) at confidence 0.6 or more; at or below the gate of 0.25 %"
    assert as_text(gate.apply_gates(HeldRows(table), "run", 0.0025)) == expected


def test_rows_of_no_known_threshold_are_said_without_one(make_labels):
    table = corrected_table(make_labels(["cat"], [[0.9, 0.1]], min_confidence=1.0))
    assert as_text(gate.apply_gates(HeldRows(table), "run")) == "run: 0 of 1 labelled rows look wrong (0 %)"


def test_escape_sequences_in_data_never_reach_the_output(make_labels):
    hostile = "\x1b[31mred\x1b[0m\x07\u202e[bold]x\r\n::error::y"
    table = corrected_table(
        make_labels([hostile], [[0.1, 0.9]], classes=(hostile, "dog"), ids=[hostile], file=f"{hostile}.csv")
    )
    judgement = gate.apply_gates(HeldRows(table), "run")
    for output in (as_text(judgement), as_json(judgement), as_github(judgement)):
        assert all(c.isprintable() or c == "\n" for c in output)
        assert "\\x1b[31mred" in output or "\\u001b[31mred" in output
        assert "[bold]x" in output
    # Neither do workflow commands: a line of the output begins with one only where the gate wrote it.
    commands = [line for line in as_github(judgement).splitlines() if line.startswith("::")]
    assert len(commands) == 1


def test_the_json_has_the_documented_keys_and_types(table):
    value = json.loads(as_json(gate.apply_gates(HeldRows(table), "runs/a", 0.1)))
    assert {key: type(item).__name__ for key, item in value.items()} == {
        "format_version": "int",
        "source": "str",
        "run_id": "str",
        "min_confidence": "float",
        "rows": "int",
        "labelled": "int",
        "trusted": "int",
        "issues": "int",
        "accepted": "int",
        "edited": "int",
        "issue_rate": "float",
        "max_issue_rate": "float",
        "gates": "list",
        "passed": "bool",
        "findings": "list",
    }
    assert value["passed"] is False
    assert value["findings"][0] == {
        "id": "r2",
        "file": "noisy.csv",
        "row": 2,
        "given_label": "cat",
        "suggested_label": "dog",
        "confidence": pytest.approx(0.9),
        "label_score": pytest.approx(0.1),
        "line": None,
        "snippet": None,
        "severity": "minor",
        "owner": None,
        "content_hash": None,
    }


def test_json_lists_every_finding_unless_fewer_are_asked_for(table):
    judgement = gate.apply_gates(HeldRows(table), "run")
    assert len(json.loads(as_json(judgement))["findings"]) == 2
    short = json.loads(as_json(gate.apply_gates(HeldRows(table), "run", show=1)))
    assert (short["issues"], len(short["findings"]), short["passed"]) == (2, 1, None)


def test_github_gets_the_ten_worst_and_then_a_total(make_labels):
    soft = [[0.3 - row / 100, 0.7 + row / 100] for row in range(12)]
    table = corrected_table(make_labels(["cat"] * 12, soft))
    lines = as_github(gate.apply_gates(HeldRows(table), "run", 0.5)).splitlines()
    assert len(lines) == 11
    assert all(line.startswith("::warning file=noisy.csv,title=") for line in lines[:10])
    assert "id r12, row 12" in lines[0]
    assert lines[10].startswith("run: 12 of 12 labelled rows look wrong (100 %)")


def test_how_bad_a_finding_is_decides_its_annotation(table):
    for severity, level in (("info", "notice"), ("minor", "warning"), ("major", "warning"), ("critical", "error")):
        lines = as_github(gate.apply_gates(HeldRows(table), "run", policy=Policy(severity))).splitlines()
        assert all(line.startswith(f"::{level} file=") for line in lines[:2])


def test_a_gate_that_fails_below_the_issue_rate_is_named(table):
    noise = {"value": 0.5, "low": 0.4, "high": 0.6, "rows": 9, "how": "so"}
    judgement = replace(gate.apply_gates(HeldRows(table), "run", 1.0), noise_rate=noise, max_noise_rate=0.1)
    assert judgement.passed is False
    assert verdict(judgement)[-1].endswith("at or below the gate of 100 %, but above another: noise rate")
    assert verdict(replace(judgement, max_issue_rate=None))[-1].endswith("; above a gate: noise rate")
    assert "above another" not in verdict(gate.apply_gates(HeldRows(table), "run", 0.0))[-1]


def test_github_annotations_escape_what_github_reads_as_syntax(make_labels):
    table = corrected_table(
        make_labels(["a,b:c%"], [[0.1, 0.9]], classes=("a,b:c%", "dog"), ids=["50%"], file="C:/x,y%.csv")
    )
    line = as_github(gate.apply_gates(HeldRows(table), "run")).splitlines()[0]
    assert line == (
        "::warning file=C%3A/x%2Cy%25.csv,title=label a%2Cb%3Ac%25 looks wrong"
        "::id 50%25, row 1: a,b:c%25 -> dog (confidence 0.900)"
    )


@pytest.mark.parametrize("threshold", [None, 0.5])
def test_a_file_without_rows_has_no_findings(make_labels, tmp_path, threshold):
    write_corrected(tmp_path / "a.parquet", make_labels([], [], ids=pa.array([], pa.string())))
    judgement = gate.apply_gates(CorrectedFile(tmp_path / "a.parquet"), "a", min_confidence=threshold)
    assert (judgement.rows, judgement.findings, judgement.issue_rate) == (0, (), 0.0)


@pytest.mark.parametrize("threshold", [None, 0.7])
def test_findings_are_right_in_a_slice_of_a_chunked_table(make_labels, threshold):
    table = corrected_table(make_labels(["cat"] * 20, [[0.1, 0.9], [0.9, 0.1], [0.35, 0.65], [0.2, 0.8]] * 5))
    chunked = pa.concat_tables([table.slice(3, 7), table.slice(11, 5)])
    found = gate.apply_gates(HeldRows(chunked), "a", min_confidence=threshold).findings
    rows = [r for r in [*range(4, 11), *range(12, 17)] if r % 4 in ((1, 0) if threshold else (1, 3, 0))]
    assert sorted(f.row for f in found) == rows


@pytest.mark.parametrize("name", ["confidence", "label_score"])
@pytest.mark.parametrize("show", [None, 0, 1])
def test_a_number_that_is_none_is_named_however_many_rows_are_shown(make_labels, name, show):
    """It sorts last: it would count as an issue and be no finding."""
    table = corrected_table(make_labels(["cat"] * 3, [[0.1, 0.9]] * 3))
    place = table.schema.get_field_index(name)
    field = table.schema.field(place)
    table = table.set_column(place, field, pa.array([0.1, float("nan"), 0.2], field.type))

    with pytest.raises(InputError, match=f"row 2: says that a label is wrong, but has no {name}"):
        gate.apply_gates(HeldRows(table), "run", show=show)


def test_no_line_of_the_text_is_wider_than_the_terminal(make_labels):
    table = corrected_table(make_labels(["cat"] * 3, [[0.1, 0.9]] * 3))
    judgement = replace(
        gate.apply_gates(HeldRows(table), "runs/support tickets of last week", max_issue_rate=0.05),
        noise_rate={"value": 0.2, "low": 0.1, "high": 0.3, "how": "counted on trusted rows drawn at random"},
        max_noise_rate=0.05,
        assumptions=("it is assumed that these rows were drawn as the trusted rows were, which nothing here shows",),
    )
    for columns in (60, 80):
        lines = as_text(judgement, columns, terminal=True).splitlines()
        assert max(map(len, lines)) <= columns
        said = " ".join(map(str.strip, lines))
        assert "its lower end is above the gate of 5 %; counted on trusted rows drawn at random" in said
        assert said.endswith(summary(judgement))
    assert as_text(judgement).splitlines()[-1] == summary(judgement)
