"""The container that a spec becomes, and the same as a command line."""

import json
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from harness.engine.docker.client import Image
from harness.engine.docker.create import (
    CAPABILITIES,
    KERNEL_PREFIX,
    Placement,
    container_config,
    docker_run_line,
    kernel_environment,
    mounts,
    planned_limits,
)
from harness.spec import (
    Accelerator,
    AttachedSource,
    EngineName,
    Limits,
    RunSpec,
    SourceKind,
    Submission,
)

SPEC = RunSpec(
    notebook=Path("/project/notebooks/submit.ipynb"),
    name="submit",
    profile="cpu",
    accelerator=Accelerator(name="none", wanted=0, present=0),
    limits=Limits(
        wall_time_s=43_200.0,
        memory_bytes=30 * 2**30,
        cpus=4,
        disk_bytes=20 * 10**9,
        shm_bytes=2 * 2**30,
    ),
    sources=(
        AttachedSource(
            kind=SourceKind.MODEL,
            handle="owner/minilm/transformers/default/1",
            path=Path("/project/inputs/models/owner/minilm/transformers/default/1"),
            mount=PurePosixPath("/kaggle/input/models/owner/minilm/transformers/default/1"),
        ),
        AttachedSource(
            kind=SourceKind.COMPETITION,
            handle="comp",
            path=Path("/project/inputs/competitions/comp"),
            mount=PurePosixPath("/kaggle/input/competitions/comp"),
        ),
    ),
    environment={"PATH": "/opt/mirror/bin:/opt/bin:/usr/bin", "HOME": "/root"},
    submission=Submission(file_name="submission.csv", competition="comp", sample=None),
    engine=EngineName.DOCKER,
    image="kaggle-harness:slim",
    runs=Path("/project/runs"),
)
IMAGE = Image(
    name="kaggle-harness:slim",
    identity="sha256:1",
    python="/opt/mirror/bin/python",
    environment={"PATH": "/opt/mirror/bin:/usr/local/bin:/usr/bin", "LANG": "C.UTF-8"},
    labels={},
)
PLACEMENT = Placement(
    run="0123456789ab",
    owner="42:1000:boot:pid:[4026531836]",
    cores=(0, 1, 2, 3),
    inputs=Path("/project/runs/x/scratch/input"),
)


def config(spec=SPEC, image=IMAGE):
    return container_config(spec, image, PLACEMENT)


def test_the_whole_request(golden):
    made = {"create": config(), "docker_run": docker_run_line(config())}
    golden("docker_create.json", json.dumps(made, indent=2) + "\n")


def test_memory_and_swap_are_one_limit():
    host = config()["HostConfig"]
    assert host["Memory"] == host["MemorySwap"] == 30 * 2**30


def test_every_capability_is_dropped_but_the_runners():
    host = config()["HostConfig"]
    assert host["CapDrop"] == ["ALL"]
    assert tuple(host["CapAdd"]) == CAPABILITIES
    assert len(CAPABILITIES) == 6
    assert "no-new-privileges" in host["SecurityOpt"]
    assert host["Privileged"] is False


def test_the_kernel_keeps_no_capability():
    assert KERNEL_PREFIX[KERNEL_PREFIX.index("--bounding-set") + 1] == "-all"
    assert KERNEL_PREFIX[KERNEL_PREFIX.index("--ambient-caps") + 1] == "-all"
    assert "--no-new-privs" in KERNEL_PREFIX
    assert KERNEL_PREFIX[-1] == "--"


def test_input_dies_with_our_connection():
    made = config()
    assert made["OpenStdin"]
    assert made["StdinOnce"]
    assert made["HostConfig"]["AutoRemove"]


def test_every_bind_is_read_only_and_parents_come_first():
    made = mounts(SPEC.sources, PLACEMENT)
    binds = [mount for mount in made if mount["Type"] == "bind"]
    assert all(mount["ReadOnly"] for mount in binds)
    targets = [mount["Target"] for mount in made]
    assert targets[:3] == ["/harness", "/kaggle/working", "/kaggle/input"]
    assert targets[3:] == sorted(targets[3:])


def test_no_host_environment_and_no_session_variables_for_the_runner():
    made = config(replace(SPEC, environment={**SPEC.environment, "LD_PRELOAD": "/x.so"}))
    assert made["Env"] == ["NVIDIA_VISIBLE_DEVICES=void"]


def test_gpus_are_asked_for_when_present():
    with_gpus = replace(SPEC, accelerator=Accelerator(name="GPU T4 x2", wanted=2, present=2))
    made = config(with_gpus)
    assert made["HostConfig"]["DeviceRequests"] == [
        {"Driver": "", "Count": 2, "Capabilities": [["gpu"]]}
    ]
    assert made["Env"] == []
    line = docker_run_line(made)
    assert line[line.index("--gpus") + 1] == "2"


def test_an_image_of_its_own_python():
    made = config(image=replace(IMAGE, python="python3"))
    assert "python3" in made["Cmd"]
    assert made["Cmd"][-1] == "/harness/job.json"


class TestKernelEnvironment:
    def test_the_session_wins_over_the_image(self):
        image = replace(IMAGE, environment={"HOME": "/nowhere", "CUDA_HOME": "/usr/local/cuda"})
        made = kernel_environment(SPEC, image)
        assert made["HOME"] == "/root"
        assert made["CUDA_HOME"] == "/usr/local/cuda"

    def test_path_is_both_without_doubles(self):
        made = kernel_environment(SPEC, IMAGE)
        assert made["PATH"] == "/opt/mirror/bin:/opt/bin:/usr/bin:/usr/local/bin"

    def test_no_mirror_on_the_path_of_an_image_without(self):
        image = replace(IMAGE, python="python3", environment={"PATH": "/usr/bin"})
        assert kernel_environment(SPEC, image)["PATH"] == "/opt/bin:/usr/bin"

    def test_no_path_at_all(self):
        spec = replace(SPEC, environment={})
        assert "PATH" not in kernel_environment(spec, replace(IMAGE, environment={}))


@pytest.mark.parametrize(
    "name",
    ["wall_time", "memory", "cpus", "disk", "shm", "processes", "network", "inputs"],
)
def test_the_plan_names_every_limit(name):
    assert planned_limits(SPEC)[name]
