"""The two command lines of a run, each built by one pure function.

Two sandboxes, one in the other. The outer one holds the runner: no network but loopback, a
pristine mirror, its own /etc and home, and of what the notebook can write only /tmp and /kaggle.
The nested one holds the kernel: its own process numbers, so that it can neither see, signal nor
trace the runner, and nothing of /harness.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from harness.engine import runner

ROOT_IN_OUTER = "/harness/root"
MIRROR_IN_OUTER = "/harness/mirror"
ETC_IN_OUTER = "/harness/root/etc"
HOME_IN_OUTER = "/harness/home"
OUTER_PATH = "/opt/mirror/bin:/usr/local/bin:/usr/bin:/bin"

MASKED = (
    "acpi",
    "asound",
    "interrupts",
    "kcore",
    "keys",
    "latency_stats",
    "sched_debug",
    "scsi",
    "timer_list",
)
READ_ONLY = ("bus", "fs", "irq", "sys", "sysrq-trigger")
"""Below /proc, as Docker does it. Source: moby, oci/defaults.go, read 2026-11."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """One thing of the host and its place in the sandbox.

    Attributes:
        source: On the host, as the program that mounts it sees it.
        target: Absolute, in the sandbox.
        writable: Whether the sandbox may write to it.
    """

    source: str
    target: str
    writable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """A writable copy of the mirror whose changes lie on disk and are thrown away.

    Attributes:
        upper: Where changes go.
        work: An empty folder beside `upper`, for the kernel's use.
    """

    upper: str
    work: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """All that the two command lines are made of; every path exists.

    Attributes:
        program: `bwrap` on the host.
        inner_program: The same program as the outer sandbox has it.
        system: The host's /usr and what belongs to it, and symbolic links such as /bin.
        system_links: Pairs of target and absolute name.
        outer: Everything else of the outer sandbox, in order.
        overlay: Writable mirror for the kernel, or None: it then gets the mirror read-only.
        overlay_bin: The same for the mirror's scripts, which are a mount of their own.
        mirror: The mirror.
        mirror_bin: Scripts of the mirror with first lines that fit, laid over its `bin`; or None.
        interpreter: The mirror's own Python where it lies outside /usr, at its own path.
        etc: What the kernel's /etc takes from the host, read-only.
        masked: Files below /proc that read as empty.
        masked_folders: Folders below /proc that are empty.
        read_only: Entries below /proc that cannot be written.
        shm_bytes: Size of /dev/shm.
    """

    program: str
    inner_program: str
    system: Sequence[Mount]
    system_links: Sequence[tuple[str, str]]
    outer: Sequence[Mount]
    overlay: Overlay | None
    overlay_bin: Overlay | None
    mirror: str
    mirror_bin: str | None
    interpreter: Sequence[Mount]
    etc: Sequence[Mount]
    masked: Sequence[str]
    masked_folders: Sequence[str]
    read_only: Sequence[str]
    shm_bytes: int


def outer_command(sandbox: Sandbox) -> list[str]:
    """Build the command that starts the runner in the outer sandbox.

    The outer /proc stays whole: Linux refuses a nested /proc where the outer one is partly covered.
    CAP_SETFCAP is what mapping uid 0 a second time asks for (Linux 5.12), CAP_NET_BIND_SERVICE what
    the name server asks for.
    """
    command = [
        sandbox.program,
        *("--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"),
        *("--unshare-cgroup-try", "--uid", "0", "--gid", "0", "--hostname", "localhost"),
        *("--cap-add", "cap_setfcap", "--cap-add", "cap_net_bind_service"),
        *("--die-with-parent", "--new-session", "--clearenv"),
        *("--setenv", "PATH", OUTER_PATH, "--setenv", "HOME", HOME_IN_OUTER),
        *("--setenv", "LANG", "C.UTF-8"),
        *_mounts(sandbox.system),
    ]
    for target, name in sandbox.system_links:
        command += ["--symlink", target, name]
    command += ["--proc", "/proc", "--dev", "/dev"]
    command += ["--size", str(sandbox.shm_bytes), "--perms", "1777", "--tmpfs", "/dev/shm"]  # noqa: S108
    command += ["--remount-ro", "/dev"]
    command += _mounts(sandbox.outer)
    command += _layer(sandbox.overlay, sandbox.mirror, MIRROR_IN_OUTER)
    command += [
        *_scripts(sandbox),
        *_mounts(sandbox.interpreter),
        "--dir",
        HOME_IN_OUTER,
        "--chdir",
        "/",
    ]
    return [*command, "--", *runner.COMMAND]


def kernel_prefix(sandbox: Sandbox) -> list[str]:
    """Build what the runner puts in front of the kernel's command, in the outer sandbox's paths."""
    bind = "--bind" if sandbox.overlay is not None else "--ro-bind"
    command = [
        sandbox.inner_program,
        *("--unshare-user", "--unshare-pid", "--unshare-ipc", "--disable-userns"),
        *("--uid", "0", "--gid", "0", "--cap-drop", "ALL", "--die-with-parent", "--new-session"),
        *("--bind", ROOT_IN_OUTER, "/"),
    ]
    for mount in sandbox.system:
        command += ["--ro-bind", mount.target, mount.target]
    command += [bind, MIRROR_IN_OUTER, "/opt/mirror"]
    for mount in (*sandbox.interpreter, *sandbox.etc):
        command += ["--ro-bind", mount.target, mount.target]
    command += ["--bind", "/tmp", "/tmp", "--bind", "/kaggle", "/kaggle"]  # noqa: S108
    command += ["--ro-bind", f"{ROOT_IN_OUTER}/sys", "/sys"]
    command += ["--dev-bind", "/dev", "/dev", "--proc", "/proc"]
    for path in sandbox.read_only:
        command += ["--ro-bind", path, path]
    for path in sandbox.masked:
        command += ["--dev-bind", "/dev/null", path]
    for path in sandbox.masked_folders:
        command += ["--tmpfs", path, "--remount-ro", path]
    return [*command, "--chdir", str(runner.WORKING), "--"]


def proc_masks(proc: Path) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Look up which entries of /proc this machine has and a notebook should not.

    Args:
        proc: The host's /proc.

    Returns:
        Files to empty, folders to empty, entries to make read-only.
    """
    present = [proc / name for name in MASKED if (proc / name).exists()]
    names = [str(PurePosixPath("/proc") / path.name) for path in present if not path.is_dir()]
    folders = [str(PurePosixPath("/proc") / path.name) for path in present if path.is_dir()]
    shut = [f"/proc/{name}" for name in READ_ONLY if (proc / name).exists()]
    return tuple(names), tuple(folders), tuple(shut)


def _scripts(sandbox: Sandbox) -> list[str]:
    """Lay the scripts that fit the sandbox over the mirror's own, for the runner and the kernel."""
    if sandbox.mirror_bin is None:
        return []
    command = ["--ro-bind", sandbox.mirror_bin, "/opt/mirror/bin"]
    return command + _layer(sandbox.overlay_bin, sandbox.mirror_bin, f"{MIRROR_IN_OUTER}/bin")


def _layer(overlay: Overlay | None, lower: str, place: str) -> list[str]:
    if overlay is None:
        return ["--ro-bind", lower, place]
    return ["--overlay-src", lower, "--overlay", overlay.upper, overlay.work, place]


def _mounts(mounts: Sequence[Mount]) -> list[str]:
    command: list[str] = []
    for mount in mounts:
        command += ["--bind" if mount.writable else "--ro-bind", mount.source, mount.target]
    return command
