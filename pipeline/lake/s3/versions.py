"""Versions of objects, which a bucket may keep when one is replaced or deleted: listing, reading and deleting them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from botocore.exceptions import ClientError, HTTPClientError, IncompleteReadError

from pipeline.lake.s3.bucket import ATTEMPTS, Bucket
from pipeline.lake.s3.failures import MISSING, UNKNOWN, code_of, s3_errors
from pipeline.places import S3Place

LIST_RIGHT: Final = "ListBucketVersions"
READ_RIGHT: Final = "GetObjectVersion"
DELETE_RIGHT: Final = "DeleteObjectVersion"


@dataclass(frozen=True, slots=True)
class Version:
    """A version of an object, or a mark of its deletion, which has no bytes. The latest one is what readers see."""

    key: str
    version_id: str
    is_latest: bool
    is_marker: bool
    bytes: int
    etag: str


class Versions:
    """The versions in the bucket of a place. Each method raises ConfigError or StorageError (`s3_errors`)."""

    def __init__(self, bucket: Bucket, place: S3Place) -> None:
        self._client = bucket.client
        self._place = place

    def list(self, prefix: str) -> Iterator[Version]:
        """The versions and marks of all keys that begin so; those of a key follow each other."""
        with s3_errors(self._place, right=LIST_RIGHT):
            pages = self._client.get_paginator("list_object_versions")
            for page in pages.paginate(Bucket=self._place.bucket, Prefix=prefix):
                found = [_version(each) for each in page.get("Versions", ())]
                found += [_marker(each) for each in page.get("DeleteMarkers", ())]
                yield from sorted(found, key=lambda version: version.key.encode())

    def are_known(self, prefix: str) -> bool:
        """Whether the store can list versions."""
        with s3_errors(self._place, right=LIST_RIGHT):
            try:
                self._client.list_object_versions(Bucket=self._place.bucket, Prefix=prefix, MaxKeys=1)
            except ClientError as error:
                if code_of(error) in UNKNOWN:
                    return False
                raise
        return True

    def delete(self, version: Version) -> None:
        """Delete a version or a mark for good; no error if it is gone already."""
        with s3_errors(self._place, right=DELETE_RIGHT):
            try:
                self._client.delete_object(Bucket=self._place.bucket, Key=version.key, VersionId=version.version_id)
            except ClientError as error:
                if code_of(error) not in MISSING:
                    raise

    def read(self, key: str, version_id: str, start: int, count: int) -> bytes | None:
        """Some bytes of a version; None if it is gone."""
        span = f"bytes={start}-{start + count - 1}"
        with s3_errors(self._place, right=READ_RIGHT):
            try:
                return self._body(Key=key, VersionId=version_id, Range=span)
            except ClientError as error:
                if code_of(error) in MISSING:
                    return None
                raise

    def is_locked(self, version: Version) -> bool:
        """Whether object lock keeps a version, by a date or by a legal hold."""
        with s3_errors(self._place, right=READ_RIGHT):
            try:
                found = self._client.head_object(
                    Bucket=self._place.bucket, Key=version.key, VersionId=version.version_id
                )
            except ClientError as error:
                if code_of(error) in MISSING:
                    return False
                raise
        until: datetime | None = found.get("ObjectLockRetainUntilDate")
        return found.get("ObjectLockLegalHoldStatus") == "ON" or (until is not None and until > datetime.now(UTC))

    def _body(self, **arguments: Any) -> bytes:
        for attempt in range(1, ATTEMPTS + 1):
            answer = self._client.get_object(Bucket=self._place.bucket, **arguments)
            try:
                data: bytes = answer["Body"].read()
            except (HTTPClientError, IncompleteReadError):
                if attempt == ATTEMPTS:
                    raise
            else:
                return data
        raise AssertionError


def _version(found: dict[str, Any]) -> Version:
    return Version(
        found["Key"], found["VersionId"], found["IsLatest"], is_marker=False, bytes=found["Size"], etag=found["ETag"]
    )


def _marker(found: dict[str, Any]) -> Version:
    return Version(found["Key"], found["VersionId"], found["IsLatest"], is_marker=True, bytes=0, etag="")
