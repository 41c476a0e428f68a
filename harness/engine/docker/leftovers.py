"""What a killed harness left on an engine: find it by its labels, remove it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from harness.engine.docker.client import Connection
from harness.engine.docker.create import OWNER_LABEL, RUN_LABEL
from harness.engine.owner import Owner, state

VOLUME = "volume"

_ENDED = ("created", "exited", "dead")
_GRACE = timedelta(minutes=10)  # between a container's creation and its start, at the very most


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """One container, or one volume, without an owner.

    Attributes:
        identity: On the engine.
        name: For a person.
        status: The engine's word: `running`, `created`, `exited`, …; `volume` for a volume.
    """

    identity: str
    name: str
    status: str


def find_leftovers(connection: Connection) -> tuple[Leftover, ...]:
    """List our containers whose owner is dead, then such volumes that no container holds.

    A volume goes with its container, unless somebody else removed that one without it.

    A container of another boot or another pid namespace may have a living owner that cannot be
    seen from here, so it counts only when it does not run and is older than ten minutes.

    Raises:
        docker.errors.DockerException: The engine does not answer.
    """
    containers = connection.api.containers(all=True, filters={"label": RUN_LABEL})
    loose = connection.api.volumes(filters={"label": RUN_LABEL, "dangling": True})
    return (
        *(
            Leftover(
                identity=str(each["Id"]),
                name=str((each.get("Names") or ["?"])[0]).lstrip("/"),
                status=str(each.get("State", "?")),
            )
            for each in containers
            if _is_left(each)
        ),
        *(
            Leftover(identity=str(each["Name"]), name=str(each["Name"])[:12], status=VOLUME)
            for each in loose.get("Volumes") or ()
            if _owner_of(each) is Owner.DEAD
        ),
    )


def _owner_of(thing: dict[str, Any]) -> Owner:
    return state(str((thing.get("Labels") or {}).get(OWNER_LABEL, "")))


def _is_left(container: dict[str, Any]) -> bool:
    match _owner_of(container):
        case Owner.DEAD:
            return True
        case Owner.ALIVE:
            return False
        case Owner.UNKNOWN:
            created = datetime.fromtimestamp(int(container.get("Created", 0)), UTC)
            old = datetime.now(UTC) - created > _GRACE
            return old and container.get("State") in _ENDED


def remove(connection: Connection, leftover: Leftover) -> None:
    """Remove a leftover, a running one too; one that is gone already is fine.

    Raises:
        docker.errors.DockerException: The engine does not answer, or refuses.
    """
    from docker.errors import APIError  # noqa: PLC0415 - 80 ms

    try:
        if leftover.status == VOLUME:
            connection.api.remove_volume(leftover.identity)
        else:
            connection.api.remove_container(leftover.identity, force=True, v=True)
    except APIError as error:
        if error.status_code not in (404, 409):  # gone, or on its way out
            raise
