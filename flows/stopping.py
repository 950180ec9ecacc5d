"""SIGTERM as a wish to stop: when a run is cancelled, or its runner is stopped, what was begun is brought to an end."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from flows.given import given, giving


@contextmanager
def stopping() -> Iterator[asyncio.Event]:
    """Give the event that says that the flow should stop: the caller's, or one that SIGTERM sets.

    Flows that are called inside the block get the same one.
    """
    stop = given().stop
    if stop is not None:
        yield stop
        return
    with _set_by_sigterm(asyncio.Event()) as stop, giving(replace(given(), stop=stop)):
        yield stop


@contextmanager
def _set_by_sigterm(stop: asyncio.Event) -> Iterator[asyncio.Event]:
    if threading.current_thread() is not threading.main_thread():
        yield stop  # only the main thread may handle signals
        return
    loop = asyncio.get_running_loop()
    before = signal.getsignal(signal.SIGTERM)
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    try:
        yield stop
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
        signal.signal(signal.SIGTERM, before)
