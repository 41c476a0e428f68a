"""Connect to a Docker engine and look up an image: never pulls, never starts anything.

Three things can be wrong and each has its own message: there is no engine, it does not answer, it
is too old.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.engine.docker.addresses import Address, addresses
from harness.errors import PrerequisiteError

if TYPE_CHECKING:
    from docker import APIClient  # noqa: TC004 - for annotations alone
    from docker.tls import TLSConfig

MINIMUM_API = (1, 41)
"""Docker 20.10 and podman 4. Source: Docker, "API version matrix", read 2026-11."""

_ANSWER_S = 120  # the longest pause between two bytes of an answer, on a busy disk
_PING_S = 3.0
PYTHON_LABEL = "kaggle-harness.python"
_ELSEWHERE = "or run without Docker: --engine bubblewrap"


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """An engine that answered.

    Attributes:
        api: The SDK's client; its calls may be made from several threads.
        url: Where it answered.
        version: The engine's own version, e.g. `20.10.24`.
        api_version: The version of the API that is spoken with it.
    """

    api: APIClient
    url: str
    version: str
    api_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """What a run needs to know of an image.

    Attributes:
        name: As it was asked for.
        identity: Content hash, `sha256:…`.
        python: The Python that runs the notebook: the image's label, else `python3`.
        environment: Variables that the image sets.
        labels: All of its labels.
    """

    name: str
    identity: str
    python: str
    environment: Mapping[str, str]
    labels: Mapping[str, str]


def connect(environment: Mapping[str, str] | None = None) -> Connection:
    """Connect to the engine of this machine.

    Args:
        environment: Where DOCKER_HOST and its like are read; the process's own by default.

    Raises:
        PrerequisiteError: No engine, an engine that does not answer, or one that is too old.
    """
    places = addresses(os.environ if environment is None else environment)
    for address in places:
        if address.named or _is_socket(address):
            return _connect(address)
    raise PrerequisiteError(
        "There is no Docker engine on this machine: no socket at "
        + ", ".join(place.url.removeprefix("unix://") for place in places)
        + ".",
        fix=f"Install and start Docker or podman, set DOCKER_HOST, {_ELSEWHERE}.",
    )


def find_image(connection: Connection, name: str) -> Image:
    """Look an image up on the engine.

    Raises:
        PrerequisiteError: It is not there, or the engine does not answer.
    """
    from docker.errors import DockerException, ImageNotFound  # noqa: PLC0415 - 80 ms

    try:
        found = connection.api.inspect_image(name)  # type: ignore[no-untyped-call]
    except ImageNotFound as error:
        raise PrerequisiteError(
            f"The image {name!r} is not on the engine at {connection.url}, and a run never pulls.",
            fix="Build it with 'make image', load a saved one with 'docker load -i FILE', "
            "or name another: --image REF.",
        ) from error
    except (DockerException, OSError) as error:
        raise not_answering(connection.url, "this machine's", str(error)) from error
    config = found.get("Config") or {}
    labels = {str(key): str(value) for key, value in (config.get("Labels") or {}).items()}
    return Image(
        name=name,
        identity=str(found.get("Id", "")),
        python=labels.get(PYTHON_LABEL, "python3"),
        environment=dict(
            variable.split("=", 1) for variable in config.get("Env") or () if "=" in variable
        ),
        labels=labels,
    )


def _is_socket(address: Address) -> bool:
    return address.socket is not None and address.socket.exists()


def _connect(address: Address) -> Connection:
    """Connect to one address and ask for the version."""
    if not address.url:
        raise PrerequisiteError(
            f"Docker's settings name {address.origin}, which is not defined.",
            fix=f"Choose one that is: 'docker context use default', {_ELSEWHERE}.",
        )
    _knock(address)
    from docker import APIClient  # noqa: PLC0415 - 80 ms
    from docker.errors import DockerException  # noqa: PLC0415

    try:
        api = APIClient(base_url=address.url, version="auto", timeout=_ANSWER_S, tls=_tls(address))
        facts = api.version(api_version=False)
    except (DockerException, OSError, ValueError) as error:
        raise not_answering(address.url, address.origin, str(error)) from error
    connection = Connection(
        api=api,
        url=address.url,
        version=str(facts.get("Version", "?")),
        api_version=str(api.api_version),
    )
    if _as_tuple(connection.api_version) < MINIMUM_API:
        raise PrerequisiteError(
            f"The Docker engine at {address.url} is too old: version {connection.version} speaks "
            f"API {connection.api_version}, and {'.'.join(map(str, MINIMUM_API))} is needed.",
            fix=f"Update to Docker 20.10 or podman 4, {_ELSEWHERE}.",
        )
    return connection


def _knock(address: Address) -> None:
    """Connect to the socket itself first: its own error is plainer than the SDK's, and free.

    Raises:
        PrerequisiteError: Nothing listens there, or we may not talk to it.
    """
    if address.socket is None:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as knock:
        knock.settimeout(_PING_S)
        try:
            knock.connect(str(address.socket))
        except PermissionError as error:
            raise PrerequisiteError(
                f"You may not talk to the Docker engine at {address.url} ({address.origin}).",
                fix="Join its group ('sudo usermod -aG docker $USER', then log in again), "
                f"{_ELSEWHERE}.",
            ) from error
        except OSError as error:
            raise not_answering(address.url, address.origin, str(error)) from error


def not_answering(url: str, origin: str, reason: str) -> PrerequisiteError:
    """Build the error for an engine that is said to be somewhere and does not answer."""
    return PrerequisiteError(
        f"The Docker engine at {url} ({origin}) does not answer: {reason}",
        fix=f"Start it ('sudo systemctl start docker'), correct DOCKER_HOST, {_ELSEWHERE}.",
    )


def _tls(address: Address) -> TLSConfig | bool:
    """TLS settings as the SDK takes them; False for none."""
    if address.tls is None:
        return False
    from docker.tls import TLSConfig  # noqa: PLC0415 - 80 ms

    pair = (str(address.tls / "cert.pem"), str(address.tls / "key.pem"))
    authority = address.tls / "ca.pem"
    return TLSConfig(
        client_cert=pair if Path(pair[0]).exists() else None,
        ca_cert=str(authority) if authority.exists() else None,
        verify=address.verify,
    )


def _as_tuple(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())
