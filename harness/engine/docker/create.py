"""From a `RunSpec` to the container that the engine is asked for: pure functions, golden-tested.

compose.yaml spells the same container for people, and a test holds it to this file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from harness.engine.docker.client import Image
from harness.engine.runner import COMMAND, PYTHON, WORKING
from harness.spec import AttachedSource, RunSpec
from harness.units import format_size

RUNNER_UID = 990
CAPABILITIES = ("SETUID", "SETGID", "SETPCAP", "KILL", "NET_BIND_SERVICE", "DAC_READ_SEARCH")
"""What the runner needs to start the kernel as uid 0 without any, to end it, to serve names, and to
measure folders that the notebook has closed to others."""

HARNESS = PurePosixPath("/harness")
INPUT = PurePosixPath("/kaggle/input")

RUN_LABEL = "kaggle-harness.run"
OWNER_LABEL = "kaggle-harness.owner"
NAME_PREFIX = "kaggle-harness-"

_AMBIENT = ",".join(f"+{capability.lower()}" for capability in CAPABILITIES)
KERNEL_PREFIX = (
    *("setpriv", "--reuid", "0", "--regid", "0", "--clear-groups"),
    *("--ambient-caps", "-all", "--inh-caps", "-all", "--bounding-set", "-all"),
    *("--no-new-privs", "--"),
)
"""Put in front of the kernel's command by the runner: uid 0, as on Kaggle, without capabilities."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """What one container gets beyond its spec.

    Attributes:
        run: Identity of the run, for its name and label.
        owner: Identity of the process that runs it, as `owner.py` writes it.
        cores: Numbers of the cores that it is kept on, ascending.
        inputs: Folder on this machine that holds an empty folder for each source's mount; it
            becomes /kaggle/input.
    """

    run: str
    owner: str
    cores: tuple[int, ...]
    inputs: Path


def runner_command(python: str) -> tuple[str, ...]:
    """The container's command: the runner under a uid of its own, out of the notebook's reach."""
    return (
        *("setpriv", "--reuid", str(RUNNER_UID), "--regid", str(RUNNER_UID), "--clear-groups"),
        *("--inh-caps", _AMBIENT, "--ambient-caps", _AMBIENT, "--"),
        *(python, *COMMAND[1:]),
    )


def container_config(spec: RunSpec, image: Image, placement: Placement) -> dict[str, Any]:
    """The body of `POST /containers/create`.

    Source: Docker, "Engine API v1.41", ContainerCreate, read 2026-11.
    """
    command = runner_command(image.python)
    return {
        "Image": image.name,
        # An entry point of the image's own (Kaggle's is /usr/bin/env) must not come in between.
        "Entrypoint": [command[0]],
        "Cmd": list(command[1:]),
        # A notebook's variables reach its kernel by the job file, so that none of them changes the
        # runner. A default NVIDIA runtime would pass every GPU to an image that asks for it.
        "Env": [] if spec.accelerator.present else ["NVIDIA_VISIBLE_DEVICES=void"],
        "User": "0:0",
        "WorkingDir": str(WORKING),
        "Hostname": "localhost",
        "Healthcheck": {"Test": ["NONE"]},
        "Labels": labels(placement),
        "AttachStdin": True,
        "AttachStdout": True,
        "AttachStderr": True,
        "Tty": False,
        # With StdinOnce the end of our connection is the end of the runner's input, whatever ended
        # us: that is how a run dies with a harness that was killed.
        "OpenStdin": True,
        "StdinOnce": True,
        "HostConfig": _host_config(spec, placement),
    }


def _host_config(spec: RunSpec, placement: Placement) -> dict[str, Any]:
    limits = spec.limits
    return {
        "AutoRemove": True,
        "Init": True,
        "LogConfig": {"Type": "none"},
        "NetworkMode": "none",
        "Dns": ["127.0.0.1"],
        "DnsOptions": ["timeout:1", "attempts:1"],
        "IpcMode": "private",
        "ShmSize": limits.shm_bytes,
        "Memory": limits.memory_bytes,
        "MemorySwap": limits.memory_bytes,
        "PidsLimit": limits.processes,
        "NanoCpus": len(placement.cores) * 10**9,
        "CpusetCpus": ",".join(map(str, placement.cores)),
        "CapDrop": ["ALL"],
        "CapAdd": list(CAPABILITIES),
        # Without `label=disable` SELinux refuses to show the container a user's own folders.
        "SecurityOpt": ["no-new-privileges", "label=disable"],
        "Privileged": False,
        "PublishAllPorts": False,
        "Ulimits": [{"Name": "core", "Soft": 0, "Hard": 0}],
        "DeviceRequests": _device_requests(spec.accelerator.present),
        "Mounts": mounts(spec.sources, placement),
    }


def labels(placement: Placement) -> dict[str, str]:
    """How a container, and its volumes, are found again when their owner was killed."""
    return {RUN_LABEL: placement.run, OWNER_LABEL: placement.owner}


def mounts(sources: Sequence[AttachedSource], placement: Placement) -> list[dict[str, Any]]:
    """What is mounted, parents before children.

    /harness and /kaggle/working are unnamed volumes, gone with the container: a mount point cannot
    be moved away, and Kaggle's /kaggle/working is a file system of its own too. /kaggle/input is
    an empty read-only folder, so that its own level is read-only as well. `Mounts` rather than
    `Binds`: a folder that the engine cannot see is then an error and not made up empty.
    """
    return [
        _volume(HARNESS, placement),
        _volume(WORKING, placement),
        _read_only(placement.inputs, INPUT),
        *(_read_only(source.path, source.mount) for source in sorted(sources, key=_mount_of)),
    ]


def _mount_of(source: AttachedSource) -> PurePosixPath:
    return source.mount


def _volume(target: PurePosixPath, placement: Placement) -> dict[str, Any]:
    return {
        "Type": "volume",
        "Target": str(target),
        "VolumeOptions": {"Labels": labels(placement)},
    }


def _read_only(source: Path, target: PurePosixPath) -> dict[str, Any]:
    return {"Type": "bind", "Source": str(source), "Target": str(target), "ReadOnly": True}


def _device_requests(gpus: int) -> list[dict[str, Any]] | None:
    """Source: Docker, "Engine API v1.41", DeviceRequest; the same as `--gpus N`, read 2026-11."""
    return [{"Driver": "", "Count": gpus, "Capabilities": [["gpu"]]}] if gpus else None


def kernel_environment(spec: RunSpec, image: Image) -> dict[str, str]:
    """The kernel's variables: the image's own (CUDA, say), then the session's.

    PATH is both: the session's places first, without the mirror where the image has none, then
    what the image adds.
    """
    wanted = spec.environment.get("PATH", "").split(":")
    if not image.python.startswith(f"{PYTHON.parent}/"):
        wanted = [place for place in wanted if place != str(PYTHON.parent)]
    own = image.environment.get("PATH", "").split(":")
    path = ":".join(dict.fromkeys(place for place in (*wanted, *own) if place))
    return {**image.environment, **spec.environment, **({"PATH": path} if path else {})}


def planned_limits(spec: RunSpec) -> dict[str, str]:
    """For `--dry-run`: each limit and what would keep it."""
    limits = spec.limits
    return {
        "wall_time": f"{limits.wall_time_s:g} s, by the runner, then by the host",
        "memory": f"{format_size(limits.memory_bytes)}, by the container's cgroup, swap included",
        "cpus": f"{limits.cpus}, by the container's cpuset and quota",
        "disk": f"{format_size(limits.disk_bytes)} in {WORKING}, watched by the runner",
        "shm": f"{format_size(limits.shm_bytes)}, by the size of /dev/shm",
        "processes": f"{limits.processes}, by the container's cgroup",
        "network": "none but loopback, by a network namespace of its own",
        "inputs": "read-only, by the mounts",
    }


def docker_run_line(config: dict[str, Any]) -> list[str]:
    """The same container as a `docker run` command, for a person to repeat and to read.

    The runner and the job are copied into the container, so this line alone does not run one.
    """
    host = config["HostConfig"]
    line = ["docker", "run", "--rm", "--interactive", "--init", "--pull", "never"]
    line += ["--network", host["NetworkMode"], "--hostname", config["Hostname"]]
    line += ["--dns", host["Dns"][0]]
    line += [part for option in host["DnsOptions"] for part in ("--dns-option", option)]
    line += ["--user", config["User"], "--workdir", config["WorkingDir"], "--no-healthcheck"]
    line += ["--cap-drop", "ALL"]
    line += [part for name in host["CapAdd"] for part in ("--cap-add", name)]
    line += [part for option in host["SecurityOpt"] for part in ("--security-opt", option)]
    line += ["--memory", str(host["Memory"]), "--memory-swap", str(host["MemorySwap"])]
    line += ["--pids-limit", str(host["PidsLimit"]), "--shm-size", str(host["ShmSize"])]
    line += ["--ipc", host["IpcMode"], "--cpus", f"{host['NanoCpus'] / 10**9:g}"]
    line += ["--cpuset-cpus", host["CpusetCpus"], "--log-driver", host["LogConfig"]["Type"]]
    line += [part for each in host["Ulimits"] for part in ("--ulimit", _ulimit(each))]
    line += [part for name in config["Env"] for part in ("--env", name)]
    line += [
        part for each in host["DeviceRequests"] or () for part in ("--gpus", str(each["Count"]))
    ]
    line += [part for mount in host["Mounts"] for part in ("--mount", _mount_option(mount))]
    labels = config["Labels"].items()
    line += [part for key, value in labels for part in ("--label", f"{key}={value}")]
    line += ["--entrypoint", config["Entrypoint"][0], config["Image"]]
    return [*line, *config["Cmd"]]


def _ulimit(limit: dict[str, Any]) -> str:
    return f"{limit['Name']}={limit['Soft']}:{limit['Hard']}"


def _mount_option(mount: dict[str, Any]) -> str:
    if mount["Type"] == "volume":
        return f"type=volume,target={mount['Target']}"
    return f"type=bind,source={mount['Source']},target={mount['Target']},readonly"
