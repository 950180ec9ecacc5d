"""Runs the sandbox as a process of its own, for tests, benchmarks and the demo."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from pipeline.errors import SunlakeError
from pipeline.sandbox.world import JsonObject

STOP_SECONDS = 5
CONTROL_SECONDS = 60


@dataclass(frozen=True, slots=True)
class SandboxKey:
    """A key that the sandbox accepts."""

    id: str
    secret: str
    integration_id: str | None = None


class Sandbox:
    """A sandbox server as a context manager: started and ready on entry, gone on exit, also when this process dies.

    Args:
        worlds: one app each, as in `--world`.
        latency_ms: how long every call takes at least.
        rate_limit: calls a second before 429s begin; 0: no limit.
        faults: as in `POST /_control/faults`, set before the first call.
        behaviour: as in `POST /_control/behaviour`.
        seed: makes faults repeatable.
        port: 0 takes a free one.
        cache_mib: how many MiB of rendered messages the server keeps.
    """

    def __init__(
        self,
        *worlds: str,
        latency_ms: float = 0,
        rate_limit: float = 0,
        faults: Sequence[Mapping[str, Any]] = (),
        behaviour: Mapping[str, Any] | None = None,
        seed: int = 0,
        port: int = 0,
        cache_mib: int = 256,
    ) -> None:
        self._command = [sys.executable, "-m", "pipeline.sandbox", "--until-stdin-ends"]
        self._command += [
            f"--seed={seed}",
            f"--port={port}",
            f"--latency-ms={latency_ms}",
            f"--rate-limit={rate_limit}",
        ]
        self._command += [f"--cache-mib={cache_mib}"]
        self._command += [f"--world={world}" for world in worlds]
        self._faults = list(faults)
        self._behaviour = dict(behaviour or {})
        self._process: subprocess.Popen[str] | None = None
        self._ready: dict[str, Any] = {}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the server and wait until it answers.

        Raises:
            SunlakeError: it ended instead; the reason is on standard error.
        """
        self._process = self._launch()
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self.stop()
            raise SunlakeError("the sandbox ended before it was ready: see what it wrote to standard error")
        self._ready = json.loads(line)
        self._set_up()

    def stop(self) -> None:
        """End the server; does nothing if it has ended."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for stream in (process.stdin, process.stdout):
            assert stream is not None
            stream.close()

    @property
    def base_url(self) -> str:
        """Scheme, host and port."""
        return str(self._ready["base_url"])

    @property
    def app_ids(self) -> list[str]:
        """The apps, in the order of the worlds."""
        return [app["app_id"] for app in self._ready["apps"]]

    @property
    def app_id(self) -> str:
        """The first app."""
        return self.app_ids[0]

    @property
    def keys(self) -> dict[str, dict[str, SandboxKey]]:
        """All keys, by app and scope: app, account, integration."""
        apps: list[dict[str, Any]] = self._ready["apps"]
        return {app["app_id"]: {scope: SandboxKey(**key) for scope, key in app["keys"].items()} for app in apps}

    def key(self, scope: str = "app", *, app_id: str | None = None) -> SandboxKey:
        """A key of the first or the named app; scopes are app, account and integration."""
        return self.keys[app_id or self.app_id][scope]

    def control(self, path: str, payload: Any = None) -> Any:
        """Call the control interface: GET without a payload, else POST.

        Raises:
            SunlakeError: the server refused; the message says why.
        """
        data = None if payload is None else json.dumps(payload).encode()
        request = urllib.request.Request(f"{self.base_url}/_control/{path}", data=data)  # noqa: S310 - loopback http
        try:
            with urllib.request.urlopen(request, timeout=CONTROL_SECONDS) as answer:  # noqa: S310 - loopback http
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                raise SunlakeError(f"the sandbox refused {path}: {error.read().decode()}") from error

    def stats(self) -> dict[str, Any]:
        """What the server saw since the start or the last reset."""
        return dict(self.control("stats"))

    def reset(self) -> None:
        """Undo everything that happened since the start: worlds, faults, behaviour, schedule, counts."""
        self.control("reset", {})
        self._set_up()

    def warm(self) -> int:
        """Render messages ahead, as far as the cache goes; returns how many conversations are held."""
        return int(self.control("warm", {})["conversations"])

    def reset_stats(self) -> None:
        """Let counting begin anew."""
        self.control("stats/reset", {})

    def destroying(self) -> list[dict[str, Any]]:
        """Every call since the last reset that was no GET, oldest first: `route`, `target` as it was sent, `status`.

        Calls that are no route of the server are among them, with the route `unknown`; status 0 means no answer.
        """
        return list(self.control("destroying")["calls"])

    def set_faults(self, *faults: Mapping[str, Any]) -> None:
        """Replace all faults, as in `{"kind": "status", "status": 503, "times": 2}`; none given: no faults."""
        self.control("faults", list(faults))

    def set_behaviour(self, **values: Any) -> None:
        """Decide open questions of the specification (see `Behaviour`)."""
        self.control("behaviour", values)

    def change(self, *changes: Mapping[str, Any]) -> list[list[str]]:
        """Let things happen now, as in `{"op": "delete_user", "user_id": ...}`; returns the ids of what each added."""
        return list(self.control("changes", list(changes))["ids"])

    def schedule(self, *appointments: Mapping[str, Any]) -> None:
        """Replace the schedule, as in `{"after_calls": 5, "route": "", "changes": [...]}`."""
        self.control("schedule", list(appointments))

    def seeds(self, *, app_id: str | None = None) -> Iterator[dict[str, str]]:
        """Rows of a seeds file from which everything can be reached: `app_id` and `user_id` or `conversation_id`."""
        yield from self._lines("seeds", {"app_id": app_id} if app_id else {})

    def world(self, *tables: str, app_id: str | None = None) -> Iterator[JsonObject]:
        """Everything that is true now, a line at a time: `{"table": ..., "app_id": ..., "object": ...}`.

        Args:
            tables: as the lake names them; none: all.
            app_id: the only app; None: all.
        """
        query = {"tables": ",".join(tables)} if tables else {}
        query |= {"app_id": app_id} if app_id else {}
        yield from self._lines("world", query)

    def _launch(self) -> subprocess.Popen[str]:
        return subprocess.Popen(  # noqa: S603 - this interpreter and this package
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def _set_up(self) -> None:
        if self._faults:
            self.control("faults", self._faults)
        if self._behaviour:
            self.control("behaviour", self._behaviour)

    def _lines(self, path: str, query: Mapping[str, str]) -> Iterator[Any]:
        url = f"{self.base_url}/_control/{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=CONTROL_SECONDS) as answer:  # noqa: S310 - loopback http
            for line in answer:
                yield json.loads(line)
