"""The door of compose.yaml's `lab`: from a TCP port to the Unix socket that JupyterLab listens on.

JupyterLab's own container has no network at all, as on Kaggle, so no port of it can be published.
It listens on a socket file in a volume instead, and this program, in a container beside it that
runs nothing else, joins that file to a port. Standard library only: it is mounted as it is.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

_CHUNK = 1 << 16


async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy one direction of a connection until it ends."""
    try:
        while chunk := await reader.read(_CHUNK):
            writer.write(chunk)
            await writer.drain()
    except ConnectionError:
        pass  # one side left: the other is closed below, which is all there is to do
    finally:
        writer.close()


async def serve(port: int, socket: Path) -> None:
    """Accept connections for ever; one that finds nobody behind the door is closed."""

    async def enter(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            inner_reader, inner_writer = await asyncio.open_unix_connection(str(socket))
        except OSError as error:
            sys.stderr.write(f"{socket}: {error}\n")
            writer.close()
            return
        await asyncio.gather(join(reader, inner_writer), join(inner_reader, writer))

    # All addresses of this container: compose publishes the port on 127.0.0.1 of the host alone.
    server = await asyncio.start_server(enter, "0.0.0.0", port)  # noqa: S104
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2])))
