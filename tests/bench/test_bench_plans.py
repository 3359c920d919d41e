"""Plans and the protocol: what a plan may say, and how its rows are cut."""

import numpy as np
import pytest
from bench_data import CLASSES, MADE, PEOPLE, plan

from labelfix.bench.plan import read_plan
from labelfix.bench.protocol import LabelledRows, cut
from labelfix.data.noise import flip_map
from labelfix.errors import SettingsError


def labelled(rows=200, given=True, test=False, seed=0, missing=0):
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, 3, rows)
    names = CLASSES[(truth + (generator.random(rows) < 0.3)) % 3]
    names[:missing] = None
    features = np.arange(rows, dtype=np.float32)[:, None]
    tests = (features[:50], CLASSES[truth[:50]]) if test else (None, None)
    return LabelledRows(features, CLASSES[truth], names if given else None, *tests)


def test_the_shipped_plan_has_the_nine_sets_and_cifar():
    found = read_plan("real-noise")
    assert found == read_plan("real-noise.toml")
    assert [entry.name for entry in found.data if "nine" in entry.groups] == [
        "noisyag-human1",
        "wrench-trec",
        "wrench-youtube",
        "hausa-newsclass",
        "ag-unif-20",
        "ag-unif-60",
        "ag-flip-40",
        "ag-flip-u-40",
        "banking77-nearest-20",
    ]
    assert len(found.data) == 10
    assert sum("real" in entry.groups for entry in found.data) == 4
    assert {entry.method for entry in found.methods} == {"mlc", "glc", "bayes", "clean-only", "confident-learning"}
    assert [entry.name for entry in found.methods if entry.paired] == ["mlc-paired"]
    assert (found.seeds, found.rows, found.trusted_per_class, found.trusted_share) == ((0, 1, 2), 4000, 100, 0.1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": []}, "plan.toml: the plan names no data"),
        ({"methods": ["magic"]}, "method = 'magic' is not one of mlc, glc"),
        ({"methods": ["bayes", "bayes"]}, "names 'bayes' twice in methods"),
        ({"methods": [{"name": "g/1", "method": "glc"}]}, "goes into file names"),
        ({"methods": [{"name": "g", "method": "glc", "settings": {"rigde": 1}}]}, "did you mean 'ridge'"),
        ({"data": [{**PEOPLE, "files": ["../people.parquet"]}]}, "must lie below the data root"),
        ({"data": [{**PEOPLE, "files": ["/people.parquet"]}]}, "must lie below the data root"),
        ({"data": [{**PEOPLE, "noise": {"kind": "unif", "rate": 0.1}}]}, "either the column `given` or a `noise`"),
        ({"data": [{**MADE, "noise": {"kind": "pink", "rate": 0.1}}]}, "kind = 'pink' is not one of unif, flip"),
        ({"data": [{**MADE, "noise": {"kind": "unif", "rate": 2}}]}, r"rate = 2.0 must be in \[0, 1\]"),
        ({"data": [{**MADE, "noise": 0.3}]}, "noise is written"),
        (
            {"data": [{**PEOPLE, "text_column": "t"}]},
            "give one of `text_column`, `embedding_column` and `image_column`",
        ),
        ({"data": [{"name": "x", "files": ["a"]}]}, "data 1: truth is missing"),
        ({"rowz": 100}, "did you mean 'rows'"),
        ({"seeds": [-1]}, "seeds must be whole numbers"),
        ({"trusted_share": 1.0}, "must be between 0 and 1"),
    ],
)
def test_what_is_wrong_in_a_plan_is_said(changes, message):
    with pytest.raises(SettingsError, match=message):
        plan(**changes)


def test_an_unknown_plan_names_those_there_are():
    with pytest.raises(SettingsError, match="nor a plan of that name; plans: real-noise"):
        read_plan("unreal")


def test_a_plan_is_cut_to_what_is_named():
    found = plan().only(["made"], ["bayes"], [4])
    assert ([e.name for e in found.data], [e.name for e in found.methods], found.seeds) == (["made"], ["bayes"], (4,))
    with pytest.raises(SettingsError, match="'nobody' is not in the plan; it has people, made"):
        plan().only(["nobody"])


def test_without_a_test_file_a_fifth_is_set_aside_and_no_row_is_used_twice():
    rows = labelled(missing=15)
    found = cut(rows, plan().data[0], plan(), 0)
    assert len(found.test) == 40
    used = np.concatenate([found.noisy, found.clean, found.test])
    assert len(np.unique(used)) == len(used)
    # The rows without a given label may be in the test part, and nowhere else.
    assert set(range(200)) - set(used.tolist()) <= set(range(15))
    assert not set(found.noisy.tolist() + found.clean.tolist()) & set(range(15))
    assert found.classes == ("ant", "bee", "cow")
    assert (CLASSES[found.truth] == rows.truth[found.clean]).all()
    assert (CLASSES[found.given] == rows.given[found.noisy]).all()
    assert (CLASSES[found.clean_given] == rows.given[found.clean]).all()
    assert (CLASSES[found.test_truth] == rows.truth[found.test]).all()


def test_the_trusted_rows_are_the_smaller_of_the_two_limits_topped_up_to_two_a_class():
    """200 rows with a test file: min(100·3, 20) = 20, then min(4·3, 20) = 12; a rare class is topped up to two."""
    entry = plan().data[1]
    assert len(cut(labelled(given=False, test=True), entry, plan(), 0).clean) == 20
    assert len(cut(labelled(given=False, test=True), entry, plan(trusted_per_class=4), 0).clean) == 12
    rare = labelled(given=False, test=True)
    rare.truth[:] = "ant"
    rare.truth[:4], rare.truth[4:8] = "bee", "cow"
    for seed in range(5):
        found = cut(rare, entry, plan(), seed)
        assert np.bincount(found.truth, minlength=3)[1:].min() >= 2
        assert len(found.clean) <= 24


def test_rows_are_cut_and_the_noise_follows_its_matrix():
    rows = labelled(2000, given=False, test=True)
    found = cut(rows, plan().data[1], plan(rows=1000), 0)
    assert len(found.noisy) + len(found.clean) == 1000
    wrong = found.given != found.noisy_truth
    assert (found.given[wrong] == flip_map(3)[found.noisy_truth[wrong]]).all()
    assert 0.25 < wrong.mean() < 0.35
    assert (found.test == np.arange(50)).all()


def test_classes_that_no_row_shows_are_dropped_with_their_test_rows():
    rows = labelled(given=False, test=True)
    rows.test_truth[:7] = "yak"
    found = cut(rows, plan().data[1], plan(), 0)
    assert found.classes == ("ant", "bee", "cow")
    assert len(found.test) == 43


def test_a_seed_gives_the_same_rows_again_and_another_seed_others():
    rows, entry = labelled(), plan().data[0]
    first, again, other = (cut(rows, entry, plan(), seed) for seed in (0, 0, 1))
    assert np.array_equal(first.noisy, again.noisy)
    assert np.array_equal(first.clean, again.clean)
    assert not np.array_equal(first.clean, other.clean)


def test_the_generator_is_seeded_with_a_thousand_and_the_seed():
    """The test part is the first fifth of the first permutation of default_rng(1003)."""
    expected = np.random.default_rng(1003).permutation(200)[:40]
    assert np.array_equal(cut(labelled(), plan().data[0], plan(), 3).test, expected)


def test_too_few_rows_are_refused():
    with pytest.raises(SettingsError, match="people: 8 labelled rows of 3 classes are too few"):
        cut(labelled(10), plan().data[0], plan(), 0)
