"""JUnit XML: a case for each gate and one for each finding, by names that stay the same from run to run.

A finding fails where the verdict does, and is skipped elsewhere: a report is red exactly where the exit code is 1.
GitLab shows the text of an outcome and not its message, so both say the same.
"""

from __future__ import annotations

from xml.etree import ElementTree as ET

from labelfix.outputs.formats.fingerprints import RULE, in_repository, sentence, short
from labelfix.outputs.judgement import Finding, Gate, Judgement
from labelfix.outputs.plain_text import visible


def write(judgement: Judgement) -> str:
    """The report, without characters that XML does not allow: none of them is printable."""
    root = ET.Element("testsuites", name="labelfix")
    suite = ET.SubElement(root, "testsuite", name="labelfix.flag")
    properties = ET.SubElement(suite, "properties")
    for name, value in {
        "source": visible(judgement.source),
        "labelled_rows": judgement.labelled,
        "issues": judgement.issues,
        "issue_rate": f"{judgement.issue_rate:.6g}",
        "shown": len(judgement.findings),
    }.items():
        ET.SubElement(properties, "property", name=name, value=str(value))
    for gate in judgement.gates:
        _gate_case(suite, gate)
    for found in judgement.findings:
        _finding_case(suite, found, "failure" if judgement.passed is False else "skipped")
    for element in (suite, root):
        counts = {name: len(suite.findall(path)) for name, path in _COUNTED.items()}
        attributes = {**element.attrib, **{name: str(count) for name, count in counts.items()}, "time": "0.0"}
        element.attrib.clear()
        element.attrib.update(attributes)
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode")


_COUNTED = {
    "tests": "testcase",
    "failures": "testcase/failure",
    "errors": "testcase/error",
    "skipped": "testcase/skipped",
}


def _gate_case(suite: ET.Element, gate: Gate) -> None:
    of_part = "" if gate.part is None else f" {short(gate.part)}"
    case = ET.SubElement(suite, "testcase", classname="gate", name=f"{gate.name}{of_part}", time="0.0")
    if not gate.passed:
        owner = "" if gate.owner is None else f"; owner {short(gate.owner)}"
        message = f"{gate.value:.4g} is above {gate.limit:.4g}: {gate.said}{owner}"
        ET.SubElement(case, "failure", type="gate", message=message).text = message


def _finding_case(suite: ET.Element, found: Finding, outcome: str) -> None:
    file = visible(in_repository(found))
    name = f"{short(found.id)}: label {short(found.given)}"
    case = ET.SubElement(suite, "testcase", classname=file, name=name, file=file, line=str(found.line or 1), time="0.0")
    place = "" if found.line is not None else f", row {found.row}"
    owner = "" if found.owner is None else f"; owner {short(found.owner)}"
    snippet = f"; it says: {found.snippet}" if found.snippet else ""
    message = f"{sentence(found)}{place}{owner}{snippet}"
    about = {"type": RULE} if outcome == "failure" else {}  # as JUnit has it, a skipped test has no type
    ET.SubElement(case, outcome, {**about, "message": message}).text = message
