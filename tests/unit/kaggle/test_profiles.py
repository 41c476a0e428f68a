from __future__ import annotations

import pytest

from harness.errors import RequestError
from harness.kaggle.profiles import (
    DEFAULT_PROFILE,
    PROFILES,
    find_profile,
    profile_of_accelerator,
)


def test_every_profile_says_where_it_comes_from():
    for name, profile in PROFILES.items():
        assert profile.name == name
        assert "read 20" in profile.source


def test_the_numbers_that_users_count_on():
    gpu = PROFILES[DEFAULT_PROFILE]
    assert (gpu.cpus, gpu.memory_bytes, gpu.gpus) == (4, 29 * 2**30, 2)
    assert (gpu.wall_time_s, gpu.competition_wall_time_s) == (12 * 3600, 9 * 3600)
    assert gpu.disk_bytes == 20 * 10**9
    assert PROFILES["cpu"].memory_bytes == 30 * 2**30


def test_case_and_spaces_do_not_matter():
    assert find_profile(" CPU ", where="--profile").name == "cpu"


@pytest.mark.parametrize(("typo", "meant"), [("gpu-t4", "gpu-t4x2"), ("gpu_p100", "gpu-p100")])
def test_a_typo_gets_a_suggestion(typo, meant):
    with pytest.raises(RequestError) as caught:
        find_profile(typo, where="harness.toml:3")
    assert caught.value.problem.startswith("harness.toml:3: ")
    assert meant in caught.value.fix


def test_a_tpu_is_known_and_cannot_be_run():
    with pytest.raises(RequestError, match="TPU cannot be emulated"):
        find_profile("tpu-v5e-8", where="--profile")


@pytest.mark.parametrize(
    ("accelerator", "profile"),
    [
        ("None", "cpu"),
        ("none", "cpu"),
        ("", "cpu"),
        ("Gpu", "gpu-t4x2"),
        ("gpu", "gpu-t4x2"),
        ("GPU_T4X2", "gpu-t4x2"),
        ("NvidiaTeslaT4", "gpu-t4x2"),
        ("nvidiaTeslaT4", "gpu-t4x2"),
        ("NvidiaTeslaT4Highmem", "gpu-t4x2"),
        ("nvidiaTeslaP100", "gpu-p100"),
        ("TpuV5E8", "tpu-v5e-8"),
        ("Tpu1VmV38", "tpu-v5e-8"),
    ],
)
def test_accelerators(accelerator, profile):
    assert profile_of_accelerator(accelerator) == (profile, "")


def test_accelerators_without_published_limits_warn():
    profile, warning = profile_of_accelerator("nvidiaRtxPro6000")
    assert profile == DEFAULT_PROFILE
    assert "does not publish" in warning


def test_an_unknown_accelerator_gets_the_nearest_known_one():
    profile, warning = profile_of_accelerator("NvidiaTesla4")
    assert profile == DEFAULT_PROFILE
    assert "did you mean 'NvidiaTeslaT4'?" in warning
