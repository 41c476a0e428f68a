"""The name server on real sockets, and the runner's closing to code from disk."""

from __future__ import annotations

import queue
import socket
import struct
import subprocess

import pytest

from harness.inside.sink import ADDRESS, NameServer
from tests.kernel.driver import MAIN

QUERY = struct.pack("!6H", 7, 0x0100, 1, 0, 0, 0) + b"\3hub\4test\0" + struct.pack("!2H", 1, 1)


@pytest.fixture
def names() -> queue.Queue[str]:
    """What the server has reported."""
    return queue.Queue()


@pytest.fixture
def port(names: queue.Queue[str]) -> int:
    """A running server's port."""
    server = NameServer(names.put, port=0)
    server.start()
    return server.port


def test_it_answers_datagrams(port, names):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(5)
        client.sendto(b"rubbish", (ADDRESS, port))
        client.sendto(QUERY, (ADDRESS, port))
        answer, _ = client.recvfrom(512)
    assert answer[:2] == QUERY[:2]
    assert answer[3] & 0x0F == 2
    assert names.get(timeout=5) == "hub.test"
    assert names.empty()


def test_it_answers_connections_although_others_hang(port, names):
    with (
        socket.create_connection((ADDRESS, port)),
        socket.create_connection((ADDRESS, port), timeout=5) as client,
    ):
        client.sendall(len(QUERY).to_bytes(2, "big") + QUERY)
        length = int.from_bytes(client.recv(2), "big")
        assert len(client.recv(512)) == length == len(QUERY)
    assert names.get(timeout=5) == "hub.test"


@pytest.mark.kernel
def test_a_sealed_runner_imports_nothing_from_disk(environment):
    program = (
        f"import sys; sys.path.insert(0, {str(MAIN.parents[2])!r})\n"
        "from harness.inside import session\n"
        "from harness.inside.sealing import seal_imports\nseal_imports()\n"
        "import sys, _weakref\n"
        "try:\n    import wave\nexcept ModuleNotFoundError:\n    print('sealed')"
    )
    python = environment / "bin" / "python"
    done = subprocess.run([python, "-I", "-B", "-c", program], capture_output=True, check=False)
    assert done.stdout == b"sealed\n", done.stderr.decode()
