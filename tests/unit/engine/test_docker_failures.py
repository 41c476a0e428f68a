"""The engine's answers as errors with a next step."""

import pytest
from docker.errors import APIError, DockerException

from harness.engine.docker.failures import engine_errors
from harness.errors import EngineError, PrerequisiteError


@pytest.mark.parametrize(
    ("answer", "fix"),
    [
        (
            'invalid mount config for type "bind": bind source path does not exist: /x',
            "--engine bubblewrap",
        ),
        (
            'could not select device driver "" with capabilities: [[gpu]]',
            "NVIDIA Container Toolkit",
        ),
        (
            'OCI runtime create failed: exec: "docker-init": executable file not found in $PATH',
            "tini",
        ),
        ("No such image: kaggle-harness:slim", "make image"),
        (
            "Requested CPUs are not available - requested 0-3, available: 0-1",
            "--cpus",
        ),
        ("write /var/lib/docker/x: no space left on device", "docker system df"),
    ],
)
def test_what_the_user_can_mend(answer, fix):
    with pytest.raises(PrerequisiteError) as caught, engine_errors("starting the container"):
        raise APIError("500 Server Error", explanation=answer)
    assert answer in caught.value.problem
    assert fix in caught.value.fix


def test_another_refusal_is_the_engines_failure():
    with pytest.raises(EngineError) as caught, engine_errors("starting the container"):
        raise APIError("500 Server Error", explanation="containerd has a bad day")
    assert "while starting the container" in caught.value.problem


@pytest.mark.parametrize(
    "error", [DockerException("no answer"), ConnectionResetError(), BrokenPipeError()]
)
def test_an_engine_that_went_away(error):
    with pytest.raises(EngineError) as caught, engine_errors("reading /kaggle/working"):
        raise error
    assert "went away" in caught.value.problem
    assert "doctor" in caught.value.fix


def test_our_own_errors_pass_through():
    ours = PrerequisiteError("no", fix="yes")
    with pytest.raises(PrerequisiteError) as caught, engine_errors("anything"):
        raise ours
    assert caught.value is ours


def test_an_interrupt_passes_through():
    with pytest.raises(KeyboardInterrupt), engine_errors("anything"):
        raise KeyboardInterrupt
