"""How trusted rows were drawn is told from what they are, and the noise rate of rows drawn per given label holds."""

import numpy as np
import pyarrow as pa
import pytest

from labelfix.cli import main
from labelfix.data.labels.noise_rate import counted_rate, rate_of
from labelfix.data.read import read_training
from labelfix.data.sampling import LEVEL, chance_of_equal, explained_by_classes
from labelfix.settings.data import DataSettings

SHARES, WRONG = np.array([0.6, 0.3, 0.1]), 0.2


def made(seed):
    """2,000 rows of classes 0, 1 and 2, a fifth of whose labels is another one: truth and given labels."""
    generator = np.random.default_rng(seed)
    truth = generator.choice(3, 2_000, p=SHARES)
    wrong = generator.random(2_000) < WRONG
    return truth, np.where(wrong, (truth + generator.integers(1, 3, 2_000)) % 3, truth), generator


def sampling_of(*files, seed=0):
    """What is said of trusted files that hold these rows."""
    truth, given, generator = made(seed)
    noisy = pa.table({"id": np.arange(2_000), "x": generator.random(2_000), "label": given})
    clean = [pa.table({"id": rows, "label": truth[rows]}) for rows in files]
    return read_training(noisy, clean if len(clean) > 1 else clean[0], DataSettings()).data.sampling


def of_each(values, numbers, generator):
    """So many rows with each value."""
    return np.concatenate([generator.permutation(np.flatnonzero(values == c))[:n] for c, n in enumerate(numbers)])


@pytest.mark.parametrize("numbers", [(120, 0, 0), (40, 40, 40), (20, 80, 80), (60, 0, 120)])
def test_rows_drawn_by_their_given_label_are_told_from_those_drawn_by_class(numbers):
    _, given, generator = made(0)
    assert sampling_of(of_each(given, numbers, generator)) == "per-label"


@pytest.mark.parametrize("numbers", [(40, 40, 40), (20, 80, 80)])
def test_rows_drawn_by_class_stay_so(numbers):
    truth, _, generator = made(0)
    assert sampling_of(of_each(truth, numbers, generator)) == "per-class"


def test_rows_of_one_label_and_random_ones_in_another_file_are_a_draw_per_label():
    _, given, generator = made(0)
    assert sampling_of(of_each(given, (0, 0, 120), generator), generator.permutation(2_000)[:60]) == "per-label"


def test_two_random_files_are_a_random_draw():
    rows = np.random.default_rng(3).permutation(2_000)
    assert sampling_of(rows[:100], rows[100:160]) == "random"


def test_draws_per_class_are_hardly_ever_taken_for_others():
    generator, few = np.random.default_rng(0), []
    for _ in range(60):
        matrix = generator.dirichlet(np.ones(4), 4) * 0.5 + 0.5 * np.eye(4)
        pairs = np.stack([generator.multinomial(generator.integers(5, 60), row) for row in matrix])
        few.append(explained_by_classes(pairs, generator.multinomial(2_000, generator.dirichlet(np.ones(4)) @ matrix)))
    assert min(few) > LEVEL


@pytest.mark.parametrize("numbers", [(25, 25, 25), (20, 80, 40)])
def test_the_interval_of_a_draw_per_label_holds_the_rate(numbers):
    held, values, truths = [], [], []
    for seed in range(300):
        truth, given, generator = made(seed)
        rows = of_each(given, numbers, generator)
        rest = np.setdiff1d(np.arange(2_000), rows)
        pairs = np.zeros((3, 3), dtype=np.int64)
        np.add.at(pairs, (truth[rows], given[rows]), 1)
        found = rate_of(pairs, np.bincount(given[rest], minlength=3), "per-label")
        true = float((truth[rest] != given[rest]).mean())
        held.append(found.low <= true <= found.high)
        values.append(found.value)
        truths.append(true)
    assert np.mean(held) >= 0.93
    assert np.mean(values) == pytest.approx(np.mean(truths), abs=0.01)


def test_of_labels_that_nobody_checked_no_rate_is_said():
    pairs, given = np.array([[50, 0], [30, 0]]), np.array([900, 100])
    assert rate_of(pairs, given, "per-label").value is None
    assert not counted_rate(pairs, given, "per-label").coverage
    rare = rate_of(pairs, np.array([991, 9]), "per-label")
    assert rare.value == pytest.approx(30 / 80)


def test_check_says_of_how_many_labels_rows_were_checked(tmp_path, capsys):
    truth, given, generator = made(0)
    x = generator.random(2_000)
    (tmp_path / "n.csv").write_text("\n".join(["id,x,label", *(f"r{i},{x[i]:.4f},c{given[i]}" for i in range(2_000))]))
    rows = np.flatnonzero(given == 2)[:100]
    (tmp_path / "g.csv").write_text("\n".join(["id,label", *(f"r{i},c{truth[i]}" for i in rows)]))
    assert main(["check", "--noisy", str(tmp_path / "n.csv"), "--clean", str(tmp_path / "g.csv")]) == 0
    printed = " ".join("".join(capsys.readouterr()).split())
    assert "drawn per given label" in printed
    assert "of all rows it is not known, as rows with 1 of 3 given labels alone were checked" in printed


def test_equal_numbers_that_chance_hardly_makes_are_a_draw_per_class():
    """However noisy the labels are: here a given label says nothing, so that its shares cannot tell the draw."""
    generator = np.random.default_rng(0)
    truth, given = generator.choice(5, 2_000, p=[0.4, 0.3, 0.15, 0.1, 0.05]), generator.integers(0, 5, 2_000)
    rows = of_each(truth, (20, 20, 20, 20, 20), generator)
    noisy = pa.table({"id": np.arange(2_000), "x": generator.random(2_000), "label": given})
    data = read_training(noisy, pa.table({"id": rows, "label": truth[rows]}), DataSettings()).data
    assert data.sampling == "per-class"


@pytest.mark.parametrize(
    ("counts", "chance"),
    [
        ([2, 2], 6 / 16),  # 4! / 2! 2! of 2⁴
        ([1, 1, 1], 6 / 27),
        ([1, 1, 0], 3 * 2 / 4),  # any two of three: a bound above 1 is none
        ([5, 1, 1], 1.0),
        ([0, 0], 1.0),
    ],
)
def test_how_often_chance_makes_numbers_equal(counts, chance):
    assert chance_of_equal(np.array(counts)) == pytest.approx(min(chance, 1.0))


def test_random_draws_are_not_taken_for_equal_ones():
    """Of four alike classes, where equal numbers are likeliest."""
    generator = np.random.default_rng(0)
    found = [chance_of_equal(generator.multinomial(120, [0.25] * 4)) < LEVEL for _ in range(3_000)]
    assert np.mean(found) <= LEVEL + 3 * np.sqrt(LEVEL / 3_000)
