from __future__ import annotations

import pytest

from harness.config.limits import usable_memory_bytes
from harness.errors import PrerequisiteError

GIB = 2**30


def test_a_machine_that_is_large_enough_changes_nothing(project):
    resolved = project.ask()
    limits = resolved.spec.limits
    assert limits.memory_bytes == 29 * GIB
    assert limits.cpus == 4
    assert limits.disk_bytes == 20 * 10**9
    assert limits.wall_time_s == 12 * 3600
    assert not [text for text in resolved.warnings if text.startswith("This machine")]


def test_a_smaller_machine_caps_and_says_so(project):
    project.on(memory_bytes=8 * GIB, cpus=2, disk_free_bytes=5 * 10**9)
    resolved = project.ask()
    limits = resolved.spec.limits
    assert limits.memory_bytes == usable_memory_bytes(project.host) < 8 * GIB
    assert limits.cpus == 2
    assert limits.disk_bytes < 5 * 10**9
    told = [text for text in resolved.warnings if text.startswith("This machine gives the run")]
    assert len(told) == 3
    assert "7.50 GiB of memory, not 29.0 GiB" in told[0]
    for what in ("Memory: ", "Processor cores: 2 here instead of 4.", "Working disk: "):
        assert any(text.startswith(what) for text in resolved.spec.fidelity)
    assert project.source("memory", resolved) == "this machine; profile gpu-t4x2 says 29.0 GiB"


def test_what_is_asked_for_is_capped_too(project):
    project.on(memory_bytes=8 * GIB)
    resolved = project.ask(memory="16GiB")
    assert resolved.spec.limits.memory_bytes == usable_memory_bytes(project.host)
    assert project.source("memory", resolved) == "this machine; --memory says 16.0 GiB"


def test_what_is_smaller_than_the_machine_stays(project):
    project.on(memory_bytes=8 * GIB)
    resolved = project.ask(memory="1GiB")
    assert resolved.spec.limits.memory_bytes == GIB
    assert not [text for text in resolved.warnings if "memory" in text]


def test_shared_memory_fits_into_memory(project):
    assert project.ask(memory="1GiB").spec.limits.shm_bytes == GIB


def test_a_competition_has_nine_hours(project):
    project.stage("competitions/titanic")
    resolved = project.ask(attach=("titanic",))
    assert resolved.spec.limits.wall_time_s == 9 * 3600
    assert project.source("time_limit", resolved) == "profile gpu-t4x2, competition"
    assert project.ask(attach=("titanic",), time_limit="5h").spec.limits.wall_time_s == 5 * 3600


def test_a_full_disk_cannot_serve(project):
    project.on(disk_free_bytes=1000)
    with pytest.raises(PrerequisiteError, match="are free on the disk"):
        project.ask()


def test_an_unknown_disk_is_not_capped(project):
    project.on(disk_free_bytes=None)
    assert project.ask().spec.limits.disk_bytes == 20 * 10**9


def test_no_gpu_here(project):
    project.on(gpus=0)
    resolved = project.ask()
    assert resolved.spec.accelerator.present == 0
    assert resolved.spec.accelerator.wanted == 2
    assert any("Passed without GPU" in text for text in resolved.warnings)
    assert "Accelerator: 0 of 2 GPUs (GPU T4 x2) here." in resolved.spec.fidelity
    assert "CUDA_HOME" not in resolved.spec.environment


def test_gpus_are_passed_by_docker_only(project):
    assert project.ask().spec.accelerator.present == 2
    assert project.ask(engine="bubblewrap").spec.accelerator.present == 0
    assert project.ask(profile="cpu", engine="bubblewrap").warnings[-1].startswith("No source")


def test_a_retired_profile_warns(project):
    assert any("withdrew the P100" in text for text in project.ask(profile="gpu-p100").warnings)
