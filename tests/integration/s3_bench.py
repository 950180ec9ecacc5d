"""Drives exports into a lake in a bucket, from one or several machines: each is a state folder of its own."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import msgspec

from pipeline.config import Settings
from pipeline.lake.layout import Lake
from pipeline.places import S3Place
from pipeline.walk.ledger import Ledger, open_ledger
from tests.integration.export_bench import Bench
from tests.integration.lake_truth import assert_all_files_whole, assert_no_message_twice, assert_same_as_world
from tests.integration.s3_server import KEY, SECRET, S3Server

LEASE_SECONDS = 60.0


@dataclass
class S3Bench(Bench):
    """A lake in a bucket to be filled from a sandbox.

    Args:
        store: where the bucket is.
        bucket: its name; it is made.
        machine: the name of the machine that exports.
        ledger_url: a ledger on a server.
        lease_seconds: how long a writer that went silent keeps others out.
        is_lockable: whether objects of the bucket may be locked.
    """

    store: S3Server | None = None
    bucket: str = "lakes"
    machine: str = "one"
    ledger_url: str | None = None
    lease_seconds: float = LEASE_SECONDS
    is_lockable: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        os.environ["S3_KEY"], os.environ["S3_SECRET"] = KEY, SECRET
        self.server.client().create_bucket(Bucket=self.bucket, ObjectLockEnabledForBucket=self.is_lockable)

    @property
    def server(self) -> S3Server:
        """Where the bucket is."""
        assert self.store is not None
        return self.store

    @property
    def url(self) -> str:
        """The lake."""
        return f"s3://{self.bucket}/lake"

    @property
    def state(self) -> Path:
        """What the machine keeps."""
        return self.folder / f"state-{self.machine}"

    @property
    def place(self) -> S3Place:
        """The lake as the machine sees it."""
        place = self.settings().place
        assert isinstance(place, S3Place)
        return place

    def settings(self) -> Settings:
        """The settings for an export within this process."""
        return msgspec.structs.replace(
            super().settings(),
            lake=self.url,
            state=str(self.state),
            storage=self.server.storage(lease_seconds=self.lease_seconds),
            ledger_url=self.ledger_url,
        )

    def environment(self) -> dict[str, str]:
        """What a process needs to know."""
        known = super().environment() | {"SUNLAKE_LAKE": self.url, "SUNLAKE_STATE": str(self.state)}
        known |= {"S3_KEY": KEY, "S3_SECRET": SECRET, "AWS_EC2_METADATA_DISABLED": "true"}
        return known | ({"SUNLAKE_LEDGER_URL": self.ledger_url} if self.ledger_url else {})

    def reset_lake(self) -> None:
        """Throw the lake and what the machine keeps away."""
        shutil.rmtree(self.state, ignore_errors=True)
        self.put({})

    def ledger(self) -> Ledger:
        """The lake's ledger."""
        return open_ledger(self.ledger_url or Lake(self.place).default_ledger_url)

    def get(self) -> dict[str, bytes]:
        """All objects."""
        client, keys = self.server.client(), self.server.keys(self.bucket)
        return {key: client.get_object(Bucket=self.bucket, Key=key)["Body"].read() for key in keys}

    def put(self, objects: dict[str, bytes]) -> None:
        """Make the bucket hold just these objects."""
        client = self.server.client()
        for key in self.server.keys(self.bucket).keys() - objects.keys():
            client.delete_object(Bucket=self.bucket, Key=key)
        for key, data in objects.items():
            client.put_object(Bucket=self.bucket, Key=key, Body=data)

    def mirror(self) -> Path:
        """The lake as a folder."""
        shutil.rmtree(self.folder / "mirror", ignore_errors=True)
        return self.server.mirror(self.bucket, self.folder / "mirror")

    def assert_finished(self) -> None:
        """Fail unless the lake shows the world, no message is there twice, and nothing is left over."""
        mirror = self.mirror()
        assert_all_files_whole(mirror)
        assert_same_as_world(mirror, self.sandbox)
        assert_no_message_twice(mirror, app_id=self.app_id)
        assert not [key for key in self.server.keys(self.bucket) if "/staging/" in key]
        assert not self.server.uploads(self.bucket)

    def _toml(self) -> str:
        storage = self.server.storage(lease_seconds=self.lease_seconds)
        return f"""{super()._toml()}
            [storage]
            endpoint = "{storage.endpoint}"
            access_key_id_env = "{storage.access_key_id_env}"
            secret_access_key_env = "{storage.secret_access_key_env}"
            lease_seconds = {storage.lease_seconds}
        """
