"""One run from the notebook file to the last event: the order of things.

The kernel runs already when this begins. Threads watch the clock, memory, disk, names and the
host; whatever stops the run does so by ending the kernel, which the cells' loop then notices. So
there is one way out.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.events import (
    CellFinished,
    Event,
    KernelDied,
    LimitReached,
    MemoryKill,
    NetworkAttempt,
    NotebookRefused,
    OutputCut,
    RunnerFinished,
    RunnerStarted,
)
from harness.inside import cgroup, reading, render
from harness.inside.channel import Channel
from harness.inside.clock import Actions, Clock
from harness.inside.disk import DiskWatch
from harness.inside.facts import gpu_count, package_versions
from harness.inside.job import Job
from harness.inside.kernel import KernelProcess
from harness.inside.log import Log
from harness.inside.meter import Alarms, Gauge, Meter, Reading, SampleChoice, sample_of
from harness.inside.processes import Population
from harness.inside.sink import NameServer

if TYPE_CHECKING:
    from harness.inside.session import Session

_STDERR_CHARACTERS = 8_000
_NAMES_REPORTED = 1_000
_PAGE_S = 120.0
_KILL_ARRIVES_S = 0.05
_PAGE_AFTER_GRACE_S = 0.7
_INFRASTRUCTURE = ("bwrap",)
LOG = "log.json"


@dataclass(slots=True)
class Progress:
    """Where the run is; written by the cells' loop, read by every thread.

    Attributes:
        cell: Cell that is running, or None.
        started_s: When it was sent.
        is_ready: Whether the kernel has answered, so that code of the notebook may run.
        stopped_by: What made the runner end the notebook, or None.
    """

    cell: int | None = None
    started_s: float = 0.0
    is_ready: bool = False
    stopped_by: str | None = None


class Run:
    """One run.

    Attributes:
        job: What to do.
        channel: To the host.
        kernel: The kernel's process.
        progress: Where the run is.
    """

    def __init__(self, job: Job, channel: Channel, kernel: KernelProcess) -> None:
        self.job = job
        self.channel = channel
        self.kernel = kernel
        self.progress = Progress()
        self._lock = threading.Lock()
        self._names: set[tuple[str, int | None]] = set()
        self._population = Population(sole=job.sole)
        self._renderer = render.Renderer(job.kernel_prefix, job.out, job.working)
        self._population.helper = self._helper
        self._log = Log(job.out / LOG)
        self._cgroup = cgroup.own_cgroup() if job.sole else None
        self._disk = DiskWatch(job.working, job.disk_bytes, self._disk_full)
        self._meter = Meter(
            Gauge(self._population, self._cgroup, job.memory_bytes),
            self._cgroup,
            limit_bytes=job.memory_bytes,
            alarms=Alarms(
                memory_full=self._memory_full if job.watch_memory else None,
                killed=self._memory_killed,
            ),
            send=self._send_sample,
        )
        self._clock = Clock(
            wall_time_s=max(0.0, job.wall_time_s - channel.now_s),
            grace_s=job.grace_s,
            actions=Actions(
                stop_softly=self._time_is_up,
                interrupt=self.kernel.interrupt,
                kill=self._population.end,
                give_up=self._give_up,
            ),
        )

    def execute(self) -> None:
        """Run the notebook and send every event, `RunnerFinished` last.

        Raises:
            Exception: Any means that the runner itself is broken.
        """
        self.channel.when_gone = self.abandon
        if self.channel.host_gone.is_set():
            self.abandon()
        if self.job.name_server:
            NameServer(self._name_wanted).start()
        self._clock.start()
        self._disk.start()
        self._meter.start()
        try:
            notebook = reading.read_notebook(self.job.notebook)
        except reading.NotebookRefusedError as refusal:
            self._refuse(refusal)
            return
        # nbclient takes longest to import, and the kernel is starting meanwhile.
        from harness.inside import session  # noqa: PLC0415

        self.channel.send(
            RunnerStarted(
                time_s=self.channel.now_s,
                cells=len(notebook.cells),
                python=sys.version.split()[0],
                packages=package_versions(),
                gpus=gpu_count(),
            )
        )
        self._finish(asyncio.run(self._run_cells(session.Session(self, notebook, self._log))))

    async def _run_cells(self, cells: Session) -> RunnerFinished:
        ending = await cells.run()
        cells.save()
        self._renderer.begin()
        with self._lock:
            may_end = self.progress.stopped_by is None
            self.progress.stopped_by = self.progress.stopped_by or "end"
        if may_end:
            await cells.shut_down()
        return ending

    def abandon(self) -> None:
        """End everything at once, the runner too, because the host is gone."""
        if self.channel.is_closed:
            return  # as agreed: it has fetched the files
        self._population.end()
        self.kernel.connection.remove()
        os._exit(1)

    def _helper(self) -> int | None:
        process = self._renderer.process
        # The pid of one that has been waited for may be a process of the notebook by now.
        return process.pid if process.returncode is None else None

    def end_processes(self) -> int:
        """End every process of the notebook and return how many it had left behind."""
        left = [
            each
            for each in self._population.alive()
            if each.pid != self.kernel.pid and each.name not in _INFRASTRUCTURE
        ]
        self._population.end()
        self._renderer.kill()
        self.kernel.connection.remove()
        return len(left)

    def kernel_died(self) -> None:
        """Report that the kernel is gone, if nobody on our side ended it.

        The counter is looked at first: when the memory killer was it, that event comes before.
        """
        self._meter.check_kills()
        if self.progress.stopped_by is not None:
            return
        self.channel.send(
            KernelDied(
                time_s=self.channel.now_s,
                cell=self.progress.cell,
                exit_code=self.kernel.exit.code,
                signal=self.kernel.exit.signal,
                stderr_tail=self.kernel.stderr_tail(_STDERR_CHARACTERS),
            )
        )

    def output_cut(self, kept_bytes: int) -> None:
        """Report that the running cell printed more than is kept."""
        if self.progress.cell is not None:
            self.channel.send(
                OutputCut(time_s=self.channel.now_s, cell=self.progress.cell, kept_bytes=kept_bytes)
            )

    def _refuse(self, refusal: reading.NotebookRefusedError) -> None:
        self._log.write("stderr", refusal.detail + "\n")
        self.channel.send(
            NotebookRefused(time_s=self.channel.now_s, reason=refusal.reason, detail=refusal.detail)
        )
        self.progress.stopped_by = "refused"
        self._renderer.kill()
        self._finish(RunnerFinished(time_s=0.0, status="failed"))

    def _finish(self, ending: RunnerFinished) -> None:
        leftovers = self._finish_page_and_processes(ending.status)
        self._log.close()
        self._meter.stop()
        self._disk.measure()
        self._clock.over.set()
        self.channel.send_last(
            replace(
                ending,
                time_s=self.channel.now_s,
                memory_peak_bytes=None if self._cgroup is None else self._cgroup.peak_bytes(),
                memory_kills=self._meter.kills,
                leftovers=leftovers,
            )
        )

    def _finish_page_and_processes(self, status: str) -> int:
        if self.progress.stopped_by == "refused":
            return self.end_processes()
        end_s = self.job.wall_time_s + _PAGE_AFTER_GRACE_S
        if status == "stopped":
            self._population.end()
            end_s += self.job.grace_s
        # A page that takes longer than the session is given up before the clock gives up the run.
        allowed_s = min(_PAGE_S, max(_PAGE_AFTER_GRACE_S, end_s - self.channel.now_s))
        problem = self._renderer.finish(allowed_s)
        if problem is not None:
            sys.stderr.write(f"{render.PAGE}: {problem}\n")
        return self.end_processes()

    def _stop(self, limit: str, used: float, allowed: float) -> bool:
        """Note and report a limit; False when the run has been stopped, or ended, before."""
        with self._lock:
            if self.progress.stopped_by is not None:
                return False
            self.progress.stopped_by = limit
        self.channel.send(
            LimitReached(
                time_s=self.channel.now_s,
                limit=limit,
                used=used,
                allowed=allowed,
                cell=self.progress.cell,
            )
        )
        return True

    def _time_is_up(self) -> bool:
        return self._stop("wall_time", self.channel.now_s, self.job.wall_time_s)

    def _memory_full(self, used_bytes: int) -> None:
        if self._stop("memory", used_bytes, self.job.memory_bytes):
            self._population.end()

    def _disk_full(self, used_bytes: int) -> None:
        if self._stop("disk", used_bytes, self.job.disk_bytes):
            self._population.end()

    def _memory_killed(self, killed: int) -> None:
        """The memory killer took somebody: end all, as Kaggle ends the session.

        If it took the kernel, its death is reported as such, although others are ended here.
        """
        self.channel.send(
            MemoryKill(time_s=self.channel.now_s, killed=killed, cell=self.progress.cell)
        )
        # The counter goes up just before the signal is sent.
        if not self.kernel.exited.wait(_KILL_ARRIVES_S) and not self.kernel.is_ending():
            with self._lock:
                self.progress.stopped_by = self.progress.stopped_by or "memory_kill"
        self._population.end()

    def _name_wanted(self, name: str) -> None:
        if not self.progress.is_ready:
            return  # the kernel, which looks for its own name while it starts
        key = (name, self.progress.cell)
        if key not in self._names and len(self._names) < _NAMES_REPORTED:
            self._names.add(key)
            self.channel.send(NetworkAttempt(time_s=self.channel.now_s, name=name, cell=key[1]))

    def _send_sample(self, measured: Reading, choice: SampleChoice) -> None:
        time_s, cell = self.channel.now_s, self.progress.cell
        if choice.is_wanted(time_s, cell, measured.memory_bytes):
            self.channel.send(
                sample_of(measured, time_s=time_s, disk_bytes=self._disk.used_bytes, cell=cell)
            )

    def _give_up(self) -> None:
        """The cells' loop is stuck: end the run from here, with what has been saved so far."""
        self._log.close()
        self._renderer.kill()
        cell = self.progress.cell
        last: Event = RunnerFinished(
            time_s=self.channel.now_s,
            status="stopped",
            cell=cell,
            memory_kills=self._meter.kills,
        )
        if cell is not None:
            self.channel.send(
                CellFinished(
                    time_s=self.channel.now_s,
                    cell=cell,
                    status="stopped",
                    wall_time_s=round(self.channel.now_s - self.progress.started_s, 3),
                )
            )
        self.channel.send_last(last)
