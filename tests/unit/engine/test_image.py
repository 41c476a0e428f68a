"""Building images: what is asked of the `docker` program, and its failures."""

from pathlib import Path

import pytest

from harness import process
from harness.engine import image
from harness.engine.image import Target, build_command, default_base, kaggle_reference, make_image
from harness.errors import PrerequisiteError, RequestError
from harness.process import MISSING_PROGRAM, Completed

ROOT = Path(__file__).parents[3]

DOCKERFILE = """\
ARG BASE_IMAGE=python:3.12-slim-bookworm
FROM ${BASE_IMAGE} AS slim
FROM registry/kaggle@sha256:%s AS kaggle
""" % ("a" * 64)


@pytest.fixture
def project(tmp_path):
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    (tmp_path / "mirror.lock").write_text("click==1 --hash=sha256:aa\n")
    return tmp_path


@pytest.fixture
def docker(monkeypatch):
    """A `docker` program that answers as told, and what it was asked."""

    class Docker:
        def __init__(self):
            self.answers = {"version": (0, "28.0.0", ""), "run": (0, '["3.11.2", "x86_64"]', "")}
            self.build_code = 0
            self.asked = []
            self.filled = []

        def run(self, command, **_):
            self.asked.append(tuple(map(str, command)))
            code, stdout, stderr = self.answers[command[1]]
            return Completed(command=tuple(command), code=code, stdout=stdout, stderr=stderr)

        def run_streaming(self, command, **_):
            self.asked.append(tuple(map(str, command)))
            return self.build_code

    docker = Docker()
    monkeypatch.setattr(process, "run", docker.run)
    monkeypatch.setattr(process, "run_streaming", docker.run_streaming)
    monkeypatch.setattr(
        image.wheelhouse, "fill", lambda *arguments: docker.filled.append(arguments)
    )
    return docker


def test_slim(project, docker):
    assert make_image(Target.SLIM, project, base_image="base:1") == "kaggle-harness:slim"
    (filled,) = docker.filled
    assert filled[0] == project / "wheelhouse"
    assert filled[2].minor == "3.11"
    build = docker.asked[-1]
    assert build[:4] == ("docker", "build", "--target", "slim")
    assert build[build.index("--network") + 1] == "none"
    assert "BASE_IMAGE=base:1" in build
    assert build[-1] == str(project)


def test_the_base_of_the_dockerfile_is_the_default(project, docker):
    make_image(Target.SLIM, project)
    assert "BASE_IMAGE=python:3.12-slim-bookworm" in docker.asked[-1]


def test_kaggles_image_is_pulled_by_digest_and_not_built(project, docker):
    assert make_image(Target.KAGGLE, project) == "kaggle-harness:kaggle"
    reference = f"registry/kaggle@sha256:{'a' * 64}"
    assert docker.asked[1:] == [
        ("docker", "pull", reference),
        ("docker", "tag", reference, "kaggle-harness:kaggle"),
    ]
    assert docker.filled == []


def test_no_docker_program(project, docker):
    docker.answers["version"] = (MISSING_PROGRAM, "", "")
    with pytest.raises(PrerequisiteError) as caught:
        make_image(Target.SLIM, project)
    assert "'docker' is missing" in caught.value.problem
    assert "bubblewrap" in caught.value.fix


def test_no_engine_behind_it(project, docker):
    docker.answers["version"] = (1, "", "Cannot connect to the Docker daemon at unix:///x.\n")
    with pytest.raises(PrerequisiteError) as caught:
        make_image(Target.SLIM, project)
    assert "Cannot connect" in caught.value.problem


def test_a_base_without_python(project, docker):
    docker.answers["run"] = (127, "", 'exec: "python3": executable file not found')
    with pytest.raises(PrerequisiteError) as caught:
        make_image(Target.SLIM, project, base_image="bare:1")
    assert "bare:1" in caught.value.problem
    assert "--base-image" in caught.value.fix


def test_a_build_that_fails(project, docker):
    docker.build_code = 1
    with pytest.raises(PrerequisiteError) as caught:
        make_image(Target.SLIM, project)
    assert "exit code 1" in caught.value.problem


def test_no_dockerfile(tmp_path, docker):
    with pytest.raises(RequestError):
        make_image(Target.SLIM, tmp_path)
    assert docker.asked == []


def test_wheels_from_elsewhere_are_brought(project, docker, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("wheels")
    (elsewhere / "click-1.whl").write_text("wheel")
    (elsewhere / image.wheelhouse.STAMP).write_text("stamp")
    (elsewhere / "notes.txt").write_text("not a wheel")
    make_image(Target.SLIM, project, wheels=elsewhere)
    brought = {path.name for path in (project / "wheelhouse").iterdir()}
    assert brought == {"click-1.whl", image.wheelhouse.STAMP}


def test_a_wheelhouse_that_is_not_there(project, docker):
    with pytest.raises(RequestError):
        make_image(Target.SLIM, project, wheels=Path("/nonexistent"))
    assert docker.filled == []


def test_the_projects_own_dockerfile():
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert default_base(text).startswith("python:3")
    assert "@sha256:" in kaggle_reference(text)
    assert text.count("# DIFFERS:") >= 8


def test_what_the_dockerfile_copies_is_in_the_builds_sight():
    """.dockerignore lets through what COPY names, and nothing of the rest."""
    allowed = {
        line.lstrip("!").split("/")[0]
        for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line.startswith("!")
    }
    copied = {
        source.split("/")[0]
        for line in (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for source in line.split()[1:-1]
    }
    assert copied == allowed


def test_the_label_names_the_lock(project):
    first = build_command(Target.SLIM, project, "base")
    (project / "mirror.lock").write_text("click==2 --hash=sha256:bb\n")
    assert build_command(Target.SLIM, project, "base") != first
