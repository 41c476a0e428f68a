"""A name server that knows no name: every look-up becomes evidence of a need for the network.

pip, git, wget, curl and Python all ask the resolver, so this sees them all, also where the notebook
swallows the error. The answer SERVFAIL makes getaddrinfo say "Temporary failure in name
resolution", as it does on Kaggle with the internet off.

Source: RFC 1035, sections 4.1 and 4.2.2, read 2026-11.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
import threading
from collections.abc import Callable

ADDRESS = "127.0.0.1"
PORT = 53
_HEADER = struct.Struct("!6H")
_LONGEST_NAME = 255
_LARGEST_PACKET = 4096
_CONNECTIONS = 16
_TCP_PATIENCE_S = 1.0
_RESPONSE = 0x8000
_KEPT_FLAGS = 0x7900  # the kind of query and whether recursion is desired
_RECURSION_AVAILABLE = 0x0080
_SERVER_FAILURE = 2


def queried_name(packet: bytes) -> str:
    r"""Read the name of a query's first question.

    Returns:
        Lower case, without the dot at its end, bytes that are no printable ASCII as `\ddd`.

    Raises:
        ValueError: The packet is no query with a question.
    """
    if len(packet) < _HEADER.size:
        raise ValueError("shorter than a header")
    _, flags, questions, *_ = _HEADER.unpack_from(packet)
    if flags & _RESPONSE or questions < 1:
        raise ValueError("not a query")
    labels, _ = _question(packet)
    name = ".".join(
        "".join(chr(byte) if 0x20 < byte < 0x7F else f"\\{byte:03d}" for byte in label)
        for label in labels
    )
    return name.lower()


def failure_response(packet: bytes) -> bytes:
    """Write the answer to a query: the server failed.

    Raises:
        ValueError: The packet is no query with a question.
    """
    queried_name(packet)
    _, end = _question(packet)
    identity, flags, *_ = _HEADER.unpack_from(packet)
    answer = _RESPONSE | (flags & _KEPT_FLAGS) | _RECURSION_AVAILABLE | _SERVER_FAILURE
    return _HEADER.pack(identity, answer, 1, 0, 0, 0) + packet[_HEADER.size : end]


def _question(packet: bytes) -> tuple[list[bytes], int]:
    labels: list[bytes] = []
    position = _HEADER.size
    while True:
        if position >= len(packet) or position - _HEADER.size > _LONGEST_NAME:
            raise ValueError("the name does not end")
        length = packet[position]
        position += 1
        if length == 0:
            break
        if length > 63:
            raise ValueError("a question's name is not compressed")
        if position + length > len(packet):
            raise ValueError("the name does not end")
        labels.append(packet[position : position + length])
        position += length
    if position + 4 > len(packet):
        raise ValueError("no type and class")
    return labels, position + 4


class NameServer:
    """Answers on UDP and TCP from a thread of its own.

    Attributes:
        port: Where it listens.
    """

    def __init__(self, report: Callable[[str], None], *, port: int = PORT) -> None:
        """Bind both sockets.

        Args:
            report: Called with each name, from the server's thread.
            port: 0 chooses a free one.

        Raises:
            OSError: The port cannot be had.
        """
        self._report = report
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind((ADDRESS, port))
        self.port: int = self._udp.getsockname()[1]
        self._tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._tcp.bind((ADDRESS, self.port))
        self._tcp.listen()
        self._tcp.settimeout(0)
        self._udp.settimeout(0)
        self._slots = threading.BoundedSemaphore(_CONNECTIONS)

    def start(self) -> None:
        """Start answering."""
        threading.Thread(target=self._serve, name="name server", daemon=True).start()

    def _serve(self) -> None:
        waiting = selectors.DefaultSelector()
        waiting.register(self._udp, selectors.EVENT_READ, self._answer_datagram)
        waiting.register(self._tcp, selectors.EVENT_READ, self._accept)
        while True:
            for key, _ in waiting.select():
                # A client that goes away is no concern of the others.
                with contextlib.suppress(OSError):
                    key.data()

    def _answer_datagram(self) -> None:
        packet, sender = self._udp.recvfrom(_LARGEST_PACKET)
        answer = self._answer(packet)
        if answer is not None:
            self._udp.sendto(answer, sender)

    def _answer(self, packet: bytes) -> bytes | None:
        try:
            self._report(queried_name(packet))
            return failure_response(packet)
        except ValueError:
            return None

    def _accept(self) -> None:
        connection, _ = self._tcp.accept()
        if not self._slots.acquire(blocking=False):
            connection.close()
            return
        threading.Thread(
            target=self._converse, args=(connection,), name="name server, TCP", daemon=True
        ).start()

    def _converse(self, connection: socket.socket) -> None:
        try:
            with connection, contextlib.suppress(OSError):
                connection.settimeout(_TCP_PATIENCE_S)
                length = int.from_bytes(_exactly(connection, 2), "big")
                answer = self._answer(_exactly(connection, min(length, _LARGEST_PACKET)))
                if answer is not None:
                    connection.sendall(len(answer).to_bytes(2, "big") + answer)
        finally:
            self._slots.release()


def _exactly(connection: socket.socket, count: int) -> bytes:
    received = b""
    while len(received) < count:
        block = connection.recv(count - len(received))
        if not block:
            return received
        received += block
    return received
