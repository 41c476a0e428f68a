"""Where a Docker engine may answer on this machine: a pure function of environment and files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_SYSTEM_SOCKETS = ("/var/run/docker.sock", "/run/podman/podman.sock")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """One place to try.

    Attributes:
        url: As the SDK takes it, e.g. `unix:///var/run/docker.sock`.
        origin: Who named it, for a message: `DOCKER_HOST`, `the context 'x'`, `a usual place`.
        tls: Folder with ca.pem, cert.pem and key.pem, or None for a plain connection.
        verify: Whether the engine's certificate is checked; only with `tls`.
    """

    url: str
    origin: str
    tls: Path | None = None
    verify: bool = True

    @property
    def socket(self) -> Path | None:
        """The socket file, or None where the address is no Unix socket."""
        scheme, _, path = self.url.partition("://")
        return Path(path) if scheme in ("unix", "http+unix") else None

    @property
    def named(self) -> bool:
        """Whether somebody chose it, so that no other place may be tried instead."""
        return self.origin != "a usual place"


def addresses(environment: Mapping[str, str]) -> tuple[Address, ...]:
    """List the places to try, in order; one alone when it was named by hand.

    DOCKER_HOST wins over DOCKER_CONTEXT, which wins over the current context of Docker's own
    settings file, as with the `docker` program.

    Source: Docker documentation, "Docker contexts" and "Docker CLI environment variables", read
    2026-11; podman-system-service(1) for podman's sockets, read 2026-11.
    """
    if url := environment.get("DOCKER_HOST"):
        tls = _tls_folder(environment) if environment.get("DOCKER_TLS_VERIFY") else None
        return (Address(url=url, origin="DOCKER_HOST", tls=tls),)
    settings = Path(environment.get("DOCKER_CONFIG") or _home(environment) / ".docker")
    context = environment.get("DOCKER_CONTEXT") or _current_context(settings)
    if context and context != "default":
        return (_context_address(settings, context),)
    return tuple(
        Address(url=f"unix://{path}", origin="a usual place") for path in _usual(environment)
    )


def _usual(environment: Mapping[str, str]) -> list[str]:
    """Sockets of Docker, rootless Docker, Docker Desktop and podman, in this order."""
    places = [_SYSTEM_SOCKETS[0]]
    runtime = environment.get("XDG_RUNTIME_DIR")
    if runtime:
        places.append(f"{runtime}/docker.sock")
    places.append(str(_home(environment) / ".docker" / "run" / "docker.sock"))
    if runtime:
        places.append(f"{runtime}/podman/podman.sock")
    places.append(_SYSTEM_SOCKETS[1])
    return places


def _home(environment: Mapping[str, str]) -> Path:
    return Path(environment.get("HOME") or Path.home())


def _tls_folder(environment: Mapping[str, str]) -> Path:
    return Path(environment.get("DOCKER_CERT_PATH") or _home(environment) / ".docker")


def _current_context(settings: Path) -> str | None:
    name = _read_json(settings / "config.json").get("currentContext")
    return name if isinstance(name, str) else None


def _context_address(settings: Path, name: str) -> Address:
    """The engine of a context, or an address with an empty URL where the context is unknown."""
    folder = hashlib.sha256(name.encode()).hexdigest()
    endpoints = _read_json(settings / "contexts" / "meta" / folder / "meta.json").get("Endpoints")
    endpoint = endpoints.get("docker") if isinstance(endpoints, dict) else None
    endpoint = endpoint if isinstance(endpoint, dict) else {}
    tls = settings / "contexts" / "tls" / folder / "docker"
    return Address(
        url=str(endpoint.get("Host") or ""),
        origin=f"the context {name!r}",
        tls=tls if tls.is_dir() else None,
        verify=not endpoint.get("SkipTLSVerify"),
    )


def _read_json(path: Path) -> dict[str, object]:
    """A JSON object from a file of Docker's; empty where there is none that can be read."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}
