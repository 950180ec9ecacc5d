"""What a client must know to use this server: where it is, its apps and their keys, which open nothing else."""

from __future__ import annotations

from typing import Any

from pipeline.sandbox.auth import Key
from pipeline.sandbox.service import Service


def describe(service: Service) -> dict[str, Any]:
    """The ready line, JSON-ready.

    Its form: `{"base_url": ..., "apps": [{"app_id": ..., "keys": {"app": {"id": ..., "secret": ...}, ...}}]}`.
    """
    return {
        "base_url": service.base_url,
        "apps": [
            {"app_id": app_id, "keys": {scope.value: _key(key) for scope, key in keys.items()}}
            for app_id, keys in service.keys.items()
        ],
    }


def _key(key: Key) -> dict[str, str | None]:
    return {"id": key.id, "secret": key.secret, "integration_id": key.integration_id}
