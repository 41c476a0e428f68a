"""The only caller of subprocess on the host.

A missing program and an exit code other than 0 are results, not exceptions: callers decide what
they mean.
"""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

MISSING_PROGRAM = 127
TIMED_OUT = 124

Child = subprocess.Popen[bytes]
"""A program that `start` started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """How a program ended.

    Attributes:
        command: The argument list.
        code: Exit code; negative for a signal; 127 when the program is missing, 124 on a timeout.
        stdout: Decoded, invalid bytes replaced.
        stderr: The same.
    """

    command: tuple[str, ...]
    code: int
    stdout: str
    stderr: str

    @property
    def ok(self) -> bool:
        """Whether the exit code is 0."""
        return self.code == 0

    def __str__(self) -> str:
        """Command, code and both streams, indented, for an error message."""
        streams = "\n".join(
            f"{name}:\n" + ("\n".join(f"    {line}" for line in text.splitlines()) or "    (none)")
            for name, text in (("stdout", self.stdout), ("stderr", self.stderr))
        )
        return f"{shlex.join(self.command)}\nexit code: {self.code}\n{streams}"


def run(
    command: Sequence[str | Path],
    *,
    timeout_s: float = 60.0,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    stdin: bytes | None = None,
) -> Completed:
    """Run a program to its end and return what it printed."""
    argv = tuple(str(part) for part in command)
    try:
        done = subprocess.run(
            argv,
            input=stdin if stdin is not None else b"",
            capture_output=True,
            timeout=timeout_s,
            cwd=cwd,
            env=None if environment is None else dict(environment),
            check=False,
        )
    except FileNotFoundError as error:
        return Completed(command=argv, code=MISSING_PROGRAM, stdout="", stderr=str(error))
    except PermissionError as error:
        return Completed(command=argv, code=126, stdout="", stderr=str(error))
    except subprocess.TimeoutExpired as error:
        return Completed(
            command=argv,
            code=TIMED_OUT,
            stdout=(error.stdout or b"").decode(errors="replace"),
            stderr=f"no end after {timeout_s:g} s",
        )
    return Completed(
        command=argv,
        code=done.returncode,
        stdout=done.stdout.decode(errors="replace"),
        stderr=done.stderr.decode(errors="replace"),
    )


def start(
    command: Sequence[str | Path],
    *,
    stdin: int | IO[bytes] = subprocess.PIPE,
    stdout: int | IO[bytes] = subprocess.PIPE,
    stderr: int | IO[bytes] = subprocess.PIPE,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own, so that Ctrl-C reaches the harness alone.

    Raises:
        FileNotFoundError: The program is missing.
    """
    return subprocess.Popen(
        tuple(str(part) for part in command),
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        env=None if environment is None else dict(environment),
        cwd=cwd,
        start_new_session=True,
        close_fds=True,
    )


def run_streaming(command: Sequence[str | Path], *, cwd: Path | None = None) -> int:
    """Run a long program (an image build, pip) whose output the person should see as it comes.

    Its standard output goes to our standard error: standard output is for data.

    Returns:
        Its exit code; 127 when the program is missing.
    """
    try:
        return subprocess.run(
            tuple(str(part) for part in command), stdout=2, cwd=cwd, check=False
        ).returncode
    except FileNotFoundError:
        return MISSING_PROGRAM


def wait(child: Child, timeout_s: float) -> int | None:
    """Wait for a started program's end.

    Returns:
        Its exit code, negative for a signal; None when it has not ended in time.
    """
    try:
        return child.wait(timeout_s)
    except subprocess.TimeoutExpired:
        return None
