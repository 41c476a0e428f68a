"""From a spec and a prepared folder to the values that the command lines are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from harness.engine import runner
from harness.engine.bubblewrap import scratch as places
from harness.engine.bubblewrap.argv import Mount, Overlay, Sandbox, proc_masks
from harness.engine.bubblewrap.cgroup import Cgroup
from harness.engine.bubblewrap.program import Program
from harness.engine.bubblewrap.root import Stage
from harness.engine.bubblewrap.scratch import Scratch
from harness.engine.mirror import SANDBOX_BIN
from harness.spec import RunSpec


def assemble(
    spec: RunSpec,
    mirror: Path,
    scratch: Scratch,
    program: Program,
    *,
    stage: Stage | None,
    group: Cgroup | None,
) -> Sandbox:
    """Build the sandbox's values.

    Args:
        spec: What to run.
        mirror: The virtual environment with Kaggle's pins.
        scratch: The run's folder.
        program: Which bwrap; with `overlay` the kernel may change its copy of the mirror.
        stage: Where root puts what the unprivileged uid needs; None for an ordinary user.
        group: The run's control group, shown to the runner; None without one.
    """
    place = _placer(stage)
    folder = stage.place_writable(scratch.folder) if stage else str(scratch.folder)

    def own(path: Path) -> str:
        return f"{folder}/{path.relative_to(scratch.folder)}"

    system, links = places.system_mounts()
    masked, masked_folders, read_only = proc_masks(Path("/proc"))
    mirror_place = place(mirror, None)
    scripts = (mirror / SANDBOX_BIN).is_dir()
    bwrap = tuple(
        Mount(source=place(Path(mount.source), _bwrap_name(mount)), target=mount.target)
        for mount in program.mounts
    )
    return Sandbox(
        program=_program_place(program, bwrap, place),
        inner_program=program.path_inside,
        system=system,
        system_links=links,
        outer=(
            *_own_mounts(scratch, own),
            *_source_mounts(spec, stage),
            Mount(source=mirror_place, target="/opt/mirror"),
            *(
                Mount(source=place(path, None), target=str(target))
                for path, target in runner.package_mounts()
            ),
            *bwrap,
            *(group.runner_mounts if group else ()),
        ),
        overlay=_overlay(scratch, own, "") if program.overlay else None,
        overlay_bin=_overlay(scratch, own, "-bin") if program.overlay and scripts else None,
        mirror=mirror_place,
        mirror_bin=f"{mirror_place}/{SANDBOX_BIN}" if scripts else None,
        interpreter=[
            Mount(source=place(path, None), target=str(path))
            for path in places.interpreter_mounts(mirror)
        ],
        etc=places.etc_mounts(),
        masked=masked,
        masked_folders=masked_folders,
        read_only=read_only,
        shm_bytes=spec.limits.shm_bytes,
    )


def _placer(stage: Stage | None) -> Callable[[Path, str | None], str]:
    def place(path: Path, name: str | None) -> str:
        if stage is None or path.is_relative_to("/usr"):
            return str(path)
        return stage.place(path.resolve(), name=name)

    return place


def _own_mounts(scratch: Scratch, own: Callable[[Path], str]) -> tuple[Mount, ...]:
    """What of the run's folder the outer sandbox has, in the order of mounting."""
    return (
        Mount(source=own(scratch.etc), target="/etc"),
        *places.etc_mounts(),
        Mount(source=own(scratch.root / "tmp"), target="/tmp", writable=True),  # noqa: S108
        Mount(source=own(scratch.root / "kaggle"), target="/kaggle", writable=True),
        Mount(source=own(scratch.root), target="/harness/root", writable=True),
        Mount(source=own(scratch.out), target=str(runner.OUT), writable=True),
        Mount(source=own(scratch.job), target=str(runner.JOB)),
        Mount(source=own(scratch.notebook), target=str(runner.NOTEBOOK)),
        Mount(source=own(scratch.inputs), target="/kaggle/input"),
    )


def _source_mounts(spec: RunSpec, stage: Stage | None) -> tuple[Mount, ...]:
    return tuple(
        Mount(
            source=stage.place(source.path.resolve(), noexec=True) if stage else str(source.path),
            target=str(source.mount),
        )
        for source in spec.sources
    )


def _program_place(
    program: Program, mounts: Sequence[Mount], place: Callable[[Path, str | None], str]
) -> str:
    """Where the host's side finds bwrap: among its own folders, as its libraries lie beside it."""
    if not mounts:
        return place(program.path, None)
    return f"{mounts[0].source}/{program.path.relative_to(program.folders[0])}"


def _bwrap_name(mount: Mount) -> str:
    return f"bwrap/{Path(mount.source).name}"


def _overlay(scratch: Scratch, own: Callable[[Path], str], suffix: str) -> Overlay:
    layers = scratch.layers
    return Overlay(upper=own(layers / f"upper{suffix}"), work=own(layers / f"work{suffix}"))
