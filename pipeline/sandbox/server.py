"""Runs a local Sunshine Conversations API on a loopback port."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
import uvicorn

from pipeline.errors import ConfigError, UsageError
from pipeline.sandbox.behaviour import Behaviour
from pipeline.sandbox.control import make_control
from pipeline.sandbox.faults import Fault, RateLimit, Slow
from pipeline.sandbox.gateway import Gateway
from pipeline.sandbox.ready import describe
from pipeline.sandbox.recorded import RecordedWorld
from pipeline.sandbox.rendered import DEFAULT_LIMIT
from pipeline.sandbox.service import Service
from pipeline.sandbox.transmit import Protocol
from pipeline.sandbox.world import World
from pipeline.sandbox.worlds import open_world

KEEP_ALIVE_SECONDS = 75
SHUTDOWN_SECONDS = 1
BACKLOG = 2048
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def serve(
    worlds: Sequence[str],
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    faults: Sequence[Fault] = (),
    behaviour: Behaviour | None = None,
    seed: int = 0,
    cache_bytes: int = DEFAULT_LIMIT,
    on_ready: Callable[[str], None] = print,
    until_stdin_ends: bool = False,
) -> None:
    """Serve worlds, one app each, until SIGINT or SIGTERM.

    Args:
        worlds: as `open_world` names them, or `recorded:FILE` for JSON Lines from `/_control/world`.
        host: a loopback address; made-up keys protect nothing.
        port: 0 takes a free one.
        faults: how calls fail from the start.
        behaviour: answers to what the specification leaves open.
        seed: makes faults repeatable.
        cache_bytes: how many bytes of rendered messages are kept.
        on_ready: is given one line of JSON (`ready.describe`) when the server accepts connections.
        until_stdin_ends: stop, too, when standard input ends, so that the server can't outlive who holds the other end.

    Raises:
        UsageError: the host is not loopback, the port is taken, or a world can't be opened.
    """
    service = Service(
        [open_any_world(spec) for spec in worlds], behaviour=behaviour or Behaviour(), cache_bytes=cache_bytes
    )
    gateway = Gateway(service, faults=faults, seed=seed)
    gateway.control = make_control(gateway)
    with contextlib.closing(_listen(host, port)) as listener:
        service.base_url = _url(listener)
        server = _Server(_config(gateway), on_started=lambda: on_ready(msgspec.json.encode(describe(service)).decode()))
        if until_stdin_ends:
            threading.Thread(target=_stop_at_end_of_input, args=(server,), daemon=True).start()
        server.run(sockets=[listener])


def open_any_world(spec: str) -> World:
    """The world behind a spec, recorded or made.

    Raises:
        ConfigError: there is none.
    """
    if spec.startswith("recorded:"):
        return RecordedWorld.read(Path(spec.removeprefix("recorded:")))
    return open_world(spec)


def usual_faults(*, latency_ms: float = 0, rate_limit: float = 0) -> list[Fault]:
    """What benchmarks ask for: latency of every call, and calls per second before 429s begin; 0 means none."""
    faults: list[Fault] = []
    if rate_limit:
        faults.append(RateLimit(rate=rate_limit))
    if latency_ms:
        faults.append(Slow(latency_ms=latency_ms))
    return faults


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, *, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = on_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_started()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # uvicorn's own raises the signal once more after the shutdown, which turns a wanted end into a failure.
        loop = asyncio.get_running_loop()
        signals = _STOP_SIGNALS if threading.current_thread() is threading.main_thread() else ()
        for number in signals:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield
        for number in signals:
            loop.remove_signal_handler(number)


def _config(gateway: Gateway) -> uvicorn.Config:
    return uvicorn.Config(
        gateway,
        http=Protocol,
        ws="none",
        loop="asyncio",
        lifespan="off",
        access_log=False,
        log_level="error",
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )


def _listen(host: str, port: int) -> socket.socket:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raise ConfigError("the sandbox listens on a loopback address only: use 127.0.0.1 or ::1") from None
    if not address.is_loopback:
        raise ConfigError("the sandbox listens on a loopback address only: use 127.0.0.1 or ::1")
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    # asyncio turns Nagle's algorithm off only where a socket names its protocol; with it, small answers wait 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise UsageError(f"can't listen on port {port} ({error.strerror}): choose another one, or 0") from error
    return listener


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _stop_at_end_of_input(server: uvicorn.Server) -> None:
    # Not through sys.stdin: a thread that waits in there holds a lock which the interpreter needs at its end.
    while os.read(sys.stdin.fileno(), 4096):
        pass
    server.should_exit = True
