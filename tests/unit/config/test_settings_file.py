from __future__ import annotations

import pytest

from harness.config.places import find_settings_file
from harness.errors import RequestError


@pytest.mark.parametrize(
    ("text", "problem", "fix"),
    [
        ("time-limit = '9h'\n", "line 1: unknown setting 'time-limit'", "'time_limit'"),
        ("\n\nmemroy = '1GiB'\n", "line 3: unknown setting 'memroy'", "'memory'"),
        ("memory = 3\n", "line 1: memory: input should be a valid string", "29GiB"),
        ("cpus = '4'\n", "line 1: cpus: input should be a valid integer", "Correct cpus"),
        ("attach = 'a/b'\n", "attach", "Correct attach"),
        ("[env]\nA = 1\n", "line 1: env", "Correct env"),
        ("memory =\n", "Invalid value (at line 1", "Correct"),
        ("zzzzzzzz = 1\n", "unknown setting 'zzzzzzzz'", "Use one of: attach, "),
    ],
)
def test_a_wrong_file(project, text, problem, fix):
    project.toml(text)
    with pytest.raises(RequestError) as caught:
        project.ask()
    assert str(project.folder / "harness.toml") in caught.value.problem
    assert problem in caught.value.problem
    assert fix in caught.value.fix


def test_all_mistakes_are_told_at_once(project):
    project.toml("memroy = '1GiB'\nlayuot = 'nested'\n")
    with pytest.raises(RequestError) as caught:
        project.ask()
    assert "line 1: unknown setting 'memroy'; line 2: unknown setting 'layuot'" in (
        caught.value.problem
    )


def test_bytes_that_are_no_text(project):
    (project.folder / "harness.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(RequestError, match=r"harness\.toml"):
        project.ask()


def test_it_is_sought_up_to_the_top_of_the_repository(tmp_path):
    (tmp_path / "harness.toml").write_text("")
    repository = tmp_path / "repository"
    (repository / ".git").mkdir(parents=True)
    deep = repository / "a" / "b"
    deep.mkdir(parents=True)
    assert find_settings_file(deep) is None
    (repository / "harness.toml").write_text("")
    assert find_settings_file(deep) == repository / "harness.toml"
    (deep / "harness.toml").write_text("")
    assert find_settings_file(deep) == deep / "harness.toml"


def test_the_current_folder_is_tried_second(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name / ".git").mkdir(parents=True)
    (tmp_path / "two" / "harness.toml").write_text("")
    assert find_settings_file(tmp_path / "one", tmp_path / "two") == (
        tmp_path / "two" / "harness.toml"
    )
