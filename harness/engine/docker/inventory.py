"""What an engine has to offer: its images, and the GPUs that it can pass."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.engine.docker.client import Connection

_NVIDIA_DEVICES = Path("/proc/driver/nvidia/gpus")


def image_names(connection: Connection) -> tuple[str, ...]:
    """References of the images on the engine, `NAME:TAG` and `NAME@DIGEST`.

    Raises:
        docker.errors.DockerException: The engine does not answer.
    """
    images: list[dict[str, Any]] = connection.api.images()
    names = (
        name
        for image in images
        for key in ("RepoTags", "RepoDigests")
        for name in image.get(key) or ()
    )
    return tuple(name for name in names if "<none>" not in name)


def gpu_count(connection: Connection, devices: Path = _NVIDIA_DEVICES) -> int:
    """How many of this machine's NVIDIA GPUs the engine can pass into a container.

    Source: NVIDIA driver README, "/proc interface", one folder a GPU; NVIDIA Container Toolkit,
    "Installation", which registers the runtime `nvidia`, read 2026-11.

    Raises:
        docker.errors.DockerException: The engine does not answer.
    """
    if not devices.is_dir():
        return 0  # the usual case costs no question to the engine
    facts = connection.api.info()
    runtimes = facts.get("Runtimes") or {}
    devices_by_cdi = facts.get("DiscoveredDevices") or ()
    if "nvidia" not in runtimes and not devices_by_cdi:
        return 0
    return sum(1 for _ in devices.iterdir())
