"""What the engine answered when it could not, as errors with a next step.

Source of the engine's sentences: answers of Docker 20.10 to 28 and of runc, read 2026-11.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from harness.errors import EngineError, HarnessError, PrerequisiteError

_HINTS = {
    "bind source path does not exist": (
        "The engine does not see this machine's folders: use one that runs here (not over ssh or "
        "tcp, not a snap), or --engine bubblewrap."
    ),
    "could not select device driver": (
        "Install the NVIDIA Container Toolkit and restart the engine, or run with --profile cpu."
    ),
    "docker-init": "The engine has no init program: install tini (Docker) or catatonit (podman).",
    "no such image": "Build it with 'make image', or load a saved one: 'docker load -i FILE'.",
    "requested cpus are not available": (
        "Let the engine use those cores, or ask for fewer: --cpus N."
    ),
    "no space left on device": "Free some space on the engine's disk: 'docker system df'.",
}


@contextmanager
def engine_errors(doing: str) -> Iterator[None]:
    """Turn what the SDK raises into our errors.

    Args:
        doing: What was tried, to follow "while": `creating the container`.

    Raises:
        PrerequisiteError: The engine refused for a reason that the user can mend.
        EngineError: The engine failed, or went away.
    """
    from docker.errors import APIError, DockerException  # noqa: PLC0415 - 80 ms

    try:
        yield
    except HarnessError:
        raise
    except APIError as error:
        raise refused(doing, str(error.explanation or error)) from error
    except (DockerException, OSError) as error:  # of `requests` too: its errors are OSErrors
        raise went_away(doing, str(error)) from error


def refused(doing: str, answer: str) -> HarnessError:
    """Build the error for an engine that answered with a refusal."""
    for phrase, fix in _HINTS.items():
        if phrase in answer.lower():
            return PrerequisiteError(f"The Docker engine refused while {doing}: {answer}", fix=fix)
    return EngineError(
        f"The Docker engine failed while {doing}: {answer}",
        fix="Look at its log ('journalctl -u docker'), then run again.",
    )


def went_away(doing: str, reason: str) -> EngineError:
    """Build the error for an engine that stopped answering during a run."""
    return EngineError(
        f"The Docker engine went away while {doing}: {reason}",
        fix="Start it again ('sudo systemctl start docker'), then run 'harness doctor', which "
        "removes what this run may have left, and run again.",
    )
