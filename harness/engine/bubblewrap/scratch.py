"""The folder of one run on disk: the notebook's whole file system, and what the runner needs.

Everything that a notebook writes lies here and not in memory, so that disk is not taken for memory.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from harness.engine.bubblewrap.argv import Mount
from harness.spec import RunSpec

TOP = (
    *("dev", "etc", "home", "kaggle/input", "kaggle/lib", "kaggle/working", "media", "mnt"),
    *("opt/mirror", "proc", "root", "run", "srv", "sys", "tmp", "usr", "var/tmp"),
)
LAYERS = ("upper", "work", "upper-bin", "work-bin")
SYSTEM_FOLDERS = ("bin", "lib", "lib32", "lib64", "libx32", "sbin")

ETC = {
    "group": "root:x:0:\nnogroup:x:65534:\n",
    "hostname": "localhost\n",
    "hosts": "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\nservices: files\n"
    "protocols: files\n",
    "passwd": "root:x:0:0:root:/root:/bin/bash\n"
    "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    "resolv.conf": "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n",
}
"""Made up, so that nothing of the host's own shows. The name server is the runner."""

ETC_LINKS = {
    "localtime": "/usr/share/zoneinfo/Etc/UTC",
    "mtab": "/proc/self/mounts",
    "os-release": "/usr/lib/os-release",
}

ETC_OF_HOST = (
    *("alternatives", "ca-certificates", "crypto-policies", "fonts", "ld.so.cache"),
    *("ld.so.conf", "ld.so.conf.d", "mime.types", "pki", "protocols", "services"),
    *("ssl/certs", "ssl/openssl.cnf"),
)
"""What programs below /usr need to find their parts; nothing that tells of the machine's owner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scratch:
    """The run's folder. All paths are the host's.

    Attributes:
        folder: The whole.
        root: Becomes / of the kernel; /kaggle, /tmp and /root are in it.
        etc: Becomes /etc of the runner, which the notebook cannot write.
        inputs: Becomes /kaggle/input: empty folders, over which the sources are mounted.
        layers: Takes the changes to the mirror: `upper` and `work` of the mirror, `upper-bin` and
            `work-bin` of its scripts.
        out: Becomes /harness/out.
        job: The job file.
        notebook: A copy of the notebook.
    """

    folder: Path
    root: Path
    etc: Path
    inputs: Path
    layers: Path
    out: Path
    job: Path
    notebook: Path

    @property
    def working(self) -> Path:
        """What the notebook has as /kaggle/working."""
        return self.root / "kaggle" / "working"


def make_scratch(folder: Path, spec: RunSpec) -> Scratch:
    """Fill the empty `folder` for a run; the job file is still to be written."""
    scratch = Scratch(
        folder=folder,
        root=folder / "root",
        etc=folder / "etc",
        inputs=folder / "inputs",
        layers=folder / "layers",
        out=folder / "out",
        job=folder / "job.json",
        notebook=folder / "notebook.ipynb",
    )
    for each in (scratch.etc, scratch.inputs, scratch.out):
        each.mkdir()
    for name in LAYERS:
        (scratch.layers / name).mkdir(parents=True)
    for name in TOP:
        (scratch.root / name).mkdir(parents=True)
    for name in ("tmp", "var/tmp"):
        (scratch.root / name).chmod(0o1777)
    _make_system(scratch.root)
    for etc in (scratch.etc, scratch.root / "etc"):
        _make_etc(etc)
    _make_processors(scratch.root / "sys/devices/system/cpu", spec.limits.cpus)
    for source in spec.sources:
        (scratch.inputs / source.mount.relative_to("/kaggle/input")).mkdir(parents=True)
    for copy in (scratch.notebook, scratch.working / "__notebook__.ipynb"):
        shutil.copyfile(spec.notebook, copy)
        copy.chmod(0o644)
    return scratch


def give_to(uid: int, scratch: Scratch) -> None:
    """Make an unprivileged uid the owner of all that the sandbox has to write."""
    for top in (scratch.root, scratch.layers, scratch.out):
        for place, _, files in os.walk(top):
            for path in (place, *(f"{place}/{name}" for name in files)):
                os.chown(path, uid, uid, follow_symlinks=False)
    os.chown(scratch.folder, uid, uid)
    scratch.folder.chmod(0o700)


def system_mounts() -> tuple[tuple[Mount, ...], tuple[tuple[str, str], ...]]:
    """List the host's /usr and its companions.

    Returns:
        Folders to mount, and pairs of target and name of symbolic links such as /bin.
    """
    mounts = [Mount(source="/usr", target="/usr")]
    links: list[tuple[str, str]] = []
    for name in SYSTEM_FOLDERS:
        path = Path("/") / name
        if path.is_symlink():
            links.append((str(path.readlink()), str(path)))
        elif path.is_dir():
            mounts.append(Mount(source=str(path), target=str(path)))
    return tuple(mounts), tuple(links)


def etc_mounts() -> tuple[Mount, ...]:
    """List what the sandbox has of the host's /etc."""
    found = [Path("/etc") / name for name in ETC_OF_HOST if (Path("/etc") / name).exists()]
    return tuple(Mount(source=str(path), target=str(path)) for path in found)


def interpreter_mounts(mirror: Path) -> tuple[Path, ...]:
    """List the folders that hold the mirror's own Python, where they lie outside /usr.

    A virtual environment names its interpreter by an absolute path, so it has to be found there.
    """
    home = _base_folder(mirror / "pyvenv.cfg")
    if home is None:
        return ()
    places = (home.parent, home.resolve().parent, (home / "python3").resolve().parent.parent)
    return tuple(path for path in dict.fromkeys(places) if not path.is_relative_to("/usr"))


def _base_folder(settings: Path) -> Path | None:
    for line in settings.read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition("=")
        if name.strip() == "home":
            return Path(value.strip())
    return None


def _make_system(root: Path) -> None:
    """Make the places at which the kernel's system is mounted."""
    mounts, links = system_mounts()
    for mount in mounts:
        (root / mount.target.lstrip("/")).mkdir(exist_ok=True)
    for target, name in links:
        (root / name.lstrip("/")).symlink_to(target)


def _make_etc(etc: Path) -> None:
    for name, text in ETC.items():
        (etc / name).write_text(text, encoding="ascii")
    for name, target in ETC_LINKS.items():
        (etc / name).symlink_to(target)
    for mount in etc_mounts():
        place = etc / mount.target.removeprefix("/etc/")
        place.parent.mkdir(parents=True, exist_ok=True)
        if Path(mount.source).is_dir():
            place.mkdir()
        else:
            place.touch()


def _make_processors(folder: Path, cpus: int) -> None:
    """Write what `os.cpu_count` asks: there is no other /sys in the sandbox."""
    folder.mkdir(parents=True)
    text = "0\n" if cpus == 1 else f"0-{cpus - 1}\n"
    for name in ("online", "possible", "present"):
        (folder / name).write_text(text, encoding="ascii")
