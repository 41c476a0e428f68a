"""The limits of a session: the profile's, changed on request, capped to this machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from harness.config.model import Host, Origin
from harness.config.places import Places
from harness.errors import PrerequisiteError, RequestError
from harness.kaggle.profiles import Profile
from harness.spec import Limits
from harness.units import format_duration, format_size, parse_duration, parse_size

_MIB = 2**20
# Below this not even an empty notebook gets through: a kernel alone takes about 60 MiB.
_LEAST_MEMORY_BYTES = 128 * _MIB
_LEAST_DISK_BYTES = _MIB
_LEAST_SHM_BYTES = _MIB
_LEAST_PROCESSES = 32
_DEFAULT_PROCESSES = 4096
_DEFAULT_GRACE_S = 10.0
# Kept back for the harness, the engine and the page cache that they need.
_RESERVED_MEMORY_BYTES = 512 * _MIB
_RESERVED_DISK_BYTES = 256 * _MIB

_Number = TypeVar("_Number", int, float)


class LimitsDraft:
    """The limits of one run as they come together, with what there is to say about them.

    Attributes:
        origins: Where each limit came from, in the order to show.
        warnings: Where this machine is smaller, one sentence each.
        fidelity: The same as differences from Kaggle.
    """

    def __init__(self, places: Places, profile: Profile) -> None:
        self.origins: list[Origin] = []
        self.warnings: list[str] = []
        self.fidelity: list[str] = []
        self._places = places
        self._of_profile = f"profile {profile.name}"

    def size(self, name: str, default: int, *, least: int) -> int:
        """Read a size in bytes; the default is the profile's."""
        return self._read(name, parse_size, format_size, (default, self._of_profile), least)

    def duration(self, name: str, default: float, source: str = "") -> float:
        """Read a duration in seconds; the default is the profile's unless `source` says else."""
        preset = (default, source or self._of_profile)
        return self._read(name, parse_duration, format_duration, preset, 0.0)

    def number(self, name: str, default: int, *, least: int, source: str = "") -> int:
        """Read a whole number; the default is the profile's unless `source` says else."""
        return self._read(name, _whole, str, (default, source or self._of_profile), least)

    def cap(self, what: str, wanted: int, available: int, show: Callable[[int], str]) -> int:
        """Cap what was read last to what this machine has, and say so."""
        if wanted <= available:
            return wanted
        given, asked = show(available), show(wanted)
        self.warnings.append(f"This machine gives the run {given} of {what}, not {asked}.")
        self.fidelity.append(f"{what[:1].upper()}{what[1:]}: {given} here instead of {asked}.")
        last = self.origins[-1]
        source = f"this machine; {last.source} says {last.value}"
        self.origins[-1] = Origin(name=last.name, value=given, source=source)
        return available

    def _read(
        self,
        name: str,
        parse: Callable[[str], _Number],
        show: Callable[[_Number], str],
        preset: tuple[_Number, str],
        least: _Number,
    ) -> _Number:
        value, source = preset
        chosen = self._places.choose(name)
        if chosen is not None:
            source = chosen.source
            try:
                value = parse(chosen.text)
            except ValueError as error:
                raise RequestError(
                    f"{source}: {error}.", fix=f"Write it as in {_EXAMPLES[name]}."
                ) from error
            if value < least:
                raise RequestError(
                    f"{source}: {chosen.text} is too little for any notebook.",
                    fix=f"Give at least {show(least)}.",
                )
        self.origins.append(Origin(name=name, value=show(value), source=source))
        return value


_EXAMPLES = {
    "time_limit": "--time-limit 9h",
    "grace": "--grace 10s",
    "memory": "--memory 29GiB",
    "disk": "--disk 20GB",
    "shm": "--shm 2GiB",
    "cpus": "--cpus 4",
    "processes": "--processes 4096",
}


def resolve_limits(
    draft: LimitsDraft, profile: Profile, host: Host, *, competition: bool
) -> Limits:
    """Make the limits of a run.

    Args:
        draft: Knows what the user said, and takes the remarks.
        profile: Whose limits hold where the user said nothing.
        host: This machine.
        competition: Whether a submission is expected, which shortens the time to 9 h.

    Raises:
        RequestError: A value that is not a size, duration or number, or is too small to use.
        PrerequisiteError: The disk is as good as full.
    """
    wall_time_s = (
        draft.duration(
            "time_limit", profile.competition_wall_time_s, f"profile {profile.name}, competition"
        )
        if competition
        else draft.duration("time_limit", profile.wall_time_s)
    )
    grace_s = draft.duration("grace", _DEFAULT_GRACE_S, "default")
    memory_bytes = draft.size("memory", profile.memory_bytes, least=_LEAST_MEMORY_BYTES)
    memory_bytes = draft.cap("memory", memory_bytes, usable_memory_bytes(host), format_size)
    cpus = draft.cap("processor cores", draft.number("cpus", profile.cpus, least=1), host.cpus, str)
    disk_bytes = draft.size("disk", profile.disk_bytes, least=_LEAST_DISK_BYTES)
    disk_bytes = draft.cap("working disk", disk_bytes, _usable_disk_bytes(host), format_size)
    shm_bytes = draft.size("shm", profile.shm_bytes, least=_LEAST_SHM_BYTES)
    return Limits(
        wall_time_s=wall_time_s,
        grace_s=grace_s,
        memory_bytes=memory_bytes,
        cpus=cpus,
        disk_bytes=disk_bytes,
        # What lies in /dev/shm counts as memory too, so more than that cannot be used.
        shm_bytes=min(shm_bytes, memory_bytes),
        processes=draft.number(
            "processes", _DEFAULT_PROCESSES, least=_LEAST_PROCESSES, source="default"
        ),
    )


def usable_memory_bytes(host: Host) -> int:
    """Say how much memory all runs together may take: the machine's, less what it needs itself."""
    return host.memory_bytes - min(_RESERVED_MEMORY_BYTES, host.memory_bytes // 4)


def _usable_disk_bytes(host: Host) -> int:
    if host.disk_free_bytes is None:
        return 2**62
    usable = host.disk_free_bytes - _RESERVED_DISK_BYTES
    if usable < _LEAST_DISK_BYTES:
        raise PrerequisiteError(
            f"Only {format_size(host.disk_free_bytes)} are free on the disk of the run folders.",
            fix="Free some space, or put them on another disk: --runs DIR.",
        )
    return usable


def _whole(text: str) -> int:
    if not text.strip().isascii() or not text.strip().isdigit():
        raise ValueError(f"{text!r} is not a whole number")
    return int(text)
