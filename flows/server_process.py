"""`python -m flows.server_process`: Prefect's API on a free loopback port, for as long as standard input stays open.

A server that is stopped by the end of its standard input can't outlive the process that started it, however that ends.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import threading
from typing import Final

import uvicorn

APP: Final = "prefect.server.api.server:create_app"
STOP_SECONDS: Final = 5


def main() -> int:
    """Serve; print the API's URL once it answers. Returns 1 if it could not start."""
    config = uvicorn.Config(APP, factory=True, log_level="error", timeout_graceful_shutdown=STOP_SECONDS)
    server = uvicorn.Server(config)
    threading.Thread(target=_stop_with_stdin, args=(server,), daemon=True).start()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        asyncio.run(_serve(server, listener))
    return 0 if server.started else 1


def _stop_with_stdin(server: uvicorn.Server) -> None:
    while os.read(sys.stdin.fileno(), 1):  # a buffered read could not be left when the interpreter ends
        pass
    server.should_exit = True


async def _serve(server: uvicorn.Server, listener: socket.socket) -> None:
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started and not serving.done():  # noqa: ASYNC110 - uvicorn offers no event to wait for
        await asyncio.sleep(0.05)
    if server.started:
        print(f"http://127.0.0.1:{listener.getsockname()[1]}/api", flush=True)
    await serving


if __name__ == "__main__":
    sys.exit(main())
