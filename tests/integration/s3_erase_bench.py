"""A bench for erasure on a lake in a bucket: all versions of its objects, and what they say."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow.parquet as pq

from tests.integration.erase_bench import EraseBench
from tests.integration.erasure_town import email_of, say
from tests.integration.launcher import Launcher
from tests.integration.s3_bench import S3Bench
from tests.integration.small_worlds import BEGINNING, HOUR, SmallWorld, message, oid

MakeErasing: TypeAlias = Callable[..., "S3EraseBench"]
OUTSIDE = "other/secret.txt"
"""An object beside the lake, of which nothing may be touched."""


@dataclass
class S3EraseBench(S3Bench, EraseBench):
    """A lake in a bucket with everything that erasing people needs."""

    @property
    def privacy(self) -> Path:
        """Where erasure keeps what is its own: on this machine."""
        return self.place.private / "privacy"

    @property
    def client(self) -> Any:
        """The test's own client."""
        return self.server.client()

    def launcher_of(self) -> Launcher:
        """What starts processes quickly."""
        assert self.launcher is not None
        return self.launcher

    def keep_versions(self) -> None:
        """Turn versioning on, and leave an old version, a deleted object and an upload beside the lake."""
        self.client.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"})
        for text in ("of leaver", "again of leaver"):
            self.client.put_object(Bucket=self.bucket, Key=OUTSIDE, Body=text.encode())
        self.client.delete_object(Bucket=self.bucket, Key=OUTSIDE)
        self.client.create_multipart_upload(Bucket=self.bucket, Key=OUTSIDE)

    def grow(self) -> None:
        """Export, let the group go on, export again, compact and export: many objects are replaced and deleted.

        A mart, and what a repair has put aside, stand for all that is made of the lake.
        """
        self.sunlake("export")
        said = message("later", BEGINNING + HOUR * 30, author="leaver", text="Later words of leaver")
        self.sandbox.change({"op": "add_messages", "conversation_id": oid("group"), "messages": [said]})
        for command in ("export", "compact"):
            self.sunlake(command)
        said = message("alone", BEGINNING + HOUR * 40, author="leaver", text="Lonely words of leaver")
        self.sandbox.change({"op": "add_messages", "conversation_id": oid("leaver-default"), "messages": [said]})
        self.sunlake("export")
        for key in ("marts/fct_messages/x.parquet", "_sunlake/quarantine/1/messages/x.parquet"):
            self.client.put_object(Bucket=self.bucket, Key=f"lake/{key}", Body=b"words of leaver")

    def versions(self, *, prefix: str = "lake/") -> list[dict[str, Any]]:
        """All versions and marks of deletion, the latest of each key first; a mark has no ETag."""
        pages = self.client.get_paginator("list_object_versions").paginate(Bucket=self.bucket, Prefix=prefix)
        return [each for page in pages for name in ("Versions", "DeleteMarkers") for each in page.get(name, ())]

    def older(self, *, prefix: str = "lake/") -> list[str]:
        """Keys of what readers do not see: older versions and marks. The list of suppressions goes on growing."""
        found = [each["Key"] for each in self.versions(prefix=prefix) if not each["IsLatest"] or "ETag" not in each]
        return [key for key in found if "/_sunlake/shared/" not in key]

    def saying(self, needles: Sequence[str]) -> list[str]:
        """Keys of the objects, in any version, that hold a needle."""
        texts = ((each["Key"], self._text(each)) for each in self.versions() if "ETag" in each)
        return [key for key, text in texts if any(needle in text for needle in needles)]

    def own(self) -> dict[str, bytes]:
        """The objects that are sunlake's own."""
        return {key: data for key, data in self.get().items() if "/_sunlake/" in key}

    def snapshot(self) -> list[tuple[str, bytes | None]]:
        """The lake's objects with their versions, in an order in which they can be made again."""
        return [(each["Key"], self._bytes(each) if "ETag" in each else None) for each in reversed(self._by_time())]

    def restore(self, snapshot: list[tuple[str, bytes | None]], state: Path) -> None:
        """Make the bucket and what the machine keeps what they were."""
        for each in self.versions():
            self.client.delete_object(Bucket=self.bucket, Key=each["Key"], VersionId=each["VersionId"])
        for key, data in snapshot:
            if data is None:
                self.client.delete_object(Bucket=self.bucket, Key=key)
            else:
                self.client.put_object(Bucket=self.bucket, Key=key, Body=data)
        shutil.rmtree(self.state)
        shutil.copytree(state, self.state)

    def rows(self) -> list[tuple[str, str]]:
        """Every row of the tables that readers see: the table and the row."""
        found = []
        for each in self.versions():
            table = each["Key"].split("/")[1]
            if each["IsLatest"] and "ETag" in each and "app_id=" in each["Key"] and table != "marts":
                found += [(table, repr(row)) for row in _table(self._bytes(each)).to_pylist()]
        return sorted(found)

    def _by_time(self) -> list[dict[str, Any]]:
        return sorted(self.versions(), key=lambda each: (each["LastModified"], each["IsLatest"]), reverse=True)

    def _bytes(self, each: dict[str, Any]) -> bytes:
        arguments = {"Bucket": self.bucket, "Key": each["Key"], "VersionId": each["VersionId"]}
        data: bytes = self.client.get_object(**arguments)["Body"].read()
        return data

    def _text(self, each: dict[str, Any]) -> str:
        data = self._bytes(each)
        rows = repr(_table(data).to_pylist()) if data[:4] == b"PAR1" else ""
        return rows + data.decode("latin-1")


def _table(data: bytes) -> Any:
    return pq.read_table(io.BytesIO(data))


def hamlet() -> SmallWorld:
    """One who leaves and one who stays, with a group in which the leaver is quoted."""
    world = SmallWorld("hamlet")
    for name in ("leaver", "stayer"):
        profile = {"givenName": f"Given{name}", "surname": f"Surname{name}", "email": email_of(name)}
        world.user(name, clients=[f"{name}-web"], externalId=f"crm-{name}", profile=profile)
        world.conversation(f"{name}-default", [name], messages=3, isDefault=True)
    world.conversation("group", ["leaver", "stayer"], messages=3)
    said = message("group#0", BEGINNING, author="leaver", text="Secret of leaver")
    quote = message("quote", BEGINNING + HOUR * 9, author="stayer", text="As was said")
    say(world, "group", quote | {"quotedMessage": {"type": "message", "message": said}})
    return world


def needles() -> list[str]:
    """What must not be found of the leaver any more."""
    ids = [oid(name) for name in ("leaver", "leaver-web", "leaver-default", "group#0")]
    return [*ids, email_of("leaver"), "crm-leaver", "Surnameleaver", "of leaver"]
