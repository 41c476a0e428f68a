"""Read compose.yaml the way Compose does, as far as it uses Compose: into create requests.

Compose itself is not needed for the tests, only YAML: this turns a service into the body of
`POST /containers/create`, so that the engine can be asked what it makes of it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
_VARIABLE = re.compile(r"\$\{(?P<name>[A-Z_]+):-(?P<default>[^}]*)\}")
_SIZES = {"m": 2**20, "g": 2**30}
_KNOWN = {
    *("image", "pull_policy", "network_mode", "hostname", "dns", "dns_opt", "ipc", "shm_size"),
    *("mem_limit", "memswap_limit", "cpus", "cpuset", "pids_limit", "ulimits", "user", "cap_drop"),
    *("cap_add", "security_opt", "init", "healthcheck", "working_dir", "environment", "entrypoint"),
    *("command", "tmpfs", "volumes", "depends_on", "ports", "read_only", "build"),
}


def services(variables: Mapping[str, str] | None = None) -> dict[str, dict[str, Any]]:
    """The services of compose.yaml, with variables filled in."""
    text = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    given = dict(variables or {})
    filled = _VARIABLE.sub(lambda match: given.get(match["name"], match["default"]), text)
    found: dict[str, dict[str, Any]] = yaml.safe_load(filled)["services"]
    for name, service in found.items():
        assert service.keys() <= _KNOWN, f"{name}: {service.keys() - _KNOWN} is new to this test"
    return found


def create_request(service: Mapping[str, Any], volumes: Mapping[str, str]) -> dict[str, Any]:
    """What Compose would ask the engine for.

    Args:
        service: One of `services`.
        volumes: Names of named volumes on the engine.
    """
    request: dict[str, Any] = {
        "Image": service["image"],
        "Entrypoint": service.get("entrypoint"),
        "Cmd": service.get("command"),
        "User": service.get("user", ""),
        "WorkingDir": service.get("working_dir", ""),
        "Hostname": service.get("hostname", ""),
        "Env": [f"{name}={value}" for name, value in service.get("environment", {}).items()],
        "HostConfig": _host_config(service, volumes),
    }
    if service.get("healthcheck", {}).get("disable"):
        request["Healthcheck"] = {"Test": ["NONE"]}
    return request


def _host_config(service: Mapping[str, Any], volumes: Mapping[str, str]) -> dict[str, Any]:
    host: dict[str, Any] = {
        "NetworkMode": service.get("network_mode", "default"),
        "Dns": service.get("dns", []),
        "DnsOptions": service.get("dns_opt", []),
        "IpcMode": service.get("ipc", "private"),
        "Init": service.get("init", False),
        "CapDrop": service.get("cap_drop", []),
        "CapAdd": service.get("cap_add", []),
        "SecurityOpt": service.get("security_opt", []),
        "ReadonlyRootfs": service.get("read_only", False),
        "PidsLimit": service["pids_limit"],
        "Memory": _bytes(service["mem_limit"]),
        "Ulimits": [
            {"Name": name, "Soft": value, "Hard": value}
            for name, value in service.get("ulimits", {}).items()
        ],
        "Mounts": [_mount(each, volumes) for each in service.get("volumes", ())],
        "Tmpfs": dict(each.split(":", 1) for each in service.get("tmpfs", ())),
    }
    if "memswap_limit" in service:
        host["MemorySwap"] = _bytes(service["memswap_limit"])
    if "shm_size" in service:
        host["ShmSize"] = _bytes(service["shm_size"])
    if "cpus" in service:
        host["NanoCpus"] = int(float(service["cpus"]) * 10**9)
    if "cpuset" in service:
        host["CpusetCpus"] = service["cpuset"]
    return host


def _mount(volume: Mapping[str, Any], volumes: Mapping[str, str]) -> dict[str, Any]:
    mount = {"Type": volume["type"], "Target": volume["target"]}
    if volume["type"] == "bind":
        mount["Source"] = str((ROOT / volume["source"]).resolve())
        mount["ReadOnly"] = volume.get("read_only", False)
    elif "source" in volume:
        mount["Source"] = volumes[volume["source"]]
    return mount


def _bytes(text: str | int) -> int:
    number, unit = re.fullmatch(r"(\d+)([a-z]?)", str(text)).groups()
    return int(number) * _SIZES.get(unit, 1)


def shell_line(request: Mapping[str, Any]) -> str:
    """The container's command, for a failure's message."""
    return shlex.join([*(request["Entrypoint"] or ()), *(request["Cmd"] or ())])
