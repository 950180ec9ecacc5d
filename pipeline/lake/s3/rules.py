"""The rules of a bucket that decide what becomes of replaced and deleted objects, as far as they can be read."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from botocore.exceptions import ClientError

from pipeline.errors import StorageError
from pipeline.lake.s3.failures import code_of, is_denied, s3_errors
from pipeline.places import S3Place

_NOT_SET: Final = frozenset({"ObjectLockConfigurationNotFoundError", "ReplicationConfigurationNotFoundError"})
# What stores answer that have never heard of the question.
_NEVER_HEARD: Final = frozenset({"NotImplemented", "501", "MethodNotAllowed", "405"})


class Told(StrEnum):
    """What a store tells of one of its rules."""

    NO = "no"
    YES = "yes"
    DENIED = "denied"  # this key may not ask
    UNKNOWN = "unknown"  # the store does not know the question


@dataclass(frozen=True, slots=True)
class Rules:
    """What the bucket does.

    Args:
        versions: whether it keeps older versions, or has kept some.
        needs_device: whether only a device of the account's owner can delete versions (MFA delete).
        locks: whether versions of it can be locked.
        locked_for: for how long every new version is locked, in words; None where none is.
        copies: whether its objects are copied to other buckets.
        copied_to: the names of those.
    """

    versions: Told
    needs_device: bool
    locks: Told
    locked_for: str | None
    copies: Told
    copied_to: tuple[str, ...]


def read_rules(client: Any, place: S3Place) -> Rules:
    """Ask for the rules.

    Raises:
        ConfigError, StorageError: there is no bucket, or it can't be reached.
    """
    is_kept, versioning = _ask(client, place, "get_bucket_versioning")
    is_lockable, lock = _ask(client, place, "get_object_lock_configuration")
    is_copied, replication = _ask(client, place, "get_bucket_replication")
    if is_kept is Told.YES and not versioning.get("Status"):
        is_kept = Told.NO  # never turned on, so nothing older was ever kept
    rules = replication.get("ReplicationConfiguration", {}).get("Rules", ())
    targets = {rule["Destination"]["Bucket"].rpartition(":")[2] for rule in rules if rule["Status"] == "Enabled"}
    if is_copied is Told.YES and not targets:
        is_copied = Told.NO
    return Rules(
        versions=is_kept,
        needs_device=versioning.get("MFADelete") == "Enabled",
        locks=is_lockable,
        locked_for=_duration(lock.get("ObjectLockConfiguration", {})),
        copies=is_copied,
        copied_to=tuple(sorted(targets)),
    )


def refuse_what_keeps(rules: Rules, place: S3Place) -> None:
    """Refuse a bucket of which nothing can be erased.

    Raises:
        StorageError: the message says why, and what to do.
    """
    if rules.needs_device:
        raise StorageError(
            f"{place}: versions can be deleted only by the account's owner with a device (MFA delete); turn that off"
        )
    if rules.locked_for is not None:
        raise StorageError(
            f"{place}: object lock keeps every version for {rules.locked_for}; remove the bucket's default retention, "
            "or keep the lake in another bucket"
        )


def notes_of(rules: Rules) -> list[str]:
    """What the rules leave open, and who else has copies."""
    notes = []
    if rules.versions is Told.UNKNOWN:
        notes.append("older versions of objects: this store does not list them, and may keep some")
    if rules.locks is Told.DENIED:
        notes.append("locks on objects: the key has no right s3:GetBucketObjectLockConfiguration to see them")
    if rules.copies is Told.DENIED:
        notes.append(
            "replication of the bucket: the key has no right s3:GetReplicationConfiguration to see whether there is any"
        )
    if rules.copied_to:
        notes.append(f"replicas in {', '.join(rules.copied_to)}, to which no deletion of a version is passed on")
    return notes


def _ask(client: Any, place: S3Place, question: str) -> tuple[Told, dict[str, Any]]:
    with s3_errors(place):
        try:
            answer: dict[str, Any] = getattr(client, question)(Bucket=place.bucket)
        except ClientError as error:
            if code_of(error) in _NOT_SET:
                return Told.NO, {}
            if code_of(error) in _NEVER_HEARD:
                return Told.UNKNOWN, {}
            if is_denied(error):
                return Told.DENIED, {}
            raise
    return Told.YES, answer


def _duration(lock: dict[str, Any]) -> str | None:
    default = lock.get("Rule", {}).get("DefaultRetention", {})
    for unit in ("Days", "Years"):
        if default.get(unit):
            return f"{default[unit]:,} {unit.lower()}"
    return None
