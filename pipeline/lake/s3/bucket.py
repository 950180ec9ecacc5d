"""The operations on a bucket that the lake needs, on whole objects: each takes place entirely or not at all."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, IncompleteReadError

from pipeline.config import storage_keys
from pipeline.lake.lease import MARGIN
from pipeline.lake.s3.failures import MISSING, OUTDATED, UNKNOWN, code_of, s3_errors
from pipeline.places import S3Place

# A part of an upload is held in memory; of at most 10,000 parts may an object consist.
PART_BYTES: Final = 8 << 20
# A copy takes the store the longer, the larger the part; one request takes 5 GB at most.
COPY_BYTES: Final = 256 << 20
ATTEMPTS: Final = 5
CONNECTIONS: Final = 16


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object; another `etag` means other bytes. `changed_ns` is the store's time of the last change.

    Stores tell whole seconds; the rest is made of the etag, so that versions of one second differ.
    """

    key: str
    bytes: int
    etag: str
    changed_ns: int


class Bucket:
    """The bucket of a place. It may be used by several threads.

    Each method raises ConfigError or StorageError (`s3_errors`); keys are those of the store, with the prefix.
    """

    part_bytes = PART_BYTES
    copy_bytes = COPY_BYTES

    def __init__(self, place: S3Place) -> None:
        self._place = place
        with s3_errors(place):
            self.client = _client(place)

    def get(self, key: str) -> bytes | None:
        """The bytes of a small object, or None."""
        with s3_errors(self._place):
            try:
                return self._body(Key=key)[0]
            except ClientError as error:
                if code_of(error) in MISSING:
                    return None
                raise

    def put(self, key: str, data: bytes, *, only_new: bool = False) -> bool:
        """Write a small object; returns whether it was written: `only_new` leaves alone what is there.

        A store that knows no conditions writes in any case: look at what is there afterwards.
        """
        arguments = {"Key": key, "Body": data, "ContentMD5": _md5(data)}
        with s3_errors(self._place):
            try:
                self._call("put_object", **arguments, **({"IfNoneMatch": "*"} if only_new else {}))
            except ClientError as error:
                if only_new and code_of(error) in OUTDATED:
                    return False
                if not only_new or code_of(error) not in UNKNOWN:
                    raise
                self._call("put_object", **arguments)
        return True

    def upload(self, file: Path, key: str) -> None:
        """Write a file as an object; the store checks that it got the bytes that were sent."""
        if file.stat().st_size <= self.part_bytes:
            self.put(key, file.read_bytes())
            return
        with file.open("rb") as stream:

            def part(upload: dict[str, Any], data: bytes) -> str:
                done = self._call("upload_part", **upload, Body=data, ContentMD5=_md5(data))
                return str(done["ETag"])

            pieces = iter(partial(stream.read, self.part_bytes), b"")
            self._in_parts(key, (partial(part, data=data) for data in pieces))

    def copy(self, source: StoredObject, target: str) -> bool:
        """Copy an object within the store over what is there; returns False if the source is gone or another."""
        origin: dict[str, Any] = {
            "CopySource": {"Bucket": self._place.bucket, "Key": source.key},
            "CopySourceIfMatch": source.etag,
        }

        def part(upload: dict[str, Any], start: int) -> str:
            last = min(start + self.copy_bytes, source.bytes) - 1
            done = self._call("upload_part_copy", **upload, **origin, CopySourceRange=f"bytes={start}-{last}")
            return str(done["CopyPartResult"]["ETag"])

        with s3_errors(self._place):
            try:
                if source.bytes <= self.copy_bytes:
                    self._call("copy_object", Key=target, **origin)
                    return True
                starts = range(0, source.bytes, self.copy_bytes)
                self._in_parts(target, (partial(part, start=start) for start in starts))
            except ClientError as error:
                if code_of(error) in MISSING | OUTDATED:
                    return False
                raise
        return True

    def delete(self, key: str) -> None:
        """Delete an object; no error if it is gone already."""
        with s3_errors(self._place):
            self._call("delete_object", Key=key)

    def head(self, key: str) -> StoredObject | None:
        """An object without its bytes, or None."""
        with s3_errors(self._place):
            try:
                found = self._call("head_object", Key=key)
            except ClientError as error:
                if code_of(error) in MISSING:
                    return None
                raise
        return _object(key, found["ContentLength"], found)

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """The objects whose keys begin so."""
        for page in self._pages("list_objects_v2", Prefix=prefix):
            for found in page.get("Contents", ()):
                yield _object(found["Key"], found["Size"], found)

    def folders(self, prefix: str) -> Iterator[str]:
        """The names between a prefix and the next slash."""
        for page in self._pages("list_objects_v2", Prefix=prefix, Delimiter="/"):
            for found in page.get("CommonPrefixes", ()):
                yield found["Prefix"].removeprefix(prefix).rstrip("/")

    def read(self, version: StoredObject, start: int, count: int) -> bytes | None:
        """Some bytes of this version of an object; None if it was replaced or removed since."""
        with s3_errors(self._place):
            try:
                span = f"bytes={start}-{start + count - 1}"
                data, etag = self._body(Key=version.key, Range=span, IfMatch=version.etag)
            except ClientError as error:
                if code_of(error) in MISSING | OUTDATED:
                    return None
                raise
        # Not every store knows If-Match; every one says which version it sent.
        return data if etag == version.etag else None

    def uploads(self, prefix: str) -> Iterator[tuple[str, str]]:
        """Key and id of the uploads that were begun and not ended."""
        with s3_errors(self._place):
            try:
                pages = self.client.get_paginator("list_multipart_uploads")
                for page in pages.paginate(Bucket=self._place.bucket, Prefix=prefix):
                    for upload in page.get("Uploads", ()):
                        yield upload["Key"], upload["UploadId"]
            except ClientError as error:
                # A store that can't list them has to throw them away by a rule of its own.
                if code_of(error) not in UNKNOWN:
                    raise

    def abort_uploads(self, prefix: str, *, mine: Callable[[str], bool] = lambda _: True) -> int:
        """Throw away the parts of uploads that were cut, of the keys that `mine` says yes to; returns how many."""
        cut = [upload for upload in self.uploads(prefix) if mine(upload[0])]
        with s3_errors(self._place):
            for key, upload_id in cut:
                self._abort(key, upload_id)
        return len(cut)

    def each(self, work: Callable[[Any], object], items: Any) -> None:
        """Do some work for each item, several at a time; the first error is raised when all are done."""
        with ThreadPoolExecutor(max_workers=CONNECTIONS // 2) as pool:
            for done in [pool.submit(copy_context().run, work, item) for item in items]:
                done.result()

    def _in_parts(self, key: str, parts: Iterator[Callable[[dict[str, Any]], str]]) -> None:
        with s3_errors(self._place):
            upload_id = self._call("create_multipart_upload", Key=key)["UploadId"]
            try:
                made = [
                    {
                        "PartNumber": number,
                        "ETag": part({"Key": key, "UploadId": upload_id, "PartNumber": number}),
                    }
                    for number, part in enumerate(parts, 1)
                ]
                self._call("complete_multipart_upload", Key=key, UploadId=upload_id, MultipartUpload={"Parts": made})
            except BaseException:
                with suppress(ClientError, BotoCoreError, HTTPClientError):  # else the next start throws it away
                    self._abort(key, upload_id)
                raise

    def _abort(self, key: str, upload_id: str) -> None:
        try:
            self._call("abort_multipart_upload", Key=key, UploadId=upload_id)
        except ClientError as error:
            if code_of(error) not in MISSING:
                raise

    def _body(self, **arguments: Any) -> tuple[bytes, str]:
        """The bytes of an answer and its etag; botocore asks again for a refusal, but not for bytes that broke off."""
        for attempt in range(1, ATTEMPTS + 1):
            answer = self._call("get_object", **arguments)
            try:
                return answer["Body"].read(), answer["ETag"]
            except (HTTPClientError, IncompleteReadError):
                if attempt == ATTEMPTS:
                    raise
        raise AssertionError

    def _pages(self, operation: str, **arguments: Any) -> Iterator[dict[str, Any]]:
        with s3_errors(self._place):
            yield from self.client.get_paginator(operation).paginate(Bucket=self._place.bucket, **arguments)

    def _call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        answer: dict[str, Any] = getattr(self.client, operation)(Bucket=self._place.bucket, **arguments)
        return answer


def _client(place: S3Place) -> Any:
    storage, keys = place.storage, storage_keys(place)
    is_path_style = storage.endpoint is not None if storage.path_style is None else storage.path_style
    # A request that writes must have ended before another machine may take the lease.
    patience = MARGIN * storage.lease_seconds
    config = Config(
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        connect_timeout=min(4.0, patience / 4),
        read_timeout=min(16.0, patience / 2),
        max_pool_connections=CONNECTIONS,
        s3={"addressing_style": "path" if is_path_style else "virtual"},
        # Other stores than Amazon's refuse the newer checksums; MD5 is sent with all that is written.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    given = {}
    if keys is not None:
        given = {
            "aws_access_key_id": keys.key_id,
            "aws_secret_access_key": keys.secret,
            "aws_session_token": keys.token,
        }
    region = storage.region or ("us-east-1" if storage.endpoint else None)
    return boto3.session.Session().client(
        "s3", endpoint_url=storage.endpoint, region_name=region, config=config, **given
    )


def _md5(data: bytes) -> str:
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


def _object(key: str, size: int, answer: dict[str, Any]) -> StoredObject:
    etag = answer["ETag"]
    mark = int.from_bytes(hashlib.blake2b(etag.encode(), digest_size=4).digest(), "big") % 1_000_000
    return StoredObject(key, size, etag, (int(answer["LastModified"].timestamp()) * 1_000_000 + mark) * 1_000)
