"""Containers that a killed harness left: find them by their labels, remove them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from harness.engine.docker.client import Connection
from harness.engine.docker.create import OWNER_LABEL, RUN_LABEL
from harness.engine.docker.owner import Owner, state

_ENDED = ("created", "exited", "dead")
_GRACE = timedelta(minutes=10)  # between a container's creation and its start, at the very most


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """One container without an owner.

    Attributes:
        container: Its identity on the engine.
        name: Its name, for a person.
        status: The engine's word: `running`, `created`, `exited`, …
    """

    container: str
    name: str
    status: str


def find_leftovers(connection: Connection) -> tuple[Leftover, ...]:
    """List our containers whose owner is dead.

    A container of another boot or another pid namespace may have a living owner that cannot be
    seen from here, so it counts only when it does not run and is older than ten minutes.

    Raises:
        docker.errors.DockerException: The engine does not answer.
    """
    found = connection.api.containers(all=True, filters={"label": RUN_LABEL})
    return tuple(
        Leftover(
            container=str(each["Id"]),
            name=str((each.get("Names") or ["?"])[0]).lstrip("/"),
            status=str(each.get("State", "?")),
        )
        for each in found
        if _is_left(each)
    )


def _is_left(container: dict[str, Any]) -> bool:
    match state(str((container.get("Labels") or {}).get(OWNER_LABEL, ""))):
        case Owner.DEAD:
            return True
        case Owner.ALIVE:
            return False
        case Owner.UNKNOWN:
            created = datetime.fromtimestamp(int(container.get("Created", 0)), UTC)
            old = datetime.now(UTC) - created > _GRACE
            return old and container.get("State") in _ENDED


def remove(connection: Connection, leftover: Leftover) -> None:
    """Kill and remove a leftover with its unnamed volumes; one that is gone already is fine.

    Raises:
        docker.errors.DockerException: The engine does not answer, or refuses.
    """
    from docker.errors import APIError  # noqa: PLC0415 - 80 ms

    try:
        connection.api.remove_container(leftover.container, force=True, v=True)
    except APIError as error:
        if error.status_code not in (404, 409):  # gone, or on its way out
            raise
