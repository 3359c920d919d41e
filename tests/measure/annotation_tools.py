"""Tasks answered and exported by Label Studio's and Argilla's own code: makes the recorded files of the tests.

    python tests/measure/annotation_tools.py TASKS OUT

TASKS holds what `labelfix export --tasks label-studio|argilla --out TASKS/label-studio|argilla` wrote. The sets of
answers are fixed: of the rows in order the first is confirmed, the second changed, the third cancelled, the fourth
submitted empty, the fifth answered by two people who agree, the sixth by two who do not, the seventh by one person
twice, the eighth not looked at; then again from the beginning. Needs label-studio-sdk and argilla, of which the suite
needs neither. The recorded files were made with label-studio-sdk 2.1.2 and argilla 2.8.0.
"""

import json
import shutil
import sys
import tempfile
import uuid
from pathlib import Path

KINDS = ("confirmed", "changed", "cancelled", "empty", "agree", "differ", "twice", "open")


def answers_of(place, suggested, classes):
    """(person, label, cancelled, minute) of each annotation of the task at a place."""
    other = next(name for name in classes if name != suggested)
    return {
        "confirmed": [(1, suggested, False, 1)],
        "changed": [(1, other, False, 1)],
        "cancelled": [(1, suggested, True, 1)],
        "empty": [(1, None, False, 1)],
        "agree": [(1, other, False, 1), (2, other, False, 2)],
        "differ": [(1, other, False, 1), (2, suggested, False, 2)],
        "twice": [(1, other, False, 1), (1, suggested, False, 2)],
        "open": [],
    }[KINDS[place % len(KINDS)]]


def label_studio(tasks, out):
    from label_studio_sdk.converter import Converter
    from label_studio_sdk.label_interface import LabelInterface

    config = (tasks / "label_config.xml").read_text(encoding="utf-8")
    interface = LabelInterface(config)
    classes = list(interface.get_control("label").labels)
    made = json.loads((tasks / "tasks.json").read_text(encoding="utf-8"))
    for place, task in enumerate(made):
        wrong = interface.validate_prediction(task["predictions"][0], return_errors=True)
        assert not wrong, wrong
        suggested = task["predictions"][0]["result"][0]["value"]["choices"][0]
        task["id"] = place + 1
        task["annotations"] = []
        for number, (who, label, cancelled, minute) in enumerate(answers_of(place, suggested, classes), start=1):
            region = {"id": "z", "from_name": "label", "to_name": "input", "type": "choices", "origin": "manual",
                      "value": {"choices": [label]}}  # fmt: skip
            when = f"2026-01-01T10:{minute:02d}:00.000000Z"
            task["annotations"].append(
                {
                    "id": 10 * place + number,
                    "completed_by": {"id": who, "email": f"{who}@example.com"},
                    "was_cancelled": cancelled,
                    "ground_truth": False,
                    "created_at": when,
                    "updated_at": when,
                    "lead_time": 3.2,
                    "result": [] if label is None else [region],
                }  # fmt: skip
            )
    raw = out / "label-studio.json"
    raw.write_text(json.dumps(made, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    for name, suffix in (("JSON_MIN", "json"), ("CSV", "csv"), ("TSV", "tsv")):
        with tempfile.TemporaryDirectory() as folder:
            Converter(config, folder, download_resources=False).convert(str(raw), folder, name, is_dir=False)
            found = next(each for each in Path(folder).iterdir() if each.is_file())
            shutil.copy(found, out / f"label-studio-{name.lower()}.{suffix}")


def argilla(tasks, out):
    from unittest.mock import MagicMock

    import argilla as rg

    rg.Argilla._default_client = MagicMock()  # what follows asks no server
    settings = rg.Settings.from_json(tasks / ".argilla" / "settings.json")
    records = json.loads((tasks / "records.json").read_text(encoding="utf-8"))
    question = json.loads((tasks / ".argilla" / "settings.json").read_text(encoding="utf-8"))["questions"][0]
    classes = [option["value"] for option in question["settings"]["options"]]
    assert [field.name for field in settings.fields] == list(records[0]["fields"])
    made = []
    for place, record in enumerate(records):
        one = rg.Record.from_dict(record)
        for who, label, cancelled, minute in answers_of(place, record["suggestions"]["label"]["value"], classes):
            if label is None or minute == 2 and who == 1:
                continue  # Argilla keeps one response of a person, and none that is empty
            user = uuid.UUID(int=who)
            status = "discarded" if cancelled else "submitted"
            one.responses.add(rg.Response("label", label, user_id=user, status=status))
        made.append(one)
    from argilla.records._io import GenericIO

    nested = [record.to_dict() for record in made]
    (out / "argilla-nested.json").write_text(json.dumps(nested, ensure_ascii=False, indent=1, default=str) + "\n")
    flat = GenericIO.to_list(made, flatten=True)
    (out / "argilla-flat.json").write_text(json.dumps(flat, ensure_ascii=False, indent=1, default=str) + "\n")


if __name__ == "__main__":
    tasks, out = map(Path, sys.argv[1:3])
    out.mkdir(parents=True, exist_ok=True)
    label_studio(tasks / "label-studio", out)
    argilla(tasks / "argilla", out)
