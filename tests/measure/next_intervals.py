"""Whether printed intervals hold the truth before and after a person has answered what `next` asked.

    OMP_NUM_THREADS=1 python tests/measure/next_intervals.py DATA_ROOT BACKBONE --set noisyag-human1 \\
        [--rows 1000] [--trusted 140] [--count 100] [--draws 20] [--width 64]

The sets are those of the plan real-noise, and `tickets`: made support tickets of five kinds, a fifth of them filed
under a kind that is easily taken for the right one (DATA_ROOT and BACKBONE are then not looked at). Each draw takes
fresh rows, fits the default recipe, has `next` choose so many rows, answers them with the truth and fits again. For the
labels that are right among the rows that nobody has checked, given and corrected and their difference, for the noise
rate of the file and for the accuracy of the classifier on fresh rows it prints the mean estimate, the mean truth and
the share of draws whose 95 % interval holds it. `all judge` is what would be printed if answers judged too; `drawn
alone` if they did not and were not taken out of the rows that the drawn ones speak of.
"""

import argparse
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from next_labels import chosen_by, fit, with_answers

from labelfix.bench.grid import Job, Setting, settings_of
from labelfix.bench.load import load
from labelfix.bench.measure import as_problem
from labelfix.bench.plan import DataEntry
from labelfix.bench.plan_files import read_plan
from labelfix.bench.protocol import cut
from labelfix.compute.threads import one_thread
from labelfix.evidence.calibrate import calibrate
from labelfix.evidence.gather import final_soft, ledger_of
from labelfix.evidence.run_noise_rate import noise_of
from labelfix.evidence.unchecked import ask_chosen, unanswered
from labelfix.networks.loop import network_outputs
from labelfix.progress import Silent
from labelfix.settings.model import ComputeSettings, ModelSettings

Found = dict[tuple[str, str], list[tuple[float, float, bool]]]
"""When and what → estimate, truth and whether the interval holds it, of every draw."""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("root", type=Path)
    parser.add_argument("backbone")
    parser.add_argument("--set", default="noisyag-human1")
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--trusted", type=int, default=140)
    parser.add_argument("--count", type=int, nargs="*", default=[100])
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--width", type=int, default=64)
    asked = parser.parse_args()
    plan = replace(read_plan("real-noise"), rows=asked.rows, trusted_share=asked.trusted / asked.rows)
    plan = replace(plan, trusted_per_class=asked.trusted)
    compute = ComputeSettings(device="cpu")
    with tempfile.TemporaryDirectory() as folder:
        setting, root, backbone = chosen_set(asked.set, plan, asked.root, asked.backbone, Path(folder))
        whole = load(setting.data, root, ModelSettings(backbone=backbone), compute, True, Silent())
        loaded = narrowed(whole, asked.width, compute, Path(folder))
    found: Found = {}
    for seed in range(asked.draws):
        with one_thread():
            replay(loaded, replace(setting, noise=None), plan, compute, seed, asked.count, found)
        print(f"draw {seed + 1}", file=sys.stderr, flush=True)
    print(f"{asked.set}, {asked.rows} rows, {asked.trusted} of them drawn at random and trusted, {asked.draws} draws")
    print(f"{'':28} {'':22} {'said':>6} {'true':>6} {'held':>6}")
    for (when, what), values in found.items():
        said, true, held = (float(np.mean([each[i] for each in values])) for i in range(3))
        print(f"{when:28} {what:22} {said:6.3f} {true:6.3f} {held:6.2f}")


def chosen_set(name, plan, root, backbone, folder):
    if name != "tickets":
        return next(each for each in settings_of(plan) if each.name == name), root, backbone
    write_tickets(folder / "tickets.parquet")
    data = DataEntry(name="tickets", files=("tickets.parquet",), truth="kind", given="label", text_column="text")
    return Setting("tickets", data, None, ("real",)), folder, "auto"


def narrowed(loaded, width, compute, folder):
    """The rows that have both labels, as embeddings of fewer dimensions: fits take a fraction of the time."""
    rows = loaded.rows
    assert rows.given is not None
    both = [i for i, pair in enumerate(zip(rows.truth, rows.given, strict=True)) if None not in pair]
    features = rows.features[both].astype(np.float64)
    centred = features - features.mean(axis=0)
    axes = np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :width]
    cells = pa.FixedSizeListArray.from_arrays(pa.array((centred @ axes).astype(np.float32).ravel()), width)
    table = pa.table({"embedding": cells, "truth": list(rows.truth[both]), "given": list(rows.given[both])})
    pq.write_table(table, folder / "narrow.parquet")
    data = DataEntry(
        name="narrow", files=("narrow.parquet",), truth="truth", given="given", embedding_column="embedding"
    )
    return load(data, folder, ModelSettings(), compute, True, Silent())


def replay(loaded, setting, plan, compute, seed, counts, found):
    """One draw: before, and after so many answers."""
    method = next(each for each in plan.methods if each.name == "mlc-paired")
    job = Job(setting, method, "none", seed, "", Path())
    part = cut(loaded.rows, setting.noise, plan, seed)
    fresh = fresh_rows(loaded, part)
    problem = as_problem(loaded, part, job, plan, compute)
    before = State(problem, fit(problem), part, loaded, fresh)
    note(found, "before", before)
    for count in counts:
        every = chosen_by(problem, before.soft, before.corrected, seed, count)["next"]
        answered = with_answers(part, every)
        later = as_problem(loaded, answered, job, plan, compute)
        chosen = np.arange(len(answered.clean)) >= len(part.clean)
        fitted = fit(later)
        after = State(replace(later, chosen=chosen), fitted, answered, loaded, fresh)
        note(found, f"after {count}", after)
        note(found, f"after {count}, drawn alone", after, after.drawn_alone)
        note(found, f"after {count}, all judge", State(later, fitted, answered, loaded, fresh))


class State:
    """A fit with what is said of it and what is true."""

    def __init__(self, problem, fitted, part, loaded, fresh):
        every = fitted.held
        assert every is not None
        found = calibrate(problem, replace(fitted, held=every.only(problem.judges[every.rows])))
        assert found is not None
        self.soft, given = final_soft(problem, found.fitted)
        sure = self.soft.max(axis=1) >= found.fitted.min_confidence
        self.corrected = np.where(sure, self.soft.argmax(axis=1), problem.given)
        self.drawn_alone = ledger_of(problem, found, (), self.soft, None)
        answered = ask_chosen(problem, every, found)
        self.ledger = self.drawn_alone if answered is None else answered.taken_out(self.drawn_alone)
        self.noise = noise_of(unanswered(problem), self.soft, given).rate
        self.right = self.corrected == part.noisy_truth
        self.given_right = problem.given == part.noisy_truth
        labelled = problem.chosen if problem.chosen is not None else np.zeros(len(part.clean), dtype=bool)
        wrong = (~self.given_right).sum() + (part.clean_given != part.truth)[labelled].sum()
        self.wrong = float(wrong / (len(part.noisy) + labelled.sum()))
        rows, truth = fresh
        logits, _ = network_outputs(found.fitted.classifier, loaded.rows.inputs, rows, problem.device)
        self.fresh_right = float((logits.argmax(axis=1) == truth).mean())


def note(found, when, now, ledger=None):
    """Compare what is said with what is true."""
    said = ledger or now.ledger
    assert said.given_labels is not None
    assert said.corrected_labels is not None
    assert said.difference is not None
    gain = float(now.right.mean() - now.given_right.mean())
    pairs = [
        ("given labels right", said.given_labels, float(now.given_right.mean())),
        ("corrected labels right", said.corrected_labels, float(now.right.mean())),
        ("difference", said.difference, gain),
        ("classifier right", said.entries[-1].accuracy, now.fresh_right),
    ]
    for what, estimate, truth in pairs:
        held = estimate.low <= truth <= estimate.high
        found.setdefault((when, what), []).append((estimate.value, truth, held))
    if ledger is None:
        found.setdefault((when, "noise rate"), []).append(held_by(now.noise, now.wrong))


def held_by(interval, truth):
    assert interval.value is not None
    low, high = (np.nan if end is None else end for end in (interval.low, interval.high))
    return interval.value, truth, bool(low <= truth <= high)


def fresh_rows(loaded, part):
    """Labelled rows of the set that the draw left over, and their true classes."""
    codes = {name: code for code, name in enumerate(part.classes)}
    rows = loaded.rows
    assert rows.given is not None
    sound = [i for i, (t, g) in enumerate(zip(rows.truth, rows.given, strict=True)) if t in codes and g is not None]
    left = np.setdiff1d(np.array(sound), np.concatenate([part.noisy, part.clean]))
    return left, np.array([codes[rows.truth[i]] for i in left])


KINDS = {
    "billing": "invoice charged card payment amount twice plan price receipt tax month subscription euro",
    "refund": "refund money back charged returned payment cancel card waiting amount order week",
    "login": "password login reset email account locked code link sign browser expired access",
    "shipping": "parcel delivery address order tracking courier late arrived package week waiting door",
    "fault": "error crash screen app update button link browser freezes version blank expired",
}
"""Words of each kind of ticket; kinds that are taken for each other share some."""

COMMON = "hello please help i my the is since not can you today again still and have with this thank"
TAKEN_FOR = {"billing": "refund", "refund": "billing", "login": "fault", "fault": "login", "shipping": "refund"}


def write_tickets(path, rows=3000):
    """Tickets of 8 to 25 words, two thirds of them of no kind; people file the unclear ones wrongly more often."""
    generator = np.random.default_rng(7)
    names = list(KINDS)
    kinds, labels, texts = [], [], []
    for _ in range(rows):
        kind = names[int(generator.choice(5, p=[0.3, 0.15, 0.25, 0.2, 0.1]))]
        other, clear = TAKEN_FOR[kind], generator.random()
        words = [word_of(kind, other, clear, generator) for _ in range(int(generator.integers(8, 26)))]
        wrong = generator.random() < 0.4 * (1 - clear)
        kinds.append(kind)
        labels.append(other if wrong else kind)
        texts.append(" ".join(words))
    pq.write_table(pa.table({"text": texts, "kind": kinds, "label": labels}), path)


def word_of(kind, other, clear, generator):
    words = COMMON
    if generator.random() < 1 / 3:
        words = KINDS[kind if generator.random() < 0.5 + 0.5 * clear else other]
    return str(generator.choice(words.split()))


if __name__ == "__main__":
    main()
