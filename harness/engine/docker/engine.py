"""The Docker engine: one notebook, one container, nothing left behind."""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from harness.engine import leftovers, owner
from harness.engine.base import OnEvent, Plan, RunFolders
from harness.engine.docker.client import Connection, Image, connect, find_image
from harness.engine.docker.cores import Cores
from harness.engine.docker.create import (
    INPUT,
    NAME_PREFIX,
    Placement,
    container_config,
    docker_run_line,
    kernel_environment,
    planned_limits,
)
from harness.engine.docker.failures import engine_errors
from harness.engine.docker.leftovers import find_leftovers, remove
from harness.engine.docker.lifecycle import Container
from harness.engine.docker.session import Session
from harness.errors import PrerequisiteError, RequestError
from harness.result import ExitFacts
from harness.spec import AttachedSource, EngineName, RunSpec


class DockerEngine:
    """Runs each notebook in a container of its own."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        """Prepare; nothing is connected yet.

        Args:
            environment: Where DOCKER_HOST and its like are read; the process's own by default.
        """
        self._environment = dict(os.environ if environment is None else environment)
        self._connection: Connection | None = None
        self._images: dict[str, Image] = {}
        self._lock = threading.Lock()
        self._swept = False
        self._cores = Cores()

    @property
    def name(self) -> EngineName:
        """Which engine this is."""
        return EngineName.DOCKER

    def check(self, spec: RunSpec) -> None:
        """Make sure that an engine answers and has the image.

        Raises:
            PrerequisiteError: It does not.
        """
        self._image(spec)
        for source in spec.sources:
            _check_readable(source)

    def plan(self, spec: RunSpec) -> Plan:
        """Say what `run` would do; the image's own variables are left out where it is not here."""
        try:
            image = self._image(spec)
        except PrerequisiteError:
            image = Image(
                name=_image_name(spec), identity="", python="python3", environment={}, labels={}
            )
        with self._cores.take(spec.limits.cpus) as cores:
            placement = Placement(run="RUN", owner="OWNER", cores=cores, inputs=Path("INPUTS"))
        config = container_config(spec, image, placement)
        return Plan(
            command=docker_run_line(config),
            mounts=[
                (mount.get("Source", "(unnamed volume)"), mount["Target"])
                for mount in config["HostConfig"]["Mounts"]
            ],
            limits=planned_limits(spec),
            environment=kernel_environment(spec, image),
        )

    def run(self, spec: RunSpec, folders: RunFolders, on_event: OnEvent) -> ExitFacts:
        """Run the notebook in a fresh container; see `harness.engine.base`.

        Raises:
            EngineError: The engine failed or went away.
            PrerequisiteError: No engine, no image, or it refuses what the spec asks for.
        """
        image = self._image(spec)
        self._sweep()
        run = uuid.uuid4().hex[:12]
        with ExitStack() as stack:
            cores = stack.enter_context(self._cores.take(spec.limits.cpus))
            note = stack.enter_context(leftovers.noted(folders.scratch))
            inputs = note.scratch / "input"
            _make_mount_points(inputs, spec)
            placement = Placement(run=run, owner=owner.identity(), cores=cores, inputs=inputs)
            config = container_config(spec, image, placement)
            container = Container(self._connect(), f"{NAME_PREFIX}{run}", config)
            stack.enter_context(container)
            return Session(spec, image, folders, container).run(on_event, cores)

    def _sweep(self) -> None:
        """Remove what killed runs left, once: it holds memory and disk that this run may need."""
        with self._lock:
            swept, self._swept = self._swept, True
        if not swept:
            for leftover in leftovers.find_leftovers():
                leftovers.remove(leftover)
            self.remove_leftovers()

    def remove_leftovers(self) -> tuple[str, ...]:
        """Remove the containers that a killed harness left; return their names.

        Raises:
            PrerequisiteError: No engine answers.
            EngineError: It went away.
        """
        connection = self._connect()
        with engine_errors("removing what a killed run left"):
            found = find_leftovers(connection)
            for leftover in found:
                remove(connection, leftover)
        return tuple(leftover.name for leftover in found)

    def _connect(self) -> Connection:
        with self._lock:
            if self._connection is None:
                self._connection = connect(self._environment)
            return self._connection

    def _image(self, spec: RunSpec) -> Image:
        name = _image_name(spec)
        connection = self._connect()
        with self._lock:
            if name not in self._images:
                self._images[name] = find_image(connection, name)
            return self._images[name]


def _image_name(spec: RunSpec) -> str:
    if spec.image is None:
        raise RequestError("The docker engine needs an image.", fix="Name one: --image REF.")
    return spec.image


def _make_mount_points(inputs: Path, spec: RunSpec) -> None:
    """Make the folder that becomes /kaggle/input, with an empty folder for each source."""
    for mount in (INPUT, *(source.mount for source in spec.sources)):
        folder = inputs
        for part in ("", *mount.relative_to(INPUT).parts):
            folder /= part
            folder.mkdir(exist_ok=True)
            folder.chmod(0o755)  # whatever the caller's umask: root inside has no rights beyond


def _check_readable(source: AttachedSource) -> None:
    """Make sure that root without capabilities can read a source's folder.

    Raises:
        PrerequisiteError: The folder is gone, or shut to others.
    """
    try:
        mode = source.path.stat().st_mode
    except OSError as error:
        raise PrerequisiteError(
            f"The files of {source.handle} are not at {source.path}: {error.strerror}.",
            fix="Restore them with 'harness stage'.",
        ) from error
    if mode & 0o005 != 0o005 and source.path.stat().st_uid != 0:
        raise PrerequisiteError(
            f"The folder {source.path} of {source.handle} is shut to others, so a container "
            "cannot read it.",
            fix=f"Open it: chmod -R go+rX {source.path}",
        )
