"""A run that is killed while trusted rows judge it goes on with what was done, to the same bytes."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelfix.cli import main
from labelfix.compute.checkpoints import Checkpoints
from labelfix.evidence import checks, gather, rivals
from labelfix.heads import learners, stages

WRITTEN = ["corrected.parquet", "judges/judges.safetensors", "corrector/corrector.json", "classifier/labelfix.json"]
CHEAP = ["--method", "clean-only", "--set", "model.text_dimensions=16"]
PAPER = ["--set", "recipe=paper", "--set", "epochs=2", "--set", "warmup_steps=9"]


@pytest.fixture
def network(at_work):
    """A network on a table: one model judges the trusted rows that were held out."""
    return ["train", "--noisy", "noisy.parquet", "--clean", "gold.csv", *PAPER]


@pytest.fixture
def head(at_work):
    """A head on hashed text: each fold of the trusted rows has a judge; few of them, so that noisy rows judge too."""
    generator = np.random.default_rng(0)
    truth = np.arange(560) % 2
    given = np.where(generator.random(560) < 0.3, 1 - truth, truth)
    words = [[f"w{word}" for word in generator.integers(0, 40, 5) + 25 * of] for of in truth]
    ids = [f"r{row}" for row in range(560)]
    table = pa.table({"id": ids, "text": [" ".join(row) for row in words], "label": [f"c{code}" for code in given]})
    pq.write_table(table, at_work / "texts.parquet")
    (at_work / "few.csv").write_text("id,label\n" + "".join(f"{ids[row]},c{truth[row]}\n" for row in range(24)))
    return ["train", "--noisy", str(at_work / "texts.parquet"), "--clean", str(at_work / "few.csv"), *CHEAP]


@pytest.fixture
def everything_is_kept(monkeypatch):
    """As if every part of the judging took long."""
    monkeypatch.setattr(stages, "WORTH_KEEPING", 0.0)


@pytest.fixture
def killed_after(monkeypatch):
    """Ends a run once it has kept a stage of this name; gives the names of all that are computed."""
    computed, stage = [], Checkpoints.stage
    stop = {"after": None}

    def watched(self, name, compute, least=0.0):
        def told():
            computed.append(name)
            return compute()

        found = stage(self, name, told, least)
        if name == stop["after"]:
            raise KeyboardInterrupt
        return found

    monkeypatch.setattr(Checkpoints, "stage", watched)

    def set_to(name):
        computed.clear()
        stop["after"] = name
        return computed

    return set_to


def evidence(folder):
    return json.loads((folder / "metrics.json").read_text())["evidence"]


@pytest.mark.parametrize("kind", ["network", "head"])
def test_what_was_judged_is_not_judged_again(request, at_work, everything_is_kept, killed_after, kind):
    words, straight, out = request.getfixturevalue(kind), at_work / "straight", at_work / "r"
    computed = killed_after(None)
    assert main([*words, "--out", str(straight), "-q"]) == 0
    parts = list(computed)
    expected = {"network": {"scores", "soft-labels", "rival-glc"}, "head": {"asked-1", "asked-4", "rival-glc"}}
    assert expected[kind] | {"judged-transition", "side-checks-repeats", "side-checks-unlike-0"} <= set(parts)
    judged = parts[parts.index("judged-transition") :]
    for place in (0, len(judged) - 1) if kind == "network" else (judged.index("asked-3"),):
        killed_after(judged[place])
        assert main([*words, "--out", str(out), "--overwrite", "-q"]) == 130
        then = killed_after(None)
        assert main(["train", "--resume", str(out), "-q"]) == 0
        assert [name for name in then if name in judged] == judged[place + 1 :]
        for name in WRITTEN:
            assert (out / name).read_bytes() == (straight / name).read_bytes(), name
        assert evidence(out) == evidence(straight)
        assert not (out / "checkpoints").exists()


def test_rivals_that_are_kept_need_nothing_that_they_share(
    network, at_work, everything_is_kept, killed_after, monkeypatch
):
    killed_after("side-checks-unlike-0")
    assert main([*network, "--out", str(at_work / "r"), "-q"]) == 130
    killed_after(None)

    def never(*_):
        raise AssertionError("computed again")

    shared = {learners: "transitions", rivals: "_field", gather: "soft_labels_of", checks: "_unlike"}
    for module, name in shared.items():
        monkeypatch.setattr(module, name, never)
    assert main(["train", "--resume", str(at_work / "r"), "-q"]) == 0


def test_parts_that_take_no_time_are_not_kept(network, at_work, killed_after):
    killed_after("side-checks-unlike-0")
    assert main([*network, "--out", str(at_work / "r"), "-q"]) == 130
    assert 0.5 <= stages.WORTH_KEEPING <= 10
    left = {path.name for path in (at_work / "r" / "checkpoints").iterdir()}
    assert left.isdisjoint({"stage-judged-transition", "stage-soft-labels"})
