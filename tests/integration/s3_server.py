"""A store that speaks S3 on this machine (moto), with faults that a test asks for."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeAlias

import boto3
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

from pipeline.places import StorageSettings

KEY, SECRET = "test-key", "test-secret"
ERROR = "<?xml version='1.0'?><Error><Code>{code}</Code><Message>about {key}</Message></Error>"
Concerns: TypeAlias = Callable[[str, str, str], bool]


@dataclass
class Fault:
    """What becomes of the requests that `concerns` says yes to, given method, path and query.

    `after`: so many of them pass first; `times`: so many are struck. `seconds`: they only take that long. `is_cut`:
    the answer breaks off.
    """

    concerns: Concerns
    status: int = 503
    code: str = "SlowDown"
    after: int = 0
    times: int = 1_000_000
    seconds: float = 0.0
    is_cut: bool = False
    struck: int = field(default=0, init=False)


class S3Server:
    """The server. Each test takes a bucket of its own."""

    def __init__(self) -> None:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._store = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True)
        self._lock = threading.Lock()
        self._client: Any = None
        self.fault: Fault | None = None
        self.requests: list[tuple[str, str]] = []

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is not None:
            self._client.close()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def endpoint(self) -> str:
        """Its URL."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def storage(self, **changed: Any) -> StorageSettings:
        """Settings that reach it; the keys are in the variables S3_KEY and S3_SECRET."""
        return StorageSettings(
            endpoint=self.endpoint, access_key_id_env="S3_KEY", secret_access_key_env="S3_SECRET", **changed
        )

    def client(self) -> Any:
        """The test's own client."""
        if self._client is None:
            self._client = boto3.session.Session().client(
                "s3",
                endpoint_url=self.endpoint,
                region_name="us-east-1",
                aws_access_key_id=KEY,
                aws_secret_access_key=SECRET,
            )
        return self._client

    @contextmanager
    def failing(self, fault: Fault) -> Iterator[Fault]:
        """Strike while the context lasts."""
        self.fault = fault
        try:
            yield fault
        finally:
            self.fault = None

    def mirror(self, bucket: str, folder: Path, *, prefix: str = "lake") -> Path:
        """Copy what lies below a prefix into a folder, to be read as a lake on a disk."""
        for key in self.keys(bucket, prefix=prefix):
            target = folder / key.removeprefix(f"{prefix}/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(self.client().get_object(Bucket=bucket, Key=key)["Body"].read())
        return folder

    def keys(self, bucket: str, *, prefix: str = "lake") -> dict[str, str]:
        """The objects below a prefix with their etags."""
        pages = self.client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/")
        return {found["Key"]: found["ETag"] for page in pages for found in page.get("Contents", ())}

    def uploads(self, bucket: str) -> list[str]:
        """Keys of uploads that were begun and not ended."""
        return [found["Key"] for found in self.client().list_multipart_uploads(Bucket=bucket).get("Uploads", ())]

    def _answer(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        method, path, query = (environ.get(name, "") for name in ("REQUEST_METHOD", "PATH_INFO", "QUERY_STRING"))
        with self._lock:
            self.requests.append((method, path))
            fault = self._struck(method, path, query)
        if fault is not None and fault.seconds:
            time.sleep(fault.seconds)
        elif fault is not None and not fault.is_cut:
            self._drain(environ)
            text = ERROR.format(code=fault.code, key=KEY).encode()
            start_response(
                f"{fault.status} Fault", [("Content-Type", "application/xml"), ("Content-Length", f"{len(text)}")]
            )
            return [] if method == "HEAD" else [text]
        answer: Iterable[bytes] = self._store(environ, start_response)
        return answer if fault is None or not fault.is_cut else [b"".join(answer)[:10]]

    def _struck(self, method: str, path: str, query: str) -> Fault | None:
        fault = self.fault
        if fault is None or not fault.concerns(method, path, query):
            return None
        if fault.after:
            fault.after -= 1
            return None
        if fault.struck >= fault.times:
            return None
        fault.struck += 1
        return fault

    def _drain(self, environ: dict[str, Any]) -> None:
        left = int(environ.get("CONTENT_LENGTH") or 0)
        environ["wsgi.input"].read(left)
