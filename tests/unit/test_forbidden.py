"""The fixture that keeps unit tests to themselves does so."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time

import pytest

from harness import process


def _connect():
    with socket.socket() as connection:
        connection.connect(("127.0.0.1", 9))


@pytest.mark.parametrize(
    "attempt",
    [
        lambda: subprocess.run([sys.executable, "-c", ""], check=False),
        lambda: process.run([sys.executable, "-c", ""]),
        lambda: os.system("true"),  # noqa: S605
        _connect,
        lambda: time.sleep(0.001),
    ],
)
def test_forbidden(attempt):
    with pytest.raises(AssertionError, match="a unit test may not"):
        attempt()
