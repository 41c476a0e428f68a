from __future__ import annotations

import pytest

from harness.config import Request, Settings, what_to_probe
from harness.errors import PrerequisiteError, RequestError
from harness.spec import EngineName


def test_docker_where_the_image_is_there(project):
    resolved = project.ask()
    assert resolved.spec.engine is EngineName.DOCKER
    assert resolved.spec.image == "kaggle-harness:slim"
    assert resolved.spec.mirror is None
    assert "an engine answers" in resolved.engine_reason


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"docker_problem": "no engine answers"}, "because no engine answers"),
        ({"docker_images": frozenset()}, "the image kaggle-harness:slim is not on this machine"),
    ],
)
def test_bubblewrap_where_docker_cannot(project, facts, reason):
    project.on(**facts)
    resolved = project.ask()
    assert resolved.spec.engine is EngineName.BUBBLEWRAP
    assert resolved.spec.image is None
    assert str(resolved.spec.mirror) == "/opt/mirror"
    assert reason in resolved.engine_reason


@pytest.mark.parametrize(
    ("facts", "problem", "fix"),
    [
        ({"mirror": None}, "there is no mirror", "harness mirror"),
        ({"bubblewrap_problem": "no bwrap"}, "bubblewrap: no bwrap", "harness doctor"),
    ],
)
def test_where_neither_can(project, facts, problem, fix):
    project.on(docker_problem="no engine answers", **facts)
    with pytest.raises(PrerequisiteError) as caught:
        project.ask()
    assert "Docker: no engine answers" in caught.value.problem
    assert problem in caught.value.problem
    assert fix in caught.value.fix


def test_a_wrong_request_is_told_before_a_machine_that_cannot(project):
    project.on(docker_problem="no engine answers", mirror=None)
    with pytest.raises(RequestError):
        project.ask(memory="3G")


def test_an_engine_that_was_asked_for_is_not_changed(project):
    project.on(docker_problem="no engine answers")
    assert project.ask(engine="docker").spec.engine is EngineName.DOCKER
    assert "asked for by --engine" in project.ask(engine="bubblewrap").engine_reason


def test_an_image_that_was_asked_for_is_not_replaced(project):
    with pytest.raises(PrerequisiteError) as caught:
        project.ask(image="mine:1")
    assert "--image: the image mine:1 is not on this machine" in caught.value.problem
    assert "docker pull mine:1" in caught.value.fix


def test_a_name_without_a_tag_means_latest(project):
    project.on(docker_images=frozenset({"mine:latest"}))
    assert project.ask(image="mine").spec.image == "mine"


def test_bubblewrap_needs_a_mirror(project):
    project.on(mirror=None)
    with pytest.raises(PrerequisiteError) as caught:
        project.ask(engine="bubblewrap")
    assert "harness mirror" in caught.value.fix


def test_differences_of_the_engine_are_told(project):
    assert any("slim image" in text for text in project.ask().spec.fidelity)
    assert any("mirror" in text for text in project.ask(engine="bubblewrap").spec.fidelity)


@pytest.mark.parametrize(
    ("engine", "docker"), [(None, True), ("auto", True), ("docker", True), ("bubblewrap", False)]
)
def test_docker_is_only_asked_where_it_can_matter(project, engine, docker):
    request = Request(
        notebook=project.notebook, flags=Settings(engine=engine, runs="r"), cwd=project.folder
    )
    probe = what_to_probe(request)
    assert probe.docker is docker
    assert probe.runs == project.folder / "r"
