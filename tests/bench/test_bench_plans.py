"""Plans and the protocol: what a plan may say, and how its rows are cut."""

import numpy as np
import pytest
from bench_data import CLASSES, MADE, PEOPLE, plan

from labelfix.bench.grid import settings_of
from labelfix.bench.plan import Noise
from labelfix.bench.plan_files import read_plan
from labelfix.bench.protocol import LabelledRows, cut
from labelfix.data.labels.noise import flip_map
from labelfix.errors import SettingsError
from labelfix.models.features import FeatureInputs
from labelfix.models.network_inputs import ImageInputs
from labelfix.settings.methods import METHOD_SETTINGS


def grid(**changes):
    bare = {name: value for name, value in MADE.items() if name != "noise"} | {"name": "bare"}
    return plan(data=[PEOPLE, MADE, bare], **changes)


def labelled(rows=200, given=True, test=False, seed=0, missing=0):
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, 3, rows)
    names = CLASSES[(truth + (generator.random(rows) < 0.3)) % 3]
    names[:missing] = None
    features = np.arange(rows, dtype=np.float32)[:, None]
    tests = (FeatureInputs(features[:50]), CLASSES[truth[:50]]) if test else (None, None)
    return LabelledRows(FeatureInputs(features), CLASSES[truth], names if given else None, *tests)


def test_the_plan_of_real_noise_has_the_nine_sets_and_eight_real_ones():
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
    assert [entry.name for entry in found.data if "real" in entry.groups] == [
        *(f"noisyag-human{n}" for n in (1, 2, 3)),
        "wrench-trec",
        "wrench-youtube",
        "hausa-newsclass",
        "cifar10n-aggre",
        "cifar10n-random1",
    ]
    assert len(found.data) == 14  # and AG News with 10 % noise
    assert {entry.method for entry in found.methods} == set(METHOD_SETTINGS)
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
        (
            {"data": [{**PEOPLE, "noise": {"kind": "unif", "rate": 0.1}}]},
            "either the column `given`, or `sources`, or a `noise`",
        ),
        ({"data": [{**MADE, "noise": {"kind": "pink", "rate": 0.1}}]}, "kind = 'pink' is not one of unif, flip"),
        ({"data": [{**MADE, "noise": {"kind": "unif", "rate": 2}}]}, r"rate = 2.0 must be in \[0, 1\]"),
        ({"data": [{**MADE, "noise": 0.3}]}, "noise is written"),
        (
            {"data": [{**PEOPLE, "text_column": "t"}]},
            "give one of `text_column`, `embedding_column` and `image_column`",
        ),
        ({"data": [{"name": "x", "files": ["a"]}]}, "data 1: truth is missing"),
        ({"methods": [{"name": "bayes", "only": ["nobody"]}]}, "bayes: only names 'nobody'; the plan has people, made"),
        ({"methods": [{"name": "bayes", "groups": ["x"]}]}, "bayes: groups names 'x'; the plan has all"),
        ({"methods": [{"name": "bayes", "seeds": [-1]}]}, "bayes: seeds must be whole numbers"),
        ({"noise": [{"kind": "unif"}]}, "noise 1: rates is missing"),
        (
            {"noise": [{"kind": "unif", "rates": 0.4}]},
            "noise 1: rates = 0.4 cannot be read; it takes a list of a number",
        ),
        ({"noise": [{"kind": "unif", "rates": [0.1, 0.1]}]}, "noise unif: a rate stands there twice"),
        ({"noise": [{"kind": "unif", "rates": [2.0]}]}, r"noise unif: rates must be in \[0, 1\]"),
        ({"noise": [{"kind": "none", "rates": [0.0]}]}, "rate 0 of any kind is it"),
        ({"noise": [{"kind": "unif", "rates": [0.1]}] * 2}, "names 'unif' twice in noise"),
        (
            {"data": [{k: v for k, v in MADE.items() if k != "noise"}]},
            r"made: give either .*, or the plan a \[\[noise\]\]",
        ),
        ({"data": [{**MADE, "given_file": "other.parquet"}]}, "made: `given_file` needs the column `given`"),
        ({"data": [{**PEOPLE, "given_file": "/other.parquet"}]}, "must lie below the data root"),
        ({"backbones": ["a/model", "b/model/"]}, "two are called the same in file names, model, model"),
        ({"trusted_draw": "all"}, "trusted_draw"),
        ({"rowz": 100}, "did you mean 'rows'"),
        ({"seeds": [-1]}, "seeds must be whole numbers"),
        ({"trusted_share": 1.0}, "must be between 0 and 1"),
    ],
)
def test_what_is_wrong_in_a_plan_is_said(changes, message):
    with pytest.raises(SettingsError, match=message):
        plan(**changes)


def test_the_plan_of_ag_news_is_the_text_row_of_table_2():
    found = read_plan("agnews")
    names = [setting.name for setting in settings_of(found)]
    rates = ("0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7", "0.8", "0.9")
    assert names == ["ag-news.none", *(f"ag-news.{kind}.{rate}" for kind in ("unif", "flip") for rate in rates)]
    assert found.rows - 4 * found.trusted_per_class == 12000
    assert found.trusted_draw == "per-class"
    assert {entry.method for entry in found.methods} == set(METHOD_SETTINGS)
    three = [entry.name for entry in found.methods if entry.seeds is None]
    assert three == ["mlc", "mlc-paper", "glc", "meta-weight-net"]
    assert {entry.seeds for entry in found.methods if entry.name not in three} == {(0,)}


def test_the_plan_of_cifar10_trains_whole_networks_on_made_and_human_noise():
    found = read_plan("cifar10")
    assert not found.freeze
    assert found.backbones == ("resnet32",)
    assert found.rows - 10 * found.trusted_per_class == 49000
    assert [setting.name for setting in settings_of(found)][-2:] == ["cifar10n-aggre", "cifar10n-random1"]
    beside_the_paper = found.methods[0].settings
    assert (beside_the_paper.recipe, beside_the_paper.lookahead) == ("published", 5)
    assert len(settings_of(found)) == 21
    assert found.methods[0].settings.lookahead == 5


def test_an_unknown_plan_names_those_there_are():
    with pytest.raises(SettingsError, match="nor a plan of that name; plans: agnews, cifar10, real-noise"):
        read_plan("unreal")


def test_a_plan_is_cut_to_what_is_named():
    found = plan().only(["bayes"], [4])
    assert ([e.name for e in found.methods], found.seeds) == (["bayes"], (4,))
    assert [setting.name for setting in settings_of(found, ["made"])] == ["made"]
    with pytest.raises(SettingsError, match="'magic' is not in the plan; it has clean-only, bayes"):
        plan().only(["magic"])
    with pytest.raises(SettingsError, match="'nobody' is not in the plan; it has people, made$"):
        settings_of(plan(), ["nobody"])


def test_a_method_with_seeds_of_its_own_keeps_those_that_are_named():
    own = plan(methods=["bayes", {"name": "once", "method": "bayes", "seeds": [0]}])
    assert [method.seeds for method in own.only(seeds=[0, 1]).methods] == [None, (0,)]
    assert [method.seeds for method in own.only(seeds=[1]).methods] == [None, ()]


def test_noise_of_the_plan_is_made_on_every_set_without_labels_and_rate_0_once():
    levels = [
        {"kind": "unif", "rates": [0.0, 0.4]},
        {"kind": "flip", "rates": [0.0, 0.2]},
        {"kind": "flip-u", "rates": [1]},
    ]
    found = settings_of(grid(noise=levels))
    assert [(s.name, s.kind, s.rate, s.kinds) for s in found] == [
        ("people", "real", None, ("real",)),
        ("made", "flip", 0.3, ("flip",)),
        ("bare.none", "none", 0.0, ("unif", "flip")),
        ("bare.unif.0.4", "unif", 0.4, ("unif",)),
        ("bare.flip.0.2", "flip", 0.2, ("flip",)),
        ("bare.flip-u.1", "flip-u", 1.0, ("flip-u",)),
    ]
    assert [s.name for s in settings_of(grid(noise=levels), ["bare.none", "people"])] == ["people", "bare.none"]
    with pytest.raises(SettingsError, match="it has people, made, bare, and under noise such as bare.flip-u.1"):
        settings_of(grid(noise=levels), ["bare.flip.0.3"])


def test_a_method_may_be_kept_to_some_sets_or_groups():
    where = plan(methods=["bayes", {"name": "one", "method": "bayes", "only": ["made"]}])
    assert [[method.runs_on(entry) for entry in where.data] for method in where.methods] == [
        [True, True],
        [False, True],
    ]
    (method,) = plan(methods=[{"name": "all", "method": "bayes", "groups": ["all"]}]).methods
    assert method.runs_on(plan().data[0])


def test_without_a_test_file_a_fifth_is_set_aside_and_no_row_is_used_twice():
    rows = labelled(missing=15)
    found = cut(rows, None, plan(), 0)
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
    noise = plan().data[1].noise
    assert len(cut(labelled(given=False, test=True), noise, plan(), 0).clean) == 20
    assert len(cut(labelled(given=False, test=True), noise, plan(trusted_per_class=4), 0).clean) == 12
    rare = labelled(given=False, test=True)
    rare.truth[:] = "ant"
    rare.truth[:4], rare.truth[4:8] = "bee", "cow"
    for seed in range(5):
        found = cut(rare, noise, plan(), seed)
        assert np.bincount(found.truth, minlength=3)[1:].min() >= 2
        assert len(found.clean) <= 24


def test_trusted_rows_may_be_drawn_class_by_class():
    noise = plan().data[1].noise
    rows = labelled(given=False, test=True)
    found = cut(rows, noise, plan(trusted_per_class=30, trusted_draw="per-class"), 0)
    assert np.bincount(found.truth).tolist() == [30, 30, 30]
    assert len(found.noisy) == 110
    assert not set(found.noisy) & set(found.clean)
    with pytest.raises(SettingsError, match="rows of class '.*' are fewer than trusted_per_class = 90"):
        cut(rows, noise, plan(trusted_per_class=90, trusted_draw="per-class"), 0)


def test_all_rates_of_a_seed_share_their_trusted_rows_and_rate_0_changes_no_label():
    rows = labelled(given=False, test=True)
    kinds = [Noise(kind="none", rate=0.0), Noise(kind="unif", rate=0.5), Noise(kind="flip", rate=0.9)]
    none, *others = [cut(rows, noise, plan(), 2) for noise in kinds]
    assert np.array_equal(none.given, none.noisy_truth)
    for other in others:
        assert np.array_equal(other.clean, none.clean)
        assert not np.array_equal(other.given, other.noisy_truth)


def test_noise_that_looks_at_features_needs_some():
    rows = LabelledRows(ImageInputs(np.zeros((200, 4, 4, 3), np.uint8), (0,) * 3, (1,) * 3), labelled().truth)
    with pytest.raises(SettingsError, match="needs features: freeze = true"):
        cut(rows, Noise(kind="nearest-class", rate=0.5), plan(), 0)


@pytest.mark.parametrize("kind", ["nearest-class", "instance-dependent"])
def test_noise_that_looks_at_features_is_as_frequent_as_the_plan_says(kind):
    found = cut(labelled(2000, given=False, test=True), Noise(kind=kind, rate=0.3), plan(rows=2000), 0)
    assert 0.26 < (found.given != found.noisy_truth).mean() < 0.34


def test_rows_are_cut_and_the_noise_follows_its_matrix():
    rows = labelled(2000, given=False, test=True)
    found = cut(rows, plan().data[1].noise, plan(rows=1000), 0)
    assert len(found.noisy) + len(found.clean) == 1000
    wrong = found.given != found.noisy_truth
    assert (found.given[wrong] == flip_map(3)[found.noisy_truth[wrong]]).all()
    assert 0.25 < wrong.mean() < 0.35
    assert (found.test == np.arange(50)).all()


def test_classes_that_no_row_shows_are_dropped_with_their_test_rows():
    rows = labelled(given=False, test=True)
    rows.test_truth[:7] = "yak"
    found = cut(rows, plan().data[1].noise, plan(), 0)
    assert found.classes == ("ant", "bee", "cow")
    assert len(found.test) == 43


def test_a_seed_gives_the_same_rows_again_and_another_seed_others():
    rows, noise = labelled(), plan().data[0].noise
    first, again, other = (cut(rows, noise, plan(), seed) for seed in (0, 0, 1))
    assert np.array_equal(first.noisy, again.noisy)
    assert np.array_equal(first.clean, again.clean)
    assert not np.array_equal(first.clean, other.clean)


def test_the_generator_is_seeded_with_a_thousand_and_the_seed():
    """The test part is the first fifth of the first permutation of default_rng(1003)."""
    expected = np.random.default_rng(1003).permutation(200)[:40]
    assert np.array_equal(cut(labelled(), None, plan(), 3).test, expected)


def test_too_few_rows_are_refused():
    with pytest.raises(SettingsError, match="8 labelled rows of 3 classes are too few"):
        cut(labelled(10), None, plan(), 0)
