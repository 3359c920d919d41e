"""A setting that a method does not read where it is given is refused by name, and the declarations are what is read."""

import sys
from dataclasses import fields, replace

import pytest
from toy_problem import problem, whole

from labelfix.errors import SettingsError
from labelfix.methods.table import METHODS
from labelfix.progress import Silent
from labelfix.settings.counting import paths, refuse_unread
from labelfix.settings.methods import METHOD_SETTINGS, GlcSettings, MlcSettings
from labelfix.settings.mlc import FIXED
from labelfix.settings.run import TrainSettings, settings_from

QUICK = {"epochs": 2, "batch_size": 8, "warmup_epochs": 1, "folds": 2, "warmup_steps": 3, "synthetic_sets": 2}
"""Settings that make a training short, where a method has them."""

EVERY_PART = {"then_finetune": True, "keep_best": True}
"""Settings without which a part of a method is left out, and with it what it reads."""

PATHS = [(name, number) for name, cls in METHOD_SETTINGS.items() for number, _ in enumerate(paths(cls()))]


def note_reads(cls, monkeypatch):
    """What is asked of settings of a class from now on; that they copy and check themselves does not count."""
    read = set()

    def noted(self, name):
        asker = sys._getframe(1).f_code.co_filename
        if "/settings/" not in asker.replace("\\", "/") and not asker.endswith("dataclasses.py"):
            read.add("recipe" if name == "recipe_for" else name)
        return object.__getattribute__(self, name)

    monkeypatch.setattr(cls, "__getattribute__", noted)
    return read


@pytest.mark.parametrize(("name", "number"), PATHS)
def test_a_method_reads_what_it_says_it_does(name, number, monkeypatch):
    cls = METHOD_SETTINGS[name]
    known = {f.name for f in fields(cls)}
    own = {key: value for key, value in (QUICK | EVERY_PART).items() if key in known}
    _, settings, family = list(paths(cls(**own)))[number]
    counting = settings.counting(family)
    made, _ = (problem if family == "head" else whole)(noisy=120, clean=60)
    read = note_reads(cls, monkeypatch)
    METHODS[name](replace(made, family=family), settings, Silent())
    # What a recipe fixes is read as well, with the recipe's values.
    fixed = set(FIXED) if getattr(settings, "recipe", None) == "published" else set()
    assert (read - fixed) & known == counting


def test_settings_that_do_nothing_are_refused_all_at_once_with_those_that_count():
    settings = settings_from({"method": "glc", "epochs": 500, "learning_rate": 99})
    with pytest.raises(SettingsError) as refused:
        refuse_unread(settings, "head")
    said = str(refused.value)
    assert "glc on fixed features does not read epochs = 500, learning_rate = 99.0: what counts is ridge" in said
    refuse_unread(settings, "network")


def test_a_setting_of_heads_is_refused_for_a_network():
    settings = TrainSettings(method="glc", method_settings=GlcSettings(ridge=2.0))
    refuse_unread(settings, "head")
    with pytest.raises(SettingsError, match="glc for networks that are trained as a whole does not read ridge = 2.0"):
        refuse_unread(settings, "image")


def test_the_recipe_decides_what_counts():
    refuse_unread(TrainSettings(method_settings=MlcSettings(recipe="paper", epochs=3)), "head")
    with pytest.raises(
        SettingsError,
        match="recipe = anchored does not read epochs = 3: what counts is recipe .*"
        "; with --no-freeze or --set recipe=paper it does",
    ):
        refuse_unread(TrainSettings(method_settings=MlcSettings(epochs=3)), "head")
    with pytest.raises(SettingsError, match="does not read skip = true.*; with --set recipe=paper it does"):
        refuse_unread(TrainSettings(method_settings=MlcSettings(skip=True)), "head")


@pytest.mark.parametrize("family", ["network", "image", "text"])
def test_the_default_recipe_is_refused_for_a_network_that_is_trained_as_a_whole(family):
    with pytest.raises(SettingsError, match="recipe = anchored.*: leave --backbone out .*, or add --set recipe=paper"):
        refuse_unread(TrainSettings(), family)
    refuse_unread(TrainSettings(method_settings=MlcSettings(recipe="paper", skip=True)), family)
    refuse_unread(TrainSettings(method_settings=MlcSettings(recipe="published")), family)


def test_what_says_the_default_is_let_through():
    refuse_unread(TrainSettings(method_settings=MlcSettings(lookahead=1, momentum=0.9)), "head")
