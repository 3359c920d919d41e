import pytest

from labelfix.cli import main
from labelfix.errors import SettingsError
from labelfix.settings.resolve import resolve


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def config(tmp_path, text, name="settings.toml"):
    path = tmp_path / name
    path.write_text(text)
    return path


def test_a_flag_beats_the_environment_beats_the_file_beats_the_default(tmp_path):
    path = config(tmp_path, "seed = 1\nmin_confidence = 0.7\n[model]\nbackbone = 'linear'\n[mlc]\nepochs = 9\n")
    environ = {"LABELFIX_SEED": "2", "LABELFIX_MIN_CONFIDENCE": "0.8"}
    resolved = resolve({"seed": 3}, [], path, environ)
    settings = resolved.settings
    assert (settings.seed, settings.min_confidence, settings.model.backbone) == (3, 0.8, "linear")
    assert settings.method_settings.epochs == 9
    assert settings.compute.read_rows == 8192
    assert resolved.origins["seed"] == "--seed"
    assert resolved.origins["min_confidence"] == "LABELFIX_MIN_CONFIDENCE"
    assert resolved.origins["model.backbone"] == str(path)
    assert resolved.origins["mlc.epochs"] == str(path)
    assert resolved.origins["compute.read_rows"] == "default"


def test_a_named_flag_beats_set_and_set_beats_the_environment():
    resolved = resolve({"backbone": "mlp"}, ["model.backbone=linear", "epochs=4"], None, {"LABELFIX_EPOCHS": "7"})
    assert resolved.settings.model.backbone == "mlp"
    assert resolved.settings.method_settings.epochs == 4
    assert resolved.origins["mlc.epochs"] == "--set"


@pytest.mark.parametrize(
    ("entry", "key", "value"),
    [
        ("epochs=4", "mlc.epochs", 4),
        ("mlc.epochs = 4", "mlc.epochs", 4),
        ("recipe=paper", "mlc.recipe", "paper"),
        ("seed=4", "seed", 4),
        ("data.feature_columns=a, b", "data.feature_columns", ("a", "b")),
        ("compute.offline=yes", "compute.offline", True),
        ("data.label_column=a=b", "data.label_column", "a=b"),
        ("epochs=auto", "mlc.epochs", None),
    ],
)
def test_set_takes_method_fields_bare_and_others_with_their_table(entry, key, value):
    assert resolve({}, [entry], None, {}).value(key) == value


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("epochs", "--set epochs: is not key=value; write for example --set epochs=30"),
        ("epohcs=3", "--set epohcs=3: 'epohcs' is not a setting; did you mean epochs?"),
        ("max_tokens=3", "--set max_tokens=3: 'max_tokens' is not a setting; did you mean model.max_tokens?"),
        ("lr=0.1", "--set lr=0.1: 'lr' is not a setting; did you mean learning_rate?"),
        ("data.labelcolumn=x", "did you mean data.label_column?"),
        ("zzzz=1", "--set zzzz=1: 'zzzz' is not a setting; it is one of abstain, accumulate, backbone"),
        ("epochs=many", "--set: epochs = 'many' cannot be read; it takes a whole number"),
        ("epochs=0", "--set: epochs = 0 must be at least 1"),
        ("method=best", "--set: method = 'best' is not one of mlc"),
    ],
)
def test_what_is_wrong_with_set_is_said_with_the_remedy(entry, message):
    with pytest.raises(SettingsError) as caught:
        resolve({}, [entry], None, {})
    assert message in str(caught.value)


def test_a_bad_value_is_blamed_on_where_it_was_given(tmp_path):
    path = config(tmp_path, "[compute]\ndevice = 'tpu'\n")
    with pytest.raises(SettingsError, match=r"settings\.toml, \[compute\]: device = 'tpu' cannot be read"):
        resolve({"seed": 1}, ["epochs=3"], path, {})
    with pytest.raises(SettingsError, match=r"^LABELFIX_DEVICE: device = 'tpu' cannot be read"):
        resolve({}, [], None, {"LABELFIX_DEVICE": "tpu"})
    with pytest.raises(SettingsError, match=r"^--clean-sampling: clean_sampling = 'odd' cannot be read"):
        resolve({"clean_sampling": "odd"}, [], None, {})


def test_values_that_only_clash_together_are_named_together():
    with pytest.raises(SettingsError, match="nesterov = true needs momentum above 0"):
        resolve({}, ["momentum=0", "nesterov=true"], None, {})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seeed = 1", "'seeed' is not a setting; did you mean 'seed'?"),
        ("[dat]\n", "'dat' is not a setting; did you mean 'data'?"),
        ("data = 3", "'data' must be a table, written [data]"),
        ("[data]\nlabel = 'x'\n", "'label' is not a setting here"),
        ("seed = ", "is not a TOML file"),
        ("method = 'best'", "method = 'best' is not one of mlc"),
    ],
)
def test_a_bad_file_is_named(tmp_path, text, message):
    with pytest.raises(SettingsError) as caught:
        resolve({}, [], config(tmp_path, text), {})
    assert message in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(SettingsError, match=r"gone\.toml: cannot be read"):
        resolve({}, [], tmp_path / "gone.toml", {})


def test_the_file_in_the_working_directory_is_used_unless_another_is_named(tmp_path):
    config(tmp_path, "seed = 5", "labelfix.toml")
    other = config(tmp_path, "seed = 6", "other.toml")
    assert resolve({}, [], None, {}).settings.seed == 5
    assert resolve({}, [], None, {}).config == "labelfix.toml"
    assert resolve({}, [], None, {"LABELFIX_CONFIG": str(other)}).settings.seed == 6
    assert resolve({}, [], other, {}).settings.seed == 6


def test_a_misspelt_variable_is_said_and_passed_over():
    resolved = resolve({}, [], None, {"LABELFIX_SEDD": "3", "OTHER": "x"})
    assert resolved.warnings == ("LABELFIX_SEDD is not a setting and is ignored; did you mean LABELFIX_SEED?",)
    assert resolved.settings.seed == 0


def test_flags_that_were_not_given_change_nothing():
    resolved = resolve({"seed": None, "feature_columns": []}, [], None, {"LABELFIX_SEED": "4"})
    assert resolved.settings.seed == 4


def test_the_settings_of_a_run_can_be_given_back(tmp_path):
    from labelfix.settings.run import to_toml

    first = resolve({"feature_columns": "a,b", "freeze": True}, ["epochs=3"], None, {}).settings
    path = config(tmp_path, to_toml(first))
    assert resolve({}, [], path, {}).settings == first


def test_a_configuration_file_names_files_from_its_own_folder(tmp_path):
    (tmp_path / "sub").mkdir()
    text = "noisy = 'data/noisy.csv'\nclean = ['gold.csv', '/far/more.csv', 'hub:someone/gold']\nout = '../run'\n"
    found = resolve({}, [], config(tmp_path / "sub", text + "seed = 3\n"), {})
    folder = tmp_path / "sub"
    assert found.sources.noisy == str(folder / "data/noisy.csv")
    assert found.sources.clean == (str(folder / "gold.csv"), "/far/more.csv", "hub:someone/gold")
    assert found.sources.out == str(folder / "../run")
    assert found.settings.seed == 3
    config(tmp_path, "noisy = 'noisy.csv'\nclean = 'gold.csv'\n", "labelfix.toml")
    found = resolve({}, [], None, {}).sources
    assert (found.noisy, found.clean, found.out) == ("noisy.csv", ("gold.csv",), None)


@pytest.mark.parametrize("text", ["noisy = 3", "noisy = ['a.csv']", "clean = []", "clean = ['a.csv', 3]", "out = ''"])
def test_a_file_that_is_no_name_is_refused(tmp_path, text):
    with pytest.raises(SettingsError, match=f"settings.toml: {text[:5].strip()} .*is no name of a file"):
        resolve({}, [], config(tmp_path, text), {})


def test_a_list_in_a_configuration_file_counts_where_its_flag_is_not_given(tmp_path, capsys):
    path = config(tmp_path, "[data]\nfeature_columns = ['x']\n")
    rows = "".join(f"r{i},{i % 7},{i % 3},{'ab'[i % 2]}\n" for i in range(40))
    (tmp_path / "noisy.csv").write_text("id,x,y,label\n" + rows)
    (tmp_path / "gold.csv").write_text("id,label\n" + "".join(f"r{i},{'ab'[i % 2]}\n" for i in range(8)))
    assert main(["check", "--config", str(path), "--noisy", "noisy.csv", "--clean", "gold.csv"]) == 0
    assert "feature columns: x (" in capsys.readouterr().err
