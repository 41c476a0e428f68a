"""A run without a harness on the host: what the service `verify` of compose.yaml starts.

It stands in for the engine: writes the job, starts the runner out of the notebook's reach, shows
its events in short, and copies what the runner wrote to where the notebook's own files are. There
is no judge here, so no submission file is checked and no cause is found: `harness verify` does.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

MAIN = Path(__file__).resolve().with_name("main.py")
sys.path.insert(0, str(MAIN.parents[2]))  # the folder that holds the package `harness`

from harness.events import (  # noqa: E402 - the line above makes it importable
    CellFinished,
    CellStarted,
    LimitReached,
    MemoryKill,
    NetworkAttempt,
    NotebookRefused,
    RunnerFailed,
    RunnerFinished,
    decode,
)

RUNNER_UID = "990"
_CAPABILITIES = "+setuid,+setgid,+setpcap,+kill,+net_bind_service,+dac_read_search"
_AS_RUNNER = (
    *("setpriv", "--reuid", RUNNER_UID, "--regid", RUNNER_UID, "--clear-groups"),
    *("--inh-caps", _CAPABILITIES, "--ambient-caps", _CAPABILITIES, "--"),
)
_AS_NOTEBOOK = (
    *("setpriv", "--reuid", "0", "--regid", "0", "--clear-groups"),
    *("--ambient-caps", "-all", "--inh-caps", "-all", "--bounding-set", "-all"),
    *("--no-new-privs", "--"),
)
_SHOWN = (
    CellStarted,
    CellFinished,
    NotebookRefused,
    NetworkAttempt,
    LimitReached,
    MemoryKill,
    RunnerFinished,
    RunnerFailed,
)
_LAST = (RunnerFinished, RunnerFailed)
_NOT_THE_NOTEBOOKS = frozenset({"HOSTNAME", "NVIDIA_VISIBLE_DEVICES"})  # of Docker's own making


def main(arguments: list[str]) -> int:
    """Run the notebook; 0 when it ran to its end without a failure, else 1."""
    asked = _parse(arguments)
    job = Path("/run/job.json")
    job.write_text(json.dumps(job_of(asked, dict(os.environ))), encoding="utf-8")
    # By the runner's own uid: its folder is one that nobody else may write to, root included.
    subprocess.run((*_AS_RUNNER, "mkdir", "--mode", "755", str(asked.out)), check=True)
    shutil.copyfile(asked.notebook, asked.working / "__notebook__.ipynb")
    runner = subprocess.Popen(
        (*_AS_RUNNER, sys.executable, "-I", "-B", "-X", "utf8", str(MAIN), str(job)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    passed = _follow(runner)
    if asked.out.is_dir():
        shutil.copytree(asked.out, asked.working, dirs_exist_ok=True)
    runner.communicate()  # the end of its input, which lets it leave
    return 0 if passed else 1


def job_of(asked: argparse.Namespace, environment: dict[str, str]) -> dict[str, object]:
    """The job, as `harness.engine.runner` writes it for an engine."""
    return {
        "notebook": str(asked.notebook),
        "out": str(asked.out),
        "working": str(asked.working),
        "kernel_prefix": list(_AS_NOTEBOOK),
        "environment": {
            name: value for name, value in environment.items() if name not in _NOT_THE_NOTEBOOKS
        },
        "wall_time_s": asked.wall_time_s,
        "grace_s": 10.0,
        "memory_bytes": asked.memory_bytes,
        "watch_memory": False,
        "disk_bytes": asked.disk_bytes,
        "output_bytes": 10 * 2**20,
        "cpus": None,
        "process_limit": None,
        "name_server": True,
        "sole": False,  # this process is in the same namespace, and must not be ended
    }


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("notebook", type=Path)
    parser.add_argument("--out", type=Path, default=Path("/harness/out"))
    parser.add_argument("--working", type=Path, default=Path("/kaggle/working"))
    parser.add_argument("--wall-time-s", type=float, required=True)
    parser.add_argument("--memory-bytes", type=int, required=True)
    parser.add_argument("--disk-bytes", type=int, required=True)
    return parser.parse_args(arguments)


def _follow(runner: subprocess.Popen[bytes]) -> bool:
    """Show the runner's events until its last; tell whether the notebook ran to its end."""
    for line in runner.stdout or ():
        try:
            event = decode(line.decode("utf-8"))
        except ValueError:
            sys.stderr.write(line.decode("utf-8", "replace"))
            continue
        if isinstance(event, _SHOWN):
            # As JSON: what a notebook wrote into a name or a message cannot act on a terminal.
            sys.stdout.write(line.decode("utf-8"))
            sys.stdout.flush()
        if isinstance(event, _LAST):
            return isinstance(event, RunnerFinished) and event.status == "completed"
    return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
