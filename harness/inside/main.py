"""Entry of the runner: `PYTHON -I -B -X utf8 …/harness/inside/main.py JOB`.

The kernel is started before anything large is imported. Standard output carries events and nothing
else; the exit code is 0 when the last event was sent and the host has closed standard input.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import traceback
from pathlib import Path

# The folder that holds the package `harness`.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from harness.inside.channel import Channel
from harness.inside.job import Job, read_job
from harness.inside.kernel import KernelProcess

_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
# Those that cannot be ignored, the one that tells of our children's end, and our own faults, which
# no init passes on.
_NOT_IGNORED = {
    *(signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD),
    *(signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL),
    *(signal.SIGABRT, signal.SIGTRAP, signal.SIGSYS),
}


def main(arguments: list[str]) -> int:
    """Run the job in the file that the first argument names."""
    channel = Channel()
    try:
        run_job(read_job(Path(arguments[0])), channel)
    except Exception:  # noqa: BLE001 - whatever it is, the host has to hear of it
        report_failure(channel, traceback.format_exc())
        channel.watch_host()
    channel.host_gone.wait()  # the host closes our input when it has fetched the files
    return 0


def run_job(job: Job, channel: Channel) -> None:
    """Start the kernel, then import and do the rest."""
    if not job.sole:
        # What the notebook leaves behind becomes our child, so that it can be found and ended.
        ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    kernel = KernelProcess(job)
    channel.watch_host()
    # The notebook can signal the sandbox's init, which passes signals on to us.
    for number in signal.valid_signals() - _NOT_IGNORED:
        signal.signal(number, signal.SIG_IGN)
    from harness.inside.run import Run  # noqa: PLC0415 - the kernel starts meanwhile

    run = Run(job, channel, kernel)
    try:
        run.execute()
    except Exception:
        run.end_processes()
        raise


def report_failure(channel: Channel, detail: str) -> None:
    """Tell the host that the runner is broken."""
    from harness.events import RunnerFailed  # noqa: PLC0415

    channel.send_last(RunnerFailed(time_s=channel.now_s, detail=detail))


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(code)  # threads that still read a pipe must not hold the end up
