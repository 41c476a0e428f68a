"""The conversation with the kernel: what nbclient calls a kernel client, on sockets of our own.

Own sockets, because jupyter_client's raise at a malformed message, flush for 0.2 s at the start
and reconnect only every 0.1 s; and because output has to be bounded before it is parsed. Only the
session, which writes and signs messages, is jupyter_client's.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from queue import Empty
from typing import Any

import zmq
import zmq.asyncio
from jupyter_client.session import Session

from harness.inside.kernel import Connection
from harness.inside.wire import RawMessage, parse_reply, split_message

Message = dict[str, Any]
Filter = Callable[[RawMessage], "Message | None"]

_LARGEST_MESSAGE = 2**30
_LARGEST_COMM = 2**20
_RECONNECT_MS = 5
_BATCH = 200
_COPIED_BYTES = 2**16
_NUDGE_S = 0.5


class MessageChannel:
    """One ZeroMQ socket: messages that pass a filter come out, requests go in."""

    def __init__(self, socket: zmq.asyncio.Socket, session: Session, accept: Filter) -> None:
        self._socket = socket
        self._plain = zmq.Socket.shadow(socket.underlying)
        self._session = session
        self._accept = accept
        self._accepted: deque[Message] = deque()

    async def get_msg(self, timeout: float | None = None) -> Message:
        """Return the next message that passes the filter.

        Raises:
            queue.Empty: None came in `timeout` seconds.
        """
        if timeout is None:
            return await self._next()
        try:
            return await asyncio.wait_for(self._next(), timeout)
        except asyncio.TimeoutError:
            raise Empty from None

    async def _next(self) -> Message:
        while not self._accepted:
            self._take(await self._socket.recv_multipart(copy=False))
            if not self._take_batch():
                # A flood of which nothing is kept must not keep the rest of the loop from running.
                await asyncio.sleep(0)
        return self._accepted.popleft()

    def _take_batch(self) -> bool:
        """Take what has arrived without a detour by the loop; False when there may be more."""
        with contextlib.suppress(zmq.Again):
            for _ in range(_BATCH):
                self._take(self._plain.recv_multipart(zmq.NOBLOCK, copy=False))
            return False
        return True

    def _take(self, frames: list[zmq.Frame]) -> None:
        # A large part is not copied: most of it will be dropped.
        parts = [frame.bytes if len(frame) <= _COPIED_BYTES else frame.buffer for frame in frames]
        raw = split_message(parts)
        message = None if raw is None else self._accept(raw)
        if message is not None:
            self._accepted.append(message)

    def send(self, message: Message) -> None:
        """Send a message.

        A widget's message is dropped when the kernel does not read: nothing waits for it, and a
        queue of them would grow for ever.
        """
        frames = self._session.serialize(message)
        # Through the asyncio socket, not the plain one: it looks for arrivals after sending, which
        # ZeroMQ does not signal again.
        if not message["msg_type"].startswith("comm"):
            self._socket.send_multipart(frames)
        elif sum(len(frame) for frame in frames) <= _LARGEST_COMM:
            self._socket.send_multipart(frames, flags=zmq.NOBLOCK).exception()


class KernelConnection:
    """What nbclient needs of a kernel client, and a shutdown request.

    Attributes:
        allow_stdin: False: a cell that asks for input fails, as it does on Kaggle.
        running_request: Id of the execute request sent last.
    """

    def __init__(self, connection: Connection, accept_output: Filter) -> None:
        """Connect; the kernel need not listen yet.

        Args:
            connection: Where it will listen.
            accept_output: Filter for messages of the running request on the IOPub channel.
        """
        self.allow_stdin = False
        self.running_request = ""
        self.session = Session(key=connection.key.encode("ascii"))
        self._context = zmq.asyncio.Context()
        self._accept_output = accept_output
        self.iopub_channel = self._channel(
            zmq.SUB, connection.address("iopub_port"), self._accept_running
        )
        self.shell_channel = self._channel(
            zmq.DEALER, connection.address("shell_port"), parse_reply
        )
        self.control_channel = self._channel(
            zmq.DEALER, connection.address("control_port"), parse_reply
        )

    def _channel(self, kind: int, address: str, accept: Filter) -> MessageChannel:
        socket = self._context.socket(kind)
        socket.linger = 0
        socket.setsockopt(zmq.RECONNECT_IVL, _RECONNECT_MS)
        socket.setsockopt(zmq.MAXMSGSIZE, _LARGEST_MESSAGE)
        socket.setsockopt(zmq.SNDHWM, 100)
        # The kernel drops messages, perhaps the one that a cell has ended, when we do not take
        # them: so the queue is unlimited, and emptied as fast as they come.
        socket.setsockopt(zmq.RCVHWM, 0)
        if kind == zmq.SUB:
            socket.setsockopt(zmq.SUBSCRIBE, b"")
        socket.connect(address)
        return MessageChannel(socket, self.session, accept)

    def _accept_running(self, raw: RawMessage) -> Message | None:
        if raw.parent_id != self.running_request:
            return None  # nbclient would drop it too
        return self._accept_output(raw)

    def execute(self, code: str, *, store_history: bool = True, stop_on_error: bool = True) -> str:
        """Send code to be executed and return the request's id."""
        content = {
            "code": code,
            "silent": False,
            "store_history": store_history,
            "user_expressions": {},
            "allow_stdin": self.allow_stdin,
            "stop_on_error": stop_on_error,
        }
        self.running_request = self._send(self.shell_channel, "execute_request", content)
        return self.running_request

    def request_info(self) -> str:
        """Ask the kernel who it is and return the request's id."""
        return self._send(self.shell_channel, "kernel_info_request", {})

    def request_shutdown(self) -> None:
        """Ask the kernel to end."""
        self._send(self.control_channel, "shutdown_request", {"restart": False})

    def _send(self, channel: MessageChannel, kind: str, content: Message) -> str:
        message = self.session.msg(kind, content)
        channel.send(message)
        return str(message["header"]["msg_id"])

    async def wait_until_ready(self) -> Message:
        """Wait until the kernel answers and its output reaches us; return its info reply.

        Both are waited for, because a subscription that comes too late loses the first outputs.
        """
        while True:
            self.running_request = self.request_info()
            both = asyncio.gather(
                self.wait_for_reply(self.running_request), self.iopub_channel.get_msg()
            )
            try:
                reply, _ = await asyncio.wait_for(both, _NUDGE_S)
            except asyncio.TimeoutError:
                continue
            return reply

    async def wait_for_reply(self, request: str) -> Message:
        """Return the reply to a request on the shell channel, for as long as it takes."""
        while True:
            message = await self.shell_channel.get_msg()
            if message["parent_header"].get("msg_id") == request:
                return message

    def close(self) -> None:
        """Close all sockets."""
        self._context.destroy(linger=0)
