"""A finished run that nobody trained, and `labelfix review` on it in a process of its own."""

import csv
import hashlib
import http.client
import json
import os
import signal
import time
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import numpy as np
import pyarrow as pa
from own_process import OwnProcess

from labelfix.data.corrected_labels import CorrectedLabels
from labelfix.data.tables import ClassNames, InputSpec
from labelfix.outputs.exports import write_corrected
from labelfix.runs import write_json

CLASSES = ("cat", "dog", "owl")
SCRIPT = "<script>document.title='taken over'</script><img src=x onerror=\"document.title='taken over'\">"
RIGHT_TO_LEFT = "\u202eשלום <b>עולם</b> & \u202dend"
LONG = "word " * 220_000
"""More than 1 MB."""

SPEC = InputSpec("text", ("text",))


ODD_IDS = (
    "007", "7",
    "1.0", "a,b", 'say "hi"', "=1+1", "Ünïcode – é", "שלום", "2026-01-02", "1e5", "TRUE", "semi;colon", "emoji 🦉",
    "<b>bold</b>", "path/to/file.png", "tab\there",
)  # fmt: skip
"""Ids that programs like to take for something else."""


def make_run(folder, rows=40, trusted=0, chosen=0, ids=None, opinions=None, same=(), classes=CLASSES):
    """A run of texts in three classes: the first row is the worst one, the first three hold what no page wants.

    With `ids` of one's own the texts are harmless. `same` are pairs of rows, of which the later one holds what the
    earlier one does and is given another label. The last `chosen` of the `trusted` rows were not drawn at random.
    """
    hostile = [SCRIPT, RIGHT_TO_LEFT, LONG] if ids is None else []
    texts = [*hostile, *(f"text of row {row}" for row in range(len(hostile), rows))][:rows]
    generator = np.random.default_rng(0)
    given = generator.integers(0, 3, rows)
    soft = np.pad(generator.dirichlet((1, 1, 1), rows), ((0, 0), (0, len(classes) - 3)))
    soft[np.arange(rows), given] = np.linspace(0.001, 0.9, rows)
    soft /= soft.sum(axis=1, keepdims=True)
    soft = soft[np.argsort(soft[np.arange(rows), given])]
    score = np.sort(soft[np.arange(rows), given])
    soft[np.arange(rows), given] = 0
    soft *= ((1 - score) / soft.sum(axis=1))[:, None]
    soft[np.arange(rows), given] = score
    if trusted:
        soft[-trusted:] = np.eye(len(classes))[given[-trusted:]]
    ids = [f"r{row}" for row in range(rows)] if ids is None else list(ids)
    noisy = folder / "noisy.csv"
    with noisy.open("w", newline="", encoding="utf-8") as file:
        labels = [classes[code] for code in given]
        csv.writer(file).writerows([("id", "text", "label"), *zip(ids, texts, labels, strict=True)])
    found = CorrectedLabels(
        ids=pa.array(ids),
        given=given.astype(np.int64),
        soft=soft.astype(np.float32),
        predicted=soft.argmax(axis=1).astype(np.int64),
        classes=ClassNames(tuple(classes)),
        min_confidence=0.6,
        files=("noisy.csv",),
        file_index=np.zeros(rows, np.int32),
        row_number=np.arange(1, rows + 1, dtype=np.int64),
        run_id="0123456789abcdef",
        opinions=opinions,
        duplicate_of=pa.array([dict(same).get(row) for row in range(rows)], pa.string()) if same else None,
    )
    run = folder / "run"
    for part in ("classifier", "corrector"):
        (run / part).mkdir(parents=True)
    (run / "settings.toml").write_text("")
    actions = write_corrected(run / "corrected.parquet", found, SPEC, "id")
    content = hashlib.sha256(hashlib.sha256(noisy.read_bytes()).digest()).hexdigest()
    source = {"name": "noisy.csv", "format": "csv", "files": ["noisy.csv"], "content_hash": content, "rows": rows}
    about = {
        "format_version": 1, "run_id": "0123456789abcdef", "min_confidence": 0.6, "method": "mlc", "seed": 0,
        "classes": list(classes), "class_names": ClassNames(tuple(classes)).to_json(), "joined_by": "id",
        "columns": {"id": "id", "label": "label", "clean_id": "id", "clean_label": "label", "inputs": SPEC.to_json()},
        "data": {"noisy": source, "clean": {**source, "name": "gold.csv", "files": ["gold.csv"]}},
        "trusted_rows": list(range(rows - trusted, rows)), "chosen_rows": list(range(rows - chosen, rows)),
        "finished": "2026-01-01T00:00:00+00:00",
        "labelfix": "0", "versions": {}, "seconds": {},
        "counts": {"noisy": rows, "actions": dict(actions)},
    }  # fmt: skip
    write_json(run / "run.json", about)
    interval = {"value": 0.3, "low": 0.2, "high": 0.4, "rows": 60}
    noise = {"rate": interval, "classes": [], "how": "counted", "coverage": True}
    write_json(run / "metrics.json", {"counts": about["counts"], "evidence": {"noise": noise}})
    return run


class Server:
    """The command, from its start until it is ended or killed."""

    def __init__(self, run, *words):
        command = ["review", "--run", str(run.absolute()), "--no-browser", "--no-nearest"]
        self.process = OwnProcess(*command, *words, folder=run.parent)
        while not (said := self.process.said()).endswith("\n"):
            if self.process.returncode is not None:
                raise AssertionError(self.process.ended()[1])
            time.sleep(0.005)
        self.address = said.strip()
        parts = urlsplit(self.address)
        self.host, self.token = parts.netloc, parse_qs(parts.query)["token"][0]

    def ask(self, path, body=None, *, method=None, **headers):
        """Status, headers and body of a request; headers are those of the page unless others are given."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        wanted = {"host": self.host, "x-labelfix-token": self.token, **given}
        name, _, port = self.host.rpartition(":")
        connection = http.client.HTTPConnection(name, int(port), timeout=60)
        data = None if body is None else json.dumps(body)
        connection.putrequest(method or ("GET" if body is None else "POST"), path, skip_host=True)
        for header, value in wanted.items():
            if value is not None:
                connection.putheader(header, value)
        if data is not None:
            connection.putheader("content-length", str(len(data)))
        connection.endheaders(None if data is None else data.encode())
        answer = connection.getresponse()
        found = answer.status, dict(answer.getheaders()), answer.read()
        connection.close()
        return found

    def get(self, path, **asked):
        """What an address says, as JSON."""
        status, _, body = self.ask(f"{path}?{urlencode(asked, doseq=True, quote_via=quote)}")
        assert status == 200, body
        return json.loads(body)

    def rows(self, queue="worst", page="p", count=6, have=()):
        """The next rows."""
        return self.get("/rows", queue=queue, page=page, count=count, have=list(have))["rows"]

    def decide(self, row, decision="keep", **more):
        """Decide about a row; status and answer."""
        body = {"key": f"{row}-{decision}", "id": row, "decision": decision, "who": "ann", "queue": "worst", **more}
        status, _, said = self.ask("/decide", body)
        return status, json.loads(said)

    def interrupt(self):
        """End it as Ctrl-C does; gives its exit code, and what it said."""
        os.kill(self.process.pid, signal.SIGINT)
        _, said = self.process.ended()
        return self.process.returncode, said

    def kill(self):
        """End it as `kill -9` does."""
        self.process.kill()
        self.process.ended()
