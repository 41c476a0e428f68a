"""One container's life: created, filled, attached, started, emptied, gone."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Self

from harness.engine.docker.attach import Attachment
from harness.engine.docker.client import Connection
from harness.engine.docker.create import RUN_LABEL
from harness.engine.docker.failures import engine_errors, refused, went_away

_GONE_S = 30.0  # for a killed container to be gone; a busy disk takes seconds
_SETTLED_S = 1.0


class Container:
    """A container of ours, known by the name that it was given before it existed.

    Use it as a context manager: leaving the block, for whatever reason, ends and removes it.
    """

    def __init__(self, connection: Connection, name: str, config: Mapping[str, Any]) -> None:
        self._api = connection.api
        self._name = name
        self._config = config
        self._identity = ""
        self._end: dict[str, Any] = {}
        self._waiter = threading.Thread(target=self._wait, name=f"wait {name}", daemon=True)
        self._gone = False
        self._tried = False
        self._since = int(datetime.now(UTC).timestamp())

    @property
    def identity(self) -> str:
        """The engine's identity of it; empty before it is created."""
        return self._identity

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._tried and not self._gone:
            # In a thread, so that a second Ctrl-C ends our waiting and not the removal.
            remover = threading.Thread(target=self._remove, name=f"remove {self._name}")
            remover.start()
            remover.join()

    def create(self) -> None:
        """Create the container; nothing runs yet."""
        self._tried = True
        with engine_errors("creating the container"):
            answer = self._api.create_container_from_config(  # type: ignore[no-untyped-call]
                dict(self._config), self._name
            )
            self._identity = str(answer["Id"])

    def inspect(self) -> Mapping[str, Any]:
        """The engine's record of it; empty when it has come and gone already."""
        from docker.errors import NotFound  # noqa: PLC0415 - 80 ms

        with engine_errors("reading the container's record"):
            try:
                record: Mapping[str, Any] = self._api.inspect_container(self._identity)
            except NotFound:
                return {}
            return record

    def fill(self, archive: bytes) -> None:
        """Unpack a tar archive at its root."""
        with engine_errors("filling the container"):
            if not self._api.put_archive(self._identity, "/", archive):
                raise refused("filling the container", "the archive was not taken")

    def attach(self) -> Attachment:
        """Connect to its input and outputs; before the start, so that nothing is missed."""
        with engine_errors("attaching to the container"):
            streams = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
            return Attachment(self._api.attach_socket(self._identity, streams))

    def start(self) -> None:
        """Start its first process."""
        self._waiter.start()
        with engine_errors("starting the container"):
            self._api.start(self._identity)

    def pause(self) -> None:
        """Freeze every process in it, as far as the engine can; one that has ended stays so."""
        from docker.errors import APIError  # noqa: PLC0415 - 80 ms

        with engine_errors("pausing the container"), suppress(APIError):
            self._api.pause(self._identity)

    def kill(self) -> None:
        """End every process in it, also frozen ones; one that has ended stays so."""
        from docker.errors import APIError  # noqa: PLC0415 - 80 ms

        with engine_errors("killing the container"), suppress(APIError):
            self._api.kill(self._identity, "SIGKILL")

    def fetch(self, path: str) -> Iterator[bytes] | None:
        """A tar stream of a folder in it, or None where there is none."""
        from docker.errors import NotFound  # noqa: PLC0415 - 80 ms

        with engine_errors(f"reading {path}"):
            try:
                stream, _ = self._api.get_archive(self._identity, path)
            except NotFound:
                return None
            return _guarded(stream, path)

    def remove_volumes(self) -> None:
        """Remove its unnamed volumes, for when somebody removed the container without them."""
        mine = {"label": f"{RUN_LABEL}={self._config['Labels'][RUN_LABEL]}"}
        with engine_errors("removing the container's volumes"):
            for volume in self._api.volumes(filters=mine).get("Volumes") or ():
                self._api.remove_volume(volume["Name"], force=True)

    def oom_noted(self) -> bool:
        """Whether the engine saw the kernel's memory killer at work: a hint, never evidence.

        Docker's `OOMKilled` goes with the container; its event stays.
        """
        with engine_errors("reading the engine's events"):
            events = self._api.events(
                since=self._since,
                until=int(datetime.now(UTC).timestamp()),
                decode=True,
                filters={"container": [self._identity], "event": ["oom"]},
            )
            return any(True for _ in events)

    def wait_until_gone(self, timeout_s: float) -> bool:
        """Wait until the container is removed; False when it is still there after the time.

        Raises:
            EngineError: The engine went away.
        """
        self._waiter.join(timeout_s)
        if self._waiter.is_alive():
            return False
        if "error" in self._end:
            raise went_away("waiting for the container's end", str(self._end["error"]))
        self._gone = True
        return True

    @property
    def exit_code(self) -> int | None:
        """Exit code of the first process; None while it lives, or when the engine did not tell."""
        code = self._end.get("code")
        return code if isinstance(code, int) else None

    def _wait(self) -> None:
        """Runs in a thread of its own: the request stays open until the container is removed."""
        from docker.errors import DockerException, NotFound  # noqa: PLC0415 - 80 ms

        try:
            answer = self._api.wait(self._identity, timeout=None, condition="removed")
            self._end["code"] = answer.get("StatusCode")
        except NotFound:
            self._end["code"] = None  # gone before the engine could be asked
        except (DockerException, OSError) as error:
            self._end["error"] = error

    def _remove(self) -> None:
        """Kill and remove it by name, and wait until it is gone; its unnamed volumes go along."""
        from docker.errors import APIError, DockerException  # noqa: PLC0415 - 80 ms

        began = time.monotonic()
        while time.monotonic() - began < _GONE_S:
            try:
                self._api.remove_container(self._name, force=True, v=True)
            except APIError as error:
                # A request to create it that was interrupted may still be under way.
                settled = self._identity or time.monotonic() - began > _SETTLED_S
                if error.status_code == 404 and settled:
                    self._gone = True
                    return
            except (DockerException, OSError):
                return  # no engine, no way: the error that brought us here says so
            time.sleep(0.02)


def _guarded(stream: Iterator[bytes], path: str) -> Iterator[bytes]:
    """The chunks of a stream, with the SDK's errors turned into ours."""
    with engine_errors(f"reading {path}"):
        yield from stream
