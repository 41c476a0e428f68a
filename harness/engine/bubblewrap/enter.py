"""A program of its own: what real root does before bwrap, then bwrap itself as an unprivileged uid.

Root inside must never be root outside. So, in this order: join the run's control groups; a private
mount namespace, in which everything that the sandbox needs is bound below one folder that everyone
may enter (the real places may lie in root's own home); no group, an unprivileged uid and gid, an
empty bounding set, no new privileges; then the command, in this very process.

Standard library alone, started with `python -I -S`: it runs once for each run and has to be quick.
Its one argument is a file that `harness.engine.bubblewrap.root` wrote with this very Python.

Sources: mount_setattr(2), open_tree and move_mount in Linux' uapi headers, read 2026-11; numbers of
system calls from 424 on are the same on every architecture.
"""

from __future__ import annotations

import ctypes
import marshal
import os
import sys

TYPE_CHECKING = False  # as mypy knows it; importing typing takes 5 ms
if TYPE_CHECKING:
    from typing import Any

_LIBC = ctypes.CDLL(None, use_errno=True)

_OPEN_TREE, _MOVE_MOUNT, _MOUNT_SETATTR = 428, 429, 442
_AT_FDCWD, _AT_EMPTY_PATH = -100, 0x1000
_OPEN_TREE_CLONE, _MOVE_MOUNT_F_EMPTY_PATH = 1, 4
_CLONE_NEWNS, _CLONE_NEWUSER = 0x00020000, 0x10000000
_MS_REC, _MS_PRIVATE, _MS_NOSUID, _MS_NODEV = 0x4000, 0x40000, 0x2, 0x4
_ATTRIBUTES = {"read-only": 0x1, "nosuid": 0x2, "nodev": 0x4, "noexec": 0x8}
_ATTR_IDMAP = 0x00100000
_PR_SET_DUMPABLE, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 4, 24, 38


class _MountAttributes(ctypes.Structure):
    """`struct mount_attr`."""

    _fields_ = (
        ("attr_set", ctypes.c_uint64),
        ("attr_clr", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("userns_fd", ctypes.c_uint64),
    )


def main() -> None:
    """Do all of it; the process becomes the command.

    Raises:
        OSError: A step failed; the message names it.
    """
    with open(sys.argv[1], "rb") as written:  # noqa: PTH123 - pathlib takes 10 ms
        entrance = marshal.load(written)  # noqa: S302 - root wrote it; json takes 5 ms
    for path in entrance["process_files"]:
        with open(path, "w", encoding="ascii") as file:  # noqa: PTH123
            file.write("0")
    _bind_all(entrance["stage"], entrance["binds"], entrance["uid"], entrance["gid"])
    _give_up_rights(entrance["uid"], entrance["gid"])
    command = entrance["command"]
    os.execve(command[0], command, {"PATH": "/usr/bin:/bin"})  # noqa: S606 - no shell is wanted


def _bind_all(stage: str, binds: list[dict[str, Any]], uid: int, gid: int) -> None:
    """Bind each source at STAGE/name, in a mount namespace of our own."""
    _call("unshare", _LIBC.unshare(_CLONE_NEWNS))
    _mount("none", "/", None, _MS_REC | _MS_PRIVATE, None)
    trees = [(_open_tree(bind["source"]), bind) for bind in binds]
    _mount("tmpfs", stage, "tmpfs", _MS_NOSUID | _MS_NODEV, "mode=0755,size=1m")
    owners = _user_namespace(uid, gid)
    for tree, bind in trees:
        attributes = _attributes(bind["attributes"])
        if not bind["as_owner"] or not _set_attributes(tree, attributes | _ATTR_IDMAP, owners):
            # This file system cannot show root's files as the uid's: they stay readable only.
            _call("mount_setattr", 0 if _set_attributes(tree, attributes, 0) else -1)
        target = f"{stage}/{bind['name']}"
        _make_place(bind["source"], target)
        flags = _MOVE_MOUNT_F_EMPTY_PATH
        arguments = (tree, b"", _AT_FDCWD, os.fsencode(target), flags)
        _call(f"move_mount {target}", _LIBC.syscall(_MOVE_MOUNT, *arguments))
        os.close(tree)
    os.close(owners)


def _open_tree(source: str) -> int:
    flags = _OPEN_TREE_CLONE | os.O_CLOEXEC
    tree: int = _LIBC.syscall(_OPEN_TREE, _AT_FDCWD, os.fsencode(source), flags)
    _call(f"open_tree {source}", tree)
    return tree


def _attributes(names: list[str]) -> int:
    return sum(_ATTRIBUTES[name] for name in names)


def _set_attributes(tree: int, attributes: int, owners: int) -> bool:
    wanted = _MountAttributes(attr_set=attributes, userns_fd=owners)
    size = ctypes.c_size_t(ctypes.sizeof(wanted))
    done = _LIBC.syscall(_MOUNT_SETATTR, tree, b"", _AT_EMPTY_PATH, ctypes.byref(wanted), size)
    return bool(done == 0)


def _make_place(source: str, target: str) -> None:
    os.makedirs(os.path.dirname(target), mode=0o755, exist_ok=True)  # noqa: PTH103, PTH120
    if os.path.isdir(source):  # noqa: PTH112
        os.makedirs(target, mode=0o755, exist_ok=True)  # noqa: PTH103
    else:
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))


def _user_namespace(uid: int, gid: int) -> int:
    """Open a user namespace in which 0 is the uid: it says whose root's files shall appear as."""
    ready, is_ready = os.pipe()
    done, is_done = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(is_done)
        os.write(is_ready, b"1" if _LIBC.unshare(_CLONE_NEWUSER) == 0 else b"0")
        os.read(done, 1)  # until the parent closes its end, or is gone
        os._exit(0)
    try:
        if os.read(ready, 1) != b"1":
            raise OSError("a user namespace could not be made")
        for name, number in (("uid_map", uid), ("gid_map", gid)):
            with open(f"/proc/{child}/{name}", "w", encoding="ascii") as file:  # noqa: PTH123
                file.write(f"0 {number} 1")
        return os.open(f"/proc/{child}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(is_done)
        os.waitpid(child, 0)
        for end in (ready, is_ready, done):
            os.close(end)


def _give_up_rights(uid: int, gid: int) -> None:
    with open("/proc/sys/kernel/cap_last_cap", encoding="ascii") as file:  # noqa: PTH123
        last = int(file.read())
    for capability in range(last + 1):
        # A capability that the bounding set lacks already is dropped without an error.
        _call("capbset_drop", _LIBC.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0))
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)  # with it go all capabilities
    _call("no_new_privs", _LIBC.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    _call("dumpable", _LIBC.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0))
    os.umask(0o022)
    os.chdir("/")


def _mount(source: str, target: str, kind: str | None, flags: int, options: str | None) -> None:
    texts = [
        None if text is None else os.fsencode(text) for text in (source, target, kind, options)
    ]
    done = _LIBC.mount(texts[0], texts[1], texts[2], ctypes.c_ulong(flags), texts[3])
    _call(f"mount {target}", done)


def _call(step: str, result: int) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{step}: {os.strerror(number)}")


if __name__ == "__main__":
    main()
