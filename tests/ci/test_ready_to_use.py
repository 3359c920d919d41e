"""What pipelines take as it is: the hooks, the action, the GitLab job, the Dockerfile.

Tried as far as a machine without a network allows.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import junitparser
import numpy as np
import pytest
import yaml

from labelfix.cli import main

ROOT = Path(__file__).parents[2]
ACTION = ROOT / ".github" / "actions" / "labelfix" / "action.yml"
GITLAB = ROOT / "docs" / "ci" / "gitlab.yml"
DOCKERFILE = ROOT / "docs" / "ci" / "Dockerfile"
HOOKS = ROOT / ".pre-commit-hooks.yaml"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with noisy.csv, gold.csv and a run of them: 200 rows, 30 % wrong."""
    folder = tmp_path_factory.mktemp("project")
    generator = np.random.default_rng(0)
    truth = np.arange(200) % 2
    x = truth[:, None] * 5 + generator.normal(0, 1, (200, 2))
    wrong = generator.random(200) < 0.3
    given = np.where(wrong, 1 - truth, truth)
    rows = (f"r{i},{a:.3f},{b:.3f},{'ab'[c]}" for i, ((a, b), c) in enumerate(zip(x, given, strict=True)))
    (folder / "noisy.csv").write_text("\n".join(["id,x,y,label", *rows]) + "\n")
    (folder / "gold.csv").write_text("\n".join(["id,label", *(f"r{i},{'ab'[truth[i]]}" for i in range(40))]) + "\n")
    words = ["train", "--noisy", "noisy.csv", "--clean", "gold.csv", "--out", "run", "-q"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main([*words, "--set", "recipe=paper", "--set", "epochs=4"]) == 0
    return folder


@pytest.fixture
def project(trained, tmp_path, monkeypatch):
    """A copy of it as the working directory, and `labelfix` on the path as an installation puts it there."""
    shutil.copytree(trained, tmp_path / "project")
    place = tmp_path / "bin" / "labelfix"
    place.parent.mkdir()
    place.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m labelfix "$@"\n')
    place.chmod(0o755)
    monkeypatch.setenv("PATH", f"{place.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


def act(project, **inputs):
    """Run the steps of the action as a runner does; gives the exit code, the log, and the outputs of the last step."""
    action = yaml.safe_load(ACTION.read_text())
    known = {name: str(about.get("default", "")) for name, about in action["inputs"].items()}
    known |= {name.replace("_", "-"): value for name, value in inputs.items()}
    outputs, summary = project.parent / "output", project.parent / "summary"
    outputs.write_text("")

    def said(text):
        text = re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda found: known[found[1]], text)
        return text.replace("${{ github.action_path }}", str(ACTION.parent))

    for step in action["runs"]["steps"]:
        assert "${{" not in step["run"]
        environment = {name: said(value) for name, value in step.get("env", {}).items()}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            env={**os.environ, "GITHUB_OUTPUT": str(outputs), "GITHUB_STEP_SUMMARY": str(summary), **environment},
            cwd=project / said(step.get("working-directory", ".")),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            break
    told = dict(line.split("=", 1) for line in outputs.read_text().splitlines())
    return done.returncode, done.stdout + done.stderr, told


def test_the_action_fails_the_job_and_says_why(project):
    code, log, told = act(project, run="run", max_issue_rate="0.05", sarif="a b.sarif", junit="a.xml", markdown="a.md")
    assert code == 1
    assert log.count("::warning file=noisy.csv,line=") == 10
    assert "above the gate of 5 %" in log
    assert told["passed"] == "false"
    assert json.loads((project / "a b.sarif").read_text())["version"] == "2.1.0"
    assert junitparser.JUnitXml.fromfile(str(project / "a.xml")).failures > 0
    assert (project / "a.md").read_text().startswith("<!-- labelfix -->")
    assert (project.parent / "summary").read_text().startswith("<!-- labelfix -->")


def test_the_action_passes_at_the_gate_and_again_over_its_own_files(project):
    for _ in range(2):
        code, _, told = act(project, run="run", max_issue_rate="1", sarif="a.sarif")
        assert (code, told["passed"]) == (0, "true")


def test_the_action_takes_several_baselines_and_the_policy_of_the_repository(project):
    assert main(["flag", "--run", "run", "--format", "json=seen.json"]) == 0
    (project / "none.csv").write_text("id\nnobody\n")
    (project / "labelfix.toml").write_text('[gate]\nrun = "run"\nmax_issue_rate = 0\n')
    assert act(project)[0] == 1
    assert act(project, baseline="none.csv\nseen.json")[0] == 0


def test_nothing_in_an_input_of_the_action_is_run(project):
    hostile = 'x"; touch owned; echo "$(touch owned)`touch owned`'
    code, _, _ = act(project, run=hostile, max_issue_rate=hostile, baseline=hostile, sarif=hostile)
    assert code == 2
    assert not (project / "owned").exists()


def test_every_output_of_the_action_is_one_that_flag_writes(project):
    action = yaml.safe_load(ACTION.read_text())
    _, _, told = act(project, run="run")
    for about in action["outputs"].values():
        name = re.fullmatch(r"\$\{\{ steps\.flag\.outputs\.(\w+) \}\}", about["value"])[1]
        assert name in told


def test_every_input_of_the_action_is_used():
    action = yaml.safe_load(ACTION.read_text())
    used = set(re.findall(r"inputs\.([\w-]+)", json.dumps(action["runs"])))
    assert used == set(action["inputs"])


def test_the_gitlab_job_writes_the_reports_it_names(project):
    job = yaml.safe_load(GITLAB.read_text())["labelfix"]
    (project / "labelfix.toml").write_text('[gate]\nrun = "run"\nmax_issue_rate = 0\n')
    for options, code in (("", 1), ("--max-issue-rate 1 --show 3", 0)):
        done = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", "\n".join(job["script"])],
            env={**os.environ, **job["variables"], "GATE_OPTIONS": options},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stderr
        reports = job["artifacts"]["reports"]
        assert len(json.loads(Path(reports["codequality"]).read_text())) > 10
        assert junitparser.JUnitXml.fromfile(reports["junit"]).tests > 10
    assert job["artifacts"]["when"] == "always"


@pytest.mark.parametrize("words", [["vendor.github-actions", ACTION], ["vendor.gitlab-ci", GITLAB]])
def test_action_and_job_are_what_their_services_schemas_say(words):
    pytest.importorskip("check_jsonschema")
    schema, file = words
    more = ["--data-transform", "gitlab-ci"] if "gitlab" in schema else []
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *more, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "script",
    [pytest.param(step["run"], id=step["name"]) for step in yaml.safe_load(ACTION.read_text())["runs"]["steps"]],
)
def test_the_scripts_of_the_action_have_no_faults_that_shellcheck_knows(script, tmp_path):
    if shutil.which("shellcheck") is None:
        pytest.skip("no shellcheck on this machine")
    (tmp_path / "step.sh").write_text("#!/usr/bin/env bash\n" + script)
    done = subprocess.run(["shellcheck", str(tmp_path / "step.sh")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_dockerfile_keeps_the_rules():
    text = DOCKERFILE.read_text()
    steps = [line.split(maxsplit=1) for line in text.replace("\\\n", " ").splitlines() if line and line[0] not in "# "]
    words = [step[0] for step in steps]
    assert all(":" in step[1] and ":latest" not in step[1] for step in steps if step[0] == "FROM")
    assert words[-2:] == ["ENTRYPOINT", "CMD"]
    assert "USER" in words[words.index("COPY") :]
    assert steps[words.index("USER")][1] not in ("root", "0")
    assert "ADD" not in words
    assert json.loads(steps[-2][1]) == ["labelfix"]
    copied = [name for step in steps if step[0] == "COPY" and "--from" not in step[1] for name in step[1].split()[:-1]]
    assert {name.partition("/")[0] for name in copied} == {"pyproject.toml", "README.md", "LICENSE", "labelfix"}
    assert all((ROOT / name).exists() for name in copied)
    assert all("--no-cache-dir" in step[1] for step in steps if "pip install" in step[1])
    if shutil.which("hadolint"):
        done = subprocess.run(["hadolint", str(DOCKERFILE)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


def test_hooks_call_commands_that_there_are():
    from labelfix.cli.app import PANELS

    hooks = yaml.safe_load(HOOKS.read_text())
    every = [name for names in PANELS.values() for name in names]
    assert [hook["id"] for hook in hooks] == ["labelfix-check", "labelfix-flag"]
    for hook in hooks:
        program, command, *_ = hook["entry"].split()
        assert (program, command in every, hook["language"]) == ("labelfix", True, "python")
        assert not hook["pass_filenames"]
        for name in ("a.csv", "d/b.parquet", "c.jsonl.gz", "labelfix.toml", "d/labelfix.toml"):
            assert re.search(hook["files"], name)
        for name in ("a.py", "notlabelfix.tomlx", "csv"):
            assert not re.search(hook["files"], name)


@pytest.mark.slow
def test_pre_commit_runs_the_hooks_of_a_clone(project):
    """Installed by pip into pre-commit's own environment; what labelfix needs is lent by this one."""
    pytest.importorskip("pre_commit")
    source = project.parent / "labelfix"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", ".pre-commit-hooks.yaml"):
        shutil.copyfile(ROOT / name, source / name)
    shutil.copytree(ROOT / "labelfix", source / "labelfix", ignore=shutil.ignore_patterns("__pycache__"))
    head = _commit(source)
    (project / "labelfix.toml").write_text(
        'noisy = "noisy.csv"\nclean = "gold.csv"\n[gate]\nrun = "run"\nmax_issue_rate = 0\nshow = 2\n'
    )
    hooks = [{"id": "labelfix-check"}, {"id": "labelfix-flag"}]
    config = {"repos": [{"repo": str(source), "rev": head, "hooks": hooks}]}
    (project / ".pre-commit-config.yaml").write_text(yaml.safe_dump(config))
    _commit(project)
    lent = [path for path in sys.path if path.endswith("site-packages")]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= {"PYTHONPATH": os.pathsep.join(lent), "PRE_COMMIT_HOME": str(project.parent / "cache")}
    environment |= {"PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": "0"}
    command = [sys.executable, "-m", "pre_commit", "run", "--all-files", "--verbose"]
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    assert re.search(r"labelfix check\.+Passed", done.stdout), done.stdout + done.stderr
    assert re.search(r"labelfix flag\.+Failed", done.stdout), done.stdout
    assert "- exit code: 1" in done.stdout
    assert "above the gate of 0 %" in done.stdout


def _commit(folder):
    """Make a folder a repository of one commit; gives its name."""
    person = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    for words in (["init", "-q"], ["add", "-A"], [*person, "commit", "-qm", "all"]):
        subprocess.run(["git", *words], cwd=folder, check=True)
    return subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


def test_nothing_that_is_ready_to_use_names_where_packages_are_taken_from():
    for path in (ACTION, GITLAB, DOCKERFILE, HOOKS):
        assert not re.search(r"https?://|index-url|download\.", path.read_text()), path
