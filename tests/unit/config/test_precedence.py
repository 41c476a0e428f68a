"""kernel-metadata.json < metadata.kaggle < harness.toml < environment < flags."""

from __future__ import annotations

import pytest

from harness.errors import RequestError

KERNEL, OWN, TOML, VARIABLE, FLAG = range(5)


@pytest.mark.parametrize(
    ("places", "profile", "source"),
    [
        ((), "gpu-t4x2", "default"),
        ((KERNEL,), "cpu", "kernel-metadata.json"),
        ((KERNEL, OWN), "gpu-p100", "metadata.kaggle"),
        ((KERNEL, OWN, TOML), "cpu", "harness.toml:1"),
        ((KERNEL, OWN, TOML, VARIABLE), "gpu-t4x2", "HARNESS_PROFILE"),
        ((KERNEL, OWN, TOML, VARIABLE, FLAG), "cpu", "--profile"),
        ((OWN, FLAG), "cpu", "--profile"),
        ((KERNEL, VARIABLE), "gpu-t4x2", "HARNESS_PROFILE"),
    ],
)
def test_the_profile(project, places, profile, source):
    if KERNEL in places:
        project.kernel(enable_gpu=False)
    if OWN in places:
        project.write_notebook({"accelerator": "nvidiaTeslaP100"})
    if TOML in places:
        project.toml('profile = "cpu"\n')
    resolved = project.ask(
        {"HARNESS_PROFILE": "gpu-t4x2"} if VARIABLE in places else {},
        profile="cpu" if FLAG in places else None,
    )
    assert resolved.spec.profile == profile
    assert project.source("profile", resolved) == source


# name, three written values with what they mean, how to read it from the spec
TABLE = [
    ("time_limit", ("1h", "2h", "30min"), (3600, 7200, 1800), lambda s: s.limits.wall_time_s),
    ("grace", ("1s", "2s", "3s"), (1, 2, 3), lambda s: s.limits.grace_s),
    (
        "memory",
        ("1GiB", "2GiB", "3GiB"),
        (2**30, 2**31, 3 * 2**30),
        lambda s: s.limits.memory_bytes,
    ),
    ("disk", ("1GB", "2GB", "3GB"), (10**9, 2 * 10**9, 3 * 10**9), lambda s: s.limits.disk_bytes),
    ("shm", ("1MiB", "2MiB", "3MiB"), (2**20, 2**21, 3 * 2**20), lambda s: s.limits.shm_bytes),
    ("cpus", ("1", "2", "3"), (1, 2, 3), lambda s: s.limits.cpus),
    ("processes", ("64", "65", "66"), (64, 65, 66), lambda s: s.limits.processes),
    (
        "layout",
        ("nested", "classic", "nested"),
        ("nested", "classic", "nested"),
        lambda s: s.layout,
    ),
    ("image", ("a:1", "b:1", "c:1"), ("a:1", "b:1", "c:1"), lambda s: s.image),
    (
        "engine",
        ("docker", "bubblewrap", "docker"),
        ("docker", "bubblewrap", "docker"),
        lambda s: s.engine,
    ),
    (
        "submission_file",
        ("a.csv", "b.csv", "c.csv"),
        ("a.csv", "b.csv", "c.csv"),
        lambda s: s.submission.file_name,
    ),
]


@pytest.mark.parametrize(("name", "written", "meant", "read"), TABLE, ids=[row[0] for row in TABLE])
def test_every_setting_rises_from_file_to_flag(project, name, written, meant, read):
    project.on(docker_images=frozenset({"a:1", "b:1", "c:1", "kaggle-harness:slim"}))
    plain = name in ("cpus", "processes")
    value = written[0] if plain else f'"{written[0]}"'
    project.toml(f"# a comment\n{name} = {value}\n")
    variable = "HARNESS_" + name.upper()

    resolved = project.ask()
    assert read(resolved.spec) == meant[0]
    assert project.source(name, resolved) == "harness.toml:2"

    resolved = project.ask({variable: written[1]})
    assert read(resolved.spec) == meant[1]
    assert project.source(name, resolved) == variable

    resolved = project.ask({variable: written[1]}, **{name: written[2]})
    assert read(resolved.spec) == meant[2]
    assert project.source(name, resolved) == "--" + name.replace("_", "-")


def test_folders_start_where_they_were_written(project, tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "other").mkdir()
    project.write_notebook(name="deep/nb.ipynb")
    project.toml('inputs = "other"\n')
    resolved = project.ask(notebook="deep/nb.ipynb", runs="here")
    assert project.source("inputs", resolved).startswith("harness.toml")
    assert {each.name: each.value for each in resolved.origins}["inputs"] == (
        str(tmp_path / "other")
    )
    assert resolved.spec.runs == tmp_path / "here"


def test_inputs_and_runs_lie_beside_the_settings_file(project, tmp_path):
    project.write_notebook(name="deep/nb.ipynb")
    project.toml("")
    resolved = project.ask(notebook="deep/nb.ipynb")
    assert resolved.spec.runs == tmp_path / "runs"
    assert project.source("runs", resolved) == "beside harness.toml"


def test_variables_of_the_session_merge_by_name(project):
    project.toml('[env]\nA = "file"\nB = "file"\n')
    resolved = project.ask(env=(("B", "flag"), ("C", "x=y")))
    environment = resolved.spec.environment
    assert (environment["A"], environment["B"], environment["C"]) == ("file", "flag", "x=y")
    assert environment["KAGGLE_KERNEL_RUN_TYPE"] == "Batch"


@pytest.mark.parametrize("name", ["PATH", "HOME", "KAGGLE_IS_COMPETITION_RERUN"])
def test_an_essential_variable_that_is_changed_warns(project, name):
    resolved = project.ask(env=((name, "x"),))
    assert any(text.startswith(f"{name} is changed by --env") for text in resolved.warnings)
    assert any(name in text for text in resolved.spec.fidelity)


@pytest.mark.parametrize("name", ["", "1A", "A B", "A=B", "Ä"])
def test_no_names_of_variables(project, name):
    with pytest.raises(RequestError, match="cannot be set in the session"):
        project.ask(env=((name, "x"),))


def test_a_misspelt_environment_variable_is_remarked_on(project):
    resolved = project.ask({"HARNESS_MEMROY": "1GiB", "HARNESS_BUILD_ID": "7", "PATH": "x"})
    assert [text for text in resolved.warnings if "HARNESS_" in text] == [
        "The variable HARNESS_MEMROY is not read. Did you mean HARNESS_MEMORY?"
    ]


def test_variables_of_other_parts_of_the_harness_are_no_mistakes(project):
    resolved = project.ask({"HARNESS_MIRROR": "/x", "HARNESS_DEBUG": "1", "HARNESS_MEMORY": ""})
    assert not [text for text in resolved.warnings if "HARNESS_" in text]


@pytest.mark.parametrize(
    ("flags", "fix"),
    [
        ({"engine": "dokcer"}, "docker"),
        ({"profile": "gpu-t4x"}, "gpu-t4x2"),
        ({"layout": "nestd"}, "nested"),
        ({"memory": "29G"}, "--memory 29GiB"),
        ({"memory": "1MiB"}, "at least 128 MiB"),
        ({"time_limit": "9"}, "--time-limit 9h"),
        ({"grace": "soon"}, "--grace 10s"),
        ({"disk": "much"}, "--disk 20GB"),
        ({"disk": "1B"}, "at least"),
        ({"shm": "x"}, "--shm 2GiB"),
        ({"cpus": "2.5"}, "--cpus 4"),
        ({"cpus": "0"}, "at least 1"),
        ({"processes": "-1"}, "--processes 4096"),
        ({"processes": "3"}, "at least 32"),
        ({"submission_file": "out/submission.csv"}, "a name without a folder"),
        ({"sample": "missing.csv"}, "Check the path"),
        ({"inputs": "missing"}, "Check the path"),
        ({"attach": ("ada/words/x",)}, "Write one of"),
        ({"competition": "a/b"}, "competitions/SLUG"),
    ],
)
def test_a_wrong_value_names_its_flag_and_what_to_write(project, flags, fix):
    with pytest.raises(RequestError) as caught:
        project.ask(**flags)
    name = next(iter(flags)).replace("_", "-")
    assert caught.value.problem.startswith(f"--{name}: ")
    assert fix in caught.value.fix


def test_a_wrong_value_in_the_environment_names_the_variable(project):
    with pytest.raises(RequestError, match=r"^HARNESS_MEMORY: '1G' is not a size"):
        project.ask({"HARNESS_MEMORY": "1G"})
