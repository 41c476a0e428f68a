"""Unit tests start no process, open no connection and never sleep: a fixture forbids all three."""

from __future__ import annotations

import os
import socket
import subprocess
import time

import pytest


class ForbiddenError(AssertionError):
    """A unit test tried what only the other suites may do."""


def _refuse(what: str):
    def refuse(*_arguments: object, **_options: object) -> None:
        raise ForbiddenError(f"a unit test may not {what}")

    return refuse


@pytest.fixture(autouse=True)
def _forbid_the_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in ((subprocess, "Popen"), (os, "system"), (os, "fork"), (os, "posix_spawn")):
        monkeypatch.setattr(module, name, _refuse("start a process"))
    for name in ("connect", "connect_ex", "bind", "sendto"):
        monkeypatch.setattr(socket.socket, name, _refuse("open a connection"))
    monkeypatch.setattr(time, "sleep", _refuse("sleep"))
