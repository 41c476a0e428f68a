"""The engine: prepare a folder, start the sandbox, follow it, take the files out, leave nothing."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from harness.engine import leftovers, runner
from harness.engine.base import OnEvent, Plan, RunFolders
from harness.engine.bubblewrap import argv, cgroup, limits, program, root, scope
from harness.engine.bubblewrap.assembly import assemble
from harness.engine.bubblewrap.cgroup import Cgroup, CgroupLimits
from harness.engine.bubblewrap.lifecycle import Followed, Sandbox, uninterrupted
from harness.engine.bubblewrap.program import Program
from harness.engine.bubblewrap.readback import Observed, observe
from harness.engine.bubblewrap.scratch import Scratch, give_to, interpreter_mounts, make_scratch
from harness.engine.extraction import extract_folder
from harness.engine.leftovers import Leftover
from harness.errors import EngineError, PrerequisiteError
from harness.result import ExitFacts
from harness.spec import EngineName, RunSpec

MAX_OUTPUT_FILES = 100_000
MAX_RUNNER_BYTES = 4 * 2**30
MAX_RUNNER_FILES = 10_000
_BARE = {"PATH": "/usr/local/bin:/usr/bin:/bin"}


@dataclass(slots=True, kw_only=True)
class _Facts:
    """What one run's callbacks have noted."""

    group: Cgroup | None = None
    group_values: Mapping[str, str] | None = None
    memory_kills: int | None = None
    memory_peak_bytes: int | None = None
    observed: Observed | None = None


class BubblewrapEngine:
    """Runs a notebook in namespaces that `bwrap` makes; `harness.engine.base.Engine`."""

    @property
    def name(self) -> EngineName:
        """Which engine this is."""
        return EngineName.BUBBLEWRAP

    def check(self, spec: RunSpec) -> None:
        """Make sure that bwrap, the mirror and every source are there and readable.

        Raises:
            PrerequisiteError: Something is missing. Whether namespaces are allowed shows when the
                run starts, with the same error.
        """
        program.require()
        mirror = _mirror_of(spec)
        for path in (mirror, *(source.path for source in spec.sources)):
            if root.is_real_root() and not _is_open(path):
                raise PrerequisiteError(
                    f"{path} may be read by its owner alone, and root hands a run to another uid.",
                    fix=f"Run 'chmod -R go+rX {path}', or run the harness as an ordinary user.",
                )

    def plan(self, spec: RunSpec) -> Plan:
        """Say what `run` would do; a temporary folder stands for the run's own."""
        found = program.require()
        with tempfile.TemporaryDirectory(prefix="harness-plan-") as folder:
            scratch = make_scratch(Path(folder), spec)
            sandbox = assemble(spec, _mirror_of(spec), scratch, found, stage=None, group=None)
            command = argv.outer_command(sandbox)
        mounts = (*sandbox.system, *sandbox.outer, *sandbox.interpreter)
        own_group = root.is_real_root() or scope.is_available(os.geteuid())
        return Plan(
            command=command,
            mounts=[(mount.source, mount.target) for mount in mounts],
            limits=limits.planned(spec.limits, own_group=own_group),
            environment=spec.environment,
        )

    def run(self, spec: RunSpec, folders: RunFolders, on_event: OnEvent) -> ExitFacts:
        """Run the notebook; see `harness.engine.base.Engine.run`.

        Raises:
            EngineError: The sandbox broke, or the files could not be kept.
            PrerequisiteError: This machine does not let bwrap make a sandbox.
        """
        for old in leftovers.find_leftovers():
            leftovers.remove(old)
        found = program.require()
        try:
            return self._run_once(spec, folders, on_event, found)
        except _NoOverlayError:  # nothing has begun: this disk or kernel cannot do it
            return self._run_once(spec, folders, on_event, replace(found, overlay=False))

    def _run_once(
        self, spec: RunSpec, folders: RunFolders, on_event: OnEvent, found: Program
    ) -> ExitFacts:
        note = leftovers.note_run(folders.scratch, tuple(cgroup.find_parents().values()))
        facts = _Facts()
        try:
            scratch = make_scratch(folders.scratch, spec)
            seen = _follow(spec, scratch, found, note, facts, on_event)
            _raise_if_it_never_ran(seen)
            left_out = _take_files(spec, scratch, folders)
        finally:
            with uninterrupted():
                _leave_nothing(note, facts.group)
        held = _held(spec, found, facts, noexec=root.is_real_root())
        rows = limits.rows(spec.limits, held)
        return ExitFacts(
            exit_code=seen.exit_code,
            signal=seen.signal,
            hard_stopped=seen.hard_stopped,
            memory_kills=facts.memory_kills,
            memory_peak_bytes=facts.memory_peak_bytes,
            wall_time_s=seen.wall_time_s,
            stderr_tail="\n".join(part for part in (seen.stderr_tail, *left_out) if part),
            limits=rows,
        )


class _NoOverlayError(Exception):
    """The sandbox did not start because of its overlay."""


def _follow(
    spec: RunSpec,
    scratch: Scratch,
    found: Program,
    note: Leftover,
    facts: _Facts,
    on_event: OnEvent,
) -> Followed:
    """Start the sandbox and follow it to its end."""
    wanted = _group_limits(spec)
    facts.group = cgroup.create(note.name, wanted)
    in_scope = facts.group is None and os.geteuid() != 0 and scope.is_available(os.geteuid())
    facts.group_values = facts.group.read_back() if facts.group else None
    command = _command(spec, scratch, found, facts.group)
    if in_scope:
        command = [*scope.prefix(note.name, wanted), *command]

    def when_running(pid: int) -> None:
        if in_scope:
            facts.group = scope.find_scope(pid, note.name)
            facts.group_values = facts.group.read_back() if facts.group else None
        facts.observed = observe(pid)

    def before_end() -> None:
        if facts.group is not None:
            facts.memory_kills = facts.group.memory_kills()
            facts.memory_peak_bytes = facts.group.memory_peak_bytes()

    with Sandbox(
        command=command,
        environment=scope.environment(os.geteuid()) if in_scope else _BARE,
        limits=spec.limits,
        kill_group=lambda: facts.group is None or facts.group.kill(),
        when_running=when_running,
        before_end=before_end,
    ) as sandbox:
        seen = sandbox.follow(on_event)
        if not seen.finished:
            before_end()
    return seen


def _command(
    spec: RunSpec, scratch: Scratch, found: Program, group: Cgroup | None
) -> Sequence[str]:
    """Write the job file; build the command that starts the sandbox, as root or not."""
    mirror, stage = _mirror_of(spec), None
    if root.is_real_root():
        stage = root.choose_stage(_needed(spec, mirror, scratch, found))
    sandbox = assemble(spec, mirror, scratch, found, stage=stage, group=group)
    choices = runner.EngineChoices(
        kernel_prefix=argv.kernel_prefix(sandbox),
        watch_memory=group is None,  # also in a scope, which shows only later that it holds
        cpus=_cpus(spec),
        # Also beside a cgroup: it is shared with the runner, which a fork bomb must not starve.
        process_limit=spec.limits.processes + cgroup.OWN_PROCESSES // 4,
    )
    runner.write_job(scratch.job, spec, choices)
    command = argv.outer_command(sandbox)
    if stage is None:
        return command
    uid = root.choose_uid()
    give_to(uid, scratch)
    entrance = root.Entrance(
        stage=stage.folder,
        binds=stage.binds,
        process_files=[str(file) for file in group.process_files] if group else [],
        uid=uid,
        gid=uid,
        command=command,
    )
    return root.enter_command(entrance, scratch.folder / "entrance")


def _needed(spec: RunSpec, mirror: Path, scratch: Scratch, found: Program) -> Sequence[Path]:
    """Every path of this machine that has to stay in sight when the stage is covered."""
    paths = (
        mirror,
        scratch.folder,
        found.path,
        *found.folders,
        *(source.path for source in spec.sources),
        *(path for path, _ in runner.package_mounts()),
        *interpreter_mounts(mirror),
    )
    return [path.resolve() for path in paths]


def _raise_if_it_never_ran(seen: Followed) -> None:
    """Tell a sandbox that could not be made from a run."""
    if seen.events:
        return
    tail = seen.stderr_tail.strip()
    if "overlay" in tail and "bwrap" in tail:
        raise _NoOverlayError
    by_bwrap = any(word in tail for word in ("amespace", "uid map", "RTM_NEWADDR"))
    if root.ENTER.name in tail or ("bwrap: " in tail and by_bwrap):
        raise program.refusal(tail)
    said = "\n".join(tail.splitlines()[-8:]) or "nothing"
    raise EngineError(
        f"The sandbox ended before the runner spoke (exit code {seen.exit_code}, signal "
        f"{seen.signal}). It said: {said}",
        fix="Run 'harness doctor' to see what this machine lacks.",
    )


def _take_files(spec: RunSpec, scratch: Scratch, folders: RunFolders) -> tuple[str, ...]:
    """Take the notebook's and the runner's files out; return what was left out, as sentences."""
    output = extract_folder(
        scratch.working,
        folders.output,
        max_bytes=spec.limits.disk_bytes,
        max_files=MAX_OUTPUT_FILES,
    )
    extract_folder(
        scratch.out, folders.runner, max_bytes=MAX_RUNNER_BYTES, max_files=MAX_RUNNER_FILES
    )
    return tuple(f"Not kept of {runner.WORKING}: {sentence}" for sentence in output.left_out)


def _leave_nothing(note: Leftover, group: Cgroup | None) -> None:
    """Remove the group and what is in the scratch folder; the note goes when both are gone."""
    if group is not None:
        with suppress(OSError):  # the note stays, so that the next start removes it
            group.remove()
    leftovers.empty_folder(note.scratch)
    if os.geteuid() == 0:
        os.chown(note.scratch, os.geteuid(), os.getegid())
    if not any(note.scratch.iterdir()) and not any(path.exists() for path in note.cgroups):
        note.note.unlink(missing_ok=True)


def _held(spec: RunSpec, found: Program, facts: _Facts, *, noexec: bool) -> limits.Held:
    return limits.Held(
        cgroup_version=facts.group.version if facts.group else None,
        cgroup_values=facts.group_values or {},
        cpus=_cpus(spec),
        observed=facts.observed,
        noexec=noexec,
        overlay=found.overlay,
        program_version=found.version,
        swap=limits.has_swap(),
    )


def _group_limits(spec: RunSpec) -> CgroupLimits:
    return CgroupLimits(
        memory_bytes=spec.limits.memory_bytes,
        processes=spec.limits.processes,
        cpus=_cpus(spec),
    )


def _cpus(spec: RunSpec) -> Sequence[int]:
    """The first processors that this process may use, as many as the run may have."""
    return sorted(os.sched_getaffinity(0))[: spec.limits.cpus]


def _mirror_of(spec: RunSpec) -> Path:
    if spec.mirror is None or not (spec.mirror / "pyvenv.cfg").is_file():
        raise PrerequisiteError(
            f"There is no mirror at {spec.mirror}." if spec.mirror else "There is no mirror.",
            fix="Build it with 'harness mirror'.",
        )
    return spec.mirror


def _is_open(path: Path) -> bool:
    """Whether root can show a folder to another uid: its own, or one that everyone may read."""
    status = path.stat()
    everyones = status.st_mode & stat.S_IROTH and status.st_mode & stat.S_IXOTH
    return status.st_uid == 0 or bool(everyones)
